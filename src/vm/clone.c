/* SPDX-License-Identifier: GPL-2.0-only */

/*
 * A clone: QEMU with private RAM that loads a template's device state.
 *
 * The slot is shared, so x-ignore-shared leaves it out of the state, and the
 * load compares where it is mapped with where the template had it. A fresh
 * QEMU has not mapped the BAR yet; so its address and the command register are
 * written through qtest, by the PCI configuration ports, before the load.
 */

#include "internal.h"

#include "cleanup.h"
#include "cmdline.h"
#include "error.h"
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

/* Start and load take a tenth of a second on the reference machine. */
#define RESTORE_MS 10000

#define PCI_CONFIG_ADDRESS 0xcf8
#define PCI_CONFIG_DATA	   0xcfc
#define PCI_COMMAND	   0x04
#define PCI_COMMAND_MEMORY 0x2
#define PCI_BAR2	   0x18

static void qtest_config_write(GString *script, unsigned reg, uint32_t value)
{
	uint32_t address = 0x80000000u | (uint32_t)PCI_IVSHMEM << 11 | reg;

	g_string_append_printf(script, "outl 0x%x 0x%x\noutl 0x%x 0x%x\n",
		PCI_CONFIG_ADDRESS, address, PCI_CONFIG_DATA, value);
}

static void qtest_map_bar(struct vm *vm, uint64_t bar)
{
	g_autoptr(GString) script = g_string_new(NULL);
	size_t i;

	qtest_config_write(script, PCI_BAR2, (uint32_t)bar);
	qtest_config_write(script, PCI_BAR2 + 4, (uint32_t)(bar >> 32));
	qtest_config_write(script, PCI_COMMAND, PCI_COMMAND_MEMORY);
	for (i = 0; i < script->len; i++)
		vm->restore.oks_wanted += script->str[i] == '\n';
	if (send(vm->fd[VM_FD_QTEST], script->str, script->len, MSG_NOSIGNAL) !=
			(ssize_t)script->len &&
		errno != EPIPE && errno != ECONNRESET)
		vm_break(vm, "qtest took no command");
}

int vm_restore_qtest_line(const char *line, gsize len, void *user)
{
	struct vm *vm = user;

	(void)len;
	if (!vm->restore.oks_wanted)
		return 0;
	if (strcmp(line, "OK"))
		return -EBADMSG;
	if (--vm->restore.oks_wanted == 0)
		(void)vm_send(vm, "migrate-incoming",
			g_variant_new_parsed("{'uri': <'fd:7'>}"));
	return 0;
}

void vm_restore_migration(struct vm *vm, const char *status)
{
	if (!vm->restore.active)
		return;
	if (!strcmp(status, "completed")) {
		vm->restore.active = FALSE;
		vm->restore.done = TRUE;
		vm_expect_nothing(vm);
	} else if (!strcmp(status, "failed")) {
		vm_break(vm, "loading the template's state failed");
	}
}

static char **clone_argv(
	const struct vm_template *template, const struct rundir *dir)
{
	g_autofree char *ram = g_build_filename(template->dir, "ram", NULL);
	g_autofree char *console = rundir_file(dir, "console");
	struct cmdline_place place = {
		.ram = ram,
		.slot = dir->slot_path,
		.console = console,
		.clone = TRUE,
	};

	return cmdline_build(&template->machine, &place);
}

/* Takes @dir. */
struct vm *vm_clone_start(
	struct vm_template *template, struct rundir *dir, GError **error)
{
	g_autofree char *saved = g_build_filename(template->dir, "slot", NULL);
	g_autofree char *state = g_build_filename(template->dir, "state", NULL);
	struct vm_slot slot = {.len = template->machine.slot_bytes};
	g_auto(GStrv) argv = clone_argv(template, dir);
	int scoped(fd_closep) fd = open(state, O_RDONLY | O_CLOEXEC);
	struct vm *vm;

	if (fd < 0) {
		fail_errno(error, errno, "cannot open '%s'", state);
		rundir_close(dir);
		return NULL;
	}
	if (!rundir_make_slot(dir, slot.len, saved, &slot.map, error)) {
		rundir_close(dir);
		return NULL;
	}
	vm = vm_start(dir, argv, fd, slot, template->info.scale, error);
	if (!vm)
		return NULL;
	vm->started_us = 0;
	vm->restore.active = TRUE;
	vm_expect_within(vm, "QEMU to load the template", RESTORE_MS);
	qtest_map_bar(vm, template->info.bar_address);
	return vm;
}

gboolean vm_clone_finish(struct vm *vm, GError **error)
{
	while (vm->restore.active && !vm->ended)
		vm_io_step(vm, 100);
	if (vm->ended)
		return vm_fail_ended(vm, "restoring a clone", error);
	return TRUE;
}

struct vm *vm_clone(
	struct vm_template *template, const char *run_dir, GError **error)
{
	struct rundir *dir = rundir_open(run_dir, error);
	struct vm *scoped(vm_freep) vm = NULL;

	if (!dir)
		return NULL;
	vm = vm_clone_start(template, dir, error);
	if (!vm || !vm_clone_finish(vm, error))
		return NULL;
	vm_attach(vm);
	return g_steal_pointer(&vm);
}
