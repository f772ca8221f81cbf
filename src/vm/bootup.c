/* SPDX-License-Identifier: GPL-2.0-only */

/* Boot a guest, wait until it is idle, save it as a template. */

#include "bootup.h"

#include "cleanup.h"
#include "cmdline.h"
#include "error.h"
#include "internal.h"
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Both for a host of slowness 1; the reference boots in 4 s. */
#define BOOT_SILENT_MS 60000
#define BOOT_TOTAL_MS  300000
#define SAVE_MS	       20000

#define IVSHMEM_VENDOR 0x1af4
#define IVSHMEM_DEVICE 0x1110

struct vm *bootup_start(const struct vm_machine *machine,
	const struct vm_boot *boot, const char *dir,
	const struct cmdline_place *record, double slowness, GError **error)
{
	g_autofree char *ram = g_build_filename(dir, "ram", NULL);
	g_autofree char *console = g_build_filename(dir, "console", NULL);
	struct cmdline_place place =
		record ? *record : (struct cmdline_place){0};
	struct vm_slot slot = {.len = machine->slot_bytes};
	struct rundir *rundir = rundir_open(dir, error);
	g_auto(GStrv) argv = NULL;

	if (!rundir)
		return NULL;
	if (!rundir_make_slot(rundir, slot.len, NULL, &slot.map, error)) {
		rundir_close(rundir);
		return NULL;
	}
	if (boot && boot->slot_init)
		boot->slot_init(slot.map, slot.len, boot->user);
	place.ram = ram;
	place.console = console;
	place.slot = rundir->slot_path;
	argv = cmdline_build(machine, &place);
	return vm_start(rundir, argv, -1, slot, slowness, error);
}

static void progress(const struct vm_boot *boot, const char *line)
{
	if (boot->progress)
		boot->progress(line, boot->user);
}

/* Silence says more than time: a slow host still prints. */
static gboolean wait_idle(struct vm *vm, const struct vm_boot *boot,
	double slowness, GError **error)
{
	int64_t silent_us = (int64_t)(BOOT_SILENT_MS * 1000.0 * slowness);
	int64_t total_us = (int64_t)(BOOT_TOTAL_MS * 1000.0 * slowness);
	int64_t heard = now_us(), start = heard;
	guint64 seen = 0;
	g_autoptr(GError) why = NULL;

	while (!vm_wait_word(vm, boot->ready, 200, &why)) {
		if (!g_error_matches(why, VM_ERROR, VM_ERROR_TIMEOUT)) {
			g_propagate_prefixed_error(
				error, g_steal_pointer(&why), "boot failed: ");
			return FALSE;
		}
		g_clear_error(&why);
		if (console_total(vm->console) != seen) {
			seen = console_total(vm->console);
			heard = now_us();
		}
		if (now_us() - heard < silent_us && now_us() - start < total_us)
			continue;
		vm_break(vm,
			"the guest was not idle %.0f s after its start "
			"(silent for %.0f s)",
			(now_us() - start) / 1e6, (now_us() - heard) / 1e6);
		vm_wait_end(vm);
		return vm_fail_ended(vm, "boot failed", error);
	}
	return TRUE;
}

static gboolean reader_int(
	JsonReader *reader, const char *name, gint64 *ret_value)
{
	gboolean found = json_reader_read_member(reader, name);

	if (found)
		*ret_value = json_reader_get_int_value(reader);
	json_reader_end_member(reader);
	return found;
}

static uint64_t bar2_of_device(JsonReader *reader)
{
	gint64 bar = -1, address = 0;
	int i, nr = 0;

	if (json_reader_read_member(reader, "regions"))
		nr = json_reader_count_elements(reader);
	for (i = 0; i < nr && bar != 2; i++) {
		if (json_reader_read_element(reader, (guint)i)) {
			(void)reader_int(reader, "bar", &bar);
			(void)reader_int(reader, "address", &address);
		}
		json_reader_end_element(reader);
	}
	json_reader_end_member(reader);
	/* -1 is QEMU's word for a BAR that is not mapped. */
	return bar == 2 && address > 0 ? (uint64_t)address : 0;
}

static gboolean is_ivshmem(JsonReader *reader)
{
	gint64 vendor = 0, device = 0;

	if (json_reader_read_member(reader, "id")) {
		(void)reader_int(reader, "vendor", &vendor);
		(void)reader_int(reader, "device", &device);
	}
	json_reader_end_member(reader);
	return vendor == IVSHMEM_VENDOR && device == IVSHMEM_DEVICE;
}

/* 0 when the guest has not mapped it. */
static uint64_t bar_find(JsonNode *pci)
{
	g_autoptr(JsonReader) reader = json_reader_new(pci);
	uint64_t address = 0;
	int i, nr = 0;

	if (json_reader_is_array(reader) &&
		json_reader_read_element(reader, 0) &&
		json_reader_read_member(reader, "devices"))
		nr = json_reader_count_elements(reader);
	for (i = 0; i < nr && !address; i++) {
		if (json_reader_read_element(reader, (guint)i) &&
			is_ivshmem(reader))
			address = bar2_of_device(reader);
		json_reader_end_element(reader);
	}
	return address;
}

static gboolean read_bar(struct vm *vm, uint64_t *ret_address, GError **error)
{
	g_autoptr(JsonNode) pci = NULL;

	if (!vm_qmp(vm, "query-pci", NULL, &pci, error))
		return FALSE;
	*ret_address = pci ? bar_find(pci) : 0;
	if (*ret_address)
		return TRUE;
	return fail(error, VM_ERROR_GUEST,
		"the guest has not mapped the slot's PCI device");
}

/* Pages of zeros stay holes. */
static gboolean save_slot(
	const struct vm_slot *slot, const char *dir, GError **error)
{
	g_autofree char *path = g_build_filename(dir, "slot", NULL);
	int scoped(fd_closep) fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	static const char zeros[4096];
	size_t at;

	if (fd < 0 || ftruncate(fd, (off_t)slot->len))
		return fail_errno(error, errno, "cannot write '%s'", path);
	for (at = 0; at < slot->len; at += sizeof(zeros)) {
		const char *page = (const char *)slot->map + at;

		if (!memcmp(page, zeros, sizeof(zeros)))
			continue;
		if (pwrite(fd, page, sizeof(zeros), (off_t)at) != sizeof(zeros))
			return fail_errno(
				error, errno, "cannot write '%s'", path);
	}
	return TRUE;
}

static gboolean save_state(struct vm *vm, int fd, GError **error)
{
	if (!vm_give_fd(vm, fd, "state", error) ||
		!vm_qmp(vm, "migrate",
			g_variant_new_parsed("{'uri': <'fd:state'>}"), NULL,
			error))
		return FALSE;
	vm_expect_within(vm, "QEMU to save the device state", SAVE_MS);
	while (!vm->ended && g_strcmp0(vm->migration, "completed")) {
		if (!g_strcmp0(vm->migration, "failed"))
			return fail(error, VM_ERROR_BROKEN,
				"QEMU could not save the device state");
		vm_io_step(vm, 50);
	}
	if (vm->ended)
		return vm_fail_ended(vm, "saving the template", error);
	vm_expect_nothing(vm);
	return TRUE;
}

static gboolean save(struct vm *vm, struct vm_template_info *info,
	const char *dir, int state_fd, GError **error)
{
	int64_t start = now_us();
	struct stat st;

	if (!vm_pause(vm, error) || !read_bar(vm, &info->bar_address, error) ||
		!save_state(vm, state_fd, error) ||
		!save_slot(&vm->slot, dir, error))
		return FALSE;
	if (fstat(state_fd, &st) || !st.st_size)
		return fail(
			error, VM_ERROR_BROKEN, "QEMU saved no device state");
	info->state_bytes = (uint64_t)st.st_size;
	info->save_ms = (now_us() - start) / 1000.0;
	return vm_quit(vm, error);
}

gboolean bootup_save(struct vm_template *template, const struct vm_boot *boot,
	const char *dir, GError **error)
{
	g_autofree char *state = g_build_filename(dir, "state", NULL);
	double slowness = host_slowness();
	int scoped(fd_closep) fd =
		open(state, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct vm *scoped(vm_freep) vm = NULL;

	if (fd < 0)
		return fail_errno(error, errno, "cannot write '%s'", state);
	progress(boot, "booting");
	vm = bootup_start(&template->machine, boot, dir, NULL, slowness, error);
	if (!vm)
		return FALSE;
	if (!wait_idle(vm, boot, slowness, error)) {
		if (boot->died)
			boot->died(console_text(vm->console)->str,
				console_text(vm->console)->len, boot->user);
		return FALSE;
	}
	template->info.boot_seconds = (now_us() - vm->started_us) / 1e6;
	vm->scale = CLAMP(
		template->info.boot_seconds / VM_REFERENCE_BOOT_S, 0.1, 100.0);
	if (boot->prepare) {
		progress(boot, "booted, preparing");
		if (!boot->prepare(vm, boot->user, error))
			return FALSE;
	}
	progress(boot, "saving");
	return save(vm, &template->info, dir, fd, error);
}
