// SPDX-License-Identifier: GPL-2.0-only
/* What a series adds, as its hunks say: options, counters. */
#include "kernel/internal.h"

#include <string.h>

/* struct hunks - where we are in a patch, and what was seen */
struct hunks {
	char *file;   /* after the patch, or NULL */
	char *option; /* whose lines these are, or NULL */
	GHashTable *added, *removed;
};

typedef void hunks_fn(struct hunks *hunks, char mark, const char *line);

static char *file_of(const char *line)
{
	const char *slash = strchr(line, '/');

	return slash ? g_strndup(slash + 1, strcspn(slash + 1, "\t\r")) : NULL;
}

static void read_patch(struct hunks *hunks, const char *text, hunks_fn *fn)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);

	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, "+++ ")) {
			g_free(hunks->file);
			hunks->file = file_of(*line);
			g_clear_pointer(&hunks->option, g_free);
		} else if (hunks->file && **line && strchr("+- ", **line)) {
			fn(hunks, **line, *line + 1);
		}
	}
	g_clear_pointer(&hunks->file, g_free);
	g_clear_pointer(&hunks->option, g_free);
}

/* Names that @fn adds and does not remove, sorted. */
static char **added_names(GPtrArray *patches, hunks_fn *fn, GError **error)
{
	g_autoptr(GHashTable) added =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) removed =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct hunks hunks = {.added = added, .removed = removed};
	g_autoptr(GStrvBuilder) list = g_strv_builder_new();
	g_autoptr(GList) names = NULL;

	for (guint i = 0; i < patches->len; i++) {
		const struct kernel_patch *patch = patches->pdata[i];
		g_autofree char *text = NULL;

		if (!g_file_get_contents(patch->path, &text, NULL, error))
			return NULL;
		read_patch(&hunks, text, fn);
	}
	names = g_list_sort(g_hash_table_get_keys(added), (GCompareFunc)strcmp);
	for (GList *name = names; name; name = name->next) {
		if (!g_hash_table_contains(removed, name->data))
			g_strv_builder_add(list, name->data);
	}
	return g_strv_builder_end(list);
}

/* ---- options ---- */

/* The name behind "config" or "menuconfig"; NULL: it is another line */
static char *config_name(const char *line)
{
	if (g_str_has_prefix(line, "menu"))
		line += strlen("menu");
	if (!g_str_has_prefix(line, "config") || !g_ascii_isspace(line[6]))
		return NULL;
	return g_strstrip(g_strdup(line + 6));
}

static bool has_prompt(const char *line)
{
	line += strspn(line, " \t");
	if (g_str_has_prefix(line, "tristate"))
		line += strlen("tristate");
	else if (g_str_has_prefix(line, "bool"))
		line += strlen("bool");
	else
		return false;
	line += strspn(line, " \t");
	return *line == '"' || *line == '\'';
}

static void option_line(struct hunks *hunks, char mark, const char *line)
{
	g_autofree char *base = g_path_get_basename(hunks->file);
	g_autofree char *name = config_name(line);

	if (!g_str_has_prefix(base, "Kconfig"))
		return;
	if (name && mark == '-') {
		g_hash_table_add(hunks->removed, g_steal_pointer(&name));
	} else if (name) {
		g_free(hunks->option);
		hunks->option = mark == '+' ? g_steal_pointer(&name) : NULL;
	} else if (hunks->option && mark == '+' && has_prompt(line)) {
		g_hash_table_add(hunks->added, g_steal_pointer(&hunks->option));
	}
}

char **kernel_series_options(GPtrArray *patches, GError **error)
{
	return added_names(patches, option_line, error);
}

/* ---- counters ---- */

/* vmstat_text[] has a name a line. */
static void counter_line(struct hunks *hunks, char mark, const char *line)
{
	g_autofree char *name = g_strstrip(g_strdup(line));
	gsize len = strlen(name);

	if (strcmp(hunks->file, "mm/vmstat.c") || mark == ' ' || len < 4 ||
		*name != '"' || strcmp(name + len - 2, "\",") ||
		strcspn(name + 1, "\" \\%") != len - 3)
		return;
	name[len - 2] = '\0';
	g_hash_table_add(mark == '+' ? hunks->added : hunks->removed,
		g_strdup(name + 1));
}

char **kernel_series_counters(GPtrArray *patches, GError **error)
{
	return added_names(patches, counter_line, error);
}
