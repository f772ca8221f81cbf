// SPDX-License-Identifier: GPL-2.0-only
#include "tlb.h"

#include <asm/tlbflush.h>
#include <linux/hash.h>

#include "frames.h"
#include "stubs.h"

/* Entries of a process, small ones first. One that makes room for another is
 * forgotten, as any may be. */
#define SMALL_BITS 8
#define HUGE_BITS  5
#define SMALL	   (1 << SMALL_BITS)
#define ENTRIES	   (SMALL + (1 << HUGE_BITS))

/**
 * struct entry - what is mapped from @addr to @addr + @size, to @pfn and on
 * @size:  PAGE_SIZE or PMD_SIZE; 0: nothing
 * @write: by a store without a look at the page table: that permits it, and is
 *	   dirty already
 */
struct entry {
	unsigned long addr, size, pfn;
	bool write;
};

static struct tlb {
	struct entry entry[ENTRIES];
	unsigned int nr; /* in use */
} tlbs[MODEL_PROCS];

unsigned int nr_cpu_ids = CPU_OF(MODEL_PROCS);

/* Entries that map a frame, or a block of PTRS_PER_PMD frames */
static unsigned short small_refs[ARENA_PAGES];
static unsigned short block_refs[ARENA_PAGES / PTRS_PER_PMD + 1];

/* ---- entries ---- */

static struct entry *slot(struct tlb *tlb, unsigned long addr, bool is_huge)
{
	if (is_huge)
		return &tlb->entry[SMALL +
				   hash_long(addr >> PMD_SHIFT, HUGE_BITS)];
	return &tlb->entry[hash_long(addr >> PAGE_SHIFT, SMALL_BITS)];
}

static unsigned short *refs(const struct entry *entry)
{
	return entry->size == PAGE_SIZE
		       ? &small_refs[frame_index(entry->pfn)]
		       : &block_refs[entry->pfn / PTRS_PER_PMD];
}

static void drop(struct tlb *tlb, struct entry *entry)
{
	--*refs(entry);
	entry->size = 0;
	tlb->nr--;
}

static void fill(unsigned int proc, const struct entry *entry)
{
	struct tlb *tlb = &tlbs[proc];
	struct entry *to = slot(tlb, entry->addr, entry->size != PAGE_SIZE);

	/* The zero page is never freed, and never written. */
	if (!page_is_ours(entry->pfn))
		return;
	if (to->size)
		drop(tlb, to);
	*to = *entry;
	tlb->nr++;
	++*refs(to);
	cpumask_set_cpu(CPU_OF(proc), mm_cpumask(process_mm[proc]));
}

static bool may_write(unsigned long flags)
{
	const unsigned long both = _PAGE_RW | _PAGE_DIRTY;

	return (flags & both) == both;
}

void tlb_fill_pte(unsigned int proc, unsigned long addr, pte_t pte)
{
	fill(proc, &(struct entry){addr & PAGE_MASK, PAGE_SIZE, pte_pfn(pte),
			   may_write(pte_flags(pte))});
}

void tlb_fill_pmd(unsigned int proc, unsigned long addr, pmd_t pmd)
{
	fill(proc, &(struct entry){addr & PMD_MASK, PMD_SIZE, pmd_pfn(pmd),
			   may_write(pmd_flags(pmd))});
}

static bool has(const struct entry *entry, unsigned long addr)
{
	return addr - entry->addr < entry->size;
}

unsigned long *tlb_page(unsigned int proc, unsigned long addr, bool write)
{
	const struct entry *entry = slot(&tlbs[proc], addr, false);

	if (!has(entry, addr))
		entry = slot(&tlbs[proc], addr, true);
	if (!has(entry, addr) || (write && !entry->write))
		return NULL;
	return __va((entry->pfn << PAGE_SHIFT) +
		    ((addr - entry->addr) & PAGE_MASK));
}

/* ---- flushes ---- */

static void flush(unsigned int proc, unsigned long start, unsigned long end)
{
	struct tlb *tlb = &tlbs[proc];
	unsigned int left = tlb->nr;

	for (struct entry *entry = tlb->entry; left; entry++) {
		if (!entry->size)
			continue;
		left--;
		if (entry->addr < end && entry->addr + entry->size > start)
			drop(tlb, entry);
	}
}

void tlb_forget(unsigned int proc)
{
	flush(proc, 0, TLB_FLUSH_ALL);
}

static bool is_deaf(const struct mm_struct *mm)
{
	for (unsigned int i = 0; i < MODEL_FIBERS; i++) {
		if (i != fiber_now && (fibers_deaf >> i & 1) &&
			tasks[i].mm == mm)
			return true;
	}
	return false;
}

/* A flush is an interrupt, which comes when the CPUs that have the process take
 * them again: where get_user_pages_fast() walks, nothing is freed before. */
static void interrupt(unsigned int proc)
{
	while (is_deaf(process_mm[proc]) && fiber_wait())
		;
}

void flush_tlb_mm_range(struct mm_struct *mm, unsigned long start,
	unsigned long end, unsigned int stride_shift, bool freed_tables)
{
	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++) {
		if (process_mm[proc] != mm)
			continue;
		interrupt(proc);
		flush(proc, start, end);
	}
}

void arch_tlbbatch_flush(struct arch_tlbflush_unmap_batch *batch)
{
	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++) {
		if (!cpumask_test_cpu(CPU_OF(proc), &batch->cpumask))
			continue;
		interrupt(proc);
		tlb_forget(proc);
	}
	cpumask_clear(&batch->cpumask);
}

/* ---- rules ---- */

/* What the page table says of an address: as an entry, as far as a CPU may use
 * it; .size 0: not at all */
static struct entry table_entry(unsigned int proc, unsigned long addr)
{
	pmd_t *pmd = pmd_find(process_mm[proc], addr);
	struct entry entry = {addr, PAGE_SIZE, 0, false};
	unsigned long flags = 0;
	pte_t *pte;

	if (pmd && pmd_trans_huge(*pmd)) {
		entry.size = PMD_SIZE;
		entry.pfn = pmd_pfn(*pmd);
		flags = pmd_flags(*pmd);
	} else {
		pte = pte_find(process_mm[proc], addr);
		if (pte) {
			entry.pfn = pte_pfn(*pte);
			flags = pte_flags(*pte);
		}
	}
	if (!(flags & _PAGE_PRESENT))
		entry.size = 0;
	entry.write = may_write(flags);
	return entry;
}

static const char *what_differs(
	const struct entry *entry, const struct entry *table)
{
	if (!table->size)
		return "is not mapped any more";
	if (entry->size != table->size)
		return "is mapped in another size";
	if (entry->pfn != table->pfn)
		return "is mapped to another page";
	if (entry->write && !table->write)
		return "may not be written any more, or is clean";
	return NULL;
}

static void process_check(unsigned int proc, const char *op)
{
	const struct tlb *tlb = &tlbs[proc];
	unsigned int left = tlb->nr;

	for (const struct entry *entry = tlb->entry; left; entry++) {
		struct entry table;
		const char *what;

		if (!entry->size)
			continue;
		left--;
		table = table_entry(proc, entry->addr);
		what = what_differs(entry, &table);
		if (what)
			finding("stale TLB entry", "after %s: p%u %#lx %s", op,
				proc, entry->addr, what);
	}
}

void tlb_check(const char *op)
{
	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++)
		process_check(proc, op);
}

/* An entry of @proc that maps @pfn, from @entry on; NULL: there is none */
static const struct entry *next_of(
	const struct tlb *tlb, const struct entry *entry, unsigned long pfn)
{
	for (; entry < tlb->entry + ENTRIES; entry++) {
		if (pfn - entry->pfn < entry->size / PAGE_SIZE)
			return entry;
	}
	return NULL;
}

static bool is_known(unsigned int frame)
{
	return small_refs[frame] ||
	       block_refs[(frame + FIRST_PFN) / PTRS_PER_PMD];
}

static void free_check(unsigned long pfn)
{
	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++) {
		const struct tlb *tlb = &tlbs[proc];
		const struct entry *entry = next_of(tlb, tlb->entry, pfn);

		if (entry)
			finding("page freed while a TLB entry maps it",
				"p%u %#lx%s", proc, entry->addr,
				entry->write ? ", for writing" : "");
	}
}

void tlb_freed(unsigned int frame, unsigned int nr)
{
	for (unsigned int i = frame; i < frame + nr; i++) {
		if (is_known(i))
			free_check(i + FIRST_PFN);
	}
}

/* What the page table permits others may write, too: whoever copies knows. */
static bool is_stale(unsigned int proc, const struct entry *entry)
{
	struct entry table = table_entry(proc, entry->addr);

	return what_differs(entry, &table) != NULL;
}

static void copy_check(unsigned int proc, unsigned long pfn)
{
	const struct tlb *tlb = &tlbs[proc];
	const struct entry *entry = tlb->entry;

	while ((entry = next_of(tlb, entry, pfn))) {
		if (entry->write && is_stale(proc, entry))
			finding("page copied while a TLB entry may write it",
				"p%u %#lx", proc, entry->addr);
		entry++;
	}
}

void tlb_copied(unsigned int frame)
{
	if (!is_known(frame))
		return;
	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++)
		copy_check(proc, frame + FIRST_PFN);
}
