/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture findings: what is in an out folder. */
#include "host/host.h"

#include <stdio.h>

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
