/* SPDX-License-Identifier: GPL-2.0-only */
/* A stall of this tier names a point of its own build: here it is looked for in
 * that of a VM. */
#include "host/user/tier.h"

#include "host/line_points.h"
#include "host/stall_options.h"

#define NEAR_MAX  64 /* points that are looked at for one stall */
#define SITES_MAX 4  /* and that are tried */
#define HITS_MAX  24 /* of each */

/* struct carrying - one program from here to there */
struct carrying {
	struct target *target;
	const char *scratch;
	struct points points;
	struct line_points *lines;
	struct slot_trace *trace;
	gboolean has_trace;
};

/* Does call @call come to @site when the program runs in order? A stalled call
 * does the same up to its point. */
static gboolean comes_to(
	const struct carrying *carrying, guint32 call, guint32 site)
{
	const struct slot_trace *trace = carrying->trace;
	guint32 at = call ? MIN(trace->end[call - 1], TRACE_PCS_MAX) : 0;
	guint32 end = MIN(trace->end[call], TRACE_PCS_MAX);
	guint64 pc = carrying->points.site[site];

	while (at < end && (TRACE_PC_HIGH | trace->pc[at]) != pc)
		at++;
	return at < end;
}

/* The best of the points for @stall that its call comes to; where none is, the
 * best of all. Returns how many */
static guint find_sites(const struct carrying *carrying,
	const struct stall *stall, guint32 ret[SITES_MAX])
{
	guint32 near[NEAR_MAX];
	guint all = line_points_find(carrying->lines, stall, near, NEAR_MAX);
	guint nr = 0;

	for (guint i = 0; i < all && nr < SITES_MAX; i++) {
		if (carrying->has_trace &&
			comes_to(carrying, stall->call, near[i]))
			ret[nr++] = near[i];
	}
	if (!nr && all)
		ret[nr++] = near[0];
	return nr;
}

static void set_site(
	const struct carrying *carrying, guint32 site, struct stall *stall)
{
	struct stall there = *stall;

	if (points_say(&carrying->points, site, there.symbol, STALL_SYMBOL_MAX,
		    &there.offset) &&
		there.offset <= STALL_OFFSET_MAX)
		*stall = there;
}

/* How often the call of the first stall comes to its point */
static guint count_hits(
	const struct carrying *carrying, const struct prog *given)
{
	static struct prog_result result;
	struct guest *SCOPED(guest_freep) guest =
		guest_fresh(carrying->target, carrying->scratch, NULL);
	struct prog prog = *given;
	struct judgment judgment;

	prog.stall[0].hit = UINT16_MAX;
	if (!guest || guest_judge(carrying->target, guest, &prog, &result,
			      &judgment) != GUEST_DONE)
		return 0;
	return result.stall[0].hits;
}

/* The program's own hit, then from the last one back: a walk in a VM comes by
 * much that is older than the pages of the program. */
static void add_hits(const struct carrying *carrying, const struct prog *given,
	GArray *progs)
{
	guint own = given->stall[0].hit, all = count_hits(carrying, given);
	guint last = all > HITS_MAX ? all - HITS_MAX : 0;

	g_array_append_val(progs, *given);
	for (guint hit = all; hit > last; hit--) {
		struct prog prog = *given;

		prog.stall[0].hit = (guint16)MIN(hit, UINT16_MAX);
		if (hit != own)
			g_array_append_val(progs, prog);
	}
}

/* The program with its stalls at the best points; the first of them, which the
 * others wait for, is tried at others too. */
static void add_progs(const struct carrying *carrying, const struct prog *given,
	GArray *progs)
{
	guint32 sites[SITES_MAX], others[SITES_MAX];
	guint nr = find_sites(carrying, &given->stall[0], sites);
	struct prog prog = *given;

	for (guint i = 1; i < prog.nr_stalls; i++) {
		if (find_sites(carrying, &given->stall[i], others))
			set_site(carrying, others[0], &prog.stall[i]);
	}
	for (guint i = 0; i < nr; i++) {
		prog.stall[0] = given->stall[0];
		set_site(carrying, sites[i], &prog.stall[0]);
		add_hits(carrying, &prog, progs);
	}
}

static gboolean trace(struct carrying *carrying, const struct prog *given)
{
	struct guest *SCOPED(guest_freep) guest =
		guest_fresh(carrying->target, carrying->scratch, NULL);
	struct prog prog = *given;

	carrying->trace = g_new0(struct slot_trace, 1);
	prog_plain(&prog);
	return guest &&
	       stall_trace(carrying->target, guest, &prog, carrying->trace);
}

GArray *stalls_carry(struct target *target, const char *scratch,
	const char *from, const struct prog *prog, GError **error)
{
	struct carrying carrying = {.target = target, .scratch = scratch};
	GArray *progs;

	if (!stall_points(target, &carrying.points, error))
		return NULL;
	carrying.lines = line_points_open(
		from, target->vmlinux, &carrying.points, error);
	if (!carrying.lines)
		return NULL;
	progs = g_array_new(FALSE, FALSE, sizeof(struct prog));
	carrying.has_trace = trace(&carrying, prog);
	add_progs(&carrying, prog, progs);
	g_free(carrying.trace);
	line_points_close(carrying.lines);
	return progs;
}
