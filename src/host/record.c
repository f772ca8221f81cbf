/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/record.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#define RECORD_TIMES 8 /* a program may take longer than without a record */
#define BOOT_S	     120
#define REPLAY_S     600
#define TEMPORARY    ".tmp-record"

/* struct start - the one request of a run. It is in the slot before the guest
 * starts: what the host wrote later would not be in the record. */
struct start {
	struct target *target;
	const struct prog *prog;
	const char *title, *dir, *scratch;
	gboolean no_fsck;
	guint32 number;
};

/* struct run - how one ended; @console is owned */
struct run {
	char title[TITLE_MAX];
	char *console;
	gsize len;
	double seconds;
};

static void fill_slot(void *slot, size_t len, void *user)
{
	struct start *start = user;
	struct slot_request request = {
		.command = SLOT_RUN,
		.flags = RUN_COVER | RUN_CHECK | RUN_LEAK |
			 (start->no_fsck ? 0 : RUN_FSCK),
		.timeout_ms = start->target->timeout_ms * RECORD_TIMES,
	};

	g_assert(len >= sizeof(struct slot));
	slot_init(slot, 1);
	target_stalls(start->target, start->prog, request.stall_pc, NULL);
	if (start->target->settings[0])
		slot_set(slot, start->target->settings);
	start->number = slot_submit(slot, 0, &request, start->prog);
}

/* To the end of the machine, which in a replay is that of the record. */
static gboolean end(struct guest *guest, enum vm_rr rr, GError **error)
{
	gint64 until = g_get_monotonic_time() +
		       (gint64)REPLAY_S * target_patience(guest->target) *
			       G_USEC_PER_SEC;

	while (rr == VM_RR_REPLAY && !guest->ended &&
		g_get_monotonic_time() < until) {
		if (!g_main_context_iteration(NULL, FALSE))
			g_usleep(2000);
	}
	return vm_quit(guest->vm, error);
}

static gboolean judge(struct guest *guest, const struct start *start,
	enum vm_rr rr, struct run *ret, GError **error)
{
	static struct prog_result result;
	struct target *target = guest->target;
	gint64 deadline = (gint64)target->lost_ms * RECORD_TIMES +
			  BOOT_S * 1000 * target_patience(target);
	struct judgment judgment = {0};
	struct report report = {0};
	struct why why;

	switch (guest_finish(
		guest, 0, start->prog, &result, NULL, deadline, &why)) {
	case GUEST_DONE:
		oracle_judge(start->prog, &result, &judgment);
		(void)g_strlcpy(ret->title, judgment.title, TITLE_MAX);
		break;
	case GUEST_DIED:
		guest_title(guest, &report);
		(void)g_strlcpy(ret->title, report.title, TITLE_MAX);
		break;
	case GUEST_SILENT:
	case GUEST_LIED:
		g_set_error(
			error, HOST_ERROR, HOST_ERROR_BROKEN, "%s", why.text);
		return FALSE;
	}
	return end(guest, rr, error);
}

static gboolean run_once(
	struct start *start, enum vm_rr rr, struct run *ret, GError **error)
{
	g_autofree char *run_dir =
		g_build_filename(start->scratch, "recorded", NULL);
	struct vm_machine machine = start->target->machine;
	struct vm_boot boot = {.slot_init = fill_slot, .user = start};
	struct guest *SCOPED(guest_freep) guest = NULL;
	struct vm *vm;

	*ret = (struct run){0};
	vm = vm_record(&machine, &boot, run_dir, start->dir, rr, error);
	if (!vm)
		return FALSE;
	guest = guest_open(vm);
	guest->target = start->target;
	guest->expected[0] = start->number;
	if (!judge(guest, start, rr, ret, error))
		return FALSE;
	ret->seconds = (double)vm_uptime_ms(vm) / 1000;
	ret->len = vm_console(vm)->len;
	ret->console = g_memdup2(vm_console(vm)->str, ret->len + 1);
	return TRUE;
}

/* Runs until one shows the title; its record stays. */
static gboolean record(struct start *start, guint tries,
	const struct host_options *options, struct recording *ret,
	struct run *run, GError **error)
{
	while (!ret->shown && ret->tries < tries) {
		ret->tries++;
		host_progress(options, TRUE, "record: boot and run, try %u",
			ret->tries);
		g_free(run->console);
		if (!run_once(start, VM_RR_RECORD, run, error))
			return FALSE;
		ret->shown = !strcmp(run->title, start->title);
	}
	ret->seconds = run->seconds;
	ret->console = run->len;
	return TRUE;
}

static gboolean same(struct start *start, const struct run *run,
	const struct host_options *options, GError **error)
{
	struct run again;
	gboolean ok;

	host_progress(options, TRUE, "record: replaying it");
	if (!run_once(start, VM_RR_REPLAY, &again, error))
		return FALSE;
	ok = again.len == run->len &&
	     !memcmp(again.console, run->console, run->len);
	if (!ok)
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"the replay of the record is another run: %zu bytes of "
			"console, ended with '%s'; the record %zu, '%s'",
			again.len, again.title, run->len, run->title);
	g_free(again.console);
	return ok;
}

static gboolean copy_in(
	const char *from, const char *dir, const char *name, GError **error)
{
	g_autofree char *to = g_build_filename(dir, name, NULL);
	g_autoptr(GFile) source = g_file_new_for_path(from);
	g_autoptr(GFile) target = g_file_new_for_path(to);

	return g_file_copy(
		source, target, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL, error);
}

static char *quoted_command(const struct target *target)
{
	struct vm_machine machine = target->machine;
	g_autoptr(GString) line = g_string_new("exec");
	g_auto(GStrv) argv = NULL;

	machine.bzimage = "bzImage";
	machine.initrd = "initrd";
	argv = vm_replay_command_line(&machine, ".");
	for (char **arg = argv; *arg; arg++) {
		g_autofree char *quoted = g_shell_quote(*arg);

		g_string_append_printf(line, " \\\n\t%s", quoted);
	}
	return g_strdup_printf("%s \\\n\t\"$@\"", line->str);
}

/* With kernel and initrd beside it, it needs nothing of ours. */
static gboolean write_script(const struct start *start, GError **error)
{
	const struct target *target = start->target;
	g_autofree char *path = g_build_filename(start->dir, "replay", NULL);
	g_autofree char *command = quoted_command(target);
	g_autofree char *text = g_strdup_printf(
		"#!/bin/sh\n"
		"# The recorded run that showed\n"
		"#   %s\n"
		"# by itself: from boot to the report, console on stdout. With "
		"-S it waits for gdb:\n"
		"#   gdb -ex 'target remote gdb' -ex 'break panic' -ex "
		"continue \\\n"
		"#     %s\n"
		"# Every replay is the same run, so what one told holds in "
		"the next: docs/record.md\n"
		"cd \"$(dirname \"$0\")\" || exit\n"
		"%s\n",
		start->title, target->vmlinux, command);

	return copy_in(target->machine.bzimage, start->dir, "bzImage", error) &&
	       copy_in(target->machine.initrd, start->dir, "initrd", error) &&
	       g_file_set_contents_full(path, text, -1,
		       G_FILE_SET_CONTENTS_CONSISTENT, 0755, error);
}

static gboolean put_in_place(
	const char *from, const struct finding *finding, GError **error)
{
	g_autofree char *to = g_build_filename(finding->dir, "record", NULL);

	host_dir_remove(to);
	if (!g_rename(from, to))
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"cannot rename '%s': %s", from, g_strerror(errno));
	return FALSE;
}

static gboolean make(struct start *start, const struct finding *finding,
	guint tries, const struct host_options *options, struct recording *ret,
	GError **error)
{
	struct run run = {0};
	gboolean ok = record(start, tries, options, ret, &run, error) &&
		      (!ret->shown || (same(start, &run, options, error) &&
					      write_script(start, error)));

	ret->mib = (double)host_dir_bytes(start->dir) / (1 << 20);
	g_free(run.console);
	return ok && (!ret->shown || put_in_place(start->dir, finding, error));
}

gboolean record_finding(struct target *target, const struct finding *finding,
	const struct prog *prog, gboolean no_fsck, guint tries,
	const struct host_options *options, struct recording *ret,
	GError **error)
{
	g_autofree char *dir = g_build_filename(finding->dir, TEMPORARY, NULL);
	g_autofree char *scratch = host_scratch(error);
	struct start start = {
		.target = target,
		.prog = prog,
		.title = finding->title,
		.dir = dir,
		.scratch = scratch,
		.no_fsck = no_fsck,
	};
	gboolean ok = FALSE;

	*ret = (struct recording){0};
	if (!scratch)
		return FALSE;
	host_dir_remove(dir);
	if (g_mkdir(dir, 0755))
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot make '%s': %s", dir, g_strerror(errno));
	else
		ok = make(&start, finding, tries, options, ret, error);
	host_dir_remove(dir);
	host_dir_remove(scratch);
	return ok;
}
