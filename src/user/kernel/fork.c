// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernel/fork.c of the kernel under test, as it is, and a way in to what it
 * does not export.
 */
#include "kernel/fork.c"

#include "stubs.h"

struct mm_struct *fork_dup_mm(struct mm_struct *oldmm)
{
	return dup_mm(current, oldmm);
}

void fork_init_caches(void)
{
#ifdef HAVE_MM_CACHE_INIT
	mm_cache_init();
#endif
	proc_caches_init();
}
