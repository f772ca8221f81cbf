// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small model of swap: slots with a count and contents, in the place of
 * mm/swapfile.c, swap_state.c and page_io.c. There are two devices, of even and
 * of odd pages: the first is SWP_SYNCHRONOUS_IO, as zram is, and a page of it
 * that is mapped once is read past the swap cache, dirty as from zswap; from
 * the second, the next slot is read ahead. A slot is used again only when all
 * were, so that an entry that outlives its slot is told.
 */
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/xarray.h>

#include "mm/internal.h"
#include "mm/swap.h"
#include "scan.h"
#include "stubs.h"

#define SWAP_DEVICES 2
#define SLOTS	     4096 /* of a device; the first is never used */

/** struct slot - @count of PTEs; @is_cached: a folio of the swap cache has it,
 *  or is about to */
struct slot {
	unsigned int count;
	bool is_cached;
	unsigned int scan, seen; /* PTEs that the latest scan saw */
	char data[PAGE_SIZE];
};

static struct swap_device {
	struct swap_info_struct info;
	struct address_space space;
	unsigned long users;
	unsigned int next, nr_used;
	struct slot slot[SLOTS];
} devices[SWAP_DEVICES];

struct address_space *swapper_spaces[MAX_SWAPFILES];
atomic_long_t nr_swap_pages = ATOMIC_LONG_INIT(SLOTS);
long total_swap_pages = SLOTS;
bool swap_migration_ad_supported = true;
static unsigned int scan_number;

static const struct address_space_operations swap_operations = {
	.migrate_folio = migrate_folio,
};

void swap_init(void)
{
	for (unsigned int i = 0; i < SWAP_DEVICES; i++) {
		struct swap_device *device = &devices[i];

		device->info.type = i;
		device->info.flags = SWP_USED | SWP_WRITEOK;
		if (!i)
			device->info.flags |= SWP_SYNCHRONOUS_IO;
		device->info.max = SLOTS;
		device->info.users.percpu_count_ptr =
			(unsigned long)&device->users;
		device->space.a_ops = &swap_operations;
		xa_init_flags(&device->space.i_pages, XA_FLAGS_LOCK_IRQ);
		swapper_spaces[i] = &device->space;
		device->next = 1;
	}
}

static struct swap_device *device_of(swp_entry_t entry)
{
	if (swp_type(entry) >= SWAP_DEVICES || !swp_offset(entry) ||
		swp_offset(entry) >= SLOTS)
		finding("garbage in a swap entry", "%#lx", entry.val);
	return &devices[swp_type(entry)];
}

/* Who has an entry has a slot. */
static struct slot *slot_of(swp_entry_t entry)
{
	struct slot *slot = &device_of(entry)->slot[swp_offset(entry)];

	if (!slot->count && !slot->is_cached)
		finding("swap entry of a free slot", "entry %#lx", entry.val);
	return slot;
}

static void slot_settle(swp_entry_t entry, const struct slot *slot)
{
	if (!slot->count && !slot->is_cached)
		device_of(entry)->nr_used--;
}

/* A slot that is in the cache and has no PTE; 0: there is none */
static swp_entry_t slot_take(unsigned int type)
{
	struct swap_device *device = &devices[type];

	for (unsigned int i = 0; i < SLOTS - 1; i++) {
		unsigned int at = device->next;
		struct slot *slot = &device->slot[at];

		device->next = at + 1 < SLOTS ? at + 1 : 1;
		if (slot->count || slot->is_cached)
			continue;
		slot->is_cached = true;
		device->nr_used++;
		return swp_entry(type, at);
	}
	return (swp_entry_t){0};
}

static swp_entry_t entry_next(swp_entry_t entry, int i)
{
	return swp_entry(swp_type(entry), swp_offset(entry) + i);
}

/* ---- counts ---- */

struct swap_info_struct *get_swap_device(swp_entry_t entry)
{
	struct swap_device *device = device_of(entry);

	device->users++;
	return &device->info;
}

int __swap_count(swp_entry_t entry)
{
	return slot_of(entry)->count;
}

#ifdef HAVE_SWAP_DUPLICATE_NR
int swap_duplicate_nr(swp_entry_t entry, int nr)
{
	for (int i = 0; i < nr; i++)
		slot_of(entry_next(entry, i))->count++;
	return 0;
}
#else
int swap_duplicate(swp_entry_t entry)
{
	slot_of(entry)->count++;
	return 0;
}
#endif

static void count_drop(swp_entry_t entry)
{
	struct slot *slot = slot_of(entry);

	if (!slot->count)
		finding("swap entry freed twice", "entry %#lx", entry.val);
	slot->count--;
	slot_settle(entry, slot);
}

static void count_drop_and_cache(swp_entry_t entry)
{
	struct slot *slot = slot_of(entry);
	struct folio *folio;

	count_drop(entry);
	if (slot->count || !slot->is_cached)
		return;
	folio = xa_load(&device_of(entry)->space.i_pages, swp_offset(entry));
	if (!folio || folio_mapped(folio) || !folio_trylock(folio))
		return;
	folio_get(folio);
	(void)folio_free_swap(folio);
	folio_unlock(folio);
	folio_put(folio);
}

#ifdef HAVE_SWAP_FREE_NR
void swap_free_nr(swp_entry_t entry, int nr)
{
	for (int i = 0; i < nr; i++)
		count_drop(entry_next(entry, i));
}

void free_swap_and_cache_nr(swp_entry_t entry, int nr)
{
	for (int i = 0; i < nr; i++)
		count_drop_and_cache(entry_next(entry, i));
}

int swapcache_prepare(swp_entry_t entry, int nr)
{
	if (slot_of(entry)->is_cached)
		return -EEXIST;
	slot_of(entry)->is_cached = true;
	return 0;
}

void swapcache_clear(struct swap_info_struct *info, swp_entry_t entry, int nr)
{
	struct slot *slot = slot_of(entry);

	slot->is_cached = false;
	slot_settle(entry, slot);
}
#else
void swap_free(swp_entry_t entry)
{
	count_drop(entry_next(entry, 0));
}

int free_swap_and_cache(swp_entry_t entry)
{
	if (!non_swap_entry(entry))
		count_drop_and_cache(entry);
	return 1;
}

int swapcache_prepare(swp_entry_t entry)
{
	if (slot_of(entry)->is_cached)
		return -EEXIST;
	slot_of(entry)->is_cached = true;
	return 0;
}

void swapcache_clear(struct swap_info_struct *info, swp_entry_t entry)
{
	struct slot *slot = slot_of(entry);

	slot->is_cached = false;
	slot_settle(entry, slot);
}
#endif

/* ---- the swap cache ---- */

static swp_entry_t folio_entry(const struct folio *folio)
{
	return (swp_entry_t){(unsigned long)folio->private};
}

/* @folio, locked, gets @entry, whose slot is marked cached. */
static int cache_add(struct folio *folio, swp_entry_t entry)
{
	struct xarray *pages = &device_of(entry)->space.i_pages;
	int err;

	if (should_fail(GFP_NOWAIT))
		return -ENOMEM;
	err = xa_err(xa_store(
		pages, swp_offset(entry), folio, GFP_KERNEL | __GFP_NOFAIL));
	if (err)
		return err;
	folio_get(folio);
	folio_set_swapcache(folio);
	folio->private = (void *)entry.val;
	return 0;
}

static void cache_drop(struct folio *folio)
{
	swp_entry_t entry = folio_entry(folio);
	struct slot *slot = slot_of(entry);

	(void)xa_erase(&device_of(entry)->space.i_pages, swp_offset(entry));
	folio->private = NULL;
	folio_clear_swapcache(folio);
	slot->is_cached = false;
	slot_settle(entry, slot);
	folio_put(folio);
}

bool folio_free_swap(struct folio *folio)
{
	if (!folio_test_swapcache(folio) || slot_of(folio_entry(folio))->count)
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

struct folio *swap_cache_get_folio(
	swp_entry_t entry, struct vm_area_struct *vma, unsigned long addr)
{
	struct folio *folio;

	(void)slot_of(entry);
	folio = xa_load(&device_of(entry)->space.i_pages, swp_offset(entry));
	if (folio)
		folio_get(folio);
	return folio;
}

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
	memcpy(folio_address(folio), slot_of(folio_entry(folio))->data,
		PAGE_SIZE);
	folio_mark_uptodate(folio);
	/* As zswap_load(): past the swap cache, no copy is left. Without it
	 * MADV_FREE may take a page that fork shares: docs/user-tier.md */
	if (!folio_test_swapcache(folio))
		folio_mark_dirty(folio);
	folio_unlock(folio);
}

static struct folio *read_async(swp_entry_t entry, gfp_t gfp)
{
	struct slot *slot = &device_of(entry)->slot[swp_offset(entry)];
	struct folio *folio;

	if (slot->is_cached)
		return swap_cache_get_folio(entry, NULL, 0);
	if (!slot->count)
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
	slot->is_cached = true;
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
	(void)slot_of(entry);
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
	swp_entry_t entry;

	if (folio_test_swapcache(folio))
		return true;
	entry = slot_take(folio->index & 1);
	if (!entry.val)
		return false;
	if (cache_add(folio, entry)) {
		slot_of(entry)->is_cached = false;
		device_of(entry)->nr_used--;
		return false;
	}
	folio_mark_dirty(folio);
	return true;
}

void swap_out_end(struct folio *folio)
{
	memcpy(slot_of(folio_entry(folio))->data, folio_address(folio),
		PAGE_SIZE);
	folio_clear_dirty(folio);
	if (folio_ref_count(folio) == 2)
		cache_drop(folio);
}

/* ---- oracles ---- */

void swap_scan_begin(void)
{
	scan_number++;
}

void swap_sight(unsigned int proc, unsigned long addr, unsigned long val,
	bool exclusive, const char *op)
{
	swp_entry_t entry = {val};
	struct slot *slot = slot_of(entry);

	if (slot->scan != scan_number) {
		slot->scan = scan_number;
		slot->seen = 0;
	}
	if (++slot->seen > slot->count)
		finding("swap entry is not counted",
			"after %s: p%u %#lx: %u PTEs, the slot counts %u", op,
			proc, addr, slot->seen, slot->count);
	if (exclusive && slot->count > 1)
		finding("exclusive swap entry is shared",
			"after %s: p%u %#lx: the slot counts %u", op, proc,
			addr, slot->count);
}

unsigned int swap_shares(struct folio *folio)
{
	if (!folio_test_swapcache(folio))
		return 0;
	return slot_of(folio_entry(folio))->count;
}

static void device_check(struct swap_device *device)
{
	struct folio *folio;
	unsigned long i;

	/* what has no PTE any more the reclaim would drop, some day */
	xa_for_each(&device->space.i_pages, i, folio)
	{
		folio_get(folio);
		if (folio_trylock(folio)) {
			(void)folio_free_swap(folio);
			folio_unlock(folio);
		}
		folio_put(folio);
	}
	if (device->nr_used)
		finding("swap slots leaked at exit", "%u slots",
			device->nr_used);
	if (device->users)
		finding("a swap device is left in use", "%ld", device->users);
	device->next = 1;
}

void swap_check(void)
{
	for (unsigned int i = 0; i < SWAP_DEVICES; i++)
		device_check(&devices[i]);
}
