/* SPDX-License-Identifier: GPL-2.0-only */
#include "spawn.h"

#include "cleanup.h"
#include "cmdline.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define CONSOLE_PIPE_BYTES (1 << 20)

/* What the child gets; closed in the parent when it has started. */
struct child_ends {
	int qmp, qtest, console_out, console_in, err;
};

static void fds_close(int *fds, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		fd_closep(&fds[i]);
}

void spawn_close(struct spawn *spawn)
{
	int *fds[] = {&spawn->qmp, &spawn->qtest, &spawn->console_out,
		&spawn->console_in, &spawn->err};
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(fds); i++)
		fds_close(fds[i], 1);
}

static void child_ends_close(struct child_ends *ends)
{
	fds_close(&ends->qmp, 1);
	fds_close(&ends->qtest, 1);
	fds_close(&ends->console_out, 1);
	fds_close(&ends->console_in, 1);
	fds_close(&ends->err, 1);
}

static int nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static int socket_make(int *ret_ours, int *ret_theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	*ret_ours = fds[0];
	*ret_theirs = fds[1];
	return nonblocking(fds[0]);
}

/* A pipe of which we hold the end @ours: 0 to read, 1 to write. */
static int pipe_make(int ours, int *ret_ours, int *ret_theirs)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	*ret_ours = fds[ours];
	*ret_theirs = fds[!ours];
	return nonblocking(*ret_ours);
}

static int channels_make(
	gboolean qtest, struct spawn *ours, struct child_ends *theirs)
{
	if (socket_make(&ours->qmp, &theirs->qmp) < 0)
		return -errno;
	if (qtest && socket_make(&ours->qtest, &theirs->qtest) < 0)
		return -errno;
	if (pipe_make(0, &ours->console_out, &theirs->console_out) < 0)
		return -errno;
	if (pipe_make(1, &ours->console_in, &theirs->console_in) < 0)
		return -errno;
	if (pipe_make(0, &ours->err, &theirs->err) < 0)
		return -errno;
	/* More is kinder to the guest, but a small pipe loses nothing. */
	(void)fcntl(ours->console_out, F_SETPIPE_SZ, CONSOLE_PIPE_BYTES);
	return 0;
}

/*
 * QEMU's pipe chardev opens "<prefix>.in" and "<prefix>.out". Links to the
 * inherited descriptors make it open our pipes: QEMU then holds the write end
 * from fork to death, so that end of file means death and nothing else.
 */
static gboolean link_make(
	const char *console, const char *suffix, int child_fd, GError **error)
{
	g_autofree char *path = g_strconcat(console, suffix, NULL);
	g_autofree char *target = g_strdup_printf("/proc/self/fd/%d", child_fd);

	if (unlink(path) && errno != ENOENT)
		return fail_errno(error, errno, "cannot remove '%s'", path);
	if (symlink(target, path))
		return fail_errno(error, errno, "cannot make '%s'", path);
	return TRUE;
}

/* Between fork and exec: only what is safe after a fork of a threaded parent.
 */
static void child_setup(gpointer user)
{
	pid_t parent = *(pid_t *)user;
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have died before the line above. */
	if (getppid() != parent)
		_exit(127);
}

static gboolean child_start(char **argv, const struct child_ends *ends,
	int state_fd, GPid *ret_pid, GError **error)
{
	int source[5], target[5], nr = 0;
	g_autoptr(GError) why = NULL;
	pid_t self = getpid();

#define PASS_FD(fd, number)                                                    \
	do {                                                                   \
		if ((fd) >= 0) {                                               \
			source[nr] = fd;                                       \
			target[nr++] = number;                                 \
		}                                                              \
	} while (0)
	PASS_FD(ends->qmp, CHILD_QMP);
	PASS_FD(ends->console_out, CHILD_CONSOLE_OUT);
	PASS_FD(ends->console_in, CHILD_CONSOLE_IN);
	PASS_FD(ends->qtest, CHILD_QTEST);
	PASS_FD(state_fd, CHILD_STATE);
#undef PASS_FD

	if (g_spawn_async_with_pipes_and_fds(NULL, (const char *const *)argv,
		    NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
		    child_setup, &self, -1, ends->err, ends->err, source,
		    target, (gsize)nr, ret_pid, NULL, NULL, NULL, &why))
		return TRUE;
	if (g_error_matches(why, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
		return fail(error, VM_ERROR_MISSING,
			"'%s' not found: install qemu-system-x86", argv[0]);
	return fail(error, VM_ERROR_BROKEN, "cannot start '%s': %s", argv[0],
		why->message);
}

gboolean spawn_qemu(char **argv, const char *console, int state_fd,
	struct spawn *ret_spawn, GError **error)
{
	gboolean qtest = g_strv_contains((const char *const *)argv, "-qtest");
	struct spawn ours = {0, -1, -1, -1, -1, -1};
	struct child_ends theirs = {-1, -1, -1, -1, -1};
	gboolean ok = FALSE;

	if (channels_make(qtest, &ours, &theirs) < 0)
		(void)fail_errno(error, errno, "cannot make QEMU's channels");
	else if (link_make(console, ".in", CHILD_CONSOLE_IN, error) &&
		 link_make(console, ".out", CHILD_CONSOLE_OUT, error))
		ok = child_start(argv, &theirs, state_fd, &ours.pid, error);

	child_ends_close(&theirs);
	if (ok)
		*ret_spawn = ours;
	else
		spawn_close(&ours);
	return ok;
}

char *qemu_version(const char *qemu, GError **error)
{
	const char *argv[] = {qemu, "--version", NULL};
	g_autoptr(GError) why = NULL;
	g_autofree char *text = NULL;
	int status = 0;

	if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
		    NULL, &text, NULL, &status, &why)) {
		fail(error, VM_ERROR_MISSING,
			"'%s' cannot be started: install qemu-system-x86 (%s)",
			qemu, why->message);
		return NULL;
	}
	if (status || !text || !*text) {
		fail(error, VM_ERROR_BROKEN, "'%s --version' failed", qemu);
		return NULL;
	}
	text[strcspn(text, "\n")] = '\0';
	return g_steal_pointer(&text);
}
