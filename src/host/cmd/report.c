/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture report: an out folder as one HTML file that needs no other. */
#include "host/finding_text.h"
#include "host/host.h"

#include <string.h>

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<title>rmaptorture</title>\n<style>\n"
	"body { font: 15px/1.5 sans-serif; max-width: 62em; margin: 2em auto; "
	"padding: 0 1em }\n"
	"table { border-collapse: collapse }\n"
	"th, td { text-align: left; padding: .2em 1em .2em 0; "
	"border-bottom: 1px solid #ddd }\n"
	"td.n, th.n { text-align: right }\n"
	"pre { background: #f6f6f6; padding: .8em; overflow-x: auto; "
	"font-size: 13px }\n"
	"</style></head><body>\n";

static void add_text(GString *html, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *escaped = g_markup_escape_text(valid, -1);

	g_string_append(html, escaped);
}

static void add_pre(GString *html, const char *text)
{
	g_string_append(html, "<pre>");
	add_text(html, text);
	g_string_append(html, "</pre>\n");
}

static char *time_of(gint64 seconds)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);

	return g_date_time_format(time, "%F %T");
}

/* The folder of a store, below @out or @out itself */
static void add_store(GString *html, const char *name, const char *dir)
{
	g_autofree char *corpus = g_build_filename(dir, "corpus", NULL);
	g_autofree char *crashes = g_build_filename(dir, "crashes", NULL);

	if (!g_file_test(corpus, G_FILE_TEST_IS_DIR))
		return;
	g_string_append(html, "<tr><td>");
	add_text(html, name);
	g_string_append_printf(html,
		"</td><td class=\"n\">%u</td><td class=\"n\">%u</td></tr>\n",
		host_count_files(corpus), host_count_files(crashes));
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What is told of each store: @add is called for @out and each folder in it */
static void for_stores(GString *html, const char *out,
	void (*add)(GString *html, const char *name, const char *dir))
{
	g_autoptr(GDir) folders = g_dir_open(out, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (folders && (name = g_dir_read_name(folders)))
		g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, by_name);
	add(html, out, out);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *dir = g_build_filename(
			out, g_ptr_array_index(names, i), NULL);

		add(html, g_ptr_array_index(names, i), dir);
	}
}

static void add_row(GString *html, const struct finding *finding)
{
	g_autofree char *first = time_of(finding->first);

	g_string_append_printf(html, "<tr><td><a href=\"#%s\">", finding->hash);
	add_text(html, finding->title);
	g_string_append_printf(html,
		"</a></td><td class=\"n\">%" G_GUINT64_FORMAT
		"</td><td>%s</td>",
		finding->count, first);
	if (finding->n)
		g_string_append_printf(html, "<td>%u of %u</td></tr>\n",
			finding->k, finding->n);
	else
		g_string_append(html, "<td>none yet</td></tr>\n");
}

static void add_finding(GString *html, const struct finding *finding)
{
	g_autofree char *mail = finding_mail(finding);
	g_autofree char *source = NULL;

	g_string_append_printf(html, "<h2 id=\"%s\">", finding->hash);
	add_text(html, finding->title);
	g_string_append(html, "</h2>\n<p>");
	add_text(html, finding->dir);
	g_string_append(html, "</p>\n");
	add_pre(html, mail);
	if (finding->has_repro)
		source = store_read(finding, "repro.c", NULL, NULL);
	if (!source)
		return;
	g_string_append(html, "<details><summary>as C</summary>\n");
	add_pre(html, source);
	g_string_append(html, "</details>\n");
}

static void add_findings(GString *html, const GPtrArray *list)
{
	g_string_append(html, "<h1>Findings</h1>\n");
	if (!list->len) {
		g_string_append(html, "<p>None.</p>\n");
		return;
	}
	g_string_append(html,
		"<table><tr><th>title</th><th class=\"n\">times</th>"
		"<th>first</th><th>replays</th></tr>\n");
	for (guint i = 0; i < list->len; i++)
		add_row(html, g_ptr_array_index(list, i));
	g_string_append(html, "</table>\n");
	for (guint i = 0; i < list->len; i++)
		add_finding(html, g_ptr_array_index(list, i));
}

/* windows.tsv, whose first line names its columns */
static void add_windows(GString *html, const char *name, const char *dir)
{
	g_autofree char *path = g_build_filename(dir, "windows.tsv", NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return;
	g_string_append(html, "<h2>Windows opened: ");
	add_text(html, name);
	g_string_append(html, "</h2>\n<table>\n");
	lines = g_strsplit(g_strchomp(text), "\n", -1);
	for (guint i = 0; lines[i]; i++) {
		g_auto(GStrv) cells = g_strsplit(lines[i], "\t", -1);

		g_string_append(html, "<tr>");
		for (guint k = 0; cells[k]; k++) {
			g_string_append(html, i ? "<td>" : "<th>");
			add_text(html, cells[k]);
			g_string_append(html, i ? "</td>" : "</th>");
		}
		g_string_append(html, "</tr>\n");
	}
	g_string_append(html, "</table>\n");
}

static gboolean write_report(const char *out, const GPtrArray *list,
	const char *path, GError **error)
{
	g_autoptr(GString) html = g_string_new(head);
	g_autofree char *now = time_of(g_get_real_time() / G_USEC_PER_SEC);

	g_string_append(html, "<p>");
	add_text(html, out);
	g_string_append_printf(
		html, ", rmaptorture %s, %s</p>\n", RMAPTORTURE_VERSION, now);
	add_findings(html, list);
	g_string_append(html, "<h1>Work</h1>\n<table><tr><th>folder</th>"
			      "<th class=\"n\">programs in its corpus</th>"
			      "<th class=\"n\">titles</th></tr>\n");
	for_stores(html, out, add_store);
	g_string_append(html, "</table>\n");
	for_stores(html, out, add_windows);
	g_string_append(html, "</body></html>\n");
	return g_file_set_contents_full(path, html->str, (gssize)html->len,
		G_FILE_SET_CONTENTS_CONSISTENT, 0644, error);
}

static int report(const char *out, const char *path,
	const struct host_options *options, GError **error)
{
	g_autoptr(GPtrArray) list = NULL;
	struct host_result *result;

	if (!g_file_test(out, G_FILE_TEST_IS_DIR)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"no folder '%s': give the --out of a run", out);
		return EXIT_BROKEN;
	}
	list = store_list(out, error);
	if (!list || !write_report(out, list, path, error))
		return EXIT_BROKEN;
	host_progress(options, FALSE, "%s: %u findings", path, list->len);
	result = host_result_new("report", options);
	host_result_figure(result, "findings", list->len);
	return host_result_end(result, EXIT_CLEAN);
}

int cmd_report(int argc, char **argv)
{
	SCOPED(host_options_clear) struct host_options options = {0};
	g_autoptr(GError) error = NULL;
	g_autofree char *html = NULL;
	GOptionEntry entries[] = {
		{"html", 0, 0, G_OPTION_ARG_FILENAME, &html,
			"the file to write", "FILE"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	int status;

	if (!host_parse(&argc, &argv, entries, "[DIR]",
		    "An out folder as one page: what was found, as mails and "
		    "as "
		    "C, corpora, and windows that were opened. DIR is the "
		    "--out "
		    "of `fuzz`, `campaign`, `stress` or `premerge` (default "
		    "./out).",
		    &options))
		return EXIT_BROKEN;
	if (argc > 2 || !html) {
		g_set_error(&error, HOST_ERROR, HOST_ERROR_BROKEN,
			"want one folder at most, and --html FILE");
		return host_fail("report", error);
	}
	status = report(argc == 2 ? argv[1] : "out", html, &options, &error);
	return error ? host_fail("report", error) : status;
}
