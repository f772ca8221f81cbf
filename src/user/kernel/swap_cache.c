// SPDX-License-Identifier: GPL-2.0-only
/*
 * The swap cache, and the ways in and out of it, in the place of
 * mm/swap_state.c and page_io.c.
 */
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/xarray.h>

#include "frames.h"
#include "mm/internal.h"
#include "mm/swap.h"
#include "stubs.h"
#include "swap_slots.h"
#include "tlb.h"

#define RUN 4u /* neighbours that go to the same device */

/* Where each page of a folio has its entry: its ->private. */
static void entries_set(struct folio *folio, swp_entry_t entry)
{
#ifdef HAVE_FOLIO_SWAP
	folio->swap = entry;
#else
	for (long i = 0; i < folio_nr_pages(folio); i++)
		set_page_private(
			folio_page(folio, i), entry.val ? entry.val + i : 0);
#endif
}

/* @folio, locked, gets @entry and those behind it, whose slots are marked
 * cached. */
static int cache_add(struct folio *folio, swp_entry_t entry)
{
	struct xarray *pages = &device_of(entry)->space.i_pages;
	long nr = folio_nr_pages(folio);

	if (should_fail(GFP_NOWAIT))
		return -ENOMEM;
	for (long i = 0; i < nr; i++) {
		int err = xa_err(xa_store(pages, swp_offset(entry) + i, folio,
			GFP_KERNEL | __GFP_NOFAIL));

		if (err)
			return err;
	}
	folio_ref_add(folio, nr);
	folio_set_swapcache(folio);
	frame_excuse(page_frame(&folio->page));
	entries_set(folio, entry);
	return 0;
}

static void cache_drop(struct folio *folio)
{
	swp_entry_t entry = folio_entry(folio);
	long nr = folio_nr_pages(folio);

	entries_set(folio, (swp_entry_t){0});
	folio_clear_swapcache(folio);
	for (long i = 0; i < nr; i++) {
		swp_entry_t one = entry_next(entry, i);
		struct slot *slot = slot_of(one);

		(void)xa_erase(&device_of(one)->space.i_pages, swp_offset(one));
		slot_cache(one, false);
		slot_settle(one, slot);
	}
	folio_put_refs(folio, nr);
}

static bool is_swapped(struct folio *folio)
{
	for (long i = 0; i < folio_nr_pages(folio); i++) {
		if (slot_of(entry_next(folio_entry(folio), i))->count)
			return true;
	}
	return false;
}

bool folio_free_swap(struct folio *folio)
{
	if (!folio_test_swapcache(folio) || is_swapped(folio))
		return false;
	cache_drop(folio);
	folio_mark_dirty(folio);
	return true;
}

#ifdef HAVE_SWAP_FREE_NR
void free_swap_cache(struct folio *folio)
#else
static void swap_cache_leave(struct folio *folio)
#endif
{
	if (folio_test_swapcache(folio) && !folio_mapped(folio) &&
		folio_trylock(folio)) {
		(void)folio_free_swap(folio);
		folio_unlock(folio);
	}
}

#ifdef HAVE_RELEASE_PAGES_ARG
void free_pages_and_swap_cache(struct encoded_page **pages, int nr)
{
	/* the extra entries are numbers of pages, not pages */
	for (int i = 0; i < nr; i++) {
		free_swap_cache(page_folio(encoded_page_ptr(pages[i])));
		i += !!(encoded_page_flags(pages[i]) &
			ENCODED_PAGE_BIT_NR_PAGES_NEXT);
	}
	release_pages(pages, nr);
}
#else
void free_swap_cache(struct page *page)
{
	swap_cache_leave(page_folio(page));
}

void free_pages_and_swap_cache(struct page **pages, int nr)
{
	for (int i = 0; i < nr; i++)
		free_swap_cache(pages[i]);
	release_pages(pages, nr);
}
#endif

void free_page_and_swap_cache(struct page *page)
{
#ifdef HAVE_SWAP_FREE_NR
	free_swap_cache(page_folio(page));
#else
	free_swap_cache(page);
#endif
	if (!is_huge_zero(page_folio(page)))
		put_page(page);
}

static struct folio *cache_get(struct address_space *space, pgoff_t index)
{
	struct folio *folio = xa_load(&space->i_pages, index);

	if (folio)
		folio_get(folio);
	return folio;
}

struct folio *swap_cache_get_folio(
	swp_entry_t entry, struct vm_area_struct *vma, unsigned long addr)
{
	(void)slot_seen(entry);
	return cache_get(&device_of(entry)->space, swp_offset(entry));
}

#ifdef HAVE_UFFD_REGISTER
/* UFFDIO_MOVE looks into the swap cache by its mapping. */
struct folio *__filemap_get_folio(
	struct address_space *mapping, pgoff_t index, fgf_t flags, gfp_t gfp)
{
	struct folio *folio = cache_get(mapping, index);

	return folio ? folio : ERR_PTR(-ENOENT);
}
#endif

pgoff_t __folio_swap_cache_index(struct folio *folio)
{
	return swp_offset(folio_entry(folio));
}

#ifndef HAVE_SWAP_FREE_NR
pgoff_t __page_file_index(struct page *page)
{
	return swp_offset(folio_entry(page_folio(page)));
}
#endif

void *get_shadow_from_swap_cache(swp_entry_t entry)
{
	return NULL;
}

static void slot_read(struct folio *folio)
{
	for (long i = 0; i < folio_nr_pages(folio); i++) {
		void *page = page_address(folio_page(folio, i));

		clear_page(page);
		data_put(
			page, slot_of(entry_next(folio_entry(folio), i))->data);
	}
	folio_mark_uptodate(folio);
	/* As zswap_load(): past the swap cache, no copy is left. Without it
	 * MADV_FREE may take a page that fork shares: docs/user-tier.md */
	if (!folio_test_swapcache(folio))
		folio_mark_dirty(folio);
	folio_unlock(folio);
}

static bool is_lost_by_madv_free(struct folio *folio)
{
	return folio_mapped(folio) && folio_test_anon(folio) &&
	       !folio_test_ksm(folio) && folio_test_swapbacked(folio) &&
	       !folio_test_swapcache(folio);
}

/* The same of what breaking out of KSM has copied: nobody has written it. */
void copies_dirty(void)
{
	if (!ksm_has_merged())
		return;
	for (unsigned int nth = 0; frame_nth(nth); nth++) {
		struct folio *folio = folio_in_frame(frame_nth(nth));

		if (folio && is_lost_by_madv_free(folio))
			folio_set_dirty(folio);
	}
}

/* Who reads past the cache is soon done */
#define READ_TRIES 16

static struct folio *read_async(swp_entry_t entry, gfp_t gfp)
{
	struct slot *slot = &device_of(entry)->slot[swp_offset(entry)];
	struct folio *folio;

	for (int i = 0; slot->is_cached && i < READ_TRIES; i++) {
		folio = swap_cache_get_folio(entry, NULL, 0);
		if (folio || !fiber_now)
			return folio;
		fiber_sleep(); /* somebody reads it past the cache */
	}
	if (slot->is_cached || !slot->count)
		return NULL;
	folio = folio_alloc(gfp, 0);
	if (!folio)
		return NULL;
	__folio_set_locked(folio);
	__folio_set_swapbacked(folio);
	if (cache_add(folio, entry)) {
		folio_unlock(folio);
		folio_put(folio);
		return NULL;
	}
	slot_cache(entry, true);
	slot_read(folio);
	return folio;
}

static struct folio *read_ahead(swp_entry_t entry, gfp_t gfp)
{
	struct folio *next = NULL;

	if (swp_offset(entry) + 1 < SLOTS)
		next = read_async(entry_next(entry, 1), gfp);
	if (next)
		folio_put(next);
	(void)slot_seen(entry);
	return read_async(entry, gfp);
}

#ifdef HAVE_SWAP_FREE_NR
void swap_read_folio(struct folio *folio, struct swap_iocb **plug)
{
	slot_read(folio);
}

struct folio *swapin_readahead(
	swp_entry_t entry, gfp_t gfp, struct vm_fault *vmf)
{
	return read_ahead(entry, gfp);
}

struct folio *read_swap_cache_async(swp_entry_t entry, gfp_t gfp,
	struct vm_area_struct *vma, unsigned long addr, struct swap_iocb **plug)
{
	return read_async(entry, gfp);
}
#else
int swap_readpage(struct page *page, bool synchronous, struct swap_iocb **plug)
{
	slot_read(page_folio(page));
	return 0;
}

struct page *swapin_readahead(
	swp_entry_t entry, gfp_t gfp, struct vm_fault *vmf)
{
	struct folio *folio = read_ahead(entry, gfp);

	return folio ? folio_page(folio, 0) : NULL;
}

struct page *read_swap_cache_async(swp_entry_t entry, gfp_t gfp,
	struct vm_area_struct *vma, unsigned long addr, bool do_poll,
	struct swap_iocb **plug)
{
	struct folio *folio = read_async(entry, gfp);

	return folio ? folio_page(folio, 0) : NULL;
}
#endif

/* ---- out ---- */

bool swap_out_begin(struct folio *folio)
{
	unsigned int nr = folio_nr_pages(folio);
	swp_entry_t entry;

	if (folio_test_swapcache(folio))
		return true;
	entry = slots_take(folio->index / max(nr, RUN) & 1, nr);
	if (!entry.val)
		return false;
	if (cache_add(folio, entry)) {
		for (unsigned int i = 0; i < nr; i++)
			slot_cache(entry_next(entry, i), false);
		device_of(entry)->nr_used -= nr;
		return false;
	}
	folio_mark_dirty(folio);
	return true;
}

/* A page that munmap() has unmapped, and not flushed yet, may be written, too,
 * for nobody. */
static void write_out(struct folio *folio)
{
	for (long i = 0; i < folio_nr_pages(folio); i++) {
		struct page *page = folio_page(folio, i);
		struct slot *slot = slot_of(entry_next(folio_entry(folio), i));

		if (slot->count)
			tlb_copied(page_frame(page));
		data_get(page_address(page), slot->data);
	}
	folio_clear_dirty(folio);
}

void swap_out_end(struct folio *folio)
{
	long nr = folio_nr_pages(folio);

	if (folio_test_dirty(folio))
		write_out(folio);
	if (folio_ref_count(folio) == 1 + nr)
		cache_drop(folio);
}
