/* SPDX-License-Identifier: GPL-2.0-only */
/* What moves are written with: calls, who makes them and where, and the tables
 * of what may happen to pages. */
#include "prog/move.h"

#include <linux/mman.h>

#define FEW 8 /* pages of a huge page that stand for all */

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

	if (range->pages <= 4 * FEW || (!effect_stamps(ops[op].effect) &&
					       ops[op].effect != EFFECT_READS))
		return;
	range->page = (uint16_t)(range->page +
				 rng_below(m->gen->rng, range->pages - pages));
	range->pages = (uint16_t)pages;
}

/* Of an op whose first argument, if it has one, is a range */
void move_on(struct move *m, uint32_t op, uint32_t proc,
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

void move_map(struct move *m, uint32_t proc, const struct range *range)
{
	move_on(m, OP_MMAP, proc, range, PROT_READ | PROT_WRITE);
}

/* FALSE: there are as many processes as can be */
static bool fork_call(const struct move *m, uint32_t proc, struct call *ret)
{
	uint32_t free = ~m->gen->live & ((1u << PROG_PROCS) - 1) & ~1u;

	if (!free)
		return false;
	*ret = (struct call){.op = OP_FORK, .proc = (uint8_t)proc};
	ret->arg[0].num = (uint32_t)__builtin_ctz(free);
	return true;
}

void move_fork(struct move *m, uint32_t proc)
{
	struct call call;

	if (fork_call(m, proc, &call))
		add(m, &call);
}

void move_failing_fork(struct move *m, uint32_t proc)
{
	struct call call;

	if (m->nr == m->max || !(m->gen->caps & CAP_FAIL) ||
		!fork_call(m, proc, &call))
		return;
	gen_fail(m->gen, &call);
	m->call[m->nr++] = call;
}

static void from_to(struct move *m, uint32_t op, uint32_t proc,
	const struct range *from, const struct range *to, uint64_t flags)
{
	struct call call = {.op = (uint8_t)op, .proc = (uint8_t)proc};

	call.arg[0].range = *from;
	call.arg[1].range = *to;
	call.arg[2].num = flags;
	add(m, &call);
}

void move_mremap(struct move *m, uint32_t proc, const struct range *from,
	const struct range *to, uint64_t flags)
{
	from_to(m, OP_MREMAP, proc, from, to, flags);
}

void move_uffd(struct move *m, uint32_t proc, const struct range *from,
	const struct range *to)
{
	move_map(m, proc, to);
	from_to(m, OP_UFFD_MOVE, proc, from, to, 0);
}

/* ---- who and where ---- */

uint32_t move_proc(const struct move *m)
{
	return m->gen->live ? gen_bit(m->gen, m->gen->live) : 0;
}

/* One of those that have @range */
uint32_t move_sharer(const struct move *m, const struct range *range)
{
	uint32_t have = 0;

	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		if ((m->gen->live >> p & 1) && gen_area(m->gen, p, range))
			have |= 1u << p;
	}
	return have ? gen_bit(m->gen, have) : move_proc(m);
}

struct range move_place(const struct move *m, uint32_t pages)
{
	struct rng *rng = m->gen->rng;

	return (struct range){.slot = (uint16_t)rng_below(rng, PROG_SLOTS),
		.page = (uint16_t)(16 * rng_below(rng, 8)),
		.pages = (uint16_t)pages};
}

/* What @proc has already, mostly; else what it maps now */
struct range move_area(struct move *m, uint32_t proc)
{
	struct gen *gen = m->gen;
	struct range range;

	if (gen->nr[proc] && !rng_one_in(gen->rng, 4))
		return gen->area[proc][rng_below(gen->rng, gen->nr[proc])]
			.range;
	range = move_place(m, rng_range(gen->rng, 1, 2 * PART_PAGES_MAX));
	move_map(m, proc, &range);
	return range;
}

/* Somebody writes, and others look: what came of it all */
void move_look(struct move *m, const struct range *range)
{
	if (rng_one_in(m->gen->rng, 3))
		move_fork(m, move_sharer(m, range));
	if (!rng_one_in(m->gen->rng, 3))
		move_on(m, OP_TOUCH, move_sharer(m, range), range, 0);
	if (!rng_one_in(m->gen->rng, 3))
		move_on(m, OP_EXPECT, move_sharer(m, range), range, 0);
}

/* ---- changes ---- */

/* clang-format off */
static const struct change changes[] = {
	{OP_MPROTECT, OP_MPROTECT, CHANGE_PARTS, PROT_READ, PROT_READ | PROT_WRITE},
	{OP_MPROTECT, OP_MPROTECT, CHANGE_PARTS, PROT_NONE, PROT_READ | PROT_WRITE},
	{OP_MLOCK, OP_MUNLOCK, CHANGE_PARTS, 0, 0},
	{OP_MADVISE, OP_MADVISE, CHANGE_PARTS | CHANGE_FORKS, MADV_DONTFORK, MADV_DOFORK},
	{OP_MADVISE, OP_MADVISE, CHANGE_PARTS | CHANGE_FORKS, MADV_WIPEONFORK, MADV_KEEPONFORK},
	{OP_MADVISE, OP_MADVISE, CHANGE_PARTS, MADV_MERGEABLE, MADV_UNMERGEABLE},
	{OP_MADVISE, OP_MADVISE, CHANGE_PARTS, MADV_HUGEPAGE, MADV_NOHUGEPAGE},
	{OP_MUNMAP, OP_MMAP, CHANGE_PARTS, 0, PROT_READ | PROT_WRITE},
	{OP_MADVISE, OP_EXPECT, 0, MADV_PAGEOUT, 0},
	{OP_MADVISE, OP_TOUCH, 0, MADV_FREE, 0},
	{OP_PIN, OP_UNPIN, 0, 0, 0},
	{OP_VMSPLICE, OP_DRAIN, 0, 0, 0},
};
/* clang-format on */

const struct change *move_change(struct rng *rng)
{
	return &changes[rng_below(rng, ARRAY_SIZE(changes))];
}

const struct change *move_parting(struct rng *rng)
{
	const struct change *change;

	do
		change = move_change(rng);
	while (!(change->what & CHANGE_PARTS));
	return change;
}

/* ---- states ---- */

static const struct state states[] = {
	{OP_TOUCH, 4, 0},
	{OP_FILL, 1, 0},
	{OP_POKE, 1, 0},
	{OP_UFFD_COPY, 1, 0},
	{OP_EXPECT, 4, 0},
	{OP_FORK, 3, 0},
	{OP_EXIT, 1, 0},
	{OP_MADVISE, 5, MADV_PAGEOUT},
	{OP_MADVISE, 2, MADV_FREE},
	{OP_MADVISE, 1, MADV_DONTNEED},
	{OP_MADVISE, 1, MADV_WILLNEED},
	{OP_MADVISE, 1, MADV_MERGEABLE},
	{OP_MADVISE, 1, MADV_UNMERGEABLE},
	{OP_MERGE_ANY, 1, 0},
	{OP_MADVISE, 1, MADV_COLLAPSE},
	{OP_MPROTECT, 2, PROT_READ},
	{OP_MPROTECT, 2, PROT_READ | PROT_WRITE},
	{OP_MLOCK, 1, 0},
	{OP_MUNLOCK, 1, 0},
	{OP_MOVE_PAGES, 2, 0},
	{OP_RECLAIM, 2, 0},
	{OP_COMPACT, 1, 0},
	{OP_SWAPOFF, 1, 0},
	{OP_SPLIT, 1, 0},
	{OP_KSM, 1, 0},
	{OP_KHUGEPAGED, 1, 0},
	{OP_SPAWN, 1, 0},
	{OP_PIN, 1, 0},
	{OP_UNPIN, 1, 0},
	{OP_VMSPLICE, 1, 0},
	{OP_DRAIN, 1, 0},
};

const struct state *move_pick_state(struct rng *rng)
{
	uint32_t sum = 0, pick;
	const struct state *state = states;

	for (uint32_t i = 0; i < ARRAY_SIZE(states); i++)
		sum += states[i].weight;
	for (pick = rng_below(rng, sum); pick >= state->weight; state++)
		pick -= state->weight;
	return state;
}

void move_state(struct move *m, const struct state *state,
	const struct range *range, uint32_t proc)
{
	struct call call = {.op = state->op, .proc = (uint8_t)proc};

	if (state->op == OP_FORK) {
		move_fork(m, proc);
	} else if (state->op == OP_MOVE_PAGES) {
		call.arg[0].range = *range;
		call.arg[1].num = rng_below(m->gen->rng, 2);
		call.arg[2].num = 1; /* ALL */
		add(m, &call);
	} else if (state->op == OP_RECLAIM) {
		call.arg[0].num = rng_range(m->gen->rng, 1, 64);
		add(m, &call);
	} else if (state->op == OP_SPAWN) {
		call.arg[0].num = rng_range(m->gen->rng, 1, 8);
		add(m, &call);
	} else if (state->op == OP_MERGE_ANY) {
		call.arg[0].num = !rng_one_in(m->gen->rng, 4);
		add(m, &call);
	} else if (state->op != OP_EXIT) {
		move_on(m, state->op, proc, range, state->value);
	} else if (proc && __builtin_popcount(m->gen->live) > 1) {
		add(m, &call);
	}
}
