/* SPDX-License-Identifier: GPL-2.0-only */
/* Stalls name calls by number: here is what keeps them true. */
#include "prog/words.h"

#include <string.h>

#include "prog/result.h"

const struct stall *call_stall(const struct prog *prog, uint32_t i)
{
	for (uint32_t k = 0; k < prog->nr_stalls; k++)
		if (prog->stall[k].call == i)
			return &prog->stall[k];
	return NULL;
}

static bool same_actor(const struct call *a, const struct call *b)
{
	return a->proc == b->proc && a->thread == b->thread;
}

/* Does the earlier call that @stall names wait for that of @stall? */
static bool waits_for(const struct prog *prog, const struct stall *stall)
{
	const struct stall *other = call_stall(prog, stall->until);

	return other && other->until == stall->call;
}

const char *stall_flaw(const struct prog *prog, const struct stall *stall)
{
	enum run_kind run;

	if (stall->until >= prog->nr_calls)
		return "there is no such call; the first is 0";
	if (stall->until == stall->call)
		return "no call waits for itself; the first is 0";
	if (stall->until < stall->call && stall_is_meeting(stall))
		return "it is an earlier call";
	if (stall->until < stall->call && !waits_for(prog, stall))
		return "it is an earlier call that does not wait for this one";
	run = ops[prog->call[stall->call].op].run;
	if (run == RUN_BARRIER || run == RUN_WAIT)
		return "a barrier or a wait makes no call that could stall";
	for (uint32_t i = stall->call + 1u; i <= stall->until; i++)
		if (same_actor(&prog->call[i], &prog->call[stall->call]))
			return "the actor that waits makes a call up to there";
	return NULL;
}

static void insert_stall(struct prog *prog, const struct stall *stall)
{
	uint32_t i = prog->nr_stalls++;

	for (; i > 0 && prog->stall[i - 1].call > stall->call; i--)
		prog->stall[i] = prog->stall[i - 1];
	prog->stall[i] = *stall;
}

/* Build the list anew from @old: sorted, without those that cannot be. */
static void set_stalls(struct prog *prog, const struct stall *old, uint32_t nr)
{
	memset(prog->stall, 0, sizeof(prog->stall));
	prog->nr_stalls = 0;
	for (uint32_t i = 0; i < nr; i++)
		if (!stall_flaw(prog, &old[i]) &&
			!call_stall(prog, old[i].call))
			insert_stall(prog, &old[i]);
}

void prog_fix_stalls(struct prog *prog)
{
	struct stall old[PROG_STALLS_MAX];

	memcpy(old, prog->stall, sizeof(old));
	set_stalls(prog, old, prog->nr_stalls);
}

void prog_drop_stall(struct prog *prog, uint32_t i)
{
	prog->nr_stalls--;
	memmove(&prog->stall[i], &prog->stall[i + 1],
		(prog->nr_stalls - i) * sizeof(prog->stall[0]));
	memset(&prog->stall[prog->nr_stalls], 0, sizeof(prog->stall[0]));
	prog_fix_stalls(prog);
}

bool prog_add_stall(struct prog *prog, const struct stall *stall)
{
	if (stall_flaw(prog, stall))
		return false;
	for (uint32_t i = 0; i < prog->nr_stalls; i++) {
		if (prog->stall[i].call == stall->call) {
			prog->stall[i] = *stall;
			prog_fix_stalls(prog);
			return true;
		}
	}
	if (prog->nr_stalls == PROG_STALLS_MAX)
		return false;
	insert_stall(prog, stall);
	return true;
}

void stall_when(struct stall *meeting, struct rng *rng)
{
	meeting->offset = rng_below(rng, 1u << rng_range(rng, 4, 26));
	meeting->hit = meeting->offset && rng_one_in(rng, 2) ? MEET_EARLIER
							     : MEET_LATER;
}

static uint8_t moved(uint8_t call, uint32_t from, uint32_t by)
{
	return (uint8_t)(call < from ? call : call + by);
}

uint32_t prog_gap(struct prog *prog, uint32_t at, uint32_t nr)
{
	nr = (uint32_t)min_size(nr, PROG_CALLS_MAX - prog->nr_calls);
	memmove(&prog->call[at + nr], &prog->call[at],
		(prog->nr_calls - at) * sizeof(prog->call[0]));
	memset(&prog->call[at], 0, nr * sizeof(prog->call[0]));
	prog->nr_calls += nr;
	for (uint32_t i = 0; i < prog->nr_stalls; i++) {
		prog->stall[i].call = moved(prog->stall[i].call, at, nr);
		prog->stall[i].until = moved(prog->stall[i].until, at, nr);
	}
	return nr;
}

void prog_cut(struct prog *prog, uint32_t at, uint32_t nr)
{
	uint32_t kept = 0, nr_stalls = prog->nr_stalls;
	struct stall old[PROG_STALLS_MAX];

	memmove(&prog->call[at], &prog->call[at + nr],
		(prog->nr_calls - at - nr) * sizeof(prog->call[0]));
	prog->nr_calls -= nr;
	memset(&prog->call[prog->nr_calls], 0, nr * sizeof(prog->call[0]));
	for (uint32_t i = 0; i < nr_stalls; i++) {
		struct stall stall = prog->stall[i];

		if (stall.call - at < nr || stall.until - at < nr)
			continue;
		stall.call = moved(stall.call, at + nr, -nr);
		stall.until = moved(stall.until, at + nr, -nr);
		old[kept++] = stall;
	}
	set_stalls(prog, old, kept);
}

static uint8_t swapped(uint8_t call, uint32_t at)
{
	if (call == at)
		return (uint8_t)(call + 1);
	return (uint8_t)(call == at + 1 ? call - 1 : call);
}

void prog_swap(struct prog *prog, uint32_t at)
{
	struct call call = prog->call[at];

	prog->call[at] = prog->call[at + 1];
	prog->call[at + 1] = call;
	for (uint32_t i = 0; i < prog->nr_stalls; i++) {
		prog->stall[i].call = swapped(prog->stall[i].call, at);
		prog->stall[i].until = swapped(prog->stall[i].until, at);
	}
	prog_fix_stalls(prog);
}

void prog_take_stalls(struct prog *prog, uint32_t at, const struct prog *from,
	uint32_t first, uint32_t nr)
{
	for (uint32_t i = 0; i < from->nr_stalls; i++) {
		struct stall stall = from->stall[i];

		if (stall.call - first >= nr || stall.until - first >= nr)
			continue;
		stall.call = (uint8_t)(stall.call - first + at);
		stall.until = (uint8_t)(stall.until - first + at);
		(void)prog_add_stall(prog, &stall);
	}
}

const char *stall_outcome_name(uint8_t outcome)
{
	static const char *const names[STALL_OUTCOMES] = {
		[STALL_UNARMED] = "plain race",
		[STALL_MISSED] = "never reached",
		[STALL_INSIDE] = "finished inside",
		[STALL_EMPTY] = "nothing to wait for",
		[STALL_BLOCKED] = "blocked until released",
		[STALL_TIMED_OUT] = "timed out",
		[STALL_KILLED] = "killed",
		[STALL_MET] = "met",
		[STALL_IRQS_OFF] = "interrupts off",
	};

	return names[outcome < STALL_OUTCOMES ? outcome : STALL_UNARMED];
}

bool prog_flip_nodes(struct prog *prog)
{
	bool any = false;

	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		struct call *call = &prog->call[i];
		const struct op *op = &ops[call->op];

		for (uint32_t k = 0; k < PROG_ARGS_MAX; k++) {
			if (!op->arg[k].name || strcmp(op->arg[k].name, "node"))
				continue;
			call->arg[k].num ^= 1;
			any = true;
		}
	}
	return any;
}

/* ---- pairs of calls ---- */

void prog_plain(struct prog *prog)
{
	while (prog->nr_stalls)
		prog_drop_stall(prog, 0);
	for (uint32_t i = 0; i < prog->nr_calls; i++)
		prog->call[i].props &= (uint8_t)~CALL_ASYNC;
}

static bool is_marked(const struct prog *prog, uint32_t at)
{
	return (prog->call[at].props & CALL_ASYNC) || call_stall(prog, at);
}

uint32_t prog_pairs(const struct prog *prog, uint32_t ret[PROG_CALLS_MAX])
{
	uint32_t nr = 0;
	bool any = false;

	for (uint32_t i = 0; i < prog->nr_calls; i++)
		any |= is_marked(prog, i);
	for (uint32_t i = 0; i + 1 < prog->nr_calls; i++) {
		const struct call *one = &prog->call[i], *two = one + 1;

		if ((one->proc != two->proc || one->thread != two->thread) &&
			(!any || is_marked(prog, i)))
			ret[nr++] = i;
	}
	return nr;
}
