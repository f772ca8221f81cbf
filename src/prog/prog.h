/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * prog: a program is a short list of calls, each made by an actor (a thread of
 * a process that the program itself forked). One stored form: text, a call a
 * line. The struct is also what the slot carries to the guest, so it is plain
 * data without pointers; it is never stored.
 *
 *   p0 mmap v1+8:16 rw anon
 *   p0 touch v1+8:16
 *   p0 fork p1
 *   p0.t1 async madvise v1+8:16 PAGEOUT
 *   p1 munmap v1+12:4
 *   p1 exit
 *   p0 expect v1+8:16
 *
 * Grammar of a line: ACTOR [PROP...] OP ARG... [STALL]; '#' starts a comment,
 * but not inside a word.
 *   ACTOR  p0..p7, or p0.t1..p7.t3 for a thread other than the first
 *   PROP   async; fail_nth=N or fail_from=N: see struct call
 *   RANGE  vSLOT[+PAGE]:PAGES   pages of PROG_PAGE_SIZE, inside one slot
 *   ENUM   a name of values.def      FLAGS  names joined by '|', or 0
 *   NUM    name=decimal              a child of fork or wait: pN
 *   STALL  stall=SYMBOL[+0xOFFSET][#HIT] until=CALL, or meet=CALL[+NS|-NS]: see
 *	    struct stall
 *
 * Addresses are fixed, so a program means the same in every run: slot k has
 * PROG_SLOT_PAGES pages from prog_addr(k, 0) on. Even slots begin on a 4 MiB
 * boundary (huge pages fit); odd ones 16 pages below a 2 MiB boundary, so that
 * short ranges cross page tables.
 *
 * Sequence: calls are made in the order of the text, one after the other,
 * each by its actor. An `async` call is only started in its turn; the next call
 * of the same actor, a `barrier`, and the end of the program wait for it. A
 * call whose actor does not live (never forked, or gone) is skipped (-ESRCH).
 * A call with a stall is started in its turn too; the calls up to CALL are made
 * while it waits inside the kernel, those behind CALL after it has returned.
 * At the end every live process reads the pages of prog_end_pages() and exits.
 *
 * Pure: no clock, no allocation, no randomness but the struct rng passed in.
 */
#ifndef RMAPTORTURE_PROG_H
#define RMAPTORTURE_PROG_H

#include "base/base.h"

#define PROG_CALLS_MAX	 64
#define PROG_ARGS_MAX	 4
#define PROG_PROCS	 8
#define PROG_THREADS	 4
#define PROG_SLOTS	 8
#define PROG_SLOT_PAGES	 1024
#define PROG_PAGE_SIZE	 4096
#define PROG_STALLS_MAX	 4
#define PROG_SPAWN_PAGES 24   /* of arguments: one string, MAX_ARG_STRLEN */
#define PROG_END_PAGES	 256  /* pages that the end of a program checks */
#define PROG_TEXT_MAX	 8192 /* no canonical text is longer, with its NUL */

/* Capabilities of a guest: bits of `needs`, probed by src/guest/probe.c */
enum cap {
	CAP_KCOV = 1u << 0,	   /* /sys/kernel/debug/kcov */
	CAP_KCOV_MAP = 1u << 1,	   /* harness patch: map folded in the kernel */
	CAP_KCOV_PRUNE = 1u << 2,  /* harness patch: call sites patched out */
	CAP_NUMA = 1u << 3,	   /* two nodes with memory */
	CAP_SWAP = 1u << 4,	   /* a swap device is on */
	CAP_MEMCG = 1u << 5,	   /* cgroup2 memory with memory.reclaim */
	CAP_THP = 1u << 6,	   /* transparent huge pages */
	CAP_KSM = 1u << 7,	   /* /sys/kernel/mm/ksm */
	CAP_SPLIT = 1u << 8,	   /* /sys/kernel/debug/split_huge_pages */
	CAP_CGROUP_KILL = 1u << 9, /* cgroup.kill (5.14) */
	CAP_SPLIT_ORDER = 1u << 10, /* split_huge_pages takes an order (6.9) */
	CAP_FAIL = 1u << 11,	    /* allocations fail on demand */
	CAP_KCOV_STALL = 1u << 12,  /* harness patch: stalls at points */
	CAP_RMAP_FSCK = 1u << 13,   /* harness patch: rmap_fsck */
	CAP_IO_URING = 1u << 14,    /* buffers that are registered are pinned */
	CAP_UFFD_MOVE = 1u << 15,   /* UFFDIO_MOVE (6.8) */
	CAP_UFFD_WP = 1u << 16,	    /* UFFD_FEATURE_WP_ASYNC (6.7), pagemap */
	CAP_SOFT_DIRTY = 1u << 17,  /* clear_refs, pagemap */
	CAP_SWAP_COUNT = 1u << 18,  /* memory.swap.current falls at once */
	CAP_SWAPOFF = 1u << 19,	    /* the device can be turned off and on */
	CAP_FORCE = 1u << 20,	    /* /proc/self/mem writes where it is r */
	CAP_UFFD_COPY = 1u << 21,   /* UFFDIO_COPY */
	CAP_COMPACT = 1u << 22,	    /* /proc/sys/vm/compact_memory */
	CAP_MERGE_ANY = 1u << 23,   /* PR_SET_MEMORY_MERGE (6.4) */
	CAP_KHUGEPAGED = 1u << 24,  /* its round can be asked for */
	CAP_SPAWN = 1u << 25,	    /* programs can be executed */
};
#define CAP_COUNT 26
/** cap_name() - "kcov", "numa" ... for one bit number below CAP_COUNT */
const char *cap_name(unsigned int bit);
/** cap_lack() - what is missing without it and how to get it, one line */
const char *cap_lack(unsigned int bit);

enum backing {
	BACKING_ANON,	       /* private anonymous */
	BACKING_SHARED,	       /* a shared anonymous object of its own */
	BACKING_FILE,	       /* private, of a tmpfs file with known stamps */
	BACKING_MEMFD,	       /* shared, of the program's one memfd */
	BACKING_MEMFD_PRIVATE, /* private, of the same memfd */
	BACKING_STACK,	       /* private anonymous, MAP_GROWSDOWN */
	/* file and memfd: page p of slot k maps page p of the file */
};

/* What an op does to the contents of its (first) range, when it succeeds */
enum effect {
	EFFECT_KEEPS,	 /* nothing a program may see: migration, swap ... */
	EFFECT_READS,	 /* records what is there */
	EFFECT_READS_WP, /* records which pages were not written (OBS_WP) */
	EFFECT_TRACKS,	 /* no page was written, as far as the kernel knows */
	EFFECT_WRITES,	 /* every page gets a stamp (call_stamp()) */
	EFFECT_REPLACES, /* the same, in a new page: the old ones are dropped */
	EFFECT_MAPS,	 /* new mapping, zero pages or the file's */
	EFFECT_ADDS,	 /* new zero pages; fails where something is mapped */
	EFFECT_UNMAPS,
	EFFECT_MOVES,	/* second range gets the pages, replacing its own */
	EFFECT_FILLS,	/* the same, but both stay mapped as they were */
	EFFECT_RESIZES, /* grows with new pages or drops the tail */
	EFFECT_PROTECTS,
	EFFECT_ZEROES,	 /* private pages are dropped: zeros, or the file's */
	EFFECT_MAY_ZERO, /* MADV_FREE: zeros at any time until written */
	EFFECT_INHERITS, /* changes what fork copies */
	EFFECT_CLEANS,	 /* the same of all pages, by soft-dirty bits */
	EFFECT_READS_DIRTY, /* records which pages have one (OBS_DIRTY) */
	EFFECT_FORKS,
	EFFECT_EXITS,
	EFFECT_FROM_VALUE, /* the ENUM value's row tells */
};

enum arg_kind {
	ARG_NONE,
	ARG_RANGE,
	ARG_ENUM,  /* index of one value of a set */
	ARG_FLAGS, /* bit mask over the indices of a set */
	ARG_NUM,
	ARG_ACTOR, /* number of a process */
};

enum value_set {
	VALUES_NONE,
	VALUES_prot,
	VALUES_backing,
	VALUES_mremap,
	VALUES_move,
	VALUES_advice,
	VALUES_COUNT
};

/** struct value - a row of values.def */
struct value {
	enum value_set set;
	const char *name;
	uint64_t bits;
	enum effect effect;
	uint32_t needs;
	uint32_t weight; /* as ops.def has it; 0 means 1 */
};

/** values_of() - the rows of a set, @ret_nr of them, in the order of the file
 */
const struct value *values_of(enum value_set set, uint32_t *ret_nr);

struct arg_desc {
	enum arg_kind kind;
	enum value_set set; /* ENUM and FLAGS */
	const char *name;   /* NUM: the word before '=' */
	uint32_t min, max;  /* NUM: both included */
	uint32_t needs;	    /* NUM: capabilities for values above 0 */
};

/* How the arguments of a plain system call are laid out from the op's */
enum sys_arg_kind {
	SYS_ARG_END,
	SYS_ARG_ADDR,
	SYS_ARG_LEN,
	SYS_ARG_VALUE,
	SYS_ARG_PAGES
};
struct sys_arg {
	uint8_t kind; /* ADDR, LEN (bytes) of a RANGE; VALUE's bits; NUM*4096 */
	uint8_t arg;
	uint16_t base; /* VALUE: bits that are always set too */
};
#define SYS_ARGS_MAX 6

/* Handlers of src/exec/handlers.c; RUN_SYSCALL makes the call of .nr itself */
enum run_kind {
	RUN_SYSCALL,
	RUN_MMAP,
	RUN_BRK,
	RUN_TOUCH,
	RUN_POKE,
	RUN_EXPECT,
	RUN_FORK,
	RUN_EXIT,
	RUN_WAIT,
	RUN_BARRIER,
	RUN_MOVE_PAGES,
	RUN_MIGRATE_PAGES,
	RUN_MBIND,
	RUN_SPLIT,
	RUN_RECLAIM,
	RUN_COMPACT,
	RUN_SWAPOFF,
	RUN_RMAP_FSCK,
	RUN_PIN,
	RUN_UNPIN,
	RUN_VMSPLICE,
	RUN_DRAIN,
	RUN_UFFD_MOVE,
	RUN_UFFD_COPY,
	RUN_UFFD_WP,
	RUN_EXPECT_WP,
	RUN_CLEAR_REFS,
	RUN_EXPECT_DIRTY,
	RUN_KSM,
	RUN_MERGE_ANY,
	RUN_KHUGEPAGED,
	RUN_SPAWN,
	RUN_KINDS
};

/** struct op - a row of ops.def */
struct op {
	const char *name;
	long nr;
	enum run_kind run;
	struct arg_desc arg[PROG_ARGS_MAX];
	struct sys_arg sys[SYS_ARGS_MAX];
	enum effect effect;
	uint32_t needs;
	uint32_t weight;
};

#define OP(id, ...) OP_##id,
enum op_id {
#include "prog/ops.def"
	OP_COUNT
};
#undef OP

extern const struct op ops[OP_COUNT];
/** ops_hash() - of names and arguments: both ends of a slot must agree on it */
uint32_t ops_hash(void);

/** struct range - @pages pages from page @page of slot @slot on */
struct range {
	uint16_t slot;	/* < PROG_SLOTS */
	uint16_t page;	/* < PROG_SLOT_PAGES */
	uint16_t pages; /* >= 1, @page + @pages <= PROG_SLOT_PAGES */
};

union arg {
	struct range range;
	uint64_t num; /* ENUM: index; FLAGS: mask of indices; NUM; ACTOR */
};

#define CALL_ASYNC     0x01
#define CALL_FAIL_FROM 0x02 /* all later ones fail too; .fail is not 0 */

#define CALL_PROPS (CALL_ASYNC | CALL_FAIL_FROM)

/* The kernel's loops end when memory comes back, so it does */
#define PROG_FAILS_MAX 64

/**
 * struct call - one call
 * @fail: which of the allocations that the call makes in the kernel fails, from
 *	  1; 0: none. With CALL_FAIL_FROM later ones too, PROG_FAILS_MAX in all.
 *	  The same number is another allocation in another build: a kernel that
 *	  runs allocates more than the mm code alone.
 */
struct call {
	uint8_t op;	/* enum op_id */
	uint8_t proc;	/* < PROG_PROCS */
	uint8_t thread; /* < PROG_THREADS */
	uint8_t props;	/* CALL_* */
	uint8_t fail;
	uint8_t pad[3];		      /* 0 */
	union arg arg[PROG_ARGS_MAX]; /* unused ones are 0 */
};

#define STALL_SYMBOL_MAX 64 /* bytes, with the NUL */
#define STALL_OFFSET_MAX 0xfffffu
#define MEET_LATER	 1 /* @call is the one that comes @offset later */
#define MEET_EARLIER	 2
#define MEET_NS_MAX	 99999999u /* under TCG a call takes milliseconds */

/**
 * struct stall - a part of the schedule: at the @hit-th time that call @call
 * comes to a point of the kernel, it waits there until call @until is done
 *
 * The wait also ends when call @until sleeps (it needs what the stalled call
 * holds), and after a budget of time. No call from @call + 1 to @until is of
 * the actor that waits. Without CAP_KCOV_STALL, or where the kernel has no such
 * function, the calls only race. On another build the point is the nearest one
 * in the same function.
 *
 * Two calls may wait for each other: @until is an earlier call, whose own stall
 * is until @call. That one goes on when this one is at its point, and this one
 * when that one is done.
 *
 * Without a symbol it is a meeting, which any kernel can have: call @call waits
 * outside of the kernel until @until, a later one, is about to be made; then
 * both go on at once, but for @offset nanoseconds. Several calls may meet the
 * same one. In the user tier they only race.
 */
struct stall {
	char symbol[STALL_SYMBOL_MAX]; /* a function; letters, digits, _ and .;
					  empty: a meeting */
	uint32_t offset; /* of a point as KCOV reports it, from the function's
			    start; 0 stands for its first */
	uint16_t hit;	 /* from 1; MEET_LATER or MEET_EARLIER */
	uint8_t call;
	uint8_t until; /* < nr_calls, not @call */
};

struct prog {
	uint32_t nr_calls;  /* <= PROG_CALLS_MAX */
	uint32_t nr_stalls; /* <= PROG_STALLS_MAX */
	struct call call[PROG_CALLS_MAX];
	struct stall stall[PROG_STALLS_MAX]; /* by rising @call, one a call */
};

static inline bool stall_is_meeting(const struct stall *stall)
{
	return !stall->symbol[0];
}

/** prog_addr() - user address of a page of a slot; constant, below 1 << 46 */
uint64_t prog_addr(uint32_t slot, uint32_t page);
/** ranges_overlap() - have they a page in common? */
bool ranges_overlap(const struct range *a, const struct range *b);
/** ranges_fit() - can all pages of one go to the other: as many, and none in
 *  common? */
bool ranges_fit(const struct range *a, const struct range *b);
/** call_effect() - the op's, or that of the ENUM value that decides it */
enum effect call_effect(const struct call *call);
/** effect_observes() - does it record something of each page, and change none?
 */
static inline bool effect_observes(enum effect effect)
{
	return effect == EFFECT_READS || effect == EFFECT_READS_WP ||
	       effect == EFFECT_READS_DIRTY;
}
/** effect_stamps() - does it give every page call_stamp()? */
static inline bool effect_stamps(enum effect effect)
{
	return effect == EFFECT_WRITES || effect == EFFECT_REPLACES;
}
/** call_needs() - capabilities of the op, its named values and properties */
uint32_t call_needs(const struct call *call);
/** call_bits() - what argument @arg stands for: the bits of ENUM and FLAGS,
 *  the number of NUM and ACTOR */
uint64_t call_bits(const struct call *call, uint32_t arg);
/** call_advises() - is it madvise(2) with @advice, a MADV_*? */
bool call_advises(const struct call *call, uint64_t advice);
/** call_merges() - may KSM merge pages of its process from now on? */
bool call_merges(const struct call *call);
/** call_sys_args() - arguments of the system call .nr of a RUN_SYSCALL op;
 *  unused ones are 0 */
void call_sys_args(const struct call *call, uint64_t ret[SYS_ARGS_MAX]);
/** call_stall() - the stall of call @i, or NULL */
const struct stall *call_stall(const struct prog *prog, uint32_t i);
/** prog_threads() - bit mask of the threads of @proc that make calls; bit 0 set
 */
uint32_t prog_threads(const struct prog *prog, uint32_t proc);

/**
 * prog_check() - is this a program? For bytes from a guest or from a file
 *
 * Returns 0 when every field is in its range (pads and unused fields are 0),
 * else -EBADMSG and the first field that is not in @why. Total: any bytes will
 * do.
 */
int prog_check(const struct prog *prog, struct why *why);

/**
 * prog_parse() - text to program
 * @text: @len bytes, any bytes; need not be terminated
 *
 * Empty lines and comments are skipped. Returns 0, or -EINVAL with line number,
 * word and what was expected in @why, or -E2BIG above PROG_CALLS_MAX calls.
 * @ret is untouched on error. Total and bounded by @len.
 */
int prog_parse(const char *text, size_t len, struct prog *ret, struct why *why);

/** prog_print() - canonical text; prog_parse() of it gives @prog back.
 *  @prog must pass prog_check(). PROG_TEXT_MAX always suffices. */
void prog_print(const struct prog *prog, struct text *out);
/** call_print() - call @i with its stall, without the newline */
void call_print(const struct prog *prog, uint32_t i, struct text *out);

/** prog_move_fails() - @prog with the allocations that are to fail @by later,
 *  each from 1 to 255. false: none is another one than before */
bool prog_move_fails(const struct prog *prog, int by, struct prog *ret);

/*
 * What changes a program keeps its stalls true by these. Stalls name calls by
 * number; one that cannot hold any more is dropped.
 */
/** prog_gap() - room for @nr calls at @at, zeroed; returns how many fit */
uint32_t prog_gap(struct prog *prog, uint32_t at, uint32_t nr);
/** prog_cut() - remove @nr calls from @at on; they are there */
void prog_cut(struct prog *prog, uint32_t at, uint32_t nr);
/** prog_swap() - exchange call @at and the next, which is there */
void prog_swap(struct prog *prog, uint32_t at);
/** prog_take_stalls() - the stalls of @from that lie in its @nr calls from
 *  @first on, whose copies begin at @at of @prog */
void prog_take_stalls(struct prog *prog, uint32_t at, const struct prog *from,
	uint32_t first, uint32_t nr);
/** prog_flip_nodes() - the other of two nodes wherever one is named. Where
 * calls overlap, actors run on other CPUs, and what they touch first is on
 * another node: moved to where it is already, it is not moved. False: none is
 * named */
bool prog_flip_nodes(struct prog *prog);
/** stall_when() - another offset for a meeting, mostly a small one */
void stall_when(struct stall *meeting, struct rng *rng);
/** prog_add_stall() - false: it cannot be, or there is no room; @stall replaces
 *  that of the same call */
bool prog_add_stall(struct prog *prog, const struct stall *stall);
void prog_drop_stall(struct prog *prog, uint32_t i);
/** prog_plain() - no call is asynchronous any more, none has a stall */
void prog_plain(struct prog *prog);
/** prog_pairs() - calls that may overlap the next one, of another actor, in
 *  order: where some are asynchronous or have stalls, those only. Returns how
 *  many */
uint32_t prog_pairs(const struct prog *prog, uint32_t ret[PROG_CALLS_MAX]);
/** prog_fix_stalls() - after a change of actors: drop what cannot hold */
void prog_fix_stalls(struct prog *prog);

/**
 * prog_generate() - a new program of @nr_calls calls (1..PROG_CALLS_MAX), or
 * of a few more where those that belong together are at its end
 * @caps: capabilities of the guest: no op or value that needs more is chosen
 *
 * Knows as it goes which ranges each process has mapped and who lives, so most
 * calls meet something; some are wild on purpose.
 */
void prog_generate(
	struct prog *prog, uint32_t nr_calls, uint32_t caps, struct rng *rng);

/**
 * prog_mutate() - change a program in one to four steps
 *
 * Steps: insert calls, drawn one by one or a few that belong together, remove,
 * splice with @other (may be NULL), change an argument, move a call to another
 * actor, duplicate, swap neighbours, make a call asynchronous or not, let one
 * of its allocations fail or not, change or drop a stall. The result passes
 * prog_check() and has at least a call.
 */
void prog_mutate(struct prog *prog, const struct prog *other, uint32_t caps,
	struct rng *rng);

/** prog_rival() - insert behind call @at one of another actor, mostly on the
 *  same pages. False: no room */
bool prog_rival(struct prog *prog, uint32_t at, uint32_t caps, struct rng *rng);

/** prog_generate_pair() - few calls that bring pages into some state, then one
 *  that looks them up beside one of another actor on the same; perhaps a write
 *  at the end. Returns the number of the first of the two. */
uint32_t prog_generate_pair(struct prog *prog, uint32_t caps, struct rng *rng);

/** prog_cross() - calls of @a up to a cut, then calls of @b from a cut on */
void prog_cross(const struct prog *a, const struct prog *b, struct prog *ret,
	struct rng *rng);

/**
 * prog_minimize() - make a program smaller while it keeps a property
 * @keeps: returns >0 when the program still has it, 0 when not, negative errno
 *	   to stop; called at most @max_tries times
 *
 * Drops runs of calls, then single calls, then stalls, then shrinks ranges and
 * simplifies (no async, first thread). Returns the number of calls to @keeps,
 *or its error (@prog then holds the smallest one that had the property).
 */
int prog_minimize(struct prog *prog,
	int (*keeps)(const struct prog *prog, void *user), void *user,
	uint32_t max_tries);

/*
 * Contents. A touch writes the same stamp at three places of each page (first,
 * middle and last 8 bytes); reading gives the stamp, 0, or one of OBS_*.
 */
/** prog_stamp() - never 0 and none of OBS_*: who (@proc), which generation
 *  (@call, its index) and where */
uint64_t prog_stamp(uint32_t proc, uint32_t call, uint32_t slot, uint32_t page);
/** call_stamp() - what @call, of number @index, writes to a page: prog_stamp(),
 *  or, for a fill, what depends on its value only. For effect_stamps() only */
uint64_t call_stamp(
	const struct call *call, uint32_t index, uint32_t slot, uint32_t page);
/** stamp_describe() - "p1's touch in call 7 of v0+4", "zeros", "no mapping" */
void stamp_describe(uint64_t stamp, struct text *out);
#define OBS_FAULT  0xffffffffffffffffu /* SIGSEGV or SIGBUS: not readable */
#define OBS_TORN   0xfffffffffffffffeu /* the three places differ */
#define OBS_UNREAD 0xfffffffffffffffdu /* never looked at */
/* of expect_wp: is the page's uffd-wp bit set? */
#define OBS_WP	  0xfffffffffffffffcu
#define OBS_NO_WP 0xfffffffffffffffbu
/* of expect_dirty: is its soft-dirty bit, or that of its vma? */
#define OBS_DIRTY 0xfffffffffffffffau
#define OBS_CLEAN 0xfffffffffffffff9u
/** prog_file_stamp() - what page @page of the tmpfs file holds */
uint64_t prog_file_stamp(uint32_t page);

/** struct page_at - a page by slot and number */
struct page_at {
	uint16_t slot;
	uint16_t page;
};
/** range_has() - is @at one of the @pages pages from the range's first on? */
bool range_has(const struct range *range, uint32_t pages, struct page_at at);

/** prog_end_pages() - the pages that each live process reads at the end: those
 *  that a touch or a move's destination names, each once, in that order, at
 * most PROG_END_PAGES. Returns how many. Both ends compute the same list. */
uint32_t prog_end_pages(
	const struct prog *prog, struct page_at ret[PROG_END_PAGES]);

#endif
