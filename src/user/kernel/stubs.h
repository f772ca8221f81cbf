/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the kernel half share. */
#ifndef RMAPTORTURE_USER_STUBS_H
#define RMAPTORTURE_USER_STUBS_H

#include <linux/mm.h>

#include "../model.h"
#include "probes.h" /* made from vm-images/user/probes */

/* Since 6.10 an allocator's function has a name of its own behind a macro. */
#ifdef alloc_hooks
#define NOPROF(name) name##_noprof
#else
#define NOPROF(name) name
#endif

/* A function of the kernel whose calls are points: those in it can be stopped
 * there. In a section of its own, by which src/user/sites.c knows it. */
#define __point __attribute__((__section__("point_text"))) noinline
#define HERE	((unsigned long)__builtin_return_address(0))

/* ---- fibers.c ---- */
/* Each process has a CPU. Per-CPU data is the same on all. */
#define CPU_OF(proc) (1 + (proc))
/** fiber_call() - a call of process @proc begins, on its CPU */
void fiber_call(unsigned int proc);
/** rcu_has_readers() - is any fiber in a read section? */
bool rcu_has_readers(void);
/** settle() - at a point of the kernel: what waited for a grace period that is
 *  over by now is done; then others may come between */
void settle(unsigned long pc);
extern struct task_struct tasks[MODEL_FIBERS];

/* ---- what a page of a program holds ---- */
#define DATA_WORDS 3
static const unsigned short data_word[DATA_WORDS] = {0, 256, 511};

static inline void data_put(
	unsigned long *page, const unsigned long words[DATA_WORDS])
{
	for (unsigned int i = 0; i < DATA_WORDS; i++)
		page[data_word[i]] = words[i];
}

static inline void data_fill(unsigned long *page, unsigned long word)
{
	data_put(page, (unsigned long[DATA_WORDS]){word, word, word});
}

static inline void data_get(
	const unsigned long *page, unsigned long ret[DATA_WORDS])
{
	for (unsigned int i = 0; i < DATA_WORDS; i++)
		ret[i] = page[data_word[i]];
}

/* ---- pages.c: physical memory ---- */
void pages_init(void);
void pages_begin(void);
/** pages_check() - is all memory free again, are all counters 0? */
void pages_check(void);
/** page_is_ours() - a page frame of the arena, and not the zero page */
bool page_is_ours(unsigned long pfn);
/** frame_index() - 0 .. ARENA_PAGES - 1 */
unsigned int frame_index(unsigned long pfn);

/** frame_nth() - frames that may be in use, the oldest first, from 0; 0: there
 *  are no more */
unsigned int frame_nth(unsigned int nth);
/** folio_in_frame() - the folio that begins there, or NULL */
struct folio *folio_in_frame(unsigned int frame);

/* ---- file.c: the file that programs map ---- */
void file_init(void);
/** file_end() - nobody maps it any more: drop its pages */
void file_end(void);

/* ---- huge.c: transparent huge pages ---- */
void huge_init(void);
/** huge_shrink() - what reclaim asks of caches: splits that were put off */
void huge_shrink(void);
/** huge_check() - is nothing left, when all have exited? */
void huge_check(void);
static inline bool is_huge_zero(struct folio *folio)
{
#ifdef HAVE_HUGE_ZERO_FOLIO
	return is_huge_zero_folio(folio);
#else
	return is_huge_zero_page(&folio->page);
#endif
}
/** folio_is_queued() - is it on the list of splits that were put off? */
bool folio_is_queued(struct folio *folio);

/* ---- reclaim.c ---- */
/** lru_leave() - PG_lru goes; false: it was not there */
bool lru_leave(struct folio *folio);
#ifndef HAVE_FOLIO_MARK_LAZYFREE
void folio_mark_lazyfree(struct folio *folio);
#endif

/* ---- swap.c ---- */
void swap_init(void);
/** swap_check() - are all slots free? */
void swap_check(void);
/** swap_out_begin() - put @folio, locked, in the swap cache; false: no memory
 */
bool swap_out_begin(struct folio *folio);
/** swap_out_end() - no PTE maps it any more: write it; if nobody else has it,
 *  it leaves the cache */
void swap_out_end(struct folio *folio);
/** swap_sight() - a PTE holds the swap entry @val; after swap_scan_begin() */
void swap_scan_begin(void);
void swap_sight(unsigned int proc, unsigned long addr, unsigned long val,
	bool exclusive, const char *op);
/** swap_shares() - PTEs that hold the entry of @page, in the swap cache */
unsigned int swap_shares(struct page *page);

/* ---- slab.c ---- */
/* The kernel has loops that end only when memory comes back. */
#define FAILS_IN_A_ROW 64
/** should_fail() - is it this allocation's turn? */
bool should_fail(gfp_t gfp);
/** has_failed() - did one fail since slab_begin()? */
bool has_failed(void);
void slab_begin(void);
/** slab_most() - objects of cache @name alive at a time, since slab_begin() */
unsigned long slab_most(const char *name);
void slab_check(void);
/** slab_settle() - a grace period is over: what SLAB_TYPESAFE_BY_RCU kept */
void slab_settle(void);

/* ---- locks.c ---- */
/** locks_check() - no lock may be held by this fiber between calls */
void locks_check(const char *op);

/* ---- rcu.c ---- */
/** rcu_flush() - if nobody reads, a grace period: runs what call_rcu() queued
 */
void rcu_flush(void);

/* ---- percpu.c ---- */
void percpu_begin(void);
void percpu_check(void);
/** percpu_excuse() - this program may lose committed memory */
void percpu_excuse(void);

/* ---- fork.c ---- */
struct mm_struct *fork_dup_mm(struct mm_struct *oldmm);
void fork_init_caches(void);

/* ---- exec.c ---- */
/** exec_init() - have the oracles look at stacks of new programs */
void exec_init(void);

/* ---- ksm.c ---- */
void ksm_start(void);
/** ksm_merge() - what ksmd does, in the name of the caller */
void ksm_merge(void);
/** ksm_merge_apart() - the same at the end of a call, of which it is no part */
void ksm_merge_apart(void);
/** ksm_has_merged() - since the program began */
bool ksm_has_merged(void);
/** copies_dirty() - behind each call: pages that left KSM are dirty */
void copies_dirty(void);
/** ksm_knows() - must a walk of the KSM page @folio come to @addr of @vma? */
bool ksm_knows(
	struct folio *folio, struct vm_area_struct *vma, unsigned long addr);
/** ksm_end() - nobody has an mm any more: forget all */
void ksm_end(void);

/* ---- pin.c ---- */
/** pin_check() - does each pinned page still belong to its owner alone? */
void pin_check(const char *op);

/* ---- locked.c ---- */
void locked_begin(void);
/** locked_excuse() - from now on the marks of locked pages are a guess */
void locked_excuse(void);
/** locked_check() - is page @pfn, which is mapped, marked though nobody locks
 *  it? */
void locked_check(unsigned long pfn, const char *op);

/* ---- process.c ---- */
/** act_as() - the task is now one of process @proc, until call_done() */
void act_as(unsigned int proc);
void call_done(const char *op);
extern struct mm_struct *process_mm[MODEL_PROCS];
/** process_mm_alloc() - an empty address space, or NULL */
struct mm_struct *process_mm_alloc(void);
struct pt_regs;
/* of mm/madvise.c, declared in no header */
asmlinkage long __x64_sys_madvise(const struct pt_regs *regs);
/** pmd_find() - the entry for @addr of the table above, NULL if there is none
 */
pmd_t *pmd_find(struct mm_struct *mm, unsigned long addr);
/** page_at() - the page of ours that is mapped at @addr, or NULL */
struct page *page_at(struct mm_struct *mm, unsigned long addr);
/** pte_find() - the entry for @addr, NULL without a page table */
pte_t *pte_find(struct mm_struct *mm, unsigned long addr);
/** entry_read() - what @of_pte says of the entry at @addr, or @of_pmd of a huge
 *  one, under its lock, as pagemap_pmd_range() of fs/proc/task_mmu.c: who holds
 *  it may have taken the entry away for a moment. false: there is none */
bool entry_read(struct mm_struct *mm, unsigned long addr, bool (*of_pmd)(pmd_t),
	bool (*of_pte)(pte_t));

/* ---- walk.c, counts.c ---- */
/* The most places that one walk was led to, since model_begin() */
extern unsigned int most_visits;
void walk_check(unsigned int checks, const char *op);
void counts_check(unsigned int checks, const char *op);

#endif
