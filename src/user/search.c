/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * search: all schedules of pairs of calls with few preemptions, one after the
 * other. What a call comes to before a preemption is the same in each run, so
 * its points are known from the run before; those behind are learned anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "slot/slot.h"
#include "user/sched.h"
#include "user/sites.h"

#define POINTS_MAX 200000 /* of a call */
#define HITS_ALL   16	  /* of a point; see is_tried() */

struct trail {
	uint32_t nr;
	uint32_t *site;
};

struct search {
	const struct user_options *options;
	struct user_stats *stats;
	struct user_view *view;
	void (*judge)(const struct prog *prog, const struct prog_result *);
	uint32_t calls[2]; /* whose points are wanted */
	struct trail trails[2];
	uint64_t schedules, pairs;
	time_t end;
	bool cut;   /* short, as the time was over or a call has too many points
		     */
	bool loops; /* some hits of a point were left out */
};

static void take_point(uint32_t call, unsigned long pc, void *user)
{
	struct search *s = user;

	for (int i = 0; i < 2; i++) {
		struct trail *trail = &s->trails[i];
		int site;

		if (call != s->calls[i])
			continue;
		site = points_site(sites_points(), TRACE_PC_HIGH | pc);
		if (trail->nr == POINTS_MAX)
			s->cut = true;
		else if (site >= 0)
			trail->site[trail->nr++] = (uint32_t)site;
	}
}

static void run(struct search *s, const struct prog *prog, bool watched)
{
	s->trails[0].nr = s->trails[1].nr = 0;
	s->schedules++;
	if (watched)
		sched_watch(take_point, s);
	user_running(prog);
	user_run(prog, s->options, s->stats, s->view);
	s->judge(prog, &s->view->result);
	sched_watch(NULL, NULL);
}

static bool is_over(struct search *s)
{
	if (s->end && time(NULL) >= s->end)
		s->cut = true;
	return s->cut;
}

/* A loop over the pages of a huge one comes to a point 512 times, and what is
 * wrong there is so at its start, its end, or anywhere: then a few are enough.
 */
static bool is_tried(uint32_t hit, uint32_t nr_hits)
{
	return hit <= HITS_ALL || hit == nr_hits || !(hit & (hit - 1));
}

/** struct stop - the @hit-th time that a call comes to site @site */
struct stop {
	uint32_t site, hit;
};

/** struct stops - where a call is to be stopped, in its order; owned */
struct stops {
	uint32_t nr;
	struct stop *stop;
};

/* The trail itself is overwritten by the next run. */
static struct stops stops_of(struct search *s, const struct trail *trail)
{
	uint32_t nr_sites = sites_points()->nr_sites;
	uint32_t *total = calloc(2 * (size_t)nr_sites, sizeof(*total));
	uint32_t *so_far = total + nr_sites;
	struct stops stops = {
		.stop = malloc((trail->nr + 1) * sizeof(*stops.stop))};

	if (!total || !stops.stop)
		broken("no memory for %u points", trail->nr);
	for (uint32_t i = 0; i < trail->nr; i++)
		total[trail->site[i]]++;
	for (uint32_t i = 0; i < trail->nr; i++) {
		uint32_t site = trail->site[i], hit = ++so_far[site];

		if (!is_tried(hit, total[site]))
			s->loops = true;
		else if (hit <= UINT16_MAX)
			stops.stop[stops.nr++] = (struct stop){site, hit};
	}
	free(total);
	return stops;
}

static bool add(
	struct prog *prog, uint32_t at, uint32_t until, const struct stop *stop)
{
	struct stall stall = sites_stall(stop->site, (uint16_t)stop->hit);

	stall.call = (uint8_t)at;
	stall.until = (uint8_t)until;
	return prog_add_stall(prog, &stall);
}

/* Which schedules: with one preemption; with two that are both at locks; of
 * which one is; of which none is. Of those with two each
 * kind has tens of times as many as the one before it, and shows less: locks
 * are where others wait. */
enum depth { DEPTH_ONE, DEPTH_LOCKS, DEPTH_LOCK, DEPTH_ALL };

static enum depth depth_of(const struct stop *first, const struct stop *second)
{
	bool a = sites_is_lock(first->site), b = sites_is_lock(second->site);

	return a && b ? DEPTH_LOCKS : a || b ? DEPTH_LOCK : DEPTH_ALL;
}

/* Could a second preemption make it one of @depth? */
static bool is_half_of(const struct stop *first, enum depth depth)
{
	return depth == DEPTH_LOCK ||
	       sites_is_lock(first->site) == (depth == DEPTH_LOCKS);
}

/* The call behind @at, which waits at @first, is stopped at each of its own
 * points too, until that one is done. */
static void stop_both(struct search *s, const struct prog *stalled, uint32_t at,
	const struct stop *first, enum depth depth)
{
	struct stops stops = stops_of(s, &s->trails[1]);

	for (uint32_t i = 0; i < stops.nr && !is_over(s); i++) {
		struct prog prog = *stalled;

		if (depth_of(first, &stops.stop[i]) == depth &&
			add(&prog, at + 1, at, &stops.stop[i]))
			run(s, &prog, false);
	}
	free(stops.stop);
}

/* Calls @at and @at + 1 in this order: the first is stopped at each point. */
static void stop_first(struct search *s, const struct prog *prog, uint32_t at,
	enum depth depth)
{
	bool both = depth != DEPTH_ONE;
	struct stops stops;

	s->calls[0] = at;
	s->calls[1] = at + 1;
	run(s, prog, true);
	stops = stops_of(s, &s->trails[0]);
	for (uint32_t i = 0; i < stops.nr && !is_over(s); i++) {
		struct prog stalled = *prog;

		if ((both && !is_half_of(&stops.stop[i], depth)) ||
			!add(&stalled, at, at + 1, &stops.stop[i]))
			continue;
		run(s, &stalled, both);
		if (both)
			stop_both(s, &stalled, at, &stops.stop[i], depth);
	}
	free(stops.stop);
}

static enum depth last_depth(const struct user_options *options)
{
	static const enum depth depths[] = {DEPTH_ALL, DEPTH_LOCK, DEPTH_LOCKS};

	return options->preemptions < 2 ? DEPTH_ONE : depths[options->at_locks];
}

static void pair(struct search *s, const struct prog *prog, uint32_t at)
{
	int last = (int)last_depth(s->options);
	struct prog swapped = *prog;

	s->pairs++;
	prog_swap(&swapped, at);
	for (int depth = DEPTH_ONE; depth <= last; depth++) {
		stop_first(s, prog, at, (enum depth)depth);
		stop_first(s, &swapped, at, (enum depth)depth);
	}
}

static void open_trails(struct search *s)
{
	for (int i = 0; i < 2; i++) {
		s->trails[i].site = malloc(POINTS_MAX * sizeof(uint32_t));
		if (!s->trails[i].site)
			broken("no memory for %u points", POINTS_MAX);
	}
}

static void tell(const struct search *s)
{
	static const char *const at_locks[] = {
		"", ", of two one at a lock", ", of two both at a lock"};

	fprintf(stderr,
		USER_PREFIX "%llu schedules of %llu pairs of calls, at most "
			    "%u preemptions%s%s%s\n",
		(unsigned long long)s->schedules, (unsigned long long)s->pairs,
		s->options->preemptions, at_locks[s->options->at_locks],
		s->cut ? "; not all: cut short" : ": all that there are",
		s->loops ? ", but for most rounds of long loops" : "");
}

void search_run(const struct prog *given, const struct user_options *options,
	struct user_stats *stats, struct user_view *view,
	void (*judge)(
		const struct prog *prog, const struct prog_result *result))
{
	struct search s = {.options = options,
		.stats = stats,
		.view = view,
		.judge = judge,
		.end = options->budget ? time(NULL) + options->budget : 0};
	uint32_t at[PROG_CALLS_MAX], nr = prog_pairs(given, at);
	struct prog prog = *given;

	open_trails(&s);
	prog_plain(&prog);
	for (uint32_t i = 0; i < nr && !is_over(&s); i++)
		pair(&s, &prog, at[i]);
	tell(&s);
	user_running(NULL);
	for (int i = 0; i < 2; i++)
		free(s.trails[i].site);
}
