/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worker: serves one lane. It takes a request, starts the first process of the
 * program, buries the dead until none is left, and answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exec/exec.h"
#include "exec/raw.h"

#define SPIN_US	   500 /* poll so long before the first sleep */
#define SLEEP_NS   200000
#define LOOK_NS	   500000
#define CALIB_RUNS 5

static uint64_t lane_us(const struct lane *lane)
{
	return raw_tsc() / lane->guest->tsc_mhz;
}

long worker_clone(
	struct lane *lane, int32_t *pid, void (*entry)(void *), void *arg)
{
	struct clone_args args = {
		.flags = CLONE_PARENT_SETTID | CLONE_INTO_CGROUP,
		.parent_tid = (uintptr_t)pid,
		.exit_signal = SIGCHLD,
		.stack = (uintptr_t)lane->stack[0],
		.stack_size = ACTOR_STACK_BYTES,
		.cgroup = (uint32_t)lane->cgroup.dir_fd,
	};

	return raw_clone3(&args, sizeof(args), entry, arg);
}

static void result_broken(struct prog_result *result, const char *text)
{
	_Static_assert(sizeof(result->message) == 128, "%.127s");
	result->flags |= RESULT_BROKEN;
	snprintf(result->message, sizeof(result->message), "%.127s", text);
}

/* Which threads each process of the program has; 0: it is never forked. */
static void program_threads(struct lane *lane)
{
	const struct prog *prog = &lane->prog;

	memset(lane->threads, 0, sizeof(lane->threads));
	lane->threads[0] = prog_threads(prog, 0);
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		uint64_t child = prog->call[i].arg[0].num;

		if (ops[prog->call[i].op].run == RUN_FORK)
			lane->threads[child] =
				prog_threads(prog, (uint32_t)child);
	}
}

static int program_memfd(struct lane *lane)
{
	const struct prog *prog = &lane->prog;

	lane->memfd = -1;
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		uint64_t backing;

		if (ops[prog->call[i].op].run != RUN_MMAP)
			continue;
		backing = call_bits(&prog->call[i], 2);
		if (backing != BACKING_MEMFD &&
			backing != BACKING_MEMFD_PRIVATE)
			continue;
		lane->memfd = memfd_create("program", MFD_CLOEXEC);
		if (lane->memfd < 0 ||
			ftruncate(
				lane->memfd, PROG_SLOT_PAGES * PROG_PAGE_SIZE))
			return -errno;
		return 0;
	}
	return 0;
}

/* What the host wants of this guest, once; its template knew nothing of it. */
static int settings_apply(struct lane *lane, struct why *why)
{
	struct slot *slot = lane->guest->slot;
	uint32_t nr = __atomic_load_n(&slot->nr_settings, __ATOMIC_ACQUIRE);
	int err;

	if (nr == lane->nr_settings)
		return 0;
	err = setup_settings(slot->settings, sizeof(slot->settings), true, why);
	if (!err)
		lane->nr_settings = nr;
	return err;
}

/* Everything about the last program is forgotten here. */
static int program_prepare(struct lane *lane, struct why *why)
{
	struct prog_result *result = lane->result;
	int err;

	result->flags = result->us = result->nr_obs = 0;
	result->live = result->died = result->nr_pcs = 0;
	result->fscked = result->bad_rmap = 0;
	memset(result->leaked, 0, sizeof(result->leaked));
	result->message[0] = '\0';
	err = settings_apply(lane, why);
	if (!err)
		err = prog_check(&lane->prog, why);
	if (err)
		return err;
	memset(result->call, 0, lane->prog.nr_calls * sizeof(result->call[0]));
	memset(result->stall, 0, sizeof(result->stall));
	memset(lane->baton, 0, sizeof(*lane->baton));
	lane->spread = lane->prog.nr_stalls;
	lane->fails = lane->swaps_off = false;
	memset(lane->pin_fd, 0, sizeof(lane->pin_fd));
	memset(lane->pipe_fd, 0, sizeof(lane->pipe_fd));
	for (uint32_t i = 0; i < lane->prog.nr_calls; i++) {
		lane->spread |= lane->prog.call[i].props & CALL_ASYNC;
		lane->fails |= lane->prog.call[i].fail != 0;
		lane->swaps_off |= lane->prog.call[i].op == OP_SWAPOFF;
	}
	program_threads(lane);
	err = program_memfd(lane);
	if (err)
		return why_set(why, err, "make the program's memfd");
	err = cgroup_renew(&lane->cgroup, lane->index, why);
	return err ? err : kcov_prepare(lane, why);
}

static int program_start(struct lane *lane, struct why *why)
{
	long pid;

	lane->baton->proc[0].life = LIFE_LIVES;
	turn_start(lane);
	pid = worker_clone(lane, &lane->baton->proc[0].pid, actor_start,
		&lane->actor[0][0]);
	return pid < 0 ? why_set(why, (int)pid, "clone p0 into '%s'",
				 lane->cgroup.path)
		       : 0;
}

static void program_bury(struct lane *lane, pid_t pid, int status)
{
	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		if (lane->baton->proc[p].pid != pid)
			continue;
		lane->baton->proc[p].pid = 0;
		if (WIFSIGNALED(status))
			lane->result->died |= 1u << p;
		turn_bury(lane, p);
		return;
	}
}

/* What a program had come to after half of its time */
struct half {
	bool is_taken;
	uint32_t returned;
	uint64_t system_us;
};

static uint32_t calls_in(const struct lane *lane, enum call_state state)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < lane->prog.nr_calls; i++)
		nr += lane->result->call[i].state == state;
	return nr;
}

static void half_take(struct half *half, const struct lane *lane)
{
	half->is_taken = true;
	half->returned = calls_in(lane, CALL_DONE);
	half->system_us = cgroup_system_us(&lane->cgroup);
}

/* Since then one call or more was under way, in the kernel and not asleep. */
static bool has_spun(
	const struct half *half, const struct lane *lane, uint64_t limit)
{
	uint64_t busy = cgroup_system_us(&lane->cgroup) - half->system_us;

	return calls_in(lane, CALL_STARTED) &&
	       calls_in(lane, CALL_DONE) == half->returned &&
	       busy >= limit / 2 * 3 / 4;
}

/* A child that is gone, or less than 0: ask again. The kernel cannot tell one
 * call that waits that another is at its point: then we look. */
static pid_t wait_child(struct lane *lane, int *status)
{
	const struct timespec nap = {.tv_nsec = LOOK_NS};
	pid_t pid;

	if (!stall_cross(lane))
		return waitpid(-1, status, __WALL);
	pid = waitpid(-1, status, __WALL | WNOHANG);
	if (pid)
		return pid;
	(void)nanosleep(&nap, NULL);
	errno = EINTR;
	return -1;
}

/*
 * Waits until no child is left. A tick of the interval timer ends the sleep, so
 * a signal that came too early costs one tick, and nothing is armed for a
 * program. Who outlives SIGKILL by as long as a whole program may take is
 * stuck in the kernel.
 */
static void program_wait(struct lane *lane, uint32_t timeout_ms)
{
	uint64_t limit = (uint64_t)timeout_ms * 1000;
	uint64_t start = lane_us(lane), passed;
	struct half half = {0};

	for (;;) {
		int status;
		pid_t pid = wait_child(lane, &status);

		if (pid > 0)
			program_bury(lane, pid, status);
		else if (errno == ECHILD)
			return;
		passed = lane_us(lane) - start;
		if (!half.is_taken && passed >= limit / 2)
			half_take(&half, lane);
		if (passed < limit)
			continue;
		if (lane->result->flags & RESULT_TIMEOUT) {
			lane->result->flags |= RESULT_STUCK;
			return;
		}
		lane->result->flags |= RESULT_TIMEOUT;
		if (has_spun(&half, lane, limit))
			lane->result->flags |= RESULT_SPUN;
		cgroup_kill(&lane->cgroup);
		start = lane_us(lane);
	}
}

/* Returns the number of PCs, where it is known. */
static uint32_t program_cover(struct lane *lane, uint8_t *map)
{
	if (!(lane->flags & RUN_TRACE))
		return kcov_collect(lane, map);
	if (lane->flags & RUN_ORDER)
		kcov_keep(lane);
	else
		kcov_trace(lane, (struct slot_trace *)map);
	return 0;
}

/* To the CPU of its lane; or, while a program has stalls, to none: a call that
 * waits may keep that one while the worker is to bury who acts meanwhile. */
static void worker_pin(const struct lane *lane, bool anywhere)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (uint32_t cpu = 0; cpu < lane->guest->nr_cpus; cpu++)
		if (anywhere || cpu == lane->index % lane->guest->nr_cpus)
			CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void program_run(struct lane *lane, const struct slot_request *request)
{
	struct slot *slot = lane->guest->slot;
	struct prog_result *result = lane->result;
	uint64_t start = lane_us(lane);
	struct why why;
	int err;

	lane->flags = request->flags;
	lane->timeout_ms = request->timeout_ms;
	memcpy(lane->stall_pc, request->stall_pc, sizeof(lane->stall_pc));
	leak_begin(lane);
	err = program_prepare(lane, &why);
	if (!err) {
		lane->progress = lane->window->progress[slot_record(
			slot, lane->index, &lane->prog)];
		err = program_start(lane, &why);
	}
	if (err) {
		result_broken(result, why.text);
	} else {
		if (lane->prog.nr_stalls)
			worker_pin(lane, true);
		program_wait(lane, request->timeout_ms);
		if (lane->prog.nr_stalls)
			worker_pin(lane, false);
		result->nr_pcs =
			program_cover(lane, slot->lane[lane->index].map);
	}
	if (lane->memfd >= 0)
		close(lane->memfd);
	lane->memfd = -1;
	if (lane->swaps_off)
		(void)swap_on();
	if (result->died && cgroup_oomed(&lane->cgroup))
		result->flags |= RESULT_OOM;
	if (result->flags & RESULT_STUCK)
		cgroup_drop(&lane->cgroup);
	leak_end(lane);
	result->us = (uint32_t)(lane_us(lane) - start);
}

static void request_bare(struct lane *lane, const struct slot_request *request)
{
	int64_t us;
	struct why why;

	memset(lane->result, 0, offsetof(struct prog_result, call));
	lane->flags = request->flags;
	us = cgroup_renew(&lane->cgroup, lane->index, &why);
	if (!us)
		us = bare_run(lane, request->number, &why);
	if (us >= 0) {
		lane->result->us = (uint32_t)us;
		return;
	}
	result_broken(lane->result, why.text);
}

/* The sites that a host chose travel at the start of the lane's map. */
static void request_rank(struct lane *lane, uint32_t nr)
{
	struct slot_lane *shared = &lane->guest->slot->lane[lane->index];

	nr = nr < SLOT_SITES_MAX ? nr : SLOT_SITES_MAX;
	shared->number = kcov_rank(lane, (uint64_t *)shared->map, nr);
}

static void request_prune(struct lane *lane, uint32_t nr)
{
	struct slot *slot = lane->guest->slot;

	nr = nr < SLOT_SITES_MAX ? nr : SLOT_SITES_MAX;
	kcov_prune((uint64_t *)slot->lane[lane->index].map, nr);
	kcov_sites(&slot->kcov_sites, &slot->kcov_pruned);
}

static void request_gcov(struct lane *lane, uint32_t from)
{
	struct slot_lane *shared = &lane->guest->slot->lane[lane->index];

	shared->number = gcov_copy(from, shared->map, SLOT_MAP_BYTES);
}

static void request_order(struct lane *lane, uint32_t from)
{
	struct slot_lane *shared = &lane->guest->slot->lane[lane->index];

	shared->number = kcov_order(lane, from, (uint32_t *)shared->map);
}

static void request_serve(struct lane *lane, const struct slot_request *request)
{
	switch (request->command) {
	case SLOT_RUN:
		program_run(lane, request);
		return;
	case SLOT_RANK:
		request_rank(lane, request->number);
		return;
	case SLOT_PRUNE:
		request_prune(lane, request->number);
		return;
	case SLOT_GCOV:
		request_gcov(lane, request->number);
		return;
	case SLOT_ORDER:
		request_order(lane, request->number);
		return;
	case SLOT_BARE:
		request_bare(lane, request);
		return;
	case SLOT_CRASH:
		(void)setup_write("/proc/sysrq-trigger", "c");
		break;
	}
	result_broken(lane->result, "the command is unknown or had no effect");
}

/* Spins, so that a host that is at work costs no wake-up; then naps, so that an
 * idle one finds an idle guest. */
static uint32_t request_wait(struct lane *lane, struct slot_request *ret)
{
	uint64_t start = lane_us(lane), now = start;
	uint32_t number;

	while (!(number = slot_pending(
			 lane->guest->slot, lane->index, ret, &lane->prog))) {
		now = lane_us(lane);
		if (now - start < SPIN_US)
			__builtin_ia32_pause();
		else
			nanosleep(
				&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
	}
	lane->window->reply.wait_ns += (now - start) * 1000;
	return number;
}

static void tick(int signal_nr)
{
	(void)signal_nr;
}

static int worker_signals(void)
{
	struct sigaction action = {.sa_handler = tick};
	struct itimerval timer = {
		.it_interval = {.tv_usec = TICK_MS * 1000},
		.it_value = {.tv_usec = TICK_MS * 1000},
	};

	if (sigaction(SIGALRM, &action, NULL) ||
		setitimer(ITIMER_REAL, &timer, NULL))
		return -errno;
	return raw_catch_faults();
}

static void *map_shared(size_t bytes, int fd, size_t offset)
{
	int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0);
	void *map = mmap(
		NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);

	return map == MAP_FAILED ? NULL : map;
}

static struct lane *lane_new(const struct guest *guest, uint32_t index)
{
	struct lane *lane = mmap(NULL, sizeof(*lane), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (lane == MAP_FAILED)
		return NULL;
	lane->guest = guest;
	lane->index = index;
	lane->memfd = -1;
	leak_open(lane);
	lane->baton = map_shared(sizeof(*lane->baton), -1, 0);
	lane->window = map_shared(sizeof(*lane->window), guest->slot_fd,
		offsetof(struct slot, lane[index].reply));
	if (!lane->baton || !lane->window)
		return NULL;
	lane->result = &lane->window->reply.result;
	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		for (uint32_t t = 0; t < PROG_THREADS; t++) {
			lane->kcov[p][t].fd = -1;
			lane->actor[p][t] = (struct actor){lane, p, t};
		}
	}
	return lane;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* How fast is this machine now? The host scales its timeouts by it. */
static uint64_t worker_calibrate(struct lane *lane)
{
	int64_t us[CALIB_RUNS];

	lane->flags = 0;
	if (cgroup_renew(&lane->cgroup, lane->index, NULL))
		return 0;
	for (uint32_t i = 0; i < CALIB_RUNS; i++)
		us[i] = bare_run(lane, 1, NULL);
	qsort(us, CALIB_RUNS, sizeof(us[0]), by_time);
	return us[CALIB_RUNS / 2] < 0 ? 0 : (uint64_t)us[CALIB_RUNS / 2] * 1000;
}

void worker_main(const struct guest *guest, uint32_t index, uint32_t *idle)
{
	struct lane *lane = lane_new(guest, index);
	struct slot_request request;

	if (!lane || worker_signals())
		_exit(1);
	worker_pin(lane, false);
	lane->window->reply.map_bytes =
		guest->caps & CAP_KCOV ? SLOT_MAP_BYTES : 0;
	if (index == 0)
		guest->slot->calib_ns = worker_calibrate(lane);
	__atomic_add_fetch(idle, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		uint32_t number = request_wait(lane, &request);

		if (index == 0)
			vmstat_publish(lane);
		request_serve(lane, &request);
		slot_answer(guest->slot, index, number);
	}
}
