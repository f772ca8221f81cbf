/* SPDX-License-Identifier: GPL-2.0-only */
/* All schedules of a short program in a VM. */
#ifndef RMAPTORTURE_SCHEDULES_H
#define RMAPTORTURE_SCHEDULES_H

#include "host/host.h"

/**
 * struct schedules - what a search came to
 * @runs:  of the program; in @inside of them the second call was done while the
 *	   first waited
 * @pairs: of calls, each in both orders
 * @cut:   not all: the time was over
 * @prog:  with the stall that shows @found, where that is a finding
 * @alone: how often @prog shows it on fresh clones
 */
struct schedules {
	guint64 runs, inside;
	guint pairs;
	gboolean cut;
	struct judgment found;
	struct prog prog;
	struct replay alone;
};

/**
 * schedules_search() - run @prog in every schedule with one preemption
 * @scratch: of host_scratch()
 * @seconds: at most; 0: until the end
 *
 * Of each of prog_pairs() the first call is traced, and stopped at each point
 * that it came to until the second is done; then the two change places. Points
 * next to a lock or a lookup come first. It ends at the first finding. FALSE
 * with @error when there is no guest to run it on.
 */
gboolean schedules_search(struct target *target, const char *scratch,
	const struct host_options *options, const struct prog *prog,
	gint64 seconds, struct schedules *ret, GError **error);

#endif
