/* SPDX-License-Identifier: GPL-2.0-only */
/* Arguments of calls: ranges that meet something, values, actors. */
#include "prog/generate.h"

#define HOLE_MAX 64 /* pages between two areas that something new may fill */

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

/* What is free between two areas of @proc, if it is small; pages 0: none */
static struct range gen_hole(struct gen *gen, uint32_t proc)
{
	const struct area *areas = gen->area[proc];
	const struct range *one =
		&areas[rng_below(gen->rng, gen->nr[proc])].range;
	uint32_t from = range_end(one), to = from + HOLE_MAX + 1;

	for (uint32_t i = 0; i < gen->nr[proc]; i++) {
		const struct range *other = &areas[i].range;

		if (other->slot == one->slot && other->page >= from &&
			other->page < to)
			to = other->page;
	}
	return (struct range){.slot = one->slot,
		.page = (uint16_t)from,
		.pages = (uint16_t)(to - from > HOLE_MAX ? 0 : to - from)};
}

/* Where something new may go: fresh, adjacent to something, or over it */
static struct range gen_place(struct gen *gen, uint32_t proc, uint32_t pages)
{
	uint32_t slot = rng_below(gen->rng, PROG_SLOTS);
	const struct range *near;
	struct range hole;
	uint32_t page = 0;

	if (gen->nr[proc] > 1 && rng_one_in(gen->rng, 4)) {
		hole = gen_hole(gen, proc);
		if (hole.pages)
			return hole;
	}
	if (gen->nr[proc] && rng_one_in(gen->rng, 3)) {
		near = &gen->area[proc][rng_below(gen->rng, gen->nr[proc])]
				.range;
		if (rng_one_in(gen->rng, 4))
			page = range_end(near) + rng_range(gen->rng, 1, 4);
		else if (rng_one_in(gen->rng, 2))
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

/* Some of @n pages: mistakes are at the ends */
static uint32_t gen_share(struct gen *gen, uint32_t n)
{
	switch (rng_below(gen->rng, 6)) {
	case 0:
		return n > 1 ? n - 1 : 1;
	case 1:
		return 1;
	case 2:
		return (n + 1) / 2;
	default:
		return rng_range(gen->rng, 1, n);
	}
}

struct range gen_part(struct gen *gen, const struct range *range)
{
	uint32_t n = range->pages;
	uint32_t part = gen_share(gen, n);

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
		gen_area(gen, proc, &gen->last.arg[0].range))
		range = gen->last.arg[0].range;
	else
		range = gen->area[proc][rng_below(gen->rng, nr)].range;
	return gen_part(gen, &range);
}

static uint32_t value_weight(const struct gen *gen, enum value_set set,
	uint32_t index, const struct value *value)
{
	uint32_t weight = value->weight ? value->weight : 1;

	if (value->needs & ~gen->caps)
		return 0;
	if (set == VALUES_advice && (gen->advice >> index & 1))
		return weight * FOCUS_TIMES;
	return weight;
}

uint32_t gen_value(struct gen *gen, enum value_set set)
{
	uint32_t nr, i, sum = 0, pick;
	const struct value *value = values_of(set, &nr);

	for (i = 0; i < nr; i++)
		sum += value_weight(gen, set, i, &value[i]);
	pick = rng_below(gen->rng, sum);
	for (i = 0; i < nr; i++) {
		uint32_t weight = value_weight(gen, set, i, &value[i]);

		if (pick < weight)
			return i;
		pick -= weight;
	}
	return 0;
}

uint32_t gen_bit(struct gen *gen, uint32_t mask)
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

/* What is mapped elsewhere, to be filled from @from, which gets as long */
static struct range gen_filled(
	struct gen *gen, uint32_t proc, struct range *from)
{
	uint32_t nr = gen->nr[proc];
	struct range to = gen_target(gen, proc, from);

	for (int tries = 0; nr && tries < 4; tries++) {
		const struct area *area =
			&gen->area[proc][rng_below(gen->rng, nr)];

		if (ranges_meet(&area->range, from))
			continue;
		to = area->range;
		if (!area->touched) /* else it is refused */
			break;
	}
	from->pages = to.pages = (uint16_t)min_size(from->pages, to.pages);
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
	if (effect == EFFECT_MOVES || effect == EFFECT_FILLS)
		return range;
	if ((effect != EFFECT_KEEPS && effect != EFFECT_FROM_VALUE) ||
		range.pages == 1 || rng_one_in(gen->rng, 2))
		return gen_range(gen, call->proc);
	pages = rng_range(gen->rng, 1, range.pages - 1u);
	return range_fit(range.slot,
		range.page + rng_below(gen->rng, range.pages - pages + 1),
		pages);
}

void gen_arg(struct gen *gen, struct call *call, uint32_t i)
{
	const struct arg_desc *desc = &ops[call->op].arg[i];
	union arg *arg = &call->arg[i];

	switch (desc->kind) {
	case ARG_NONE:
		break;
	case ARG_RANGE:
		if (i && ops[call->op].effect == EFFECT_FILLS)
			arg->range = gen_filled(
				gen, call->proc, &call->arg[0].range);
		else if (i)
			arg->range = gen_target(
				gen, call->proc, &call->arg[0].range);
		else if (gen_makes_new(call))
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
