/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/bench/bench.h"

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

static void print_detected(const struct trial *trial)
{
	const struct sighting *first = trial->first;

	printf(" %6.1f s  %-4s  %s\n", first->seconds, tier_names[first->tier],
		first->title);
	if (trial->vm_k)
		printf("%48s confirmed in the VM, %u of %u: %s\n", "",
			trial->vm_k, trial->vm_n, trial->vm_title);
	else if (trial->vm_n)
		printf("%48s user space only, 0 of %u in the VM\n", "",
			trial->vm_n);
}

/* Only the fuzzer counts programs. */
static void print_missed(const struct trial *trial)
{
	const char *pad = "   ";

	printf(" missed");
	for (guint i = 0; i < TIERS; i++) {
		const struct stage *stage = &trial->stage[i];

		if (!stage->command || stage->programs < 0)
			continue;
		printf("%s %s: %.0f programs", pad, tier_names[i],
			stage->programs);
		pad = "";
	}
	printf("\n");
}

static void print_trial(const struct trial *trial)
{
	printf("  %-30s %-8s", trial->name, trial->class);
	switch (trial->status) {
	case TRIAL_DETECTED:
		print_detected(trial);
		break;
	case TRIAL_MISSED:
		print_missed(trial);
		break;
	case TRIAL_SKIPPED:
		printf(" skipped   %s\n", trial->why);
		break;
	case TRIAL_BROKEN:
		printf(" BROKEN    %s\n", trial->why);
		break;
	}
}

static void note_false(char *key, GHashTable *seen, struct host_result *result)
{
	if (g_hash_table_contains(seen, key)) {
		g_free(key);
		return;
	}
	printf("  %s\n", key);
	host_result_finding(result, key, "", 0, 0);
	g_hash_table_add(seen, key);
}

static guint print_false(const GPtrArray *trials, struct host_result *result)
{
	g_autoptr(GHashTable) seen =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < trials->len; i++) {
		const struct trial *trial = trials->pdata[i];

		for (guint s = 0; is_unmutated(trial) && s < trial->seen->len;
			s++)
			note_false(ignored_key(trial->seen->pdata[s]), seen,
				result);
		for (guint s = 0; s < trial->refuted->len; s++)
			note_false(g_strdup(trial->refuted->pdata[s]), seen,
				result);
	}
	if (!g_hash_table_size(seen))
		printf("  none\n");
	return g_hash_table_size(seen);
}

static void figure(struct host_result *result, const char *name, double value)
{
	host_result_figure(result, name, value);
}

static double share(struct tally tally)
{
	return tally.total ? 100.0 * tally.detected / tally.total : 0;
}

static void print_tallies(const GArray *tallies, struct tally all,
	const GArray *seconds, struct host_result *result)
{
	printf("\ndetected      %u of %u, %.0f %%\n", all.detected, all.total,
		share(all));
	for (guint i = 0; i < tallies->len; i++) {
		const struct tally *at =
			&g_array_index(tallies, struct tally, i);
		g_autofree char *detected =
			g_strdup_printf("detected_%s", at->class);
		g_autofree char *total = g_strdup_printf("total_%s", at->class);

		printf("  %-10s  %u of %u, %.0f %%\n", at->class, at->detected,
			at->total, share(*at));
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
	g_array_append_val(seconds, trial->first->seconds);
}

/* Where the detected were seen, and what VMs say to those of the user tier. */
static void print_tiers(const GPtrArray *trials, struct host_result *result)
{
	guint by[TIERS] = {0}, confirmed = 0, asked = 0;

	for (guint i = 0; i < trials->len; i++) {
		const struct trial *trial = trials->pdata[i];

		if (is_unmutated(trial) || trial->status != TRIAL_DETECTED)
			continue;
		by[trial->first->tier]++;
		asked += trial->vm_n != 0;
		confirmed += trial->vm_k != 0;
	}
	printf("tiers         %u in user space, %u in VMs\n", by[TIER_USER],
		by[TIER_VM]);
	if (asked)
		printf("confirmed     %u of %u of those of user space, in the "
		       "VM\n",
			confirmed, asked);
	figure(result, "detected_user", by[TIER_USER]);
	figure(result, "detected_vm", by[TIER_VM]);
	figure(result, "confirmed_in_vm", confirmed);
	figure(result, "asked_in_vm", asked);
}

static void print_heading(const struct search *search)
{
	g_autofree char *kernel = search_describe(search);

	printf("%s, %s, %" G_GINT64_FORMAT " s a trial%s\n", kernel,
		search->peer ? search->peer : "fuzz", search->seconds,
		search->peer ? "" : ", from an empty corpus");
	if (search->note)
		printf("%s\n", search->note);
	printf("\n");
}

guint bench_summary(GPtrArray *trials, const struct search *search,
	struct host_result *result)
{
	g_autoptr(GArray) tallies =
		g_array_new(FALSE, FALSE, sizeof(struct tally));
	g_autoptr(GArray) seconds = g_array_new(FALSE, FALSE, sizeof(double));
	guint nr[TRIAL_BROKEN + 1] = {0}, nr_false;
	struct tally all = {0};

	print_heading(search);
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
	if (search->tier && search->vm)
		print_tiers(trials, result);
	if (nr[TRIAL_SKIPPED] || nr[TRIAL_BROKEN])
		printf("left out      %u skipped, %u broken\n",
			nr[TRIAL_SKIPPED], nr[TRIAL_BROKEN]);
	figure(result, "skipped_trials", nr[TRIAL_SKIPPED]);
	figure(result, "broken_trials", nr[TRIAL_BROKEN]);
	printf("\nfound without a bug: the kernel's own, or false\n");
	nr_false = print_false(trials, result);
	figure(result, "false_findings", nr_false);
	return nr_false;
}
