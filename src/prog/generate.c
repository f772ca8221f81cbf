/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs and calls out of random numbers and a light model. */
#include "prog/generate.h"

#include <linux/mman.h>
#include <string.h>

#define HUGE_PAGES     512 /* pages of a PMD-sized huge page */
#define LINEAGE_ONE_IN 3   /* programs that are about descent */
#define LINEAGE_TIMES  4   /* how much more they fork and exit */
#define FAILING_ONE_IN 4   /* programs in which allocations fail */
#define FAIL_ONE_IN    5   /* of their calls */
#define FAIL_NTH_MAX   40  /* few calls allocate more often */

void gen_init(struct gen *gen, uint32_t caps, struct rng *rng)
{
	memset(gen, 0, sizeof(*gen));
	gen->rng = rng;
	gen->caps = caps;
	gen->live = 1;
	gen->lineage = rng_one_in(rng, LINEAGE_ONE_IN);
	gen->failing = (caps & CAP_FAIL) && rng_one_in(rng, FAILING_ONE_IN);
}

static uint32_t range_end(const struct range *range)
{
	return range->page + range->pages;
}

static bool ranges_meet(const struct range *a, const struct range *b)
{
	return a->slot == b->slot && a->page < range_end(b) &&
	       b->page < range_end(a);
}

static bool range_covers(const struct range *outer, const struct range *inner)
{
	return outer->slot == inner->slot && outer->page <= inner->page &&
	       range_end(inner) <= range_end(outer);
}

static void area_add(struct gen *gen, uint32_t proc, const struct area *area)
{
	struct area *areas = gen->area[proc];

	if (gen->nr[proc] == GEN_AREAS) {
		memmove(areas, areas + 1, (GEN_AREAS - 1) * sizeof(*areas));
		gen->nr[proc]--;
	}
	areas[gen->nr[proc]++] = *area;
}

/* Forget what @hole covers; what is left of an area stays */
static void area_cut(struct gen *gen, uint32_t proc, const struct range *hole)
{
	struct area old[GEN_AREAS];
	uint32_t nr = gen->nr[proc];

	memcpy(old, gen->area[proc], sizeof(old));
	gen->nr[proc] = 0;
	for (uint32_t i = 0; i < nr; i++) {
		struct range *range = &old[i].range;
		uint32_t end = range_end(range);
		struct area tail = old[i];

		if (!ranges_meet(range, hole)) {
			area_add(gen, proc, &old[i]);
			continue;
		}
		if (range->page < hole->page) {
			range->pages = hole->page - range->page;
			area_add(gen, proc, &old[i]);
		}
		if (end > range_end(hole)) {
			tail.range.page = (uint16_t)range_end(hole);
			tail.range.pages = (uint16_t)(end - range_end(hole));
			area_add(gen, proc, &tail);
		}
	}
}

static struct area *area_find(
	struct gen *gen, uint32_t proc, const struct range *range)
{
	for (uint32_t i = gen->nr[proc]; i-- > 0;) {
		if (ranges_meet(&gen->area[proc][i].range, range))
			return &gen->area[proc][i];
	}
	return NULL;
}

static void note_map(struct gen *gen, const struct call *call)
{
	struct area area = {
		.range = call->arg[0].range,
		.prot = (uint8_t)call->arg[1].num,
		.backing = (uint8_t)call_bits(call, 2),
	};

	area_cut(gen, call->proc, &area.range);
	area_add(gen, call->proc, &area);
}

static void note_move(struct gen *gen, const struct call *call)
{
	struct area *from = area_find(gen, call->proc, &call->arg[0].range);
	struct area area;

	if (!from || !range_covers(&from->range, &call->arg[0].range))
		return;
	area = *from;
	area.range = call->arg[1].range;
	if (!call->arg[2].num)
		area_cut(gen, call->proc, &call->arg[0].range);
	area_cut(gen, call->proc, &area.range);
	area_add(gen, call->proc, &area);
}

static void note_resize(struct gen *gen, const struct call *call)
{
	struct range old = call->arg[0].range;
	struct area *from = area_find(gen, call->proc, &old);
	uint32_t room = PROG_SLOT_PAGES - old.page;
	struct area area;

	if (!from)
		return;
	area = *from;
	area.range = old;
	area.range.pages = (uint16_t)min_size(call->arg[1].num, room);
	area_cut(gen, call->proc, &old);
	area_add(gen, call->proc, &area);
}

static void note_fork(struct gen *gen, const struct call *call)
{
	uint32_t child = (uint32_t)call->arg[0].num;

	if (gen->live >> child & 1)
		return;
	gen->live |= 1u << child;
	gen->gone &= ~(1u << child);
	gen->parent[child] = call->proc;
	gen->youngest = (uint8_t)child;
	gen->nr[child] = gen->nr[call->proc];
	memcpy(gen->area[child], gen->area[call->proc],
		sizeof(gen->area[child]));
}

static void note_area(struct gen *gen, const struct call *call)
{
	struct area *area = area_find(gen, call->proc, &call->arg[0].range);
	enum effect effect = call_effect(call);

	if (area && effect == EFFECT_WRITES)
		area->touched = true;
	else if (area && effect == EFFECT_PROTECTS &&
		 range_covers(&call->arg[0].range, &area->range))
		area->prot = (uint8_t)call->arg[1].num;
}

void gen_note(struct gen *gen, const struct call *call)
{
	enum effect effect = call_effect(call);

	if (!(gen->live >> call->proc & 1))
		return;
	if (effect == EFFECT_MAPS)
		note_map(gen, call);
	else if (effect == EFFECT_UNMAPS)
		area_cut(gen, call->proc, &call->arg[0].range);
	else if (effect == EFFECT_MOVES)
		note_move(gen, call);
	else if (effect == EFFECT_RESIZES)
		note_resize(gen, call);
	else if (effect == EFFECT_FORKS)
		note_fork(gen, call);
	else if (ops[call->op].arg[0].kind == ARG_RANGE)
		note_area(gen, call);
	if (effect == EFFECT_EXITS) {
		gen->live &= ~(1u << call->proc);
		gen->gone |= 1u << call->proc;
	}
	if (ops[call->op].arg[0].kind == ARG_RANGE) {
		gen->last = *call;
		gen->has_last = true;
	}
}

/* A range made of any numbers, put right */
static struct range range_fit(uint32_t slot, uint32_t page, uint32_t pages)
{
	struct range range;

	range.slot = (uint16_t)(slot % PROG_SLOTS);
	range.page = (uint16_t)min_size(page, PROG_SLOT_PAGES - 1);
	range.pages = (uint16_t)min_size(pages, PROG_SLOT_PAGES - range.page);
	if (!range.pages)
		range.pages = 1;
	return range;
}

static uint32_t gen_pages(struct gen *gen)
{
	static const uint8_t top[] = {1, 2, 4, 8, 8, 16, 16, 32};
	uint32_t pages = top[rng_below(gen->rng, ARRAY_SIZE(top))];

	if (rng_one_in(gen->rng, 24))
		return rng_range(gen->rng, 33, 200);
	return rng_range(gen->rng, (pages + 1) / 2, pages);
}

/* Where something new may go: fresh, adjacent to something, or over it */
static struct range gen_place(struct gen *gen, uint32_t proc, uint32_t pages)
{
	uint32_t slot = rng_below(gen->rng, PROG_SLOTS);
	const struct range *near;
	uint32_t page = 0;

	if (gen->nr[proc] && rng_one_in(gen->rng, 3)) {
		near = &gen->area[proc][rng_below(gen->rng, gen->nr[proc])]
				.range;
		if (rng_one_in(gen->rng, 2))
			page = range_end(near);
		else
			page = near->page > pages ? near->page - pages : 0;
		return range_fit(near->slot, page, pages);
	}
	if (slot & 1)
		page = rng_one_in(gen->rng, 2) ? 16 - 16 / 2 : 0;
	else if (rng_one_in(gen->rng, 4))
		page = HUGE_PAGES - rng_range(gen->rng, 0, pages);
	else
		page = 8 * rng_below(gen->rng, 8);
	return range_fit(slot, page, pages);
}

static struct range gen_new_range(struct gen *gen, uint32_t proc)
{
	uint32_t slot = 2 * rng_below(gen->rng, PROG_SLOTS / 2);

	if ((gen->caps & CAP_THP) && rng_one_in(gen->rng, 10))
		return range_fit(
			slot, HUGE_PAGES * rng_below(gen->rng, 2), HUGE_PAGES);
	return gen_place(gen, proc, gen_pages(gen));
}

/* Some of @range: all, an end, the middle, or the neighbour pages too */
static struct range gen_part(struct gen *gen, const struct range *range)
{
	uint32_t n = range->pages;
	uint32_t part = rng_range(gen->rng, 1, n);

	switch (rng_below(gen->rng, 12)) {
	case 0:
	case 1:
		return range_fit(range->slot, range->page, part);
	case 2:
	case 3:
		return range_fit(range->slot, range_end(range) - part, part);
	case 4:
	case 5:
		return range_fit(range->slot,
			range->page + rng_below(gen->rng, n - part + 1), part);
	case 6:
		return range_fit(range->slot, range->page + part / 2,
			n + rng_below(gen->rng, 4));
	default:
		return *range;
	}
}

struct range gen_range(struct gen *gen, uint32_t proc)
{
	uint32_t nr = gen->nr[proc];
	struct range range;

	if (!nr || rng_one_in(gen->rng, 32))
		return gen_place(gen, proc, gen_pages(gen));
	if (gen->has_last && rng_one_in(gen->rng, 3) &&
		area_find(gen, proc, &gen->last.arg[0].range))
		range = gen->last.arg[0].range;
	else
		range = gen->area[proc][rng_below(gen->rng, nr)].range;
	return gen_part(gen, &range);
}

static uint32_t value_weight(const struct gen *gen, const struct value *value)
{
	if (value->needs & ~gen->caps)
		return 0;
	return value->weight ? value->weight : 1;
}

uint32_t gen_value(struct gen *gen, enum value_set set)
{
	uint32_t nr, i, sum = 0, pick;
	const struct value *value = values_of(set, &nr);

	for (i = 0; i < nr; i++)
		sum += value_weight(gen, &value[i]);
	pick = rng_below(gen->rng, sum);
	for (i = 0; i < nr; i++) {
		uint32_t weight = value_weight(gen, &value[i]);

		if (pick < weight)
			return i;
		pick -= weight;
	}
	return 0;
}

static uint32_t gen_bit(struct gen *gen, uint32_t mask)
{
	uint32_t nr = (uint32_t)__builtin_popcount(mask);
	uint32_t skip = rng_below(gen->rng, nr);

	while (skip--)
		mask &= mask - 1;
	return (uint32_t)__builtin_ctz(mask);
}

void gen_actor(struct gen *gen, struct call *call)
{
	call->proc = gen->live ? (uint8_t)gen_bit(gen, gen->live) : 0;
	call->thread = 0;
	if (rng_one_in(gen->rng, 6))
		call->thread = rng_one_in(gen->rng, 3)
				       ? (uint8_t)rng_range(
						 gen->rng, 1, PROG_THREADS - 1)
				       : 1;
}

static uint32_t gen_num(
	struct gen *gen, const struct arg_desc *desc, const struct call *call)
{
	uint32_t lo = desc->min, hi = desc->max;
	uint32_t near;

	if (desc->needs & ~gen->caps)
		return lo;
	if (hi - lo < 16 || rng_one_in(gen->rng, 8))
		return rng_range(gen->rng, lo, hi);
	/* a number of pages: around the range's, where there is one */
	near = call->arg[0].range.pages;
	if (ops[call->op].arg[0].kind == ARG_RANGE && near) {
		near = rng_one_in(gen->rng, 2) ? rng_range(gen->rng, 1, near)
					       : near + rng_below(gen->rng, 17);
		return near < lo ? lo : (uint32_t)min_size(near, hi);
	}
	return rng_range(
		gen->rng, lo, lo + ((hi - lo) >> rng_below(gen->rng, 7)));
}

static uint64_t gen_flags(struct gen *gen, enum value_set set)
{
	uint32_t nr;
	const struct value *value = values_of(set, &nr);
	uint64_t mask = 0;

	for (uint32_t i = 0; i < nr; i++) {
		if (!(value[i].needs & ~gen->caps) && rng_one_in(gen->rng, 3))
			mask |= 1ull << i;
	}
	return mask;
}

/* Where to move @from to, mostly clear of it and of the same length */
static struct range gen_target(
	struct gen *gen, uint32_t proc, const struct range *from)
{
	uint32_t pages = from->pages;
	struct range to;

	if (rng_one_in(gen->rng, 8))
		pages = gen_pages(gen);
	to = gen_place(gen, proc, pages);
	for (int tries = 0; tries < 4; tries++) {
		if (!ranges_meet(&to, from) && to.pages == pages)
			break;
		to = gen_place(gen, proc, pages);
	}
	return to;
}

/* Fork: a number that is free. Wait: somebody who is on the way out. */
static uint32_t gen_child(struct gen *gen, const struct call *call)
{
	uint32_t all = (1u << PROG_PROCS) - 1;
	uint32_t fit = gen->gone;

	if (call_effect(call) == EFFECT_FORKS)
		fit = all & ~gen->live & ~1u;
	if (!fit || rng_one_in(gen->rng, 64))
		fit = all & ~1u;
	/* mostly the lowest: programs of a few processes read better */
	return rng_one_in(gen->rng, 4) ? gen_bit(gen, fit)
				       : (uint32_t)__builtin_ctz(fit);
}

/* A mapping to be written to is worth more than one that faults */
static uint64_t gen_prot_or_value(
	struct gen *gen, enum value_set set, const struct call *call)
{
	enum effect effect = ops[call->op].effect;
	uint32_t nr;

	(void)values_of(set, &nr);
	if (effect == EFFECT_MAPS && set == VALUES_prot)
		return rng_one_in(gen->rng, 12) ? gen_value(gen, set) : nr - 1;
	if (effect == EFFECT_MAPS && set == VALUES_backing)
		return rng_one_in(gen->rng, 3) ? gen_value(gen, set)
					       : BACKING_ANON;
	if (effect == EFFECT_PROTECTS && rng_one_in(gen->rng, 2))
		return nr - 1;
	return gen_value(gen, set);
}

/* What walks takes parts, what moves takes wholes: mappings whose pages are in
 * different states (present, swapped out, on another node, shared) are where
 * code that works in batches goes wrong. */
static struct range gen_source(struct gen *gen, const struct call *call)
{
	enum effect effect = ops[call->op].effect;
	uint32_t nr = gen->nr[call->proc], pages;
	struct range range;

	if (!nr || rng_one_in(gen->rng, 3))
		return gen_range(gen, call->proc);
	range = gen->area[call->proc][rng_below(gen->rng, nr)].range;
	if (effect == EFFECT_MOVES)
		return range;
	if ((effect != EFFECT_KEEPS && effect != EFFECT_FROM_VALUE) ||
		range.pages == 1 || rng_one_in(gen->rng, 2))
		return gen_range(gen, call->proc);
	pages = rng_range(gen->rng, 1, range.pages - 1u);
	return range_fit(range.slot,
		range.page + rng_below(gen->rng, range.pages - pages + 1),
		pages);
}

static void gen_arg(struct gen *gen, struct call *call, uint32_t i)
{
	const struct arg_desc *desc = &ops[call->op].arg[i];
	union arg *arg = &call->arg[i];

	switch (desc->kind) {
	case ARG_NONE:
		break;
	case ARG_RANGE:
		if (i)
			arg->range = gen_target(
				gen, call->proc, &call->arg[0].range);
		else if (call_effect(call) == EFFECT_MAPS)
			arg->range = gen_new_range(gen, call->proc);
		else
			arg->range = gen_source(gen, call);
		break;
	case ARG_ENUM:
		arg->num = gen_prot_or_value(gen, desc->set, call);
		break;
	case ARG_FLAGS:
		/* DONTUNMAP wants equal lengths */
		if (ops[call->op].arg[1].kind != ARG_RANGE ||
			call->arg[0].range.pages == call->arg[1].range.pages)
			arg->num = gen_flags(gen, desc->set);
		break;
	case ARG_NUM:
		arg->num = gen_num(gen, desc, call);
		break;
	case ARG_ACTOR:
		arg->num = gen_child(gen, call);
		break;
	}
}

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

static uint32_t value_index(enum value_set set, uint64_t bits)
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
	if (last == EFFECT_MOVES)
		range = &gen->last.arg[1].range;
	if (last == EFFECT_MAPS || last == EFFECT_MOVES)
		call->proc = gen->last.proc;
	call->arg[0].range = gen_part(gen, range);
	call->op = rng_one_in(gen->rng, 4) ? OP_EXPECT : OP_TOUCH;
	if (last == EFFECT_MAPS && range->pages == HUGE_PAGES &&
		(gen->caps & CAP_THP) && rng_one_in(gen->rng, 2)) {
		call->op = OP_MADVISE;
		call->arg[0].range = *range;
		call->arg[1].num = value_index(VALUES_advice, MADV_HUGEPAGE);
	}
}

/* A new mapping is to be written soon; the rest, now and then, looked at */
static bool wants_follow_up(struct gen *gen)
{
	if (!gen->has_last)
		return false;
	if (call_effect(&gen->last) == EFFECT_MAPS &&
		(gen->live >> gen->last.proc & 1))
		return rng_one_in(gen->rng, 2);
	if (call_effect(&gen->last) == EFFECT_WRITES ||
		call_effect(&gen->last) == EFFECT_READS)
		return rng_one_in(gen->rng, 10);
	return rng_one_in(gen->rng, 3);
}

/* Calls that take long are the ones to run beside others */
static bool is_slow(const struct call *call)
{
	enum effect effect = call_effect(call);

	return ops[call->op].effect == EFFECT_FROM_VALUE ||
	       effect == EFFECT_MOVES || effect == EFFECT_UNMAPS ||
	       effect == EFFECT_FORKS || effect == EFFECT_EXITS ||
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
	prog->nr_calls = (uint32_t)min_size(nr_calls, PROG_CALLS_MAX);
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		gen_call(&gen, &prog->call[i]);
		gen_note(&gen, &prog->call[i]);
	}
}
