/* SPDX-License-Identifier: GPL-2.0-only */
/* Findings as they are on disk: list, find, read, and what repro adds. */
#include "internal.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "csource/csource.h"

#define C_SOURCE_MAX (1u << 20)
#define HASH_MIN     4 /* digits that name a finding */

void finding_free(struct finding *finding)
{
	if (!finding)
		return;
	g_free(finding->title);
	g_free(finding->dir);
	g_free(finding);
}

/* The file's text, its end and NULs cut; NULL where there is none */
static char *read_text(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	return g_strchomp(text);
}

/* The value of "key: value" in @text, which the caller frees, or NULL */
static char *value_of(const char *text, const char *key)
{
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (char **line = lines; *line; line++) {
		gsize len = strlen(key);

		if (g_str_has_prefix(*line, key) &&
			g_str_has_prefix(*line + len, ": "))
			return g_strdup(*line + len + 2);
	}
	return NULL;
}

static guint64 number_of(const char *text, const char *key)
{
	g_autofree char *value = value_of(text, key);

	return value ? g_ascii_strtoull(value, NULL, 10) : 0;
}

static gint64 time_of(const char *text, const char *key)
{
	g_autofree char *value = value_of(text, key);
	g_autoptr(GDateTime) time = NULL;

	if (value)
		time = g_date_time_new_from_iso8601(value, NULL);
	return time ? g_date_time_to_unix(time) : 0;
}

#define C_STATS "repro.c.stats"

static void load_repro(struct finding *finding)
{
	g_autofree char *c_stats = read_text(finding->dir, C_STATS);
	g_autofree char *stats = read_text(finding->dir, "repro.stats");
	g_autofree char *path =
		g_build_filename(finding->dir, "repro.prog", NULL);
	g_autofree char *seconds = value_of(stats, "seconds");

	finding->k = (guint)number_of(stats, "k");
	finding->n = (guint)number_of(stats, "n");
	finding->c_k = (guint)number_of(c_stats, "k");
	finding->c_n = (guint)number_of(c_stats, "n");
	finding->seconds = seconds ? g_ascii_strtod(seconds, NULL) : 0;
	finding->has_repro = stats && g_file_test(path, G_FILE_TEST_EXISTS);
}

struct finding *finding_load(const char *dir, GError **error)
{
	SCOPED(finding_freep)
	struct finding *finding = g_new0(struct finding, 1);
	g_autofree char *stat = read_text(dir, "title-stat");

	finding->dir = g_strdup(dir);
	finding->title = read_text(dir, "description");
	if (!finding->title) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_MISSING,
			"'%s' is no finding: it has no description", dir);
		return NULL;
	}
	finding->count = number_of(stat, "count");
	if (!finding->count) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_FORMAT,
			"'%s/title-stat' has no count", dir);
		return NULL;
	}
	title_hash(finding->title, finding->hash);
	finding->first = time_of(stat, "first");
	finding->last = time_of(stat, "last");
	finding->newest = (guint)number_of(stat, "newest") % STORE_LOGS_MAX;
	load_repro(finding);
	return g_steal_pointer(&finding);
}

static gint latest_first(gconstpointer a, gconstpointer b)
{
	const struct finding *x = *(const struct finding *const *)a;
	const struct finding *y = *(const struct finding *const *)b;

	if (x->last != y->last)
		return x->last < y->last ? 1 : -1;
	return strcmp(x->title, y->title);
}

static void list_crashes(GPtrArray *list, const char *dir)
{
	g_autofree char *crashes = g_build_filename(dir, "crashes", NULL);
	g_autoptr(GDir) folder = g_dir_open(crashes, 0, NULL);
	const char *name;

	while (folder && (name = g_dir_read_name(folder))) {
		g_autofree char *path = g_build_filename(crashes, name, NULL);
		struct finding *finding = NULL;

		if (!g_str_has_prefix(name, TMP_PREFIX))
			finding = finding_load(path, NULL);
		if (finding)
			g_ptr_array_add(list, finding);
	}
}

/* What a campaign keeps in its own folder, src/campaign/state.c */
static gboolean is_campaign(const char *dir)
{
	g_autofree char *state = g_build_filename(dir, "state", NULL);

	return g_file_test(state, G_FILE_TEST_IS_REGULAR);
}

static void list_below(GPtrArray *list, const char *dir)
{
	g_autoptr(GDir) below = g_dir_open(dir, 0, NULL);
	const char *name;

	while (below && (name = g_dir_read_name(below))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);

		list_crashes(list, path);
		if (is_campaign(path))
			list_below(list, path);
	}
}

GPtrArray *store_list(const char *dir, GError **error)
{
	g_autoptr(GPtrArray) list =
		g_ptr_array_new_with_free_func((GDestroyNotify)finding_free);

	if (!g_file_test(dir, G_FILE_TEST_IS_DIR)) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_MISSING,
			"'%s' is no folder", dir);
		return NULL;
	}
	list_crashes(list, dir);
	list_below(list, dir);
	g_ptr_array_sort(list, latest_first);
	return g_steal_pointer(&list);
}

static gboolean finding_fits(const struct finding *finding, const char *name)
{
	if (strlen(name) >= HASH_MIN && g_str_has_prefix(finding->hash, name))
		return TRUE;
	return strstr(finding->title, name) != NULL;
}

/* The title itself before a part of several titles */
static struct finding *find_exact(GPtrArray *list, const char *name)
{
	for (guint i = 0; i < list->len; i++) {
		struct finding *finding = g_ptr_array_index(list, i);

		if (!strcmp(finding->title, name))
			return finding;
	}
	return NULL;
}

static struct finding *find_one(
	GPtrArray *list, const char *dir, const char *name, GError **error)
{
	struct finding *found = find_exact(list, name);

	for (guint i = 0;
		i < list->len && !(found && !strcmp(found->title, name)); i++) {
		struct finding *finding = g_ptr_array_index(list, i);

		if (!finding_fits(finding, name))
			continue;
		if (found) {
			g_set_error(error, STORE_ERROR, STORE_ERROR_MANY,
				"'%s' fits several findings in '%s', such as "
				"%.8s (%s) and %.8s (%s)",
				name, dir, found->hash, found->title,
				finding->hash, finding->title);
			return NULL;
		}
		found = finding;
	}
	if (!found)
		g_set_error(error, STORE_ERROR, STORE_ERROR_MISSING,
			"no finding '%s' in '%s': see `rmaptorture findings "
			"%s`",
			name, dir, dir);
	return found;
}

struct finding *store_find(const char *dir, const char *name, GError **error)
{
	g_autofree char *description =
		g_build_filename(name, "description", NULL);
	g_autoptr(GPtrArray) list = NULL;
	struct finding *found;

	if (g_file_test(description, G_FILE_TEST_EXISTS))
		return finding_load(name, error);
	list = store_list(dir, error);
	if (!list)
		return NULL;
	found = find_one(list, dir, name, error);
	return found ? finding_load(found->dir, error) : NULL;
}

char *store_read(const struct finding *finding, const char *file,
	gsize *ret_len, GError **error)
{
	static const char *const numbered[] = {
		"console", "report", "log", "tag", "machineInfo", NULL};
	g_autofree char *name =
		g_strv_contains(numbered, file)
			? g_strdup_printf("%s%u", file, finding->newest)
			: g_strdup(file);
	g_autofree char *path = g_build_filename(finding->dir, name, NULL);
	g_autoptr(GError) reason = NULL;
	char *text = NULL;

	if (!g_file_get_contents(path, &text, ret_len, &reason))
		g_set_error(error, STORE_ERROR, STORE_ERROR_MISSING, "%s",
			reason->message);
	return text;
}

struct store_log *store_load_programs(
	const struct finding *finding, GError **error)
{
	g_autofree char *text = NULL;
	struct store_log *log;
	gsize len;

	text = store_read(finding, "log", &len, error);
	if (!text)
		return NULL;
	log = store_log_parse(text, len, error);
	if (!log)
		g_prefix_error(
			error, "'%s/log%u': ", finding->dir, finding->newest);
	return log;
}

static gboolean write_prog(const struct finding *finding,
	const struct repro *repro, GError **error)
{
	g_autofree char *stats = g_build_filename(finding->dir, C_STATS, NULL);
	g_autofree char *source = g_malloc(C_SOURCE_MAX);
	g_autofree char *file = NULL;
	char lines[PROG_TEXT_MAX];
	struct text text, c;

	text_init(&text, lines, sizeof(lines));
	prog_print(repro->prog, &text);
	file = g_strdup_printf("# %s\n%s", finding->title, lines);
	text_init(&c, source, C_SOURCE_MAX);
	if (prog_c_source(repro->prog, repro->bad, &c))
		return store_fail(error, EMSGSIZE, "write a C program");
	(void)g_unlink(stats); /* of another source */
	return file_write(finding->dir, "repro.prog", file, -1, error) &&
	       file_write(
		       finding->dir, "repro.c", source, (gssize)c.len, error);
}

gboolean store_set_repro(
	struct finding *finding, const struct repro *repro, GError **error)
{
	char seconds[G_ASCII_DTOSTR_BUF_SIZE];
	g_autofree char *stats = NULL;

	if (repro->log &&
		!file_write(finding->dir, "repro.log", repro->log, -1, error))
		return FALSE;
	if (!repro->prog && finding->has_repro)
		return dir_sync(
			finding->dir, error); /* a better one is there */
	if (repro->prog && !write_prog(finding, repro, error))
		return FALSE;
	g_ascii_formatd(seconds, sizeof(seconds), "%.3f", repro->seconds);
	stats = g_strdup_printf("k: %u\nn: %u\nseconds: %s\ncalls: %u\n",
		repro->k, repro->n, seconds,
		repro->prog ? repro->prog->nr_calls : 0);
	if (!dir_sync(finding->dir, error) ||
		!file_write(finding->dir, "repro.stats", stats, -1, error) ||
		!dir_sync(finding->dir, error))
		return FALSE;
	load_repro(finding);
	return TRUE;
}

gboolean store_set_c_repro(
	struct finding *finding, guint k, guint n, GError **error)
{
	g_autofree char *stats = g_strdup_printf("k: %u\nn: %u\n", k, n);

	if (!file_write(finding->dir, C_STATS, stats, -1, error) ||
		!dir_sync(finding->dir, error))
		return FALSE;
	load_repro(finding);
	return TRUE;
}

gboolean store_set_vm_prog(const struct finding *finding,
	const struct prog *prog, const char *title, guint k, guint n,
	GError **error)
{
	g_autofree char *file = NULL;
	char lines[PROG_TEXT_MAX];
	struct text text;

	text_init(&text, lines, sizeof(lines));
	prog_print(prog, &text);
	file = g_strdup_printf("# %s\n# in a VM, %u of %u: %s\n%s",
		finding->title, k, n, title, lines);
	return file_write(finding->dir, "vm.prog", file, -1, error) &&
	       dir_sync(finding->dir, error);
}
