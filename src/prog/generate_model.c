/* SPDX-License-Identifier: GPL-2.0-only */
/* The model of generate.h: what the calls so far have mapped, and who lives. */
#include "prog/generate.h"

#include <linux/mman.h>
#include <string.h>

#define LINEAGE_ONE_IN 3 /* programs that are about descent */
#define FAILING_ONE_IN 4 /* programs in which allocations fail */
#define MOVES_ONE_IN   2 /* programs that have moves */
#define FOCUS_ONE_IN   2 /* programs that are about a few things */
#define FOCUS_MAX      3

_Static_assert(OP_COUNT <= 64, "gen.focus has a bit for each op");

/* Two or three things that meet often find what all of them, each seldom, do
 * not: Groce et al., Swarm Testing (2012) */
static void gen_focus(struct gen *gen)
{
	uint32_t nr_advice;

	(void)values_of(VALUES_advice, &nr_advice);
	for (uint32_t n = rng_range(gen->rng, 1, FOCUS_MAX); n > 0; n--) {
		if (rng_one_in(gen->rng, 2)) {
			gen->focus |= 1ull << rng_below(gen->rng, OP_COUNT);
			continue;
		}
		gen->focus |= 1ull << OP_MADVISE;
		gen->advice |= 1u << rng_below(gen->rng, nr_advice);
	}
}

void gen_init(struct gen *gen, uint32_t caps, struct rng *rng)
{
	memset(gen, 0, sizeof(*gen));
	gen->rng = rng;
	gen->caps = caps;
	gen->live = 1;
	gen->lineage = rng_one_in(rng, LINEAGE_ONE_IN);
	if (rng_one_in(rng, FOCUS_ONE_IN))
		gen_focus(gen);
	gen->moves = rng_one_in(rng, MOVES_ONE_IN);
	gen->failing = (caps & CAP_FAIL) && rng_one_in(rng, FAILING_ONE_IN);
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

struct area *gen_area(struct gen *gen, uint32_t proc, const struct range *range)
{
	for (uint32_t i = gen->nr[proc]; i-- > 0;) {
		if (ranges_meet(&gen->area[proc][i].range, range))
			return &gen->area[proc][i];
	}
	return NULL;
}

/* Whoever writes below a stack makes it grow: those pages are as good as there
 */
static void stack_grow(struct range *range)
{
	uint32_t room = (uint32_t)min_size(range->page, STACK_ROOM);

	range->page = (uint16_t)(range->page - room);
	range->pages = (uint16_t)(range->pages + room);
}

static void note_map(struct gen *gen, const struct call *call)
{
	struct area area = {
		.range = call->arg[0].range,
		.prot = (uint8_t)call->arg[1].num,
		.backing = (uint8_t)call_bits(call, 2),
	};

	area_cut(gen, call->proc, &area.range);
	if (area.backing == BACKING_STACK)
		stack_grow(&area.range);
	area_add(gen, call->proc, &area);
}

static void note_add(struct gen *gen, const struct call *call)
{
	struct area area = {
		.range = call->arg[0].range,
		.prot = PROT_RW,
		.backing = BACKING_ANON,
	};

	if (!gen_area(gen, call->proc, &area.range))
		area_add(gen, call->proc, &area);
}

static void note_move(struct gen *gen, const struct call *call)
{
	struct area *from = gen_area(gen, call->proc, &call->arg[0].range);
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
	struct area *from = gen_area(gen, call->proc, &old);
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

/* Has the call's range other flags than what is around it? */
static bool makes_vma(const struct call *call)
{
	enum effect effect = call_effect(call);

	return effect == EFFECT_PROTECTS || effect == EFFECT_INHERITS ||
	       effect == EFFECT_TRACKS || call->op == OP_MLOCK ||
	       call->op == OP_MUNLOCK;
}

/* What is split off is an area of its own: a later call may name just that, and
 * make it one with its neighbours again. */
static void note_area(struct gen *gen, const struct call *call)
{
	const struct range *range = &call->arg[0].range;
	struct area *area = gen_area(gen, call->proc, range), part;

	if (!area)
		return;
	if (effect_stamps(call_effect(call)))
		area->touched = true;
	if (!makes_vma(call) || !range_covers(&area->range, range))
		return;
	part = *area;
	part.range = *range;
	if (call_effect(call) == EFFECT_PROTECTS)
		part.prot = (uint8_t)call->arg[1].num;
	area_cut(gen, call->proc, range);
	area_add(gen, call->proc, &part);
}

void gen_note(struct gen *gen, const struct call *call)
{
	enum effect effect = call_effect(call);

	if (!(gen->live >> call->proc & 1))
		return;
	gen->merges |= call_merges(call);
	gen->collapses |= call_advises(call, MADV_HUGEPAGE);
	gen->swaps |=
		call->op == OP_RECLAIM || call_advises(call, MADV_PAGEOUT);
	if (effect == EFFECT_MAPS)
		note_map(gen, call);
	else if (effect == EFFECT_ADDS)
		note_add(gen, call);
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
