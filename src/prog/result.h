/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * result: what a run of a program showed, and whether the contents of its pages
 * may be so.
 */
#ifndef RMAPTORTURE_PROG_RESULT_H
#define RMAPTORTURE_PROG_RESULT_H

#include "prog/prog.h"

enum call_state { CALL_NOT_RUN, CALL_STARTED, CALL_DONE, CALL_SKIPPED };
#define CALL_STATES 4
/** call_state_name() - "not run", "started", "done", "skipped"; any byte will
 *  do, others are "not run" */
const char *call_state_name(uint8_t state);

/** struct call_result - what one call did */
struct call_result {
	int32_t err;  /* 0 or negative errno; skipped: -ESRCH, -ENOSYS (lacking
			 capability) */
	uint32_t us;  /* duration, microseconds */
	int64_t ret;  /* the call's value; touch: pages written; expect: pages
			 read */
	uint32_t obs; /* of EFFECT_READS*: index of the first observation */
	uint16_t nr_obs; /* and how many were recorded, <= pages */
	uint8_t state;	 /* enum call_state */
	uint8_t pad;
};

/* How a stall ended */
enum stall_outcome {
	STALL_UNARMED,	 /* a plain race: no KCOV_STALL, no such point, or the
			    call was not made */
	STALL_MISSED,	 /* the call never came to the point so often */
	STALL_INSIDE,	 /* the other call was done while this one waited */
	STALL_EMPTY,	 /* the other call was skipped */
	STALL_BLOCKED,	 /* the other call slept until this one went on */
	STALL_TIMED_OUT, /* neither, within the budget */
	STALL_KILLED,	 /* a fatal signal ended it */
	STALL_MET,	 /* a meeting: both were there */
	STALL_IRQS_OFF,	 /* it would have waited with interrupts off */
	STALL_OUTCOMES
};
/** stall_outcome_name() - "missed", "finished inside" ...; any byte will do */
const char *stall_outcome_name(uint8_t outcome);

/** struct stall_result - what one stall did */
struct stall_result {
	uint8_t outcome; /* enum stall_outcome */
	uint8_t atomic;	 /* 1: it spun, as it could not sleep there */
	uint16_t pad;
	uint32_t hits; /* of the point, until it waited or the call returned */
	uint32_t us;   /* how long it waited */
};

#define RESULT_OBS_MAX 2048
#define RESULT_OOM     0x01 /* the memory cgroup's OOM killer struck */
#define RESULT_TIMEOUT 0x02 /* ended by cgroup.kill after its time */
#define RESULT_STUCK   0x04 /* tasks did not die after the kill */
#define RESULT_BROKEN  0x08 /* the executor could not run it: see @message */
/* no call returned in the second half of its time, and the kernel was busy */
#define RESULT_SPUN 0x10

/* What a program must give back: objects of a slab cache, or else */
enum leak {
	LEAK_ANON_VMA,
	LEAK_ANON_VMA_CHAIN,
	LEAK_ANON_LAZY, /* of the lazy series */
	LEAK_MM_STRUCT,
	LEAK_PAGES, /* of memory that are charged to its cgroup */
	LEAK_SWAP,  /* pages of swap that are charged to its cgroup */
	LEAK_KINDS
};
/** leak_name() - of the cache, or "pages", "swap" */
const char *leak_name(enum leak kind);

/** struct prog_result - what one run showed; written by the guest */
struct prog_result {
	uint32_t flags;	   /* RESULT_* */
	uint32_t us;	   /* whole program */
	uint32_t nr_obs;   /* of @obs in use */
	uint32_t live;	   /* bit p: process p reached the end and checked */
	uint32_t died;	   /* bit p: process p was killed by a signal */
	uint32_t nr_pcs;   /* KCOV hits, all actors; 0 where not counted */
	uint32_t fscked;   /* bit p: rmap_fsck looked at process p at its end */
	uint32_t bad_rmap; /* bit p: and found errors */
	/* objects more than at the lane's check before this one */
	uint32_t leaked[LEAK_KINDS];
	char message[128]; /* with RESULT_BROKEN */
	struct call_result call[PROG_CALLS_MAX];
	struct stall_result stall[PROG_STALLS_MAX];
	uint64_t obs[RESULT_OBS_MAX];		  /* stamps read by expect */
	uint64_t end[PROG_PROCS][PROG_END_PAGES]; /* as prog_end_pages() */
};

/** result_leaks() - is anything left behind, of whatever kind? */
bool result_leaks(const struct prog_result *result);

/** result_check() - are all counts and indices in range? For hostile bytes */
int result_check(const struct prog *prog, const struct prog_result *result,
	struct why *why);

/** struct mismatch - a page that holds what it may not */
struct mismatch {
	int32_t call; /* index of the expect or touch; -1: at the end */
	uint32_t proc;
	struct page_at at;
	uint64_t seen; /* stamp or OBS_* */
	uint64_t want; /* one of the allowed ones */
	char kind[32]; /* "stale page", "foreign page", "lost write" ... */
};

/** mismatch_describe() - "p1 in call 7: page v0+0 holds zeros, allowed ..." */
void mismatch_describe(const struct mismatch *bad, struct text *out);

/**
 * shadow_judge() - may the pages hold what was read?
 * @prog and @result pass prog_check() and result_check()
 *
 * Replays the program on a model of contents: each page of each process holds
 * a set of stamps that it may have. Calls that failed or raced (async, same
 * mm, overlapping) widen the set; ops with EFFECT_KEEPS never do.
 * Returns 1 and the first mismatch in @ret, or 0.
 */
int shadow_judge(const struct prog *prog, const struct prog_result *result,
	struct mismatch *ret);

#endif
