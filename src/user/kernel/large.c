// SPDX-License-Identifier: GPL-2.0-only
/* What a large folio counts, against what a scan has seen of its pages. */
#include <linux/mm.h>
#include <linux/rmap.h>

#include "frames.h"
#include "mm/internal.h"
#include "scan.h"
#include "stubs.h"

unsigned int folio_sights(struct folio *folio)
{
	unsigned int nr = 0;

	for (long i = 0; i < folio_nr_pages(folio); i++)
		nr += frame_seen(folio_pfn(folio) + i)->nr;
	return nr;
}

/* enum use - of a page at one place */
enum use { NOT_MAPPED, OLD, YOUNG };

static enum use page_use(
	struct mm_struct *mm, unsigned long addr, unsigned long pfn)
{
	pmd_t *pmd = pmd_find(mm, addr);
	pte_t *pte;

	if (pmd && pmd_trans_huge(*pmd)) {
		if (pmd_pfn(*pmd) + pte_index(addr) != pfn)
			return NOT_MAPPED;
		return pmd_young(*pmd) ? YOUNG : OLD;
	}
	pte = pte_find(mm, addr);
	if (!pte || !pte_present(*pte) || pte_pfn(*pte) != pfn)
		return NOT_MAPPED;
	return pte_young(*pte) ? YOUNG : OLD;
}

static enum use folio_use(struct folio *folio, struct vm_area_struct *vma)
{
	unsigned long first = max(vma->vm_pgoff, folio->index);
	unsigned long end = min(vma->vm_pgoff + vma_pages(vma),
		folio->index + folio_nr_pages(folio));
	enum use use = NOT_MAPPED;

	for (unsigned long i = first; i < end && use != YOUNG; i++)
		use = max(use, page_use(vma->vm_mm,
				       vma->vm_start + ((i - vma->vm_pgoff)
							       << PAGE_SHIFT),
				       folio_pfn(folio) + i - folio->index));
	return use;
}

/* One mapping an area, so that no area need be looked for */
static unsigned int page_young(unsigned long pfn)
{
	unsigned int nr = 0;

	for (int i = frame_seen(pfn)->first; i != NONE; i = sights[i].next)
		nr += page_use(process_mm[sights[i].proc], sights[i].addr,
			      pfn) == YOUNG;
	return nr;
}

unsigned int folio_young(struct folio *folio, bool *ret_locked)
{
	unsigned int nr = 0;

	if (!folio_test_large(folio))
		return page_young(folio_pfn(folio));

	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++) {
		struct vm_area_struct *vma;

		if (!process_mm[proc])
			continue;
		VMA_ITERATOR(vmi, process_mm[proc], 0);
		for_each_vma(vmi, vma)
		{
			enum use use = folio_use(folio, vma);

			nr += use == YOUNG;
			if (use != NOT_MAPPED && vma->vm_flags & VM_LOCKED)
				*ret_locked = true;
		}
	}
	return nr;
}

/* Of a page by PTEs, or before 6.8 or so by PTEs and PMDs */
static int page_maps(struct page *page)
{
#ifdef HAVE_NR_PAGES_MAPPED
	return atomic_read(&page->_mapcount) + 1;
#else
	return page_mapcount(page);
#endif
}

static int page_maps_seen(const struct frame_seen *seen)
{
#ifdef HAVE_NR_PAGES_MAPPED
	return seen->nr - seen->nr_huge;
#else
	return seen->nr;
#endif
}

/* struct sum - of all pages of a folio */
struct sum {
	int ptes, pmds, pages;
};

static struct sum sum_up(struct folio *folio, const char *op)
{
	unsigned long pfn = folio_pfn(folio);
	struct sum sum = {.pmds = frame_seen(pfn)->nr_huge};

	for (long i = 0; i < folio_nr_pages(folio); i++) {
		const struct frame_seen *seen = frame_seen(pfn + i);
		int count = page_maps(folio_page(folio, i));

		if (count != page_maps_seen(seen))
			finding("mapcount is wrong",
				"after %s: page %ld of a large folio is mapped "
				"by %u PTEs and %u PMDs, its mapcount is %d",
				op, i, seen->nr - seen->nr_huge, seen->nr_huge,
				count);
		sum.ptes += seen->nr - seen->nr_huge;
		sum.pages += seen->nr > seen->nr_huge;
	}
	return sum;
}

static void pages_mapped_check(
	struct folio *folio, const struct sum *sum, const char *op)
{
#ifdef HAVE_NR_PAGES_MAPPED
	int expected = sum->pages + (sum->pmds ? ENTIRELY_MAPPED : 0);
	int count = atomic_read(&folio->_nr_pages_mapped);

	if (count != expected)
		finding("_nr_pages_mapped is wrong",
			"after %s: it is %#x, and should be %#x", op, count,
			expected);
#endif
}

/* What is mapped in part waits to be split, so that memory comes back. Who is
 * in the swap cache then is not put in the queue, nor is the copy that
 * migration makes of one that was there. */
static void queued_check(
	struct folio *folio, const struct sum *sum, const char *op)
{
	if (folio_order(folio) == HPAGE_PMD_ORDER && !sum->pmds && sum->pages &&
		sum->pages < folio_nr_pages(folio) && folio_test_anon(folio) &&
		!frame_is_excused(page_frame(&folio->page)) &&
		!folio_is_queued(folio))
		finding("large folio is not queued for a split",
			"after %s: %d of its pages are mapped", op, sum->pages);
}

void large_check(struct folio *folio, const char *op)
{
	struct sum sum = sum_up(folio, op);

	if (folio_entire_mapcount(folio) != sum.pmds)
		finding("mapcount is wrong",
			"after %s: a large folio is mapped by %d PMDs, its "
			"entire mapcount is %d",
			op, sum.pmds, folio_entire_mapcount(folio));
	if (folio_mapcount(folio) != sum.ptes + sum.pmds)
		finding("mapcount is wrong",
			"after %s: a large folio is mapped by %d PMDs and %d "
			"PTEs, its mapcount is %d",
			op, sum.pmds, sum.ptes, folio_mapcount(folio));
	pages_mapped_check(folio, &sum, op);
	queued_check(folio, &sum, op);
	if (sum.pmds + sum.ptes > 1 && sum.pmds && folio_test_anon(folio) &&
		PageAnonExclusive(&folio->page))
		finding("exclusive page is shared",
			"after %s: %d PMDs and %d PTEs map a large folio", op,
			sum.pmds, sum.ptes);
}
