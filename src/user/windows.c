/* SPDX-License-Identifier: GPL-2.0-only */
/* windows: what fuzz/schedule.h knows of a kernel in a VM, of this process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "user/sched.h"
#include "user/sites.h"

#define TRACE_MAX 32768 /* points of a call */
#define TASTES	  6	/* points looked at for one stall */

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

/* Up to call @at. It was clean, so it is clean again. */
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
	user_run(&prog, &unchecked, &stats, &view);
	sched_watch(NULL, NULL);
}

static void pick(struct rng *rng, struct stall *ret)
{
	const struct points *points = &schedule.points;
	uint32_t best = 0, best_score = 0, fn, site;

	for (int n = 0; n < TASTES; n++) {
		uint32_t i = rng_below(rng, trace.nr);
		uint32_t score = schedule_score(&schedule, trace.site[i]);

		if (score <= best_score)
			continue;
		best_score = score;
		best = i;
	}
	site = trace.site[best];
	fn = points_owner(points, site);
	snprintf(ret->symbol, sizeof(ret->symbol), "%s",
		points_name(points, fn));
	ret->offset = (uint32_t)(points->site[site] - points->fn[fn].addr);
	for (uint32_t i = 0; i <= best; i++)
		ret->hit += trace.site[i] == site;
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
