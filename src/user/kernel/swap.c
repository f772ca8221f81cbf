// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small model of swap: slots with a count and contents, in the place of
 * mm/swapfile.c; the swap cache is swap_cache.c's. There are two devices, of
 * even and of odd pages: the first is SWP_SYNCHRONOUS_IO, as zram is, and a
 * page of it that is mapped once is read past the swap cache, dirty as from
 * zswap; from the second, the next slot is read ahead. A slot is used again
 * only when all were, so that an entry that outlives its slot is told.
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
#include "swap_slots.h"

#define SWAP_DEVICES 2

static struct swap_device devices[SWAP_DEVICES];

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
		device->info.swap_map = device->map;
#ifdef HAVE_SWAP_ZEROMAP
		device->info.zeromap = device->zeromap;
#endif
		device->info.users.percpu_count_ptr =
			(unsigned long)&device->users;
		device->space.a_ops = &swap_operations;
		xa_init_flags(&device->space.i_pages, XA_FLAGS_LOCK_IRQ);
		swapper_spaces[i] = &device->space;
		device->next = 1;
	}
}

struct swap_device *device_of(swp_entry_t entry)
{
	if (swp_type(entry) >= SWAP_DEVICES || !swp_offset(entry) ||
		swp_offset(entry) >= SLOTS)
		finding("garbage in a swap entry", "%#lx", entry.val);
	return &devices[swp_type(entry)];
}

struct slot *slot_of(swp_entry_t entry)
{
	struct slot *slot = &device_of(entry)->slot[swp_offset(entry)];

	if (!slot->count && !slot->is_cached)
		finding("swap entry of a free slot", "entry %#lx", entry.val);
	return slot;
}

struct slot *slot_seen(swp_entry_t entry)
{
	struct slot *slot = &device_of(entry)->slot[swp_offset(entry)];

	if (fiber_now && !slot->count && !slot->is_cached)
		return NULL;
	return slot_of(entry);
}

void slot_cache(swp_entry_t entry, bool is_cached)
{
	struct swap_device *device = device_of(entry);

	device->slot[swp_offset(entry)].is_cached = is_cached;
	device->map[swp_offset(entry)] = is_cached ? SWAP_HAS_CACHE : 0;
}

void slot_settle(swp_entry_t entry, const struct slot *slot)
{
	if (!slot->count && !slot->is_cached)
		device_of(entry)->nr_used--;
}

static bool are_free(const struct slot *slot, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (slot[i].count || slot[i].is_cached)
			return false;
	}
	return true;
}

swp_entry_t slots_take(unsigned int type, unsigned int nr)
{
	struct swap_device *device = &devices[type];

	for (unsigned int i = 0; i < SLOTS; i += nr) {
		unsigned int at = ALIGN(device->next, nr);

		if (at + nr > SLOTS)
			at = nr; /* the first is never used */
		device->next = at + nr;
		if (!are_free(&device->slot[at], nr))
			continue;
		for (unsigned int j = 0; j < nr; j++)
			slot_cache(swp_entry(type, at + j), true);
		device->nr_used += nr;
		return swp_entry(type, at);
	}
	return (swp_entry_t){0};
}

/* ---- counts ---- */

struct swap_info_struct *get_swap_device(swp_entry_t entry)
{
	struct swap_device *device = device_of(entry);

	device->users++;
	return &device->info;
}

struct swap_info_struct *swp_swap_info(swp_entry_t entry)
{
	return &device_of(entry)->info;
}

int __swap_count(swp_entry_t entry)
{
	const struct slot *slot = slot_seen(entry);

	return slot ? slot->count : 0;
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

/* What is read past the swap cache takes its places meanwhile. */
static int cache_prepare(swp_entry_t entry, int nr)
{
	for (int i = 0; i < nr; i++) {
		const struct slot *slot = slot_seen(entry_next(entry, i));

		if (!slot)
			return -ENOENT;
		if (slot->is_cached)
			return -EEXIST;
	}
	for (int i = 0; i < nr; i++)
		slot_cache(entry_next(entry, i), true);
	return 0;
}

static void cache_clear(swp_entry_t entry, int nr)
{
	for (int i = 0; i < nr; i++) {
		struct slot *slot = slot_of(entry_next(entry, i));

		slot_cache(entry_next(entry, i), false);
		slot_settle(entry_next(entry, i), slot);
	}
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
	return cache_prepare(entry, nr);
}

void swapcache_clear(struct swap_info_struct *info, swp_entry_t entry, int nr)
{
	cache_clear(entry, nr);
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
	return cache_prepare(entry, 1);
}

void swapcache_clear(struct swap_info_struct *info, swp_entry_t entry)
{
	cache_clear(entry, 1);
}
#endif

/* ---- oracles ---- */

void swap_scan_begin(void)
{
	scan_number++;
}

/* PageAnonExclusive of a page that a PTE has as a swap entry: who maps it next
 * would write to what others read, try_to_unmap_one() has to clear it. */
static void unshared_check(swp_entry_t entry, const char *op)
{
	struct folio *folio =
		xa_load(&device_of(entry)->space.i_pages, swp_offset(entry));
	struct page *page;

	if (!folio || !folio_test_anon(folio))
		return;
	page = folio_page(
		folio, swp_offset(entry) - swp_offset(folio_entry(folio)));
	if (PageAnonExclusive(page))
		finding("swapped page is exclusive",
			"after %s: page %lu of its folio", op,
			folio_page_idx(folio, page));
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
	if (slot->is_cached)
		unshared_check(entry, op);
}

unsigned int swap_shares(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (!folio_test_swapcache(folio))
		return 0;
	return slot_of(page_entry(folio, page))->count;
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
