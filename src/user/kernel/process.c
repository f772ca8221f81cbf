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
#include "tlb.h"

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
	fiber_call(proc);
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
		refcount_set(&tasks[i].usage, 1);
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
	huge_init();
	file_init();
	exec_init();
	return boot_words(boot, ret_word);
}

/* ---- life ---- */

struct mm_struct *process_mm_alloc(void)
{
	struct mm_struct *mm = mm_alloc();

	if (!mm)
		return NULL;
	mm->task_size = TASK_SIZE;
#ifdef HAVE_MM_GET_AREA
	mm->get_unmapped_area = arch_get_unmapped_area;
#endif
	mm->mmap_base = TASK_SIZE / 2;
	return mm;
}

int model_begin(void)
{
	pages_begin();
	slab_begin();
	most_visits = 0;
	fiber_used = 0;
	percpu_begin();
	locked_begin();
	process_mm[0] = process_mm_alloc();
	return process_mm[0] ? 0 : -ENOMEM;
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

	tlb_forget(proc);
	process_mm[proc] = NULL;
	mmput(mm);
	call_done("exit");
}

void model_end(void)
{
	model_unpin();
	model_drain();
	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++) {
		if (process_mm[proc])
			model_exit(proc);
	}
	ksm_end();
	huge_check();
	swap_check();
	rcu_flush();
	file_end();
	slab_check();
	percpu_check();
	pages_check();
}

/* ---- system calls ---- */

asmlinkage long __x64_sys_brk(const struct pt_regs *regs);
asmlinkage long __x64_sys_munmap(const struct pt_regs *regs);
asmlinkage long __x64_sys_mremap(const struct pt_regs *regs);
asmlinkage long __x64_sys_mprotect(const struct pt_regs *regs);
asmlinkage long __x64_sys_mlock(const struct pt_regs *regs);
asmlinkage long __x64_sys_munlock(const struct pt_regs *regs);

/* As arch/x86/kernel/sys_x86_64.c has it, but the offset is in pages */
static long sys_mmap(const struct pt_regs *regs)
{
	return ksys_mmap_pgoff(
		regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9);
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

	if (regs->dx == MADV_MERGEABLE)
		ksm_merge_apart();
	return ret;
}

static const struct {
	const char *name;
	long (*make)(const struct pt_regs *regs);
} calls[] = {
	[MODEL_MMAP] = {"mmap", sys_mmap},
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
	copies_dirty();
	call_done(calls[call].name);
	return ret;
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
	if (checks & CHECK_WALK) {
		tlb_check(op);
		walk_check(checks, op);
		pin_check(op);
	}
	if (checks & (CHECK_COUNTS | CHECK_CHAINS))
		counts_check(checks, op);
}
