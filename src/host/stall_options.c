/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/stall_options.h"

#define ORDER_MAX (1u << 20) /* points; more is no answer */

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

/* A part of what the guest has kept, from where @pcs ends. FALSE: the guest is
 * gone, or says what cannot be */
static gboolean take_part(const struct target *target, struct guest *guest,
	GArray *pcs, guint32 *ret_all)
{
	static struct prog_result result;
	static const struct prog none; /* the request runs none */
	const struct slot_lane *lane = &guest->slot->lane[0];
	struct slot_request request = {
		.command = SLOT_ORDER, .number = pcs->len};
	guint32 part[SLOT_MAP_BYTES / sizeof(guint32)];
	struct why why;

	if (guest_run(guest, 0, &request, &none, &result, (guint8 *)part,
		    target->lost_ms, &why) != GUEST_DONE)
		return FALSE;
	*ret_all = __atomic_load_n(&lane->number, __ATOMIC_ACQUIRE);
	if (*ret_all > ORDER_MAX)
		return FALSE;
	g_array_append_vals(pcs, part,
		MIN(G_N_ELEMENTS(part), *ret_all - MIN(*ret_all, pcs->len)));
	return TRUE;
}

GArray *stall_trace_call(const struct target *target, struct guest *guest,
	const struct prog *prog, guint32 call)
{
	static struct prog_result result;
	struct slot_request request = {
		.command = SLOT_RUN,
		.flags = RUN_TRACE | RUN_ORDER | RUN_CALL(call),
		.timeout_ms = target->timeout_ms,
	};
	g_autoptr(GArray) pcs = g_array_new(FALSE, FALSE, sizeof(guint32));
	guint32 all = 0;
	struct why why;

	if (guest_run(guest, 0, &request, prog, &result, NULL, target->lost_ms,
		    &why) != GUEST_DONE)
		return NULL;
	do {
		if (!take_part(target, guest, pcs, &all))
			return NULL;
	} while (pcs->len < all);
	return g_steal_pointer(&pcs);
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
