/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/line_points.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/lines.h"

#define NEAR_LINES 40 /* further away is not the same point */
#define COST_MAX   (4 * NEAR_LINES)

struct line_points {
	struct code *from, *to;
	const struct points *points;
	GHashTable *starts;  /* of @from: name -> guint64, the first of it */
	struct place *place; /* of each site; NULL: not asked for yet */
};

/* struct place - @file: NULL: not known */
struct place {
	const char *file;
	int line;
};

/* struct chain - what a point is of, innermost first */
struct chain {
	struct code_frame frame[CODE_FRAMES_MAX];
	guint nr;
};

static void add_start(const char *name, guint64 start, guint64 size, void *user)
{
	GHashTable *starts = user;
	guint64 *known = g_hash_table_lookup(starts, name);

	if (!size || (known && *known <= start))
		return;
	known = g_new(guint64, 1);
	*known = start;
	g_hash_table_replace(starts, g_strdup(name), known);
}

struct line_points *line_points_open(const char *from, const char *to,
	const struct points *points, GError **error)
{
	struct line_points *lines = g_new0(struct line_points, 1);

	lines->points = points;
	lines->starts =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	lines->from = code_open(from, error);
	if (lines->from)
		lines->to = code_open(to, error);
	if (!lines->to) {
		line_points_close(lines);
		return NULL;
	}
	code_functions(lines->from, add_start, lines->starts);
	return lines;
}

void line_points_close(struct line_points *lines)
{
	if (!lines)
		return;
	code_close(lines->from);
	code_close(lines->to);
	g_hash_table_unref(lines->starts);
	g_free(lines->place);
	g_free(lines);
}

/* A point is the return address of a call: that is one byte before it. */
static guint64 call_at(guint64 ret_pc)
{
	return ret_pc - 1;
}

static void know_places(struct line_points *lines)
{
	const struct points *points = lines->points;

	if (lines->place)
		return;
	lines->place = g_new0(struct place, points->nr_sites);
	for (guint32 i = 0; i < points->nr_sites; i++)
		lines->place[i].file = code_line(lines->to,
			call_at(points->site[i]), &lines->place[i].line);
}

static gboolean same_function(
	const struct code_frame *a, const struct code_frame *b)
{
	return !strcmp(a->function, b->function) && !strcmp(a->file, b->file);
}

static int line_in_function(const struct code_frame *frame)
{
	return frame->line - frame->first;
}

static guint distance(
	const struct code_frame *want, const struct code_frame *got)
{
	int by = line_in_function(got) - line_in_function(want);

	/* who stops behind the line has done what it says */
	return by > 0 ? 4 * (guint)by : (guint)-by;
}

/* The frame of @chain from @from on that is of the same function; @chain->nr:
 * none is */
static guint find_frame(
	const struct chain *chain, guint from, const struct code_frame *frame)
{
	while (from < chain->nr && !same_function(&chain->frame[from], frame))
		from++;
	return from;
}

/* What is around frame @i of @want and frame @k of @got: the one may be inlined
 * where the other is not, but not elsewhere. */
static guint cost_around(
	const struct chain *want, guint i, const struct chain *got, guint k)
{
	guint around;

	if (i + 1 == want->nr || k + 1 == got->nr)
		return 0;
	around = find_frame(got, k + 1, &want->frame[i + 1]);
	if (around == got->nr)
		return COST_MAX;
	return 2 * distance(&want->frame[i + 1], &got->frame[around]);
}

/* How far @got is from @want; COST_MAX and more: it is something else */
static guint cost(const struct chain *want, const struct chain *got)
{
	for (guint i = 0; i < want->nr; i++) {
		guint k = find_frame(got, 0, &want->frame[i]);

		if (k < got->nr)
			return distance(&want->frame[i], &got->frame[k]) +
			       cost_around(want, i, got, k) + 3 * i + (k > 0);
	}
	return COST_MAX;
}

static gboolean is_named(const struct chain *chain, const char *symbol)
{
	for (guint i = 0; i < chain->nr; i++) {
		gsize len = strlen(chain->frame[i].function);

		/* NAME.isra.0 and the like are of NAME */
		if (!strncmp(symbol, chain->frame[i].function, len) &&
			(symbol[len] == '\0' || symbol[len] == '.'))
			return TRUE;
	}
	return FALSE;
}

/* Is it worth to be looked at more closely? */
static gboolean is_near(
	const struct line_points *lines, guint32 site, const struct chain *want)
{
	const struct place *place = &lines->place[site];
	const char *symbol =
		points_name(lines->points, points_owner(lines->points, site));

	if (is_named(want, symbol))
		return TRUE;
	for (guint i = 0; place->file && i < want->nr; i++) {
		if (abs(place->line - want->frame[i].line) <= NEAR_LINES &&
			!strcmp(place->file, want->frame[i].file))
			return TRUE;
	}
	return FALSE;
}

/* struct match - a site of the other build */
struct match {
	guint32 site;
	guint cost;
};

static gint cheapest_first(gconstpointer a, gconstpointer b)
{
	const struct match *x = a, *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return x->site < y->site ? -1 : 1;
}

static GArray *matches(struct line_points *lines, const struct chain *want)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct match));

	know_places(lines);
	for (guint32 i = 0; i < lines->points->nr_sites; i++) {
		struct match match = {.site = i};
		struct chain got;

		if (lines->points->site_fn[i] & POINT_GONE ||
			!is_near(lines, i, want))
			continue;
		got.nr = code_frames(
			lines->to, call_at(lines->points->site[i]), got.frame);
		match.cost = cost(want, &got);
		if (match.cost < COST_MAX)
			g_array_append_val(all, match);
	}
	g_array_sort(all, cheapest_first);
	return all;
}

guint line_points_find(struct line_points *lines, const struct stall *stall,
	guint32 *ret, guint max)
{
	const guint64 *start =
		g_hash_table_lookup(lines->starts, stall->symbol);
	g_autoptr(GArray) all = NULL;
	struct chain want;
	guint nr;

	if (!start || !stall->offset)
		return 0; /* the first point of a function is that by name */
	want.nr = code_frames(
		lines->from, call_at(*start + stall->offset), want.frame);
	if (!want.nr)
		return 0;
	all = matches(lines, &want);
	nr = MIN(all->len, max);
	for (guint i = 0; i < nr; i++)
		ret[i] = g_array_index(all, struct match, i).site;
	return nr;
}
