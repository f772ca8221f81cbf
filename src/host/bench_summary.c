/* SPDX-License-Identifier: GPL-2.0-only */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tally {
	const char *class; /* NULL: of all */
	guint detected, total;
};

static gboolean is_unmutated(const struct trial *trial)
{
	return !strcmp(trial->name, UNMUTATED);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The smallest value that at least a share of @q does not exceed. */
static double quantile(const GArray *sorted, double q)
{
	guint at = (guint)(q * sorted->len);

	if (!sorted->len)
		return -1;
	return g_array_index(sorted, double, MIN(at, sorted->len - 1));
}

static struct tally *tally_of(GArray *tallies, const char *class)
{
	struct tally tally = {.class = class};

	for (guint i = 0; i < tallies->len; i++) {
		struct tally *at = &g_array_index(tallies, struct tally, i);

		if (!strcmp(at->class, class))
			return at;
	}
	g_array_append_val(tallies, tally);
	return &g_array_index(tallies, struct tally, tallies->len - 1);
}

static void print_trial(const struct trial *trial)
{
	printf("  %-30s %-8s", trial->name, trial->class);
	switch (trial->status) {
	case TRIAL_DETECTED:
		printf(" %6.1f s  %s\n", trial->title_seconds, trial->title);
		break;
	case TRIAL_MISSED:
		printf(" missed    %.0f programs\n", trial->programs);
		break;
	case TRIAL_SKIPPED:
		printf(" skipped   %s\n", trial->why);
		break;
	case TRIAL_BROKEN:
		printf(" BROKEN    %s\n", trial->why);
		break;
	}
}

static void note_false(
	const GPtrArray *titles, GHashTable *seen, struct host_result *result)
{
	for (guint i = 0; i < titles->len; i++) {
		if (!g_hash_table_add(seen, titles->pdata[i]))
			continue;
		printf("  %s\n", (const char *)titles->pdata[i]);
		host_result_finding(result, titles->pdata[i], "", 0, 0);
	}
}

static guint print_false(const GPtrArray *trials, struct host_result *result)
{
	g_autoptr(GHashTable) titles =
		g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < trials->len; i++) {
		const struct trial *trial = trials->pdata[i];

		if (is_unmutated(trial))
			note_false(trial->titles, titles, result);
		note_false(trial->refuted, titles, result);
	}
	if (!g_hash_table_size(titles))
		printf("  none\n");
	return g_hash_table_size(titles);
}

static void figure(struct host_result *result, const char *name, double value)
{
	host_result_figure(result, name, value);
}

static void print_tallies(const GArray *tallies, struct tally all,
	const GArray *seconds, struct host_result *result)
{
	printf("\ndetected      %u of %u\n", all.detected, all.total);
	for (guint i = 0; i < tallies->len; i++) {
		const struct tally *at =
			&g_array_index(tallies, struct tally, i);
		g_autofree char *detected =
			g_strdup_printf("detected_%s", at->class);
		g_autofree char *total = g_strdup_printf("total_%s", at->class);

		printf("  %-10s  %u of %u\n", at->class, at->detected,
			at->total);
		figure(result, detected, at->detected);
		figure(result, total, at->total);
	}
	figure(result, "detected", all.detected);
	figure(result, "total", all.total);
	if (!seconds->len)
		return;
	printf("seconds       %.1f median, %.1f for nine of ten\n",
		quantile(seconds, 0.5), quantile(seconds, 0.9));
	figure(result, "median_seconds", quantile(seconds, 0.5));
	figure(result, "p90_seconds", quantile(seconds, 0.9));
}

static void add_trial(const struct trial *trial, GArray *tallies,
	struct tally *all, GArray *seconds)
{
	struct tally *tally = tally_of(tallies, trial->class);

	tally->total++;
	all->total++;
	if (trial->status != TRIAL_DETECTED)
		return;
	tally->detected++;
	all->detected++;
	g_array_append_val(seconds, trial->title_seconds);
}

guint bench_summary(GPtrArray *trials, const char *kernel, const char *peer,
	gint64 budget, struct host_result *result)
{
	g_autoptr(GArray) tallies =
		g_array_new(FALSE, FALSE, sizeof(struct tally));
	g_autoptr(GArray) seconds = g_array_new(FALSE, FALSE, sizeof(double));
	guint nr[TRIAL_BROKEN + 1] = {0}, nr_false;
	struct tally all = {0};

	printf("%s, %s, %" G_GINT64_FORMAT
	       " s a trial, from an empty corpus\n\n",
		kernel, peer ? peer : "fuzz", budget);
	for (guint i = 0; i < trials->len; i++) {
		const struct trial *trial = trials->pdata[i];

		if (is_unmutated(trial))
			continue;
		print_trial(trial);
		nr[trial->status]++;
		if (trial->status <= TRIAL_MISSED)
			add_trial(trial, tallies, &all, seconds);
	}
	g_array_sort(seconds, by_value);
	print_tallies(tallies, all, seconds, result);
	if (nr[TRIAL_SKIPPED] || nr[TRIAL_BROKEN])
		printf("left out      %u skipped, %u broken\n",
			nr[TRIAL_SKIPPED], nr[TRIAL_BROKEN]);
	figure(result, "skipped_trials", nr[TRIAL_SKIPPED]);
	figure(result, "broken_trials", nr[TRIAL_BROKEN]);
	printf("\nfalse findings, on the kernel without a bug\n");
	nr_false = print_false(trials, result);
	figure(result, "false_findings", nr_false);
	return nr_false;
}
