/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rmaptorture triage: what a folder of files of any tool holds: consoles by the
 * title of their report, programs (libFuzzer's and AFL++'s files are programs)
 * by being programs.
 */
#include "host/host.h"

#include <stdio.h>
#include <string.h>

#define TRIAGE_FILE_MAX                                                        \
	(64u << 20) /* larger files are passed over, and told                  \
		     */

/** struct group - files of one title */
struct group {
	char *title;
	GPtrArray *files;
	gboolean report;    /* a kernel's report, not a program or neither */
	gboolean corrupted; /* of any file */
};

static void group_free(gpointer item)
{
	struct group *group = item;

	g_free(group->title);
	g_ptr_array_unref(group->files);
	g_free(group);
}

static struct group *group_get(GPtrArray *groups, const char *title)
{
	struct group *group;

	for (guint i = 0; i < groups->len; i++) {
		group = g_ptr_array_index(groups, i);
		if (!strcmp(group->title, title))
			return group;
	}
	group = g_new0(struct group, 1);
	group->title = g_strdup(title);
	group->files = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(groups, group);
	return group;
}

/* A console with a report, a log of the store, a program, or neither */
static struct group *group_of(GPtrArray *groups, const char *text, gsize len)
{
	g_autofree struct store_log *log = NULL;
	struct report report;
	struct group *group;
	struct prog prog;

	if (console_parse(text, len, &report)) {
		group = group_get(groups, report.title);
		group->report = TRUE;
		group->corrupted |= report.corrupted;
		return group;
	}
	log = store_log_parse(text, len, NULL);
	if (log && *log->title) {
		group = group_get(groups, log->title);
		group->report = TRUE;
		return group;
	}
	if (!prog_parse(text, len, &prog, NULL) && prog.nr_calls) {
		g_autofree char *title =
			g_strdup_printf("program, %u calls", prog.nr_calls);

		return group_get(groups, title);
	}
	return group_get(groups, "neither a report nor a program");
}

static void triage_file(GPtrArray *groups, const char *path)
{
	g_autoptr(GMappedFile) file = NULL;
	g_autoptr(GError) error = NULL;
	struct group *group;

	file = g_mapped_file_new(path, FALSE, &error);
	if (!file)
		group = group_get(groups, "not readable");
	else if (g_mapped_file_get_length(file) > TRIAGE_FILE_MAX)
		group = group_get(groups, "too large");
	else
		group = group_of(groups,
			g_mapped_file_get_length(file)
				? g_mapped_file_get_contents(file)
				: "",
			g_mapped_file_get_length(file));
	g_ptr_array_add(group->files, g_strdup(path));
}

/* A folder of the store is one file of its title, whatever is in it */
static gboolean triage_finding(GPtrArray *groups, const char *path)
{
	SCOPED(finding_freep) struct finding *finding = NULL;
	g_autofree char *description =
		g_build_filename(path, "description", NULL);
	struct group *group;

	if (g_file_test(description, G_FILE_TEST_EXISTS))
		finding = store_find("", path, NULL);
	if (!finding)
		return FALSE;
	group = group_get(groups, finding->title);
	group->report = TRUE;
	g_ptr_array_add(group->files, g_strdup(path));
	return TRUE;
}

/* Files below @path; names that begin with a dot are other tools' own */
static gboolean triage_dir(GPtrArray *groups, const char *path, GError **error)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, error);
	const char *name;

	if (!dir)
		return FALSE;
	if (triage_finding(groups, path))
		return TRUE;
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *child = g_build_filename(path, name, NULL);

		if (name[0] == '.' ||
			g_file_test(child, G_FILE_TEST_IS_SYMLINK))
			continue;
		if (g_file_test(child, G_FILE_TEST_IS_REGULAR))
			triage_file(groups, child);
		else if (g_file_test(child, G_FILE_TEST_IS_DIR) &&
			 !triage_dir(groups, child, error))
			return FALSE;
	}
	return TRUE;
}

/* Reports first, then by how many files; by name where that is the same */
static gint group_order(gconstpointer a, gconstpointer b)
{
	const struct group *x = *(const struct group *const *)a;
	const struct group *y = *(const struct group *const *)b;

	if (x->report != y->report)
		return x->report ? -1 : 1;
	if (x->files->len != y->files->len)
		return x->files->len > y->files->len ? -1 : 1;
	return strcmp(x->title, y->title);
}

static gint path_order(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int print_groups(
	GPtrArray *groups, const char *dir, const struct host_options *options)
{
	struct host_result *result = host_result_new("triage", options);
	guint reports = 0;

	g_ptr_array_sort(groups, group_order);
	for (guint i = 0; i < groups->len; i++) {
		const struct group *group = g_ptr_array_index(groups, i);

		g_ptr_array_sort(group->files, path_order);
		printf("%6u  %s%s  (%s)\n", group->files->len, group->title,
			group->corrupted ? " [some cut or mixed]" : "",
			(char *)g_ptr_array_index(group->files, 0));
		if (!group->report)
			continue;
		reports++;
		host_result_finding(result, group->title, dir, 0, 0);
	}
	if (!groups->len)
		host_progress(options, FALSE, "no files in '%s'", dir);
	host_result_figure(result, "titles", reports);
	return host_result_end(result, reports ? EXIT_FINDING : EXIT_CLEAN);
}

int cmd_triage(int argc, char **argv)
{
	SCOPED(host_options_clear) struct host_options options = {0};
	g_autoptr(GPtrArray) groups =
		g_ptr_array_new_with_free_func(group_free);
	g_autoptr(GError) error = NULL;
	GOptionEntry entries[] = {{NULL, 0, 0, 0, NULL, NULL, NULL}};

	if (!host_parse(&argc, &argv, entries, "DIR",
		    "Titles for a folder of libFuzzer, AFL++ or console "
		    "files: how many, title, the first of them.",
		    &options))
		return EXIT_BROKEN;
	if (argc != 2)
		g_set_error(&error, HOST_ERROR, HOST_ERROR_BROKEN,
			"want one folder");
	else if (g_file_test(argv[1], G_FILE_TEST_IS_REGULAR))
		triage_file(groups, argv[1]);
	else
		(void)triage_dir(groups, argv[1], &error);
	if (error)
		return host_fail("triage", error);
	return print_groups(groups, argv[1], &options);
}
