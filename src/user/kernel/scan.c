// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scan runs after each call, so it is compiled without sanitizers, and
 * looks at the areas only that programs use. What is mapped elsewhere is
 * found when its process exits.
 */
#include <asm/pgtable.h>
#include <linux/mm.h>

#include "frames.h"
#include "scan.h"
#include "stubs.h"

#define PTES_AT_ONCE 8

struct sight sights[SIGHTS_MAX];
unsigned int nr_sights;
struct entry entries[ENTRIES_MAX];
unsigned int nr_entries;

static struct frame_seen frames[ARENA_PAGES];
static unsigned int scan_number;
static struct area {
	unsigned long start, end;
} areas[MODEL_AREAS];
static unsigned int nr_areas;

void model_watch(unsigned long start, unsigned long end)
{
	if (nr_areas == MODEL_AREAS)
		broken("more than %d areas to watch", MODEL_AREAS);
	/* what is mapped by a PMD may begin and end outside */
	areas[nr_areas++] =
		(struct area){start & PMD_MASK, ALIGN(end, PMD_SIZE)};
}

struct frame_seen *frame_seen(unsigned long pfn)
{
	struct frame_seen *frame = &frames[frame_index(pfn)];

	if (frame->scan != scan_number)
		*frame =
			(struct frame_seen){.first = NONE, .scan = scan_number};
	return frame;
}

static void page_add(
	unsigned int proc, unsigned long addr, unsigned long pfn, bool is_huge)
{
	struct frame_seen *frame;

	if (!page_is_ours(pfn) || nr_sights == SIGHTS_MAX)
		return;
	frame = frame_seen(pfn);
	sights[nr_sights] = (struct sight){.addr = addr,
		.pfn = pfn,
		.proc = proc,
		.next = frame->first,
		.is_huge = is_huge};
	frame->first = nr_sights++;
	frame->nr++;
	frame->nr_huge += is_huge;
}

static void entry_add(
	unsigned int proc, unsigned long addr, unsigned long val, bool is_huge)
{
	if (nr_entries < ENTRIES_MAX)
		entries[nr_entries++] =
			(struct entry){addr, val, proc, is_huge};
}

static void pte_add(unsigned int proc, unsigned long addr, pte_t pte)
{
	if (pte_present(pte))
		page_add(proc, addr, pte_pfn(pte), false);
	else if (!pte_none(pte))
		entry_add(proc, addr, pte_val(pte), false);
}

static void pmd_add(
	unsigned int proc, unsigned long addr, unsigned long end, pmd_t pmd)
{
	if (!pmd_present(pmd)) {
		entry_add(proc, addr, pmd_val(pmd), true);
		return;
	}
	for (; addr < end && !is_huge_zero_pmd(pmd); addr += PAGE_SIZE)
		page_add(proc, addr, pmd_pfn(pmd) + pte_index(addr), true);
}

static bool all_empty(const pte_t *pte)
{
	unsigned long any = 0;

	for (unsigned int i = 0; i < PTES_AT_ONCE; i++)
		any |= pte_val(pte[i]);
	return !any;
}

/* From @addr to @end, both in one page table; areas begin and end at
 * multiples of PTES_AT_ONCE pages */
static void scan_table(unsigned int proc, unsigned long addr, unsigned long end,
	const pte_t *pte)
{
	while (addr < end) {
		bool empty = all_empty(pte);

		for (unsigned int i = 0; i < PTES_AT_ONCE; i++) {
			if (!empty)
				pte_add(proc, addr, pte[i]);
			addr += PAGE_SIZE;
		}
		pte += PTES_AT_ONCE;
	}
}

static void scan_area(unsigned int proc, const struct area *area)
{
	unsigned long addr = area->start, next;

	for (; addr < area->end; addr = next) {
		pmd_t *pmd = pmd_find(process_mm[proc], addr);

		next = min((addr | ~PMD_MASK) + 1, area->end);
		if (!pmd)
			continue;
		if (pmd_trans_huge(*pmd) || !pmd_present(*pmd))
			pmd_add(proc, addr, next, *pmd);
		else
			scan_table(
				proc, addr, next, pte_offset_kernel(pmd, addr));
	}
}

void scan_all(void)
{
	nr_sights = nr_entries = 0;
	scan_number++;
	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++) {
		for (unsigned int i = 0; process_mm[proc] && i < nr_areas; i++)
			scan_area(proc, &areas[i]);
	}
}
