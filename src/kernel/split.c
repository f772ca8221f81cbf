// SPDX-License-Identifier: GPL-2.0-only
/* A series as files of one patch each, so that parts of it can be built. */
#include "kernel/internal.h"

#include <string.h>
#include <sys/stat.h>

static void kernel_patch_free(gpointer data)
{
	struct kernel_patch *patch = data;

	g_free(patch->subject);
	g_free(patch->path);
	g_free(patch);
}

/* What follows the brackets: "Re: [PATCH v2 1/3] mm: x" is "mm: x". */
static char *subject_of(const struct patch *patch)
{
	g_autofree char *text = g_strndup(patch->text, patch->len);
	g_autofree char *subject = header_get(text, "Subject");
	const char *at = subject ? subject : "";

	while (*(at += strspn(at, " \t\r")) == '[') {
		const char *close = strchr(at, ']');

		if (!close)
			break;
		at = close + 1;
	}
	if (!*at)
		return g_strdup(patch->name);
	g_clear_pointer(&text, g_free);
	text = g_strdup(at);
	/* folded lines have left runs of blanks */
	for (char *to = text, *from = text; (*to = *from); from++) {
		if (!g_ascii_isspace(*from))
			to++;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	return g_strdup(g_strchomp(text));
}

static bool write_patch(const struct patch *patch, const char *dir, guint nr,
	GPtrArray *patches, GError **error)
{
	struct kernel_patch *one = g_new0(struct kernel_patch, 1);

	g_ptr_array_add(patches, one);
	one->path = g_strdup_printf("%s/%04u.patch", dir, nr);
	one->subject = subject_of(patch);
	if (patch->strip != 1)
		return fail(error, PATCH,
			"patch '%s' is -p%u: only -p1 can be tested patch by "
			"patch; `quilt refresh -p1` makes it so",
			patch->name, patch->strip);
	return g_file_set_contents(one->path, patch->text, patch->len, error);
}

static bool is_empty_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISDIR(st.st_mode) && !st.st_size;
}

GPtrArray *kernel_series_split(
	const char *path, const char *dir, GError **error)
{
	g_autoptr(GPtrArray) from = series_new();
	g_autoptr(GPtrArray) to =
		g_ptr_array_new_with_free_func(kernel_patch_free);

	if (!mkdir_all(dir, error) ||
		(!is_empty_file(path) && !series_load(path, from, error)))
		return NULL;
	for (guint i = 0; i < from->len; i++) {
		if (!write_patch(from->pdata[i], dir, i + 1, to, error))
			return NULL;
	}
	return g_steal_pointer(&to);
}

/* ---- options ---- */

/* struct hunks - where we are in a patch, and what was seen */
struct hunks {
	bool is_kconfig; /* the file */
	char *name;	 /* of the option whose lines these are, or NULL */
	GHashTable *added, *removed;
};

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

static void hunks_line(struct hunks *hunks, const char *line)
{
	char *name;

	if (g_str_has_prefix(line, "+++ ")) {
		const char *slash = strrchr(line, '/');

		hunks->is_kconfig =
			slash && g_str_has_prefix(slash + 1, "Kconfig");
		g_clear_pointer(&hunks->name, g_free);
		return;
	}
	if (!hunks->is_kconfig || !*line || !strchr("+- ", *line))
		return;
	name = config_name(line + 1);
	if (name && *line == '-') {
		g_hash_table_add(hunks->removed, name);
	} else if (name) {
		g_free(hunks->name);
		hunks->name = *line == '+' ? name : NULL;
		if (!hunks->name)
			g_free(name);
	} else if (hunks->name && *line == '+' && has_prompt(line + 1)) {
		g_hash_table_add(hunks->added, g_steal_pointer(&hunks->name));
	}
}

char **kernel_series_options(GPtrArray *patches, GError **error)
{
	g_autoptr(GHashTable) added =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) removed =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GList) names = NULL;
	g_autoptr(GStrvBuilder) list = g_strv_builder_new();

	for (guint i = 0; i < patches->len; i++) {
		const struct kernel_patch *patch = patches->pdata[i];
		struct hunks hunks = {.added = added, .removed = removed};
		g_autofree char *text = NULL;
		g_auto(GStrv) lines = NULL;

		if (!g_file_get_contents(patch->path, &text, NULL, error))
			return NULL;
		lines = g_strsplit(text, "\n", 0);
		for (char **line = lines; *line; line++)
			hunks_line(&hunks, *line);
		g_free(hunks.name);
	}
	names = g_list_sort(g_hash_table_get_keys(added), (GCompareFunc)strcmp);
	for (GList *name = names; name; name = name->next) {
		if (!g_hash_table_contains(removed, name->data))
			g_strv_builder_add(list, name->data);
	}
	return g_strv_builder_end(list);
}
