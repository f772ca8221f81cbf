/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pre-merge run: what a series of patches does to its base. The steps are in
 * premerge_*.c, their record is a struct review, which is all that they return:
 * a step that cannot be made says so there and the run goes on.
 */
#ifndef RMAPTORTURE_PREMERGE_H
#define RMAPTORTURE_PREMERGE_H

#include "host.h"
#include "load/load.h"
#include "review/review.h"

/**
 * struct premerge_options
 * @base:   NAME, a kernel without its profile
 * @series: as `kernel build --series`
 * @fragment: options for all its kernels, as far as they have them; or NULL
 * @every:  build the kasan kernel after each patch, not only the last
 * @no_vm:  user space only
 */
struct premerge_options {
	const char *base, *series, *out, *fragment;
	gint64 seconds;
	gboolean every, no_vm;
};

/* Prefix N is the base with the first N patches. */
struct premerge_kernels {
	struct kernel **user, **kasan; /* [nr + 1], NULL: not built */
	struct target **vm;	       /* [nr + 1], NULL: not booted yet */
};

struct premerge {
	const struct host_options *options;
	const struct premerge_options *want;
	struct review *review;
	GPtrArray *patches; /* struct kernel_patch */
	guint nr;	    /* of them */
	char *name;	    /* of the patched kernel: BASE+SERIES */
	char **added;	    /* options that the series adds */
	char *options_path; /* a fragment: these, and the user's; or NULL */
	struct premerge_kernels kernel;
	char *start;	   /* programs that every fuzzer begins with */
	char *scratch;	   /* in /dev/shm */
	gint64 begin, end; /* monotonic us */
	gboolean stop;	   /* interrupted */
	guint64 programs_user, programs_vm;
	struct load *load; /* that showed a finding, or NULL */
	char *load_title, *load_dir;
};

/** premerge_run() - all steps. FALSE with @error where the run could not begin
 *  (no such base, no series); else @ret_review, which the caller frees. */
gboolean premerge_run(const struct premerge_options *want,
	const struct host_options *options, struct host_result *result,
	struct review **ret_review, GError **error);

/** premerge_left() - seconds until the budget ends; 0 when it has, or when the
 *  run was interrupted */
double premerge_left(const struct premerge *p);

/** premerge_begin(), premerge_done() - a step, and how long it took */
struct review_step *premerge_begin(
	struct premerge *p, const char *name, gboolean tests);
void premerge_done(struct review_step *step);

/** premerge_patch() - "patch 3 of 5, SUBJECT"; @prefix from 1; caller frees */
char *premerge_patch(const struct premerge *p, guint prefix);

/* --- premerge_options.c -----------------------------------------------------
 */

/** premerge_options() - find p->added, write p->options_path */
gboolean premerge_options(struct premerge *p, GError **error);
/** premerge_options_text() - what is on, for the text of a build; caller frees
 */
char *premerge_options_text(const struct premerge *p);
/** premerge_options_tell() - a step where some are not on in @kernel */
void premerge_options_tell(
	struct premerge *p, const struct kernel *kernel, const char *where);

/* --- premerge_build.c -------------------------------------------------------
 */

/** premerge_spec() - what prefix @prefix is; @profile as in kernel.h */
struct kernel_spec *premerge_spec(const struct premerge *p, guint prefix,
	const char *profile, GError **error);
/** premerge_build_user(), premerge_build_vm() - step 1. FALSE: the series is
 *  not to be tested any further */
gboolean premerge_build_user(struct premerge *p);
gboolean premerge_build_vm(struct premerge *p);
/** premerge_vm() - the booted kernel of a prefix, built if need be; owned by
 *  @p. NULL with @error. */
struct target *premerge_vm(struct premerge *p, guint prefix, GError **error);

/* --- premerge_programs.c, premerge_schedules.c, premerge_fuzz.c -------------
 */

void premerge_programs_user(struct premerge *p);
/** premerge_file() - put a finding that one program shows with the fuzzers'
 * own, so that it is replayed and bisected; @tier: "user", "vm" */
void premerge_file(const struct premerge *p, const char *tier,
	const struct named_prog *named, const char *title);
/** premerge_schedules() - corpus/pairs in all schedules with one preemption, in
 *  user space */
void premerge_schedules(struct premerge *p, double seconds);
void premerge_programs_vm(struct premerge *p);
/** premerge_fuzz_user(), premerge_fuzz_vm() - for a part of the time, into
 *  OUT/user and OUT/vm */
void premerge_fuzz_user(struct premerge *p, double seconds);
void premerge_fuzz_vm(struct premerge *p, double seconds);

/* --- premerge_selftests.c, premerge_stress.c --------------------------------
 */

void premerge_selftests(struct premerge *p, double seconds);
void premerge_stress(struct premerge *p, double seconds);

/* --- premerge_judge.c --------------------------------------------------------
 */

/** premerge_judge() - replay what the fuzzers found on patched and base, and
 *  bisect what counts */
void premerge_judge(struct premerge *p);

/* --- premerge_replay.c
 * -------------------------------------------------------- */

/**
 * struct shows - a program that shows a finding, and where to look for it
 * @text:      of the program, where it is one alone
 * @candidate: for VMs
 * @rate_k, @rate_n: on the patched kernel
 * @runs:      clean runs that make a kernel clean; 0: no number does
 * @other:     latest title that was not the finding's
 */
struct shows {
	struct premerge *p;
	const char *title;
	const char *text;
	struct candidate candidate;
	guint rate_k, rate_n, runs;
	char other[TITLE_MAX];
};

/** shows_user(), shows_vm() - run it @runs times on a prefix; how often any
 *  finding came goes to @ret_k, in how many runs that counted to @ret_n. At
 *  @until hits it ends early (0: never). FALSE: there is no such kernel. */
gboolean shows_user(struct shows *shows, guint prefix, guint runs, guint until,
	guint *ret_k, guint *ret_n);
gboolean shows_vm(struct shows *shows, guint prefix, guint runs, guint until,
	guint *ret_k, guint *ret_n);
/** shows_stress() - the same with the load of @p, as long as there is time */
gboolean shows_stress(struct shows *shows, guint prefix, guint runs,
	guint until, guint *ret_k, guint *ret_n);
/** shows_note() - it showed @title, which may be another one */
void shows_note(struct shows *shows, const char *title);

#endif
