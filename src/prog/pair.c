/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pairs: a race is two calls on the same pages, in some state. A short program
 * that brings the state about, and ends with the two, can be taken through all
 * of its schedules.
 */
#include "prog/generate.h"

#include <linux/mman.h>
#include <string.h>

#define TRIES 32 /* of a call, until one is of the kind that is wanted */

static struct call *add(struct prog *prog, uint32_t op, uint32_t proc)
{
	struct call *call = &prog->call[prog->nr_calls++];

	*call = (struct call){.op = (uint8_t)op, .proc = (uint8_t)proc};
	return call;
}

static void add_on(struct prog *prog, struct gen *gen, uint32_t op,
	uint32_t proc, const struct range *range)
{
	struct call *call = add(prog, op, proc);

	call->arg[0].range = *range;
	if (op == OP_FILL)
		call->arg[1].num = 1;
	gen_note(gen, call);
}

static void add_advice(struct prog *prog, struct gen *gen, uint32_t proc,
	const struct range *range, uint64_t advice)
{
	struct call *call = add(prog, OP_MADVISE, proc);

	call->arg[0].range = *range;
	call->arg[1].num = gen_value_index(VALUES_advice, advice);
	gen_note(gen, call);
}

static uint32_t add_fork(struct prog *prog, struct gen *gen)
{
	uint32_t proc = gen_bit(gen, gen->live);
	uint32_t child = (uint32_t)__builtin_ctz(~gen->live);
	struct call *call = add(prog, OP_FORK, proc);

	call->arg[0].num = child;
	gen_note(gen, call);
	return child;
}

static struct range add_area(struct prog *prog, struct gen *gen)
{
	static const uint8_t sizes[] = {1, 1, 2, 4, 4, 8};
	struct range range = {
		.pages = sizes[rng_below(gen->rng, ARRAY_SIZE(sizes))]};
	bool huge = (gen->caps & CAP_THP) && rng_one_in(gen->rng, 6);
	struct call *call = add(prog, OP_MMAP, 0);

	if (huge)
		range.pages = HUGE_PAGES;
	call->arg[0].range = range;
	call->arg[1].num = PROT_RW;
	call->arg[2].num = gen_value_index(VALUES_backing, BACKING_ANON);
	gen_note(gen, call);
	if (huge)
		add_advice(prog, gen, 0, &range, MADV_HUGEPAGE);
	return range;
}

/* What the pages are when the two meet: untouched, written, swapped out, ... */
static void add_state(
	struct prog *prog, struct gen *gen, const struct range *range)
{
	uint32_t state = rng_below(gen->rng, 10);
	uint32_t proc = gen_bit(gen, gen->live);
	struct range part = gen_part(gen, range);

	if (state == 0)
		add_advice(prog, gen, proc, &part, MADV_FREE);
	else if (state == 1)
		add_on(prog, gen, OP_MLOCK, proc, &part);
	else if (state == 2 && (gen->caps & CAP_KSM))
		add_advice(prog, gen, proc, range, MADV_MERGEABLE);
	else if (state < 6 && (gen->caps & CAP_SWAP))
		add_advice(prog, gen, proc, &part, MADV_PAGEOUT);
	if (state == 5)
		add_on(prog, gen, OP_EXPECT, proc, &part);
}

static void add_setup(struct prog *prog, struct gen *gen, struct range *ret)
{
	uint32_t forks = rng_below(gen->rng, 3);
	bool early = rng_one_in(gen->rng, 4);
	uint32_t writes = rng_one_in(gen->rng, 6) ? OP_FILL : OP_TOUCH;

	*ret = add_area(prog, gen);
	for (; early && forks; forks--)
		(void)add_fork(prog, gen);
	if (!rng_one_in(gen->rng, 6))
		add_on(prog, gen, writes, 0, ret);
	if (rng_one_in(gen->rng, 2))
		add_state(prog, gen, ret);
	while (forks--)
		(void)add_fork(prog, gen);
	if (rng_one_in(gen->rng, 3))
		add_state(prog, gen, ret);
}

/* What looks mappings up, rather than changes them: a walk, or a fault */
static bool looks_up(const struct call *call)
{
	enum effect effect = call_effect(call);

	return effect == EFFECT_WRITES || effect == EFFECT_READS ||
	       (effect == EFFECT_KEEPS && ops[call->op].run != RUN_BARRIER &&
		       ops[call->op].run != RUN_WAIT &&
		       ops[call->op].run != RUN_RMAP_FSCK);
}

static void add_lookup(
	struct prog *prog, struct gen *gen, const struct range *range)
{
	struct call call;
	int tries = 0;

	do
		gen_call(gen, &call);
	while (!looks_up(&call) && ++tries < TRIES);
	call.props = 0;
	if (ops[call.op].arg[0].kind == ARG_RANGE)
		call.arg[0].range =
			rng_one_in(gen->rng, 3) ? gen_part(gen, range) : *range;
	prog->call[prog->nr_calls++] = call;
}

uint32_t prog_generate_pair(struct prog *prog, uint32_t caps, struct rng *rng)
{
	struct range range;
	struct gen gen;
	uint32_t at;

	memset(prog, 0, sizeof(*prog));
	gen_init(&gen, caps, rng);
	add_setup(prog, &gen, &range);
	at = prog->nr_calls;
	add_lookup(prog, &gen, &range);
	(void)prog_rival(prog, at, caps, rng);
	prog->call[at + 1].props &= (uint8_t)~CALL_ASYNC;
	if (rng_one_in(rng, 2))
		prog_swap(prog, at);
	/* a write, for what the others then see */
	if (rng_one_in(rng, 2))
		add_on(prog, &gen, OP_TOUCH, gen_bit(&gen, gen.live), &range);
	return at;
}
