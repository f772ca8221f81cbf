// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/internal.h"

#include <string.h>

#define WARNINGS_MAX 200
#define KNOWN	     "rmaptorture.warnings"

static void add(GPtrArray *warnings, const char *line)
{
	if (warnings->len < WARNINGS_MAX &&
		!g_ptr_array_find_with_equal_func(
			warnings, line, g_str_equal, NULL))
		g_ptr_array_add(warnings, g_strdup(line));
}

/* "PATH:LINE:COLUMN: warning: ...", PATH from the top of the source; what make
 * is told of (the linker, objtool) has the word in front. */
void warning_take(struct output *output, const char *line)
{
	const char *top = "../src/";

	if (!strstr(line, ": warning: "))
		return;
	if (g_str_has_prefix(line, output->src))
		line += strlen(output->src) + 1;
	else if (g_str_has_prefix(line, top))
		line += strlen(top);
	add(output->warnings, line);
}

/* "mm/rmap.c:12:5: warning: ..." or "mm/rmap.o: warning: ..." -> "mm/rmap.o".
 * NULL: of a header, which no object says for all */
static char *object_of(const char *warning)
{
	gsize len = strcspn(warning, ":");

	if (len < 2 || warning[len - 2] != '.' ||
		!strchr("coS", warning[len - 1]))
		return NULL;
	return g_strdup_printf("%.*so", (int)len - 1, warning);
}

void warnings_carry(struct output *output, const char *obj)
{
	g_autofree char *path = g_build_filename(obj, KNOWN, NULL);
	g_auto(GStrv) lines = NULL;
	g_autofree char *text = NULL;
	g_autoptr(GString) all = g_string_new(NULL);

	if (g_file_get_contents(path, &text, NULL, NULL))
		lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; line && *line; line++) {
		g_autofree char *object = object_of(*line);

		if (object && !g_hash_table_contains(output->compiled, object))
			add(output->warnings, *line);
	}
	for (guint i = 0; i < output->warnings->len; i++)
		g_string_append_printf(
			all, "%s\n", (const char *)output->warnings->pdata[i]);
	(void)g_file_set_contents(path, all->str, (gssize)all->len, NULL);
}
