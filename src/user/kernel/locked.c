// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlock: a folio is marked as long as one of its mappings is in an area that is
 * locked. The kernel's count is a guess once a walk, which marks what it meets
 * in such an area, has counted one lock twice; so this is judged only in
 * programs without reclaim, migration, KSM and large folios.
 */
#include <linux/mm.h>

#include "frames.h"
#include "mm/internal.h"
#include "scan.h"
#include "stubs.h"

#ifndef HAVE_MLOCK_DRAIN_LOCAL
#define mlock_drain_local mlock_page_drain_local
#endif

static bool is_vague;

void locked_begin(void)
{
	is_vague = false;
}

void locked_excuse(void)
{
	is_vague = true;
}

static bool has_locker(const struct frame_seen *frame)
{
	for (int i = frame->first; i != NONE; i = sights[i].next) {
		struct vm_area_struct *vma =
			vma_lookup(process_mm[sights[i].proc], sights[i].addr);

		if (!vma || vma->vm_flags & VM_LOCKED)
			return true;
	}
	return false;
}

void locked_check(unsigned long pfn, const char *op)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));

	if (!folio_test_mlocked(folio) || is_vague || fiber_used ||
		has_failed() || frames_had_large() ||
		has_locker(frame_seen(pfn)))
		return;
	mlock_drain_local(); /* unlocking is done in batches */
	if (folio_test_mlocked(folio))
		finding("page stays locked that nobody locks", "after %s", op);
}
