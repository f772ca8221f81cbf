/* SPDX-License-Identifier: GPL-2.0-only */

/* One turn of a vm: read what came, watch the deadline, notice the end. */

#include "internal.h"

#include "cleanup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#define READ_BYTES   (64u << 10)
#define READS_A_TURN 32
#define ERR_TEXT_MAX (64u << 10)

/* After the channels have closed the process is gone within microseconds. */
#define REAP_POLL_US 200

struct vm_source {
	GSource base;
	struct vm *vm;
};

static int qtest_line(const char *line, gsize len, void *user)
{
	return vm_restore_qtest_line(line, len, user);
}

static void handle_bytes(
	struct vm *vm, enum vm_fd which, const char *bytes, gsize len)
{
	int err = 0;

	switch (which) {
	case VM_FD_CONSOLE:
		console_add(vm->console, bytes, len);
		break;
	case VM_FD_ERR:
		if (vm->err_text->len + len <= ERR_TEXT_MAX)
			g_string_append_len(vm->err_text, bytes, (gssize)len);
		break;
	case VM_FD_QMP:
		err = qmp_lines_feed(vm->qmp_part, bytes, len, vm_qmp_line, vm);
		break;
	case VM_FD_QTEST:
		err = qmp_lines_feed(
			vm->qtest_part, bytes, len, qtest_line, vm);
		break;
	case VM_NR_FDS:
		break;
	}
	if (err < 0)
		vm_break(vm, "QEMU sent what is no %s",
			which == VM_FD_QMP ? "QMP" : "qtest answer");
}

static void channel_close(struct vm *vm, enum vm_fd which)
{
	if (vm->source && vm->tag[which])
		g_source_remove_unix_fd(vm->source, vm->tag[which]);
	vm->tag[which] = NULL;
	fd_closep(&vm->fd[which]);
	if (which != VM_FD_ERR && !vm->death_us)
		vm->death_us = now_us();
}

static void channel_read(struct vm *vm, enum vm_fd which)
{
	g_autofree char *buf = g_malloc(READ_BYTES);
	int i;

	for (i = 0; i < READS_A_TURN; i++) {
		ssize_t got = read(vm->fd[which], buf, READ_BYTES);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			channel_close(vm, which);
			return;
		}
		handle_bytes(vm, which, buf, (gsize)got);
	}
}

static void finish(struct vm *vm, int wait_status)
{
	vm->pid = 0;
	vm->deadline_us = 0;
	vm_classify(vm, wait_status);
	if (vm->end == VM_END_QEMU_DIED && vm->stats && !vm->restore.active)
		vm->stats->qemu_deaths++;
	vm->ended = TRUE;
}

/* All channels are at their end, so nothing of the console can be lost. */
static void try_reap(struct vm *vm)
{
	int status = 0, i;
	pid_t got;

	for (i = 0; i < VM_NR_FDS; i++)
		if (vm->fd[i] >= 0)
			return;
	got = waitpid(vm->pid, &status, WNOHANG);
	if (got == 0)
		return;
	finish(vm, got == vm->pid ? status : 0);
}

static void check_deadline(struct vm *vm)
{
	if (!vm->deadline_us || now_us() < vm->deadline_us)
		return;
	vm->deadline_us = 0;
	if (vm->shutdown_reason || vm->panicked || vm->broken)
		vm_kill(vm);
	else
		vm_break(vm, "waited in vain for %s", vm->awaited);
}

static gboolean is_closed(const struct vm *vm)
{
	int i;

	for (i = 0; i < VM_NR_FDS; i++)
		if (vm->fd[i] >= 0)
			return FALSE;
	return TRUE;
}

static void update_ready_time(struct vm *vm)
{
	int64_t at = vm->deadline_us ? vm->deadline_us : -1;

	if (!vm->source)
		return;
	if (vm->ended)
		at = vm->on_end ? 0 : -1;
	else if (is_closed(vm))
		at = now_us() + REAP_POLL_US;
	g_source_set_ready_time(vm->source, at);
}

static void poll_channels(struct vm *vm, int timeout_ms)
{
	struct pollfd fds[VM_NR_FDS];
	int i;

	for (i = 0; i < VM_NR_FDS; i++)
		fds[i] = (struct pollfd){.fd = vm->fd[i], .events = POLLIN};
	if (is_closed(vm)) {
		g_usleep(REAP_POLL_US);
		return;
	}
	if (poll(fds, VM_NR_FDS, timeout_ms) <= 0)
		return;
	for (i = 0; i < VM_NR_FDS; i++)
		if (fds[i].revents && vm->fd[i] >= 0)
			channel_read(vm, (enum vm_fd)i);
}

void vm_io_step(struct vm *vm, int timeout_ms)
{
	if (vm->ended)
		return;
	poll_channels(vm, timeout_ms);
	check_deadline(vm);
	try_reap(vm);
	update_ready_time(vm);
}

static gboolean source_dispatch(
	GSource *base, GSourceFunc unused, gpointer unused_data)
{
	struct vm *vm = ((struct vm_source *)base)->vm;
	vm_end_fn *fn;

	(void)unused;
	(void)unused_data;
	vm_io_step(vm, 0);
	if (!vm->ended || !vm->on_end) {
		update_ready_time(vm);
		return G_SOURCE_CONTINUE;
	}
	fn = g_steal_pointer(&vm->on_end);
	/* The handler may free the vm: nothing of it is touched afterwards. */
	fn(vm, vm->end, vm->end_detail, vm->end_user);
	return G_SOURCE_CONTINUE;
}

void vm_attach(struct vm *vm)
{
	static GSourceFuncs funcs = {.dispatch = source_dispatch};
	int i;

	vm->source = g_source_new(&funcs, sizeof(struct vm_source));
	((struct vm_source *)vm->source)->vm = vm;
	for (i = 0; i < VM_NR_FDS; i++)
		if (vm->fd[i] >= 0)
			vm->tag[i] = g_source_add_unix_fd(vm->source, vm->fd[i],
				G_IO_IN | G_IO_HUP | G_IO_ERR);
	update_ready_time(vm);
	g_source_attach(vm->source, g_main_context_get_thread_default());
}

void vm_set_end_handler(struct vm *vm, vm_end_fn *fn, void *user)
{
	vm->on_end = fn;
	vm->end_user = user;
	update_ready_time(vm);
}

void vm_kill(struct vm *vm)
{
	if (vm->pid)
		(void)kill(vm->pid, SIGKILL);
}

void vm_break(struct vm *vm, const char *format, ...)
{
	va_list args;

	if (!vm->broken) {
		va_start(args, format);
		vm->broken = g_strdup_vprintf(format, args);
		va_end(args);
	}
	vm_kill(vm);
}

void vm_expect_within(struct vm *vm, const char *awaited, int ms)
{
	double scale = MAX(vm->scale, 1.0);

	vm->awaited = awaited;
	vm->deadline_us = now_us() + (int64_t)(ms * 1000.0 * scale);
	update_ready_time(vm);
}

void vm_expect_nothing(struct vm *vm)
{
	vm->deadline_us = 0;
	update_ready_time(vm);
}
