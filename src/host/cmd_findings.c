/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture findings, rmaptorture show: what is in an out folder. */
#include "host.h"
#include "kernel/symbolize.h"

#include <stdio.h>
#include <string.h>

#define REPORT_SHOWN 100 /* lines of a report that `show` prints */

/* "12 s", "5 m", "3 h", "2 d": how long ago */
static char *age(gint64 then)
{
	gint64 s = MAX(g_get_real_time() / G_USEC_PER_SEC - then, 0);

	if (s < 120)
		return g_strdup_printf("%d s", (int)s);
	if (s < 2 * 3600)
		return g_strdup_printf("%d m", (int)(s / 60));
	if (s < 2 * 86400)
		return g_strdup_printf("%d h", (int)(s / 3600));
	return g_strdup_printf("%" G_GINT64_FORMAT " d", s / 86400);
}

/* "17/20", "-" before any replay */
static char *rate(const struct finding *finding)
{
	if (!finding->n)
		return g_strdup("-");
	return g_strdup_printf("%u/%u", finding->k, finding->n);
}

static void print_line(const struct finding *finding)
{
	g_autofree char *ago = age(finding->last), *k_n = rate(finding);

	printf("%.8s %6" G_GUINT64_FORMAT " %7s %6s  %s\n", finding->hash,
		finding->count, k_n, ago, finding->title);
}

static int print_list(
	const char *dir, const struct host_options *options, GError **error)
{
	g_autoptr(GPtrArray) list = store_list(dir, error);
	struct host_result *result;

	if (!list)
		return EXIT_BROKEN;
	result = host_result_new("findings", options);
	if (list->len)
		printf("%-8s %6s %7s %6s  %s\n", "id", "count", "replays",
			"age", "title");
	else
		host_progress(options, FALSE, "no findings in '%s'", dir);
	for (guint i = 0; i < list->len; i++) {
		const struct finding *finding = g_ptr_array_index(list, i);

		print_line(finding);
		host_result_finding(result, finding->title, finding->dir,
			finding->k, finding->n);
	}
	host_result_figure(result, "findings", list->len);
	return host_result_end(result, list->len ? EXIT_FINDING : EXIT_CLEAN);
}

int cmd_findings(int argc, char **argv)
{
	SCOPED(host_options_clear) struct host_options options = {0};
	g_autoptr(GError) error = NULL;
	GOptionEntry entries[] = {{NULL, 0, 0, 0, NULL, NULL, NULL}};
	int status;

	if (!host_parse(&argc, &argv, entries, "[DIR]",
		    "What was found, one line each: id, how often, replays "
		    "that hit, age, title. DIR is the --out of `fuzz` "
		    "(default ./out).",
		    &options))
		return EXIT_BROKEN;
	if (argc > 2) {
		g_set_error(&error, HOST_ERROR, HOST_ERROR_BROKEN,
			"want one folder at most");
		return host_fail("findings", error);
	}
	status = print_list(argc == 2 ? argv[1] : "out", &options, &error);
	return error ? host_fail("findings", error) : status;
}

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

/* The image that gave the report, NULL where it is no longer in the cache */
static char *image_of(const struct finding *finding)
{
	static const char key[] = "kernel folder: ";
	g_autofree char *machine =
		store_read(finding, "machineInfo", NULL, NULL);
	g_auto(GStrv) lines = g_strsplit(machine ? machine : "", "\n", -1);

	for (char **line = lines; *line; line++) {
		g_autofree char *path = NULL;

		if (!g_str_has_prefix(*line, key))
			continue;
		path = g_build_filename(*line + strlen(key), "vmlinux", NULL);
		if (g_file_test(path, G_FILE_TEST_EXISTS))
			return g_steal_pointer(&path);
	}
	return NULL;
}

static void print_report(const struct finding *finding)
{
	g_autofree char *text = store_read(finding, "report", NULL, NULL);
	g_autofree char *image = image_of(finding);
	g_autofree char *lines =
		text && image ? kernel_symbolize(image, text, NULL) : NULL;

	print_text(finding, "report", lines ? lines : text,
		lines ? "report"
		      : "report (without source lines: its kernel "
			"is not in the cache)",
		REPORT_SHOWN);
}

/* What each lane ran last, where no reproducer says it better */
static void print_last_programs(const struct finding *finding)
{
	g_autoptr(GError) error = NULL;
	g_autofree struct store_log *log = NULL;
	g_autofree char *text = NULL;

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

int cmd_show(int argc, char **argv)
{
	SCOPED(host_options_clear) struct host_options options = {0};
	SCOPED(finding_freep) struct finding *finding = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *out = NULL;
	struct host_result *result;
	GOptionEntry entries[] = {
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
	print_finding(finding);
	result = host_result_new("show", &options);
	host_result_finding(
		result, finding->title, finding->dir, finding->k, finding->n);
	return host_result_end(result, EXIT_CLEAN);
}
