/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pairs: a race is two calls on the same pages, in some state. A short program
 * that brings the state about, and ends with the two, can be taken through all
 * of its schedules.
 */
#include "prog/generate.h"

#include <linux/mman.h>
#include <string.h>

#define FEW 8 /* pages */

/* struct setup - what there is before the pair
 * @is_shared: by a fork; else all of it is p0's alone
 * @is_small:  the area may have huge pages from when it is written on: it has
 *	       none as yet, and khugepaged may make one
 * @from:      where the pages were before they were moved; no pages: they were
 *	       not
 */
struct setup {
	struct range range, from;
	bool is_shared, is_small;
};

static struct call *add(struct prog *prog, uint32_t op, uint32_t proc)
{
	struct call *call = &prog->call[prog->nr_calls++];

	*call = (struct call){.op = (uint8_t)op, .proc = (uint8_t)proc};
	return call;
}

/* Of a huge page a few pages stand for all: what is written is looked at again,
 * in each schedule */
static struct range few(struct gen *gen, const struct range *range)
{
	struct range ret = *range;

	if (range->pages <= FEW)
		return ret;
	ret.pages = (uint16_t)rng_range(gen->rng, 1, FEW);
	ret.page = (uint16_t)(range->page +
			      rng_below(gen->rng, range->pages - ret.pages));
	return ret;
}

static void add_on(struct prog *prog, struct gen *gen, uint32_t op,
	uint32_t proc, const struct range *range)
{
	struct call *call = add(prog, op, proc);

	call->arg[0].range = op == OP_MLOCK ? *range : few(gen, range);
	if (op == OP_FILL)
		call->arg[1].num = 1;
	gen_note(gen, call);
}

/* An op whose second argument is a named value, @bits */
static void add_value(struct prog *prog, struct gen *gen, uint32_t op,
	uint32_t proc, const struct range *range, uint64_t bits)
{
	struct call *call = add(prog, op, proc);

	call->arg[0].range = *range;
	call->arg[1].num = gen_value_index(ops[op].arg[1].set, bits);
	gen_note(gen, call);
}

static void add_advice(struct prog *prog, struct gen *gen, uint32_t proc,
	const struct range *range, uint64_t advice)
{
	add_value(prog, gen, OP_MADVISE, proc, range, advice);
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

static void add_area(struct prog *prog, struct gen *gen, struct setup *setup)
{
	static const uint8_t sizes[] = {1, 1, 2, 4, 4, 8};
	struct range range = {
		.pages = sizes[rng_below(gen->rng, ARRAY_SIZE(sizes))]};
	bool large = (gen->caps & CAP_THP) && rng_one_in(gen->rng, 6);
	struct call *call = add(prog, OP_MMAP, 0);

	if (large)
		range.pages =
			rng_one_in(gen->rng, 2) ? HUGE_PAGES : LARGE_PAGES;
	call->arg[0].range = range;
	call->arg[1].num = PROT_RW;
	call->arg[2].num = gen_value_index(VALUES_backing,
		!large && rng_one_in(gen->rng, 8) ? BACKING_FILE
						  : BACKING_ANON);
	gen_note(gen, call);
	setup->range = range;
	setup->is_small = large && rng_one_in(gen->rng, 3);
	if (large && !setup->is_small)
		add_advice(prog, gen, 0, &range, MADV_HUGEPAGE);
}

/* What the pages are when the two meet: untouched, written, swapped out, ... */
static void add_state(
	struct prog *prog, struct gen *gen, const struct setup *setup)
{
	const struct range *range = &setup->range;
	uint32_t proc = setup->is_shared ? gen_bit(gen, gen->live) : 0;
	uint32_t state = rng_below(gen->rng, 10);
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

/* A part of the area is a vma of its own: a call over the whole meets two or
 * three. */
static void add_vma(
	struct prog *prog, struct gen *gen, const struct range *range)
{
	struct range part = gen_part(gen, range);

	if (rng_one_in(gen->rng, 3)) {
		add_on(prog, gen, OP_MLOCK, 0, &part);
		return;
	}
	add_value(prog, gen, OP_MPROTECT, 0, &part,
		rng_one_in(gen->rng, 2) ? PROT_NONE : PROT_READ);
}

static void add_write(
	struct prog *prog, struct gen *gen, const struct range *range)
{
	uint32_t op = rng_one_in(gen->rng, 6) ? OP_FILL : OP_TOUCH;
	struct range part = *range;

	if (rng_one_in(gen->rng, 4))
		part = gen_part(gen, range);
	add_on(prog, gen, op, 0, &part);
}

/* To the same pages of another slot of its kind, so by whole tables where there
 * are some */
static struct range slot_beside(struct gen *gen, const struct range *range)
{
	struct range to = *range;

	to.slot = (uint16_t)((to.slot + 2 * rng_range(gen->rng, 1, 3)) %
			     PROG_SLOTS);
	return to;
}

/* A part of what is written goes elsewhere: its place is not its index any
 * more, and where it was is room beside the rest, with which it could merge */
static void add_move(struct prog *prog, struct gen *gen, struct setup *setup)
{
	struct call *call = add(prog, OP_MREMAP, 0);

	setup->from = gen_part(gen, &setup->range);
	setup->range = slot_beside(gen, &setup->from);
	call->arg[0].range = setup->from;
	call->arg[1].range = setup->range;
	gen_note(gen, call);
}

static struct setup add_setup(struct prog *prog, struct gen *gen)
{
	uint32_t forks = rng_below(gen->rng, 3);
	bool early = rng_one_in(gen->rng, 2);
	bool parts = rng_one_in(gen->rng, 4), late = rng_one_in(gen->rng, 2);
	struct setup setup = {.is_shared = forks && !early};

	for (; early && forks; forks--)
		(void)add_fork(prog, gen);
	add_area(prog, gen, &setup);
	if (parts && !late)
		add_vma(prog, gen, &setup.range);
	if (!rng_one_in(gen->rng, 4))
		add_write(prog, gen, &setup.range);
	if (setup.is_small)
		add_advice(prog, gen, 0, &setup.range, MADV_HUGEPAGE);
	if (parts && late)
		add_vma(prog, gen, &setup.range);
	if (rng_one_in(gen->rng, 6))
		add_move(prog, gen, &setup);
	if (rng_one_in(gen->rng, 2))
		add_state(prog, gen, &setup);
	while (forks--)
		(void)add_fork(prog, gen);
	if (rng_one_in(gen->rng, 3))
		add_state(prog, gen, &setup);
	return setup;
}

/* ---- the two ---- */

struct choice {
	uint8_t op;
	uint8_t weight;
	uint64_t advice; /* of an OP_MADVISE */
};
#define ANY OP_COUNT

static const struct choice lookups[] = {
	{OP_TOUCH, 3, 0},
	{OP_MOVE_PAGES, 3, 0},
	{OP_MADVISE, 2, MADV_PAGEOUT},
	{OP_RECLAIM, 2, 0},
	{OP_COMPACT, 2, 0},
	{OP_EXPECT, 1, 0},
	{OP_SPLIT, 1, 0},
	{OP_KSM, 1, 0},
	{OP_KHUGEPAGED, 3, 0},
	{OP_SPAWN, 1, 0},
	{ANY, 3, 0},
};

static const struct choice changes[] = {
	{OP_FORK, 3, 0},
	{OP_MUNMAP, 2, 0},
	{OP_MREMAP, 2, 0},
	{OP_EXIT, 2, 0},
	{OP_TOUCH, 2, 0},
	{OP_EXPECT, 1, 0},
	{OP_MPROTECT, 2, 0},
	{OP_UFFD_COPY, 1, 0},
	{OP_MADVISE, 1, MADV_DONTNEED},
	{ANY, 3, 0},
};

static bool advice_fits(const struct gen *gen, const struct choice *choice)
{
	uint32_t nr;
	const struct value *values = values_of(VALUES_advice, &nr);

	return choice->op != OP_MADVISE ||
	       !(values[gen_value_index(VALUES_advice, choice->advice)].needs &
		       ~gen->caps);
}

static bool choice_fits(const struct gen *gen, const struct choice *choice)
{
	return choice->op == ANY ||
	       (!(ops[choice->op].needs & ~gen->caps) &&
		       advice_fits(gen, choice) &&
		       (choice->op != OP_KSM || gen->merges) &&
		       (choice->op != OP_KHUGEPAGED || gen->collapses) &&
		       (choice->op != OP_EXIT || gen->live != 1));
}

static const struct choice *choose(
	struct gen *gen, const struct choice *choices, uint32_t nr)
{
	uint32_t sum = 0, pick;

	for (uint32_t i = 0; i < nr; i++)
		sum += choice_fits(gen, &choices[i]) ? choices[i].weight : 0;
	pick = rng_below(gen->rng, sum);
	while (!choice_fits(gen, choices) || pick >= choices->weight) {
		pick -= choice_fits(gen, choices) ? choices->weight : 0;
		choices++;
	}
	return choices;
}

/* Where an mremap goes: back, or by whole tables */
static void fill_target(
	struct gen *gen, const struct setup *setup, struct call *call)
{
	if (setup->from.pages && !rng_one_in(gen->rng, 3)) {
		call->arg[0].range = setup->range;
		call->arg[1].range = setup->from;
	} else if (rng_one_in(gen->rng, 3)) {
		call->arg[1].range = slot_beside(gen, &call->arg[0].range);
	}
}

static void fill_in(
	struct gen *gen, const struct setup *setup, struct call *call)
{
	for (uint32_t i = 0; i < PROG_ARGS_MAX; i++) {
		gen_arg(gen, call, i);
		if (i == 0 && ops[call->op].arg[0].kind == ARG_RANGE)
			call->arg[0].range =
				rng_one_in(gen->rng, 3)
					? gen_part(gen, &setup->range)
					: setup->range;
	}
	if (call->op == OP_EXPECT || effect_stamps(ops[call->op].effect))
		call->arg[0].range = few(gen, &call->arg[0].range);
	if (call->op == OP_MOVE_PAGES && setup->is_shared)
		call->arg[2].num = 1; /* ALL */
	if (call->op == OP_MREMAP)
		fill_target(gen, setup, call);
}

/* By @proc, on the pages of the set-up */
static void add_choice(struct prog *prog, struct gen *gen,
	const struct setup *setup, const struct choice *choice, uint32_t proc)
{
	struct call call = {.op = choice->op, .proc = (uint8_t)proc};

	if (choice->op != ANY) {
		fill_in(gen, setup, &call);
		if (choice->op == OP_MADVISE)
			call.arg[1].num =
				gen_value_index(VALUES_advice, choice->advice);
	} else {
		do
			gen_call(gen, &call);
		while (ops[call.op].run == RUN_BARRIER ||
			ops[call.op].run == RUN_WAIT ||
			ops[call.op].run == RUN_RMAP_FSCK);
		call.proc = (uint8_t)proc;
	}
	call.thread = 0;
	call.props = 0;
	prog->call[prog->nr_calls++] = call;
}

/* Who makes the second call: another process that has the pages, or another
 * thread of the one that has. Nobody but p0 has what is not shared. */
static void part_actors(
	struct gen *gen, const struct setup *setup, struct call *pair)
{
	uint32_t others = gen->live & ~(1u << pair[0].proc);

	if (setup->is_shared && others && !rng_one_in(gen->rng, 4))
		pair[1].proc = (uint8_t)gen_bit(gen, others);
	else
		pair[1].proc = pair[0].proc;
	if (pair[1].proc != pair[0].proc)
		return;
	/* a process does not end while a thread of it waits */
	if (pair[1].op == OP_EXIT && others)
		pair[0].proc = (uint8_t)gen_bit(gen, others);
	else
		pair[0].thread = 1;
}

/* Where the pages are behind @call: it may have moved them */
static const struct range *range_behind(
	const struct call *call, const struct setup *setup)
{
	return ops[call->op].arg[1].kind == ARG_RANGE ? &call->arg[1].range
						      : &setup->range;
}

uint32_t prog_generate_pair(struct prog *prog, uint32_t caps, struct rng *rng)
{
	struct range behind;
	struct setup setup;
	struct gen gen;
	uint32_t at, proc;

	memset(prog, 0, sizeof(*prog));
	gen_init(&gen, caps, rng);
	setup = add_setup(prog, &gen);
	at = prog->nr_calls;
	proc = setup.is_shared ? gen_bit(&gen, gen.live) : 0;
	add_choice(prog, &gen, &setup,
		choose(&gen, lookups, ARRAY_SIZE(lookups)), proc);
	add_choice(prog, &gen, &setup,
		choose(&gen, changes, ARRAY_SIZE(changes)), proc);
	part_actors(&gen, &setup, &prog->call[at]);
	/* error paths race, too; who gets no large folio takes a small one */
	if (gen.failing && rng_one_in(rng, 2))
		gen_fail(&gen, &prog->call[at + rng_below(rng, 2)]);
	behind = *range_behind(&prog->call[at + 1], &setup);
	if (rng_one_in(rng, 2))
		prog_swap(prog, at);
	/* a write, for what the others then see */
	if (rng_one_in(rng, 2))
		add_on(prog, &gen, OP_TOUCH,
			setup.is_shared ? gen_bit(&gen, gen.live) : 0, &behind);
	return at;
}
