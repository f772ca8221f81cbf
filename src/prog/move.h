/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * move: what the moves of moves.c are written with; for prog's own files. What
 * is drawn comes from the generator's random numbers.
 */
#ifndef RMAPTORTURE_PROG_MOVE_H
#define RMAPTORTURE_PROG_MOVE_H

#include "prog/generate.h"

#define PART_PAGES_MAX 4 /* of each of a few neighbours */

/** struct move - what is being written; calls that do not fit are lost */
struct move {
	struct gen *gen;
	struct call *call;
	uint32_t nr, max;
};

#define CHANGE_PARTS 0x1 /* the areas: a vma of its own */
#define CHANGE_FORKS 0x2 /* what a fork copies */

/** struct change - something that happens to pages, and its reverse */
struct change {
	uint8_t op, undo_op;
	uint8_t what;	      /* CHANGE_* */
	uint64_t value, undo; /* of the second argument */
};

/** struct state - something that pages go through; an op that has no range is
 *  made all the same */
struct state {
	uint8_t op, weight;
	uint64_t value;
};

/* ---- calls: written, and noted in the model ---- */

/** move_on() - an op whose first argument, if it has one, is a range. What is
 *  written or read page by page is of a few pages of a large one. */
void move_on(struct move *m, uint32_t op, uint32_t proc,
	const struct range *range, uint64_t value);
/** move_map() - anonymous memory, readable and writable */
void move_map(struct move *m, uint32_t proc, const struct range *range);
/** move_fork() - the child is the first process that does not live */
void move_fork(struct move *m, uint32_t proc);
/** move_failing_fork() - one that fails on its way: the child is not there, so
 *  the model learns nothing of it */
void move_failing_fork(struct move *m, uint32_t proc);
/** move_mremap() - @flags: of VALUES_mremap */
void move_mremap(struct move *m, uint32_t proc, const struct range *from,
	const struct range *to, uint64_t flags);
/** move_uffd() - UFFDIO_MOVE to what is mapped there for it */
void move_uffd(struct move *m, uint32_t proc, const struct range *from,
	const struct range *to);
/** move_state() - @state of @range; an exit only where somebody is left */
void move_state(struct move *m, const struct state *state,
	const struct range *range, uint32_t proc);
/** move_look() - somebody writes, and others look: what came of it all */
void move_look(struct move *m, const struct range *range);

/* ---- who, where and what ---- */

/** move_proc() - one that lives */
uint32_t move_proc(const struct move *m);
/** move_sharer() - one of those that have @range */
uint32_t move_sharer(const struct move *m, const struct range *range);
/** move_place() - @pages pages, anywhere */
struct range move_place(const struct move *m, uint32_t pages);
/** move_area() - what @proc has already, mostly; else what it maps now */
struct range move_area(struct move *m, uint32_t proc);
/** move_change(), move_parting() - any change; one that makes parts vmas of
 *  their own */
const struct change *move_change(struct rng *rng);
const struct change *move_parting(struct rng *rng);
/** move_pick_state() - by weight */
const struct state *move_pick_state(struct rng *rng);

#endif
