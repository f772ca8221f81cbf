/* SPDX-License-Identifier: GPL-2.0-only */
#include "cmdline.h"

#include "error.h"

#include <stdarg.h>

/*
 * panic_on_warn: a WARN ends the vm, as it has to be reported; loglevel=7 shows
 * it; nokaslr and slab_nomerge make reports comparable; no_timer_check: a
 * loaded host can starve the timer test, and the kernel panics.
 */
#define KERNEL_ARGS                                                            \
	"console=ttyS0 loglevel=7 panic_on_warn=1 oops=panic panic=-1 "        \
	"nokaslr slab_nomerge no_timer_check page_table_check=on"

const char *vm_accel_name(enum vm_accel accel)
{
	static const char *const names[] = {
		[VM_ACCEL_AUTO] = "auto",
		[VM_ACCEL_KVM] = "kvm",
		[VM_ACCEL_TCG] = "tcg",
	};

	return names[accel];
}

struct vm_machine machine_with_defaults(const struct vm_machine *machine)
{
	struct vm_machine full = *machine;

	if (!full.qemu)
		full.qemu = "qemu-system-x86_64";
	if (!full.vcpus)
		full.vcpus = 2;
	if (!full.mem_mib)
		full.mem_mib = 1024;
	if (!full.slot_bytes)
		full.slot_bytes = 4u << 20;
	return full;
}

gboolean machine_check(const struct vm_machine *machine, GError **error)
{
	size_t slot = machine->slot_bytes;

	if (machine->vcpus < 1 || machine->vcpus > 16)
		return fail(error, VM_ERROR_BROKEN, "%u vCPUs: not 1 to 16",
			machine->vcpus);
	if (machine->mem_mib < 64 || machine->mem_mib > 65536 ||
		machine->mem_mib % 2)
		return fail(error, VM_ERROR_BROKEN,
			"%u MiB of memory: not even, or not 64 to 65536",
			machine->mem_mib);
	if (slot < 4096 || slot > 1u << 30 || (slot & (slot - 1)))
		return fail(error, VM_ERROR_BROKEN,
			"a slot of %zu bytes: no power of two from 4 KiB "
			"to 1 GiB",
			slot);
	return TRUE;
}

char *cmdline_escape(const char *text)
{
	GString *out = g_string_new(text);

	g_string_replace(out, ",", ",,", 0);
	return g_string_free(out, FALSE);
}

char *cmdline_append(const struct vm_machine *machine)
{
	if (!machine->append || !*machine->append)
		return g_strdup(KERNEL_ARGS);
	return g_strconcat(KERNEL_ARGS, " ", machine->append, NULL);
}

static void add(GPtrArray *argv, const char *option, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static void add(GPtrArray *argv, const char *option, const char *format, ...)
{
	va_list args;

	g_ptr_array_add(argv, g_strdup(option));
	va_start(args, format);
	g_ptr_array_add(argv, g_strdup_vprintf(format, args));
	va_end(args);
}

static void add_flag(GPtrArray *argv, const char *option)
{
	g_ptr_array_add(argv, g_strdup(option));
}

static void add_accel(GPtrArray *argv, enum vm_accel accel, enum vm_rr rr)
{
	if (accel == VM_ACCEL_KVM) {
		add(argv, "-accel", "kvm");
		add(argv, "-cpu", "host,arch-capabilities=off");
		return;
	}
	add(argv, "-accel", "tcg,thread=%s,tb-size=64",
		rr ? "single" : "multi");
	add(argv, "-cpu", "max,la57=off");
}

static void add_base(GPtrArray *argv, const struct vm_machine *m)
{
	g_ptr_array_add(argv, g_strdup(m->qemu));
	add_flag(argv, "-nodefaults");
	add_flag(argv, "-no-user-config");
	add(argv, "-display", "none");
	add(argv, "-nic", "none");
	add_flag(argv, "-no-reboot");
	add(argv, "-machine",
		"pc,usb=off,vmport=off,smm=off,mem-merge=off,dump-guest-core="
		"off");
}

/* On the nodes of add_memory(), which QEMU wants to see first. With an
 * odd number of vCPUs each is a socket of its own.
 */
static void add_cpus(GPtrArray *argv, const struct vm_machine *m)
{
	unsigned sockets = m->vcpus % 2 ? m->vcpus : 2, i;

	add(argv, "-smp", "%u,sockets=%u,cores=%u,threads=1", m->vcpus, sockets,
		m->vcpus / sockets);
	for (i = 0; i < sockets; i++)
		add(argv, "-numa", "cpu,node-id=%u,socket-id=%u", i % 2, i);
}

static void add_node(GPtrArray *argv, int node, unsigned mib,
	const struct cmdline_place *place)
{
	if (place->rr) {
		add(argv, "-object", "memory-backend-ram,id=ram%d,size=%uM",
			node, mib);
	} else {
		g_autofree char *ram = cmdline_escape(place->ram);

		add(argv, "-object",
			"memory-backend-file,id=ram%d,size=%uM,share=%s,"
			"mem-path=%s%d",
			node, mib, place->clone ? "off" : "on", ram, node);
	}
	add(argv, "-numa", "node,nodeid=%d,memdev=ram%d", node, node);
}

static void add_memory(GPtrArray *argv, const struct vm_machine *m,
	const struct cmdline_place *place)
{
	add(argv, "-m", "%uM", m->mem_mib);
	for (int node = 0; node < 2; node++)
		add_node(argv, node, m->mem_mib / 2, place);
}

/* docs/system/replay.rst of QEMU 7.2. The snapshot is of the machine before its
 * first instruction, slot included: where a debugger that goes back begins. */
static void add_record(GPtrArray *argv, const struct cmdline_place *place)
{
	g_autofree char *dir = cmdline_escape(place->record);

	add(argv, "-icount", "shift=auto,rr=%s,rrfile=%s/%s,rrsnapshot=start",
		place->rr == VM_RR_RECORD ? "record" : "replay", dir,
		RECORD_EVENTS);
	add(argv, "-drive", "if=none,id=snapshots,format=qcow2,file=%s/%s", dir,
		RECORD_SNAPSHOTS);
}

static void add_debugger(GPtrArray *argv, const struct cmdline_place *place)
{
	g_autofree char *dir = cmdline_escape(place->record);

	add(argv, "-serial", "stdio");
	add(argv, "-chardev", "socket,id=gdb,path=%s/gdb,server=on,wait=off",
		dir);
	add(argv, "-gdb", "chardev:gdb");
}

static void add_channels(GPtrArray *argv, const struct cmdline_place *place)
{
	g_autofree char *console = cmdline_escape(place->console);

	add(argv, "-chardev", "socket,id=qmp,fd=%d", CHILD_QMP);
	add(argv, "-mon", "chardev=qmp,mode=control");
	add(argv, "-chardev", "pipe,id=con,path=%s", console);
	add(argv, "-serial", "chardev:con");
	if (place->clone) {
		add(argv, "-chardev", "socket,id=qtest,fd=%d", CHILD_QTEST);
		add(argv, "-qtest", "chardev:qtest");
		add(argv, "-qtest-log", "none");
		add(argv, "-incoming", "defer");
		add_flag(argv, "-S");
	}
}

static void add_devices(GPtrArray *argv, const struct vm_machine *m,
	const struct cmdline_place *place)
{
	if (place->slot) {
		g_autofree char *slot = cmdline_escape(place->slot);

		add(argv, "-object",
			"memory-backend-file,id=slot,size=%zu,share=on,"
			"mem-path=%s",
			m->slot_bytes, slot);
	} else { /* its bytes come with the snapshot */
		add(argv, "-object", "memory-backend-ram,id=slot,size=%zu",
			m->slot_bytes);
	}
	add(argv, "-device", "ivshmem-plain,memdev=slot,master=on,addr=0x%x",
		PCI_IVSHMEM);
	add(argv, "-device", "pvpanic");
	add(argv, "-device", "pvpanic-pci,addr=0x%x", PCI_PVPANIC);
	if (m->disk) {
		g_autofree char *disk = cmdline_escape(m->disk);

		add(argv, "-drive", "if=none,id=disk,format=raw,%s=on,file=%s",
			m->disk_writable ? "snapshot" : "readonly", disk);
		add(argv, "-device", "virtio-blk-pci,drive=disk,addr=0x%x",
			PCI_DISK);
	}
}

char **cmdline_build(
	const struct vm_machine *machine, const struct cmdline_place *place)
{
	GPtrArray *argv = g_ptr_array_new();
	char *append = cmdline_append(machine);

	add_base(argv, machine);
	add_accel(argv, machine->accel, place->rr);
	if (place->rr)
		add_record(argv, place);
	add_memory(argv, machine, place);
	add_cpus(argv, machine);
	if (place->console)
		add_channels(argv, place);
	else
		add_debugger(argv, place);
	add_devices(argv, machine, place);
	add(argv, "-kernel", "%s", machine->bzimage);
	add(argv, "-initrd", "%s", machine->initrd);
	g_ptr_array_add(argv, g_strdup("-append"));
	g_ptr_array_add(argv, append);
	g_ptr_array_add(argv, NULL);
	return (char **)g_ptr_array_free(argv, FALSE);
}

char **vm_command_line(const struct vm_machine *machine, const char *dir)
{
	g_autofree char *ram = g_build_filename(dir, "ram", NULL);
	g_autofree char *slot = g_build_filename(dir, "slot", NULL);
	g_autofree char *console = g_build_filename(dir, "console", NULL);
	struct cmdline_place place = {
		.ram = ram, .slot = slot, .console = console};
	struct vm_machine full = machine_with_defaults(machine);

	return cmdline_build(&full, &place);
}
