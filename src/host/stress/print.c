/* SPDX-License-Identifier: GPL-2.0-only */
/* What people and programs get to read of a run of stressors. */
#include "host/stress/stress.h"

#include "stress/rows.h"

#include <stdio.h>
#include <string.h>

#define LIVE_S 5 /* between two lines of a stressor */

/* What a line shows while it runs; 0 is left out */
static const enum work shown[] = {WORK_OPS, WORK_FORKS, WORK_CHECKED,
	WORK_RECLAIMED, WORK_MIGRATED, WORK_MOVED, WORK_SPLIT, WORK_COLLAPSED,
	WORK_MERGED, WORK_REQUESTS};

static void live_line(const struct board_stressor *now,
	const struct board_stressor *last, double seconds, const char *name,
	const struct host_options *options)
{
	g_autoptr(GString) line = g_string_new(NULL);

	g_string_printf(line, "%-15s", name);
	for (gsize i = 0; i < G_N_ELEMENTS(shown); i++) {
		guint64 more = now->work[shown[i]] - last->work[shown[i]];

		if (now->work[shown[i]])
			g_string_append_printf(line, "  %s %.0f/s",
				work_name(shown[i]), (double)more / seconds);
	}
	for (guint l = 0; l < LATENCY_NR; l++)
		g_string_append_printf(line, "  %s %.1f/%.1f ms",
			latency_name(l),
			(double)histogram_percentile(now->latency[l], 50) / 1e6,
			(double)histogram_percentile(now->latency[l], 99) /
				1e6);
	host_progress(options, FALSE, "%s", line->str);
}

void stress_print_live(const struct board *now, const struct board *before,
	double seconds, void *user)
{
	struct stress_live *live = user;

	(void)before;
	live->seconds += seconds;
	if (live->seconds < LIVE_S)
		return;
	for (guint row = 0; row < STRESSOR_NR; row++) {
		if (now->stressor[row].work[WORK_WRITTEN])
			live_line(&now->stressor[row],
				&live->last.stressor[row], live->seconds,
				stress_rows[row].name, live->options);
	}
	live->last = *now;
	live->seconds = 0;
}

/* The last row is that of a peer. */
static gboolean row_ran(const struct load *load, guint row)
{
	if (row == STRESSOR_NR)
		return (load->flags & LOAD_PEER) != 0;
	return load->stressors >> row & 1;
}

static const char *row_name(guint row)
{
	return row == STRESSOR_NR ? "peer" : stress_rows[row].name;
}

static void print_row(const struct board_stressor *s, guint row)
{
	static const enum work columns[] = {WORK_OPS, WORK_FORKS, WORK_CHECKED,
		WORK_RECLAIMED, WORK_MIGRATED, WORK_MOVED};

	printf("%-15s %-7s", row_name(row), stress_outcome_name(s->outcome));
	for (gsize i = 0; i < G_N_ELEMENTS(columns); i++)
		printf(" %9" G_GUINT64_FORMAT, s->work[columns[i]]);
	for (guint l = 0; l < LATENCY_NR; l++)
		printf(" %7.0f/%-7.0f",
			(double)histogram_percentile(s->latency[l], 50) / 1e3,
			(double)histogram_percentile(s->latency[l], 99) / 1e3);
	printf("%s%s\n", s->reason[0] ? " " : "", s->reason);
}

static void print_vmstat(const struct stress_run *run)
{
	printf("\nthe kernel's counters, and a second\n");
	for (guint i = 0; i < VMSTAT_NR; i++) {
		if (run->board.vmstat[i])
			printf("  %-22s %10" G_GUINT64_FORMAT " %10.1f\n",
				vmstat_name(i), run->board.vmstat[i],
				(double)run->board.vmstat[i] /
					MAX(run->seconds, 0.001));
	}
}

void stress_print_table(const struct load *load, const struct stress_run *run)
{
	printf("%-15s %-7s %9s %9s %9s %9s %9s %9s %15s %15s %15s\n",
		"stressor", "outcome", "ops", "forks", "checked", "reclaimed",
		"migrated", "moved", "fork p50/p99", "fault us", "munmap us");
	for (guint row = 0; row <= STRESSOR_NR; row++) {
		if (row_ran(load, row))
			print_row(&run->board.stressor[row], row);
	}
	print_vmstat(run);
	printf("\n%u rounds, %u pauses, %u clean passes of rmap_fsck, %.0f s\n",
		run->board.rounds, run->board.pauses, run->board.checks,
		run->seconds);
}

static void figure(struct host_result *result, const char *row,
	const char *name, const char *unit, double value)
{
	g_autofree char *full = g_strdup_printf("%s_%s%s", row, name, unit);

	host_result_figure(result, full, value);
}

static void figures_of_row(const struct board_stressor *s, guint row,
	double seconds, struct host_result *result)
{
	const char *name = row_name(row);

	if (s->outcome == STRESS_SKIP) {
		host_result_skip(result, name, s->reason);
		return;
	}
	for (guint i = 0; i < WORK_NR; i++)
		figure(result, name, work_name(i), "", (double)s->work[i]);
	figure(result, name, "operations", "_per_second",
		(double)s->work[WORK_OPS] / MAX(seconds, 0.001));
	for (guint l = 0; l < LATENCY_NR; l++) {
		figure(result, name, latency_name(l), "_us_p50",
			(double)histogram_percentile(s->latency[l], 50) / 1e3);
		figure(result, name, latency_name(l), "_us_p99",
			(double)histogram_percentile(s->latency[l], 99) / 1e3);
	}
}

void stress_result(const struct load *load, const struct stress_run *run,
	struct host_result *result)
{
	for (guint row = 0; row <= STRESSOR_NR; row++) {
		if (row_ran(load, row))
			figures_of_row(&run->board.stressor[row], row,
				run->seconds, result);
	}
	for (guint i = 0; i < VMSTAT_NR; i++) {
		g_autofree char *name =
			g_strdup_printf("vmstat_%s", vmstat_name(i));

		host_result_figure(result, name, (double)run->board.vmstat[i]);
	}
	host_result_figure(result, "seconds", run->seconds);
	host_result_figure(result, "pauses", run->board.pauses);
	host_result_figure(result, "fsck_passes", run->board.checks);
}

gboolean stress_yaml(const char *path, const struct load *load,
	const struct stress_run *run, GError **error)
{
	g_autoptr(GString) out = g_string_new("---\nmetrics:\n");

	for (guint row = 0; row <= STRESSOR_NR; row++) {
		const struct board_stressor *s = &run->board.stressor[row];

		if (!row_ran(load, row) || s->outcome == STRESS_SKIP)
			continue;
		g_string_append_printf(out,
			"    - stressor: %s\n"
			"      bogo-ops: %" G_GUINT64_FORMAT "\n"
			"      bogo-ops-per-second-real-time: %f\n"
			"      wall-clock-time: %f\n",
			row_name(row), s->work[WORK_OPS],
			(double)s->work[WORK_OPS] / MAX(run->seconds, 0.001),
			run->seconds);
		for (guint i = WORK_OPS + 1; i < WORK_NR; i++)
			g_string_append_printf(out,
				"      %s: %" G_GUINT64_FORMAT "\n",
				work_name(i), s->work[i]);
		g_string_append_c(out, '\n');
	}
	g_string_append(out, "...\n");
	return g_file_set_contents(path, out->str, (gssize)out->len, error);
}
