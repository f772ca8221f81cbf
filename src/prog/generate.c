/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs and calls out of random numbers and a light model. */
#include "prog/generate.h"

#include <linux/mman.h>
#include <string.h>

#define LINEAGE_TIMES 4	 /* how much more a program about descent forks */
#define FAIL_ONE_IN   5	 /* calls, of a program in which allocations fail */
#define MOVE_ONE_IN   4	 /* calls, of a program with moves */
#define FAIL_NTH_MAX  40 /* few calls allocate more often */

/* Would a call of @op by anybody make sense now? */
static bool op_fits(const struct gen *gen, const struct op *op)
{
	if (op->needs & ~gen->caps)
		return false;
	if (op->effect == EFFECT_FORKS)
		return __builtin_popcount(gen->live) < PROG_PROCS;
	if (op->effect == EFFECT_EXITS)
		return __builtin_popcount(gen->live) > 1;
	if (op->arg[0].kind == ARG_ACTOR)
		return gen->gone != 0;
	if (op->run == RUN_KSM)
		return gen->merges;
	if (op->run == RUN_KHUGEPAGED)
		return gen->collapses;
	if (op->run == RUN_SWAPOFF)
		return gen->swaps;
	return true;
}

/* Anonymous rmaps hang together by descent. Some programs are about nothing
 * else: chains of forks, whose middle generations end or unmap. */
static uint32_t op_weight(const struct gen *gen, const struct op *op)
{
	if (!op_fits(gen, op))
		return 0;
	if (gen->lineage &&
		(op->effect == EFFECT_FORKS || op->effect == EFFECT_EXITS))
		return op->weight * LINEAGE_TIMES;
	if (gen->focus >> (op - ops) & 1)
		return op->weight * FOCUS_TIMES;
	return op->weight;
}

static uint8_t gen_op(struct gen *gen)
{
	uint32_t sum = 0, pick;

	for (uint32_t i = 0; i < OP_COUNT; i++)
		sum += op_weight(gen, &ops[i]);
	pick = rng_below(gen->rng, sum);
	for (uint32_t i = 0; i < OP_COUNT; i++) {
		uint32_t weight = op_weight(gen, &ops[i]);

		if (pick < weight)
			return (uint8_t)i;
		pick -= weight;
	}
	return 0;
}

/* In a program about descent the youngest forks, and parents end first. */
static void gen_descent(struct gen *gen, struct call *call)
{
	uint32_t parents = 0;

	if (call->op == OP_FORK && (gen->live >> gen->youngest & 1))
		call->proc = gen->youngest;
	for (uint32_t p = 1; p < PROG_PROCS; p++) {
		if (gen->live >> p & 1)
			parents |= 1u << gen->parent[p];
	}
	parents &= gen->live & ~1u;
	if (call->op == OP_EXIT && parents)
		call->proc = (uint8_t)gen_bit(gen, parents);
}

uint32_t gen_value_index(enum value_set set, uint64_t bits)
{
	uint32_t nr, i;
	const struct value *value = values_of(set, &nr);

	for (i = 0; i < nr && value[i].bits != bits; i++)
		;
	return i < nr ? i : 0;
}

/* Look at, or write again, where the last call was: COW, swap-in, refault */
static void gen_follow_up(struct gen *gen, struct call *call)
{
	const struct range *range = &gen->last.arg[0].range;
	enum effect last = call_effect(&gen->last);

	/* what is new is the last one's only */
	if (last == EFFECT_MOVES || last == EFFECT_FILLS)
		range = &gen->last.arg[1].range;
	if (gen_makes_new(&gen->last) || last == EFFECT_MOVES)
		call->proc = gen->last.proc;
	call->arg[0].range = gen_part(gen, range);
	call->op = rng_one_in(gen->rng, 4) ? OP_EXPECT : OP_TOUCH;
	if (last == EFFECT_MAPS && range->pages == HUGE_PAGES &&
		(gen->caps & CAP_THP) && rng_one_in(gen->rng, 2)) {
		call->op = OP_MADVISE;
		call->arg[0].range = *range;
		call->arg[1].num =
			gen_value_index(VALUES_advice, MADV_HUGEPAGE);
	}
}

/* A new mapping is to be written soon; the rest, now and then, looked at */
static bool wants_follow_up(struct gen *gen)
{
	if (!gen->has_last)
		return false;
	if (gen_makes_new(&gen->last) && (gen->live >> gen->last.proc & 1))
		return rng_one_in(gen->rng, 2);
	if (effect_stamps(call_effect(&gen->last)) ||
		call_effect(&gen->last) == EFFECT_READS)
		return rng_one_in(gen->rng, 10);
	return rng_one_in(gen->rng, 3);
}

/* Calls that take long are the ones to run beside others */
static bool is_slow(const struct call *call)
{
	enum effect effect = call_effect(call);

	return ops[call->op].effect == EFFECT_FROM_VALUE ||
	       effect == EFFECT_MOVES || effect == EFFECT_FILLS ||
	       effect == EFFECT_UNMAPS || effect == EFFECT_FORKS ||
	       effect == EFFECT_EXITS ||
	       (effect == EFFECT_KEEPS && ops[call->op].run != RUN_BARRIER);
}

/* A lonely process with something written: there is somebody to share with */
static bool wants_fork(struct gen *gen)
{
	uint32_t proc = (uint32_t)__builtin_ctz(gen->live | 1u << 31) % 8;

	if (__builtin_popcount(gen->live) != 1)
		return false;
	for (uint32_t i = 0; i < gen->nr[proc]; i++) {
		if (gen->area[proc][i].touched)
			return rng_one_in(gen->rng, 4);
	}
	return false;
}

void gen_fail(struct gen *gen, struct call *call)
{
	/* the first ones fail in the code that looks after itself; one is
	 * often made up for by a second try */
	call->fail = (uint8_t)rng_range(
		gen->rng, 1, rng_range(gen->rng, 1, FAIL_NTH_MAX));
	call->props &= (uint8_t)~CALL_FAIL_FROM;
	if (rng_one_in(gen->rng, 2))
		call->props |= CALL_FAIL_FROM;
}

static void gen_props(struct gen *gen, struct call *call)
{
	if (rng_one_in(gen->rng, is_slow(call) ? 6 : 20))
		call->props = CALL_ASYNC;
	if (gen->failing && rng_one_in(gen->rng, FAIL_ONE_IN))
		gen_fail(gen, call);
}

void gen_call(struct gen *gen, struct call *ret)
{
	struct call call = {0};

	gen_actor(gen, &call);
	if (!gen->nr[call.proc] && !rng_one_in(gen->rng, 8)) {
		call.op = OP_MMAP;
	} else if (wants_fork(gen)) {
		call.op = OP_FORK;
	} else if (wants_follow_up(gen)) {
		gen_follow_up(gen, &call);
		*ret = call;
		return;
	} else {
		call.op = gen_op(gen);
	}
	if (gen->lineage && !rng_one_in(gen->rng, 4))
		gen_descent(gen, &call);
	/* p0 goes last, mostly: its end is the program's */
	if (call_effect(&call) == EFFECT_EXITS && call.proc == 0 &&
		!rng_one_in(gen->rng, 16))
		call.proc = (uint8_t)gen_bit(gen, gen->live & ~1u);
	for (uint32_t i = 0; i < PROG_ARGS_MAX; i++)
		gen_arg(gen, &call, i);
	gen_props(gen, &call);
	*ret = call;
}

void prog_generate(
	struct prog *prog, uint32_t nr_calls, uint32_t caps, struct rng *rng)
{
	struct gen gen;

	memset(prog, 0, sizeof(*prog));
	gen_init(&gen, caps, rng);
	nr_calls = (uint32_t)min_size(nr_calls, PROG_CALLS_MAX);
	while (prog->nr_calls < nr_calls) {
		struct call *call = &prog->call[prog->nr_calls];

		if (gen.moves && rng_one_in(rng, MOVE_ONE_IN)) {
			prog->nr_calls += gen_move(
				&gen, call, PROG_CALLS_MAX - prog->nr_calls);
			continue;
		}
		gen_call(&gen, call);
		gen_note(&gen, call);
		prog->nr_calls++;
	}
}
