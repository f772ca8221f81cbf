// SPDX-License-Identifier: GPL-2.0-only
/*
 * Soft-dirty bits, in the place of fs/proc/task_mmu.c: what clear_refs_write()
 * does for the value 4, and what pagemap_read() says.
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/swapops.h>

#include "stubs.h"

#ifdef HAVE_VM_FLAGS_CLEAR

static void pte_clean(
	struct vm_area_struct *vma, unsigned long addr, pte_t *ptep)
{
	pte_t pte = ptep_get(ptep), old;

	if (pte_present(pte)) {
		old = ptep_modify_prot_start(vma, addr, ptep);
		pte = pte_clear_soft_dirty(pte_wrprotect(old));
		ptep_modify_prot_commit(vma, addr, ptep, old, pte);
	} else if (is_swap_pte(pte)) {
		set_pte_at(
			vma->vm_mm, addr, ptep, pte_swp_clear_soft_dirty(pte));
	}
}

static void pmd_clean(
	struct vm_area_struct *vma, unsigned long addr, pmd_t *pmdp)
{
	pmd_t pmd = *pmdp;

	if (pmd_present(pmd)) {
		pmd = pmdp_invalidate(vma, addr, pmdp);
		pmd = pmd_clear_soft_dirty(pmd_wrprotect(pmd));
	} else {
		pmd = pmd_swp_clear_soft_dirty(pmd);
	}
	set_pmd_at(vma->vm_mm, addr, pmdp, pmd);
}

/* The entry at @addr; returns where the next one is. One page table lock an
 * entry, not one a table: others may come between. */
static unsigned long clean_at(struct vm_area_struct *vma, unsigned long addr)
{
	pmd_t *pmd = pmd_find(vma->vm_mm, addr);
	spinlock_t *ptl;
	pte_t *ptep;

	if (!pmd)
		return pmd_addr_end(addr, vma->vm_end);
	ptl = pmd_trans_huge_lock(pmd, vma);
	if (ptl) {
		pmd_clean(vma, addr & HPAGE_PMD_MASK, pmd);
		spin_unlock(ptl);
		return pmd_addr_end(addr, vma->vm_end);
	}
	ptep = pte_offset_map_lock(vma->vm_mm, pmd, addr, &ptl);
	if (!ptep)
		return addr; /* it has become a huge one: again */
	pte_clean(vma, addr, ptep);
	pte_unmap_unlock(ptep, ptl);
	return addr + PAGE_SIZE;
}

static void vmas_clean(struct mm_struct *mm)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;

	for_each_vma(vmi, vma)
	{
		if (!(vma->vm_flags & VM_SOFTDIRTY))
			continue;
		vm_flags_clear(vma, VM_SOFTDIRTY);
		vma_set_page_prot(vma);
	}
}

static void pages_clean(struct mm_struct *mm)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;

	for_each_vma(vmi, vma)
	{
		unsigned long addr = vma->vm_start;

		vma_start_write(vma); /* who faults there waits */
		while (addr < vma->vm_end)
			addr = clean_at(vma, addr);
	}
}

void model_clear_refs(unsigned int proc)
{
	struct mm_struct *mm;

	act_as(proc);
	mm = current->mm;
	mmap_write_lock(mm);
	vmas_clean(mm);
	inc_tlb_flush_pending(mm);
	pages_clean(mm);
	flush_tlb_mm(mm);
	dec_tlb_flush_pending(mm);
	mmap_write_unlock(mm);
	call_done("clear_refs");
}

static bool vma_is_new(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	return vma && (vma->vm_flags & VM_SOFTDIRTY);
}

static bool pmd_is_dirty(pmd_t pmd)
{
	return is_swap_pmd(pmd) ? pmd_swp_soft_dirty(pmd) : pmd_soft_dirty(pmd);
}

static bool pte_is_dirty(pte_t pte)
{
	if (pte_none(pte))
		return false;
	return pte_present(pte) ? pte_soft_dirty(pte) : pte_swp_soft_dirty(pte);
}

int model_is_dirty(unsigned int proc, unsigned long addr)
{
	struct mm_struct *mm = process_mm[proc];
	bool ret;

	mmap_read_lock(mm);
	ret = vma_is_new(mm, addr) ||
	      entry_read(mm, addr, pmd_is_dirty, pte_is_dirty);
	mmap_read_unlock(mm);
	return ret;
}

int model_has_soft_dirty(void)
{
	return true;
}

#else /* before 6.3: not in this tier */

void model_clear_refs(unsigned int proc)
{
}

int model_is_dirty(unsigned int proc, unsigned long addr)
{
	return true;
}

int model_has_soft_dirty(void)
{
	return false;
}

#endif
