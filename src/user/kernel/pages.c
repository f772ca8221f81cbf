// SPDX-License-Identifier: GPL-2.0-only
/* The page allocator, and what it checks when a folio comes back. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagevec.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "frames.h"
#include "mm/internal.h"
#include "stubs.h"

static long node_stat[NR_VM_NODE_STAT_ITEMS];
static long zone_stat[NR_VM_ZONE_STAT_ITEMS];

void pages_init(void)
{
	enum lru_list lru;

	frames_init();
	for_each_lru(lru) INIT_LIST_HEAD(&NODE_DATA(0)->__lruvec.lists[lru]);
	set_page_count(frame_page(0), 1);
	__SetPageReserved(frame_page(0));
}

void pages_begin(void)
{
	frames_begin();
	memset(node_stat, 0, sizeof(node_stat));
	memset(zone_stat, 0, sizeof(zone_stat));
}

/* ---- compound pages ---- */

#ifdef HAVE_FREE_COMPOUND
/* Before 6.6 or so no header has these. */
static void compound_head_init(struct page *page, unsigned int order)
{
	set_compound_page_dtor(page, COMPOUND_PAGE_DTOR);
	set_compound_order(page, order);
	atomic_set(compound_mapcount_ptr(page), -1);
	atomic_set(compound_pincount_ptr(page), 0);
}

static void compound_tail_init(struct page *head, int i)
{
	head[i].mapping = TAIL_MAPPING;
	set_compound_head(&head[i], head);
	set_page_private(&head[i], 0);
}
#else
#define compound_head_init prep_compound_head
#define compound_tail_init prep_compound_tail
#endif

void prep_compound_page(struct page *page, unsigned int order)
{
	__SetPageHead(page);
	for (int i = 1; i < 1 << order; i++)
		compound_tail_init(page, i);
	compound_head_init(page, order);
}

static void large_free_check(struct folio *folio)
{
	if (folio_entire_mapcount(folio) || folio_mapcount(folio))
		finding("large folio freed while it is mapped",
			"mapcount %d, of it by PMDs %d", folio_mapcount(folio),
			folio_entire_mapcount(folio));
#ifdef HAVE_NR_PAGES_MAPPED
	if (atomic_read(&folio->_nr_pages_mapped))
		finding("large folio freed while it is mapped",
			"_nr_pages_mapped %#x",
			atomic_read(&folio->_nr_pages_mapped));
#endif
	if (folio_maybe_dma_pinned(folio)) /* of a large one: _pincount */
		finding("large folio freed while it is pinned", "-");
	if (folio_is_queued(folio))
		finding("large folio freed while it is queued for a split",
			"-");
}

/* ---- allocate and free ---- */

static struct page *page_alloc(gfp_t gfp, unsigned int order)
{
	struct page *page;
	int i;

	if (order > HPAGE_PMD_ORDER || (order && !(gfp & __GFP_COMP)))
		broken("a page of order %u is allocated", order);
	if (should_fail(gfp))
		return NULL;
	i = frames_take(order);
	if (i < 0)
		return NULL;
	page = frame_page(i);
	set_page_count(page, 1);
	for (i = 0; i < 1 << order; i++) {
		atomic_set(&page[i]._mapcount, -1);
		if (gfp & __GFP_ZERO)
			data_clear(page_address(page + i));
	}
	if (order)
		prep_compound_page(page, order);
	return page;
}

static void page_check(struct page *page, unsigned long flags)
{
	if (atomic_read(&page->_mapcount) != -1)
		finding("page freed while it is mapped", "mapcount %d",
			atomic_read(&page->_mapcount) + 1);
	if (page_ref_count(page))
		finding("page freed while it is used", "refcount %d",
			page_ref_count(page));
	if (flags & PAGE_FLAGS_CHECK_AT_FREE)
		finding("page freed with flags that forbid it", "flags %#lx",
			flags & PAGE_FLAGS_CHECK_AT_FREE);
}

/* In the second page they are the folio's. */
static unsigned long own_flags(const struct page *page, unsigned int i)
{
#ifdef PAGE_FLAGS_SECOND
	if (i == 1)
		return page->flags & ~PAGE_FLAGS_SECOND;
#endif
	return page->flags;
}

static void pages_free(struct page *page, unsigned int order)
{
	struct folio *folio = page_folio(page);
	bool is_ksm = folio_test_ksm(folio);

	if (lru_leave(folio)) {
		__folio_clear_active(folio);
		__folio_clear_unevictable(folio);
	}
	if (test_and_clear_bit(PG_mlocked, &page->flags))
		zone_stat[NR_MLOCK] -= 1l << order;
	if (order)
		large_free_check(folio);
	for (unsigned int i = 0; i < 1u << order; i++)
		page_check(page + i, own_flags(page + i, i));
	/* Who looks a page up by its number alone, as KSM does, may find a
	 * freed one, which must say that it is not the one that was meant. */
	page->mapping = NULL;
	frames_give(page_frame(page), order, is_ksm);
}

#ifdef HAVE_FREE_COMPOUND
void free_compound_page(struct page *page)
{
	pages_free(page, compound_order(page));
}

static void folio_free(struct folio *folio)
{
	if (!folio_test_large(folio))
		pages_free(&folio->page, 0);
	else if (folio_page(folio, 1)->compound_dtor == TRANSHUGE_PAGE_DTOR)
		free_transhuge_page(&folio->page);
	else
		free_compound_page(&folio->page);
}
#else
static void folio_free(struct folio *folio)
{
	folio_unqueue_deferred_split(folio);
	pages_free(&folio->page, folio_order(folio));
}
#endif

/* Where a folio that has PMDs gets PTEs too, by migration, 6.1 counts some of
 * its pages twice; 6.12 loses count where a PMD of it is split beside a zap of
 * its PTEs: docs/found.md, docs/user-tier.md. */
static bool is_miscounted(void)
{
#ifdef HAVE_NR_PAGES_MAPPED
	return frames_had_large() && fiber_used;
#else
	return frames_had_large();
#endif
}

void pages_check(void)
{
	lru_add_drain();
	if (frames_used())
		finding("pages leaked at exit", "%u pages", frames_used());
	if (node_stat[NR_ANON_MAPPED] && !is_miscounted())
		finding("NR_ANON_MAPPED is not 0 at exit", "%ld",
			node_stat[NR_ANON_MAPPED]);
	if (zone_stat[NR_MLOCK])
		finding("NR_MLOCK is not 0 at exit", "%ld",
			zone_stat[NR_MLOCK]);
}

/* ---- the kernel's names ---- */

struct page *NOPROF(__alloc_pages)(
	gfp_t gfp, unsigned int order, int nid, nodemask_t *nodes)
{
	return page_alloc(gfp, order);
}

struct folio *__point NOPROF(__folio_alloc)(
	gfp_t gfp, unsigned int order, int nid, nodemask_t *nodes)
{
	struct page *page;

	settle(HERE);
	page = page_alloc(gfp | __GFP_COMP, order);
#ifdef HAVE_FREE_COMPOUND
	if (page && order > 1)
		prep_transhuge_page(page);
	return (struct folio *)page;
#else
	return page_rmappable_folio(page);
#endif
}

#ifdef alloc_hooks
#define GET_FREE_PAGES get_free_pages_noprof
#else
#define GET_FREE_PAGES __get_free_pages
#endif
unsigned long GET_FREE_PAGES(gfp_t gfp, unsigned int order)
{
	struct page *page = page_alloc(gfp & ~__GFP_HIGHMEM, order);

	return page ? (unsigned long)page_address(page) : 0;
}

void __free_pages(struct page *page, unsigned int order)
{
	if (put_page_testzero(page))
		folio_free(page_folio(page));
}

void free_pages(unsigned long addr, unsigned int order)
{
	if (addr)
		__free_pages(virt_to_page((void *)addr), order);
}

void __folio_put(struct folio *folio)
{
	folio_free(folio);
}

static void folio_put_many(struct folio *folio, int refs)
{
	if (is_zero_pfn(folio_pfn(folio)) || is_huge_zero(folio))
		return;
	if (folio_ref_sub_and_test(folio, refs))
		folio_free(folio);
}

#ifdef HAVE_RELEASE_PAGES_ARG
void folios_put_refs(struct folio_batch *folios, unsigned int *refs)
{
	for (unsigned int i = 0; i < folio_batch_count(folios); i++)
		folio_put_many(folios->folios[i], refs ? refs[i] : 1);
	folio_batch_reinit(folios);
}

void release_pages(release_pages_arg arg, int nr)
{
	struct encoded_page **encoded = arg.encoded_pages;

	for (int i = 0; i < nr; i++) {
		struct page *page = encoded_page_ptr(encoded[i]);
		int refs = 1;

		if (encoded_page_flags(encoded[i]) &
			ENCODED_PAGE_BIT_NR_PAGES_NEXT)
			refs = encoded_nr_pages(encoded[++i]);
		folio_put_many(page_folio(page), refs);
	}
}
#else
void release_pages(struct page **pages, int nr)
{
	for (int i = 0; i < nr; i++)
		folio_put_many(page_folio(pages[i]), 1);
}
#endif

void clear_page_orig(void *page)
{
	data_clear(page);
}

void copy_page(void *to, void *from)
{
	data_copy(to, from);
}

unsigned long copy_mc_to_kernel(void *to, const void *from, unsigned int len)
{
	if (len == PAGE_SIZE)
		data_copy(to, from);
	else
		memcpy(to, from, len);
	return 0;
}

/* ---- counters ---- */

void mod_node_page_state(
	struct pglist_data *node, enum node_stat_item item, long delta)
{
	node_stat[item] += delta;
}

void __mod_node_page_state(
	struct pglist_data *node, enum node_stat_item item, long delta)
{
	node_stat[item] += delta;
}

void mod_zone_page_state(
	struct zone *zone, enum zone_stat_item item, long delta)
{
	zone_stat[item] += delta;
}

void __mod_zone_page_state(
	struct zone *zone, enum zone_stat_item item, long delta)
{
	zone_stat[item] += delta;
}

/* ---- lists of the reclaim: no folio is on one, so none is isolated ---- */

/* of mm/mlock.c: its batches hold references to folios */
void mlock_drain_local(void) __weak;
void mlock_page_drain_local(void) __weak;

void lru_add_drain(void)
{
	if (mlock_drain_local)
		mlock_drain_local();
	if (mlock_page_drain_local)
		mlock_page_drain_local();
}

void lru_add_drain_all(void)
{
	lru_add_drain();
}

void folio_mark_accessed(struct folio *folio)
{
}

void mark_page_accessed(struct page *page)
{
}

void folio_deactivate(struct folio *folio)
{
}

bool folio_mark_dirty(struct folio *folio)
{
	return !test_and_set_bit(PG_dirty, &folio->flags);
}

int set_page_dirty_lock(struct page *page)
{
	bool ret;

	folio_lock(page_folio(page));
	ret = set_page_dirty(page);
	folio_unlock(page_folio(page));
	return ret;
}

bool set_page_dirty(struct page *page)
{
	return folio_mark_dirty(page_folio(page));
}

/* ---- by the names that they had before folios ---- */

void unlock_page(struct page *page)
{
	folio_unlock(page_folio(page));
}

#ifndef alloc_hooks
struct address_space *page_mapping(struct page *page)
{
	return folio_mapping(page_folio(page));
}

unsigned long get_zeroed_page(gfp_t gfp)
{
	return GET_FREE_PAGES(gfp | __GFP_ZERO, 0);
}

void deactivate_page(struct page *page)
{
}

void mark_page_lazyfree(struct page *page)
{
	folio_mark_lazyfree(page_folio(page));
}
#endif
