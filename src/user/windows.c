/* SPDX-License-Identifier: GPL-2.0-only */
/* windows: what fuzz/schedule.h knows of a kernel in a VM, of this process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "user/sched.h"
#include "user/sites.h"

#define TRACE_MAX   32768 /* points of a call */
#define TASTES	    6	  /* points looked at for one stall */
#define SWEEP_CALLS 16	  /* of a program, before the pair */
#define SWEEP_HITS  2	  /* of one point */
/* Points of a pair. A window of the share w of them is hit with the chance of
 * 1 - (1 - w)^n, which a point raises the less the more there are: rather other
 * pairs, as long as a pair's three runs without a stall cost little. */
#define SWEEP_MAX    24
#define PLAIN_ONE_IN 4 /* points that matter less */
/* So many pairs are of a program that is there, the others made for it */
#define FROM_CORPUS_ONE_IN 3
/* In so many programs of a sweep the second call is stopped too, until the
 * first goes on, one of them at a lock: what takes two preemptions has many
 * schedules, of which these are a few */
#define SWEEP_BOTH 12

/* Global, or clang 14 drops the array as write-only at -O1. libFuzzer clears
 * it before each input. */
__attribute__((section("__libfuzzer_extra_counters")))
uint8_t window_counters[WINDOW_BYTES];

static struct schedule schedule;

void windows_init(void)
{
	schedule.points = *sites_points();
	schedule.table = calloc(1, sizeof(*schedule.table));
	if (!schedule.table || schedule.points.nr_sites > SCHEDULE_SITES)
		broken("no table of windows for %u points",
			schedule.points.nr_sites);
}

/* ---- which points a call comes to ---- */

static struct {
	uint32_t call, nr;
	uint32_t site[TRACE_MAX];
} trace;

static void take_point(uint32_t call, unsigned long pc, void *user)
{
	int site = points_site(&schedule.points, TRACE_PC_HIGH | pc);

	(void)user;
	if (call == trace.call && site >= 0 && trace.nr < TRACE_MAX)
		trace.site[trace.nr++] = (uint32_t)site;
}

/* Up to call @at. The whole of it was clean; what is not is told with the
 * program as it is here. */
static void run_until(
	struct prog prog, uint32_t at, const struct user_options *options)
{
	static struct user_view view;
	struct user_stats stats = {0};
	struct user_options unchecked = *options;

	unchecked.checks = unchecked.end_checks = 0;
	prog.nr_calls = at + 1;
	prog_fix_stalls(&prog);
	trace.call = at;
	trace.nr = 0;
	sched_watch(take_point, NULL);
	user_running(&prog);
	user_run(&prog, &unchecked, &stats, &view);
	user_running(NULL);
	sched_watch(NULL, NULL);
}

static void pick(struct rng *rng, struct stall *ret)
{
	uint32_t best = 0, best_score = 0, hit = 0;

	for (int n = 0; n < TASTES; n++) {
		uint32_t i = rng_below(rng, trace.nr);
		uint32_t score = schedule_score(&schedule, trace.site[i]);

		if (score <= best_score)
			continue;
		best_score = score;
		best = i;
	}
	for (uint32_t i = 0; i <= best; i++)
		hit += trace.site[i] == trace.site[best];
	*ret = sites_stall(trace.site[best], (uint16_t)hit);
}

bool windows_stall(
	struct prog *prog, const struct user_options *options, struct rng *rng)
{
	uint32_t at = rng_below(rng, prog->nr_calls);
	struct stall stall = {0};

	if (prog->nr_calls >= PROG_CALLS_MAX)
		return false;
	run_until(*prog, at, options);
	if (!trace.nr)
		return false;
	pick(rng, &stall);
	return schedule_rival(prog, at, user_caps(), rng) &&
	       schedule_add(prog, at, &stall, rng);
}

/* ---- one program in all its schedules, one after the other ---- */

/* struct trail - points that a call comes to */
struct trail {
	uint32_t nr;
	struct trail_point {
		uint32_t site, hit;
	} point[TRACE_MAX];
};

/* @point: where each of the two may be stopped; of the first a few only
 * @lock:  the same, at locks, for schedules that stop both */
static struct {
	struct prog prog;
	uint32_t at;   /* the first of the pair */
	bool is_fresh; /* it has not been run yet */
	struct trail point[2], lock[2];
	uint32_t nr, next; /* programs */
} sweep;

/* @prog up to one of its calls, and a rival of that behind it */
static bool sweep_take(struct prog prog, struct rng *rng)
{
	uint32_t at = rng_below(
		rng, prog.nr_calls < SWEEP_CALLS ? prog.nr_calls : SWEEP_CALLS);

	prog_plain(&prog);
	if (!schedule_rival(&prog, at, user_caps(), rng))
		return false;
	prog_cut(&prog, at + 2, prog.nr_calls - at - 2);
	user_adapt(&prog, true);
	if (prog.nr_calls < 2)
		return false;
	sweep.prog = prog;
	sweep.at = prog.nr_calls - 2;
	return true;
}

static bool sweep_make(struct rng *rng)
{
	struct prog prog;
	uint32_t at = prog_generate_pair(&prog, user_caps(), rng);
	uint32_t nr = prog.nr_calls;

	user_adapt(&prog, true);
	if (prog.nr_calls < nr)
		return false;
	sweep.prog = prog;
	sweep.at = at;
	return true;
}

/* Does a sweep stop at @site? At each next to a lock or of a function that
 * matters here, at some of the others */
static bool is_taken(uint32_t site, struct rng *rng)
{
	return points_weight(&schedule.points, site) > 1 ||
	       rng_one_in(rng, PLAIN_ONE_IN);
}

/* The points of the call that was traced last: those at locks, or what
 * is_taken() */
static void keep_points(struct trail *ret, bool locks, struct rng *rng)
{
	static uint16_t hits[SCHEDULE_SITES];

	ret->nr = 0;
	for (uint32_t i = 0; i < trace.nr; i++) {
		uint32_t site = trace.site[i];

		if (++hits[site] <= SWEEP_HITS &&
			(locks ? sites_is_lock(site) : is_taken(site, rng)))
			ret->point[ret->nr++] =
				(struct trail_point){site, hits[site]};
	}
	for (uint32_t i = 0; i < trace.nr; i++)
		hits[trace.site[i]] = 0;
}

/* Rather many pairs than each at all of its points: most windows are wide. */
static void thin_out(struct trail *trail, struct rng *rng)
{
	while (trail->nr > SWEEP_MAX) {
		uint32_t drop = rng_below(rng, trail->nr);

		trail->point[drop] = trail->point[--trail->nr];
	}
}

static bool sweep_begin(const struct user_options *options, struct rng *rng)
{
	for (uint32_t i = 0; i < 2; i++) {
		run_until(sweep.prog, sweep.at + i, options);
		keep_points(&sweep.point[i], false, rng);
		keep_points(&sweep.lock[i], true, rng);
	}
	thin_out(&sweep.point[0], rng);
	sweep.nr = sweep.point[0].nr;
	if (sweep.lock[0].nr && sweep.lock[1].nr)
		sweep.nr += SWEEP_BOTH;
	return sweep.nr > 0;
}

/* Another pair, which sweep_begin() can take; false also where it is to be run
 * as it is, first: what is wrong without a stall is told so */
static bool sweep_next(struct prog *prog, struct rng *rng)
{
	if (sweep.is_fresh) {
		sweep.is_fresh = false;
		return true;
	}
	if (rng_one_in(rng, FROM_CORPUS_ONE_IN))
		return sweep_take(*prog, rng);
	sweep.is_fresh = sweep_make(rng);
	return false;
}

static bool add_stall(struct prog *prog, const struct trail_point *point,
	uint32_t call, uint32_t until)
{
	struct stall stall = sites_stall(point->site, (uint16_t)point->hit);

	stall.call = (uint8_t)call;
	stall.until = (uint8_t)until;
	return prog_add_stall(prog, &stall);
}

/* The first of the pair waits until the second is done; or until the call
 * behind that, which uses what the second has changed. */
static bool stop_first(
	struct prog *prog, const struct trail_point *point, struct rng *rng)
{
	uint32_t behind = sweep.at + 2;

	if (behind < prog->nr_calls && rng_one_in(rng, 2) &&
		add_stall(prog, point, sweep.at, behind))
		return true;
	return add_stall(prog, point, sweep.at, sweep.at + 1);
}

static const struct trail_point *any_of(
	const struct trail *trail, struct rng *rng)
{
	return &trail->point[rng_below(rng, trail->nr)];
}

/* The first waits until the second is at a point of its own, and that until the
 * first is done. */
static bool stop_both(struct prog *prog, struct rng *rng)
{
	uint32_t anywhere = rng_below(rng, 3); /* 2: neither */
	const struct trail_point *point[2];

	for (uint32_t i = 0; i < 2; i++)
		point[i] = any_of(
			i == anywhere ? &sweep.point[i] : &sweep.lock[i], rng);
	return add_stall(prog, point[0], sweep.at, sweep.at + 1) &&
	       add_stall(prog, point[1], sweep.at + 1, sweep.at);
}

bool windows_sweep(
	struct prog *prog, const struct user_options *options, struct rng *rng)
{
	if (sweep.next == sweep.nr) {
		sweep.nr = sweep.next = 0;
		if (!sweep_next(prog, rng)) {
			if (sweep.is_fresh)
				*prog = sweep.prog;
			return sweep.is_fresh;
		}
		if (!sweep_begin(options, rng))
			return false;
	}
	*prog = sweep.prog;
	if (sweep.next >= sweep.point[0].nr) {
		sweep.next++;
		return stop_both(prog, rng);
	}
	return stop_first(prog, &sweep.point[0].point[sweep.next++], rng);
}

void windows_note(const struct prog *prog, const struct prog_result *result)
{
	(void)schedule_note(&schedule, prog, result, window_counters);
}

void windows_print(void)
{
	const struct schedule_table *table = schedule.table;
	uint32_t nr = 0;

	for (uint32_t i = 0; i < WINDOW_BYTES; i++)
		nr += table->window[i].key != 0;
	if (table->stalls)
		fprintf(stderr,
			USER_PREFIX "%llu stalls, %llu came to their point, "
				    "%u windows\n",
			(unsigned long long)table->stalls,
			(unsigned long long)table->reached, nr);
}
