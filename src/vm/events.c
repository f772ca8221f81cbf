/* SPDX-License-Identifier: GPL-2.0-only */

/* QMP of one vm: commands out, answers and events in, and what the end was. */

#include "internal.h"

#include "cleanup.h"
#include "error.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* QEMU answers at once unless the host is overloaded or QEMU hangs. */
#define ANSWER_MS 10000
/* From the guest's end to QEMU's; then it is killed. */
#define EXIT_MS 3000
/* How much of the console can hold the words of the guest's end. */
#define END_WORDS_BYTES (256u << 10)

/* All of @text at once, with @fd in its wake unless that is -1. */
static gboolean send_text(int sock, char *text, int fd)
{
	struct iovec bytes = {.iov_base = text, .iov_len = strlen(text)};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &bytes, .msg_iovlen = 1};

	if (fd >= 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof(int));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)bytes.iov_len;
}

static guint64 send_with_fd(
	struct vm *vm, const char *name, GVariant *args, int fd)
{
	guint64 id = ++vm->last_id;
	g_autofree char *text = qmp_command(id, name, args);

	/* A socket that was closed is a QEMU that died: io.c will tell. */
	if (vm->fd[VM_FD_QMP] >= 0 && !send_text(vm->fd[VM_FD_QMP], text, fd) &&
		errno != EPIPE && errno != ECONNRESET)
		vm_break(vm, "QMP took no command '%s'", name);
	return id;
}

guint64 vm_send(struct vm *vm, const char *name, GVariant *args)
{
	return send_with_fd(vm, name, args, -1);
}

static void call_clear(struct vm *vm)
{
	g_clear_pointer(&vm->call.value, json_node_unref);
	g_clear_pointer(&vm->call.failure, g_free);
	memset(&vm->call, 0, sizeof(vm->call));
}

static gboolean call(struct vm *vm, const char *name, GVariant *args, int fd,
	JsonNode **ret_value, GError **error)
{
	double ms = ANSWER_MS * MAX(vm->scale, 1.0);
	int64_t until = now_us() + (int64_t)(ms * 1000);
	gboolean ok = FALSE;

	call_clear(vm);
	vm->call.id = send_with_fd(vm, name, args, fd);
	while (!vm->call.answered && !vm->ended && now_us() < until)
		vm_io_step(vm, 50);

	if (!vm->call.answered && vm->ended) {
		(void)vm_fail_ended(vm, name, error);
	} else if (!vm->call.answered) {
		vm_break(vm, "no answer to QMP '%s' in %.0f ms", name, ms);
		(void)fail(error, VM_ERROR_TIMEOUT, "%s", vm->broken);
	} else if (vm->call.failure) {
		(void)fail(error, VM_ERROR_BROKEN, "QMP '%s': %s", name,
			vm->call.failure);
	} else {
		ok = TRUE;
		if (ret_value)
			*ret_value = g_steal_pointer(&vm->call.value);
	}
	call_clear(vm);
	return ok;
}

gboolean vm_qmp(struct vm *vm, const char *name, GVariant *args,
	JsonNode **ret_value, GError **error)
{
	return call(vm, name, args, -1, ret_value, error);
}

gboolean vm_give_fd(struct vm *vm, int fd, const char *name, GError **error)
{
	GVariant *args = g_variant_new_parsed("{'fdname': <%s>}", name);

	return call(vm, "getfd", args, fd, NULL, error);
}

static void death_seen(struct vm *vm)
{
	if (!vm->death_us)
		vm->death_us = now_us();
	vm_expect_within(vm, "QEMU to exit after the guest's end", EXIT_MS);
}

static void event(struct vm *vm, struct qmp_msg *msg)
{
	if (!strcmp(msg->name, "GUEST_PANICKED")) {
		vm->panicked = TRUE;
		death_seen(vm);
	} else if (!strcmp(msg->name, "SHUTDOWN")) {
		const char *reason = qmp_string(msg->value, "reason");

		g_free(vm->shutdown_reason);
		vm->shutdown_reason = g_strdup(reason ? reason : "unknown");
		death_seen(vm);
	} else if (!strcmp(msg->name, "MIGRATION")) {
		const char *status = qmp_string(msg->value, "status");

		g_free(vm->migration);
		vm->migration = g_strdup(status ? status : "unknown");
		vm_restore_migration(vm, vm->migration);
	} else if (!strcmp(msg->name, "STOP") && !vm->may_stop &&
		   !vm->panicked && !vm->shutdown_reason) {
		vm_break(vm, "QEMU stopped the guest by itself");
	}
}

static void answer(struct vm *vm, struct qmp_msg *msg)
{
	if (vm->call.id && msg->id == vm->call.id) {
		vm->call.answered = TRUE;
		vm->call.value = g_steal_pointer(&msg->value);
		vm->call.failure = g_steal_pointer(&msg->name);
	} else if (msg->kind == QMP_FAILURE) {
		vm_break(vm, "QMP: %s", msg->name);
	}
}

int vm_qmp_line(const char *line, gsize len, void *user)
{
	struct qmp_msg scoped(qmp_msg_clear) msg = {0};
	int err = qmp_msg_parse(line, len, &msg);

	if (err < 0)
		return err;
	if (msg.kind == QMP_EVENT)
		event(user, &msg);
	else if (msg.kind != QMP_GREETING)
		answer(user, &msg);
	return 0;
}

const char *vm_end_name(enum vm_end end)
{
	static const char *const names[] = {
		[VM_END_PANIC] = "panic",
		[VM_END_SHUTDOWN] = "shutdown",
		[VM_END_QEMU_DIED] = "qemu died",
		[VM_END_HUNG] = "hung",
	};

	return names[end];
}

static char *exit_text(const struct vm *vm, int wait_status)
{
	if (vm->shutdown_reason)
		return g_strdup_printf(
			"QEMU shut down by itself (%s)", vm->shutdown_reason);
	if (WIFSIGNALED(wait_status))
		return g_strdup_printf("QEMU was killed by signal %d (%s)",
			WTERMSIG(wait_status),
			strsignal(WTERMSIG(wait_status)));
	return g_strdup_printf(
		"QEMU exited with status %d", WEXITSTATUS(wait_status));
}

static char *died_text(const struct vm *vm, int wait_status)
{
	g_autofree char *how =
		vm->broken ? g_strdup(vm->broken) : exit_text(vm, wait_status);
	g_autofree char *err = g_strdup(vm->err_text->str);

	g_strdelimit(g_strstrip(err), "\r\n", '|');
	return g_strdup_printf("%s%s%s", how, *err ? "; stderr: " : "", err);
}

static gboolean console_says(const struct vm *vm, const char *words)
{
	return console_has(vm->console, words, END_WORDS_BYTES);
}

/* What a machine's end means that the guest asked for. */
static enum vm_end end_by_guest(const struct vm *vm, const char **ret_detail)
{
	const char *reason = vm->shutdown_reason ? vm->shutdown_reason : "";

	*ret_detail = "the kernel panicked";
	if (vm->panicked || console_says(vm, "Kernel panic - not syncing"))
		return VM_END_PANIC;
	*ret_detail = "the guest shut down";
	if (!strcmp(reason, "guest-shutdown"))
		return VM_END_SHUTDOWN;
	*ret_detail = "the guest rebooted";
	if (console_says(vm, "reboot: Restarting system"))
		return VM_END_SHUTDOWN;
	*ret_detail = "the guest was reset without a panic: a triple fault?";
	return VM_END_PANIC;
}

void vm_classify(struct vm *vm, int wait_status)
{
	const char *detail = NULL;
	gboolean by_guest =
		vm->panicked ||
		(vm->shutdown_reason &&
			g_str_has_prefix(vm->shutdown_reason, "guest-"));

	if (vm->hung) {
		vm->end = VM_END_HUNG;
		vm->end_detail = g_strdup(vm->hung);
	} else if (by_guest) {
		vm->end = end_by_guest(vm, &detail);
		vm->end_detail = g_strdup(detail);
	} else if (!vm->broken && vm->shutdown_reason &&
		   !strcmp(vm->shutdown_reason, "host-qmp-quit")) {
		vm->end = VM_END_SHUTDOWN;
		vm->end_detail = g_strdup("we told QEMU to quit");
	} else {
		vm->end = VM_END_QEMU_DIED;
		vm->end_detail = died_text(vm, wait_status);
	}
}

/* The last lines, as one line of a message. */
static char *console_tail(const struct vm *vm)
{
	const GString *text = console_text(vm->console);
	gsize from = text->len - MIN(text->len, 400);
	g_autofree char *tail =
		g_utf8_make_valid(text->str + from, (gssize)(text->len - from));

	g_strstrip(tail);
	g_strdelimit(tail, "\r\n", '|');
	return g_steal_pointer(&tail);
}

gboolean vm_fail_ended(struct vm *vm, const char *doing, GError **error)
{
	g_autofree char *tail = console_tail(vm);

	if (vm->end == VM_END_QEMU_DIED)
		return fail(error, VM_ERROR_BROKEN, "%s: %s", doing,
			vm->end_detail);
	return fail(error, VM_ERROR_GUEST, "%s: %s; console ends: %s", doing,
		vm->end_detail, *tail ? tail : "(nothing)");
}
