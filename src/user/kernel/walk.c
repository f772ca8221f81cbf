// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walk against scan: what rmap_walk() finds of a folio must be what the page
 * tables of all processes hold. The page tables are the truth: no oracle here
 * reads a field of anon_vma.
 */
#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "scan.h"
#include "stubs.h"

static unsigned int walk_number;

/* struct walk - one walk of one folio */
struct walk {
	const char *op;
	unsigned long pfn;
	unsigned int nr_found, nr_visits;
};

unsigned int most_visits;

/* ---- walk ---- */

static unsigned int proc_of(const struct mm_struct *mm)
{
	unsigned int proc = 0;

	while (proc < MODEL_PROCS && process_mm[proc] != mm)
		proc++;
	return proc;
}

static struct sight *sight_find(
	unsigned long pfn, unsigned int proc, unsigned long addr)
{
	int i = frame_seen(pfn)->first;

	while (i != NONE && (sights[i].proc != proc || sights[i].addr != addr))
		i = sights[i].next;
	return i == NONE ? NULL : &sights[i];
}

static bool walk_one(struct folio *folio, struct vm_area_struct *vma,
	unsigned long addr, void *arg)
{
	struct walk *walk = arg;
	unsigned int proc = proc_of(vma->vm_mm);
	struct sight *sight;

	walk->nr_visits++;
	if (proc == MODEL_PROCS)
		finding("rmap walk reaches an mm that is gone",
			"after %s: at %#lx", walk->op, addr);
	if (addr < vma->vm_start || addr >= vma->vm_end)
		finding("rmap walk leaves the vma", "after %s: p%u %#lx",
			walk->op, proc, addr);
	sight = sight_find(walk->pfn, proc, addr);
	if (!sight)
		return true; /* another page is there by now: walkers look */
	/* KSM looks at forks of a page from each mapping of it */
	if (sight->walk == walk_number && folio_test_ksm(folio))
		return true;
	if (sight->walk == walk_number)
		finding("rmap walk finds a mapping twice", "after %s: p%u %#lx",
			walk->op, proc, addr);
	sight->walk = walk_number;
	walk->nr_found++;
	return true;
}

static void missed(unsigned long pfn, const struct walk *walk)
{
	int i = frame_seen(pfn)->first;

	/* KSM knows what ksmd has seen: not the other side of a fork that came
	 * before the merge, nor what was swapped in at another address. So it
	 * is in 6.12. */
	if (folio_test_ksm(page_folio(pfn_to_page(pfn))))
		return;
	while (sights[i].walk == walk_number)
		i = sights[i].next;
	finding("rmap walk misses a mapping",
		"after %s: the page of p%u %#lx is mapped %u times, the walk "
		"finds %u",
		walk->op, sights[i].proc, sights[i].addr, frame_seen(pfn)->nr,
		walk->nr_found);
}

static void walk_folio(unsigned long pfn, const char *op)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));
	struct walk walk = {.op = op, .pfn = pfn};
	struct rmap_walk_control control = {.rmap_one = walk_one, .arg = &walk};

	walk_number++;
	folio_trylock(folio);
	rmap_walk(folio, &control);
	folio_unlock(folio);
	most_visits = max(most_visits, walk.nr_visits);
	if (walk.nr_found != frame_seen(pfn)->nr)
		missed(pfn, &walk);
}

static void mapcount_check(unsigned long pfn, const char *op)
{
	int nr = frame_seen(pfn)->nr;
	int mapcount = folio_mapcount(page_folio(pfn_to_page(pfn)));

	if (mapcount != nr)
		finding("mapcount is wrong",
			"after %s: a page is mapped %d times, its mapcount is "
			"%d",
			op, nr, mapcount);
}

/* PageAnonExclusive: one PTE, and no other one anywhere, swapped out or not. */
static void exclusive_check(unsigned long pfn, const char *op)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);
	unsigned int nr = frame_seen(pfn)->nr + swap_shares(folio);

	if (folio_test_anon(folio) && PageAnonExclusive(page) && nr > 1)
		finding("exclusive page is shared",
			"after %s: PTEs map it %u times, %u hold its entry", op,
			frame_seen(pfn)->nr, swap_shares(folio));
}

static void entries_check(const char *op)
{
	swap_scan_begin();
	for (unsigned int i = 0; i < nr_entries; i++) {
		pte_t pte = {.pte = entries[i].pte};
		swp_entry_t entry = pte_to_swp_entry(pte);

		if (is_migration_entry(entry))
			finding("migration entry left behind",
				"after %s: p%u %#lx", op, entries[i].proc,
				entries[i].addr);
		if (!non_swap_entry(entry))
			swap_sight(entries[i].proc, entries[i].addr, entry.val,
				pte_swp_exclusive(pte), op);
	}
}

/* folio_referenced() walks with all that reclaim walks with. */
static void young_check(unsigned long pfn, const char *op)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));
	unsigned int nr = 0, seen;
	unsigned long flags;

	if (folio_test_ksm(folio))
		return; /* see missed() */
	for (int i = frame_seen(pfn)->first; i != NONE; i = sights[i].next) {
		pte_t *pte =
			pte_find(process_mm[sights[i].proc], sights[i].addr);

		nr += pte && pte_young(*pte);
	}
	folio_trylock(folio);
	seen = folio_referenced(folio, 1, NULL, &flags);
	folio_unlock(folio);
	if (seen != nr && !(flags & VM_LOCKED))
		finding("folio_referenced() miscounts",
			"after %s: %u of the page's mappings are young, it "
			"finds %u",
			op, nr, seen);
}

/* Do @a and the sight behind it differ in more than the place? */
static bool is_run(unsigned int a)
{
	const struct sight *one = &sights[a], *two = one + 1;
	struct page *page, *next;

	if (a + 1 >= nr_sights || one->proc != two->proc ||
		one->addr + PAGE_SIZE != two->addr)
		return false;
	page = pfn_to_page(one->pfn);
	next = pfn_to_page(two->pfn);
	return page->mapping == next->mapping &&
	       page->index + 1 == next->index &&
	       frame_seen(one->pfn)->nr == frame_seen(two->pfn)->nr;
}

void walk_check(unsigned int checks, const char *op)
{
	bool was_run = false;

	scan_all();
	entries_check(op);
	for (unsigned int i = 0; i < nr_sights; i++) {
		unsigned long pfn = sights[i].pfn;
		bool run = is_run(i);
		bool first = frame_seen(pfn)->first == (int)i;

		/* the middle of a run says what its ends say */
		if (!(checks & CHECK_ALL) && run && was_run)
			continue;
		was_run = run;
		if (!first && (checks & CHECK_ALL))
			continue; /* once a frame */
		mapcount_check(pfn, op);
		exclusive_check(pfn, op);
		walk_folio(pfn, op);
		if (checks & CHECK_YOUNG)
			young_check(pfn, op);
	}
}
