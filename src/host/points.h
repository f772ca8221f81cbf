/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The points of a kernel at which its calls can be stalled: a table for
 * cover/points.h.
 */
#ifndef RMAPTORTURE_HOST_POINTS_H
#define RMAPTORTURE_HOST_POINTS_H

#include "cover/points.h"
#include "host/host.h"

/** points_build() - the table of a kernel
 *  @gone: @nr_gone addresses that are patched out; sorts them.
 *  NULL with @error when the file has none. */
GBytes *points_build(
	const char *vmlinux, guint64 *gone, gsize nr_gone, GError **error);

/** points_keep_entries() - take the first points of the functions that stalls
 *  are for out of @pcs, which are to be patched out. Returns how many are left
 */
guint32 points_keep_entries(const char *vmlinux, guint64 *pcs, guint32 nr);

/** points_resolve_stalls() - the addresses of @prog's stalls, 0 where the
 *  kernel lacks the function. @notes: a line for each that is not just there;
 *  may be NULL */
void points_resolve_stalls(const struct points *points, const struct prog *prog,
	guint64 ret_pc[PROG_STALLS_MAX], GString *notes);

#endif
