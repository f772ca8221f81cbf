/* SPDX-License-Identifier: GPL-2.0-only */

/* accel=auto: a /dev/kvm that opens need not run a kernel, so boot one. */

#include "accel.h"

#include "bootup.h"
#include "cleanup.h"
#include "cmdline.h"
#include "error.h"
#include "internal.h"
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdarg.h>

/* TCG needs 4 s to this point: a KVM that needs more is of no use. */
#define PROBE_MS 10000
/* The kernel prints it when it starts the first program. */
#define UP_WORDS " as init process"

#define PROBE_PREFIX "probe-"

enum probe { PROBE_UP, PROBE_PANIC, PROBE_DIED, PROBE_SLOW };

static struct vm_accel_verdict verdict(enum vm_accel accel, double seconds,
	const char *format, ...) G_GNUC_PRINTF(3, 4);

static struct vm_accel_verdict verdict(
	enum vm_accel accel, double seconds, const char *format, ...)
{
	struct vm_accel_verdict v = {.accel = accel, .seconds = seconds};
	va_list args;

	va_start(args, format);
	v.reason = g_strdup_vprintf(format, args);
	va_end(args);
	return v;
}

static enum probe probe_wait(struct vm *vm, int64_t limit_us)
{
	int64_t until = vm->started_us + limit_us;

	while (now_us() < until) {
		vm_io_step(vm, 50);
		if (console_has(vm->console, UP_WORDS, CONSOLE_MAX))
			return PROBE_UP;
		if (vm->ended && vm->end == VM_END_QEMU_DIED)
			return PROBE_DIED;
		if (vm->ended)
			return PROBE_PANIC;
	}
	return PROBE_SLOW;
}

/* @ret_keep: whether the verdict is about the host, and not the kernel. */
static struct vm_accel_verdict probe_judge(
	struct vm *vm, enum probe probe, double limit, gboolean *ret_keep)
{
	double seconds = (now_us() - vm->started_us) / 1e6;

	*ret_keep = TRUE;
	switch (probe) {
	case PROBE_UP:
		return verdict(VM_ACCEL_KVM, seconds,
			"KVM brought the kernel to its init in %.1f s",
			seconds);
	case PROBE_DIED:
		return verdict(VM_ACCEL_TCG, seconds,
			"KVM cannot run the kernel: %s", vm->end_detail);
	case PROBE_SLOW:
		return verdict(VM_ACCEL_TCG, seconds,
			"KVM opens, but did not bring the kernel to its "
			"init within %.0f s (%" G_GUINT64_FORMAT
			" bytes of console)",
			limit, console_total(vm->console));
	case PROBE_PANIC:
		break;
	}
	*ret_keep = FALSE;
	return verdict(VM_ACCEL_TCG, seconds,
		"the kernel ended in the probe boot under KVM: %s",
		vm->end_detail);
}

/* The folder is removed by the caller, whatever happened. */
static gboolean probe_boot(const struct vm_machine *machine, const char *dir,
	struct vm_accel_verdict *ret_verdict, gboolean *ret_keep,
	GError **error)
{
	double slowness = host_slowness();
	double limit_ms = PROBE_MS * slowness;
	struct vm_machine kvm = *machine;
	struct vm *scoped(vm_freep) vm = NULL;
	enum probe probe;

	kvm.accel = VM_ACCEL_KVM;
	if (g_mkdir_with_parents(dir, 0755))
		return fail_errno(error, errno, "cannot make '%s'", dir);
	if (!store_has_room(dir, (uint64_t)kvm.mem_mib << 20, error))
		return FALSE;
	vm = bootup_start(&kvm, NULL, dir, NULL, slowness, error);
	if (!vm)
		return FALSE;
	probe = probe_wait(vm, (int64_t)(limit_ms * 1000));
	*ret_verdict = probe_judge(vm, probe, limit_ms / 1000, ret_keep);
	return TRUE;
}

static gboolean file_check(const char *what, const char *path, GError **error)
{
	if (path && g_access(path, R_OK) == 0)
		return TRUE;
	return fail_errno(error, path ? errno : ENOENT, "cannot read %s '%s'",
		what, path ? path : "(none)");
}

static int kvm_open_error(void)
{
	int scoped(fd_closep) fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

/* What a killed probe left: its lock is free, and it may hold all of a RAM. */
static void probe_sweep(const char *cache_dir)
{
	g_autoptr(GDir) entries = g_dir_open(cache_dir, 0, NULL);
	const char *name;

	while (entries && (name = g_dir_read_name(entries))) {
		g_autofree char *path = g_build_filename(cache_dir, name, NULL);
		struct rundir *scoped(rundir_freep) dir = NULL;

		if (g_str_has_prefix(name, PROBE_PREFIX))
			dir = rundir_open(path, NULL);
		if (dir)
			store_remove(path);
	}
}

static gboolean probe(const struct vm_machine *machine, const char *cache_dir,
	const char *memory, struct vm_accel_verdict *ret_verdict,
	GError **error)
{
	g_autofree char *name =
		g_strdup_printf(PROBE_PREFIX "%d", (int)getpid());
	g_autofree char *dir = g_build_filename(cache_dir, name, NULL);
	gboolean keep = FALSE, ok;

	if (!file_check("kernel", machine->bzimage, error) ||
		!file_check("initrd", machine->initrd, error) ||
		!machine_check(machine, error))
		return FALSE;
	probe_sweep(cache_dir);
	ok = probe_boot(machine, dir, ret_verdict, &keep, error);
	store_remove(dir);
	if (ok && keep && !verdict_write(memory, ret_verdict, error)) {
		vm_accel_verdict_clear(ret_verdict);
		return FALSE;
	}
	return ok;
}

gboolean vm_accel_probe(const struct vm_machine *machine, const char *cache_dir,
	struct vm_accel_verdict *ret_verdict, GError **error)
{
	g_autofree char *absolute = g_canonicalize_filename(cache_dir, NULL);
	struct vm_machine full = machine_with_defaults(machine);
	g_autofree char *version = qemu_version(full.qemu, error);
	g_autofree char *memory = NULL;
	int err;

	if (!version)
		return FALSE;
	err = kvm_open_error();
	if (err) {
		*ret_verdict = verdict(VM_ACCEL_TCG, 0,
			"/dev/kvm cannot be opened: %s", g_strerror(err));
		return TRUE;
	}
	memory = verdict_path(absolute, version);
	if (verdict_read(memory, ret_verdict))
		return TRUE;
	return probe(&full, absolute, memory, ret_verdict, error);
}

gboolean vm_accel_forget(
	const struct vm_machine *machine, const char *cache_dir, GError **error)
{
	struct vm_machine full = machine_with_defaults(machine);
	g_autofree char *version = qemu_version(full.qemu, error);
	g_autofree char *memory = NULL;

	if (!version)
		return FALSE;
	memory = verdict_path(cache_dir, version);
	if (g_unlink(memory) && errno != ENOENT)
		return fail_errno(error, errno, "cannot remove '%s'", memory);
	return TRUE;
}
