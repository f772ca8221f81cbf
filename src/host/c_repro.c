/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/c_repro.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/wait.h>

#include "host/program.h"

#define NAME	 "repro"
#define LIMIT_MS 10000 /* without emulation */

/* struct trials - what the tries share */
struct trials {
	struct vm_template *template;
	const char *dir, *title, *settings;
	char *other;
	const struct host_options *options;
	guint done, n;
};

static gboolean compile(const char *path, const char *program, GError **error)
{
	g_autoptr(GSubprocess) cc = g_subprocess_new(
		G_SUBPROCESS_FLAGS_STDERR_PIPE, error, "gcc", "-static",
		"-pthread", "-O1", "-o", program, "-xc", path, NULL);
	g_autofree char *said = NULL;

	if (!cc || !g_subprocess_communicate_utf8(
			   cc, NULL, NULL, NULL, &said, error))
		return FALSE;
	if (g_subprocess_get_successful(cc))
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"'%s' does not compile:\n%s", path, said);
	return FALSE;
}

static enum replay_try try_program(void *user, double *seconds)
{
	struct trials *trials = user;
	const struct program program = {
		.command = g_str_has_prefix(trials->title, TITLE_OURS)
				   ? NAME " " C_REPRO_TIMES " check"
				   : NAME " " C_REPRO_TIMES,
		.settings = "",
		.needed = trials->settings,
		.limit_ms = LIMIT_MS,
		.end = G_MAXINT64,
	};
	struct program_end end;
	g_autoptr(GError) error = NULL;
	enum replay_try got = REPLAY_CLEAN;

	host_progress(trials->options, TRUE, "C source: VM %u of %u",
		++trials->done, trials->n);
	if (!program_run(
		    trials->template, trials->dir, &program, &end, &error)) {
		g_printerr("rmaptorture: %s\n", error->message);
		return REPLAY_BROKEN;
	}
	if (end.broken || end.not_run)
		got = REPLAY_BROKEN;
	else if (end.reported)
		got = strcmp(end.report.title, trials->title) ? REPLAY_OTHER
							      : REPLAY_HIT;
	else if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == 1)
		got = REPLAY_HIT;
	if (got == REPLAY_OTHER)
		g_strlcpy(trials->other, end.report.title, TITLE_MAX);
	*seconds = end.seconds;
	program_end_clear(&end);
	return got;
}

/* The same machine, but for what its guest is to run. */
static struct target *choose(const struct target *like, const char *programs,
	const struct host_options *options, GError **error)
{
	g_autofree char *kernel =
		g_strdup_printf("%s:%s", like->name, like->profile);
	struct target_options t = {
		.kernel = kernel,
		.accel = (char *)vm_accel_name(like->machine.accel),
		.append = like->user_append,
		.lanes = (int)like->nr_lanes,
		.mem_mib = (int)like->machine.mem_mib,
		.selftests = programs,
	};

	return target_choose(&t, options, error);
}

static gboolean count(const struct target *like, const char *scratch,
	struct trials *trials, struct replay *ret, GError **error)
{
	/* initramfs and template are of no use to anybody else */
	g_autofree char *programs = g_build_filename(scratch, "c", NULL);
	g_autofree char *cache = g_build_filename(scratch, "cache", NULL);
	g_autofree char *dir = g_build_filename(scratch, "vm", NULL);
	struct host_options options = *trials->options;
	struct target *SCOPED(target_freep) target = NULL;

	options.cache = cache;
	target = choose(like, programs, &options, error);
	if (!target)
		return FALSE;
	trials->template = program_template(target, &options, cache, error);
	if (!trials->template)
		return FALSE;
	trials->dir = dir;
	replay_tries(trials->n, trials->n, try_program, trials, ret);
	vm_template_free(trials->template);
	return TRUE;
}

gboolean c_repro_count(const struct target *target, const char *path,
	const char *title, guint n, const struct host_options *options,
	struct replay *ret, char *ret_other, GError **error)
{
	g_autofree char *scratch = host_scratch(error);
	g_autofree char *dir = NULL, *program = NULL;
	struct trials trials = {
		.title = title,
		.other = ret_other,
		.settings = target->settings,
		.options = options,
		.n = n,
	};
	gboolean ok = FALSE;

	*ret_other = '\0';
	if (!scratch)
		return FALSE;
	dir = g_build_filename(scratch, "c", NULL);
	program = g_build_filename(dir, NAME, NULL);
	if (g_mkdir_with_parents(dir, 0700))
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot make '%s': %s", dir, g_strerror(errno));
	else
		ok = compile(path, program, error) &&
		     count(target, scratch, &trials, ret, error);
	host_dir_remove(scratch);
	return ok;
}
