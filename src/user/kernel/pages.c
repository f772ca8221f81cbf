// SPDX-License-Identifier: GPL-2.0-only
/*
 * Physical memory: an array of pages and one of struct page. Frames are given
 * out in order, a freed one is used again only when all were: until then the
 * sanitizer catches who touches it, or its struct page.
 */
#include <asm/pgtable.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagevec.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "stubs.h"

#define FIRST_PFN 16 /* frame 0 would be NULL in too many places */

void __asan_poison_memory_region(void const volatile *addr, size_t size);
int __asan_address_is_poisoned(void const volatile *addr);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);

/* The zero page is the first frame, and the kernel knows it by its name. */
char arena[ARENA_PAGES * PAGE_SIZE] __aligned(PAGE_SIZE);
asm(".globl empty_zero_page\n.set empty_zero_page, arena");
static struct page page_structs[ARENA_PAGES] __aligned(64);

unsigned long page_offset_base, vmemmap_base, vmalloc_base;
unsigned long phys_base;

static unsigned int next_fresh, nr_used;
static unsigned int freed[ARENA_PAGES], nr_freed, first_freed;
static unsigned int used_end; /* frames below it were poisoned or used */
static long node_stat[NR_VM_NODE_STAT_ITEMS];
static long zone_stat[NR_VM_ZONE_STAT_ITEMS];

unsigned int frame_index(unsigned long pfn)
{
	return pfn - FIRST_PFN;
}

bool page_is_ours(unsigned long pfn)
{
	return pfn > FIRST_PFN && pfn < FIRST_PFN + ARENA_PAGES;
}

struct folio *folio_in_frame(unsigned int i)
{
	if (i >= next_fresh || __asan_address_is_poisoned(&page_structs[i]))
		return NULL;
	return page_folio(&page_structs[i]);
}

static char *frame(unsigned int i)
{
	return arena + (size_t)i * PAGE_SIZE;
}

static void poison(unsigned int i)
{
	__asan_poison_memory_region(frame(i), PAGE_SIZE);
	__asan_poison_memory_region(&page_structs[i], sizeof(struct page));
}

void pages_init(void)
{
	enum lru_list lru;

	page_offset_base = (unsigned long)arena - FIRST_PFN * PAGE_SIZE;
	vmemmap_base =
		(unsigned long)page_structs - FIRST_PFN * sizeof(struct page);
	for (unsigned int i = 1; i < ARENA_PAGES; i++)
		poison(i);
	for_each_lru(lru) INIT_LIST_HEAD(&NODE_DATA(0)->__lruvec.lists[lru]);
	set_page_count(&page_structs[0], 1);
	__SetPageReserved(&page_structs[0]);
	used_end = 1;
}

void pages_begin(void)
{
	next_fresh = 1;
	nr_used = nr_freed = first_freed = 0;
	memset(node_stat, 0, sizeof(node_stat));
	memset(zone_stat, 0, sizeof(zone_stat));
}

static int frame_take(void)
{
	unsigned int i;

	if (next_fresh < ARENA_PAGES)
		return next_fresh++;
	if (!nr_freed)
		return -1;
	i = freed[first_freed];
	first_freed = (first_freed + 1) % ARENA_PAGES;
	nr_freed--;
	return i;
}

static struct page *page_alloc(gfp_t gfp, unsigned int order)
{
	struct page *page;
	int i;

	if (order)
		broken("a page of order %u is allocated", order);
	if (should_fail(gfp))
		return NULL;
	i = frame_take();
	if (i < 0)
		return NULL;
	__asan_unpoison_memory_region(frame(i), PAGE_SIZE);
	page = &page_structs[i];
	__asan_unpoison_memory_region(page, sizeof(*page));
	memset(page, 0, sizeof(*page));
	set_page_count(page, 1);
	atomic_set(&page->_mapcount, -1);
	if (gfp & __GFP_ZERO)
		memset(frame(i), 0, PAGE_SIZE);
	nr_used++;
	return page;
}

/* Who looks a page up by its number alone, as KSM does, may find a freed one,
 * which must say that it is not the one that was meant. */
static void poison_freed(struct page *page, unsigned int i)
{
	bool is_ksm = folio_test_ksm(page_folio(page));

	page->mapping = NULL;
	poison(i);
	if (is_ksm)
		__asan_unpoison_memory_region(page, sizeof(*page));
}

static void page_free(struct page *page)
{
	unsigned int i = page - page_structs;

	if (lru_leave(page_folio(page))) {
		__folio_clear_active(page_folio(page));
		__folio_clear_unevictable(page_folio(page));
	}
	if (atomic_read(&page->_mapcount) != -1)
		finding("page freed while it is mapped", "mapcount %d",
			atomic_read(&page->_mapcount) + 1);
	if (page_ref_count(page))
		finding("page freed while it is used", "refcount %d",
			page_ref_count(page));
	if (test_and_clear_bit(PG_mlocked, &page->flags))
		zone_stat[NR_MLOCK]--;
	if (page->flags & PAGE_FLAGS_CHECK_AT_FREE)
		finding("page freed with flags that forbid it", "flags %#lx",
			page->flags & PAGE_FLAGS_CHECK_AT_FREE);
	freed[(first_freed + nr_freed++) % ARENA_PAGES] = i;
	nr_used--;
	poison_freed(page, i);
}

void pages_check(void)
{
	lru_add_drain();
	if (nr_used)
		finding("pages leaked at exit", "%u pages", nr_used);
	if (node_stat[NR_ANON_MAPPED])
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
	settle(HERE);
	return (struct folio *)page_alloc(gfp, order);
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
		page_free(page);
}

void free_pages(unsigned long addr, unsigned int order)
{
	if (addr)
		__free_pages(virt_to_page((void *)addr), order);
}

void __folio_put(struct folio *folio)
{
	page_free(&folio->page);
}

static void folio_put_many(struct folio *folio, int refs)
{
	if (is_zero_pfn(folio_pfn(folio)))
		return;
	if (folio_ref_sub_and_test(folio, refs))
		page_free(&folio->page);
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
	memset(page, 0, PAGE_SIZE);
}

void copy_page(void *to, void *from)
{
	memcpy(to, from, PAGE_SIZE);
}

unsigned long copy_mc_to_kernel(void *to, const void *from, unsigned int len)
{
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
