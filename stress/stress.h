/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stress: the guest's program of `rmaptorture stress`. PID 1 (main.c) takes a
 * load from the board and runs it in rounds (round.c): a process tree and a
 * memory cgroup for each job of each stressor. A stressor is a function that
 * loops while job_on(), checks the contents of all it wrote (region.c), and
 * counts what it made the kernel do.
 *
 * Memory: a job's cgroup bounds it; where the bound is passed the job is killed
 * and begun anew, which is not a finding.
 */
#ifndef RMAPTORTURE_STRESS_H
#define RMAPTORTURE_STRESS_H

#include <sys/types.h>

#include "base/base.h"
#include "load/load.h"
#include "stress/rows.h"

#define LOAD_GROUP	"/sys/fs/cgroup/load"
#define JOURNAL_ENTRIES 256
#define DISK_DATA	"/dev/vda1"
#define DISK_SWAP	"/dev/vda2"
#define PEER_DIR	"/selftests" /* the folder of the initramfs */
#define LAZY_SWITCH	"/sys/kernel/mm/anon_vma_lazy/enabled"
#define TICK_MS		100
#define OWNER_SHIFT	26 /* of the stressor; below it is a serial number */

/* What a row may need; needs.c knows how to ask, and what to tell */
enum need {
	NEED_MEMCG,
	NEED_SWAP,
	NEED_NUMA,
	NEED_THP,
	NEED_SPLIT,
	NEED_KSM,
	NEED_URING,
	NEED_UFFD_MOVE,
	NEED_DISK,
	NEED_ZRAM_ADD,
	NEED_HOTPLUG,
	NEED_IDLE,
	NEED_HUGETLB,
	NEED_LAZY,
	NEED_PEER,
	NEED_NR
};

struct job;

/** struct stressor - a row */
struct stressor {
	const char *name;
	uint32_t needs;	    /* bits of enum need */
	uint64_t work;	    /* bits of enum work that must rise */
	uint64_t vm;	    /* bits of enum vmstat that must rise */
	const char *forces; /* one line */
	void (*run)(struct job *job);
};
extern const struct stressor stressors[STRESSOR_NR + 1];
#define ROW_PEER                                                               \
	STRESSOR_NR /* the last: another tool in our place (peer.c)            \
		     */

/** struct journal - what the processes of a job did last, for a finding */
struct journal {
	uint32_t next;
	struct {
		uint64_t ms;
		char op[20];
		uint32_t owner, pages;
		uint64_t addr;
	} entry[JOURNAL_ENTRIES];
};

/**
 * struct job - a stressor at work. Each process of it has its own copy; what
 * the pointers name is shared by all.
 * @owner: who writes in this process: unique in this boot
 */
struct job {
	const struct stressor *stressor;
	struct board *board;
	struct board_stressor *work;
	struct journal *journal;
	uint32_t *serial, *halt; /* next owner; 1: stop all */
	uint32_t id, index, owner;
	uint32_t nr_nodes;
	uint32_t pages; /* memory that its cgroup grants */
	uint64_t start_ns, end_ns;
	int reclaim_fd;	    /* memory.reclaim of its cgroup, or -1 */
	char cgroup[128];   /* its folder */
	pid_t pid;	    /* of its first process; PID 1 only */
	uint64_t stat_prev; /* of memory.stat; PID 1 only */
	uint64_t ooms;	    /* of memory.events; PID 1 only */
	struct rng rng;
};

/* --- job.c: what stressors are made of ------------------------------------ */

uint64_t now_ns(void);
/** job_on() - go on? False at the end of the round or after a finding */
bool job_on(const struct job *job);
void job_did(struct job *job, enum work work, uint64_t n);
/** job_took() - note that something took from @start_ns to now */
void job_took(struct job *job, enum latency latency, uint64_t start_ns);
/** job_note() - a line of the journal: @op on @pages from @addr (0: none) */
void job_note(
	struct job *job, const char *op, const void *addr, uint32_t pages);
/** job_frame() - number of the page frame at @addr; 0: none, or not told */
uint64_t job_frame(const void *addr);
/** job_fork() - fork(2), timed and counted; the child has a new owner and
 *  random numbers of its own. Negative errno where the kernel refused */
pid_t job_fork(struct job *job);
/** job_born() - the calling process is a new one of the job: a new owner, and
 *  random numbers from @seed. For who cannot use job_fork() */
void job_born(struct job *job, uint64_t seed);
/** job_spawn() - a child that runs @fn and exits */
pid_t job_spawn(struct job *job, void (*fn)(struct job *, void *), void *arg);
/** job_wait() - for @pid to end; a child that found something ends us too */
void job_wait(pid_t pid);
void job_kill(struct job *job, pid_t pid);
/** job_broken() - we cannot go on: tell why; ends the process */
void job_broken(struct job *job, const char *fmt, ...) PRINTF(2, 3)
	__attribute__((noreturn));
/** job_found() - the kernel is wrong; @addr: page whose journal is told, or
 *  NULL. Ends the process. */
void job_found(struct job *job, const char *kind, const void *addr,
	const char *fmt, ...) PRINTF(4, 5) __attribute__((noreturn));
/** job_enter() - PID 1's child becomes the job's first process */
void job_enter(struct job *job) __attribute__((noreturn));
#define JOB_EXIT_FOUND	1
#define JOB_EXIT_BROKEN 3

/* --- region.c: memory whose contents are known ---------------------------- */

enum mark_state { MARK_UNMAPPED, MARK_ZERO, MARK_DATA, MARK_EITHER };

/** struct mark - what a page must hold; EITHER: its data, or zeros (FREE) */
struct mark {
	struct page_id id;
	enum mark_state state;
};

struct region {
	uint8_t *base;
	uint32_t pages;
	uint32_t generation; /* of the last write */
	uint64_t home;	     /* of page 0 as it was made */
	bool large;	     /* it may have large folios */
	bool merges;	     /* by ksmd, and every second write is of twins */
	struct mark *mark;
};

/** region_map() - @pages of private anonymous memory, on a 2 MiB boundary where
 *  @huge; all zeros, all mapped. Breaks the job where there is none */
void region_map(struct job *job, struct region *ret, uint32_t pages, bool huge);
/** region_map_any() - the same, of whatever folios: small, 64 KiB or 2 MiB ones
 *  (then more pages, whole ones), in one of three cases merged by ksmd, as the
 *  job's random numbers say */
void region_map_any(struct job *job, struct region *ret, uint32_t pages);
/** region_renew() - @nr pages from @page are mapped anew, all zeros: large
 *  folios that writes and forks have split may be whole again. Breaks the job
 *  where there is no memory */
void region_renew(
	struct job *job, struct region *region, uint32_t page, uint32_t nr);
/** region_map_hugetlb() - the same of hugetlb pages, whole ones. Of each only
 * the first, one in the middle and the last 4 KiB are looked at: the others are
 *  MARK_UNMAPPED. False where there are not enough for now */
bool region_map_hugetlb(struct job *job, struct region *ret, uint32_t pages);
void region_unmap(struct job *job, struct region *region);
/** region_write() - new contents for @nr pages from @page; mapped ones only */
void region_write(
	struct job *job, struct region *region, uint32_t page, uint32_t nr);
/** region_write_twins() - the same, but the contents are some that other pages
 *  of this stressor have, in whatever process and at whatever place */
void region_write_twins(
	struct job *job, struct region *region, uint32_t page, uint32_t nr);
/** region_check() - compare @nr pages from @page with what they must hold;
 *  a difference is a finding */
void region_check(
	struct job *job, struct region *region, uint32_t page, uint32_t nr);
/** region_mark() - from now on they must be in @state */
void region_mark(struct region *region, uint32_t page, uint32_t nr,
	enum mark_state state);
static inline uint8_t *region_at(const struct region *region, uint32_t page)
{
	return region->base + (size_t)page * LOAD_PAGE;
}
/** region_range() - a random range of at most @max pages */
uint32_t region_range(struct job *job, const struct region *region,
	uint32_t max, uint32_t *ret_nr);

/* --- walkers.c: what makes the kernel walk -------------------------------- */

/** job_reclaim() - write @pages to memory.reclaim of the job's cgroup */
void job_reclaim(struct job *job, uint32_t pages);
/** walker_reclaim(), walker_migrate() - start a process that does so until the
 *  end; the latter walks @region of the caller, which must outlive it.
 *  Returns its pid, or 0 where it could not be started */
pid_t walker_reclaim(struct job *job);
pid_t walker_migrate(struct job *job, struct region *region);
/** walker_merge() - ksmd, where there is one, hurries from now on, and passes
 *  over no page that is MADV_MERGEABLE */
void walker_merge(void);

/* --- tree.c --------------------------------------------------------------- */

#define TREE_PAGES 384 /* a fork copies them all, and takes as long */
/** tree_run() - one tree of forks over @region, of random depth, width and exit
 *  order; all check what they inherit and write; at its end all are reaped */
void tree_run(struct job *job, struct region *region);

/* --- PID 1 ---------------------------------------------------------------- */

/** needs_lack() - the first of @needs that is missing, one line; NULL: none */
const char *needs_lack(uint32_t needs, uint32_t caps);

/** round_run() - run the stressors of @set until @end_ns: 0, or negative errno
 *  where they could not be started */
int round_run(struct board *board, uint64_t set, uint32_t round,
	uint64_t end_ns, struct why *why);

/* sample.c: the kernel's counters */
void sample_begin(void);
/** sample_take() - add what happened since the last time to @board */
void sample_take(struct board *board);
/** sample_cgroup() - pages that @job's cgroup has lost to reclaim so far */
uint64_t sample_cgroup(const struct job *job);
/** sample_key() - the value behind "KEY " in the file @path, or 0 */
uint64_t sample_key(const char *path, const char *key);

/* quiet.c: what must hold when nothing runs */
void quiet_begin(void);
/** quiet_frozen() - while all mappings are there and no task runs, until
 *  @end_ns or a process longer */
void quiet_frozen(struct board *board, uint64_t end_ns);
/** quiet_empty() - when all jobs are dead */
void quiet_empty(struct board *board);
/** quiet_restore() - bring back what a job that was killed left changed in the
 *  machine: swap devices, memory blocks */
void quiet_restore(void);
/** board_found() - file a finding of PID 1's own; @stressor as on the board */
void board_found(struct board *board, uint32_t stressor, const char *kind,
	const char *fmt, ...) PRINTF(4, 5);

void stress_peer(struct job *job);
#define STRESSOR(name, needs, work, vm, forces)                                \
	void stress_##name(struct job *job);
#include "stress/stressors.def"
#undef STRESSOR

#endif
