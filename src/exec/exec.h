/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exec: the guest's one program. PID 1 sets the machine up and forks a worker a
 * lane; a worker takes programs from its lane of the slot and runs each in a
 * process tree and a memory cgroup of its own.
 *
 * Who is who: PID 1 (init.c) > worker of a lane (worker.c) > the processes of
 * one program (actor.c), all of them direct children of the worker
 * (CLONE_PARENT), which so learns of every death, planned or not.
 *
 * Memory, because a fork copies all of it: the worker is small, and what its
 * children need not see (the slot, KCOV areas) is MADV_DONTFORK. They inherit
 * struct lane (private: each has its copy), struct baton (one shared page with
 * all futexes) and struct window (the pages of the slot that they write: it
 * survives the kernel, and nothing is copied when a program is done).
 */
#ifndef RMAPTORTURE_EXEC_H
#define RMAPTORTURE_EXEC_H

#include "base/base.h"
#include "guest/guest.h"
#include "guest/kcov.h"
#include "prog/result.h"
#include "slot/slot.h"

#include <time.h>

#define ACTOR_STACK_BYTES 16384
#define KCOV_TRACE_WORDS  (1u << 17) /* trace mode: PCs of one actor, + 1 */
#define KCOV_ORDER_WORDS                                                       \
	(1u << 19)  /* the same, of RUN_ORDER: compaction looks at             \
		     * all memory */
#define TICK_MS 100 /* how exactly a program's end is timed */

/* Of one program, bytes: four lanes fit a guest of 1 GiB */
#define CGROUP_MEMORY_MAX "134217728"
#define CGROUP_SWAP_MAX	  "134217728"
#define CGROUP_PIDS_MAX	  "64" /* above PROG_PROCS * PROG_THREADS */

#define PINS_MAX 8

/** struct guest - what PID 1 found and made; constant once the workers run */
struct guest {
	struct slot *slot;
	int slot_fd;   /* resource2 of the device */
	uint32_t caps; /* enum cap */
	uint32_t nr_lanes;
	uint32_t nr_cpus;
	uint32_t tsc_mhz;  /* ticks a microsecond, at least 1 */
	int file_fd;	   /* the tmpfs file of BACKING_FILE */
	int split_fd;	   /* split_huge_pages, or -1 */
	int fail_fd[2];	   /* how often FAIL_SLAB, FAIL_PAGES may fail, or -1 */
	int fsck_fd;	   /* rmap_fsck, or -1 */
	int compact_fd;	   /* compact_memory, or -1 */
	int ksm_fd;	   /* full_scans of KSM, or -1 */
	int khugepaged_fd; /* the same of khugepaged, or -1 */
	int khugepaged_wake_fd; /* what is written there wakes it, or -1 */
	char fsck_text[64];	/* what is written there: the slots of "self" */
};

/*
 * The baton: @turn is the number of the next call, then (nr_calls + p) for the
 * end of process p, and only who has the turn moves it (turn_pass()). A worker
 * moves it for the dead. All words are futexes or change atomically.
 */
enum life { LIFE_NONE, LIFE_LIVES, LIFE_DEAD };

struct baton_actor {
	uint32_t asleep; /* futex: 1 while it sleeps until its turn */
	uint32_t flight; /* it makes an async call */
};

/** struct baton_stall - one stall of the program, while it runs. Who comes to
 *  the calls inside waits until the stalled one has reached its point or will
 *  not (@open), and behind them until it has returned (@over). */
struct baton_stall {
	struct kcov_stall_words words;
	uint32_t open;
	uint32_t over; /* futex */
	/* of a meeting: the later call is about to be made, or will not be; the
	 * earlier one is there, and awake; both go on */
	uint32_t soon, here, met;
};

struct baton {
	uint32_t turn;
	uint32_t barrier; /* futex: 1 while someone waits for all flights */
	struct {
		uint32_t life;	  /* enum life; futex of who waits for an end */
		uint32_t exiting; /* its exit call was made */
		int32_t pid;
	} proc[PROG_PROCS];
	struct baton_actor actor[PROG_PROCS][PROG_THREADS];
	struct baton_stall stall[PROG_STALLS_MAX];
	struct {
		uint32_t first, end; /* RUN_TRACE: words of its actor's area */
	} trace[PROG_CALLS_MAX];
};

/** struct window - the pages of a slot_lane that the guest writes and actors
 *  inherit, mapped once more by themselves */
struct window {
	struct {
		uint32_t reply;
		uint32_t map_bytes;
		uint64_t programs;
		uint64_t wait_ns;
		struct prog_result result;
	} reply __attribute__((aligned(4096)));
	uint8_t progress[SLOT_RECORDS][PROG_CALLS_MAX]
		__attribute__((aligned(4096)));
};
_Static_assert(offsetof(struct window, reply.result) ==
		       offsetof(struct slot_lane, result) -
			       offsetof(struct slot_lane, reply),
	"the window shows a lane");
_Static_assert(offsetof(struct window, progress) ==
		       offsetof(struct slot_lane, progress) -
			       offsetof(struct slot_lane, reply),
	"the window shows a lane");

/** struct cgroup - the memory cgroup of one or more programs, one by one */
struct cgroup {
	char path[64]; /* "" when there is none */
	uint32_t programs, serial;
	int dir_fd, kill_fd, reclaim_fd, events_fd; /* -1: none */
	uint64_t oom_kills;			    /* when last asked */
};

/** struct kcov - one actor's KCOV; opened when first needed */
struct kcov {
	int fd; /* -1: not opened */
	void *area;
};

/** struct actor - what a process or thread of a program is started with */
struct actor {
	struct lane *lane;
	uint32_t proc, thread;
};

/** struct lane - a worker and its program; each process has its own copy */
struct lane {
	const struct guest *guest;
	uint32_t index;
	struct baton *baton;
	struct window *window;
	struct prog_result *result; /* in the window */
	uint8_t *progress;	    /* in the window: of this program */
	uint32_t flags;		    /* RUN_* of this program */
	uint32_t timeout_ms;	    /* of this program */
	uint64_t stall_pc[PROG_STALLS_MAX];
	bool spread;	 /* it has async calls: actors go to several CPUs */
	bool fails;	 /* it has calls whose allocations fail */
	bool swaps_off;	 /* it has calls that turn swap off for a moment */
	time_t vmstat_s; /* when vmstat_publish() last wrote */
	uint32_t nr_settings; /* of the slot, that were applied */
	int quiet_fd;	      /* see leak.c; -1: no lock */
	bool leak_known;      /* @objects were counted */
	uint32_t objects[LEAK_KINDS];
	int pin_fd[PINS_MAX];	      /* of this process; 0: none */
	int pipe_fd[PINS_MAX];	      /* the same, of vmsplice */
	int uffd_fd;		      /* the same: one, of uffd_wp */
	int memfd;		      /* -1: the program names none */
	uint32_t threads[PROG_PROCS]; /* prog_threads() */
	struct cgroup cgroup;
	bool kcov_on;	     /* of this program */
	uint32_t kcov_arg;   /* of KCOV_ENABLE */
	uint32_t kcov_bytes; /* of each area that is open */
	struct kcov kcov[PROG_PROCS][PROG_THREADS];
	struct sites *sites; /* RUN_COUNT's table, or NULL */
	uint32_t *order;     /* of RUN_ORDER: KCOV_ORDER_WORDS, or NULL */
	uint32_t nr_order;
	struct actor actor[PROG_PROCS][PROG_THREADS];
	struct prog prog;
	uint8_t stack[PROG_THREADS][ACTOR_STACK_BYTES]
		__attribute__((aligned(4096)));
};

/* file.c */
/** file_make() - the tmpfs file of BACKING_FILE, with its known stamps. Returns
 *  a descriptor, or negative errno with @why */
int file_make(struct why *why);

/** selftests_main() - run what the host asks for, out of /selftests. Returns
 *  only where the machine cannot be set up: negative errno with @why */
int selftests_main(struct why *why);

/* own.c: only programs' memory is reclaimed; actor's end, raw calls only */
/** own_lock() - the executor's memory in this process stays */
void own_lock(const struct lane *lane);
/** lru_drain() - pages that CPUs keep on their way to the LRU lists go there:
 *  a walk of those meets them */
void lru_drain(void);

/* cgroup.c */
/** cgroup_renew() - make @cgroup ready for a program of @lane: the old one
 * while it is fresh enough, else a new one. 0 or negative errno with @why */
int cgroup_renew(struct cgroup *cgroup, uint32_t lane, struct why *why);
/** cgroup_drop() - remove it, if it is empty; the next renewal makes another */
void cgroup_drop(struct cgroup *cgroup);
/** cgroup_kill() - SIGKILL to every task in it */
void cgroup_kill(const struct cgroup *cgroup);
/** cgroup_system_us() - that its tasks have spent in the kernel; only
 *  differences mean something. 0: not known */
uint64_t cgroup_system_us(const struct cgroup *cgroup);
/** cgroup_pages() - pages that are charged to it and no memory of the kernel's
 *  own. What CPUs keep for the next charge is given back first, if there are
 *  more than @known; what can be reclaimed is. 0 where it is not told. */
uint32_t cgroup_pages(const struct cgroup *cgroup, uint32_t known);
/** cgroup_reclaim() - @bytes as memory.reclaim takes them, or what there is */
void cgroup_reclaim(const struct cgroup *cgroup, const char *bytes);
/** cgroup_swap() - pages of swap that it is charged for */
uint32_t cgroup_swap(const struct cgroup *cgroup);
/** cgroup_oomed() - has the OOM killer struck since the last question? */
bool cgroup_oomed(struct cgroup *cgroup);

/* kcov.c: worker's end, but for kcov_enable() */
/** kcov_prepare() - have an area open for each actor that @lane->prog names, in
 *  the mode that @lane->flags need; sets kcov_arg. 0 or negative errno */
int kcov_prepare(struct lane *lane, struct why *why);
/** kcov_enable() - an actor starts to be traced */
void kcov_enable(const struct actor *actor);
/** kcov_mark() - where in its actor's trace a call begins (@end: ends). With
 *  RUN_TRACE only */
void kcov_mark(const struct actor *actor, uint32_t i, bool end);
/** kcov_trace() - the calls' points to @ret, and clear all areas */
void kcov_trace(struct lane *lane, struct slot_trace *ret);
/** kcov_keep() - the points of the call that @lane->flags name, in order, until
 *  the next time; clears all areas. kcov_order() - as many of those as a map
 *  holds, from @from on, to @ret_pcs. Returns how many there are in all */
void kcov_keep(struct lane *lane);
uint32_t kcov_order(const struct lane *lane, uint32_t from, uint32_t *ret_pcs);
/** kcov_collect() - fold all areas of the program into @map and clear them;
 * count sites for kcov_rank(). Returns the number of PCs (0 in map mode). */
uint32_t kcov_collect(struct lane *lane, uint8_t *map);
/** kcov_rank() - the @nr sites counted most often among those that every
 *  counted program hit, to @ret_pcs; forgets the counts. Returns how many. */
uint32_t kcov_rank(struct lane *lane, uint64_t *ret_pcs, uint32_t nr);
/** kcov_prune() - patch out @nr sites; what is none is passed over. Sorts. */
void kcov_prune(uint64_t *pcs, uint32_t nr);
/** kcov_sites() - how many call sites the kernel has, and how many are pruned;
 *  both 0 when it does not tell */
void kcov_sites(uint32_t *ret_sites, uint32_t *ret_pruned);

/* leak.c: what programs leave behind, counted while none runs */
/** leak_open() - once for a lane */
void leak_open(struct lane *lane);
/** leak_begin() - a program starts: nobody counts while it runs. With RUN_LEAK
 *  the first count, if there was none. leak_end() - it is gone: with RUN_LEAK
 *  fills result.leaked */
void leak_begin(struct lane *lane);
void leak_end(struct lane *lane);

/* baton.c */
/** turn_start() - give the first call its turn */
void turn_start(struct lane *lane);
/** turn_wait() - sleep until call (or end) @i has the turn; false: it was
 * passed over before this actor was born */
bool turn_wait(const struct actor *actor, uint32_t i);
/** turn_pass() - @i is done: hand on to the next whose actor lives; the calls
 * of the dead on the way are skipped. No effect when @i no longer has the turn.
 */
void turn_pass(struct lane *lane, uint32_t i);
/** turn_bury() - worker's end: process @proc is gone, whatever it was doing */
void turn_bury(struct lane *lane, uint32_t proc);
void flight_begin(const struct actor *actor);
void flight_end(const struct actor *actor);
/** flight_wait() - sleep until no async call is under way; one at a time */
void flight_wait(const struct actor *actor);
/** life_begin() - claim process @proc for a fork, so that its calls are not
 * passed over; false: it lives. life_fail() - the fork failed */
bool life_begin(struct lane *lane, uint32_t proc);
void life_fail(struct lane *lane, uint32_t proc);
/** life_wait() - sleep until process @proc is dead */
void life_wait(struct lane *lane, uint32_t proc);

/* stall.c: the calls that wait inside the kernel. Each has no effect in a
 * program without stalls. */
/** stall_enter() - before call @i is made: wait for the stalled calls before
 *  it, as struct baton_stall says */
void stall_enter(const struct actor *actor, uint32_t i);
/** stall_begin() - call @i is made now: arm its stall, tell the others whom to
 *  watch. stall_end() - it has returned */
void stall_begin(const struct actor *actor, uint32_t i);
void stall_end(const struct actor *actor, uint32_t i);
/** stall_skip() - call @i will not be made, or not to its end: nobody waits for
 *  it. Any process. */
void stall_skip(struct lane *lane, uint32_t i);
/** stall_cross() - worker's end: of two calls that wait for each other let the
 *  first go on when the second is at its point. False: there is none to come */
bool stall_cross(struct lane *lane);
/** stall_armed() - does @actor make a call that waits, and not as the second?
 */
bool stall_armed(const struct actor *actor);

/* actor.c */
/** actor_start() - entry of process @arg (struct actor *), in its first thread
 */
void actor_start(void *arg);
void actor_exit(void) __attribute__((noreturn));

/* fail.c */
/** setup_fail() - fault injection that waits for fail_begin() */
void setup_fail(struct guest *guest);
/** struct failing - what fail_begin() opened, and fail_end() closes */
struct failing {
	int nth_fd, task_fd; /* -1: nothing fails */
};
/** fail_begin() - allocations of this thread fail as @call says, from now on */
struct failing fail_begin(const struct actor *actor, const struct call *call);
void fail_end(const struct failing *failing);
/** fail_forget() - a new process is not to fail as its parent did */
void fail_forget(const struct actor *actor);

/* handlers.c, handlers_pages.c */
/** call_prepare() - what must be done before another actor has the turn */
void call_prepare(const struct actor *actor, uint32_t i);
/** call_make() - make call @i as @actor; fills ret, err and observations */
void call_make(const struct actor *actor, uint32_t i);
/** page_observe() - what a page holds: its stamp, 0, OBS_FAULT or OBS_TORN.
 *  @before: what the page before it held, or 0: holes are seldom of one page */
uint64_t page_observe(uint32_t slot, uint32_t page, uint64_t before);

/* pin.c: long-term pins, each a buffer registered with an io_uring of its own.
 * A child inherits them and can let go of them as its parent can. */
/** pin_take() - 0 or negative errno. pin_drop() - all that this process took
 *  or inherited; returns how many */
long pin_take(const struct actor *actor, uint64_t addr, uint64_t len);
long pin_drop(const struct actor *actor);
/* What both keep, in PINS_MAX places of one process: descriptors, which are
 * never 0. */
/** pin_place() - keep @fd; false: all places are taken */
bool pin_place(int *places, int fd);
/** pin_clear() - @drop each that is kept; returns how many */
long pin_clear(int *places, void (*drop)(int fd));

/* pipe.c: plain references to pages, each range in a pipe of its own. */
/** pipe_take() - how many pages were taken, or negative errno. pipe_drop() -
 * all that this process took or inherited; returns how many pipes */
long pipe_take(const struct actor *actor, uint64_t addr, uint64_t len);
long pipe_drop(const struct actor *actor);

/** uffd_move() - uffd.c: the pages of @len bytes at @from go to @to, which does
 *  not overlap it and whose own are dropped first, by UFFDIO_MOVE. Both are
 *  private and anonymous, with the same rights, or it fails. 0, or negative
 *  errno: some may have moved. */
long uffd_move(uint64_t to, uint64_t from, uint64_t len);
/** uffd_take() - who touches what is missing of @len bytes at @addr waits until
 *  uffd_let(). A file, or negative errno */
long uffd_take(uint64_t addr, uint64_t len);
void uffd_let(long fd, uint64_t addr, uint64_t len);
/** uffd_copy() - the page at @addr, which is taken by @fd, is dropped, and one
 *  with @stamp comes in its place. 0, or negative errno: it may be dropped */
long uffd_copy(long fd, uint64_t addr, uint64_t stamp);
/** uffd_track() - from now on it is noted which pages of @len bytes at @addr
 * are written; of all that can be, and none was so far. 0 or negative errno */
long uffd_track(const struct actor *actor, uint64_t addr, uint64_t len);
/** uffd_forget() - a new process tracks nothing, as yet */
void uffd_forget(const struct actor *actor);

/* pagemap.c */
enum pagemap_what {
	PAGEMAP_WP,   /* uffd-wp: tracked, and not written since. OBS_*WP */
	PAGEMAP_DIRTY /* soft-dirty: written, or new. OBS_DIRTY, OBS_CLEAN */
};
/** pagemap_read() - what the caller's pagemap says of @nr pages from @addr on;
 *  OBS_UNREAD: nothing. Returns @nr, or negative errno and nothing in @ret */
long pagemap_read(
	uint64_t addr, uint32_t nr, enum pagemap_what what, uint64_t *ret);
/** soft_dirty_clear() - of all pages of the caller. 0 or negative errno */
long soft_dirty_clear(void);

/* mem.c */
#define PAGE_WORDS (PROG_PAGE_SIZE / sizeof(uint64_t))
/** page_fill() - what a page that holds @stamp looks like */
void page_fill(uint64_t page[PAGE_WORDS], uint64_t stamp);
/** mem_open() - the caller's own memory; a file, or negative errno */
long mem_open(void);
void mem_close(long fd);
/** mem_store() - @stamp to the first, middle and last word of a page, zeros
 *  between, at once; private pages are written whatever their protection. 0,
 *  -EIO: nobody may write there, or other negative errno */
long mem_store(long fd, uint64_t addr, uint64_t stamp);

/* spawn.c */
#define SPAWN_NAME "spawned" /* argv[0] of init where it has only to end */
/** spawn() - a child of the caller executes our own program with @pages pages
 *  of arguments, which ends at once; until then. 0 or negative errno */
long spawn(struct lane *lane, uint32_t pages);

/* swap.c */
/** swap_empty() - swapoff(2) and swapon(2). Negative errno of the first:
 *  another lane does so, or there is no room for all in memory */
long swap_empty(void);
/** swap_on() - whoever was killed between the two has left it off */
long swap_on(void);

/* daemons.c */
/** ksm_wait() - until ksmd has looked at all that may be merged, and merged it.
 *  0; -EAGAIN: it does not, in time; or another negative errno */
long ksm_wait(const struct guest *guest);
/** khugepaged_wait() - until khugepaged has looked at all that may have huge
 *  pages. The same */
long khugepaged_wait(const struct guest *guest);

/** rmap_fsck() - compare the caller's slots with their reverse mapping.
 *  0, -EUCLEAN: errors, other negative errno: not checked */
long rmap_fsck(const struct guest *guest);

/* worker.c */
/** worker_main() - serve lane @index for ever. @idle is raised by one when it
 *  waits for its first request. */
void worker_main(const struct guest *guest, uint32_t index, uint32_t *idle)
	__attribute__((noreturn));
/** worker_clone() - start @entry in @lane's cgroup; pid or negative errno */
long worker_clone(
	struct lane *lane, int32_t *pid, void (*entry)(void *), void *arg);

/* vmstat.c */
/** vmstat_publish() - the slot's vmstat_first, and about every second
 *  vmstat_last. Between programs */
void vmstat_publish(struct lane *lane);

/* gcov.c */
/** gcov_copy() - up to @size bytes, from byte @from on, of the stream of
 *  struct slot_gcov; 0 reads the counts anew. Returns how long it is; 0: this
 *  kernel does not count */
uint32_t gcov_copy(uint32_t from, uint8_t *ret, uint32_t size);

/* bare.c */
/** bare_run() - the calls of corpus/seeds/bench.prog by hand, @times over, a
 *  process each. Returns microseconds of all, or negative errno. */
int64_t bare_run(struct lane *lane, uint32_t times, struct why *why);

#endif
