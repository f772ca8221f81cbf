// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions that a series changes, as its hunks say: git writes the one
 * that a hunk begins in behind the second "@@", and kernel style has each begin
 * in the first column.
 */
#include "kernel/internal.h"

#include <string.h>

#define NAME_CHARS                                                             \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* struct walk - through one patch; @function: the current one, or NULL */
struct walk {
	bool is_code; /* the file */
	char *function;
	GHashTable *changed;
};

static void enter(struct walk *walk, char *function)
{
	g_free(walk->function);
	walk->function = function;
}

/* SYSCALL_DEFINE5(mremap, ...) makes __do_sys_mremap(). */
static char *syscall_name(const char *arguments)
{
	arguments += strspn(arguments, " \t");
	return g_strdup_printf(
		"__do_sys_%.*s", (int)strspn(arguments, NAME_CHARS), arguments);
}

/* The function that begins with @line, or NULL */
static char *function_of(const char *line)
{
	const char *open = strchr(line, '('), *end, *begin;

	if (!open || !strspn(line, NAME_CHARS) || strchr(line, ';') ||
		strchr(line, '='))
		return NULL;
	if (g_str_has_prefix(line, "SYSCALL_DEFINE"))
		return syscall_name(open + 1);
	for (end = open; end > line && end[-1] == ' ';)
		end--;
	for (begin = end; begin > line && strchr(NAME_CHARS, begin[-1]);)
		begin--;
	return begin < end ? g_strndup(begin, end - begin) : NULL;
}

/* A line of the new file, or one that went from it */
static void body_line(struct walk *walk, char mark, const char *line)
{
	bool is_label = g_str_has_suffix(line, ":");

	if (*line == '}') {
		enter(walk, NULL);
	} else if (strspn(line, NAME_CHARS) && !is_label) {
		enter(walk, function_of(line));
	} else if (mark != ' ' && walk->function && *line && *line != '#') {
		g_hash_table_add(walk->changed, g_strdup(walk->function));
	}
}

static void patch_line(struct walk *walk, const char *line)
{
	const char *context;

	if (g_str_has_prefix(line, "+++ ")) {
		walk->is_code = g_regex_match_simple(
			"^\\+\\+\\+ \\S+\\.c(\\s|$)", line, 0, 0);
		enter(walk, NULL);
	} else if (g_str_has_prefix(line, "@@ ")) {
		context = strstr(line + 3, "@@ ");
		enter(walk, context ? function_of(context + 3) : NULL);
	} else if (walk->is_code && *line && strchr("+- ", *line) &&
		   !g_str_has_prefix(line, "--- ")) {
		body_line(walk, *line, line + 1);
	}
}

char **kernel_series_functions(GPtrArray *patches, GError **error)
{
	g_autoptr(GHashTable) changed =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct walk walk = {.changed = changed};
	g_autoptr(GStrvBuilder) list = g_strv_builder_new();
	g_autoptr(GList) names = NULL;

	for (guint i = 0; i < patches->len; i++) {
		const struct kernel_patch *patch = patches->pdata[i];
		g_autofree char *text = NULL;
		g_auto(GStrv) lines = NULL;

		if (!g_file_get_contents(patch->path, &text, NULL, error))
			return NULL;
		lines = g_strsplit(text, "\n", 0);
		walk.is_code = false;
		for (char **line = lines; *line; line++)
			patch_line(&walk, *line);
		enter(&walk, NULL);
	}
	names = g_list_sort(
		g_hash_table_get_keys(changed), (GCompareFunc)strcmp);
	for (GList *name = names; name; name = name->next)
		g_strv_builder_add(list, name->data);
	return g_strv_builder_end(list);
}
