// SPDX-License-Identifier: GPL-2.0-only
/* The machine: one layout of the address space. */
#include <asm/mmu_context.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/vmalloc.h>

#include "stubs.h"

bool is_vmalloc_addr(const void *addr)
{
	return false;
}

bool __virt_addr_valid(unsigned long addr)
{
	return page_is_ours(PHYS_PFN(__pa(addr)));
}

#ifdef HAVE_AREA_VM_FLAGS
unsigned long arch_get_unmapped_area(struct file *file, unsigned long addr,
	unsigned long len, unsigned long pgoff, unsigned long flags,
	vm_flags_t vm_flags)
{
	return addr ? addr : -ENOMEM;
}
#else
unsigned long arch_get_unmapped_area(struct file *file, unsigned long addr,
	unsigned long len, unsigned long pgoff, unsigned long flags)
{
	return addr ? addr : -ENOMEM;
}
#endif

#ifdef CONFIG_MODIFY_LDT_SYSCALL
int ldt_dup_context(struct mm_struct *oldmm, struct mm_struct *mm)
{
	return 0;
}

void destroy_context_ldt(struct mm_struct *mm)
{
}

void ldt_arch_exit_mmap(struct mm_struct *mm)
{
}
#endif
