/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schedule: which windows the engines of a session have opened, and where to
 * open the next. A window is a stall with what came of it: the function of the
 * point, the op that ran inside, how the two calls' ranges lie to each other,
 * the outcome. All engines of a session share the table, without locks: a count
 * may be lost, a wrong index cannot come of it.
 */
#ifndef RMAPTORTURE_FUZZ_SCHEDULE_H
#define RMAPTORTURE_FUZZ_SCHEDULE_H

#include "cover/points.h"
#include "prog/result.h"
#include "slot/slot.h"

#define SCHEDULE_SITES 65536 /* of a kernel; those behind are left alone */
#define SCHEDULE_OPS   64
#define WINDOW_BYTES   4096 /* windows, and counters of a run */
#define SCHEDULE_CALLS 4096 /* that were traced, with what came before them */
#define SCHEDULE_POOL  (1u << 21) /* sites of all of them */

_Static_assert(OP_COUNT <= SCHEDULE_OPS, "the ops fit the table");

/* How the range of the call inside lies to that of the stalled call */
enum relation {
	RELATION_NONE,	/* one of them has no range (fork, exit ...) */
	RELATION_FAR,	/* another slot */
	RELATION_NEAR,	/* the same slot, no page in common */
	RELATION_MEETS, /* pages in common */
	RELATION_COUNT
};

enum relation schedule_relation(const struct call *a, const struct call *b);

/** struct window - a row of the table */
struct window {
	uint64_t key;	/* 0: empty */
	uint32_t fn;	/* index in the table of points */
	uint32_t count; /* how often it was opened */
	uint8_t op;	/* enum op_id, of the call inside */
	uint8_t relation;
	uint8_t same_mm; /* both calls are of one process */
	uint8_t outcome; /* enum stall_outcome */
	uint32_t pad;
};

/** struct traced - a call of a certain program, and the points it came to. One
 *  whose place another has taken is forgotten; so is the oldest in the pool,
 *  and what is then in its places are points of others */
struct traced {
	uint64_t key; /* of the calls up to it; 0: empty */
	uint32_t first, nr;
};

/** struct schedule_table - the shared file; all zero at first */
struct schedule_table {
	uint64_t stalls;  /* run */
	uint64_t reached; /* of them */
	uint64_t traces;  /* programs whose points were learned */
	/* bit: a call of the op came to the site */
	uint8_t seen[SCHEDULE_OPS][SCHEDULE_SITES / 8];
	uint8_t tried[SCHEDULE_SITES]; /* stalls at the site, saturating */
	struct window window[WINDOW_BYTES];
	struct traced traced[SCHEDULE_CALLS];
	uint32_t pool_used; /* ever; it is used in a ring */
	uint16_t pool[SCHEDULE_POOL];
};

/** struct schedule - this process's view */
struct schedule {
	struct points points;
	struct schedule_table *table; /* NULL: no stalls in this session */
};

/** schedule_open() - map the files "points" and "windows" beside the control
 *  block @control. Without "points" the kernel has no stalls: 0, and
 *  @ret has no table. Else negative errno with @why */
int schedule_open(const char *control, struct schedule *ret, struct why *why);

/** schedule_resolve() - the addresses of @prog's stalls; 0: none */
void schedule_resolve(const struct schedule *schedule, const struct prog *prog,
	uint64_t ret_pc[PROG_STALLS_MAX]);

/** schedule_learn() - the points that the calls of @prog came to; @trace may be
 *  any bytes */
void schedule_learn(struct schedule *schedule, const struct prog *prog,
	const struct slot_trace *trace);

/** schedule_traced() - the points of call @at of @prog, if it was traced with
 *  the same calls before it; else NULL */
const struct traced *schedule_traced(
	const struct schedule *schedule, const struct prog *prog, uint32_t at);

/**
 * schedule_note() - the windows of one run
 * @counters: WINDOW_BYTES, of this run; 1 is set at each window's place
 *
 * Returns how many were never seen before.
 */
uint32_t schedule_note(struct schedule *schedule, const struct prog *prog,
	const struct prog_result *result, uint8_t *counters);

/** schedule_score() - how much a stall at site @site is worth trying: by its
 *  weight, and the less it was tried the more; not 0 */
uint32_t schedule_score(const struct schedule *schedule, uint32_t site);

/** schedule_rival() - see that a call of another actor comes right behind call
 *  @at. False: no room */
bool schedule_rival(
	struct prog *prog, uint32_t at, uint32_t caps, struct rng *rng);

/** schedule_add() - @stall, whose point is chosen, for call @at: until the next
 *  call is done, or one behind it. False: it cannot be */
bool schedule_add(
	struct prog *prog, uint32_t at, struct stall *stall, struct rng *rng);

/**
 * schedule_stall() - give @prog one stall more, or another for one it has
 *
 * Chooses a call with known points, its own or those of its op, and a call of
 * another actor behind it that shares pages, moved there or inserted where
 * there is none; then a point, the less tried and the nearer to a lock or a
 * lookup the likelier. False: there was nothing to choose from; @prog may have
 * changed.
 */
bool schedule_stall(const struct schedule *schedule, struct prog *prog,
	uint32_t caps, struct rng *rng);

#endif
