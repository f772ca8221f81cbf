/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-merge: what of the series did the fuzzer in VMs come to? What it did not,
 * nobody has tested.
 */
#include "host/premerge/premerge.h"

#include "cover/points.h"
#include "host/session.h"

#include <string.h>

/* A step: all of @total did, or @never did not; none where there are none. */
static void tell(struct premerge *p, const char *name, guint total,
	GPtrArray *never, const char *did)
{
	struct review_step *step;
	g_autofree char *list = NULL;

	if (!total)
		return;
	step = review_step(p->review, name, FALSE);
	if (!never->len) {
		step_end(step, VERDICT_PASS, "all %u %s", total, did);
		return;
	}
	g_ptr_array_add(never, NULL);
	list = g_strjoinv(", ", (char **)never->pdata);
	step_end(step, VERDICT_SKIP, "all but %u of %u %s: %s", never->len - 1,
		total, did, list);
}

static void tell_counters(struct premerge *p, const struct session *session)
{
	g_autoptr(GPtrArray) never = g_ptr_array_new();

	for (char **name = p->counters; *name; name++) {
		const guint64 *sum =
			g_hash_table_lookup(session->counters, *name);

		if (!sum || !*sum)
			g_ptr_array_add(never, *name);
	}
	tell(p, "counters of the series", g_strv_length(p->counters), never,
		"rose while VMs were fuzzed");
}

/* The first column of OUT/vm/windows.tsv; see windows_write() */
static GHashTable *reached_functions(const struct premerge *p)
{
	g_autofree char *path =
		g_build_filename(p->want->out, "vm", "windows.tsv", NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	GHashTable *names;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	lines = g_strsplit(text, "\n", 0);
	for (char **line = lines; *line; line++)
		g_hash_table_add(names, g_strndup(*line, strcspn(*line, "\t")));
	return names;
}

/* Sites that every program comes to are patched out. */
static gboolean is_gone(const struct points *points, const struct point_fn *fn)
{
	for (guint32 i = fn->first; i < fn->first + fn->nr; i++) {
		if (!(points->site_fn[i] & POINT_GONE))
			return FALSE;
	}
	return TRUE;
}

static void tell_functions(
	struct premerge *p, const struct points *points, GHashTable *reached)
{
	g_autoptr(GPtrArray) never = g_ptr_array_new();
	guint total = 0;

	for (char **name = p->functions; *name; name++) {
		int at = points_find(points, *name);

		if (at < 0)
			continue;
		total++;
		if (!is_gone(points, &points->fn[at]) &&
			!g_hash_table_contains(
				reached, points_name(points, (guint32)at)))
			g_ptr_array_add(never, *name);
	}
	tell(p, "functions of the series", total, never,
		"were reached while VMs were fuzzed");
}

void premerge_reach(struct premerge *p, const struct session *session)
{
	GHashTable *reached = reached_functions(p);
	GBytes *table = session->target->points;
	struct points points;

	tell_counters(p, session);
	if (reached && table &&
		!points_open(g_bytes_get_data(table, NULL),
			g_bytes_get_size(table), &points, NULL))
		tell_functions(p, &points, reached);
	g_clear_pointer(&reached, g_hash_table_unref);
}
