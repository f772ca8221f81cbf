// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who walks: the reclaim and the migration, in the places of mm/vmscan.c and of
 * the callers of migrate_pages(). What they call is the kernel's own:
 * try_to_unmap(), migrate_pages() with try_to_migrate() and
 * remove_migration_ptes().
 */
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/swap.h>

#include "frames.h"
#include "mm/internal.h"
#include "stubs.h"

/* ---- out ---- */

#ifdef HAVE_CAN_SPLIT_PINS
static bool can_split(struct folio *folio)
{
	return can_split_folio(folio, 1, NULL);
}

static bool wants_split(struct folio *folio)
{
	/* queued it is from its fault on, for the scan of what is underused */
	return folio_is_queued(folio) && folio_test_partially_mapped(folio);
}
#else
static bool can_split(struct folio *folio)
{
	return can_split_folio(folio, NULL);
}

static bool wants_split(struct folio *folio)
{
	return !folio_entire_mapcount(folio);
}
#endif

/* Slots for @folio, which is split if there are none for the whole, or if some
 * of its pages are unmapped; the other folios go to @others. */
static bool slots_get(struct folio *folio, struct list_head *others)
{
	if (folio_test_large(folio) && !folio_test_swapcache(folio) &&
		(!can_split(folio) ||
			(wants_split(folio) &&
				split_folio_to_list(folio, others))))
		return false;
	return swap_out_begin(folio) ||
	       (folio_test_large(folio) &&
		       !split_folio_to_list(folio, others) &&
		       swap_out_begin(folio));
}

/* As shrink_folio_list() with one folio, which the caller has a reference to;
 * what it does with the age of pages is not here. Returns the pages that went.
 */
static unsigned long folio_out(struct folio *folio, struct list_head *others)
{
	unsigned long nr = 0;
	enum ttu_flags flags = TTU_BATCH_FLUSH;
	bool is_swapped;

	if (!folio_trylock(folio))
		return 0;
	if (folio_test_mlocked(folio) || !folio_test_anon(folio))
		goto out;
	/* MADV_FREE took the flag: such a folio is dropped, not written */
	is_swapped = folio_test_swapbacked(folio);
	if (is_swapped && !slots_get(folio, others))
		goto out;
	if (folio_test_large(folio))
		flags |= TTU_SPLIT_HUGE_PMD | TTU_SYNC;
	try_to_unmap(folio, flags);
	if (folio_mapped(folio))
		goto out;
	nr = folio_nr_pages(folio);
	if (folio_test_dirty(folio))
		try_to_unmap_flush_dirty();
	if (is_swapped)
		swap_out_end(folio);
out:
	folio_unlock(folio);
	return nr;
}

/* The TLB is flushed once for all, before the first of them is freed. */
unsigned long reclaim_pages(struct list_head *folios)
{
	struct folio *folio, *next;
	unsigned long nr = 0;
	LIST_HEAD(done);

	locked_excuse();
	while (!list_empty(folios)) {
		/* from the tail, as there: then neighbours get slots in a row
		 */
		folio = list_last_entry(folios, struct folio, lru);
		list_del(&folio->lru);
		nr += folio_out(folio, folios);
		list_add(&folio->lru, &done);
	}
	try_to_unmap_flush();
	list_for_each_entry_safe(folio, next, &done, lru)
	{
		list_del(&folio->lru);
		folio_putback_lru(folio);
	}
	return nr;
}

/* No order of the LRU is kept, but PG_lru is: who isolates a folio has it for
 * himself. Its list is that of mm/mlock.c, or of itself. */
void folio_add_lru(struct folio *folio)
{
	INIT_LIST_HEAD(&folio->lru);
	folio_set_lru(folio);
}

void folio_add_lru_vma(struct folio *folio, struct vm_area_struct *vma)
{
	folio_add_lru(folio);
}

bool lru_leave(struct folio *folio)
{
	if (!folio_test_clear_lru(folio))
		return false;
	/* in the place of a list, an unevictable one has its mlock_count */
	if (!folio_test_unevictable(folio))
		list_del_init(&folio->lru);
	return true;
}

static bool isolate(struct folio *folio)
{
	if (!folio_try_get(folio))
		return false;
	if (lru_leave(folio))
		return true;
	folio_put(folio);
	return false;
}

#ifdef HAVE_ISOLATE_BOOL
bool folio_isolate_lru(struct folio *folio)
{
	return isolate(folio);
}
#else
int folio_isolate_lru(struct folio *folio)
{
	return isolate(folio) ? 0 : -EBUSY;
}

int isolate_lru_page(struct page *page)
{
	return folio_isolate_lru(page_folio(page));
}

void putback_lru_page(struct page *page)
{
	folio_putback_lru(page_folio(page));
}

void lru_cache_add(struct page *page)
{
	folio_add_lru(page_folio(page));
}

void lru_cache_add_inactive_or_unevictable(
	struct page *page, struct vm_area_struct *vma)
{
	folio_add_lru(page_folio(page));
}
#endif

void folio_putback_lru(struct folio *folio)
{
	folio_add_lru(folio);
	folio_put(folio);
}

/* As lru_lazyfree(): from now on it need not be written. */
void folio_mark_lazyfree(struct folio *folio)
{
	if (folio_test_anon(folio) && folio_test_swapbacked(folio) &&
		!folio_test_swapcache(folio) && !folio_test_mlocked(folio))
		folio_clear_swapbacked(folio);
}

int model_reclaim(unsigned int proc, unsigned long nr)
{
	unsigned long done = 0, vm_flags;
	LIST_HEAD(folios);

	locked_excuse();
	act_as(proc);
	for (unsigned int nth = 0; frame_nth(nth) && done < nr; nth++) {
		struct folio *folio = folio_in_frame(frame_nth(nth));

		if (!folio || !folio_mapped(folio) || !folio_test_anon(folio) ||
			!isolate(folio))
			continue;
		/* as of the active list, not locked; alone it changes nothing
		 */
		if (fiber_now)
			(void)folio_referenced(folio, 0, NULL, &vm_flags);
		list_add(&folio->lru, &folios);
		done += reclaim_pages(&folios);
	}
	huge_shrink();
	call_done("reclaim");
	return done >= nr ? 0 : -EAGAIN;
}

/* ---- to another place ---- */

static struct folio *copy_new(struct folio *from)
{
	struct folio *folio =
		folio_alloc(GFP_HIGHUSER_MOVABLE, folio_order(from));

	if (folio)
		frame_excuse(page_frame(&folio->page));
	return folio;
}

#ifdef HAVE_NEW_FOLIO
static struct folio *target_new(struct folio *from, unsigned long private)
{
	return copy_new(from);
}
#else
static struct page *target_new(struct page *from, unsigned long private)
{
	struct folio *folio = copy_new(page_folio(from));

	return folio ? &folio->page : NULL;
}
#endif

static bool is_shared(struct page *page)
{
#ifdef HAVE_LIKELY_SHARED
	return folio_likely_mapped_shared(page_folio(page));
#else
	return page_mapcount(page) > 1;
#endif
}

struct page *page_at(struct mm_struct *mm, unsigned long addr)
{
	pmd_t *pmd = pmd_find(mm, addr);
	unsigned long pfn;
	pte_t *pte;

	if (pmd && pmd_trans_huge(*pmd)) {
		pfn = pmd_pfn(*pmd) + pte_index(addr);
	} else {
		pte = pte_find(mm, addr);
		if (!pte || !pte_present(*pte))
			return NULL;
		pfn = pte_pfn(*pte);
	}
	return page_is_ours(pfn) ? pfn_to_page(pfn) : NULL;
}

static void isolate_to(struct folio *folio, struct list_head *folios)
{
	if (!isolate(folio))
		return;
	list_add_tail(&folio->lru, folios);
	mod_node_page_state(
		folio_pgdat(folio), NR_ISOLATED_ANON, folio_nr_pages(folio));
}

static void isolate_at(struct mm_struct *mm, unsigned long addr, bool all,
	struct list_head *folios)
{
	struct page *page = page_at(mm, addr);

	if (page && folio_test_anon(page_folio(page)) &&
		(all || !is_shared(page)))
		isolate_to(page_folio(page), folios);
}

/* Nobody but who maps it, the swap cache and who isolated it has a reference:
 * it can only have stayed where it was since a walk did not find all mappings,
 * or ended early. KSM itself does not know all of its own. */
static void left_check(struct list_head *folios)
{
	struct folio *folio;

	if (fiber_used || has_failed())
		return;
	list_for_each_entry(folio, folios, lru)
	{
		if (folio_test_large(folio) || folio_test_ksm(folio))
			continue;
		if (folio_ref_count(folio) ==
			1 + folio_mapcount(folio) +
				!!folio_test_swapcache(folio))
			finding("a page that nobody holds was not migrated",
				"mapcount %d", folio_mapcount(folio));
	}
}

static int migrate(struct list_head *folios, enum migrate_reason reason)
{
	int left = 0;

	if (!list_empty(folios))
		left = migrate_pages(folios, target_new, NULL, 0, MIGRATE_SYNC,
			reason, NULL);
	if (left > 0)
		left_check(folios);
	if (left)
		putback_movable_pages(folios);
	return left > 0 ? -EAGAIN : left;
}

int model_move(unsigned int proc, unsigned long addr, unsigned long nr, int all)
{
	struct mm_struct *mm = process_mm[proc];
	LIST_HEAD(folios);
	int err;

	locked_excuse();
	act_as(proc);
	lru_add_drain_all(); /* as lru_cache_disable() */
	mmap_read_lock(mm);
	for (unsigned long i = 0; i < nr; i++)
		isolate_at(mm, addr + i * PAGE_SIZE, all, &folios);
	mmap_read_unlock(mm);
	err = migrate(&folios, MR_SYSCALL);
	call_done("move_pages");
	return err;
}

int model_compact(unsigned int proc)
{
	LIST_HEAD(folios);
	int err;

	locked_excuse();
	act_as(proc);
	lru_add_drain_all(); /* as compact_nodes() */
	for (unsigned int nth = 0; frame_nth(nth); nth++) {
		struct folio *folio = folio_in_frame(frame_nth(nth));

		if (folio && folio_test_anon(folio))
			isolate_to(folio, &folios);
	}
	err = migrate(&folios, MR_COMPACTION);
	call_done("compact");
	return err;
}
