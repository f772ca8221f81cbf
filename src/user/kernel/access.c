// SPDX-License-Identifier: GPL-2.0-only
/* What a CPU does: it looks into the page tables, sets bits there, and faults.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "frames.h"
#include "stubs.h"
#include "tlb.h"

/* Faults that one access may need: a copy, a retry; and as many as may fail for
 * want of memory, since what faulted then tries again */
#define FAULTS_MAX (8 + FAILS_IN_A_ROW)

pmd_t *pmd_find(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (pud_none(*pud))
		return NULL;
	pmd = pmd_offset(pud, addr);
	return pmd_none(*pmd) ? NULL : pmd;
}

pte_t *pte_find(struct mm_struct *mm, unsigned long addr)
{
	pmd_t *pmd = pmd_find(mm, addr);

	if (!pmd || pmd_trans_huge(*pmd) || is_swap_pmd(*pmd))
		return NULL;
	return pte_offset_kernel(pmd, addr);
}

bool entry_read(struct mm_struct *mm, unsigned long addr, bool (*of_pmd)(pmd_t),
	bool (*of_pte)(pte_t))
{
	/* as a walk: the tables of what munmap has detached may go meanwhile */
	pmd_t *pmd = vma_lookup(mm, addr) ? pmd_find(mm, addr) : NULL;
	spinlock_t *ptl;
	bool huge, ret;
	pte_t *ptep;

	if (!pmd)
		return false;
	ptl = pmd_lock(mm, pmd);
	huge = pmd_trans_huge(*pmd) || is_swap_pmd(*pmd);
	ret = huge && of_pmd(*pmd);
	spin_unlock(ptl);
	ptep = huge ? NULL : pte_offset_map_lock(mm, pmd, addr, &ptl);
	if (!ptep)
		return ret;
	ret = of_pte(*ptep);
	pte_unmap_unlock(ptep, ptl);
	return ret;
}

static bool vma_permits(const struct vm_area_struct *vma, bool write)
{
	return vma->vm_flags & (write ? VM_WRITE : VM_READ);
}

/* What a stack grows by is always charged, but what has no VM_ACCOUNT is not
 * given back: a bug of 6.12 itself, docs/user-tier.md. */
static void excuse_growth(const struct vm_area_struct *vma)
{
	if (vma &&
		(vma->vm_flags & (VM_GROWSDOWN | VM_ACCOUNT)) == VM_GROWSDOWN)
		percpu_excuse();
}

/* The vma at @addr, perhaps of a stack that has grown to it, with the mm locked
 * to read; NULL and unlocked if there is none */
static struct vm_area_struct *vma_lock_grown(
	struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;

#ifdef CONFIG_LOCK_MM_AND_FIND_VMA
	vma = lock_mm_and_find_vma(mm, addr, NULL);
#else
	mmap_read_lock(mm);
	vma = vma_lookup(mm, addr);
	if (!vma)
		mmap_read_unlock(mm);
#endif
	excuse_growth(vma);
	return vma;
}

/* As the x86 fault handler: under the lock of the vma, else of the mm. */
static vm_fault_t fault(struct mm_struct *mm, unsigned long addr, bool write)
{
	unsigned int flags = FAULT_FLAG_DEFAULT | FAULT_FLAG_USER |
			     (write ? FAULT_FLAG_WRITE : 0);
	struct vm_area_struct *vma;
	vm_fault_t ret;

#ifdef CONFIG_PER_VMA_LOCK
	vma = lock_vma_under_rcu(mm, addr);
	if (vma) {
		ret = vma_permits(vma, write)
			      ? handle_mm_fault(vma, addr,
					flags | FAULT_FLAG_VMA_LOCK, NULL)
			      : VM_FAULT_SIGSEGV;
		if (!(ret & (VM_FAULT_RETRY | VM_FAULT_COMPLETED)))
			vma_end_read(vma);
		if (!(ret & VM_FAULT_RETRY))
			return ret;
	}
#endif
	vma = vma_lock_grown(mm, addr);
	if (!vma)
		return VM_FAULT_SIGSEGV;
	ret = vma_permits(vma, write) ? handle_mm_fault(vma, addr, flags, NULL)
				      : VM_FAULT_SIGSEGV;
	if (!(ret & (VM_FAULT_RETRY | VM_FAULT_COMPLETED)))
		mmap_read_unlock(mm);
	return ret;
}

/* What the CPU does: where the PTE permits, it sets young and dirty. */
static unsigned long *pte_try(unsigned int proc, unsigned long addr,
	pte_t *ptep, unsigned long need, bool write)
{
	pte_t pte;

	if (!ptep || (pte_flags(*ptep) & need) != need)
		return NULL;
	pte = pte_mkyoung(*ptep);
	if (write)
		pte = __pte(pte_val(pte) | _PAGE_DIRTY);
	set_pte(ptep, pte);
	tlb_fill_pte(proc, addr, pte);
	return __va(pte_pfn(pte) << PAGE_SHIFT);
}

static unsigned long *pmd_try(unsigned int proc, unsigned long addr,
	pmd_t *pmdp, unsigned long need, bool write)
{
	pmd_t pmd;

	if ((pmd_flags(*pmdp) & need) != need)
		return NULL;
	pmd = pmd_mkyoung(*pmdp);
	if (write)
		pmd = __pmd(pmd_val(pmd) | _PAGE_DIRTY);
	set_pmd(pmdp, pmd);
	tlb_fill_pmd(proc, addr, pmd);
	return __va((pmd_pfn(pmd) << PAGE_SHIFT) + (addr & ~HPAGE_PMD_MASK));
}

static unsigned long *table_try(
	unsigned int proc, unsigned long addr, bool write)
{
	unsigned long need =
		_PAGE_PRESENT | _PAGE_USER | (write ? _PAGE_RW : 0);
	pmd_t *pmd = pmd_find(process_mm[proc], addr);

	if (pmd && pmd_trans_huge(*pmd))
		return pmd_try(proc, addr, pmd, need, write);
	return pte_try(
		proc, addr, pte_find(process_mm[proc], addr), need, write);
}

/* The page table goes first, since an entry of the TLB may have been forgotten;
 * where it does not permit what was permitted before, until it is flushed. */
static unsigned long *page_try(
	unsigned int proc, unsigned long addr, bool write)
{
	unsigned long *page = table_try(proc, addr, write);

	return page ? page : tlb_page(proc, addr, write);
}

static int page_access(unsigned int proc, unsigned long addr, bool write,
	unsigned long **ret_page)
{
	struct mm_struct *mm = process_mm[proc];

	for (unsigned int i = 0; i < FAULTS_MAX; i++) {
		unsigned long *page = page_try(proc, addr, write);
		vm_fault_t ret;

		if (page) {
			*ret_page = page;
			return 0;
		}
		act_as(proc);
		ret = fault(mm, addr, write);
		call_done("fault");
		if (ret & VM_FAULT_OOM && has_failed())
			continue;
		if (ret & VM_FAULT_OOM)
			return -ENOMEM;
		if (ret & VM_FAULT_ERROR)
			return -EFAULT;
	}
	finding("a fault does not end", "%s at %#lx after %d faults",
		write ? "write" : "read", addr, FAULTS_MAX);
}

int model_store(unsigned int proc, unsigned long addr, unsigned long value)
{
	unsigned long *page;
	int err = page_access(proc, addr, true, &page);

	if (err)
		return err;
	data_fill(page, value);
	return 0;
}

int model_poke(unsigned int proc, unsigned long addr, unsigned long value)
{
	struct mm_struct *mm = process_mm[proc];
	unsigned long page[PAGE_SIZE / sizeof(long)] = {0};
	int got;

	data_fill(page, value);
	act_as(proc);
	got = access_remote_vm(
		mm, addr, page, PAGE_SIZE, FOLL_FORCE | FOLL_WRITE);
	mmap_read_lock(mm);
	excuse_growth(vma_lookup(mm, addr));
	mmap_read_unlock(mm);
	call_done("poke");
	if (got == PAGE_SIZE)
		return 0;
	if (frames_ran_out())
		return -ENOMEM;
	return has_failed() ? -EIO : -EFAULT;
}

int model_load(unsigned int proc, unsigned long addr, unsigned long ret[3])
{
	unsigned long *page;
	int err = page_access(proc, addr, false, &page);

	if (err)
		return err;
	data_get(page, ret);
	return 0;
}
