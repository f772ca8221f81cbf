/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/counters.h"

#include <string.h>

GHashTable *counters_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static gboolean matches(const char *name, char *const *globs)
{
	for (; globs && *globs; globs++) {
		if (g_pattern_match_simple(*globs, name))
			return TRUE;
	}
	return FALSE;
}

/* The lines of a text whose names match: name -> value. */
static GHashTable *counters_parse(const char *vmstat, char *const *globs)
{
	g_autofree char *text = g_strndup(vmstat, SLOT_VMSTAT - 1);
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	GHashTable *values = counters_new();

	for (char **line = lines; *line; line++) {
		char *space = strchr(*line, ' ');
		guint64 value;

		if (!space)
			continue;
		*space = '\0';
		if (!matches(*line, globs) ||
			!g_ascii_string_to_unsigned(
				space + 1, 10, 0, G_MAXUINT64, &value, NULL))
			continue;
		g_hash_table_replace(values, g_strdup(*line),
			g_memdup2(&value, sizeof(value)));
	}
	return values;
}

void counters_add(GHashTable *counters, char *const *globs, const char *first,
	const char *last)
{
	g_autoptr(GHashTable) before = counters_parse(first, globs);
	g_autoptr(GHashTable) after = counters_parse(last, globs);
	GHashTableIter each;
	gpointer name, value;

	g_hash_table_iter_init(&each, after);
	while (g_hash_table_iter_next(&each, &name, &value)) {
		const guint64 *then = g_hash_table_lookup(before, name);
		const guint64 *sum = g_hash_table_lookup(counters, name);
		guint64 now = *(guint64 *)value, more = sum ? *sum : 0;

		if (!then || now < *then)
			continue;
		more += now - *then;
		g_hash_table_replace(counters, g_strdup(name),
			g_memdup2(&more, sizeof(more)));
	}
}
