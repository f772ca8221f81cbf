// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes: each is an mm_struct. A fiber has one task, which stands for all
 * of them; the mm it has is that of the process which makes the call.
 */
#include <asm/pgalloc.h>
#include <linux/bug.h>
#include <linux/cred.h>
#include <linux/init.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/radix-tree.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/syscalls.h>

#include "stubs.h"

/* Faults that one access may need: a copy, a retry; and as many as may fail for
 * want of memory, since what faulted then tries again */
#define FAULTS_MAX (8 + FAILS_IN_A_ROW)

#ifdef HAVE_PCPU_HOT
DEFINE_PER_CPU_ALIGNED(struct pcpu_hot, pcpu_hot);
#define CURRENT_TASK pcpu_hot.current_task
#else
DEFINE_PER_CPU(struct task_struct *, current_task);
DEFINE_PER_CPU(int, __preempt_count);
DEFINE_PER_CPU_READ_MOSTLY(int, cpu_number);
#define CURRENT_TASK current_task
#endif
unsigned long __per_cpu_offset[NR_CPUS];
DEFINE_PER_CPU_READ_MOSTLY(unsigned long, this_cpu_off);
atomic_long_t _totalram_pages = ATOMIC_LONG_INIT(1l << 30);
unsigned int nr_cpu_ids = 1;
pteval_t __default_kernel_pte_mask = ~0ul;
pteval_t __supported_pte_mask = ~0ul;
DEFINE_SPINLOCK(pgd_lock);
LIST_HEAD(pgd_list);

/* of mm/memory.c, declared in no header of include/ */
extern unsigned long zero_pfn, highest_memmap_pfn;

struct mm_struct *process_mm[MODEL_PROCS];

static struct signal_struct task_signal;

void act_as(unsigned int proc)
{
	current->mm = current->active_mm = process_mm[proc];
}

void call_done(const char *op)
{
#ifdef SPLIT_RSS_COUNTING
	if (current->mm)
		sync_mm_rss(current->mm);
#endif
	current->mm = current->active_mm = NULL;
	locks_check(op);
	if (preempt_count())
		finding("RCU read section left open", "after %s", op);
	rcu_flush();
}

/* ---- the kernel's command line ---- */

extern const struct obs_kernel_param __setup_start[], __setup_end[];

static int boot_word(char *word)
{
	size_t len = strcspn(word, "=");

	for (const struct obs_kernel_param *p = __setup_start; p < __setup_end;
		p++) {
		size_t name_len = strlen(p->str);

		/* __setup("name=", ...) has the sign, early_param() has not */
		if (name_len && p->str[name_len - 1] == '=')
			name_len--;
		if (name_len != len || strncmp(p->str, word, len))
			continue;
		(void)p->setup_func(word[len] ? word + len + 1 : NULL);
		return 0;
	}
	return -ENOENT;
}

static int boot_words(char *boot, const char **ret_word)
{
	while (boot && *boot) {
		char *word = boot + strspn(boot, " ");
		size_t len = strcspn(word, " ");

		boot = word + len;
		if (*boot)
			*boot++ = '\0';
		if (len && boot_word(word)) {
			*ret_word = word;
			return -ENOENT;
		}
	}
	return 0;
}

int model_init(char *boot, const char **ret_word)
{
	for (unsigned int i = 0; i < RLIM_NLIMITS; i++)
		task_signal.rlim[i] =
			(struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	task_signal.rlim[RLIMIT_STACK].rlim_cur = _STK_LIM;
	for (unsigned int i = 0; i < MODEL_FIBERS; i++) {
		tasks[i].signal = &task_signal;
		strcpy(tasks[i].comm, "rmaptorture");
	}
	this_cpu_write(CURRENT_TASK, &tasks[0]);
	pages_init();
	zero_pfn = page_to_pfn(virt_to_page(empty_zero_page));
	highest_memmap_pfn = ~0ul;
	fork_init_caches();
	ptlock_cache_init();
	maple_tree_init();
	radix_tree_init();
	swap_init();
	anon_vma_init();
	ksm_start();
	return boot_words(boot, ret_word);
}

/* ---- life ---- */

int model_begin(void)
{
	struct mm_struct *mm;

	pages_begin();
	slab_begin();
	most_visits = 0;
	percpu_begin();
	mm = mm_alloc();
	if (!mm)
		return -ENOMEM;
	mm->task_size = TASK_SIZE;
#ifdef HAVE_MM_GET_AREA
	mm->get_unmapped_area = arch_get_unmapped_area;
#endif
	mm->mmap_base = TASK_SIZE / 2;
	process_mm[0] = mm;
	return 0;
}

int model_is_alive(unsigned int proc)
{
	return process_mm[proc] != NULL;
}

int model_fork(unsigned int proc, unsigned int child)
{
	act_as(proc);
	process_mm[child] = fork_dup_mm(process_mm[proc]);
	call_done("fork");
	return process_mm[child] ? 0 : -ENOMEM;
}

void model_exit(unsigned int proc)
{
	struct mm_struct *mm = process_mm[proc];

	process_mm[proc] = NULL;
	mmput(mm);
	call_done("exit");
}

void model_end(void)
{
	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++) {
		if (process_mm[proc])
			model_exit(proc);
	}
	ksm_end();
	swap_check();
	rcu_flush();
	slab_check();
	percpu_check();
	pages_check();
}

/* ---- system calls ---- */

asmlinkage long __x64_sys_brk(const struct pt_regs *regs);
asmlinkage long __x64_sys_munmap(const struct pt_regs *regs);
asmlinkage long __x64_sys_mremap(const struct pt_regs *regs);
asmlinkage long __x64_sys_mprotect(const struct pt_regs *regs);
asmlinkage long __x64_sys_madvise(const struct pt_regs *regs);
asmlinkage long __x64_sys_mlock(const struct pt_regs *regs);
asmlinkage long __x64_sys_munlock(const struct pt_regs *regs);

static long sys_mmap_anon(const struct pt_regs *regs)
{
	return ksys_mmap_pgoff(
		regs->di, regs->si, regs->dx, regs->r10 | MAP_ANONYMOUS, -1, 0);
}

/* After prctl(PR_SET_MM), which has no checks of its own that matter. */
static long sys_brk_at(const struct pt_regs *regs)
{
	struct pt_regs end = {.di = regs->di + regs->si};

	current->mm->start_brk = current->mm->brk = regs->di;
	return __x64_sys_brk(&end) == end.di ? 0 : -ENOMEM;
}

static long sys_madvise_ksm(const struct pt_regs *regs)
{
	long ret = __x64_sys_madvise(regs);

	/* ksmd's own allocations are not those of the call */
	model_fail_nth(0, 0);
	if (regs->dx == MADV_MERGEABLE)
		ksm_merge();
	return ret;
}

static const struct {
	const char *name;
	long (*make)(const struct pt_regs *regs);
} calls[] = {
	[MODEL_MMAP] = {"mmap", sys_mmap_anon},
	[MODEL_BRK] = {"brk", sys_brk_at},
	[MODEL_MUNMAP] = {"munmap", __x64_sys_munmap},
	[MODEL_MREMAP] = {"mremap", __x64_sys_mremap},
	[MODEL_MPROTECT] = {"mprotect", __x64_sys_mprotect},
	[MODEL_MADVISE] = {"madvise", sys_madvise_ksm},
	[MODEL_MLOCK] = {"mlock", __x64_sys_mlock},
	[MODEL_MUNLOCK] = {"munlock", __x64_sys_munlock},
};

long model_call(
	unsigned int proc, enum model_call call, const unsigned long arg[6])
{
	struct pt_regs regs = {.di = arg[0],
		.si = arg[1],
		.dx = arg[2],
		.r10 = arg[3],
		.r8 = arg[4],
		.r9 = arg[5]};
	long ret;

	act_as(proc);
	ret = calls[call].make(&regs);
	call_done(calls[call].name);
	return ret;
}

/* ---- memory accesses ---- */

pte_t *pte_find(struct mm_struct *mm, unsigned long addr)
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
	if (pmd_none(*pmd))
		return NULL;
	return pte_offset_kernel(pmd, addr);
}

static bool vma_permits(const struct vm_area_struct *vma, bool write)
{
	return vma->vm_flags & (write ? VM_WRITE : VM_READ);
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
	/* What a stack grows by is always charged, but what has no VM_ACCOUNT
	 * is not given back: a bug of 6.12 itself, docs/user-tier.md. */
	if (vma &&
		(vma->vm_flags & (VM_GROWSDOWN | VM_ACCOUNT)) == VM_GROWSDOWN)
		percpu_excuse();
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
static unsigned long *page_try(
	struct mm_struct *mm, unsigned long addr, bool write)
{
	unsigned long need = _PAGE_PRESENT | _PAGE_USER;
	pte_t *ptep = pte_find(mm, addr);
	pte_t pte;

	if (write)
		need |= _PAGE_RW;
	if (!ptep || (pte_flags(*ptep) & need) != need)
		return NULL;
	pte = pte_mkyoung(*ptep);
	if (write)
		pte = __pte(pte_val(pte) | _PAGE_DIRTY);
	set_pte(ptep, pte);
	return __va(pte_pfn(pte) << PAGE_SHIFT);
}

static int page_access(unsigned int proc, unsigned long addr, bool write,
	unsigned long **ret_page)
{
	struct mm_struct *mm = process_mm[proc];

	for (unsigned int i = 0; i < FAULTS_MAX; i++) {
		unsigned long *page = page_try(mm, addr, write);
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
	page[0] = page[256] = page[511] = value;
	return 0;
}

int model_load(unsigned int proc, unsigned long addr, unsigned long ret[3])
{
	unsigned long *page;
	int err = page_access(proc, addr, false, &page);

	if (err)
		return err;
	ret[0] = page[0];
	ret[1] = page[256];
	ret[2] = page[511];
	return 0;
}

/* ---- BUG() and WARN() ---- */

extern const struct bug_entry __start___bug_table[], __stop___bug_table[];

int model_bug_at(unsigned long pc, const char **ret_file,
	unsigned int *ret_line, int *ret_is_warning)
{
	for (const struct bug_entry *bug = __start___bug_table;
		bug < __stop___bug_table; bug++) {
		unsigned long at =
			(unsigned long)&bug->bug_addr_disp + bug->bug_addr_disp;

		if (at != pc)
			continue;
		*ret_file = (const char *)&bug->file_disp + bug->file_disp;
		*ret_line = bug->line;
		*ret_is_warning = bug->flags & BUGFLAG_WARNING;
		return 1;
	}
	return 0;
}

void model_check(unsigned int checks, const char *op)
{
	if (checks & CHECK_WALK)
		walk_check(checks, op);
	if (checks & (CHECK_COUNTS | CHECK_CHAINS))
		counts_check(checks, op);
}
