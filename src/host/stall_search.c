/* SPDX-License-Identifier: GPL-2.0-only */
#include "stall_search.h"

#include "stall_options.h"

#include <string.h>

#define TRIES_MAX   150 /* of stalls, a clone each */
#define CONFIRM	    3	/* more tries that must all hit */
#define TRACE_TRIES 3	/* the race may kill the VM that traces */
#define REACH	    3	/* calls behind the stalled one that may be inside */

static gboolean trace(struct target *target, const char *run_dir,
	const struct prog *prog, struct slot_trace *ret, GError **error)
{
	for (guint try = 0; try < TRACE_TRIES; try++) {
		struct guest *SCOPED(guest_freep) guest =
			guest_fresh(target, run_dir, error);

		if (!guest)
			return FALSE;
		if (stall_trace(target, guest, prog, ret))
			return TRUE;
	}
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"the kernel dies each time the program is traced");
	return FALSE;
}

/* Every point of every call, with each of the calls behind it inside */
static GArray *options_of(const struct prog *prog,
	const struct slot_trace *trace, const struct points *points)
{
	GArray *options =
		g_array_new(FALSE, FALSE, sizeof(struct stall_option));

	for (guint32 i = 0; i < prog->nr_calls; i++) {
		for (guint32 until = i + 1; until <= i + REACH; until++) {
			if (!stall_options_add(
				    options, prog, trace, points, i, until))
				break;
		}
	}
	return options;
}

/* Takes one of the heaviest at random out of @options. */
static struct stall_option take_option(GArray *options, struct rng *rng)
{
	guint32 best = 0, heaviest = 0;
	struct stall_option ret;

	for (int n = 0; n < 16; n++) {
		guint32 i = rng_below(rng, options->len);
		guint32 weight =
			g_array_index(options, struct stall_option, i).weight;

		if (weight <= heaviest)
			continue;
		heaviest = weight;
		best = i;
	}
	ret = g_array_index(options, struct stall_option, best);
	g_array_remove_index_fast(options, best);
	return ret;
}

static gboolean shows_each_time(struct target *target, const char *run_dir,
	const char *title, const struct prog *prog)
{
	struct candidate one = {.nr = {1}, .prog = {(struct prog *)prog}};
	struct report report;
	double seconds;

	for (guint try = 0; try <= CONFIRM; try++)
		if (replay_run(target, run_dir, &one, title, &seconds,
			    &report) <= 0)
			return FALSE;
	return TRUE;
}

static int try_options(struct target *target, const char *run_dir,
	const struct host_options *options, const char *title,
	struct prog *prog, GArray *stalls)
{
	struct rng rng;

	rng_seed(&rng, options->seed);
	for (int try = 1; stalls->len && try <= TRIES_MAX; try++) {
		struct stall_option option = take_option(stalls, &rng);
		struct prog stalled = *prog;

		host_progress(options, TRUE, "schedule: try %d, %s+0x%x", try,
			option.stall.symbol, option.stall.offset);
		if (!prog_add_stall(&stalled, &option.stall) ||
			!shows_each_time(target, run_dir, title, &stalled))
			continue;
		*prog = stalled;
		return try;
	}
	return 0;
}

int stall_search(struct target *target, const char *run_dir,
	const struct host_options *options, const char *title,
	struct prog *prog, GError **error)
{
	g_autofree struct slot_trace *map = g_new0(struct slot_trace, 1);
	struct points points;
	GArray *stalls;
	int tries;

	if (!(target->caps & CAP_KCOV_STALL))
		return 0;
	if (!stall_points(target, &points, error) ||
		!trace(target, run_dir, prog, map, error))
		return -1;
	stalls = options_of(prog, map, &points);
	tries = try_options(target, run_dir, options, title, prog, stalls);
	g_array_unref(stalls);
	return tries;
}
