/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/known.h"

#include <stdio.h>
#include <string.h>

#define OURS "rmaptorture: " /* before what our oracles say, in a VM */

static const char *bare(const char *title)
{
	return g_str_has_prefix(title, OURS) ? title + strlen(OURS) : title;
}

GHashTable *known_load(const char *path, GError **error)
{
	g_autoptr(GHashTable) known =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_auto(GStrv) lines = NULL;
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, error))
		return NULL;
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_strstrip(*line);
		if (**line && **line != '#')
			g_hash_table_insert(known, g_strdup(bare(*line)),
				g_new0(guint64, 1));
	}
	return g_steal_pointer(&known);
}

gboolean known_take(GHashTable *known, const char *title)
{
	guint64 *times = known ? g_hash_table_lookup(known, bare(title)) : NULL;

	if (times)
		++*times;
	return times != NULL;
}

void known_print(GHashTable *known)
{
	GHashTableIter iter;
	gpointer title, times;

	if (!known)
		return;
	g_hash_table_iter_init(&iter, known);
	while (g_hash_table_iter_next(&iter, &title, &times)) {
		if (*(guint64 *)times)
			printf("  known: %s, %" G_GUINT64_FORMAT " times\n",
				(char *)title, *(guint64 *)times);
	}
}
