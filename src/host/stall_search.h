/* SPDX-License-Identifier: GPL-2.0-only */
/* From a race that is rare to one that is sure. */
#ifndef RMAPTORTURE_STALL_SEARCH_H
#define RMAPTORTURE_STALL_SEARCH_H

#include "host/host.h"

/**
 * stall_search() - the stall that makes a program show a title every time
 * @prog: shows @title now and then; gets the stall that was found
 *
 * The program is traced once; then points of its calls are tried, those next to
 * a lock or a lookup first, with the calls of other actors behind each inside,
 * prog_pairs() before all others, one after the other in a VM; what shows
 * @title there must show it on fresh clones as well. Where the kernel has no
 * stalls, the calls of prog_pairs() meet, and the offset is looked for. Returns
 * how many tries it took, 0 when none helped, -1 with @error when it could not
 * be traced.
 */
int stall_search(struct target *target, const char *run_dir,
	const struct host_options *options, const char *title,
	struct prog *prog, GError **error);

#endif
