/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lines: which source lines and branches of mm/ and kernel/fork.c VMs of a
 * kernel of profile gcov have run; summed up over VMs.
 */
#ifndef RMAPTORTURE_BENCH_LINES_H
#define RMAPTORTURE_BENCH_LINES_H

#include "host/host.h"

struct lines;

/** lines_new() - nothing counted yet. @kernel_dir: of the kernel, with its
 *  notes; @scratch: a folder for files. Free with lines_free() */
struct lines *lines_new(const char *kernel_dir, const char *scratch);
void lines_free(struct lines *lines);
DEFINE_FREEP(lines, lines_free)

/** lines_add() - add the counts of a stream of struct slot_gcov, which a guest
 *  wrote: hostile bytes. By gcov(1); FALSE with @error where that, the notes or
 *  the guest did not do their part */
gboolean lines_add(
	struct lines *lines, const guint8 *stream, gsize len, GError **error);

/**
 * struct lines_file - a source file; headers are not counted
 * @name: from the top of the source: "mm/rmap.c"
 * A branch is an arc out of a conditional jump, as gcov counts it.
 */
struct lines_file {
	const char *name;
	guint lines, lines_hit, branches, branches_hit;
};

/** lines_files() - all files of which a VM had counts, by name. Elements are
 *  struct lines_file; names live as long as @lines. Caller unrefs. */
GArray *lines_files(const struct lines *lines);

/** lines_write() - all counts as an lcov tracefile, for genhtml(1), with the
 *  paths of the build tree. Source: geninfo(1), FILES */
gboolean lines_write(
	const struct lines *lines, const char *path, GError **error);

#endif
