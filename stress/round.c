/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A round: each job in a cgroup of its own, from the start of its first process
 * to the death of its last.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/guest.h"
#include "prog/prog.h"
#include "stress/stress.h"

#define PIDS_MAX       "160" /* of a job */
#define MEM_SHARE      3     /* of 5 parts of what is free, for all jobs */
#define JOB_MIB_MAX    64
#define JOB_MIB_MIN    12
#define GRACE_MS       3000  /* to end by itself */
#define KILL_MS	       30000 /* to die of SIGKILL */
#define FREEZE_MS      10000
#define PAUSE_SHARE    10 /* of the time: the longest that all stand still */
#define PAUSE_NS       20000000000ull /* a round has one for each so long a part */
#define PEER_FREEZE_MS 2000
#define PEER_LEAST_MS  1000 /* of another tool: less is no run */

struct shared {
	uint32_t serial, halt;
	struct journal journal[BOARD_JOBS];
};

struct round {
	struct board *board;
	struct shared *shared;
	struct job *job;
	uint32_t nr, number;
	uint64_t end_ns;
};

static uint64_t free_mib(void)
{
	return sample_key("/proc/meminfo", "MemFree:");
}

static void group_write(const char *group, const char *file, const char *text)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	(void)setup_write(path, text);
}

static int group_make(struct job *job, struct why *why)
{
	char bytes[32], swap[32];

	snprintf(bytes, sizeof(bytes), "%llu",
		(unsigned long long)job->pages * LOAD_PAGE);
	snprintf(swap, sizeof(swap), "%llu",
		(unsigned long long)job->pages * 2 * LOAD_PAGE);
	if (mkdir(job->cgroup, 0700) && errno != EEXIST)
		return why_set(why, -errno, "make '%s'", job->cgroup);
	group_write(job->cgroup, "memory.high", "max");
	group_write(job->cgroup, "memory.max", bytes);
	group_write(job->cgroup, "memory.swap.max", swap);
	group_write(job->cgroup, "memory.oom.group", "1");
	group_write(job->cgroup, "pids.max", PIDS_MAX);
	return 0;
}

static int job_start(struct job *job, struct why *why)
{
	int fd = open(job->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)(uint32_t)fd,
	};
	long pid;

	if (fd < 0)
		return why_set(why, -errno, "open '%s'", job->cgroup);
	job->start_ns = now_ns();
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		job_enter(job);
	close(fd);
	if (pid < 0)
		return why_set(why, -errno, "clone into '%s'", job->cgroup);
	job->pid = (pid_t)pid;
	return 0;
}

static void job_fill(struct round *round, struct job *job, uint32_t row,
	uint32_t index, uint32_t pages)
{
	struct board *board = round->board;
	uint32_t place = (uint32_t)(job - round->job);

	*job = (struct job){
		.stressor = &stressors[row],
		.board = board,
		.work = &board->stressor[row],
		.journal = &round->shared->journal[place],
		.serial = &round->shared->serial,
		.halt = &round->shared->halt,
		.id = row,
		.index = index,
		.nr_nodes = board->caps & CAP_NUMA ? 2 : 1,
		.pages = pages,
		.end_ns = round->end_ns,
		.reclaim_fd = -1,
	};
	snprintf(job->cgroup, sizeof(job->cgroup), LOAD_GROUP "/%s.%u",
		stressors[row].name, index);
	rng_seed(&job->rng, board->load.seed ^ (uint64_t)round->number << 32 ^
				    (uint64_t)row << 16 ^ index);
}

static int round_start(struct round *round, uint64_t set, struct why *why)
{
	uint32_t jobs = round->board->load.jobs, total;
	uint64_t mib;

	total = (uint32_t)__builtin_popcountll(set) * jobs;
	if (!total || total > BOARD_JOBS)
		return why_set(why, -EINVAL, "%u jobs: not 1 to %d", total,
			BOARD_JOBS);
	mib = free_mib() / 1024 * MEM_SHARE / 5 / total;
	if (!(set >> ROW_PEER & 1) && mib > JOB_MIB_MAX)
		mib = JOB_MIB_MAX;
	mib = mib < JOB_MIB_MIN ? JOB_MIB_MIN : mib;
	for (uint32_t row = 0; row <= ROW_PEER; row++) {
		for (uint32_t i = 0; set >> row & 1 && i < jobs; i++) {
			struct job *job = &round->job[round->nr++];
			int err;

			job_fill(round, job, row, i,
				(uint32_t)(mib << 20) / LOAD_PAGE);
			err = group_make(job, why);
			if (!err)
				err = job_start(job, why);
			if (err)
				return err;
		}
	}
	return 0;
}

static bool job_oomed(struct job *job)
{
	uint64_t before = job->ooms;
	char path[160];

	snprintf(path, sizeof(path), "%s/memory.events", job->cgroup);
	job->ooms = sample_key(path, "oom_kill");
	return job->ooms > before;
}

static void job_spoil(struct job *job, const char *text)
{
	job->work->outcome = STRESS_BROKEN;
	if (!job->work->reason[0])
		snprintf(job->work->reason, sizeof(job->work->reason), "%s",
			text);
}

static void job_again(struct job *job)
{
	group_write(job->cgroup, "cgroup.kill", "1");
	if (group_make(job, NULL) || job_start(job, NULL))
		job_spoil(job, "it cannot be started again");
}

/* A tool that has come to its end is started again while there is time. Its
 * exit status judges no kernel, but 1 (and what a shell says of a program that
 * is not there) is that of one that could not begin. */
static void peer_ended(struct job *job, int status)
{
	uint64_t ms = (now_ns() - job->start_ns) / 1000000;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	char text[96];

	if (job->work->outcome == STRESS_BROKEN || !job_on(job))
		return;
	job_did(job, WORK_OPS, 1);
	if (job_oomed(job)) {
		job->work->ooms++;
	} else if (code == 1 || code >= 126 || ms < PEER_LEAST_MS) {
		snprintf(text, sizeof(text),
			"it ended after %llu ms: exit status %d, signal %d",
			(unsigned long long)ms, code,
			WIFSIGNALED(status) ? WTERMSIG(status) : 0);
		job_spoil(job, text);
		return;
	}
	job_again(job);
}

/* Only the first process of a job is news; others are orphans. */
static void job_ended(struct round *round, struct job *job, int status)
{
	char text[96];

	job->pid = 0;
	if (job->id == ROW_PEER) {
		peer_ended(job, status);
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == JOB_EXIT_FOUND)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status)) {
		job_spoil(job, "it could not go on");
		return;
	}
	if (WIFEXITED(status) || !job_on(job))
		return;
	if (job_oomed(job)) {
		job->work->ooms++;
		group_write(job->cgroup, "cgroup.kill", "1");
		if (!group_make(job, NULL) && !job_start(job, NULL))
			return;
	}
	snprintf(text, sizeof(text), "its first process died of signal %d",
		WTERMSIG(status));
	job_spoil(job, text);
	(void)round;
}

static void round_reap(struct round *round)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		for (uint32_t i = 0; i < round->nr; i++) {
			if (round->job[i].pid == pid)
				job_ended(round, &round->job[i], status);
		}
	}
}

static void round_tick(struct round *round)
{
	struct board *board = round->board;

	usleep(TICK_MS * 1000);
	__atomic_add_fetch(&board->beat, 1, __ATOMIC_RELAXED);
	round_reap(round);
	sample_take(board);
	for (uint32_t i = 0; i < round->nr; i++) {
		struct job *job = &round->job[i];
		uint64_t now = sample_cgroup(job);

		if (now > job->stat_prev)
			job_did(job, WORK_RECLAIMED, now - job->stat_prev);
		job->stat_prev = now;
	}
	if (board->stop || board->finding.claimed == 2)
		__atomic_store_n(&round->shared->halt, 1, __ATOMIC_RELEASE);
}

static bool group_is(const char *key, uint64_t value)
{
	return sample_key(LOAD_GROUP "/cgroup.events", key) == value;
}

static bool wait_group(
	struct round *round, const char *key, uint64_t value, uint64_t ms)
{
	uint64_t end = now_ns() + ms * round->board->load.scale * 1000000;

	while (!group_is(key, value)) {
		if (now_ns() > end)
			return false;
		round_tick(round);
	}
	return true;
}

/* All tasks stand still, so what they map can be looked at in peace. Another
 * tool may be in a system call that nothing interrupts for half a minute
 * (mremap of what is populated, with little memory): then those that stand
 * still are looked at. */
static void round_pause(struct round *round, uint64_t ns)
{
	bool is_peer = round->board->load.flags & LOAD_PEER, frozen;

	group_write(LOAD_GROUP, "cgroup.freeze", "1");
	frozen = wait_group(
		round, "frozen", 1, is_peer ? PEER_FREEZE_MS : FREEZE_MS);
	round->board->pauses += frozen;
	if (frozen || is_peer)
		quiet_frozen(round->board, now_ns() + ns);
	group_write(LOAD_GROUP, "cgroup.freeze", "0");
}

static bool jobs_alive(const struct round *round)
{
	for (uint32_t i = 0; i < round->nr; i++) {
		if (round->job[i].pid)
			return true;
	}
	return false;
}

/* Another tool does not look at @halt. */
static void peer_stop(const struct round *round)
{
	for (uint32_t i = 0; i < round->nr; i++) {
		if (round->job[i].id == ROW_PEER && round->job[i].pid)
			(void)kill(round->job[i].pid, SIGTERM);
	}
}

static void round_end(struct round *round)
{
	uint64_t end = now_ns() +
		       (uint64_t)GRACE_MS * round->board->load.scale * 1000000;

	__atomic_store_n(&round->shared->halt, 1, __ATOMIC_RELEASE);
	peer_stop(round);
	while (jobs_alive(round) && now_ns() < end)
		round_tick(round);
	group_write(LOAD_GROUP, "cgroup.kill", "1");
	if (!wait_group(round, "populated", 0, KILL_MS))
		board_found(round->board, BOARD_STRESSORS,
			"tasks stuck after kill",
			"they did not die of SIGKILL in %d s times %u",
			KILL_MS / 1000, round->board->load.scale);
	round_reap(round);
	quiet_restore();
	for (uint32_t i = 0; i < round->nr; i++)
		(void)rmdir(round->job[i].cgroup);
}

static void round_serve(struct round *round)
{
	uint64_t start = now_ns(), length = round->end_ns - start;
	uint64_t parts = length / PAUSE_NS ? length / PAUSE_NS : 1;
	uint64_t part = length / parts, pause = start + part / 2;

	while (now_ns() < round->end_ns &&
		!__atomic_load_n(&round->shared->halt, __ATOMIC_ACQUIRE)) {
		round_tick(round);
		if (now_ns() > pause) {
			round_pause(round, part / PAUSE_SHARE);
			pause += part;
		}
	}
}

int round_run(struct board *board, uint64_t set, uint32_t number,
	uint64_t end_ns, struct why *why)
{
	static struct job jobs[BOARD_JOBS];
	struct round round = {
		.board = board,
		.job = jobs,
		.number = number,
		.end_ns = end_ns,
	};
	int err;

	round.shared = mmap(NULL, sizeof(*round.shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (round.shared == MAP_FAILED)
		return why_set(why, -errno, "memory for the round");
	round.shared->serial = number << 16;
	err = round_start(&round, set, why);
	if (!err)
		round_serve(&round);
	round_end(&round);
	board->rounds++;
	munmap(round.shared, sizeof(*round.shared));
	if (!err && !board->finding.claimed)
		quiet_empty(board);
	return err;
}
