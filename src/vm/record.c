/* SPDX-License-Identifier: GPL-2.0-only */

/* A run that is recorded from the first instruction on, and made again. */

#include "bootup.h"
#include "cleanup.h"
#include "cmdline.h"
#include "error.h"
#include "internal.h"
#include "template.h"

#include <gio/gio.h>

#define SNAPSHOTS_SIZE "64M" /* of the disk that nobody uses: metadata only */
/* Record takes three times as long as plain TCG. */
#define RECORD_TIMES 4

static struct vm_machine recorded(const struct vm_machine *machine)
{
	struct vm_machine full = machine_with_defaults(machine);

	full.accel = VM_ACCEL_TCG;
	full.vcpus = 1;
	return full;
}

static gboolean snapshots_make(const char *dir, GError **error)
{
	g_autofree char *path = g_build_filename(dir, RECORD_SNAPSHOTS, NULL);
	g_autoptr(GError) why = NULL;
	g_autofree char *said = NULL;
	g_autoptr(GSubprocess) qemu_img =
		g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_PIPE |
					 G_SUBPROCESS_FLAGS_STDOUT_SILENCE,
			&why, "qemu-img", "create", "-f", "qcow2", path,
			SNAPSHOTS_SIZE, NULL);

	if (!qemu_img)
		return fail(error, VM_ERROR_MISSING,
			"%s: install the package qemu-utils", why->message);
	if (!g_subprocess_communicate_utf8(
		    qemu_img, NULL, NULL, NULL, &said, &why))
		return fail(
			error, VM_ERROR_BROKEN, "qemu-img: %s", why->message);
	if (g_subprocess_get_successful(qemu_img))
		return TRUE;
	return fail(error, VM_ERROR_BROKEN, "qemu-img cannot make '%s': %s",
		path, g_strchomp(said));
}

struct vm *vm_record(const struct vm_machine *machine,
	const struct vm_boot *boot, const char *run_dir, const char *dir,
	enum vm_rr rr, GError **error)
{
	struct vm_machine full = recorded(machine);
	g_autofree char *absolute = g_canonicalize_filename(dir, NULL);
	struct cmdline_place place = {.record = absolute, .rr = rr};
	struct vm *vm;

	if (!machine_check(&full, error) ||
		(rr == VM_RR_RECORD && !snapshots_make(absolute, error)))
		return NULL;
	vm = bootup_start(&full, boot, run_dir, &place,
		RECORD_TIMES * host_slowness(), error);
	if (vm)
		vm_attach(vm);
	return vm;
}

gboolean vm_quit(struct vm *vm, GError **error)
{
	if (vm->ended)
		return TRUE;
	if (!vm_qmp(vm, "quit", NULL, NULL, error))
		return FALSE;
	vm_wait_end(vm);
	return vm->ended || fail(error, VM_ERROR_TIMEOUT, "QEMU does not quit");
}

char **vm_replay_command_line(const struct vm_machine *machine, const char *dir)
{
	struct vm_machine full = recorded(machine);
	struct cmdline_place place = {.record = dir, .rr = VM_RR_REPLAY};

	return cmdline_build(&full, &place);
}
