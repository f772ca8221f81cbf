/* SPDX-License-Identifier: GPL-2.0-only */
/* A stall of this tier names a point of its own build: here it is looked for in
 * that of a VM. */
#include "host/user/tier.h"

#include "host/line_points.h"
#include "host/stall_options.h"

#define NEAR_MAX  64 /* points that are looked at for one stall */
#define SITES_MAX 4  /* and of which the call comes to one */
#define PROGS_MAX 128
#define HITS_FULL 12 /* of a site: each, with the point behind it */
#define HITS_LAST 3  /* of more, so many of the last */
#define HITS_SOME 24 /* and so many others */
#define OTHERS	  3  /* of each stall but the first */

/* struct carrying - one program from here to there */
struct carrying {
	struct target *target;
	const char *scratch;
	const struct prog *prog;
	struct points points;
	struct line_points *lines;
	GArray *trace; /* int: the points of the call that is looked at, in
			  order; less than 0: none of the table */
};

static int site_at(const struct carrying *carrying, guint at)
{
	return g_array_index(carrying->trace, int, at);
}

/* How often the call is at @site up to place @at of the trace */
static guint hits_until(const struct carrying *carrying, int site, guint at)
{
	guint hits = 0;

	for (guint i = 0; i <= at; i++)
		hits += site_at(carrying, i) == site;
	return hits;
}

/* The stalled call when it waits nowhere: up to its point it does the same, and
 * all are where they are then, so that pages are on the same nodes. FALSE: it
 * cannot be traced */
static gboolean trace(struct carrying *carrying, guint32 call)
{
	struct guest *SCOPED(guest_freep) guest =
		guest_fresh(carrying->target, carrying->scratch, NULL);
	g_autoptr(GArray) pcs = NULL;
	struct prog prog = *carrying->prog;

	g_array_set_size(carrying->trace, 0);
	for (guint i = 0; i < prog.nr_stalls; i++)
		prog.stall[i].hit = UINT16_MAX;
	if (guest)
		pcs = stall_trace_call(carrying->target, guest, &prog, call);
	for (guint i = 0; pcs && i < pcs->len; i++) {
		guint64 pc = TRACE_PC_HIGH | g_array_index(pcs, guint32, i);
		int site = points_site(&carrying->points, pc);

		g_array_append_val(carrying->trace, site);
	}
	return pcs != NULL;
}

/* @like at place @at of the trace, to @stalls */
static void add_place(const struct carrying *carrying, const struct stall *like,
	guint at, GArray *stalls)
{
	struct stall stall = *like;
	int site = site_at(carrying, at);

	if (site < 0 || !points_say(&carrying->points, (guint32)site,
				stall.symbol, STALL_SYMBOL_MAX, &stall.offset))
		return;
	stall.hit = (guint16)MIN(hits_until(carrying, site, at), UINT16_MAX);
	if (stall.offset <= STALL_OFFSET_MAX)
		g_array_append_val(stalls, stall);
}

/* This tier stops before a lock is taken, but behind where one is given back:
 * in a VM that is the next point. */
static void add_hit(const struct carrying *carrying, const struct stall *like,
	guint at, GArray *stalls)
{
	add_place(carrying, like, at++, stalls);
	while (at < carrying->trace->len && site_at(carrying, at) < 0)
		at++;
	if (at < carrying->trace->len)
		add_place(carrying, like, at, stalls);
}

/* Places of the trace at @site, the last first; caller frees */
static GArray *places_of(const struct carrying *carrying, int site)
{
	GArray *places = g_array_new(FALSE, FALSE, sizeof(guint));

	for (guint at = carrying->trace->len; at-- > 0;) {
		if (site_at(carrying, at) == site)
			g_array_append_val(places, at);
	}
	return places;
}

/* At @site: at the hit of the program, then from the last one back, since a
 * walk in a VM comes by much that is older than the pages of the program; of
 * many hits, some all over. Returns how many there are */
static guint add_site(const struct carrying *carrying, const struct stall *like,
	int site, GArray *stalls)
{
	g_autoptr(GArray) places = places_of(carrying, site);
	guint nr = places->len;
	guint full = nr <= HITS_FULL ? nr : HITS_LAST;
	guint step = MAX(1, (nr - full) / HITS_SOME);

	if (like->hit <= nr)
		add_hit(carrying, like,
			g_array_index(places, guint, nr - like->hit), stalls);
	for (guint i = 0; i < full; i++)
		add_hit(carrying, like, g_array_index(places, guint, i),
			stalls);
	for (guint i = full; i < nr; i += step)
		add_place(carrying, like, g_array_index(places, guint, i),
			stalls);
	return nr;
}

/* Where the VM may stop instead, best first: struct stall */
static GArray *carry(struct carrying *carrying, const struct stall *stall)
{
	GArray *stalls = g_array_new(FALSE, FALSE, sizeof(struct stall));
	guint32 near[NEAR_MAX];
	guint all, sites = 0;

	all = stall_is_meeting(stall) ? 0
				      : line_points_find(carrying->lines, stall,
						near, NEAR_MAX);
	if (!all || !trace(carrying, stall->call)) {
		g_array_append_val(stalls, *stall);
		return stalls;
	}
	for (guint i = 0; i < all && sites < SITES_MAX; i++)
		sites += add_site(carrying, stall, (int)near[i], stalls) > 0;
	return stalls;
}

/* All ways of the first stall, which the others may wait for, with way @k of
 * each other; at most until there are @max */
static void add_progs(const struct carrying *carrying, GArray *const *stalls,
	guint k, guint max, GArray *progs)
{
	struct prog prog = *carrying->prog;

	for (guint i = 1; i < prog.nr_stalls; i++) {
		if (k < stalls[i]->len)
			prog.stall[i] =
				g_array_index(stalls[i], struct stall, k);
	}
	for (guint i = 0; i < stalls[0]->len && progs->len < max; i++) {
		prog.stall[0] = g_array_index(stalls[0], struct stall, i);
		g_array_append_val(progs, prog);
	}
}

static GArray *carry_all(struct carrying *carrying)
{
	GArray *progs = g_array_new(FALSE, FALSE, sizeof(struct prog));
	GArray *stalls[PROG_STALLS_MAX] = {NULL};
	guint nr = carrying->prog->nr_stalls, ways = nr > 1 ? OTHERS : 1;

	for (guint i = 0; i < nr; i++)
		stalls[i] = carry(carrying, &carrying->prog->stall[i]);
	for (guint k = 0; k < ways; k++)
		add_progs(
			carrying, stalls, k, PROGS_MAX * (k + 1) / ways, progs);
	for (guint i = 0; i < nr; i++)
		g_array_unref(stalls[i]);
	return progs;
}

GArray *stalls_carry(struct target *target, const char *scratch,
	const char *from, const struct prog *prog, GError **error)
{
	struct carrying carrying = {
		.target = target, .scratch = scratch, .prog = prog};
	struct prog flipped = *prog;
	GArray *progs;

	if (!stall_points(target, &carrying.points, error))
		return NULL;
	carrying.lines = line_points_open(
		from, target->vmlinux, &carrying.points, error);
	if (!carrying.lines)
		return NULL;
	carrying.trace = g_array_new(FALSE, FALSE, sizeof(int));
	progs = carry_all(&carrying);
	if (!progs->len && prog_flip_nodes(&flipped)) {
		g_array_unref(progs);
		carrying.prog = &flipped;
		progs = carry_all(&carrying);
	}
	g_array_unref(carrying.trace);
	line_points_close(carrying.lines);
	return progs;
}
