/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/schedules.h"

#include "host/stall_options.h"

#define ALONE 3 /* replays of a finding on clones of its own */

struct search {
	struct target *target;
	const char *scratch;
	const struct host_options *options;
	gint64 end; /* monotonic us, 0: none */
	struct points points;
	struct guest *guest;
	struct schedules *ret;
};

static gboolean have_guest(struct search *s, GError **error)
{
	if (s->guest && !s->guest->ended)
		return TRUE;
	g_clear_pointer(&s->guest, guest_free);
	s->guest = guest_fresh(s->target, s->scratch, error);
	return s->guest != NULL;
}

static gboolean is_over(struct search *s)
{
	if (s->end && g_get_monotonic_time() >= s->end)
		s->ret->cut = TRUE;
	return s->ret->cut || s->ret->found.verdict == VERDICT_FINDING;
}

/* What one program does to the kernel another one may show. */
static void take_finding(struct search *s, const struct prog *prog,
	const struct judgment *judgment)
{
	struct candidate one = {.nr = {1}, .prog = {(struct prog *)prog}};

	s->ret->found = *judgment;
	s->ret->prog = *prog;
	g_clear_pointer(&s->guest, guest_free);
	replay_count(s->target, s->scratch, &one, judgment->title, ALONE,
		&s->ret->alone);
}

static gboolean run(struct search *s, const struct prog *prog, GError **error)
{
	static struct prog_result result;
	struct judgment judgment;

	if (!have_guest(s, error))
		return FALSE;
	s->ret->runs++;
	if (guest_judge(s->target, s->guest, prog, &result, &judgment) ==
			GUEST_DONE &&
		prog->nr_stalls)
		s->ret->inside += result.stall[0].outcome == STALL_INSIDE;
	if (judgment.verdict == VERDICT_FINDING)
		take_finding(s, prog, &judgment);
	return TRUE;
}

static gint heaviest_first(gconstpointer a, gconstpointer b)
{
	const struct stall_option *x = a, *y = b;

	return (x->weight < y->weight) - (x->weight > y->weight);
}

/* No trace: the kernel died of the program without a stall, which run() tells
 */
static GArray *options_of(struct search *s, const struct prog *prog, guint at)
{
	g_autofree struct slot_trace *trace = g_new0(struct slot_trace, 1);
	GArray *options =
		g_array_new(FALSE, FALSE, sizeof(struct stall_option));

	if (!stall_trace(s->target, s->guest, prog, trace))
		return options;
	(void)stall_options_add(options, prog, trace, &s->points, at, at + 1);
	g_array_sort(options, heaviest_first);
	return options;
}

/* Calls @at and @at + 1 in this order */
static gboolean stop_first(
	struct search *s, const struct prog *prog, guint at, GError **error)
{
	g_autoptr(GArray) options = NULL;

	if (!run(s, prog, error))
		return FALSE;
	if (is_over(s))
		return TRUE;
	if (!have_guest(s, error))
		return FALSE;
	options = options_of(s, prog, at);
	for (guint i = 0; i < options->len && !is_over(s); i++) {
		struct prog stalled = *prog;
		const struct stall_option *option =
			&g_array_index(options, struct stall_option, i);

		host_progress(s->options, TRUE, "schedules: %u of %u, %s",
			i + 1, options->len, option->stall.symbol);
		if (prog_add_stall(&stalled, &option->stall) &&
			!run(s, &stalled, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean all_pairs(
	struct search *s, const struct prog *given, GError **error)
{
	uint32_t at[PROG_CALLS_MAX], nr = prog_pairs(given, at);
	struct prog prog = *given;

	prog_plain(&prog);
	for (uint32_t i = 0; i < nr && !is_over(s); i++) {
		struct prog swapped = prog;

		s->ret->pairs++;
		prog_swap(&swapped, at[i]);
		if (!stop_first(s, &prog, at[i], error) ||
			(!is_over(s) && !stop_first(s, &swapped, at[i], error)))
			return FALSE;
	}
	return TRUE;
}

gboolean schedules_search(struct target *target, const char *scratch,
	const struct host_options *options, const struct prog *prog,
	gint64 seconds, struct schedules *ret, GError **error)
{
	struct search s = {
		.target = target,
		.scratch = scratch,
		.options = options,
		.end = seconds ? g_get_monotonic_time() +
					 seconds * G_USEC_PER_SEC
			       : 0,
		.ret = ret,
	};
	gboolean good;

	*ret = (struct schedules){0};
	good = stall_points(target, &s.points, error) &&
	       all_pairs(&s, prog, error);
	g_clear_pointer(&s.guest, guest_free);
	return good;
}
