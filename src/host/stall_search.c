/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/stall_search.h"

#include "host/stall_options.h"

#include <string.h>

#define TRIES_MAX   300 /* of each list of stalls, one after the other */
#define CONFIRM	    3	/* more tries that must all hit */
#define TRACE_TRIES 3	/* the race may kill the VM that traces */
#define MEET_STEPS  12	/* offsets of a meeting, to each side */
#define REACH	    3	/* calls behind the stalled one that may be inside */

struct search {
	struct target *target;
	const char *run_dir, *title;
	const struct host_options *options;
	struct guest *guest; /* that tries run in, until it dies; or NULL */
};

static gboolean have_guest(struct search *s, GError **error)
{
	if (s->guest && !s->guest->ended)
		return TRUE;
	g_clear_pointer(&s->guest, guest_free);
	s->guest = guest_fresh(s->target, s->run_dir, error);
	return s->guest != NULL;
}

static gboolean trace(struct search *s, const struct prog *prog,
	struct slot_trace *ret, GError **error)
{
	for (guint try = 0; try < TRACE_TRIES; try++) {
		if (!have_guest(s, error))
			return FALSE;
		if (stall_trace(s->target, s->guest, prog, ret))
			return TRUE;
	}
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"the kernel dies each time the program is traced");
	return FALSE;
}

/* Every point of the calls that overlap the next one already */
static GArray *options_of_pairs(const struct prog *prog,
	const struct slot_trace *trace, const struct points *points)
{
	GArray *options =
		g_array_new(FALSE, FALSE, sizeof(struct stall_option));
	uint32_t at[PROG_CALLS_MAX], nr = prog_pairs(prog, at);

	for (guint32 i = 0; i < nr; i++)
		(void)stall_options_add(
			options, prog, trace, points, at[i], at[i] + 1);
	return options;
}

/* Every point of every call, with each of the calls behind it inside */
static GArray *options_of_all(const struct prog *prog,
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

/* One call is later than the other by a share of the time that this one takes:
 * as in fuzzy synchronisation, all of it is looked at */
static void add_meetings(GArray *options, guint32 at, guint32 us, guint16 who)
{
	for (guint32 i = who == MEET_EARLIER; i < MEET_STEPS; i++) {
		guint64 ns = (guint64)us * 1000 * i / MEET_STEPS;
		struct stall_option option = {
			.stall = {.offset = (guint32)MIN(ns, MEET_NS_MAX),
				.hit = who,
				.call = (uint8_t)at,
				.until = (uint8_t)(at + 1)},
			.weight = 1};

		if (option.stall.offset || who == MEET_LATER)
			g_array_append_val(options, option);
	}
}

/* The calls that overlap the next one begin together with it. */
static GArray *options_of_meetings(
	const struct prog *prog, const struct prog_result *result)
{
	GArray *options =
		g_array_new(FALSE, FALSE, sizeof(struct stall_option));
	uint32_t at[PROG_CALLS_MAX], nr = prog_pairs(prog, at);

	for (guint32 i = 0; i < nr; i++) {
		add_meetings(
			options, at[i], result->call[at[i] + 1].us, MEET_LATER);
		add_meetings(
			options, at[i], result->call[at[i]].us, MEET_EARLIER);
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

/* What it shows in a VM that ran others before may be theirs. */
static gboolean shows_each_time(struct search *s, const struct prog *prog)
{
	struct candidate one = {.nr = {1}, .prog = {(struct prog *)prog}};

	for (guint try = 0; try < CONFIRM; try++)
		if (replay_run(s->target, s->run_dir, &one, s->title, NULL) <=
			0)
			return FALSE;
	return TRUE;
}

/* 1: it makes it sure, 0: it does not, -1 with @error: there is no guest */
static int try_stalled(
	struct search *s, const struct prog *stalled, GError **error)
{
	static struct prog_result result;
	struct judgment judgment;

	if (!have_guest(s, error))
		return -1;
	(void)guest_judge(s->target, s->guest, stalled, &result, &judgment);
	if (judgment.verdict != VERDICT_FINDING)
		return 0;
	g_clear_pointer(&s->guest, guest_free);
	return !strcmp(judgment.title, s->title) && shows_each_time(s, stalled);
}

static int try_options(
	struct search *s, struct prog *prog, GArray *stalls, GError **error)
{
	struct rng rng;

	rng_seed(&rng, s->options->seed);
	for (int try = 1; stalls->len && try <= TRIES_MAX; try++) {
		struct stall_option option = take_option(stalls, &rng);
		struct prog stalled = *prog;
		int sure;

		host_progress(s->options, TRUE, "schedule: try %d, %s+0x%x",
			try,
			stall_is_meeting(&option.stall) ? "a meeting"
							: option.stall.symbol,
			option.stall.offset);
		if (!prog_add_stall(&stalled, &option.stall))
			continue;
		sure = try_stalled(s, &stalled, error);
		if (!sure && prog_flip_nodes(&stalled))
			sure = try_stalled(s, &stalled, error);
		if (sure > 0)
			*prog = stalled;
		if (sure)
			return sure > 0 ?
			try:
				-1;
	}
	return 0;
}

static int search(struct search *s, struct prog *prog, GError **error)
{
	g_autofree struct slot_trace *map = g_new0(struct slot_trace, 1);
	struct points points;
	g_autoptr(GArray) pairs = NULL, all = NULL;
	int first, tries;

	if (!stall_points(s->target, &points, error) ||
		!trace(s, prog, map, error))
		return -1;
	pairs = options_of_pairs(prog, map, &points);
	first = (int)MIN(pairs->len, TRIES_MAX);
	tries = try_options(s, prog, pairs, error);
	if (tries)
		return tries;
	all = options_of_all(prog, map, &points);
	tries = try_options(s, prog, all, error);
	return tries > 0 ? first + tries : tries;
}

/* A kernel that has no stalls: how long its calls take says where to look. */
static int search_meetings(struct search *s, struct prog *prog, GError **error)
{
	static struct prog_result result;
	g_autoptr(GArray) meetings = NULL;
	struct judgment judgment;

	for (guint try = 0; try < TRACE_TRIES; try++) {
		if (!have_guest(s, error))
			return -1;
		if (guest_judge(s->target, s->guest, prog, &result,
			    &judgment) == GUEST_DONE)
			break;
	}
	meetings = options_of_meetings(prog, &result);
	return try_options(s, prog, meetings, error);
}

int stall_search(struct target *target, const char *run_dir,
	const struct host_options *options, const char *title,
	struct prog *prog, GError **error)
{
	struct search s = {
		.target = target,
		.run_dir = run_dir,
		.title = title,
		.options = options,
	};
	int tries;

	tries = target->caps & CAP_KCOV_STALL
			? search(&s, prog, error)
			: search_meetings(&s, prog, error);
	g_clear_pointer(&s.guest, guest_free);
	return tries;
}
