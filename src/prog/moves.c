/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moves: a few calls that belong together. What is drawn call by call seldom
 * stays on the same pages, and seldom undoes what it has done; much of the mm
 * code is about just that: areas that part and join again, pages that go
 * through a number of states, a change and its reverse.
 */
#include "prog/move.h"

#include <linux/mman.h>
#include <string.h>

#define PARTS		3
#define STATES_MAX	5
#define GENERATIONS_MAX 4

/* ---- areas ---- */

/* For one of 2 MiB, or for a few smaller ones, of which all is cheaper */
static struct range large_area(struct rng *rng)
{
	uint32_t pages = rng_one_in(rng, 2) ? HUGE_PAGES
					    : LARGE_PAGES << rng_below(rng, 3);

	return (struct range){
		.slot = (uint16_t)(2 * rng_below(rng, PROG_SLOTS / 2)),
		.page = (uint16_t)(pages * rng_below(rng, 2)),
		.pages = (uint16_t)pages,
	};
}

/* As it comes; or one for large folios, whether it gets them or not */
static struct range any_area(struct move *m, uint32_t proc)
{
	struct rng *rng = m->gen->rng;
	struct range range;

	if (!rng_one_in(rng, 3))
		return move_area(m, proc);
	range = large_area(rng);
	move_map(m, proc, &range);
	if (rng_one_in(rng, 2))
		move_on(m, OP_MADVISE, proc, &range, MADV_HUGEPAGE);
	return range;
}

/* ---- a change and its reverse ---- */

/* What a fork copies shows in a fork only. */
static void change_part(struct move *m, const struct change *change,
	uint32_t proc, const struct range *part)
{
	move_on(m, change->op, proc, part, change->value);
	if (change->what & CHANGE_FORKS)
		move_fork(m, proc);
}

static void there_and_back(struct move *m)
{
	const struct change *change = move_change(m->gen->rng);
	uint32_t proc = move_proc(m);
	struct range range = any_area(m, proc);
	struct range part = gen_part(m->gen, &range);

	if (!rng_one_in(m->gen->rng, 3))
		move_on(m, OP_TOUCH, proc, &range, 0);
	if (rng_one_in(m->gen->rng, 2))
		move_fork(m, proc);
	change_part(m, change, proc, &part);
	if (rng_one_in(m->gen->rng, 3))
		move_look(m, &part);
	move_on(m, change->undo_op, proc, &part, change->undo);
	move_look(m, &range);
}

/* ---- neighbours ---- */

/* Some of the parts are written, one by one, in any order */
static void touch_parts(
	struct move *m, uint32_t proc, const struct range part[PARTS])
{
	uint32_t from = rng_below(m->gen->rng, PARTS);
	uint32_t which = rng_range(m->gen->rng, 1, (1u << PARTS) - 1);

	for (uint32_t i = 0; i < PARTS; i++) {
		uint32_t k = (from + i) % PARTS;

		if (which >> k & 1)
			move_on(m, OP_TOUCH, proc, &part[k], 0);
		if (rng_one_in(m->gen->rng, 8))
			move_fork(m, proc);
	}
}

/* Three areas in a row, of which one is something else; written one by one;
 * then a call makes them alike, and they may become one. */
static void neighbours(struct move *m)
{
	const struct change *change = move_parting(m->gen->rng);
	uint32_t proc = move_proc(m), odd = rng_below(m->gen->rng, PARTS);
	struct range part[PARTS], whole = move_place(m, 0);

	for (uint32_t i = 0; i < PARTS; i++) {
		part[i] = whole;
		part[i].page = (uint16_t)range_end(&whole);
		part[i].pages =
			(uint16_t)rng_range(m->gen->rng, 1, PART_PAGES_MAX);
		whole.pages = (uint16_t)(whole.pages + part[i].pages);
	}
	if (rng_one_in(m->gen->rng, 2))
		odd = 1;
	move_map(m, proc, &whole);
	move_on(m, change->op, proc, &part[odd], change->value);
	touch_parts(m, proc, part);
	move_on(m, change->undo_op, proc, &part[odd], change->undo);
	move_look(m, &whole);
}

/* ---- through a number of states ---- */

static void through_states(struct move *m)
{
	struct range range = move_area(m, move_proc(m));

	if (rng_one_in(m->gen->rng, 2))
		move_on(m, OP_TOUCH, move_sharer(m, &range), &range, 0);
	for (uint32_t n = rng_range(m->gen->rng, 3, STATES_MAX); n > 0; n--) {
		struct range part = range;

		if (rng_one_in(m->gen->rng, 4))
			part = gen_part(m->gen, &range);
		move_state(m, move_pick_state(m->gen->rng), &part,
			move_sharer(m, &range));
	}
	move_look(m, &range);
}

/* ---- twins ---- */

/* Two areas of one size: mapped both, or one of them moved away from where the
 * other now is, or left behind there */
static void make_twins(struct move *m, uint32_t proc, struct range twin[2])
{
	uint32_t way = rng_below(m->gen->rng, 3);

	twin[0] = move_place(m, rng_range(m->gen->rng, 1, PART_PAGES_MAX));
	twin[1] = move_place(m, twin[0].pages);
	if (ranges_meet(&twin[0], &twin[1]))
		twin[1].slot = (uint16_t)((twin[0].slot + 1) % PROG_SLOTS);
	move_map(m, proc, &twin[0]);
	if (way) {
		move_on(m, OP_TOUCH, proc, &twin[0], 0);
		move_mremap(m, proc, &twin[0], &twin[1], way == 2);
	}
	if (way != 2)
		move_map(m, proc, &twin[way == 0]);
}

/* Both go through the same states, one after the other */
static void twins(struct move *m)
{
	uint32_t proc = move_proc(m);
	bool alike = rng_one_in(m->gen->rng, 2);
	struct range twin[2];

	make_twins(m, proc, twin);
	for (uint32_t i = 0; i < 2; i++)
		move_on(m, alike ? OP_FILL : OP_TOUCH, proc, &twin[i], 0);
	for (uint32_t i = 0; alike && i < 2; i++)
		move_on(m, OP_MADVISE, proc, &twin[i], MADV_MERGEABLE);
	for (uint32_t n = rng_range(m->gen->rng, 1, 3); n > 0; n--) {
		const struct state *state = move_pick_state(m->gen->rng);

		move_state(m, state, &twin[0], proc);
		if (ops[state->op].arg[0].kind == ARG_RANGE)
			move_state(m, state, &twin[1], proc);
		if (!(m->gen->live >> proc & 1))
			return;
	}
	move_look(m, &twin[0]);
	move_look(m, &twin[1]);
}

/* ---- parts of a huge page ---- */

/* Some pages at one of its ends: as many as a folio may have */
static struct range end_of(const struct move *m, const struct range *range)
{
	uint32_t order = 31 - (uint32_t)__builtin_clz(range->pages);
	struct range end = *range;

	end.pages = (uint16_t)(1u << rng_below(m->gen->rng, order));
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
		move_on(m, rng_one_in(rng, 3) ? OP_PIN : OP_VMSPLICE, proc,
			&part, 0);
	if (rng_one_in(rng, 3))
		move_fork(m, move_sharer(m, huge));
	move_on(m, OP_MADVISE, proc, rng_one_in(rng, 3) ? &part : huge,
		MADV_PAGEOUT);
	if (rng_one_in(rng, 3))
		move_fork(m, move_sharer(m, huge));
	for (uint32_t n = rng_range(rng, 1, PARTS); n > 0; n--)
		move_on(m, rng_one_in(rng, 2) ? OP_TOUCH : OP_EXPECT,
			move_sharer(m, huge), rng_one_in(rng, 2) ? &part : huge,
			0);
}

/* A huge page, or some that are not so huge; then parts become vmas of their
 * own, or go, and it is met by way of one of them, or as a whole. */
static void huge_parts(struct move *m)
{
	struct rng *rng = m->gen->rng;
	uint32_t proc = move_proc(m);
	struct range huge = large_area(rng);

	if (!(m->gen->caps & CAP_THP))
		return;
	move_map(m, proc, &huge);
	move_on(m, OP_MADVISE, proc, &huge, MADV_HUGEPAGE);
	move_on(m, OP_TOUCH, proc, &huge, 0);
	if (rng_one_in(rng, 4))
		move_fork(m, proc);
	for (uint32_t n = rng_range(rng, 1, PARTS); n > 0; n--) {
		const struct change *change = move_parting(rng);
		struct range part = end_of(m, &huge);

		move_on(m, change->op, proc, &part, change->value);
		if (rng_one_in(rng, 4)) {
			struct range to = move_place(m, part.pages);

			move_mremap(m, proc, &part, &to, 0);
		}
		if (rng_one_in(rng, 2))
			move_state(m, move_pick_state(rng),
				rng_one_in(rng, 2) ? &part : &huge, proc);
		if (!(m->gen->live >> proc & 1))
			return;
	}
	if (rng_one_in(rng, 2))
		out_and_in(m, proc, &huge);
	move_look(m, &huge);
}

/* ---- all kinds of pages in one page table ---- */

/* One call over all of them; where they are then */
static struct range over_all(
	struct move *m, uint32_t proc, const struct range *range)
{
	struct range to = move_place(m, range->pages);

	if (range->pages >= HUGE_PAGES)
		to.page = 0;
	switch (rng_below(m->gen->rng, 5)) {
	case 0:
		move_mremap(m, proc, range, &to, 0);
		return to;
	case 1:
		move_uffd(m, proc, range, &to);
		return to;
	case 2:
		move_fork(m, proc);
		break;
	case 3:
		if (m->gen->collapses && rng_one_in(m->gen->rng, 2))
			move_on(m, OP_KHUGEPAGED, proc, range, 0);
		else
			move_on(m, OP_MADVISE, proc, range, MADV_COLLAPSE);
		break;
	default:
		move_state(m, move_pick_state(m->gen->rng), range, proc);
	}
	return *range;
}

/* Any part, or one as a folio may have it */
static struct range some_part(const struct move *m, const struct range *range)
{
	if (range->pages > 1 && rng_one_in(m->gen->rng, 2))
		return end_of(m, range);
	return gen_part(m->gen, range);
}

/* Parts of an area, written, read, swapped out ..., one of them something else
 * meanwhile; and then the whole */
static void mixed(struct move *m)
{
	struct rng *rng = m->gen->rng;
	const struct change *change = move_parting(rng);
	uint32_t proc = move_proc(m);
	struct range range = any_area(m, proc), odd = some_part(m, &range);
	bool parts = rng_one_in(rng, 2);

	if (!rng_one_in(rng, 4))
		move_on(m, OP_TOUCH, proc, &range, 0);
	if (parts)
		change_part(m, change, proc, &odd);
	for (uint32_t n = rng_range(rng, 1, STATES_MAX); n > 0; n--) {
		struct range part = some_part(m, &range);

		move_state(m, move_pick_state(rng), &part, proc);
	}
	if (!(m->gen->live >> proc & 1))
		return;
	if (parts)
		move_on(m, change->undo_op, proc, &odd, change->undo);
	if (rng_one_in(rng, 4))
		move_on(m, OP_PIN, proc, &odd, 0);
	range = over_all(m, proc, &range);
	move_on(m, OP_TOUCH, proc, &range, 0);
	move_look(m, &range);
}

/* ---- what was written, and what was not ---- */

/* Pages go through a number of states; what the kernel has noted of writes is
 * read before others look. */
static void tracked(struct move *m)
{
	struct rng *rng = m->gen->rng;
	bool softly = rng_one_in(rng, 3);
	uint32_t proc = move_proc(m);
	struct range range = move_area(m, proc);

	if (softly)
		move_on(m, OP_CLEAR_REFS, proc, &range, 0);
	if (!rng_one_in(rng, 4))
		move_on(m, rng_one_in(rng, 3) ? OP_FILL : OP_TOUCH, proc,
			&range, 0);
	if (rng_one_in(rng, 4))
		move_fork(m, proc);
	if (!softly)
		move_on(m, OP_UFFD_WP, proc, &range, 0);
	for (uint32_t n = rng_range(rng, 1, STATES_MAX); n > 0; n--) {
		struct range part = range;

		if (rng_one_in(rng, 3))
			part = gen_part(m->gen, &range);
		move_state(
			m, move_pick_state(rng), &part, move_sharer(m, &range));
	}
	if (m->gen->live >> proc & 1)
		move_on(m, softly ? OP_EXPECT_DIRTY : OP_EXPECT_WP, proc,
			&range, 0);
	move_look(m, &range);
}

/* ---- families ---- */

/* A line of forks, in which some write, and some in the middle exit: their
 * anon_vmas are there for the next fork to be used again. */
static void family(struct move *m)
{
	struct rng *rng = m->gen->rng;
	uint32_t proc = move_proc(m);
	struct range range = move_area(m, proc);

	move_on(m, OP_TOUCH, proc, &range, 0);
	for (uint32_t n = rng_range(rng, 2, GENERATIONS_MAX); n > 0; n--) {
		uint32_t before = m->gen->live, parent = proc;

		if (rng_one_in(rng, 4))
			move_failing_fork(m, proc);
		move_fork(m, proc);
		if (m->gen->live == before)
			break;
		proc = (uint32_t)__builtin_ctz(m->gen->live & ~before);
		if (!rng_one_in(rng, 3))
			move_on(m, OP_TOUCH, proc, &range, 0);
		if (parent && rng_one_in(rng, 2))
			move_state(m, &(struct state){.op = OP_EXIT}, &range,
				parent);
	}
	if (rng_one_in(rng, 2))
		move_failing_fork(m, proc);
	move_look(m, &range);
}

/* ---- all ---- */

static void (*const moves[])(struct move *m) = {
	there_and_back,
	neighbours,
	through_states,
	twins,
	huge_parts,
	mixed,
	tracked,
	family,
};

uint32_t gen_move(struct gen *gen, struct call *ret, uint32_t max)
{
	struct move move = {gen, ret, 0, max};

	memset(ret, 0, max * sizeof(*ret));
	moves[rng_below(gen->rng, ARRAY_SIZE(moves))](&move);
	return move.nr;
}
