/* SPDX-License-Identifier: GPL-2.0-only */
#include "user/sched.h"

#include <string.h>

#include "slot/slot.h"
#include "user/fiber.h"
#include "user/sites.h"

#define QUANTUM_BITS 9 /* who is drawn goes on for up to so many points */

/**
 * struct flight - a call under way, by fiber
 * @stall:   where it waits, or NULL
 * @pc:      its point; 0: this kernel does not have it
 * @hits:    how often it came there
 * @quantum: points until others are drawn; 0: no end
 */
struct flight {
	const struct run *run;
	const struct stall *stall;
	uint32_t call, hits, quantum;
	unsigned long pc;
	bool used;
};

static struct flight flights[MODEL_FIBERS];
static struct rng rng;
static uint32_t woken;	/* the last that slept and went on */
static bool is_drawn;	/* what the program leaves open is drawn */
static bool all_points; /* all are wanted, not only those of stalls */

static struct {
	void (*point)(uint32_t call, unsigned long pc, void *user);
	void *user;
} watcher;

/* ---- at a point ---- */

static void come_to(struct flight *flight, unsigned long pc)
{
	if (watcher.point)
		watcher.point(flight->call, pc, watcher.user);
	if (flight->pc == pc && ++flight->hits == flight->stall->hit)
		fiber_leave(FIBER_STALLED);
	else if (flight->quantum && !--flight->quantum)
		fiber_leave(FIBER_READY);
}

void SITES_HOOK(void)
{
	if (fiber_now)
		come_to(&flights[fiber_now],
			(unsigned long)__builtin_return_address(0));
}

void fiber_point(unsigned long pc)
{
	if (!fiber_now || (flights[fiber_now].pc != pc && !all_points))
		return;
	/* stubs are called from everywhere */
	if (points_site(sites_points(), TRACE_PC_HIGH | pc) >= 0)
		come_to(&flights[fiber_now], pc);
}

/* ---- who goes on ---- */

static struct stall_result *result_of(const struct flight *flight)
{
	const struct run *run = flight->run;

	return &run->result->stall[flight->stall - run->prog->stall];
}

static bool is_stalled(const struct flight *flight)
{
	return fibers[flight - flights].state == FIBER_STALLED;
}

static void release(struct flight *flight, enum stall_outcome outcome)
{
	result_of(flight)->outcome = (uint8_t)outcome;
	fibers[flight - flights].state = FIBER_READY;
}

/* @first if it can go on, else any; where schedules are drawn, any. 0: none */
static uint32_t pick(uint32_t first)
{
	uint32_t from = first;

	if (is_drawn)
		from = rng_below(&rng, MODEL_FIBERS);
	for (uint32_t n = 0; n < MODEL_FIBERS; n++) {
		uint32_t i = (from + n) % MODEL_FIBERS;

		if (flights[i].used && fiber_can_go(&fibers[i]))
			return i;
	}
	return 0;
}

/* Of those that stall, the last to do so holds what the others may need. */
static bool release_one(void)
{
	struct flight *last = NULL;

	for (uint32_t i = 1; i < MODEL_FIBERS; i++) {
		if (flights[i].used && is_stalled(&flights[i]) &&
			(!last || flights[i].call > last->call))
			last = &flights[i];
	}
	if (last)
		release(last, STALL_BLOCKED);
	return last != NULL;
}

/* Nobody can go on: time passes for who sleeps, in turn, since one may wait for
 * another; else @first waits for ever. */
static uint32_t pick_alone(uint32_t first)
{
	for (uint32_t n = 1; n <= MODEL_FIBERS; n++) {
		uint32_t i = (woken + n) % MODEL_FIBERS;

		if (flights[i].used && fibers[i].state == FIBER_SLEEPS) {
			woken = i;
			return i;
		}
	}
	fibers[first].alone = true;
	return first;
}

static void resume(uint32_t i)
{
	struct flight *flight = &flights[i];

	flight->quantum = 0;
	if (is_drawn && !(flight->pc && flight->hits < flight->stall->hit))
		flight->quantum =
			1 + rng_below(&rng,
				    1u << rng_below(&rng, QUANTUM_BITS + 1));
	fiber_resume(i);
}

/* Until the call is done, or at its point. */
static void advance(const struct flight *flight)
{
	uint32_t i = (uint32_t)(flight - flights);

	while (fibers[i].state != FIBER_DONE && !is_stalled(flight)) {
		uint32_t next = pick(i);

		if (!next && release_one())
			continue;
		resume(next ? next : pick_alone(i));
	}
}

/* ---- a call's life ---- */

static void work(void *user)
{
	const struct flight *flight = user;

	call_make(flight->run, flight->call);
}

static void arm(struct flight *flight)
{
	uint64_t pc;

	flight->stall = call_stall(flight->run->prog, flight->call);
	if (!flight->stall ||
		points_resolve(sites_points(), flight->stall->symbol,
			flight->stall->offset, &pc) < 0)
		return;
	flight->pc = (uint32_t)pc;
	sites_one(flight->pc, true);
	result_of(flight)->outcome = STALL_MISSED;
}

/* Take what is done out of the air. */
static void land(struct flight *flight)
{
	if (flight->pc) {
		sites_one(flight->pc, false);
		result_of(flight)->hits = flight->hits;
	}
	flight->used = false;
	call_tell(flight->run, flight->call);
}

static void tell(const struct run *run, uint32_t i);

static void finish(struct flight *flight, enum stall_outcome outcome)
{
	if (!flight->used)
		return;
	if (is_stalled(flight))
		release(flight, outcome);
	advance(flight);
	land(flight);
	tell(flight->run, flight->call);
}

/* Call @i has returned: who waited for that goes on. */
static void tell(const struct run *run, uint32_t i)
{
	bool made = run->result->call[i].state == CALL_DONE;

	for (uint32_t k = 1; k < MODEL_FIBERS; k++) {
		if (flights[k].used && is_stalled(&flights[k]) &&
			flights[k].stall->until == i)
			finish(&flights[k], made ? STALL_INSIDE : STALL_EMPTY);
	}
}

static bool is_last(const struct flight *flight, const struct call *call)
{
	const struct prog *prog = flight->run->prog;
	const struct call *ours = &prog->call[flight->call];

	if (!call || call->op == OP_BARRIER)
		return true;
	/* a process that exits has no call under way */
	return ours->proc == call->proc &&
	       (ours->thread == call->thread || call->op == OP_EXIT);
}

/* What must be over before call @i is made; all, behind the last one. */
static void make_way(const struct run *run, uint32_t i)
{
	const struct call *next =
		i < run->prog->nr_calls ? &run->prog->call[i] : NULL;

	for (uint32_t k = 1; k < MODEL_FIBERS; k++) {
		const struct flight *flight = &flights[k];

		if (!flight->used)
			continue;
		if (is_last(flight, next) ||
			(flight->stall && flight->pc && i > flight->call &&
				i > flight->stall->until))
			finish(&flights[k], STALL_TIMED_OUT);
	}
}

static struct flight *take_off(const struct run *run, uint32_t i)
{
	uint32_t k = 1;

	while (k < MODEL_FIBERS && flights[k].used)
		k++;
	if (k == MODEL_FIBERS) {
		k = 1;
		finish(&flights[k], STALL_TIMED_OUT);
	}
	flights[k] = (struct flight){.run = run, .call = i, .used = true};
	arm(&flights[k]);
	fiber_start(k, work, &flights[k]);
	return &flights[k];
}

/* The other one waits for a call that is now at its own point. */
static struct flight *waits_for(const struct flight *flight)
{
	for (uint32_t k = 1; k < MODEL_FIBERS; k++) {
		if (flights[k].used && is_stalled(&flights[k]) &&
			flights[k].call == flight->stall->until &&
			flights[k].stall->until == flight->call)
			return &flights[k];
	}
	return NULL;
}

static void make(const struct run *run, uint32_t i)
{
	struct flight *flight, *other;

	if (!call_can(run, i)) {
		call_tell(run, i);
		tell(run, i);
		return;
	}
	flight = take_off(run, i);
	if (is_drawn && (flight->stall ? !flight->pc
				       : run->prog->call[i].props & CALL_ASYNC))
		resume((uint32_t)(flight - flights));
	else
		advance(flight);
	if (fibers[flight - flights].state == FIBER_DONE) {
		land(flight);
		tell(run, i);
		return;
	}
	if (!is_stalled(flight))
		return;
	other = waits_for(flight);
	if (other)
		finish(other, STALL_INSIDE);
}

static bool is_quiet(void)
{
	for (uint32_t k = 1; k < MODEL_FIBERS; k++) {
		if (flights[k].used)
			return false;
	}
	return true;
}

/* ---- the whole ---- */

void sched_init(void)
{
	sites_init();
}

static bool is_open(const struct prog *prog)
{
	uint64_t pc;

	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		if (prog->call[i].props & CALL_ASYNC)
			return true;
	}
	for (uint32_t k = 0; k < prog->nr_stalls; k++) {
		if (points_resolve(sites_points(), prog->stall[k].symbol,
			    prog->stall[k].offset, &pc) < 0)
			return true;
	}
	return false;
}

bool sched_wants(const struct prog *prog)
{
	if (prog->nr_stalls || watcher.point)
		return true;
	return is_open(prog);
}

void sched_run(const struct run *run)
{
	const struct prog *prog = run->prog;

	memset(run->result->stall, 0, sizeof(run->result->stall));
	woken = 0;
	is_drawn = is_open(prog);
	all_points = is_drawn || watcher.point;
	sites_all(all_points);
	rng_seed(&rng, hash_bytes(prog, sizeof(*prog)));
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		make_way(run, i);
		make(run, i);
		if (is_quiet())
			call_check(run, i);
	}
	make_way(run, prog->nr_calls);
	sites_all(false);
}

void sched_watch(
	void (*point)(uint32_t call, unsigned long pc, void *user), void *user)
{
	watcher.point = point;
	watcher.user = user;
}
