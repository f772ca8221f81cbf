/* SPDX-License-Identifier: GPL-2.0-only */
/* swap_slots: the slots of swap.c, for swap_cache.c. */
#ifndef RMAPTORTURE_USER_SWAP_SLOTS_H
#define RMAPTORTURE_USER_SWAP_SLOTS_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#define SLOTS 4096 /* of a device; the first is never used */

/** struct slot - @count of PTEs; @is_cached: a folio of the swap cache has it,
 *  or is about to */
struct slot {
	unsigned int count;
	bool is_cached;
	unsigned int scan, seen; /* PTEs that the latest scan saw */
	unsigned long data[DATA_WORDS];
};

struct swap_device {
	struct swap_info_struct info;
	struct address_space space;
	unsigned long users;
	unsigned int next, nr_used;
	struct slot slot[SLOTS];
	/* what @info shows of them: SWAP_HAS_CACHE, but no counts */
	unsigned char map[SLOTS];
	unsigned long zeromap[SLOTS / BITS_PER_LONG]; /* none is known so */
};

/** device_of() - of an entry that can be one */
struct swap_device *device_of(swp_entry_t entry);
/** slot_of() - who has an entry has a slot */
struct slot *slot_of(swp_entry_t entry);
/** slot_seen() - of an entry that was read without a lock: beside other calls
 *  it may have been freed since; NULL then */
struct slot *slot_seen(swp_entry_t entry);
/** slot_cache() - from now on it is in the swap cache, or not */
void slot_cache(swp_entry_t entry, bool is_cached);
/** slot_settle() - after a count or the cache let go of @slot, of @entry */
void slot_settle(swp_entry_t entry, const struct slot *slot);
/** slots_take() - @nr slots of device @type in a row, of which the first is a
 *  multiple of @nr (a power of 2), in the cache and without a PTE; 0: there are
 *  none */
swp_entry_t slots_take(unsigned int type, unsigned int nr);

static inline swp_entry_t entry_next(swp_entry_t entry, int i)
{
	return swp_entry(swp_type(entry), swp_offset(entry) + i);
}

/** folio_entry() - of a folio in the swap cache */
static inline swp_entry_t folio_entry(const struct folio *folio)
{
	return (swp_entry_t){(unsigned long)folio->private};
}

/** page_entry() - of a page of one */
static inline swp_entry_t page_entry(struct folio *folio, struct page *page)
{
	return entry_next(folio_entry(folio), folio_page_idx(folio, page));
}

#endif
