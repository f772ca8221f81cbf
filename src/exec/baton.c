/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * baton: whose turn it is. No dispatcher: the actor whose call is done hands
 * the turn to that of the next call, and makes a system call for it only when
 * that one sleeps. Who dies with the turn in hand leaves it to the worker.
 *
 * Ordering: `turn` and `asleep`, and `turn` and `life`, are Dekker pairs (each
 * side writes one and then reads the other), so all of it is seq_cst.
 */
#include <errno.h>
#include <linux/futex.h>

#include "exec/exec.h"
#include "exec/raw.h"

#define GET(p)	   __atomic_load_n(&(p), __ATOMIC_SEQ_CST)
#define SET(p, v)  __atomic_store_n(&(p), (v), __ATOMIC_SEQ_CST)
#define SWAP(p, v) __atomic_exchange_n(&(p), (v), __ATOMIC_SEQ_CST)

static void futex_sleep(uint32_t *word, uint32_t value)
{
	(void)raw6(SYS_futex, (long)word, FUTEX_WAIT, value, 0, 0, 0);
}

static void futex_wake(uint32_t *word)
{
	(void)raw6(SYS_futex, (long)word, FUTEX_WAKE, INT32_MAX, 0, 0, 0);
}

static uint32_t turn_proc(const struct lane *lane, uint32_t i)
{
	uint32_t nr = lane->prog.nr_calls;

	return i < nr ? lane->prog.call[i].proc : i - nr;
}

static uint32_t turn_thread(const struct lane *lane, uint32_t i)
{
	return i < lane->prog.nr_calls ? lane->prog.call[i].thread : 0;
}

static void turn_wake(struct lane *lane, uint32_t i)
{
	struct baton_actor *to =
		&lane->baton->actor[turn_proc(lane, i)][turn_thread(lane, i)];

	if (GET(to->asleep) && SWAP(to->asleep, 0))
		futex_wake(&to->asleep);
}

static bool turn_lives(struct lane *lane, uint32_t i)
{
	return GET(lane->baton->proc[turn_proc(lane, i)].life) == LIFE_LIVES;
}

static void turn_skip(struct lane *lane, uint32_t i)
{
	struct call_result *result = &lane->result->call[i];

	if (i >= lane->prog.nr_calls || result->state != CALL_NOT_RUN)
		return;
	result->state = CALL_SKIPPED;
	result->err = -ESRCH;
	lane->progress[i] = CALL_SKIPPED;
	stall_skip(lane, i);
}

void turn_pass(struct lane *lane, uint32_t i)
{
	uint32_t end = lane->prog.nr_calls + PROG_PROCS;

	while (__atomic_compare_exchange_n(&lane->baton->turn, &i, i + 1, false,
		__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (++i >= end)
			return;
		if (turn_lives(lane, i)) {
			turn_wake(lane, i);
			/* it may have died before it was named: then the
			 * worker has not seen that the turn is its */
			if (turn_lives(lane, i))
				return;
		}
		turn_skip(lane, i);
	}
}

void turn_start(struct lane *lane)
{
	SET(lane->baton->turn, UINT32_MAX);
	turn_pass(lane, UINT32_MAX);
}

bool turn_wait(const struct actor *actor, uint32_t i)
{
	struct baton *baton = actor->lane->baton;
	struct baton_actor *me = &baton->actor[actor->proc][actor->thread];
	uint32_t turn;

	while ((turn = GET(baton->turn)) < i) {
		SET(me->asleep, 1);
		if (GET(baton->turn) < i)
			futex_sleep(&me->asleep, 1);
	}
	SET(me->asleep, 0);
	return turn == i;
}

static void flights_changed(struct baton *baton)
{
	if (GET(baton->barrier) && SWAP(baton->barrier, 0))
		futex_wake(&baton->barrier);
}

/* A fork that was claimed, but whose maker died before it was made. */
static void unborn_bury(struct lane *lane, const struct call *call)
{
	uint32_t child = (uint32_t)call->arg[0].num;

	if (ops[call->op].run == RUN_FORK && !lane->baton->proc[child].pid)
		SET(lane->baton->proc[child].life, LIFE_NONE);
}

/* What the dead were doing: an exit is done by it, anything else is not. */
static void calls_bury(struct lane *lane, uint32_t proc)
{
	for (uint32_t i = 0; i < lane->prog.nr_calls; i++) {
		const struct call *call = &lane->prog.call[i];
		struct call_result *result = &lane->result->call[i];

		if (call->proc != proc || result->state != CALL_STARTED)
			continue;
		if (ops[call->op].run == RUN_EXIT) {
			result->state = CALL_DONE;
			lane->progress[i] = CALL_DONE;
		} else {
			result->err = -EINTR;
			unborn_bury(lane, call);
		}
		stall_skip(lane, i);
	}
}

/* Someone died, either with the turn or as it handed it on, or was never born:
 * pass for the dead, wake the living once more. */
static void turn_rescue(struct lane *lane)
{
	uint32_t turn = GET(lane->baton->turn);

	if (turn >= lane->prog.nr_calls + PROG_PROCS)
		return;
	if (turn_lives(lane, turn)) {
		turn_wake(lane, turn);
		return;
	}
	turn_skip(lane, turn);
	turn_pass(lane, turn);
}

bool life_begin(struct lane *lane, uint32_t proc)
{
	uint32_t *life = &lane->baton->proc[proc].life;
	uint32_t old = GET(*life);

	if (old == LIFE_LIVES ||
		!__atomic_compare_exchange_n(life, &old, LIFE_LIVES, false,
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	lane->baton->proc[proc].exiting = 0;
	return true;
}

void life_fail(struct lane *lane, uint32_t proc)
{
	SET(lane->baton->proc[proc].life, LIFE_NONE);
	turn_rescue(lane);
}

void turn_bury(struct lane *lane, uint32_t proc)
{
	struct baton *baton = lane->baton;

	calls_bury(lane, proc);
	SET(baton->proc[proc].life, LIFE_DEAD);
	for (uint32_t t = 0; t < PROG_THREADS; t++)
		SET(baton->actor[proc][t].flight, 0);
	flights_changed(baton);
	futex_wake(&baton->proc[proc].life);
	turn_rescue(lane);
}

void flight_begin(const struct actor *actor)
{
	SET(actor->lane->baton->actor[actor->proc][actor->thread].flight, 1);
}

void flight_end(const struct actor *actor)
{
	struct baton *baton = actor->lane->baton;

	SET(baton->actor[actor->proc][actor->thread].flight, 0);
	flights_changed(baton);
}

static bool flights_any(struct baton *baton)
{
	for (uint32_t p = 0; p < PROG_PROCS; p++)
		for (uint32_t t = 0; t < PROG_THREADS; t++)
			if (GET(baton->actor[p][t].flight))
				return true;
	return false;
}

void flight_wait(const struct actor *actor)
{
	struct baton *baton = actor->lane->baton;

	while (flights_any(baton)) {
		SET(baton->barrier, 1);
		if (!flights_any(baton))
			break;
		futex_sleep(&baton->barrier, 1);
	}
}

void life_wait(struct lane *lane, uint32_t proc)
{
	uint32_t *life = &lane->baton->proc[proc].life;

	while (GET(*life) == LIFE_LIVES)
		futex_sleep(life, LIFE_LIVES);
}
