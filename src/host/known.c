/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/known.h"

#include <stdio.h>

#include "oracle/oracle.h"

struct known {
	char *path, *list;
	gsize len;
	GHashTable *seen; /* title -> guint64 */
};

struct known *known_load(const char *path, GError **error)
{
	struct known *known = g_new0(struct known, 1);

	known->path = g_strdup(path);
	known->seen =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (g_file_get_contents(path, &known->list, &known->len, error))
		return known;
	g_prefix_error(error, "titles that are known: ");
	known_free(known);
	return NULL;
}

void known_free(struct known *known)
{
	if (!known)
		return;
	g_hash_table_unref(known->seen);
	g_free(known->list);
	g_free(known->path);
	g_free(known);
}

const char *known_path(const struct known *known)
{
	return known ? known->path : NULL;
}

gboolean known_take(struct known *known, const char *title)
{
	guint64 *times;

	if (!known || !title_is_listed(known->list, known->len, title))
		return FALSE;
	title = title_bare(title);
	times = g_hash_table_lookup(known->seen, title);
	if (!times) {
		times = g_new0(guint64, 1);
		g_hash_table_insert(known->seen, g_strdup(title), times);
	}
	++*times;
	return TRUE;
}

void known_print(const struct known *known)
{
	GHashTableIter iter;
	gpointer title, times;

	if (!known)
		return;
	g_hash_table_iter_init(&iter, known->seen);
	while (g_hash_table_iter_next(&iter, &title, &times))
		printf("  known: %s, %" G_GUINT64_FORMAT " times\n",
			(char *)title, *(guint64 *)times);
}
