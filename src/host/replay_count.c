/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * k of n: how many tries show a title, and how sure that is.
 */
#include "host/host.h"

#include "review/review.h"

#include <stdio.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void replay_tries(guint32 n, guint32 broken_max,
	enum replay_try (*try)(void *user, double *seconds), void *user,
	struct replay *ret)
{
	g_autofree double *seconds = g_new0(double, n);

	*ret = (struct replay){0};
	while (ret->n < n && ret->broken <= broken_max) {
		double took = 0;
		enum replay_try got = try(user, &took);

		if (got == REPLAY_HIT)
			seconds[ret->k++] = took;
		ret->other += got == REPLAY_OTHER;
		ret->broken += got == REPLAY_BROKEN;
		ret->n += got != REPLAY_BROKEN;
	}
	if (!ret->k)
		return;
	qsort(seconds, ret->k, sizeof(*seconds), by_value);
	ret->seconds_median = seconds[ret->k / 2];
}

/* struct asked - what replay_count() asks of a fresh clone */
struct asked {
	struct target *target;
	const struct candidate *candidate;
	const char *run_dir, *title;
	guint32 no_fsck; /* hits without rmap_fsck */
};

static enum replay_try try_clone(void *user, double *seconds)
{
	struct asked *asked = user;
	struct replayed seen;
	int got = replay_run(asked->target, asked->run_dir, asked->candidate,
		asked->title, &seen);

	*seconds = seen.seconds;
	asked->no_fsck += got > 0 && seen.no_fsck;
	if (got)
		return got > 0 ? REPLAY_HIT : REPLAY_BROKEN;
	return seen.report.title[0] ? REPLAY_OTHER : REPLAY_CLEAN;
}

void replay_count(struct target *target, const char *run_dir,
	const struct candidate *candidate, const char *title, guint32 n,
	struct replay *ret)
{
	struct asked asked = {
		.target = target,
		.candidate = candidate,
		.run_dir = run_dir,
		.title = title,
	};

	replay_tries(n, n, try_clone, &asked, ret);
	ret->no_fsck = asked.no_fsck;
}

void replay_print(const struct replay *replay)
{
	double low, high;

	rate_interval(replay->k, replay->n, &low, &high);
	printf("replays %u of %u (95 %%: %.0f to %.0f %%)", replay->k,
		replay->n, low * 100, high * 100);
	if (replay->k)
		printf(", %.2f s to the crash (median)",
			replay->seconds_median);
	if (replay->no_fsck)
		printf(", %u without rmap_fsck, which speaks first",
			replay->no_fsck);
	if (replay->other)
		printf(", %u showed another title", replay->other);
	if (replay->broken)
		printf(", %u broken runs not counted", replay->broken);
	printf("\n");
}

void replay_figures(struct host_result *result, const struct finding *finding,
	const struct replay *replay)
{
	host_result_figure(result, "k", replay->k);
	host_result_figure(result, "n", replay->n);
	host_result_figure(
		result, "seconds_to_crash_median", replay->seconds_median);
	host_result_finding(
		result, finding->title, finding->dir, replay->k, replay->n);
}
