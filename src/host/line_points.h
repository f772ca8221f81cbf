/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The points of one build of a kernel in another build of it, by the lines of
 * the source: compilers inline differently, so an offset says nothing there.
 */
#ifndef RMAPTORTURE_LINE_POINTS_H
#define RMAPTORTURE_LINE_POINTS_H

#include "cover/points.h"
#include "host/host.h"

/** struct line_points - two builds, from the one to the other */
struct line_points;

/**
 * line_points_open() - from the points of @from to those of @to
 * @from:   an ELF file with DWARF
 * @to:     the same, of which @points are; borrowed, as they are
 *
 * NULL with @error.
 */
struct line_points *line_points_open(const char *from, const char *to,
	const struct points *points, GError **error);
void line_points_close(struct line_points *lines);

/**
 * line_points_find() - where @stall, of the one build, may be in the other
 * @ret: sites of @points, at most @max, best first: those at its line, then
 *	 those right before it, in the same function, inlined or not
 *
 * Lines are counted from the beginning of their function, so the builds need
 * not be of the same source. Returns how many, 0 where nothing is near.
 */
guint line_points_find(struct line_points *lines, const struct stall *stall,
	guint32 *ret, guint max);

#endif
