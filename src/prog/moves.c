/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moves: a few calls that belong together. What is drawn call by call seldom
 * stays on the same pages, and seldom undoes what it has done; much of the mm
 * code is about just that: areas that part and join again, pages that go
 * through a number of states, a change and its reverse.
 */
#include "prog/generate.h"

#include <linux/mman.h>
#include <string.h>

#define PART_PAGES_MAX	4 /* of each of a few neighbours */
#define PARTS		3
#define STATES_MAX	5
#define GENERATIONS_MAX 4
#define FEW		8 /* pages of a huge page that stand for all */

/** struct move - what is being written; calls that do not fit are lost */
struct move {
	struct gen *gen;
	struct call *call;
	uint32_t nr, max;
};

/* ---- calls ---- */

static void add(struct move *m, const struct call *call)
{
	if (m->nr == m->max || (call_needs(call) & ~m->gen->caps))
		return;
	gen_note(m->gen, call);
	m->call[m->nr++] = *call;
}

/* What is written or read page by page takes long */
static void shorten(const struct move *m, uint32_t op, struct range *range)
{
	uint32_t pages = rng_range(m->gen->rng, 1, FEW);

	if (range->pages <= 4 * FEW ||
		(op != OP_TOUCH && op != OP_EXPECT && op != OP_FILL))
		return;
	range->page = (uint16_t)(range->page +
				 rng_below(m->gen->rng, range->pages - pages));
	range->pages = (uint16_t)pages;
}

/* Of an op whose first argument, if it has one, is a range */
static void add_on(struct move *m, uint32_t op, uint32_t proc,
	const struct range *range, uint64_t value)
{
	struct call call = {.op = (uint8_t)op, .proc = (uint8_t)proc};

	if (ops[op].arg[0].kind == ARG_RANGE)
		call.arg[0].range = *range;
	shorten(m, op, &call.arg[0].range);
	if (ops[op].arg[1].kind == ARG_ENUM)
		call.arg[1].num = gen_value_index(ops[op].arg[1].set, value);
	else if (ops[op].arg[1].kind == ARG_NUM)
		call.arg[1].num = ops[op].arg[1].min;
	add(m, &call);
}

static void add_map(struct move *m, uint32_t proc, const struct range *range)
{
	add_on(m, OP_MMAP, proc, range, PROT_READ | PROT_WRITE);
}

static void add_fork(struct move *m, uint32_t proc)
{
	struct call call = {.op = OP_FORK, .proc = (uint8_t)proc};
	uint32_t free = ~m->gen->live & ((1u << PROG_PROCS) - 1) & ~1u;

	if (!free)
		return;
	call.arg[0].num = (uint32_t)__builtin_ctz(free);
	add(m, &call);
}

static void add_move(struct move *m, uint32_t proc, const struct range *from,
	const struct range *to, uint64_t flags)
{
	struct call call = {.op = OP_MREMAP, .proc = (uint8_t)proc};

	call.arg[0].range = *from;
	call.arg[1].range = *to;
	call.arg[2].num = flags;
	add(m, &call);
}

/* ---- who and where ---- */

static uint32_t any_proc(const struct move *m)
{
	return m->gen->live ? gen_bit(m->gen, m->gen->live) : 0;
}

/* One of those that have @range */
static uint32_t sharer(const struct move *m, const struct range *range)
{
	uint32_t have = 0;

	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		if ((m->gen->live >> p & 1) && gen_area(m->gen, p, range))
			have |= 1u << p;
	}
	return have ? gen_bit(m->gen, have) : any_proc(m);
}

static struct range place(const struct move *m, uint32_t pages)
{
	struct rng *rng = m->gen->rng;

	return (struct range){.slot = (uint16_t)rng_below(rng, PROG_SLOTS),
		.page = (uint16_t)(16 * rng_below(rng, 8)),
		.pages = (uint16_t)pages};
}

/* What @proc has already, mostly; else what it maps now */
static struct range area_of(struct move *m, uint32_t proc)
{
	struct gen *gen = m->gen;
	struct range range;

	if (gen->nr[proc] && !rng_one_in(gen->rng, 4))
		return gen->area[proc][rng_below(gen->rng, gen->nr[proc])]
			.range;
	range = place(m, rng_range(gen->rng, 1, 2 * PART_PAGES_MAX));
	add_map(m, proc, &range);
	return range;
}

/* Somebody writes, and others look: what came of it all */
static void look(struct move *m, const struct range *range)
{
	if (rng_one_in(m->gen->rng, 3))
		add_fork(m, sharer(m, range));
	if (!rng_one_in(m->gen->rng, 3))
		add_on(m, OP_TOUCH, sharer(m, range), range, 0);
	if (!rng_one_in(m->gen->rng, 3))
		add_on(m, OP_EXPECT, sharer(m, range), range, 0);
}

/* ---- a change and its reverse ---- */

static const struct change {
	uint8_t op, undo_op;
	uint64_t value, undo; /* of the second argument */
	bool parts;	      /* the areas: a vma of its own */
} changes[] = {
	{OP_MPROTECT, OP_MPROTECT, PROT_READ, PROT_READ | PROT_WRITE, true},
	{OP_MPROTECT, OP_MPROTECT, PROT_NONE, PROT_READ | PROT_WRITE, true},
	{OP_MLOCK, OP_MUNLOCK, 0, 0, true},
	{OP_MADVISE, OP_MADVISE, MADV_DONTFORK, MADV_DOFORK, true},
	{OP_MADVISE, OP_MADVISE, MADV_WIPEONFORK, MADV_KEEPONFORK, true},
	{OP_MADVISE, OP_MADVISE, MADV_MERGEABLE, MADV_UNMERGEABLE, true},
	{OP_MADVISE, OP_MADVISE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, true},
	{OP_MUNMAP, OP_MMAP, 0, PROT_READ | PROT_WRITE, true},
	{OP_MADVISE, OP_EXPECT, MADV_PAGEOUT, 0, false},
	{OP_MADVISE, OP_TOUCH, MADV_FREE, 0, false},
	{OP_PIN, OP_UNPIN, 0, 0, false},
	{OP_VMSPLICE, OP_DRAIN, 0, 0, false},
};

static void there_and_back(struct move *m)
{
	const struct change *change =
		&changes[rng_below(m->gen->rng, ARRAY_SIZE(changes))];
	uint32_t proc = any_proc(m);
	struct range range = area_of(m, proc);
	struct range part = gen_part(m->gen, &range);

	if (!rng_one_in(m->gen->rng, 3))
		add_on(m, OP_TOUCH, proc, &range, 0);
	if (rng_one_in(m->gen->rng, 2))
		add_fork(m, proc);
	add_on(m, change->op, proc, &part, change->value);
	if (rng_one_in(m->gen->rng, 3))
		look(m, &part);
	add_on(m, change->undo_op, proc, &part, change->undo);
	look(m, &range);
}

/* ---- neighbours ---- */

static const struct change *parting(struct rng *rng)
{
	const struct change *change;

	do
		change = &changes[rng_below(rng, ARRAY_SIZE(changes))];
	while (!change->parts);
	return change;
}

/* Some of the parts are written, one by one, in any order */
static void touch_parts(
	struct move *m, uint32_t proc, const struct range part[PARTS])
{
	uint32_t from = rng_below(m->gen->rng, PARTS);
	uint32_t which = rng_range(m->gen->rng, 1, (1u << PARTS) - 1);

	for (uint32_t i = 0; i < PARTS; i++) {
		uint32_t k = (from + i) % PARTS;

		if (which >> k & 1)
			add_on(m, OP_TOUCH, proc, &part[k], 0);
		if (rng_one_in(m->gen->rng, 8))
			add_fork(m, proc);
	}
}

/* Three areas in a row, of which one is something else; written one by one;
 * then a call makes them alike, and they may become one. */
static void neighbours(struct move *m)
{
	const struct change *change = parting(m->gen->rng);
	uint32_t proc = any_proc(m), odd = rng_below(m->gen->rng, PARTS);
	struct range part[PARTS], whole = place(m, 0);

	for (uint32_t i = 0; i < PARTS; i++) {
		part[i] = whole;
		part[i].page = (uint16_t)range_end(&whole);
		part[i].pages =
			(uint16_t)rng_range(m->gen->rng, 1, PART_PAGES_MAX);
		whole.pages = (uint16_t)(whole.pages + part[i].pages);
	}
	if (rng_one_in(m->gen->rng, 2))
		odd = 1;
	add_map(m, proc, &whole);
	add_on(m, change->op, proc, &part[odd], change->value);
	touch_parts(m, proc, part);
	add_on(m, change->undo_op, proc, &part[odd], change->undo);
	look(m, &whole);
}

/* ---- through a number of states ---- */

static const struct state {
	uint8_t op, weight;
	uint64_t value;
} states[] = {
	{OP_TOUCH, 4, 0},
	{OP_FILL, 1, 0},
	{OP_EXPECT, 4, 0},
	{OP_FORK, 3, 0},
	{OP_EXIT, 1, 0},
	{OP_MADVISE, 5, MADV_PAGEOUT},
	{OP_MADVISE, 2, MADV_FREE},
	{OP_MADVISE, 1, MADV_DONTNEED},
	{OP_MADVISE, 1, MADV_MERGEABLE},
	{OP_MADVISE, 1, MADV_UNMERGEABLE},
	{OP_MADVISE, 1, MADV_COLLAPSE},
	{OP_MPROTECT, 2, PROT_READ},
	{OP_MPROTECT, 2, PROT_READ | PROT_WRITE},
	{OP_MLOCK, 1, 0},
	{OP_MUNLOCK, 1, 0},
	{OP_MOVE_PAGES, 2, 0},
	{OP_RECLAIM, 2, 0},
	{OP_SPLIT, 1, 0},
	{OP_KSM, 1, 0},
	{OP_PIN, 1, 0},
	{OP_UNPIN, 1, 0},
	{OP_VMSPLICE, 1, 0},
	{OP_DRAIN, 1, 0},
};

static const struct state *pick_state(struct rng *rng)
{
	uint32_t sum = 0, pick;
	const struct state *state = states;

	for (uint32_t i = 0; i < ARRAY_SIZE(states); i++)
		sum += states[i].weight;
	for (pick = rng_below(rng, sum); pick >= state->weight; state++)
		pick -= state->weight;
	return state;
}

static void add_state(struct move *m, const struct state *state,
	const struct range *range, uint32_t proc)
{
	struct call call = {.op = state->op, .proc = (uint8_t)proc};

	if (state->op == OP_FORK) {
		add_fork(m, proc);
	} else if (state->op == OP_MOVE_PAGES) {
		call.arg[0].range = *range;
		call.arg[1].num = rng_below(m->gen->rng, 2);
		call.arg[2].num = 1; /* ALL */
		add(m, &call);
	} else if (state->op == OP_RECLAIM) {
		call.arg[0].num = rng_range(m->gen->rng, 1, 64);
		add(m, &call);
	} else if (state->op != OP_EXIT) {
		add_on(m, state->op, proc, range, state->value);
	} else if (proc && __builtin_popcount(m->gen->live) > 1) {
		add(m, &call);
	}
}

static void through_states(struct move *m)
{
	struct range range = area_of(m, any_proc(m));

	if (rng_one_in(m->gen->rng, 2))
		add_on(m, OP_TOUCH, sharer(m, &range), &range, 0);
	for (uint32_t n = rng_range(m->gen->rng, 3, STATES_MAX); n > 0; n--) {
		struct range part = range;

		if (rng_one_in(m->gen->rng, 4))
			part = gen_part(m->gen, &range);
		add_state(m, pick_state(m->gen->rng), &part, sharer(m, &range));
	}
	look(m, &range);
}

/* ---- twins ---- */

/* Two areas of one size: mapped both, or one of them moved away from where the
 * other now is, or left behind there */
static void make_twins(struct move *m, uint32_t proc, struct range twin[2])
{
	uint32_t way = rng_below(m->gen->rng, 3);

	twin[0] = place(m, rng_range(m->gen->rng, 1, PART_PAGES_MAX));
	twin[1] = place(m, twin[0].pages);
	if (ranges_meet(&twin[0], &twin[1]))
		twin[1].slot = (uint16_t)((twin[0].slot + 1) % PROG_SLOTS);
	add_map(m, proc, &twin[0]);
	if (way) {
		add_on(m, OP_TOUCH, proc, &twin[0], 0);
		add_move(m, proc, &twin[0], &twin[1], way == 2);
	}
	if (way != 2)
		add_map(m, proc, &twin[way == 0]);
}

/* Both go through the same states, one after the other */
static void twins(struct move *m)
{
	uint32_t proc = any_proc(m);
	bool alike = rng_one_in(m->gen->rng, 2);
	struct range twin[2];

	make_twins(m, proc, twin);
	for (uint32_t i = 0; i < 2; i++)
		add_on(m, alike ? OP_FILL : OP_TOUCH, proc, &twin[i], 0);
	for (uint32_t i = 0; alike && i < 2; i++)
		add_on(m, OP_MADVISE, proc, &twin[i], MADV_MERGEABLE);
	for (uint32_t n = rng_range(m->gen->rng, 1, 3); n > 0; n--) {
		const struct state *state = pick_state(m->gen->rng);

		add_state(m, state, &twin[0], proc);
		if (ops[state->op].arg[0].kind == ARG_RANGE)
			add_state(m, state, &twin[1], proc);
		if (!(m->gen->live >> proc & 1))
			return;
	}
	look(m, &twin[0]);
	look(m, &twin[1]);
}

/* ---- parts of a huge page ---- */

/* Some pages at one of its ends: as many as a folio may have */
static struct range end_of(const struct move *m, const struct range *range)
{
	struct range end = *range;

	end.pages = (uint16_t)(1u << rng_below(m->gen->rng, HUGE_ORDER));
	if (rng_one_in(m->gen->rng, 2))
		end.page = (uint16_t)(range_end(range) - end.pages);
	return end;
}

/* It goes out and comes back in places, while somebody may hold a part of it,
 * and another may get it by a fork. */
static void out_and_in(struct move *m, uint32_t proc, const struct range *huge)
{
	struct rng *rng = m->gen->rng;
	struct range part = end_of(m, huge);

	if (rng_one_in(rng, 3))
		add_on(m, rng_one_in(rng, 3) ? OP_PIN : OP_VMSPLICE, proc,
			&part, 0);
	if (rng_one_in(rng, 3))
		add_fork(m, sharer(m, huge));
	add_on(m, OP_MADVISE, proc, rng_one_in(rng, 3) ? &part : huge,
		MADV_PAGEOUT);
	if (rng_one_in(rng, 3))
		add_fork(m, sharer(m, huge));
	for (uint32_t n = rng_range(rng, 1, PARTS); n > 0; n--)
		add_on(m, rng_one_in(rng, 2) ? OP_TOUCH : OP_EXPECT,
			sharer(m, huge), rng_one_in(rng, 2) ? &part : huge, 0);
}

/* A huge page; then parts of it become vmas of their own, or go, and it is met
 * by way of one of them, or as a whole. */
static void huge_parts(struct move *m)
{
	struct rng *rng = m->gen->rng;
	uint32_t proc = any_proc(m);
	struct range huge = {
		.slot = (uint16_t)(2 * rng_below(rng, PROG_SLOTS / 2)),
		.page = (uint16_t)(HUGE_PAGES * rng_below(rng, 2)),
		.pages = HUGE_PAGES};

	if (!(m->gen->caps & CAP_THP))
		return;
	add_map(m, proc, &huge);
	add_on(m, OP_MADVISE, proc, &huge, MADV_HUGEPAGE);
	add_on(m, OP_TOUCH, proc, &huge, 0);
	if (rng_one_in(rng, 4))
		add_fork(m, proc);
	for (uint32_t n = rng_range(rng, 1, PARTS); n > 0; n--) {
		const struct change *change = parting(rng);
		struct range part = end_of(m, &huge);

		add_on(m, change->op, proc, &part, change->value);
		if (rng_one_in(rng, 4)) {
			struct range to = place(m, part.pages);

			add_move(m, proc, &part, &to, 0);
		}
		if (rng_one_in(rng, 2))
			add_state(m, pick_state(rng),
				rng_one_in(rng, 2) ? &part : &huge, proc);
		if (!(m->gen->live >> proc & 1))
			return;
	}
	if (rng_one_in(rng, 2))
		out_and_in(m, proc, &huge);
	look(m, &huge);
}

/* ---- families ---- */

/* A fork that fails on its way: the child is not there, so the model learns
 * nothing of it. */
static void add_failing_fork(struct move *m, uint32_t proc)
{
	uint32_t free = ~m->gen->live & ((1u << PROG_PROCS) - 1) & ~1u;
	struct call call = {.op = OP_FORK, .proc = (uint8_t)proc};

	if (!free || m->nr == m->max || !(m->gen->caps & CAP_FAIL))
		return;
	call.arg[0].num = (uint32_t)__builtin_ctz(free);
	gen_fail(m->gen, &call);
	m->call[m->nr++] = call;
}

/* A line of forks, in which some write, and some in the middle exit: their
 * anon_vmas are there for the next fork to be used again. */
static void family(struct move *m)
{
	struct rng *rng = m->gen->rng;
	uint32_t proc = any_proc(m);
	struct range range = area_of(m, proc);

	add_on(m, OP_TOUCH, proc, &range, 0);
	for (uint32_t n = rng_range(rng, 2, GENERATIONS_MAX); n > 0; n--) {
		uint32_t before = m->gen->live, parent = proc;

		if (rng_one_in(rng, 4))
			add_failing_fork(m, proc);
		add_fork(m, proc);
		if (m->gen->live == before)
			break;
		proc = (uint32_t)__builtin_ctz(m->gen->live & ~before);
		if (!rng_one_in(rng, 3))
			add_on(m, OP_TOUCH, proc, &range, 0);
		if (parent && rng_one_in(rng, 2))
			add_state(m, &(struct state){.op = OP_EXIT}, &range,
				parent);
	}
	if (rng_one_in(rng, 2))
		add_failing_fork(m, proc);
	look(m, &range);
}

/* ---- all ---- */

static void (*const moves[])(struct move *m) = {
	there_and_back,
	neighbours,
	through_states,
	twins,
	huge_parts,
	family,
};

uint32_t gen_move(struct gen *gen, struct call *ret, uint32_t max)
{
	struct move move = {gen, ret, 0, max};

	memset(ret, 0, max * sizeof(*ret));
	moves[rng_below(gen->rng, ARRAY_SIZE(moves))](&move);
	return move.nr;
}
