/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * selftests: PID 1 where the initramfs has programs of the kernel's own
 * selftests. Runs what the host asks for, one at a time, and passes on what it
 * prints. Whether that is a pass is the host's business.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exec/exec.h"
#include "guest/guest.h"

#define CGROUP	 CGROUP_ROOT "/selftest"
#define ARGS_MAX 16
#define LOOK_MS	 5
#define DEATH_MS 5000 /* what was killed gets so long to go */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool lines_apply(
	struct selftest_slot *slot, const char *lines, size_t len, bool needed)
{
	struct why why;

	if (!setup_settings(lines, len, needed, &why))
		return true;
	snprintf(slot->refused, sizeof(slot->refused), "%.255s", why.text);
	return false;
}

/* What this kernel has not got the programs find out themselves, but for what
 * must be set. */
static bool settings_apply(struct selftest_slot *slot)
{
	slot->refused[0] = '\0';
	(void)lines_apply(slot, slot->settings, sizeof(slot->settings), false);
	slot->not_run =
		!lines_apply(slot, slot->needed, sizeof(slot->needed), true);
	return !slot->not_run;
}

static void program_exec(const struct selftest_slot *slot, int output)
	__attribute__((noreturn));
static void program_exec(const struct selftest_slot *slot, int output)
{
	char words[sizeof(slot->argv)], *argv[ARGS_MAX + 1], *at = words;
	static char path[] = "PATH=/selftests", home[] = "HOME=/tmp";
	char *envp[] = {path, home, NULL};
	struct rlimit core = {0, 0};
	int null = open("/dev/null", O_RDONLY);
	size_t nr = 0;

	memcpy(words, slot->argv, sizeof(words));
	words[sizeof(words) - 1] = '\0';
	while (nr < ARGS_MAX && at < words + sizeof(words) && *at) {
		argv[nr++] = at;
		at += strlen(at) + 1;
	}
	argv[nr] = NULL;
	if (!nr || setup_write(CGROUP "/cgroup.procs", "0") || setsid() < 0 ||
		chdir("/selftests") || dup2(null, STDIN_FILENO) < 0 ||
		dup2(output, STDOUT_FILENO) < 0 ||
		dup2(output, STDERR_FILENO) < 0 ||
		setrlimit(RLIMIT_CORE, &core))
		_exit(126);
	execve(argv[0], argv, envp);
	dprintf(STDERR_FILENO, "cannot execute '%s': %s\n", argv[0],
		strerror(errno));
	_exit(127);
}

/* Returns false when nobody can write any more. */
static bool output_take(struct selftest_slot *slot, int fd)
{
	char buf[4096];
	ssize_t len = read(fd, buf, sizeof(buf));
	uint32_t at = slot->output_len, room = SELFTEST_OUTPUT_MAX - at;

	if (len <= 0)
		return len < 0 && (errno == EINTR || errno == EAGAIN);
	if (room > (uint32_t)len)
		room = (uint32_t)len;
	memcpy(slot->output + at, buf, room);
	__atomic_store_n(&slot->output_len, at + room, __ATOMIC_RELEASE);
	return true;
}

/* Until @pid has ended or @end is over; its orphans are reaped by the way. */
static bool program_follow(
	struct selftest_slot *slot, pid_t pid, int fd, int64_t end)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	bool ended = false;

	while (!ended && now_ms() < end) {
		int status;
		pid_t got;

		if (poll(&poll_fd, 1, LOOK_MS) > 0 && !output_take(slot, fd))
			poll_fd.fd = -1;
		while ((got = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
			if (got != pid)
				continue;
			slot->status = status;
			ended = true;
		}
	}
	return ended;
}

static void program_run(struct selftest_slot *slot)
{
	int64_t start = now_ms(), end = start + slot->limit_ms;
	int fd[2];
	pid_t pid;

	slot->output_len = 0;
	slot->timed_out = 0;
	slot->status = 127 << 8;
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		return;
	pid = fork();
	if (!pid) {
		(void)fcntl(fd[1], F_SETFL, 0);
		program_exec(slot, fd[1]);
	}
	close(fd[1]);
	if (pid > 0 && !program_follow(slot, pid, fd[0], end)) {
		slot->timed_out = 1;
		(void)setup_write(CGROUP "/cgroup.kill", "1");
		(void)program_follow(slot, pid, fd[0], now_ms() + DEATH_MS);
	}
	/* what it left behind must neither write nor stay */
	(void)setup_write(CGROUP "/cgroup.kill", "1");
	while (output_take(slot, fd[0]) && now_ms() < end + DEATH_MS) {
		struct pollfd poll_fd = {.fd = fd[0], .events = POLLIN};

		(void)poll(&poll_fd, 1, LOOK_MS);
	}
	close(fd[0]);
}

static int selftests_setup(struct selftest_slot **ret_slot, struct why *why)
{
	int err = setup_mounts(why), fd;
	void *map = NULL;

	if (!err)
		err = setup_shared(SLOT_BYTES, &map, &fd, why);
	if (!err)
		err = setup_cgroup_root(why);
	if (err)
		return err;
	(void)mkdir("/dev/shm", 01777);
	(void)mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL);
	if (mkdir(CGROUP, 0755))
		return why_set(why, -errno, "make '" CGROUP "'");
	setup_tunables();
	*ret_slot = map;
	return 0;
}

int selftests_main(struct why *why)
{
	struct selftest_slot *slot = NULL;
	int err = selftests_setup(&slot, why);
	uint32_t number = 0;

	if (err)
		return err;
	__atomic_store_n(&slot->guest_state, GUEST_IDLE, __ATOMIC_RELEASE);
	for (;;) {
		uint32_t request =
			__atomic_load_n(&slot->request, __ATOMIC_ACQUIRE);

		if (request == number) {
			usleep(1000);
			continue;
		}
		number = request;
		if (settings_apply(slot))
			program_run(slot);
		__atomic_store_n(&slot->reply, number, __ATOMIC_RELEASE);
	}
}
