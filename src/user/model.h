/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model: the line between the two halves of the `user` profile. Files below
 * kernel/ see the headers of the kernel under test and no libc; the others
 * see libc and no kernel header. This header is all that both see, so it
 * includes nothing.
 *
 * A model is up to MODEL_PROCS processes, each an mm_struct, driven by the
 * kernel's own functions. One thread of the host, but calls may be made in
 * fibers, several of which are in the kernel at once: what is called between
 * model_begin() and model_end(), but for those two and the oracles, may be
 * called in any. All errors are negative errno of the kernel.
 */
#ifndef RMAPTORTURE_USER_MODEL_H
#define RMAPTORTURE_USER_MODEL_H

#define MODEL_PROCS 9
/* The last is the program that model_spawn() executes */
#define MODEL_SPAWNED (MODEL_PROCS - 1)

/* ---- kernel half, called by the other ---- */

/**
 * model_init() - once a process: caches, physical memory, the task
 * @boot: words of a kernel command line, "name=value name ...": early_param()
 *	  and __setup() of the files that are compiled in; NULL for none
 *
 * Returns 0, or -ENOENT and the word that nobody takes in *@ret_word.
 */
int model_init(char *boot, const char **ret_word);

/** model_watch() - programs map between @start and @end, the oracles scan
 *  there; up to MODEL_AREAS times, after model_init() */
void model_watch(unsigned long start, unsigned long end);
#define MODEL_AREAS 9

/** model_begin() - process 0 with an empty address space; all others dead */
int model_begin(void);
/** model_end() - all processes exit, in the order of their numbers; then
 *  everything must be as before model_begin() (leaks are findings) */
void model_end(void);

/** model_fiber() - from now on it is fiber @fiber that calls: the task of its
 *  own, its locks, its RCU sections, its failing allocations */
void model_fiber(unsigned int fiber);
/* Fiber 0 makes the calls one by one, as long as there is no other */
#define MODEL_FIBERS 12

/** model_is_alive() - does process @proc have an mm? */
int model_is_alive(unsigned int proc);
int model_fork(unsigned int proc, unsigned int child);
void model_exit(unsigned int proc);

/** model_spawn() - a child of @proc executes a program with @pages pages of
 *  arguments, which is process MODEL_SPAWNED until model_spawn_end(). 0;
 *  -EAGAIN: there is one already; or another negative errno, and it has ended.
 *  model_has_spawn() - since 6.12 */
int model_spawn(unsigned int proc, unsigned int pages);
void model_spawn_end(void);
int model_has_spawn(void);

enum model_call {
	MODEL_MMAP, /* addr, len, prot, flags; anonymous */
	MODEL_BRK,  /* addr, len: the heap begins there, and grows so far */
	MODEL_MUNMAP,
	MODEL_MREMAP,
	MODEL_MPROTECT,
	MODEL_MADVISE,
	MODEL_MLOCK,
	MODEL_MUNLOCK,
};

/** model_call() - a system call of process @proc; its value or -errno */
long model_call(
	unsigned int proc, enum model_call call, const unsigned long arg[6]);

/** model_reclaim() - swap out the @nr oldest anonymous folios, whoever has
 * them; -EAGAIN: fewer */
int model_reclaim(unsigned int proc, unsigned long nr);
/** model_move() - migrate the folios of @nr pages from @addr on, with @all also
 *  those that are mapped more than once; -EAGAIN: not all of them could */
int model_move(
	unsigned int proc, unsigned long addr, unsigned long nr, int all);

/** model_compact() - migrate all anonymous folios, whoever has them; -EAGAIN:
 *  not all of them could be */
int model_compact(unsigned int proc);

/** model_pin() - a long-term pin of @nr pages, MODEL_PINS in all */
int model_pin(unsigned int proc, unsigned long addr, unsigned long nr);
#define MODEL_PINS 1024
/** model_unpin() - drop all of them, whosoever */
void model_unpin(void);
/** model_splice() - a plain reference to each of @nr pages, as far as they can
 *  be read and there is room; MODEL_PINS in all. How many, or negative errno */
long model_splice(unsigned int proc, unsigned long addr, unsigned long nr);
/** model_drain() - drop all of them, whosoever */
void model_drain(void);

/** model_uffd_move() - the pages of @len bytes at @from go to @to, which does
 *  not overlap it and whose own are dropped, by UFFDIO_MOVE; 0, or negative
 *  errno: some may have moved */
long model_uffd_move(unsigned int proc, unsigned long from, unsigned long to,
	unsigned long len);
/** model_uffd_take() - until model_uffd_let(), who touches what is missing of
 *  @len bytes at @addr waits; one of a fiber at a time. 0, or negative
 *  errno and nothing to let go of.
 *  model_uffd_copy() - the page at @addr is dropped, and one that holds @value
 *  as model_store() writes it comes by UFFDIO_COPY; 0, or negative errno */
int model_uffd_take(unsigned int proc, unsigned long addr, unsigned long len);
int model_uffd_copy(unsigned int proc, unsigned long addr, unsigned long value);
void model_uffd_let(unsigned int proc);
/** model_uffd_wp() - from now on the kernel notes which pages of @len bytes at
 *  @addr are written: their uffd-wp bit says that they were not. 0, or negative
 *  errno. model_has_wp() - has the page this bit? */
long model_uffd_wp(unsigned int proc, unsigned long addr, unsigned long len);
int model_has_wp(unsigned int proc, unsigned long addr);
/** model_clear_refs() - of all pages of the process: they are not written, as
 *  far as soft-dirty bits know. model_is_dirty() - has the page such a bit, or
 *  its vma? */
void model_clear_refs(unsigned int proc);
int model_is_dirty(unsigned int proc, unsigned long addr);
/** model_has_soft_dirty() - both, since 6.3 */
int model_has_soft_dirty(void);
/** model_has_uffd() - UFFDIO_MOVE and what is tracked: since 6.8 */
int model_has_uffd(void);

/** model_ksm() - what ksmd does in two passes over all that may be merged */
void model_ksm(unsigned int proc);
/** model_merge_any() - from now on all that the process has, and will have, may
 *  be merged, and is; or, @on 0, nothing any more. 0 or negative errno.
 *  model_has_merge_any() - since 6.4 */
int model_merge_any(unsigned int proc, int on);
int model_has_merge_any(void);

/** model_khugepaged() - what khugepaged does in a round over all processes that
 *  may have huge pages */
void model_khugepaged(unsigned int proc);

/** model_split() - write to the file split_huge_pages: folios between @addr and
 *  @addr + @len to such of @order; 0 also where none could be */
int model_split(unsigned int proc, unsigned long addr, unsigned long len,
	unsigned int order);
/** model_splits_to_orders() - may @order be another than 0 or 1? */
int model_splits_to_orders(void);

/**
 * model_store() - write @value to the first, middle and last word of a page
 *
 * As a CPU does: uses the PTE if it permits, else faults. Returns 0,
 * -EFAULT (a signal, in a real process) or -ENOMEM.
 */
int model_store(unsigned int proc, unsigned long addr, unsigned long value);
int model_load(unsigned int proc, unsigned long addr, unsigned long ret[3]);
/** model_poke() - the same as model_store() by the kernel's
 *  access_remote_vm(), as a debugger does it; -EIO: an allocation failed */
int model_poke(unsigned int proc, unsigned long addr, unsigned long value);

/**
 * model_check() - the oracles of the kernel half; what is wrong is a finding
 * @checks: CHECK_* bits
 * @op:     what was done last, for the title
 */
void model_check(unsigned int checks, const char *op); /* no call under way */
#define CHECK_WALK   0x01 /* rmap_walk() of folios against all page tables */
#define CHECK_ALL    0x02 /* of each folio, not only of those at the ends */
#define CHECK_YOUNG  0x04 /* folio_referenced() too; costs the young bits */
#define CHECK_COUNTS 0x08 /* recount of what anon_vma counts */
#define CHECK_CHAINS 0x10 /* who may share an anon_vma */

/**
 * struct model_policy - what a reverse mapping costs, since model_begin()
 * @anon_vmas: the most that were alive at a time
 * @visits:    the most places, mapped or not, that one walk was led to
 */
struct model_policy {
	unsigned long anon_vmas, visits;
};
void model_policy(struct model_policy *ret);

/** model_layout() - a hash of what all processes have mapped, and how. Areas
 *  are joined where they meet and may do the same, so that it does not matter
 *  how many vmas a kernel makes of them. */
unsigned long model_layout(void);

/** model_has_counts() - can this build make CHECK_COUNTS and CHECK_CHAINS? */
int model_has_counts(void);

/**
 * model_fail_nth() - let allocations of this fiber fail
 * @nth:  the n-th from now on, from 1; 0: none
 * @more: and later ones, PROG_FAILS_MAX in all
 */
void model_fail_nth(unsigned int nth, int more);

/** model_bug_at() - file:line of the BUG() or WARN() at @pc; 0 if none */
int model_bug_at(unsigned long pc, const char **ret_file,
	unsigned int *ret_line, int *ret_is_warning);

/* ---- the other half, called by the kernel half ---- */

/* Who calls; the epoch counts what somebody may have waited for */
extern unsigned int fiber_now;
extern unsigned long fiber_epoch;
/* since model_begin(): calls may have overlapped */
extern int fiber_used;

/* bit f: the CPU of fiber f takes no interrupts. Who sends it one waits: where
 * page tables are walked without a lock, that is what keeps them */
extern unsigned int fibers_deaf;

/** fiber_point() - the call comes to the point @pc; it may go on much later. In
 *  fiber 0 nothing happens */
void fiber_point(unsigned long pc);
/** fiber_wait() - go on when the epoch is another one. 0: nobody is left who
 *  could make it so */
int fiber_wait(void);
/** fiber_sleep() - let all others go on as far as they can */
void fiber_sleep(void);

/**
 * finding() - the kernel is wrong; does not return
 * @title:  one line, the same for the same bug
 * @detail: printf() format
 */
void finding(const char *title, const char *detail, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
/** broken() - we are wrong, or this tier does not know the code */
void broken(const char *text, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
/** unimplemented() - a generated stub was called */
void unimplemented(const char *symbol) __attribute__((noreturn));
/** file_word() - what page @page of the file that programs map holds, at the
 *  places that model_store() writes */
#define MODEL_FILE_PAGES 1024
unsigned long file_word(unsigned long page);
/** log_line() - a message of the kernel; judges it: BUG is a finding */
void log_line(const char *format, __builtin_va_list args)
	__attribute__((format(printf, 1, 0)));

#endif
