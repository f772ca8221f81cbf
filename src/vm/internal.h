/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_INTERNAL_H
#define VM_INTERNAL_H

/*
 * internal - one QEMU: its channels, its state, its end; private to src/vm
 *
 * All input is handled in vm_io_step(): from the main context by the vm's
 * source, and from blocking waits by vm_pump(). Nothing else reads the fds.
 */

#include "console.h"
#include "qmp.h"
#include "rundir.h"
#include "spawn.h"
#include "vm/vm.h"

enum vm_fd { VM_FD_CONSOLE, VM_FD_QMP, VM_FD_QTEST, VM_FD_ERR, VM_NR_FDS };

/*
 * struct vm_call - the command whose answer a blocking wait is for
 * @id:    0 when there is none
 */
struct vm_call {
	guint64 id;
	gboolean answered;
	JsonNode *value;
	char *failure;
};

/*
 * struct vm_restore - a clone on its way to be paused
 * @oks_wanted: answers on qtest still to come before the state may be loaded
 */
struct vm_restore {
	unsigned oks_wanted;
	gboolean active, done;
};

struct vm {
	struct rundir *dir;
	struct console *console;
	struct vm_slot slot;
	double scale;

	GPid pid; /* 0 before start and after it was reaped */
	int fd[VM_NR_FDS];
	gpointer tag[VM_NR_FDS]; /* of the fds in source */
	int console_in;
	GSource *source;
	GString *qmp_part, *qtest_part, *err_text;

	guint64 last_id;
	struct vm_call call;
	struct vm_restore restore;
	char *migration; /* status of the last MIGRATION event */

	int64_t deadline_us; /* 0: none */
	const char *awaited; /* what must come before it; static text */
	int64_t started_us, death_us;

	gboolean may_stop; /* a STOP event would be our doing */
	gboolean panicked, ended;
	char *shutdown_reason; /* of the SHUTDOWN event */
	char *broken;	       /* why we killed it */
	char *hung;	       /* why it was declared hung */
	enum vm_end end;
	char *end_detail;
	vm_end_fn *on_end;
	void *end_user;
	struct vm_pool_stats *stats; /* shared by reference count, or NULL */
};

/**
 * vm_start() - start a QEMU in @dir
 * @argv:     from cmdline_build() with the files of @dir
 * @state_fd: inherited, or -1
 * @slot:     mapped; becomes the vm's
 *
 * Takes @dir and @slot in any case. Sends qmp_capabilities and the migration
 * capabilities; does not wait.
 */
struct vm *vm_start(struct rundir *dir, char **argv, int state_fd,
	struct vm_slot slot, double scale, GError **error);

/* Attach to the thread-default main context. */
void vm_attach(struct vm *vm);

/* One turn: wait up to @timeout_ms for input, handle it, check the deadline. */
void vm_io_step(struct vm *vm, int timeout_ms);

/* Something must come within @ms, scaled, or the vm is broken. */
void vm_expect_within(struct vm *vm, const char *awaited, int ms);
void vm_expect_nothing(struct vm *vm);

/* Kill QEMU: we are to blame, or it is. The first reason stays. */
void vm_break(struct vm *vm, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Kill QEMU without blame. */
void vm_kill(struct vm *vm);

/* Pump until it has ended; QEMU is killed when it takes too long. */
void vm_wait_end(struct vm *vm);

/* Send without waiting for the answer; a failure breaks the vm. */
guint64 vm_send(struct vm *vm, const char *name, GVariant *args);

/**
 * vm_qmp() - send and wait for the answer
 * @ret_value: caller unrefs; NULL when not wanted
 */
gboolean vm_qmp(struct vm *vm, const char *name, GVariant *args,
	JsonNode **ret_value, GError **error);

/* Hand QEMU a copy of @fd under a name, for "fd:<name>". */
gboolean vm_give_fd(struct vm *vm, int fd, const char *name, GError **error);

/* The error of a vm that has ended: how, and the tail of its console. */
gboolean vm_fail_ended(struct vm *vm, const char *doing, GError **error);

/* events.c: one line of QMP; 0 or -EBADMSG. @user is the vm. */
int vm_qmp_line(const char *line, gsize len, void *user);

/* clone.c: next steps of a clone that is being restored */

int vm_restore_qtest_line(const char *line, gsize len, void *user);
void vm_restore_migration(struct vm *vm, const char *status);

/* events.c: fill @end and @end_detail from what was seen */
void vm_classify(struct vm *vm, int wait_status);

/* clone.c: start a clone without waiting for it */
struct vm *vm_clone_start(
	struct vm_template *template, struct rundir *dir, GError **error);

/* Pump until the clone is paused. On failure the vm is broken or ended. */
gboolean vm_clone_finish(struct vm *vm, GError **error);

static inline void vm_freep(struct vm **vm)
{
	vm_free(*vm);
}

static inline int64_t now_us(void)
{
	return g_get_monotonic_time();
}

#endif
