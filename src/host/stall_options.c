/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/stall_options.h"

gboolean stall_points(struct target *target, struct points *ret, GError **error)
{
	GBytes *table = target_points(target, error);
	struct why why;
	const void *bytes;
	gsize len;

	if (!table)
		return FALSE;
	bytes = g_bytes_get_data(table, &len);
	if (!points_open(bytes, len, ret, &why))
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"the table of points of '%s:%s': %s", target->name,
		target->profile, why.text);
	return FALSE;
}

gboolean stall_trace(const struct target *target, struct guest *guest,
	const struct prog *prog, struct slot_trace *ret)
{
	static struct prog_result result;
	struct slot_request request = {
		.command = SLOT_RUN,
		.flags = RUN_TRACE,
		.timeout_ms = target->timeout_ms,
	};
	struct why why;

	return guest_run(guest, 0, &request, prog, &result, (guint8 *)ret,
		       target->lost_ms, &why) == GUEST_DONE;
}

static void add(GArray *options, const struct points *points, guint32 site,
	guint32 call, guint32 until)
{
	struct stall_option option = {
		.stall = {.hit = 1,
			.call = (guint8)call,
			.until = (guint8)until},
		.weight = points_weight(points, site),
	};

	if (points_say(points, site, option.stall.symbol, STALL_SYMBOL_MAX,
		    &option.stall.offset) &&
		option.stall.offset <= STALL_OFFSET_MAX)
		g_array_append_val(options, option);
}

gboolean stall_options_add(GArray *options, const struct prog *prog,
	const struct slot_trace *trace, const struct points *points,
	guint32 call, guint32 until)
{
	guint32 first = call ? MIN(trace->end[call - 1], TRACE_PCS_MAX) : 0;
	guint32 end = MIN(trace->end[call], TRACE_PCS_MAX);
	struct stall stall = {.symbol = "f",
		.hit = 1,
		.call = (guint8)call,
		.until = (guint8)until};
	struct prog copy = *prog;

	if (!prog_add_stall(&copy, &stall))
		return FALSE;
	for (guint32 i = first; i < end; i++) {
		int site = points_site(points, TRACE_PC_HIGH | trace->pc[i]);

		if (site >= 0)
			add(options, points, (guint32)site, call, until);
	}
	return TRUE;
}
