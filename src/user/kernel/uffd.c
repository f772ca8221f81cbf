// SPDX-License-Identifier: GPL-2.0-only
/*
 * userfaultfd, in the place of fs/userfaultfd.c: no file and no reader. Where
 * pages are moved to is registered for that time; what is tracked stays so
 * until its process ends. mm/userfaultfd.c, compiled as it is, registers,
 * moves, protects and clears.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/syscalls.h>
#include <linux/userfaultfd_k.h>

#include "stubs.h"

/* ---- what the kernel tells a userfaultfd: of events, none is asked for ----
 */

void dup_userfaultfd_complete(struct list_head *forks)
{
}

void dup_userfaultfd_fail(struct list_head *forks)
{
}

void mremap_userfaultfd_complete(struct vm_userfaultfd_ctx *moved,
	unsigned long from, unsigned long to, unsigned long len)
{
}

bool userfaultfd_remove(
	struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	return true;
}

#ifdef HAVE_UFFD_UNMAP_VMA
int userfaultfd_unmap_prep(struct vm_area_struct *vma, unsigned long start,
	unsigned long end, struct list_head *unmaps)
#else
int userfaultfd_unmap_prep(struct mm_struct *mm, unsigned long start,
	unsigned long end, struct list_head *unmaps)
#endif
{
	return 0;
}

void userfaultfd_unmap_complete(struct mm_struct *mm, struct list_head *unmaps)
{
}

#ifdef HAVE_UFFD_REGISTER

bool userfaultfd_wp_unpopulated(struct vm_area_struct *vma)
{
	const struct userfaultfd_ctx *ctx = vma->vm_userfaultfd_ctx.ctx;

	return ctx && (ctx->features & UFFD_FEATURE_WP_UNPOPULATED);
}

bool userfaultfd_wp_async(struct vm_area_struct *vma)
{
	const struct userfaultfd_ctx *ctx = vma->vm_userfaultfd_ctx.ctx;

	return ctx && (ctx->features & UFFD_FEATURE_WP_ASYNC);
}

#define ATTEMPTS 16 /* as src/exec/uffd.c: each goes on where one stopped */

/* The child's and the moved vma are nobody's. */
int dup_userfaultfd(struct vm_area_struct *vma, struct list_head *forks)
{
	if (vma->vm_userfaultfd_ctx.ctx)
		userfaultfd_reset_ctx(vma);
	return 0;
}

void mremap_userfaultfd_prep(
	struct vm_area_struct *vma, struct vm_userfaultfd_ctx *moved)
{
	if (vma->vm_userfaultfd_ctx.ctx)
		userfaultfd_reset_ctx(vma);
}

/* Who faults there goes on when the range is registered no more. */
vm_fault_t handle_userfault(struct vm_fault *vmf, unsigned long reason)
{
	const struct userfaultfd_ctx *ctx = vmf->vma->vm_userfaultfd_ctx.ctx;

	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return VM_FAULT_SIGBUS;
	release_fault_lock(vmf);
	while (!READ_ONCE(ctx->released) && fiber_wait())
		;
	return VM_FAULT_RETRY;
}

static bool may_register(const struct userfaultfd_ctx *ctx, unsigned long flags,
	unsigned long start, unsigned long end,
	struct vm_area_struct **ret_first)
{
	bool async = ctx->features & UFFD_FEATURE_WP_ASYNC;
	VMA_ITERATOR(vmi, ctx->mm, start);
	struct vm_area_struct *vma;

	*ret_first = NULL;
	for_each_vma_range(vmi, vma, end)
	{
		if (!*ret_first)
			*ret_first = vma;
		if (!vma_can_userfault(vma, flags, async) ||
			!(vma->vm_flags & VM_MAYWRITE) ||
			(vma->vm_userfaultfd_ctx.ctx &&
				vma->vm_userfaultfd_ctx.ctx != ctx))
			return false;
	}
	return *ret_first != NULL;
}

/* As userfaultfd_register(), of which it keeps no error apart */
static int range_register(struct userfaultfd_ctx *ctx, unsigned long flags,
	unsigned long start, unsigned long end)
{
	struct vm_area_struct *first;
	int err = -EINVAL;

	mmap_write_lock(ctx->mm);
	if (may_register(ctx, flags, start, end, &first))
		err = userfaultfd_register_range(ctx, first, flags, start, end,
			ctx->features & UFFD_FEATURE_WP_ASYNC);
	mmap_write_unlock(ctx->mm);
	return err;
}

static long move_all(struct userfaultfd_ctx *ctx, unsigned long to,
	unsigned long from, unsigned long len)
{
	long got = -EAGAIN;

	for (int i = 0; i < ATTEMPTS && len; i++) {
		got = move_pages(
			ctx, to, from, len, UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES);
		if (got < 0 && got != -EAGAIN)
			return got;
		if (got < 0)
			continue;
		to += got;
		from += got;
		len -= got;
	}
	return len ? -EAGAIN : 0;
}

/* 6.12 tries for ever to split a folio that somebody has a reference to:
 * docs/found.md. Refused, so that the fuzzer finds other things. */
static bool is_stuck(struct mm_struct *mm, unsigned long addr)
{
	struct page *page = page_at(mm, addr);
	struct folio *folio = page ? page_folio(page) : NULL;

	return folio && folio_test_large(folio) &&
	       folio_ref_count(folio) >
		       folio_mapcount(folio) +
			       (folio_test_swapcache(folio)
					       ? folio_nr_pages(folio)
					       : 0);
}

/* What moves with its page table entry is not split. */
static bool is_whole(unsigned long to, unsigned long from, unsigned long len)
{
	return !((to | from) & ~PMD_MASK) && len >= PMD_SIZE;
}

static bool has_stuck(struct mm_struct *mm, unsigned long to,
	unsigned long from, unsigned long len)
{
	for (unsigned long i = 0; i < len; i += PAGE_SIZE) {
		if (!is_whole(to + i, from + i, len - i) &&
			is_stuck(mm, from + i))
			return true;
	}
	return false;
}

static long drop(unsigned long addr, unsigned long len)
{
	const struct pt_regs regs = {
		.di = addr, .si = len, .dx = MADV_DONTNEED};

	return __x64_sys_madvise(&regs);
}

static long drop_and_move(struct userfaultfd_ctx *ctx, unsigned long to,
	unsigned long from, unsigned long len)
{
	long err = drop(to, len);

	if (!err && has_stuck(ctx->mm, to, from, len))
		err = -EBUSY;
	return err ? err : move_all(ctx, to, from, len);
}

/* calls of other fibers may come while one is under way */
static struct userfaultfd_ctx takers[MODEL_FIBERS];

/* As UFFDIO_UNREGISTER: then wake */
static void release(struct userfaultfd_ctx *ctx)
{
	userfaultfd_release_all(ctx->mm, ctx);
	WRITE_ONCE(ctx->released, true);
	fiber_epoch++;
}

int model_uffd_take(unsigned int proc, unsigned long addr, unsigned long len)
{
	struct userfaultfd_ctx *ctx = &takers[fiber_now];
	int err;

	act_as(proc);
	*ctx = (struct userfaultfd_ctx){.mm = current->mm};
	init_rwsem(&ctx->map_changing_lock);
	err = range_register(ctx, VM_UFFD_MISSING, addr, addr + len);
	if (err) /* perhaps half way */
		release(ctx);
	call_done("uffd_take");
	return err;
}

void model_uffd_let(unsigned int proc)
{
	act_as(proc);
	release(&takers[fiber_now]);
	call_done("uffd_let");
}

long model_uffd_move(unsigned int proc, unsigned long from, unsigned long to,
	unsigned long len)
{
	long err = model_uffd_take(proc, to, len);

	if (err)
		return err;
	act_as(proc);
	err = drop_and_move(&takers[fiber_now], to, from, len);
	call_done("uffd_move");
	model_uffd_let(proc);
	return err;
}

int model_uffd_copy(unsigned int proc, unsigned long addr, unsigned long value)
{
	static unsigned long pages[MODEL_FIBERS]
				  [PAGE_SIZE / sizeof(unsigned long)];
	unsigned long *page = pages[fiber_now];
	ssize_t err;

	data_fill(page, value);
	act_as(proc);
	err = drop(addr, PAGE_SIZE);
	if (!err)
		err = mfill_atomic_copy(&takers[fiber_now], addr,
			(unsigned long)page, PAGE_SIZE, 0);
	call_done("uffd_copy");
	return err < 0 ? err : 0;
}

/* ---- what is tracked ---- */

long model_uffd_wp(unsigned int proc, unsigned long addr, unsigned long len)
{
	/* one file a process, as src/exec/uffd.c has it */
	static struct userfaultfd_ctx all[MODEL_PROCS];
	struct userfaultfd_ctx *ctx = &all[proc];
	long err;

	act_as(proc);
	if (ctx->mm != current->mm) {
		*ctx = (struct userfaultfd_ctx){
			.mm = current->mm,
			.features = UFFD_FEATURE_WP_ASYNC |
				    UFFD_FEATURE_WP_UNPOPULATED,
		};
		init_rwsem(&ctx->map_changing_lock);
	}
	err = range_register(ctx, VM_UFFD_WP, addr, addr + len);
	if (!err)
		err = mwriteprotect_range(ctx, addr, len, true);
	call_done("uffd_wp");
	return err;
}

/* As fs/proc/task_mmu.c, pte_to_pagemap_entry() */
static bool pte_has_wp(pte_t pte)
{
	if (pte_present(pte))
		return pte_uffd_wp(pte);
	return !pte_none(pte) &&
	       (pte_swp_uffd_wp(pte) ||
		       pte_marker_entry_uffd_wp(pte_to_swp_entry(pte)));
}

static bool pmd_has_wp(pmd_t pmd)
{
	return is_swap_pmd(pmd) ? pmd_swp_uffd_wp(pmd) : pmd_uffd_wp(pmd);
}

int model_has_wp(unsigned int proc, unsigned long addr)
{
	struct mm_struct *mm = process_mm[proc];
	bool ret;

	mmap_read_lock(mm);
	ret = entry_read(mm, addr, pmd_has_wp, pte_has_wp);
	mmap_read_unlock(mm);
	return ret;
}

int model_has_uffd(void)
{
	return true;
}

#else /* before 6.8 there is no UFFDIO_MOVE, and nothing is registered */

bool userfaultfd_wp_unpopulated(struct vm_area_struct *vma)
{
	return false;
}

bool userfaultfd_wp_async(struct vm_area_struct *vma)
{
	return false;
}

int dup_userfaultfd(struct vm_area_struct *vma, struct list_head *forks)
{
	return 0;
}

void mremap_userfaultfd_prep(
	struct vm_area_struct *vma, struct vm_userfaultfd_ctx *moved)
{
}

bool vma_has_uffd_without_event_remap(struct vm_area_struct *vma)
{
	return false;
}

long model_uffd_move(unsigned int proc, unsigned long from, unsigned long to,
	unsigned long len)
{
	return -ENOSYS;
}

int model_uffd_take(unsigned int proc, unsigned long addr, unsigned long len)
{
	return -ENOSYS;
}

int model_uffd_copy(unsigned int proc, unsigned long addr, unsigned long value)
{
	return -ENOSYS;
}

void model_uffd_let(unsigned int proc)
{
}

long model_uffd_wp(unsigned int proc, unsigned long addr, unsigned long len)
{
	return -ENOSYS;
}

int model_has_wp(unsigned int proc, unsigned long addr)
{
	return false;
}

int model_has_uffd(void)
{
	return false;
}

#endif
