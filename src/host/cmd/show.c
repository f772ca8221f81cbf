/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture show: one finding in full. */
#include "host/finding_text.h"
#include "host/host.h"
#include "host/stress/stress.h"

#include <stdio.h>

#define REPORT_SHOWN 100 /* lines of a report */

static void print_head(const struct finding *finding)
{
	g_autoptr(GDateTime) first =
		g_date_time_new_from_unix_local(finding->first);
	g_autoptr(GDateTime) last =
		g_date_time_new_from_unix_local(finding->last);
	g_autofree char *from = g_date_time_format(first, "%F %T");
	g_autofree char *to = g_date_time_format(last, "%F %T");

	printf("%s\n\n", finding->title);
	printf("id:       %s\n", finding->hash);
	printf("folder:   %s\n", finding->dir);
	printf("seen:     %" G_GUINT64_FORMAT " times, %s to %s\n",
		finding->count, from, to);
	if (finding->n)
		printf("replays:  %u of %u, %.2f s to the crash (median)\n",
			finding->k, finding->n, finding->seconds);
	else
		printf("replays:  none yet: rmaptorture repro %.8s\n",
			finding->hash);
}

/* Below its heading what is in @file of the finding; nothing for no text */
static void print_text(const struct finding *finding, const char *file,
	char *text, const char *heading, guint max_lines)
{
	g_auto(GStrv) lines = NULL;
	guint nr;

	if (!text || !*g_strchomp(text))
		return;
	lines = g_strsplit(text, "\n", -1);
	nr = g_strv_length(lines);
	printf("\n--- %s\n", heading);
	for (guint i = 0; i < MIN(nr, max_lines); i++)
		printf("%s\n", g_strchomp(lines[i]));
	if (nr > max_lines)
		printf("... %u more lines in %s/%s%u\n", nr - max_lines,
			finding->dir, file, finding->newest);
}

static void print_part(const struct finding *finding, const char *file,
	const char *heading, guint max_lines)
{
	g_autofree char *text = store_read(finding, file, NULL, NULL);

	print_text(finding, file, text, heading, max_lines);
}

static void print_report(const struct finding *finding)
{
	gboolean has_lines;
	g_autofree char *text = finding_report(finding, &has_lines);

	print_text(finding, "report", text,
		has_lines ? "report"
			  : "report (no source lines: its kernel is not in the "
			    "cache)",
		REPORT_SHOWN);
}

/* What each lane ran last, where no reproducer says it better */
static void print_last_programs(const struct finding *finding)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *machine =
		store_read(finding, "machineInfo", NULL, NULL);
	g_autofree struct store_log *log = NULL;
	g_autofree char *text = NULL;

	if (stress_repro_is(machine)) {
		printf("\n--- no program, but the load of stressors that "
		       "\"stress:\" tells: `rmaptorture repro` makes it "
		       "again\n");
		return;
	}
	log = store_load_programs(finding, &error);
	if (!log) {
		printf("\n--- no programs: %s\n", error->message);
		return;
	}
	for (guint lane = 0; lane < log->nr_lanes; lane++) {
		struct slot_flight *flight = &log->flight[lane];

		if (flight->nr)
			flight->entry[0] = flight->entry[flight->nr - 1];
		flight->nr = MIN(flight->nr, 1);
	}
	text = store_log_print(NULL, NULL, log->flight, log->nr_lanes);
	printf("\n--- the last program of each lane (all: %s/log%u)\n%s",
		finding->dir, finding->newest, text);
}

static void print_finding(const struct finding *finding)
{
	print_head(finding);
	print_part(finding, "machineInfo", "machine", G_MAXUINT);
	print_report(finding);
	if (finding->has_repro)
		print_part(finding, "repro.prog", "reproducer (as C: repro.c)",
			G_MAXUINT);
	else
		print_last_programs(finding);
}

static void print_mail(const struct finding *finding)
{
	g_autofree char *mail = finding_mail(finding);

	printf("%s", mail);
}

int cmd_show(int argc, char **argv)
{
	SCOPED(host_options_clear) struct host_options options = {0};
	SCOPED(finding_freep) struct finding *finding = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *out = NULL;
	struct host_result *result;
	gboolean as_mail = FALSE;
	GOptionEntry entries[] = {
		{"mail", 0, 0, G_OPTION_ARG_NONE, &as_mail,
			"print a report to send to a mailing list", NULL},
		{"out", 0, 0, G_OPTION_ARG_FILENAME, &out,
			"where the findings are (default ./out)", "DIR"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	if (!host_parse(&argc, &argv, entries, "FINDING",
		    "One finding in full. FINDING is its folder, the first "
		    "digits of its id, or a part of its title.",
		    &options))
		return EXIT_BROKEN;
	if (argc != 2)
		g_set_error(&error, HOST_ERROR, HOST_ERROR_BROKEN,
			"want one finding");
	else
		finding = store_find(out ? out : "out", argv[1], &error);
	if (!finding)
		return host_fail("show", error);
	if (as_mail)
		print_mail(finding);
	else
		print_finding(finding);
	result = host_result_new("show", &options);
	host_result_finding(
		result, finding->title, finding->dir, finding->k, finding->n);
	return host_result_end(result, EXIT_CLEAN);
}
