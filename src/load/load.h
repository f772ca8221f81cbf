/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * load: what the host and the guest of `rmaptorture stress` share: the board
 * (a layout of shared memory that survives the guest), the contents that
 * stressors write and check, histograms of latencies. Pure.
 *
 * Trust: what the guest wrote on the board is hostile: board_take() copies and
 * makes the copy safe to print.
 */
#ifndef RMAPTORTURE_LOAD_H
#define RMAPTORTURE_LOAD_H

#include "base/base.h"

/* The disk of the VM: two partitions, for I/O and for swap */
#define LOAD_DISK_DATA_MIB 64
#define LOAD_DISK_SWAP_MIB 24

enum work {
#define WORK(id, text) WORK_##id,
#include "load/counters.def"
	WORK_NR
};

enum vmstat {
#define VMSTAT(id) VMSTAT_##id,
#include "load/counters.def"
	VMSTAT_NR
};

enum latency {
#define LATENCY(id) LATENCY_##id,
#include "load/counters.def"
	LATENCY_NR
};

/** Names as in results ("pages_migrated", "pswpout", "fork"). Below *_NR. */
const char *work_name(enum work work);
const char *vmstat_name(enum vmstat vmstat);
const char *latency_name(enum latency latency);

/* --- page.c: contents ----------------------------------------------------- */

#define LOAD_PAGE   4096
#define LOAD_SECTOR 512

/**
 * struct page_id - what a page holds: who wrote it, the how manyth write of
 * it was it, and for which page
 * @home: a number that its writer gives to each page that it writes; it is not
 *        the address, since pages move
 */
struct page_id {
	uint32_t owner;
	uint32_t generation;
	uint64_t home;
};

/** page_fill() - write all LOAD_PAGE bytes. Each sector tells the id, its
 *  own number and a checksum; the rest repeats, so that swap compresses it. */
void page_fill(void *page, const struct page_id *id);

enum page_state {
	PAGE_GOOD,
	PAGE_ZERO,    /* zeros, every byte */
	PAGE_STALE,   /* a whole page that was written to this home before */
	PAGE_FOREIGN, /* a whole page that belongs elsewhere */
	PAGE_TORN,    /* sectors of different writes */
	PAGE_CORRUPT, /* bytes that nobody wrote */
};

/** struct page_look - what page_check() saw
 *  @offset: of the first wrong 8 bytes; @found: what is there, as far as it
 *  is an id; @word: the wrong 8 bytes */
struct page_look {
	enum page_state state;
	uint32_t offset;
	uint64_t word;
	struct page_id found;
};

/** page_check() - compare every byte with page_fill(@want) */
enum page_state page_check(
	const void *page, const struct page_id *want, struct page_look *ret);

/* --- histogram.c ---------------------------------------------------------- */

#define HISTOGRAM_BUCKETS 128

/** histogram_bucket() - four an octave, from 256 ns to 2^40 ns */
uint32_t histogram_bucket(uint64_t ns);
/** histogram_percentile() - upper bound, ns, of the bucket that holds it;
 *  @percent in 1..100. 0 where nothing was counted */
uint64_t histogram_percentile(
	const uint32_t count[HISTOGRAM_BUCKETS], uint32_t percent);

/* --- board.c -------------------------------------------------------------- */

#define BOARD_MAGIC	0x44425452u /* "RTBD" */
#define BOARD_VERSION	2
#define BOARD_BYTES	(1u << 20)
#define BOARD_STRESSORS 32
#define BOARD_JOBS	64 /* at once, of all stressors */
#define BOARD_HISTORY	3072
#define BOARD_SETTINGS	1024 /* bytes of text, with its NUL */

enum board_state {
	BOARD_BOOTING = 0,
	BOARD_IDLE = 1,
	BOARD_BROKEN = 2, /* init could not go on: see @message */
};

enum stress_outcome {
	STRESS_NONE,	/* it was not asked for, or has not run yet */
	STRESS_PASS,	/* ran, contents right, and what it forces happened */
	STRESS_SKIP,	/* the kernel or machine lacks what it needs */
	STRESS_BROKEN,	/* it could not run, or what it forces did not happen */
	STRESS_FINDING, /* it saw the kernel do wrong */
	STRESS_OUTCOMES,
};
const char *stress_outcome_name(enum stress_outcome outcome);

#define LOAD_MIX   0x01 /* not all at once: some of them a round, by the seed */
#define LOAD_TURNS 0x04 /* a few of them a round, all in turn */
#define LOAD_PEER  0x02 /* no stressor: the tool that came in the initramfs */

/** struct load - what to run; written by the host */
struct load {
	uint64_t stressors; /* bit i: row i of stressors.def */
	uint64_t seed;
	uint32_t jobs; /* of each stressor, 1..BOARD_JOBS */
	uint32_t seconds;
	uint32_t round_s; /* of one round */
	uint32_t scale;	  /* waits are multiplied by it: slow emulation */
	uint32_t flags;	  /* LOAD_* */
};

/* --- turn.c --------------------------------------------------------------- */

/** load_round() - those of @set, which is not empty, that run in round @turn */
uint64_t load_round(
	const struct load *load, uint64_t set, uint32_t turn, struct rng *rng);
/** load_round_s() - how long each round of @set is, at least 1 */
uint32_t load_round_s(const struct load *load, uint64_t set);

/* --- text.c: a load as the command line has it --------------------------- */

/** load_print() - "--stressor a,b --jobs 2 --max-runtime 60 --seed 7", all that
 *  makes a run again; @names: of the @nr rows */
void load_print(const struct load *load, const char *const *names, uint32_t nr,
	struct text *out);
/** load_parse() - the same words back; 0 or -EINVAL with @why, and then @ret is
 *  untouched. What the text does not say stays as it is in @ret. */
int load_parse(const char *text, const char *const *names, uint32_t nr,
	struct load *ret, struct why *why);
/** load_set() - "a,b" or "all" to bits; 0 with @why where a name is none */
uint64_t load_set(const char *list, const char *const *names, uint32_t nr,
	struct why *why);
/**
 * load_shrink() - the smallest set found that still shows something
 * @shows: 1 yes, 0 no, -1 stop: the time is over
 *
 * Halves first, then one by one. Returns @set where nothing smaller does.
 */
uint64_t load_shrink(
	uint64_t set, int (*shows)(uint64_t set, void *user), void *user);

/** struct board_stressor - one row's work, summed over its jobs */
struct board_stressor {
	uint32_t outcome; /* enum stress_outcome */
	uint32_t ooms;	  /* its cgroup ran full, and it began anew */
	uint64_t work[WORK_NR];
	uint32_t latency[LATENCY_NR][HISTOGRAM_BUCKETS];
	char reason[160]; /* of SKIP and BROKEN */
};

/** struct board_finding - the first wrong thing that a stressor or the guest's
 *  own checks saw
 * @claimed: futex-like: 0 none, 1 being written, 2 complete
 * @kind: "stale page", "leaked anon_vma": the title is made of it
 * @stressor: row, or BOARD_STRESSORS where it is nobody's
 */
struct board_finding {
	uint32_t claimed;
	uint32_t stressor;
	char kind[64];
	char detail[400];
	char history[BOARD_HISTORY];
};

struct board {
	/* written by the host */
	uint32_t magic;
	uint32_t version;
	uint32_t rows_hash; /* of stressors.def and counters.def */
	uint32_t request;   /* raised when @load is to be run */
	uint32_t stop;
	struct load load;
	char settings[BOARD_SETTINGS]; /* see board_set() */
	/* written by the guest */
	uint32_t state;		    /* enum board_state */
	uint32_t caps;		    /* enum cap */
	uint32_t reply;		    /* = request: @load was run */
	uint64_t beat;		    /* rises while init lives */
	uint64_t running;	    /* stressors of the last round */
	uint32_t rounds, pauses;    /* so far */
	uint32_t checks;	    /* processes that rmap_fsck found clean */
	uint64_t vmstat[VMSTAT_NR]; /* since the load began */
	char release[64];
	char message[256];
	struct board_finding finding;
	struct board_stressor stressor[BOARD_STRESSORS];
};
_Static_assert(sizeof(struct board) <= BOARD_BYTES, "a board fits its BAR");

/** board_init() - host: a board that is all zeros, before the guest starts */
void board_init(struct board *board, uint32_t rows_hash);
/** board_set() - host: what the guest writes to its files before a load, lines
 *  "PATH VALUE" in this order; shorter than BOARD_SETTINGS. A file that does
 * not take its value is BOARD_BROKEN */
void board_set(struct board *board, const char *lines);
/** board_accept() - guest: does the host speak this layout? 0 or -EPROTO */
int board_accept(
	const struct board *board, uint32_t rows_hash, struct why *why);
/** board_take() - host: copy the board. In the copy texts are printable and
 *  terminated, enums in range. A finding that is not complete has claimed 0. */
void board_take(const struct board *board, struct board *ret);
/** board_add() - what the guest counted on @more, added to @sum; a row's
 * outcome is the later one where it has one */
void board_add(struct board *sum, const struct board *more);
/** board_title() - "rmaptorture: KIND in NAME"; @name: of the stressor, or
 *  NULL where the finding is nobody's */
void board_title(const struct board_finding *finding, const char *name,
	struct text *out);

#endif
