/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where to open the next window: a call, a point that it comes to, and a call
 * of another actor to be made inside.
 */
#include "fuzz/fuzz.h"

#include <string.h>

#define TASTES 24 /* points looked at for one stall */

/* How programs are varied, in shares of 8: only a stall more, while what calls
 * before it have done is as it was traced; changed, and a stall more; a pair
 * made anew, with a stall; changed */
#define SHARES	     8
#define SHARE_STALL  2
#define SHARE_BOTH   2
#define SHARE_PAIR   1
#define TRACED_TRIES 4 /* calls looked at for one that was traced so */
#define HIT_ONE_IN   8 /* stalls wait at a later hit than the first */
#define MEET_ONE_IN  8 /* are no stalls, but meetings */
#define CROSS_ONE_IN 8 /* end when the other call is at a point of its own */

/* The next site from @from on that a call of @op came to; -1: none */
static int next_seen(const struct schedule *schedule, uint8_t op, uint32_t from)
{
	const uint8_t *seen = schedule->table->seen[op];
	uint32_t nr =
		(uint32_t)min_size(schedule->points.nr_sites, SCHEDULE_SITES);

	for (uint32_t n = 0; n < nr; n++) {
		uint32_t i = (from + n) % nr;

		if (!seen[i / 8] && i % 8 == 0 && nr - n > 8)
			n += 7;
		else if (seen[i / 8] >> i % 8 & 1)
			return (int)i;
	}
	return -1;
}

uint32_t schedule_score(const struct schedule *schedule, uint32_t site)
{
	uint32_t fresh = 1024u >> min_size(schedule->table->tried[site], 10);

	return fresh * points_weight(&schedule->points, site);
}

/* One of the points that call @at, or else any call of its op, came to; -1 */
static int random_point(const struct schedule *schedule,
	const struct traced *traced, uint8_t op, struct rng *rng)
{
	uint32_t nr = schedule->points.nr_sites;

	if (!traced)
		return next_seen(schedule, op, rng_below(rng, nr));
	nr = traced->first + rng_below(rng, traced->nr);
	return schedule->table->pool[nr % SCHEDULE_POOL];
}

static bool pick_point(const struct schedule *schedule, const struct prog *prog,
	uint32_t at, struct rng *rng, struct stall *ret)
{
	const struct traced *traced = schedule_traced(schedule, prog, at);
	const struct points *points = &schedule->points;
	uint32_t best_score = 0, best = 0;

	for (int n = 0; n < TASTES; n++) {
		int site =
			random_point(schedule, traced, prog->call[at].op, rng);
		uint32_t score;

		if (site < 0 || (uint32_t)site >= points->nr_sites)
			return false;
		score = schedule_score(schedule, (uint32_t)site);
		if (score <= best_score)
			continue;
		best_score = score;
		best = (uint32_t)site;
	}
	ret->hit = rng_one_in(rng, HIT_ONE_IN) ? (uint16_t)rng_range(rng, 2, 4)
					       : 1;
	return points_say(points, best, ret->symbol, sizeof(ret->symbol),
		       &ret->offset) &&
	       points_find(points, ret->symbol) ==
		       (int)points_owner(points, best) &&
	       ret->offset <= STALL_OFFSET_MAX;
}

/* A call of another actor that shares pages with call @at; -1: none */
static int find_rival(const struct prog *prog, uint32_t at, struct rng *rng)
{
	const struct call *call = &prog->call[at];
	uint32_t from = rng_below(rng, prog->nr_calls);

	for (uint32_t n = 0; n < prog->nr_calls; n++) {
		uint32_t i = (from + n) % prog->nr_calls;
		const struct call *other = &prog->call[i];

		if (i > at + 1 &&
			(other->proc != call->proc ||
				other->thread != call->thread) &&
			schedule_relation(call, other) == RELATION_MEETS)
			return (int)i;
	}
	return -1;
}

/* See that a call of another actor comes right behind call @at. */
bool schedule_rival(
	struct prog *prog, uint32_t at, uint32_t caps, struct rng *rng)
{
	struct call rival;
	int from;

	if (at + 1 < prog->nr_calls && !rng_one_in(rng, 3) &&
		(prog->call[at + 1].proc != prog->call[at].proc ||
			prog->call[at + 1].thread != prog->call[at].thread))
		return true;
	from = rng_one_in(rng, 2) ? find_rival(prog, at, rng) : -1;
	if (from < 0)
		return prog_rival(prog, at, caps, rng);
	rival = prog->call[from];
	prog_cut(prog, (uint32_t)from, 1);
	(void)prog_gap(prog, at + 1, 1);
	prog->call[at + 1] = rival;
	prog_fix_stalls(prog);
	return true;
}

/* Rather one that was traced with the same calls before it */
static uint32_t pick_call(const struct schedule *schedule,
	const struct prog *prog, struct rng *rng)
{
	uint32_t at = 0;

	for (int n = 0; n < TRACED_TRIES; n++) {
		at = rng_below(rng, prog->nr_calls);
		if (schedule_traced(schedule, prog, at))
			break;
	}
	return at;
}

bool schedule_add(
	struct prog *prog, uint32_t at, struct stall *stall, struct rng *rng)
{
	if (prog->nr_stalls == PROG_STALLS_MAX)
		prog_drop_stall(prog, rng_below(rng, PROG_STALLS_MAX));
	stall->call = (uint8_t)at;
	stall->until = (uint8_t)(at + 1);
	while (rng_one_in(rng, 3) && stall->until + 1u < prog->nr_calls)
		stall->until++;
	if (prog_add_stall(prog, stall))
		return true;
	stall->until = (uint8_t)(at + 1);
	return prog_add_stall(prog, stall);
}

/* The call that @at waits for is stopped too, until that one is done. */
static void cross(const struct schedule *schedule, struct prog *prog,
	uint32_t at, struct rng *rng)
{
	const struct stall *first = call_stall(prog, at);
	struct stall second = {0};

	if (!first || !pick_point(schedule, prog, first->until, rng, &second))
		return;
	second.call = first->until;
	second.until = (uint8_t)at;
	(void)prog_add_stall(prog, &second);
}

static bool add_meeting(struct prog *prog, uint32_t caps, struct rng *rng)
{
	uint32_t at = rng_below(rng, prog->nr_calls);
	struct stall meeting = {0};

	stall_when(&meeting, rng);
	return schedule_rival(prog, at, caps, rng) &&
	       schedule_add(prog, at, &meeting, rng);
}

/* Does it have stalls, or what a kernel without them has? */
static bool has_stalls(const struct schedule *schedule, uint32_t caps)
{
	return schedule->table || !(caps & CAP_KCOV_STALL);
}

bool schedule_stall(const struct schedule *schedule, struct prog *prog,
	uint32_t caps, struct rng *rng)
{
	struct stall stall = {0};
	uint32_t at;

	if (!has_stalls(schedule, caps))
		return false;
	if (!schedule->table || rng_one_in(rng, MEET_ONE_IN))
		return add_meeting(prog, caps, rng);
	if (!schedule->points.nr_sites)
		return false;
	at = pick_call(schedule, prog, rng);
	if (!pick_point(schedule, prog, at, rng, &stall) ||
		!schedule_rival(prog, at, caps, rng) ||
		!schedule_add(prog, at, &stall, rng))
		return false;
	if (rng_one_in(rng, CROSS_ONE_IN))
		cross(schedule, prog, at, rng);
	return true;
}

/* Returns 0 where no stall was added; @data is as it was then. */
static size_t add_stall(const struct schedule *schedule, uint8_t *data,
	size_t len, size_t max_len, uint32_t caps, struct rng *rng)
{
	struct prog prog;

	if (prog_parse((const char *)data, len, &prog, NULL) ||
		!prog.nr_calls || prog.nr_calls >= PROG_CALLS_MAX ||
		!schedule_stall(schedule, &prog, caps, rng) || !prog.nr_stalls)
		return 0;
	return engine_print(&prog, data, max_len);
}

/* The first of the two waits at a point that calls of its op come to; where
 * none is known yet they race. */
static size_t make_pair(const struct schedule *schedule, uint8_t *data,
	size_t max_len, uint32_t caps, struct rng *rng)
{
	struct stall stall = {0};
	struct prog prog;
	uint32_t at = prog_generate_pair(&prog, caps, rng);

	if (!schedule->points.nr_sites ||
		!pick_point(schedule, &prog, at, rng, &stall) ||
		!schedule_add(&prog, at, &stall, rng))
		prog.call[at].props |= CALL_ASYNC;
	return engine_print(&prog, data, max_len);
}

size_t engine_vary(const struct schedule *schedule, uint8_t *data, size_t len,
	size_t max_len, const uint8_t *other, size_t other_len, uint32_t caps,
	uint64_t seed)
{
	size_t stalled = 0;
	struct rng rng;
	uint32_t share;

	rng_seed(&rng, ~seed);
	share = has_stalls(schedule, caps) ? rng_below(&rng, SHARES) : SHARES;
	if (share < SHARE_STALL)
		stalled = add_stall(schedule, data, len, max_len, caps, &rng);
	else if (share >= SHARES - SHARE_PAIR && share < SHARES)
		stalled = make_pair(schedule, data, max_len, caps, &rng);
	if (stalled)
		return stalled;
	len = engine_mutate(
		data, len, max_len, other, other_len, caps, rng_next(&rng));
	if (share < SHARE_STALL + SHARE_BOTH)
		stalled = add_stall(schedule, data, len, max_len, caps, &rng);
	return stalled ? stalled : len;
}
