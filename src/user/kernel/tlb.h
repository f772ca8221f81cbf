/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tlb: what the CPUs remember of the page tables. Each process runs on a CPU of
 * its own, on which its calls are made: what it does to itself is flushed
 * there, what others do to it may be flushed later, in a batch. It forgets only
 * what is flushed. Three rules follow (Documentation of Intel, volume 3A, 4.10;
 * comments of mm/mmu_gather.c and mm/rmap.c):
 *
 *  - no frame is freed that an entry maps,
 *  - none is copied or written to swap that an entry may still write, while the
 *    page table may not,
 *  - when no call is under way no entry differs from the page table, but for
 *    what it does not permit.
 *
 * A flush that is owed is no mistake by itself: migrate_pages() leaves one
 * where it put all pages back and has no memory to go on.
 */
#ifndef RMAPTORTURE_USER_TLB_H
#define RMAPTORTURE_USER_TLB_H

#include <linux/mm.h>

/** tlb_fill_pte() - process @proc has used the PTE @pte, at @addr */
void tlb_fill_pte(unsigned int proc, unsigned long addr, pte_t pte);
void tlb_fill_pmd(unsigned int proc, unsigned long addr, pmd_t pmd);
/** tlb_page() - where process @proc comes to by an entry that permits it; NULL:
 *  it has to ask the page table */
unsigned long *tlb_page(unsigned int proc, unsigned long addr, bool write);
/** tlb_forget() - process @proc runs no more */
void tlb_forget(unsigned int proc);
/** tlb_freed() - @nr frames from @frame on are free now */
void tlb_freed(unsigned int frame, unsigned int nr);
/** tlb_copied() - @frame is read, and what is written to it later is lost */
void tlb_copied(unsigned int frame);
/** tlb_check() - no call is under way */
void tlb_check(const char *op);

#endif
