/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_VM_H
#define VM_VM_H

/*
 * vm - QEMU virtual machines: boot once, save a template, clone it many times
 *
 * A template is a guest that has booted and sits idle; its RAM is a file, its
 * device state another. A clone maps the RAM file privately and loads the
 * device state, so it runs within a tenth of a second and always from the same
 * state. Host and guest share the slot: an ivshmem-plain device backed by a
 * file. What is in the slot is the caller's business, except for one word by
 * which the guest says that it is idle (struct vm_ready).
 *
 * Threads: all functions of one vm, and of the pool it came from, are called
 * from one thread, which must outlive its QEMUs: they die with the thread that
 * started them (PR_SET_PDEATHSIG). Sources are attached to the thread-default
 * GMainContext of the caller. Functions that block say so; while they block,
 * only their own vm is served, and other vms lose nothing: 1 MiB of console
 * waits in a pipe, and then the guest waits.
 *
 * Errors: GError in the domain VM_ERROR, one line for a human. A guest that
 * dies is not an error but an end, see enum vm_end.
 */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct vm;
struct vm_template;
struct vm_pool;

#define VM_ERROR (vm_error_quark())
GQuark vm_error_quark(void);

enum vm_error {
	VM_ERROR_BROKEN,  /* QEMU, the file system or we did not do our part */
	VM_ERROR_MISSING, /* this machine lacks something: QEMU, a file */
	VM_ERROR_SPACE,	  /* no room on a disk or in /dev/shm */
	VM_ERROR_TIMEOUT, /* the awaited thing, named, did not come */
	VM_ERROR_BUSY,	  /* the run directory belongs to a living process */
	VM_ERROR_GUEST,	  /* the guest died before it was idle */
};

enum vm_accel { VM_ACCEL_AUTO, VM_ACCEL_KVM, VM_ACCEL_TCG };

/* "auto", "kvm" or "tcg"; static. */
const char *vm_accel_name(enum vm_accel accel);

/*
 * struct vm_machine - the shape of a guest; strings stay the caller's
 * @qemu:       program, NULL for qemu-system-x86_64 on PATH
 * @bzimage:    kernel, must exist
 * @initrd:     initramfs, must exist
 * @append:     added to the kernel command line, or NULL
 * @disk:       raw image, attached as virtio-blk, or NULL; never written to
 * @disk_writable: what a guest writes is kept for as long as its QEMU lives, in
 *              a file without a name; else the disk is read-only
 * @vcpus:      1 to 16; 0 means 2
 * @mem_mib:    64 to 65536, even; 0 means 1024; split on two NUMA nodes
 * @accel:      AUTO is resolved with vm_accel_probe()
 * @slot_bytes: power of two from 4 KiB to 1 GiB; 0 means 4 MiB
 */
struct vm_machine {
	const char *qemu, *bzimage, *initrd, *append, *disk;
	unsigned vcpus, mem_mib;
	enum vm_accel accel;
	size_t slot_bytes;
	gboolean disk_writable;
};

/**
 * vm_command_line() - the command that boots @machine, for people to read
 * @dir: folder that would hold RAM, slot and console
 *
 * Returns a strv which the caller frees with g_strfreev(). Pure. File
 * descriptors appear by the numbers that QEMU would inherit; AUTO shows as tcg.
 */
char **vm_command_line(const struct vm_machine *machine, const char *dir);

/*
 * struct vm_accel_verdict - what this host can do, and how that is known
 * @accel:      KVM or TCG, never AUTO
 * @reason:     one line for a human; owned, see vm_accel_verdict_clear()
 * @seconds:    what the probe boot took; 0 when none was needed
 * @remembered: read from the file of an earlier probe
 */
struct vm_accel_verdict {
	enum vm_accel accel;
	char *reason;
	double seconds;
	gboolean remembered;
};

void vm_accel_verdict_clear(struct vm_accel_verdict *verdict);

/**
 * vm_accel_probe() - choose an accelerator by booting the kernel
 * @machine:     its accel is ignored
 * @cache_dir:   verdicts are remembered there, one file a host and QEMU
 * @ret_verdict: untouched on failure; caller clears
 *
 * KVM must bring the kernel to its init within 10 seconds, longer on a host
 * that is loaded or slow; else TCG is the verdict. A verdict that may be the
 * kernel's fault (a panic while booting) or that costs nothing to find again
 * (/dev/kvm cannot be opened) is not remembered. Blocks.
 */
gboolean vm_accel_probe(const struct vm_machine *machine, const char *cache_dir,
	struct vm_accel_verdict *ret_verdict, GError **error);

/* Forget what was remembered for this host, so that the next probe boots. */
gboolean vm_accel_forget(const struct vm_machine *machine,
	const char *cache_dir, GError **error);

/*
 * The guest is idle when the host-endian 32-bit word at @offset of the slot
 * has @value. @offset is a multiple of 4, below slot_bytes.
 */
struct vm_ready {
	size_t offset;
	uint32_t value;
};

/*
 * struct vm_boot - how a template is made; strings stay the caller's
 * @ready:     when the guest has booted
 * @id:        names what @slot_init and @prepare do: part of the key, so that
 *             a change of them makes a new template; or NULL
 * @slot_init: fills the zeroed slot before the guest starts; or NULL
 * @prepare:   talks to the idle guest (with vm_slot(), vm_pump(),
 *             vm_wait_word()) before it is saved; FALSE with @error set
 *             abandons the template; or NULL
 * @died:      told the console of a guest that ended before it was ready; or
 *             NULL
 * @progress:  told what goes on, a line without newline; or NULL
 */
struct vm_boot {
	struct vm_ready ready;
	const char *id;
	void (*slot_init)(void *slot, size_t slot_len, void *user);
	gboolean (*prepare)(struct vm *vm, void *user, GError **error);
	void (*died)(const char *console, size_t len, void *user);
	void (*progress)(const char *line, void *user);
	void *user;
};

/*
 * struct vm_template_info - facts of a template; owned by it
 * @key:          SHA-256, hexadecimal, of all that went in
 * @dir:          its folder; console.log in it is the console of the boot
 * @accel:        KVM or TCG
 * @qemu_version: first line of qemu --version
 * @boot_seconds: start of QEMU to idle
 * @save_ms:      from idle and prepared to saved, without syncing to disk
 * @state_bytes:  of device state
 * @bar_address:  guest physical address of the slot
 * @scale:        multiply timeouts with it: @boot_seconds over 4.3 s, which
 *                the reference needs (2 cores, TCG), within 0.1 to 100
 * @was_cached:   found ready, not booted
 */
struct vm_template_info {
	const char *key, *dir, *qemu_version;
	enum vm_accel accel;
	double boot_seconds, save_ms, scale;
	uint64_t state_bytes, bar_address;
	gboolean was_cached;
};

/**
 * vm_template_ensure() - open the template of @machine, make it when missing
 * @cache_dir: templates live in <cache_dir>/templates/<key>
 *
 * A template is written beside its place, synced and renamed: it is never half
 * there. A lock lets one process make it while others wait. The six used last
 * are kept, and any that is open. Blocks for a boot when it must be made.
 *
 * Returns a template which the caller frees with vm_template_free(), or NULL.
 */
struct vm_template *vm_template_ensure(const struct vm_machine *machine,
	const struct vm_boot *boot, const char *cache_dir, GError **error);
void vm_template_free(struct vm_template *template);

const struct vm_template_info *vm_template_info(
	const struct vm_template *template);

/**
 * vm_clone() - a new vm from a template, restored and paused
 * @run_dir: its own folder, made when missing, locked while the vm lives; what
 *           a dead process left there is removed, its QEMU included
 *
 * The slot holds what it held when the template was saved; the caller may
 * write to it before vm_resume(). @template must outlive the vm. Blocks for
 * about a tenth of a second. Returns NULL with @error naming what was awaited.
 */
struct vm *vm_clone(
	struct vm_template *template, const char *run_dir, GError **error);

/* Kills QEMU; removes slot and lock, keeps console.log. NULL is legal. */
void vm_free(struct vm *vm);

/* --- record.c: a run that can be made again, instruction by instruction --- */

enum vm_rr { VM_RR_NONE, VM_RR_RECORD, VM_RR_REPLAY };

/* What a folder with a record has */
#define RECORD_EVENTS	 "events"	   /* QEMU's log of all that came in */
#define RECORD_SNAPSHOTS "snapshots.qcow2" /* the machine as it started */

/**
 * vm_record() - boot @machine, and record its run or make it again
 * @boot:    for slot_init, which decides all that the guest will do: nobody may
 *           write to the slot of a vm that is recorded once it runs
 * @run_dir: as for vm_clone()
 * @dir:     folder of the record, which must exist; overwritten by RECORD
 * @rr:      RECORD or REPLAY. REPLAY needs kernel, initrd and machine of the
 *           record; the vm ends where the record does
 *
 * By QEMU's record/replay (docs/system/replay.rst): TCG, one vCPU, one thread,
 * time counted in instructions. The machine's @accel and @vcpus do not count.
 * The vm runs when it returns. Returns NULL with VM_ERROR_MISSING where there
 * is no qemu-img.
 */
struct vm *vm_record(const struct vm_machine *machine,
	const struct vm_boot *boot, const char *run_dir, const char *dir,
	enum vm_rr rr, GError **error);

/**
 * vm_quit() - end a vm in order, so that its record is whole. Blocks.
 *
 * TRUE where it had ended before.
 */
gboolean vm_quit(struct vm *vm, GError **error);

/**
 * vm_replay_command_line() - the command that replays the record of @dir for
 * people: console on stdout, a gdb server at the socket "gdb" of @dir
 *
 * Returns a strv which the caller frees with g_strfreev(). Pure.
 */
char **vm_replay_command_line(
	const struct vm_machine *machine, const char *dir);

/* Let a paused vm run. Blocks until QEMU confirms. */
gboolean vm_resume(struct vm *vm, GError **error);

/* Halt a running vm; vm_resume() continues it. Blocks until QEMU confirms. */
gboolean vm_pause(struct vm *vm, GError **error);

/* struct vm_slot - shared with the guest: @map stays valid until vm_free() */
struct vm_slot {
	void *map;
	size_t len;
};
struct vm_slot vm_slot(const struct vm *vm);

/* The file behind the slot: others may map it too. Owned by @vm. */
const char *vm_slot_path(const struct vm *vm);

/*
 * The console so far, any bytes, NUL included. At most 5 MiB: of a longer one
 * the first 1 MiB and the last 3 MiB, with a line between that counts what was
 * dropped. console.log in the run directory has the same. Owned by @vm,
 * changes whenever the vm is served.
 */
const GString *vm_console(const struct vm *vm);

/* Bytes that ever came from the console, those dropped included. */
uint64_t vm_console_total(const struct vm *vm);

GPid vm_pid(const struct vm *vm);

/* Factor for timeouts, as in struct vm_template_info. */
double vm_scale(const struct vm *vm);

/* Since the first vm_resume(), or since QEMU's start where it booted. */
int64_t vm_uptime_ms(const struct vm *vm);

/**
 * vm_pump() - serve this vm's console and QMP without a main loop
 * @timeout_ms: 0 to look only; returns early when something came
 *
 * For callers that wait in a hook. Returns FALSE when the vm has ended.
 */
gboolean vm_pump(struct vm *vm, int timeout_ms);

/**
 * vm_wait_word() - serve the vm until a word of the slot has a value
 * @timeout_ms: not scaled; the caller multiplies with vm_scale()
 *
 * Returns FALSE with VM_ERROR_TIMEOUT, or VM_ERROR_GUEST when the vm ended.
 */
gboolean vm_wait_word(
	struct vm *vm, struct vm_ready word, int timeout_ms, GError **error);

/*
 * How a vm ended.
 * PANIC:     the kernel panicked, or reset the machine without having been
 *            asked to (a triple fault)
 * SHUTDOWN:  the guest switched off or rebooted in an orderly way
 * QEMU_DIED: QEMU exited, was killed, stopped by itself or failed to restore:
 *            BROKEN; the detail has its exit status and stderr
 * HUNG:      vm_declare_hung() was called
 */
enum vm_end { VM_END_PANIC, VM_END_SHUTDOWN, VM_END_QEMU_DIED, VM_END_HUNG };

const char *vm_end_name(enum vm_end end);

typedef void vm_end_fn(
	struct vm *vm, enum vm_end end, const char *detail, void *user);

/**
 * vm_set_end_handler() - be told once how the vm ended
 *
 * @fn is called from the main context when QEMU is gone and the console was
 * read to its end; at the next turn when that is so already. It may free the
 * vm. NULL takes the handler away.
 */
void vm_set_end_handler(struct vm *vm, vm_end_fn *fn, void *user);

/* Monotonic time at which the end was first seen, in us; 0 while it lives. */
int64_t vm_death_time_us(const struct vm *vm);

/**
 * vm_declare_hung() - give up on a vm
 * @why: goes to the console record and to the end handler
 *
 * Before QEMU is killed the record gets what can be had: sysrq l, w and t by a
 * serial break, an NMI, the registers of all vCPUs. Blocks for some seconds
 * times the scale. The end handler follows from the main context.
 */
void vm_declare_hung(struct vm *vm, const char *why);

/*
 * struct vm_warm - lets the pool run a spare before it is needed
 * @begin: the clone runs; hand it work by its slot
 * @done:  asked every few ms; TRUE when the guest is idle again
 *
 * QEMU's translated code survives a pause, so the first program on a warmed
 * spare need not wait for the translator. The guest is no longer exactly what
 * was saved: a replay takes vm_clone(). A spare that does not finish within
 * 20 s times the scale is thrown away and counted.
 */
struct vm_warm {
	void (*begin)(struct vm *vm, void *user);
	gboolean (*done)(struct vm *vm, void *user);
	void *user;
};

/*
 * struct vm_pool_stats - counters since the pool was made
 * @clones:           QEMUs started
 * @restore_failures: of these, never came to be paused
 * @qemu_deaths:      vms that ended with VM_END_QEMU_DIED after that
 */
struct vm_pool_stats {
	uint64_t clones, restore_failures, qemu_deaths;
};

/**
 * vm_pool_new() - keep @nr_spare clones restored and paused
 * @run_dir:  each clone gets a folder in it; locked, and cleaned of what a
 *            dead process left
 * @nr_spare: 0 to 16; usually 1
 *
 * @template must outlive the pool. Spares are made from the main context.
 */
struct vm_pool *vm_pool_new(struct vm_template *template, const char *run_dir,
	unsigned nr_spare, GError **error);

/* Kills the spares. Vms that were taken live on. NULL is legal. */
void vm_pool_free(struct vm_pool *pool);

/* @warm is copied; spares that are ready already stay as they are. */
void vm_pool_set_warm(struct vm_pool *pool, const struct vm_warm *warm);

/**
 * vm_pool_take() - a running vm, at once where a spare is ready
 *
 * A clone that fails is counted and replaced, three times at most. The next
 * spare is started when the main loop is idle. The folder of the vm goes with
 * vm_free(). Returns NULL with the last reason.
 */
struct vm *vm_pool_take(struct vm_pool *pool, GError **error);

/* Spares that could be taken at once. */
unsigned vm_pool_nr_ready(const struct vm_pool *pool);

struct vm_pool_stats vm_pool_stats(const struct vm_pool *pool);

#endif
