// SPDX-License-Identifier: GPL-2.0-only
/* The lock of a folio, and who waits for it: in the place of mm/filemap.c. */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/wait.h>

#include "mm/internal.h"
#include "stubs.h"

static void lock_take(struct folio *folio)
{
	while (!folio_trylock(folio)) {
		if (!fiber_wait())
			finding("deadlock", "a folio is locked that this task, "
					    "or one that waits, has locked");
	}
}

void __point __folio_lock(struct folio *folio)
{
	settle(HERE);
	lock_take(folio);
}

void __point folio_unlock(struct folio *folio)
{
	if (!test_and_clear_bit(PG_locked, folio_flags(folio, 0)))
		finding("folio unlocked that is not locked", "-");
	fiber_epoch++;
	settle(HERE);
}

/* The first time a fault gives up what it holds, waits, and is made anew. */
#ifdef HAVE_LOCK_OR_RETRY_FAULT
vm_fault_t __point __folio_lock_or_retry(
	struct folio *folio, struct vm_fault *vmf)
{
	if (fault_flag_allow_retry_first(vmf->flags)) {
		release_fault_lock(vmf);
		fiber_sleep();
		return VM_FAULT_RETRY;
	}
	settle(HERE);
	lock_take(folio);
	return 0;
}
#else
bool __point __folio_lock_or_retry(
	struct folio *folio, struct mm_struct *mm, unsigned int flags)
{
	if (fault_flag_allow_retry_first(flags)) {
		mmap_read_unlock(mm);
		fiber_sleep();
		return false;
	}
	settle(HERE);
	lock_take(folio);
	return true;
}
#endif

/* The folio may be gone when the lock of the page table is; it is not looked
 * at again. */
#ifdef HAVE_MIGRATION_WAIT_PTL
void migration_entry_wait_on_locked(swp_entry_t entry, spinlock_t *ptl)
{
	spin_unlock(ptl);
	fiber_sleep();
}
#else
void migration_entry_wait_on_locked(
	swp_entry_t entry, pte_t *ptep, spinlock_t *ptl)
{
	pte_unmap_unlock(ptep, ptl);
	fiber_sleep();
}
#endif

void add_wait_queue(
	struct wait_queue_head *head, struct wait_queue_entry *entry)
{
}

void remove_wait_queue(
	struct wait_queue_head *head, struct wait_queue_entry *entry)
{
}

int __wake_up(
	struct wait_queue_head *head, unsigned int mode, int nr, void *key)
{
	fiber_epoch++;
	return 0;
}
