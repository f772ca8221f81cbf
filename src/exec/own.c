/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * own: what the executor itself has in memory, its data and its stacks, is not
 * the program's. It is locked, so that reclaim comes to pages of the program at
 * once: a stall at the n-th folio of a walk is then at one of those. A child of
 * a fork has its locks to take anew. Source: mm/mlock.c, mlock_fixup();
 * kernel/fork.c, dup_mmap() clears VM_LOCKED_MASK; mm/swap.c,
 * lru_cache_disable() (v6.12).
 */
#include <stddef.h>
#include <sys/mman.h>

#include "exec/exec.h"
#include "exec/raw.h"

extern const char __data_start[], _end[];

static void lock_pages(uintptr_t start, uintptr_t end)
{
	start &= ~(uintptr_t)(PROG_PAGE_SIZE - 1);
	(void)raw3(SYS_mlock2, (long)start, (long)(end - start), MLOCK_ONFAULT);
}

void own_lock(const struct lane *lane)
{
	lock_pages((uintptr_t)__data_start, (uintptr_t)_end);
	lock_pages((uintptr_t)lane, (uintptr_t)(lane + 1));
}

/* A move of no page: that drains the batches of all CPUs first. */
void lru_drain(void)
{
	int node = 0, status = 0;
	void *page = NULL;

	(void)raw6(SYS_move_pages, 0, 0, (long)&page, (long)&node,
		(long)&status, 0);
}
