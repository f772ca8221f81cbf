/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * generate: calls that meet something. A light model of what each process has
 * mapped, fed with the calls so far; for prog's own files.
 */
#ifndef RMAPTORTURE_PROG_GENERATE_H
#define RMAPTORTURE_PROG_GENERATE_H

#include "prog/prog.h"

#define HUGE_ORDER  9 /* of a PMD-sized huge page */
#define HUGE_PAGES  (1u << HUGE_ORDER)
#define LARGE_PAGES 16u /* of the other size that the guest allows: 64 KiB */

#define GEN_AREAS 8 /* remembered of each process; the oldest is forgotten */

#define FOCUS_TIMES 5 /* how much more of what a program is about */

#define PROT_RW	   2  /* index in VALUES_prot */
#define STACK_ROOM 12 /* pages that a stack is written below its start */

/** struct area - a range that is probably mapped */
struct area {
	struct range range;
	uint8_t prot;	 /* index in VALUES_prot */
	uint8_t backing; /* enum backing */
	bool touched;
};

/** struct gen - the model; plain data, copied at will */
struct gen {
	struct rng *rng;
	uint32_t caps;
	uint32_t live;		    /* bit p: process p lives */
	uint32_t gone;		    /* bit p: it lived and has exited */
	uint8_t parent[PROG_PROCS]; /* of those that live or are gone */
	bool lineage;	  /* this program is about descent: see gen_op() */
	bool moves;	  /* it has moves (moves.c), not single calls only */
	bool failing;	  /* allocations fail in this program */
	uint64_t focus;	  /* ops that this program is about, a bit each */
	uint32_t advice;  /* the same of the values of VALUES_advice */
	bool merges;	  /* somebody's pages may be merged */
	bool collapses;	  /* somebody has asked for huge pages */
	bool swaps;	  /* something was to go to swap */
	uint8_t youngest; /* the process forked last */
	uint8_t nr[PROG_PROCS];
	struct area area[PROG_PROCS][GEN_AREAS];
	struct call last; /* the latest call with a range */
	bool has_last;
};

static inline uint32_t range_end(const struct range *range)
{
	return range->page + range->pages;
}

static inline bool ranges_meet(const struct range *a, const struct range *b)
{
	return a->slot == b->slot && a->page < range_end(b) &&
	       b->page < range_end(a);
}

static inline bool range_covers(
	const struct range *outer, const struct range *inner)
{
	return outer->slot == inner->slot && outer->page <= inner->page &&
	       range_end(inner) <= range_end(outer);
}

/** gen_makes_new() - is there something new in the call's range? */
static inline bool gen_makes_new(const struct call *call)
{
	enum effect effect = call_effect(call);

	return effect == EFFECT_MAPS || effect == EFFECT_ADDS;
}

/** gen_init() - before the first call: only p0 lives, nothing is mapped */
void gen_init(struct gen *gen, uint32_t caps, struct rng *rng);
/** gen_note() - @call was made */
void gen_note(struct gen *gen, const struct call *call);
/** gen_area() - the latest area of @proc that meets @range, or NULL */
struct area *gen_area(
	struct gen *gen, uint32_t proc, const struct range *range);
/** gen_call() - a call worth making next; not yet noted */
void gen_call(struct gen *gen, struct call *ret);
/** gen_move() - up to @max calls worth making together next, noted; how many.
 *  0: there is nothing to do here */
uint32_t gen_move(struct gen *gen, struct call *ret, uint32_t max);
/** gen_range() - a range that @proc has mapped, or part of it, or nearby */
struct range gen_range(struct gen *gen, uint32_t proc);
/** gen_part() - some of @range: all, an end, the middle, or neighbours too */
struct range gen_part(struct gen *gen, const struct range *range);
/** gen_arg() - argument @i of @call, whose op, actor and earlier arguments are
 *  there */
void gen_arg(struct gen *gen, struct call *call, uint32_t i);
/** gen_bit() - one of the bits of @mask, which is not 0 */
uint32_t gen_bit(struct gen *gen, uint32_t mask);
/** gen_value() - index of a value of @set that the guest can do */
uint32_t gen_value(struct gen *gen, enum value_set set);
/** gen_value_index() - of the value of @set that is @bits */
uint32_t gen_value_index(enum value_set set, uint64_t bits);
/** gen_fail() - let an allocation of @call fail */
void gen_fail(struct gen *gen, struct call *call);
/** gen_actor() - give @call an actor that lives, mostly its first thread */
void gen_actor(struct gen *gen, struct call *call);

#endif
