/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * review: the record of a pre-merge run, what follows from it, and how it is
 * told: a page for a reply mail, KTAP, JUnit. No kernel, no VM and no file is
 * touched here.
 */
#ifndef RMAPTORTURE_REVIEW_H
#define RMAPTORTURE_REVIEW_H

#include <glib.h>

#include "oracle/oracle.h"

/* --- rate.c: what k of n runs say ------------------------------------------
 */

/** rate_interval() - Wilson score interval, 95 %, of a rate of which @k of @n
 *  runs were seen (Wilson, 1927); 0 to 1 where @n is 0 */
void rate_interval(guint k, guint n, double *ret_low, double *ret_high);

/**
 * rate_luck() - chance that @runs runs are all clean though the bug is there
 *
 * (1 - p)^runs, where p is the lower end of rate_interval(@k, @n): so the
 * real chance is smaller in 39 of 40 cases. 1 where nothing was seen.
 */
double rate_luck(guint k, guint n, guint runs);

/** rate_runs() - clean runs after which rate_luck() is at most @luck; 0 where
 *  @max of them are not enough */
guint rate_runs(guint k, guint n, double luck, guint max);

/* --- bisect.c: which patch is it? ------------------------------------------
 */

enum bisect_answer {
	BISECT_UNKNOWN = -1, /* not built, too few runs, no time left */
	BISECT_CLEAN = 0,
	BISECT_SHOWS = 1,
};

/** bisect_probe_fn - does the kernel with the first @prefix patches show it? */
typedef enum bisect_answer bisect_probe_fn(guint prefix, void *user);

/** struct bisect - patches [@first, @last] hold the guilty one, from 1 */
struct bisect {
	guint first, last;
	guint probes;
};

/**
 * bisect_series() - find the first prefix that shows a finding
 * @nr: patches; prefix 0 is known to be clean, prefix @nr to show it
 *
 * @likely: patch to begin with; 0: none
 *
 * Binary search, but @likely and its predecessor first. A prefix that cannot
 * tell is passed over for the nearest one that can; where none is left, @ret is
 * a range. Each prefix is asked once.
 */
void bisect_series(guint nr, guint likely, bisect_probe_fn *probe, void *user,
	struct bisect *ret);

/* --- review.c: the record ---------------------------------------------------
 */

/** struct review_case - one thing that a step looked at */
struct review_case {
	char *name, *text; /* @text: one line, or NULL */
	enum verdict outcome;
};

/**
 * struct review_step - a part of the run
 * @text:    what was done, or why it was not: one line
 * @outcome: SKIP: not tested. FINDING only where something counts
 * @cut:     the budget ended before it did
 * @found:   findings that it brought, each with a weight of its own
 * @cases:   struct review_case, may be empty
 */
struct review_step {
	char *name, *text;
	enum verdict outcome;
	gboolean cut, tests; /* @tests: it ran the patched code */
	guint found;
	double seconds;
	GPtrArray *cases;
};

enum review_weight {
	REVIEW_NEW,	    /* patched shows it and base does not: counts */
	REVIEW_OLD,	    /* base shows it too */
	REVIEW_UNCONFIRMED, /* seen once, and in no replay */
	REVIEW_UNJUDGED,    /* no time was left to replay it */
};

/**
 * struct review_finding - what was found
 * @where:	 "in user space", "at boot" ...: how it was found
 * @boots:	 runs are boots: too few for a chance to be told
 * @base_title:	 what base showed, where it is another title; or NULL
 * @guilty:	 patches [first, last] from 1; first 0: was not sought
 * @why_range:	 where it is no single patch: why; or NULL
 * @subject:	 of the guilty patch, NULL for a range
 * @touched:	 which patches change the function of the title; or NULL
 * @elsewhere:	 what the other tier said; or NULL
 * @program:	 text
 */
struct review_finding {
	char *title, *where, *dir, *program;
	enum review_weight weight;
	gboolean boots;
	guint patched_k, patched_n, base_k, base_n;
	char *base_title, *why_range, *subject, *touched, *elsewhere;
	struct bisect guilty;
};

/** struct review - all of it; every string is owned */
struct review {
	char *base, *release, *series, *version;
	guint64 seed;
	guint nr_patches;
	double seconds, budget;
	GPtrArray *steps, *findings;
};

struct review *review_new(void);
void review_free(struct review *review);
DEFINE_FREEP(review, review_free)

/** review_step() - add a step; text and outcome are still to be set. @tests:
 *  it runs the patched code. Owned by @review. */
struct review_step *review_step(
	struct review *review, const char *name, gboolean tests);
/** step_end() - what came of it; @format: struct review_step's text */
void step_end(struct review_step *step, enum verdict outcome,
	const char *format, ...) G_GNUC_PRINTF(3, 4);
/** step_no_time() - --max-runtime was over before it: cut, and skipped */
void step_no_time(struct review_step *step);
/** step_case() - add a case; @text may be NULL */
void step_case(struct review_step *step, const char *name, enum verdict outcome,
	const char *text);
/** review_finding() - add an empty one; owned by @review */
struct review_finding *review_finding(struct review *review);

enum review_verdict {
	REVIEW_CLEAN,
	REVIEW_FINDINGS,   /* something counts, or a patch does not build */
	REVIEW_UNDECIDED,  /* a finding was not replayed, for want of time */
	REVIEW_NOT_TESTED, /* no step ran the patched code to its end */
	REVIEW_BROKEN, /* and nothing counts: we, or the series, are wrong */
};

/** review_nr() - findings of @weight */
guint review_nr(const struct review *review, enum review_weight weight);

/** review_verdict() - what the record amounts to */
enum review_verdict review_verdict(const struct review *review);

/* --- text.c, ktap.c, junit.c ------------------------------------------------
 */

/** review_text() - the page: plain text, at most 72 columns (a program's lines
 *  and folders may be longer: they are never broken). Caller frees. */
char *review_text(const struct review *review);

/** review_ktap() - KTAP version 1: one test a step, its cases below it.
 *  Source: Documentation/dev-tools/ktap.rst (v6.12). Caller frees. */
char *review_ktap(const struct review *review);

/** review_junit() - one testsuite a step. Caller frees. */
char *review_junit(const struct review *review);

#endif
