/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fail_search: which allocation is to fail. The n-th of a call is not the same
 * one everywhere: a kernel that runs allocates more than its mm code alone, and
 * SLUB asks for a page first where its slabs are full (mm/slub.c,
 * ___slab_alloc()), which differs from one template to the next.
 */
#ifndef RMAPTORTURE_FAIL_SEARCH_H
#define RMAPTORTURE_FAIL_SEARCH_H

#include "host/host.h"

/**
 * fail_search() - move fail_nth of a single program until it shows @title
 * @run_dir: for clones, one a try
 *
 * The nearest first, to both sides, 8 at most. Returns by how much, with
 * @candidate changed; 0: none shows it, and it is as it was.
 */
int fail_search(struct target *target, const char *run_dir,
	const struct host_options *options, const char *title,
	struct candidate *candidate);

#endif
