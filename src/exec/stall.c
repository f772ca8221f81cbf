/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stall: one call waits inside the kernel while others are made. The kernel
 * holds the task (KCOV_STALL_ARM) and tells its state in the words that all
 * actors share; it cannot wake a futex there, so who waits for a stalled call
 * to reach its point looks again and again. A meeting needs no kernel. Raw
 * system calls only: see raw.h.
 */
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <time.h>

#include "exec/exec.h"
#include "exec/raw.h"

#define LOOK_NS 20000

/* Shares of a program's time: a wait, a wait that spins, and how long the other
 * side must sleep until it counts as blocked */
#define BUDGET_SHARE 8
#define ATOMIC_SHARE 16
#define QUIET_SHARE  128
#define MEET_US	     10000 /* how long who is there waits for the other */

#define GET(p)	  __atomic_load_n(&(p), __ATOMIC_SEQ_CST)
#define SET(p, v) __atomic_store_n(&(p), (v), __ATOMIC_SEQ_CST)

/* Is @stall that of the second of two calls that wait for each other? */
static bool is_second(const struct stall *stall)
{
	return stall->until < stall->call;
}

static uint32_t last_inside(const struct stall *stall)
{
	return is_second(stall) ? stall->call : stall->until;
}

static void look_again(void)
{
	struct timespec nap = {.tv_nsec = LOOK_NS};

	(void)raw3(SYS_nanosleep, (long)&nap, 0, 0);
}

static void wait_open(struct baton_stall *stall)
{
	while (!GET(stall->open) &&
		GET(stall->words.state) < KCOV_STALL_REACHED)
		look_again();
}

static void wait_over(struct baton_stall *stall)
{
	while (!GET(stall->over))
		(void)raw6(
			SYS_futex, (long)&stall->over, FUTEX_WAIT, 0, 0, 0, 0);
}

static void set_over(struct baton_stall *stall)
{
	SET(stall->open, 1);
	SET(stall->over, 1);
	(void)raw6(
		SYS_futex, (long)&stall->over, FUTEX_WAKE, INT32_MAX, 0, 0, 0);
}

void stall_enter(const struct actor *actor, uint32_t i)
{
	struct lane *lane = actor->lane;

	for (uint32_t k = 0; k < lane->prog.nr_stalls; k++) {
		if (i > last_inside(&lane->prog.stall[k]))
			wait_over(&lane->baton->stall[k]);
		else if (i > lane->prog.stall[k].call)
			wait_open(&lane->baton->stall[k]);
	}
}

/* ---- a meeting ---- */

/* False: it did not become so in time */
static bool spin(const struct lane *lane, uint32_t *flag)
{
	uint64_t end = raw_tsc() + MEET_US * (uint64_t)lane->guest->tsc_mhz;

	while (!GET(*flag)) {
		if (raw_tsc() > end)
			return false;
		__builtin_ia32_pause();
	}
	return true;
}

static void be_late(const struct lane *lane, const struct stall *meeting)
{
	uint64_t end = raw_tsc() +
		       (uint64_t)meeting->offset * lane->guest->tsc_mhz / 1000;

	while (raw_tsc() < end)
		__builtin_ia32_pause();
}

/* The earlier call. Calls up to the later one are made meanwhile, so it sleeps
 * until that comes, and then spins: a wake-up takes longer than a window. */
static void meet(const struct actor *actor, uint32_t k)
{
	struct lane *lane = actor->lane;
	struct baton_stall *stall = &lane->baton->stall[k];
	uint64_t end = raw_tsc() + lane->timeout_ms * 1000ull / BUDGET_SHARE *
					   lane->guest->tsc_mhz;

	SET(stall->open, 1);
	while (!GET(stall->soon) && raw_tsc() < end)
		look_again();
	SET(stall->here, 1);
	if (spin(lane, &stall->met) && lane->prog.stall[k].hit == MEET_LATER)
		be_late(lane, &lane->prog.stall[k]);
}

/* The later one is call @i; it waits for all that are to meet it. */
static void meet_all(struct lane *lane, uint32_t i)
{
	const struct stall *late = NULL;

	for (uint32_t k = 0; k < lane->prog.nr_stalls; k++) {
		const struct stall *meeting = &lane->prog.stall[k];

		if (!stall_is_meeting(meeting) || meeting->until != i)
			continue;
		SET(lane->baton->stall[k].soon, 1);
		if (GET(lane->baton->stall[k].over) ||
			!spin(lane, &lane->baton->stall[k].here))
			continue;
		if (meeting->hit == MEET_EARLIER &&
			(!late || meeting->offset > late->offset))
			late = meeting;
	}
	for (uint32_t k = 0; k < lane->prog.nr_stalls; k++)
		if (lane->prog.stall[k].until == i &&
			GET(lane->baton->stall[k].here))
			SET(lane->baton->stall[k].met, 1);
	if (late)
		be_late(lane, late);
}

/* ---- a stall ---- */

static void arm(const struct actor *actor, uint32_t k)
{
	struct lane *lane = actor->lane;
	struct baton_stall *stall = &lane->baton->stall[k];
	uint64_t ns = lane->timeout_ms * 1000000ull;
	struct kcov_stall_arm args = {
		.pc = lane->stall_pc[k],
		.words = (uintptr_t)&stall->words,
		.budget_ns = ns / BUDGET_SHARE,
		.atomic_ns = ns / ATOMIC_SHARE,
		.quiet_ns = ns / QUIET_SHARE,
		.hit = lane->prog.stall[k].hit,
	};
	long err = -1;

	if ((lane->guest->caps & CAP_KCOV_STALL) && args.pc)
		err = raw3(SYS_ioctl, lane->kcov[actor->proc][actor->thread].fd,
			KCOV_STALL_ARM, (long)&args);
	if (err)
		SET(stall->open, 1); /* then it is a plain race */
}

/* Whom the kernel is to watch while call @i of a window is made; 0: nobody */
static void watch(struct lane *lane, uint32_t i, uint32_t tid)
{
	for (uint32_t k = 0; k < lane->prog.nr_stalls; k++) {
		const struct stall *stall = &lane->prog.stall[k];

		if ((i > stall->call && i <= stall->until) ||
			(is_second(stall) && i == stall->until))
			SET(lane->baton->stall[k].words.watch, tid);
	}
}

void stall_begin(const struct actor *actor, uint32_t i)
{
	struct lane *lane = actor->lane;

	if (!lane->prog.nr_stalls)
		return;
	watch(lane, i, (uint32_t)raw1(SYS_gettid, 0));
	for (uint32_t k = 0; k < lane->prog.nr_stalls; k++) {
		if (lane->prog.stall[k].call != i)
			continue;
		if (stall_is_meeting(&lane->prog.stall[k]))
			meet(actor, k);
		else
			arm(actor, k);
	}
	meet_all(lane, i);
}

/* The stall of the other call, where the two wait for each other; or NULL */
static struct baton_stall *other_of(struct lane *lane, uint32_t k)
{
	const struct stall *stall = &lane->prog.stall[k];

	for (uint32_t i = 0; i < lane->prog.nr_stalls; i++) {
		if (lane->prog.stall[i].call == stall->until &&
			lane->prog.stall[i].until == stall->call)
			return &lane->baton->stall[i];
	}
	return NULL;
}

/* Did this one go on because the other one was at its point? */
static bool has_crossed(struct lane *lane, uint32_t k)
{
	struct baton_stall *other = other_of(lane, k);

	return other && GET(other->words.state) >= KCOV_STALL_REACHED;
}

bool stall_cross(struct lane *lane)
{
	bool waits = false;

	for (uint32_t k = 0; k < lane->prog.nr_stalls; k++) {
		struct baton_stall *stall = &lane->baton->stall[k];

		if (is_second(&lane->prog.stall[k]) || !other_of(lane, k) ||
			GET(stall->over) || GET(stall->words.release))
			continue;
		if (has_crossed(lane, k))
			SET(stall->words.release, 1);
		else
			waits = true;
	}
	return waits;
}

static enum stall_outcome outcome(struct lane *lane, uint32_t k)
{
	static const uint8_t outcomes[] = {
		[KCOV_STALL_NONE] = STALL_UNARMED,
		[KCOV_STALL_ARMED] = STALL_MISSED,
		[KCOV_STALL_REACHED] = STALL_KILLED,
		[KCOV_STALL_RELEASED] = STALL_INSIDE,
		[KCOV_STALL_BLOCKED] = STALL_BLOCKED,
		[KCOV_STALL_TIMED_OUT] = STALL_TIMED_OUT,
		[KCOV_STALL_KILLED] = STALL_KILLED,
		[KCOV_STALL_IRQS_OFF] = STALL_IRQS_OFF,
	};
	uint32_t state = GET(lane->baton->stall[k].words.state);
	uint32_t until = lane->prog.stall[k].until;

	if (GET(lane->baton->stall[k].met))
		return STALL_MET;
	if (state >= ARRAY_SIZE(outcomes))
		return STALL_UNARMED;
	if (state == KCOV_STALL_RELEASED && !has_crossed(lane, k) &&
		lane->result->call[until].state != CALL_DONE)
		return STALL_EMPTY;
	return outcomes[state];
}

static void record(struct lane *lane, uint32_t k)
{
	struct kcov_stall_words *words = &lane->baton->stall[k].words;

	lane->result->stall[k] = (struct stall_result){
		.outcome = (uint8_t)outcome(lane, k),
		.atomic = GET(words->atomic) != 0,
		.hits = words->hits,
		.us = (uint32_t)(words->ns / 1000),
	};
}

void stall_end(const struct actor *actor, uint32_t i)
{
	struct lane *lane = actor->lane;

	if (!lane->prog.nr_stalls)
		return;
	watch(lane, i, 0);
	if (call_stall(&lane->prog, i))
		(void)raw3(SYS_ioctl, lane->kcov[actor->proc][actor->thread].fd,
			KCOV_STALL_DISARM, 0);
	stall_skip(lane, i);
}

/* What was given to RCU inside the window is to be free before it closes. Where
 * the stalled task spins it may be a reader itself: then nobody waits. The
 * second time is for callbacks of the first. */
static void let_rcu_free(const struct kcov_stall_words *words)
{
	for (int i = 0; i < 2; i++)
		if (GET(words->state) == KCOV_STALL_REACHED &&
			!GET(words->atomic))
			(void)raw3(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

void stall_skip(struct lane *lane, uint32_t i)
{
	for (uint32_t k = 0; k < lane->prog.nr_stalls; k++) {
		struct baton_stall *stall = &lane->baton->stall[k];

		if (lane->prog.stall[k].until == i) {
			let_rcu_free(&stall->words);
			SET(stall->words.release, 1);
			SET(stall->soon, 1);
		}
		if (lane->prog.stall[k].call != i)
			continue;
		record(lane, k);
		set_over(stall);
	}
}

bool stall_armed(const struct actor *actor)
{
	const struct prog *prog = &actor->lane->prog;

	for (uint32_t k = 0; k < prog->nr_stalls; k++) {
		const struct call *call = &prog->call[prog->stall[k].call];

		if (!is_second(&prog->stall[k]) && call->proc == actor->proc &&
			call->thread == actor->thread)
			return true;
	}
	return false;
}
