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
	unsigned long pfn; /* of its first page */
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

/* The walk found page @pfn at @addr. */
static void found(struct walk *walk, unsigned long pfn, unsigned int proc,
	unsigned long addr)
{
	struct sight *sight = sight_find(pfn, proc, addr);

	if (!sight)
		return; /* another page is there by now: walkers look */
	/* KSM looks at forks of a page from each mapping of it */
	if (sight->walk == walk_number &&
		folio_test_ksm(page_folio(pfn_to_page(pfn))))
		return;
	if (sight->walk == walk_number)
		finding("rmap walk finds a mapping twice", "after %s: p%u %#lx",
			walk->op, proc, addr);
	sight->walk = walk_number;
	walk->nr_found++;
}

/* Of a large folio the walk is led to the first page that is in the vma; what
 * is mapped from there on walkers ask page_vma_mapped_walk(). */
static void found_large(struct walk *walk, struct folio *folio,
	struct vm_area_struct *vma, unsigned int proc, unsigned long addr)
{
	DEFINE_FOLIO_VMA_WALK(pvmw, folio, vma, addr, 0);
	unsigned long nr = folio_nr_pages(folio);

	while (page_vma_mapped_walk(&pvmw)) {
		unsigned long pfn = walk->pfn;

		if (pvmw.pte) {
			pfn = pte_pfn(*pvmw.pte);
			nr = 1;
		}
		if (page_folio(pfn_to_page(pfn)) != folio)
			finding("rmap walk finds a page of another folio",
				"after %s: p%u %#lx", walk->op, proc,
				pvmw.address);
		for (unsigned long i = 0; i < nr; i++)
			found(walk, pfn + i, proc,
				pvmw.address + i * PAGE_SIZE);
	}
}

static bool walk_one(struct folio *folio, struct vm_area_struct *vma,
	unsigned long addr, void *arg)
{
	struct walk *walk = arg;
	unsigned int proc = proc_of(vma->vm_mm);

	walk->nr_visits++;
	if (proc == MODEL_PROCS)
		finding("rmap walk reaches an mm that is gone",
			"after %s: at %#lx", walk->op, addr);
	if (addr < vma->vm_start || addr >= vma->vm_end)
		finding("rmap walk leaves the vma", "after %s: p%u %#lx",
			walk->op, proc, addr);
	if (folio_test_large(folio))
		found_large(walk, folio, vma, proc, addr);
	else
		found(walk, walk->pfn, proc, addr);
	return true;
}

/* KSM knows what ksmd has seen: not the other side of a fork that came before
 * the merge, nor what was swapped in at another address. So it is in 6.12. */
static bool is_excused(struct folio *folio, const struct sight *sight)
{
	struct vm_area_struct *vma;

	if (!folio_test_ksm(folio))
		return false;
	vma = vma_lookup(process_mm[sight->proc], sight->addr);
	return !vma || !ksm_knows(folio, vma, sight->addr);
}

/* A sight of page @pfn that the walk should have found, or NONE */
static int missed_of(struct folio *folio, unsigned long pfn)
{
	int i = frame_seen(pfn)->first;

	while (i != NONE && (sights[i].walk == walk_number ||
				    is_excused(folio, &sights[i])))
		i = sights[i].next;
	return i;
}

/* Is another huge page mapped between the folio's first page and @sight of it?
 * There 6.1 and 6.12 end a walk: docs/found.md. */
static bool is_behind_huge(struct folio *folio, const struct sight *sight)
{
	struct mm_struct *mm = process_mm[sight->proc];
	struct vm_area_struct *vma = vma_lookup(mm, sight->addr);
	unsigned long behind = (sight->pfn - folio_pfn(folio)) * PAGE_SIZE;
	unsigned long at = ALIGN_DOWN(sight->addr, PMD_SIZE);

	if (!vma)
		return false;
	behind = min(behind, sight->addr - vma->vm_start);
	while (at > sight->addr - behind) {
		const pmd_t *pmd;

		at -= PMD_SIZE;
		pmd = pmd_find(mm, at);
		if (pmd && pmd_trans_huge(*pmd))
			return true;
	}
	return false;
}

static void missed(struct folio *folio, const struct walk *walk)
{
	int i = NONE;

	for (long nr = 0; i == NONE && nr < folio_nr_pages(folio); nr++)
		i = missed_of(folio, walk->pfn + nr);
	if (i == NONE)
		return;
	finding(is_behind_huge(folio, &sights[i])
			? "rmap walk ends at another huge page"
			: "rmap walk misses a mapping",
		"after %s: the page of p%u %#lx is mapped, the walk finds %u "
		"of %u mappings of the folio's pages",
		walk->op, sights[i].proc, sights[i].addr, walk->nr_found,
		folio_sights(folio));
}

static void walk_folio(struct folio *folio, const char *op)
{
	struct walk walk = {.op = op, .pfn = folio_pfn(folio)};
	struct rmap_walk_control control = {.rmap_one = walk_one, .arg = &walk};

	walk_number++;
	folio_trylock(folio);
	rmap_walk(folio, &control);
	folio_unlock(folio);
	most_visits = max(most_visits, walk.nr_visits);
	if (walk.nr_found != folio_sights(folio))
		missed(folio, &walk);
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
	unsigned int nr = frame_seen(pfn)->nr + swap_shares(page);

	if (PageAnon(page) && PageAnonExclusive(page) && nr > 1)
		finding("exclusive page is shared",
			"after %s: PTEs map it %u times, %u hold its entry", op,
			frame_seen(pfn)->nr, swap_shares(page));
}

static void entries_check(const char *op)
{
	swap_scan_begin();
	for (unsigned int i = 0; i < nr_entries; i++) {
		pte_t pte = {.pte = entries[i].pte};
		swp_entry_t entry = pte_to_swp_entry(pte);

		if (entries[i].is_huge || is_migration_entry(entry))
			finding("migration entry left behind",
				"after %s: p%u %#lx", op, entries[i].proc,
				entries[i].addr);
		if (!non_swap_entry(entry))
			swap_sight(entries[i].proc, entries[i].addr, entry.val,
				pte_swp_exclusive(pte), op);
	}
}

/* folio_referenced() walks with all that reclaim walks with. */
static void young_check(struct folio *folio, const char *op)
{
	unsigned long flags;
	unsigned int nr, seen;
	bool is_locked = false;

	if (folio_test_ksm(folio))
		return; /* see missed() */
	nr = folio_young(folio, &is_locked);
	folio_trylock(folio);
	seen = folio_referenced(folio, 1, NULL, &flags);
	folio_unlock(folio);
	if (seen != nr && !is_locked && !(flags & VM_LOCKED))
		finding("folio_referenced() miscounts",
			"after %s: %u of the folio's mappings are young, it "
			"finds %u",
			op, nr, seen);
}

/* All pages of a large folio at once */
static void check_large(
	struct folio *folio, unsigned int checks, const char *op)
{
	unsigned long pfn = folio_pfn(folio);

	if (frame_seen(pfn)->is_checked)
		return;
	frame_seen(pfn)->is_checked = true;
	large_check(folio, op);
	for (long i = 0; i < folio_nr_pages(folio); i++)
		exclusive_check(pfn + i, op);
	walk_folio(folio, op);
	if (checks & CHECK_YOUNG)
		young_check(folio, op);
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
		struct folio *folio = page_folio(pfn_to_page(pfn));
		bool run;

		if (folio_test_large(folio)) {
			check_large(folio, checks, op);
			was_run = false;
			continue;
		}
		run = is_run(i);
		/* the middle of a run says what its ends say */
		if (!(checks & CHECK_ALL) && run && was_run)
			continue;
		was_run = run;
		if (frame_seen(pfn)->is_checked)
			continue;
		frame_seen(pfn)->is_checked = true;
		mapcount_check(pfn, op);
		exclusive_check(pfn, op);
		locked_check(pfn, op);
		walk_folio(folio, op);
		if (checks & CHECK_YOUNG)
			young_check(folio, op);
	}
}
