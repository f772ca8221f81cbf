/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The windows of a session: what its engines are given to open them
 * (fuzz/schedule.h), and what they opened.
 */
#ifndef RMAPTORTURE_WINDOWS_H
#define RMAPTORTURE_WINDOWS_H

#include "host/host.h"

/** windows_begin() - put the table of points into @scratch, where engines look
 *  for it; nothing where the kernel has no stalls */
gboolean windows_begin(
	struct target *target, const char *scratch, GError **error);

struct windows_figures {
	guint64 stalls, reached; /* run; of these, came to their point */
	guint windows;		 /* distinct, see fuzz/schedule.h */
	guint functions;	 /* in which they were */
};

/** windows_figures() - so far; all 0 where there are none */
void windows_figures(const char *scratch, struct windows_figures *ret);

/** windows_write() - OUT/windows.tsv: a line a function with points that calls
 *  came to: how many of them were tried, and what came of it */
gboolean windows_write(struct target *target, const char *scratch,
	const char *out, GError **error);

#endif
