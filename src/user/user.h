/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * user: the mm files of a kernel, unmodified, in a process, driven by programs
 * (struct prog) under libFuzzer. The program that `kernel build NAME:user`
 * leaves in the cache is:
 *
 *   rmaptorture-user [libFuzzer's flags] [CORPUS or FILE...]
 *			-ignore_remaining_args=1 [OPTION...]
 *
 * Inputs are texts of programs. The options, after libFuzzer's own:
 *
 *   --boot=WORDS    a kernel command line, for the files compiled in
 *   --mutant=NAME   the same as the word rmap_mutant=NAME
 *   --checks=LIST   of walk, all, young, counts, chains; or none.
 *		     The default is walk,counts,chains
 *   --against=PROGRAM  another rmaptorture-user: each program runs there too,
 *		     and what a program can see must be the same
 *   --preemptions=N  of the programs given, search all schedules with at most
 *		     N (1 or 2) preemptions; a finding's report has the program
 *		     with stalls, a line each: "rmaptorture-user: program: CALL"
 *   --at-locks=N    of two preemptions N (1 or 2) are at calls of locks or
 *		     allocators
 *   --budget=S      seconds of that, for a program
 *   --known=FILE    titles, one a line, of contents that are no findings any
 *		     more; '#' starts a comment
 *   --results       tell what came of each call and stall as it is done, a line
 *		     each: "rmaptorture-result: CALL  RESULT"
 *   --serve         be the other one: programs come on stdin
 *   --end=LIST      the same, once at the end of a program, before it exits.
 *		     The default is walk,all,young
 *
 * A finding ends the process as libFuzzer does it: the program's text is in
 * -artifact_prefix, the exit status is 77 (a sanitizer's report: 1). The log,
 * on stderr, has two lines of ours before the stack:
 *
 *   rmaptorture-user: TITLE
 *   rmaptorture-user: detail: TEXT
 *
 * The same bug has the same TITLE: "WARNING in F", "kernel BUG in F", "use
 * after free in F", "F leaked at exit", "rmap walk misses a mapping" ... A line
 * "rmaptorture-user: BROKEN: TEXT" says that this tier is at fault: the exit
 * status is 99. When it ends by itself: "rmaptorture-user: PROGRAMS programs,
 * CALLS calls, SKIPPED skipped".
 */
#ifndef RMAPTORTURE_USER_H
#define RMAPTORTURE_USER_H

#include "prog/result.h"
#include "user/model.h"

#define USER_PREFIX	 "rmaptorture-user: "
#define USER_RESULT	 "rmaptorture-result: "
#define USER_EXIT_BROKEN 99

/** struct user_options - what the command line says */
struct user_options {
	char boot[1024];
	unsigned int checks, end_checks; /* CHECK_* */
	const char *against;		 /* a program, or NULL */
	char *known;			 /* see title_is_listed(), or NULL */
	size_t known_len;
	unsigned int preemptions; /* search up to so many; 0: run */
	unsigned int at_locks;	  /* so many of two of them are */
	unsigned int budget;	  /* seconds of a search; 0: no end */
	bool results;		  /* tell them */
	bool serves;
};

/** struct user_stats - since the start */
struct user_stats {
	uint64_t programs, calls, skipped;
};

/** user_caps() - what of a guest's capabilities (enum cap) the model has */
uint32_t user_caps(void);

/** user_supports() - can this tier make the call? Others are skipped */
bool user_supports(const struct call *call);

/**
 * user_adapt() - make @prog one that this tier can run whole
 * @overlaps: calls may overlap; else stalls go, and every call is synchronous
 *	      and of the first thread
 *
 * Drops calls that user_supports() not, and makes every backing anonymous. What
 * is left means the same in a VM.
 */
void user_adapt(struct prog *prog, bool overlaps);

struct user_view;

/** user_run() - run @prog from nothing to nothing; fills *@ret as a guest
 *  would. What the kernel half finds does not return. */
void user_run(const struct prog *prog, const struct user_options *options,
	struct user_stats *stats, struct user_view *ret);

/* ---- windows.c: stalls for the fuzzer ---- */

/** windows_init() - before the first program */
void windows_init(void);
/** windows_stall() - give @prog, which is known to be clean, a stall at a point
 *  that the call comes to; it runs up to there. False: it has none, @prog may
 *  have changed */
bool windows_stall(
	struct prog *prog, const struct user_options *options, struct rng *rng);
/** windows_sweep() - the next of some schedules of a pair of calls, most with
 *  one preemption, the last with two. When the last pair is through, the next
 * is one of @prog, which is known to be clean. False: it has none */
bool windows_sweep(
	struct prog *prog, const struct user_options *options, struct rng *rng);
/** windows_note() - the windows that @prog's stalls opened are coverage */
void windows_note(const struct prog *prog, const struct prog_result *result);
/** windows_print() - what came of the stalls, to stderr */
void windows_print(void);

/* ---- search.c ---- */

/**
 * search_run() - run @prog in all schedules with few preemptions
 * @judge: of each run's contents
 *
 * Of each two neighbouring calls of different actors (where calls are async or
 * have stalls: of those and the next), the first is stopped at each of its
 * points until the second is done; with two preemptions also the second, at
 * each of its own, until the first is; and the same with the calls swapped. Of
 * two preemptions those come first that are both at locks, then those of which
 * one is.
 * Tells on stderr how many that were. What is found does not return; the report
 * has the program with the stalls that show it.
 */
void search_run(const struct prog *prog, const struct user_options *options,
	struct user_stats *stats, struct user_view *view,
	void (*judge)(
		const struct prog *prog, const struct prog_result *result));

/** user_running() - reports are to have the text of @prog, which lives on;
 *  NULL: they need not */
void user_running(const struct prog *prog);

/* ---- peer.c: the same program on two kernels ---- */

/** struct user_view - what is compared; the same in both programs, as both are
 *  built from one source */
struct user_view {
	uint64_t layout[PROG_CALLS_MAX]; /* model_layout() after each call */
	struct model_policy policy;
	struct prog_result result;
};

/** peer_start() - start @options->against */
void peer_start(const struct user_options *options);
/** peer_compare() - let the other one run @prog, compare with @ours: what
 *  differs is a finding */
void peer_compare(const struct prog *prog, const struct user_view *ours);
/** peer_serve() - run what comes on stdin until its end; does not return */
void peer_serve(const struct user_options *options, struct user_stats *stats)
	__attribute__((noreturn));

/** report_init() - take the traps of BUG() and what the sanitizers tell */
void report_init(void);

#endif
