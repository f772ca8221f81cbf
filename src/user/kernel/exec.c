// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process forks, and its child executes a program with many arguments. In
 * the place of fs/exec.c: the arguments are written to a stack at the end of
 * the new address space, which then moves to its place, with page tables, and
 * without the locks that other moves take. What is called is the kernel's own.
 */
#include <linux/ksm.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

/* behind the headers that it needs */
#include <asm/tlb.h>

#include "stubs.h"

/* Where the stack is, and comes to: another page table, if it goes far */
#define STACK_AREA (8 * PMD_SIZE)
#define SHIFT_FAR  (2 * PMD_SIZE)

void exec_init(void)
{
	model_watch(STACK_TOP_MAX - STACK_AREA, STACK_TOP_MAX);
}

#ifdef HAVE_RELOCATE_VMA

static bool is_under_way;

/* As __bprm_mm_init(): one page at the end, which nobody migrates */
static int stack_make(struct mm_struct *mm)
{
	struct vm_area_struct *vma = vm_area_alloc(mm);
	int err;

	if (!vma)
		return -ENOMEM;
	vma_set_anonymous(vma);
	mmap_write_lock(mm);
	vma->vm_end = STACK_TOP_MAX;
	vma->vm_start = vma->vm_end - PAGE_SIZE;
	vm_flags_init(
		vma, VM_SOFTDIRTY | VM_STACK_FLAGS | VM_STACK_INCOMPLETE_SETUP);
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	err = ksm_execve(mm);
	if (!err)
		err = insert_vm_struct(mm, vma);
	if (!err)
		mm->stack_vm = mm->total_vm = 1;
	else
		vm_area_free(vma);
	mmap_write_unlock(mm);
	return err;
}

/* From the top down, as the stack grows */
static int pages_write(
	struct mm_struct *mm, unsigned long top, unsigned int pages)
{
	unsigned long page[PAGE_SIZE / sizeof(long)] = {0};

	for (unsigned int i = 1; i <= pages; i++) {
		data_fill(page, i);
		if (access_remote_vm(mm, top - i * PAGE_SIZE, page, PAGE_SIZE,
			    FOLL_WRITE) != PAGE_SIZE)
			return -ENOMEM;
	}
	return 0;
}

/* As setup_arg_pages(): to its place, @shift bytes below */
static int stack_move(struct mm_struct *mm, unsigned long shift)
{
	struct vm_area_struct *vma, *prev = NULL;
	struct vma_iterator vmi;
	struct mmu_gather tlb;
	int err;

	mmap_write_lock(mm);
	vma = find_vma(mm, STACK_TOP_MAX - PAGE_SIZE);
	vma_iter_init(&vmi, mm, vma->vm_start);
	tlb_gather_mmu(&tlb, mm);
	err = mprotect_fixup(&vmi, &tlb, vma, &prev, vma->vm_start, vma->vm_end,
		VM_STACK_FLAGS | mm->def_flags | VM_STACK_INCOMPLETE_SETUP);
	tlb_finish_mmu(&tlb);
	if (!err)
		err = relocate_vma_down(vma, shift);
	if (!err)
		vm_flags_clear(vma, VM_STACK_INCOMPLETE_SETUP);
	mmap_write_unlock(mm);
	return err;
}

/* The program starts: it writes to its stack, and ends. */
static int program_run(struct mm_struct *mm, unsigned int pages)
{
	/* random there: onto pages where it is now, or far below */
	unsigned long shift =
		pages & 1 ? PAGE_SIZE : SHIFT_FAR + pages * PAGE_SIZE;
	int err = stack_move(mm, shift);

	return err ? err : pages_write(mm, STACK_TOP_MAX - shift, pages + 1);
}

static void switch_to_mm(struct mm_struct *mm)
{
	current->mm = current->active_mm = mm;
}

/* In the name of the child, whose address space goes, whatever comes */
static int exec(struct mm_struct *child, unsigned int pages)
{
	struct mm_struct *mm;
	int err;

	switch_to_mm(child);
	mm = process_mm[MODEL_SPAWNED] = process_mm_alloc();
	err = mm ? stack_make(mm) : -ENOMEM;
	if (!err)
		err = pages_write(mm, STACK_TOP_MAX, pages);
	switch_to_mm(mm);
	mmput(child);
	return err ? err : program_run(mm, pages);
}

int model_spawn(unsigned int proc, unsigned int pages)
{
	struct mm_struct *child;
	int err;

	if (is_under_way)
		return -EAGAIN;
	is_under_way = true;
	act_as(proc);
	child = fork_dup_mm(process_mm[proc]);
	err = child ? exec(child, pages) : -ENOMEM;
	call_done("spawn");
	if (err)
		model_spawn_end();
	return err;
}

void model_spawn_end(void)
{
	if (process_mm[MODEL_SPAWNED])
		model_exit(MODEL_SPAWNED);
	is_under_way = false;
}

int model_has_spawn(void)
{
	return true;
}

#else

int model_spawn(unsigned int proc, unsigned int pages)
{
	return -ENOSYS;
}

void model_spawn_end(void)
{
}

int model_has_spawn(void)
{
	return false;
}

#endif
