/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * actor: a process or a thread of a program, from its first instruction to its
 * exit. Raw system calls only: see raw.h.
 */
#include <errno.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "exec/exec.h"
#include "exec/raw.h"

#define THREAD_FLAGS                                                           \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |    \
		CLONE_SYSVSEM)

/* "l0p1t2", so that a report of the kernel names the actor */
static void actor_name(const struct actor *actor)
{
	char name[] = "l0p0t0";

	name[1] += (char)actor->lane->index;
	name[3] += (char)actor->proc;
	name[5] += (char)actor->thread;
	(void)raw3(SYS_prctl, PR_SET_NAME, (long)name, 0);
}

/* A race needs two CPUs; without one, all stay where their worker is. Who waits
 * inside the kernel may have to spin there: the others go elsewhere. */
static void actor_place(const struct actor *actor)
{
	const struct lane *lane = actor->lane;
	uint32_t place = lane->prog.nr_stalls ? !stall_armed(actor)
					      : actor->proc + actor->thread;
	uint32_t cpu = (lane->index + place) % lane->guest->nr_cpus;
	unsigned long mask = 1ul << (cpu % 64);

	if (lane->spread)
		(void)raw3(SYS_sched_setaffinity, 0, sizeof(mask), (long)&mask);
}

static void call_turn(const struct actor *actor, uint32_t i)
{
	struct lane *lane = actor->lane;
	const struct call *call = &lane->prog.call[i];
	struct call_result *result = &lane->result->call[i];
	bool async =
		((call->props & CALL_ASYNC) || call_stall(&lane->prog, i)) &&
		ops[call->op].run != RUN_BARRIER;
	uint64_t start;

	if (!turn_wait(actor, i))
		return;
	stall_enter(actor, i);
	if (call_needs(call) & ~lane->guest->caps) {
		result->err = -ENOSYS;
		result->state = lane->progress[i] = CALL_SKIPPED;
		stall_skip(lane, i);
		turn_pass(lane, i);
		return;
	}
	result->state = lane->progress[i] = CALL_STARTED;
	call_prepare(actor, i);
	if (async) {
		flight_begin(actor);
		turn_pass(lane, i);
	}
	stall_begin(actor, i);
	kcov_mark(actor, i, false);
	start = raw_tsc();
	call_make(actor, i);
	result->us = (uint32_t)((raw_tsc() - start) / lane->guest->tsc_mhz);
	kcov_mark(actor, i, true);
	result->state = lane->progress[i] = CALL_DONE;
	stall_end(actor, i);
	if (async)
		flight_end(actor);
	else
		turn_pass(lane, i);
}

static void actor_calls(const struct actor *actor)
{
	const struct prog *prog = &actor->lane->prog;

	actor_name(actor);
	actor_place(actor);
	kcov_enable(actor);
	for (uint32_t i = 0; i < prog->nr_calls; i++)
		if (prog->call[i].proc == actor->proc &&
			prog->call[i].thread == actor->thread)
			call_turn(actor, i);
}

static void thread_start(void *arg)
{
	actor_calls(arg);
	for (;;)
		(void)raw1(SYS_pause, 0);
}

static void threads_start(struct actor *actor)
{
	struct lane *lane = actor->lane;

	for (uint32_t t = 1; t < PROG_THREADS; t++)
		if (lane->threads[actor->proc] & (1u << t))
			(void)raw_clone(THREAD_FLAGS, lane->stack[t + 1], NULL,
				thread_start, &lane->actor[actor->proc][t]);
}

/* Nobody runs but the caller, so what rmap_fsck counts is exact. Before the end
 * pages are read: that brings swapped ones back. */
static void actor_fsck(const struct actor *actor)
{
	struct lane *lane = actor->lane;
	long err;

	if (!(lane->flags & RUN_FSCK) || !(lane->guest->caps & CAP_RMAP_FSCK))
		return;
	err = rmap_fsck(lane->guest);
	if (!err || err == -EUCLEAN)
		lane->result->fscked |= 1u << actor->proc;
	if (err == -EUCLEAN)
		lane->result->bad_rmap |= 1u << actor->proc;
}

/* Ends go one after the other, each after the exit of the one before: what an
 * exit takes from the others by mistake is seen. */
static void actor_end(const struct actor *actor)
{
	struct lane *lane = actor->lane;
	struct page_at pages[PROG_END_PAGES];
	uint64_t obs = OBS_FAULT;
	uint32_t nr;

	(void)turn_wait(actor, lane->prog.nr_calls + actor->proc);
	flight_wait(actor);
	actor_fsck(actor);
	if (!(lane->flags & RUN_CHECK))
		return;
	nr = prog_end_pages(&lane->prog, pages);
	for (uint32_t i = 0; i < nr; i++) {
		obs = page_observe(pages[i].slot, pages[i].page, obs);
		lane->result->end[actor->proc][i] = obs;
	}
	lane->result->live |= 1u << actor->proc;
}

void actor_start(void *arg)
{
	struct actor *actor = arg;

	own_lock(actor->lane);
	fail_forget(actor);
	uffd_forget(actor);
	threads_start(actor);
	actor_calls(actor);
	actor_end(actor);
	actor_exit();
}

void actor_exit(void)
{
	for (;;)
		(void)raw1(SYS_exit_group, 0);
}
