/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the calls of a program may be stalled: what a trace of it shows. */
#ifndef RMAPTORTURE_STALL_OPTIONS_H
#define RMAPTORTURE_STALL_OPTIONS_H

#include "cover/points.h"
#include "host/host.h"

/** struct stall_option - a stall that might do; @weight: points_weight() */
struct stall_option {
	struct stall stall;
	guint32 weight;
};

/** stall_points() - the table of @target, which owns its bytes. FALSE with
 *  @error */
gboolean stall_points(
	struct target *target, struct points *ret, GError **error);

/** stall_trace() - run @prog alone on lane 0. FALSE: no trace came back, and
 *  the guest has ended */
gboolean stall_trace(const struct target *target, struct guest *guest,
	const struct prog *prog, struct slot_trace *ret);
/** stall_trace_call() - the same: the points of call @call alone, in the order
 *  in which it came to them, again and again where it did. Returns an array of
 *  guint32, lower halves of addresses; NULL: the guest has ended */
GArray *stall_trace_call(const struct target *target, struct guest *guest,
	const struct prog *prog, guint32 call);

/** stall_options_add() - to @options (struct stall_option) each point that call
 *  @call came to, for the first time, until @until is done. FALSE: these two
 *  cannot overlap */
gboolean stall_options_add(GArray *options, const struct prog *prog,
	const struct slot_trace *trace, const struct points *points,
	guint32 call, guint32 until);

#endif
