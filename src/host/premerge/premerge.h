/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pre-merge run: what a series of patches does to its base. The steps are in
 * premerge_*.c, their record is a struct review, which is all that they return:
 * a step that cannot be made says so there and the run goes on.
 */
#ifndef RMAPTORTURE_PREMERGE_H
#define RMAPTORTURE_PREMERGE_H

#include "host/host.h"
#include "load/load.h"
#include "review/review.h"

/**
 * struct premerge_options
 * @base:   NAME, a kernel without its profile
 * @series: as `kernel build --series`
 * @fragment: options for all its kernels, as far as they have them; or NULL
 * @every:  build and boot the kasan kernel after each patch, not only the last
 * @no_vm:  user space only
 * @stop_after: each fuzzer ends at so many titles; 0: when its time is over
 */
struct premerge_options {
	const char *base, *series, *out, *fragment;
	gint64 seconds;
	gboolean every, no_vm;
	int stop_after;
};

/* Prefix N is the base with the first N patches. */
struct premerge_kernels {
	struct kernel **user, **kasan; /* [nr + 1], NULL: not built */
	struct target **vm;	       /* [nr + 1], NULL: not booted yet */
};

/**
 * struct premerge_selftest - the first that patched does worse
 * @name:  of the program; NULL: there is none
 * @worse: which case, and how
 * @death: title of the report that the VM died with, or NULL
 * @base:  what base did
 */
struct premerge_selftest {
	char *name, *worse, *death;
	struct selftests *base;
};

struct premerge_early;

struct premerge {
	const struct host_options *options;
	const struct premerge_options *want;
	struct review *review;
	GPtrArray *patches; /* struct kernel_patch */
	guint nr;	    /* of them */
	char *name;	    /* of the patched kernel: BASE+SERIES */
	char **added;	    /* options that the series adds */
	char **counters;    /* names that it adds to /proc/vmstat */
	char **functions;   /* that it changes */
	char *options_path; /* a fragment: these, and the user's; or NULL */
	struct premerge_kernels kernel;
	char *start;	   /* programs that every fuzzer begins with */
	char *scratch;	   /* in /dev/shm */
	gint64 begin, end; /* monotonic us */
	gboolean stop;	   /* interrupted */
	guint64 programs_user, programs_vm;
	struct premerge_early *early;
	double user_seconds; /* the last kernel of user space took so long */
	double vm_seconds;   /* one for VMs, built and booted */
	guint likely;	  /* patch that brought the latest finding; 0: none */
	char *boot_title; /* the patched kernel does not boot; or NULL */
	struct premerge_selftest selftest;
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
/** premerge_keep() - seconds that replays and bisection are to have where
 *  anything is found */
double premerge_keep(const struct premerge *p);

/** premerge_begin(), premerge_done() - a step, and how long it took */
struct review_step *premerge_begin(
	struct premerge *p, const char *name, gboolean tests);
void premerge_done(struct review_step *step);

/** premerge_patch() - "patch 3 of 5, SUBJECT"; @prefix from 1; caller frees */
char *premerge_patch(const struct premerge *p, guint prefix);

/* --- premerge/options.c -----------------------------------------------------
 */

/** premerge_options() - find p->added, write p->options_path */
gboolean premerge_options(struct premerge *p, GError **error);
/** premerge_options_text() - what is on, for the text of a build; caller frees
 */
char *premerge_options_text(const struct premerge *p);
/** premerge_options_tell() - a step where some are not on in @kernel */
void premerge_options_tell(
	struct premerge *p, const struct kernel *kernel, const char *where);

/* --- premerge/build.c -------------------------------------------------------
 */

/** premerge_spec() - what prefix @prefix is; @profile as in kernel.h */
struct kernel_spec *premerge_spec(const struct premerge *p, guint prefix,
	const char *profile, GError **error);
/** premerge_build() - a prefix in a profile. NULL with @error */
struct kernel *premerge_build(
	struct premerge *p, guint prefix, const char *profile, GError **error);
/** premerge_build_failed() - enter what was wrong; returns whether the next
 *  patch is to be tried */
gboolean premerge_build_failed(struct premerge *p, struct review_step *step,
	guint prefix, const char *profile, const GError *error);
/** premerge_build_end() - the patches @first to @last, 0 the base, were to be
 *  built: end a step that has not failed */
void premerge_build_end(struct premerge *p, struct review_step *step,
	struct kernel **kernels, guint first, guint last);
/** premerge_build_user() - base and the whole series. FALSE: the series is not
 *  to be tested any further */
gboolean premerge_build_user(struct premerge *p);
/** premerge_build_each() - those between, in user space, for @seconds */
void premerge_build_each(struct premerge *p, double seconds);
/** premerge_user() - that of a prefix, built if need be; owned by @p. NULL: it
 *  does not build */
struct kernel *premerge_user(struct premerge *p, guint prefix);

/* --- premerge/build_vm.c ----------------------------------------------------
 */

/** premerge_build_early() - begin to build base and the whole series */
void premerge_build_early(struct premerge *p);
/** premerge_build_vm() - wait for them, and build those between where they are
 *  wanted. FALSE: not both are there */
gboolean premerge_build_vm(struct premerge *p);
void premerge_build_clear(struct premerge *p);
/** premerge_vm() - the booted kernel of a prefix, built if need be; owned by
 *  @p. NULL with @error. */
struct target *premerge_vm(struct premerge *p, guint prefix, GError **error);

/* --- premerge/programs.c, premerge/schedules.c, premerge/fuzz.c -------------
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
/** premerge_fuzz_user(), premerge_fuzz_vm() - for a part of the time, and for
 *  what is left of it; into OUT/user and OUT/vm */
void premerge_fuzz_user(struct premerge *p, double seconds);
void premerge_fuzz_vm(struct premerge *p);

/** premerge_reach() - steps that tell what of the series' counters and
 * functions a session in VMs came to */
struct session;
void premerge_reach(struct premerge *p, const struct session *session);

/* --- premerge/selftests.c, premerge/stress.c --------------------------------
 */

void premerge_selftests(struct premerge *p, double seconds);
/** premerge_judge_selftest() - enter and bisect p->selftest, which has a name
 */
void premerge_judge_selftest(struct premerge *p);
void premerge_selftest_clear(struct premerge_selftest *selftest);
void premerge_stress(struct premerge *p, double seconds);

/* --- premerge/boot.c --------------------------------------------------------
 */

/** premerge_boot() - boot base and patched. FALSE: not both do */
gboolean premerge_boot(struct premerge *p);
/** premerge_boot_each() - boot those between, where @every has built them */
void premerge_boot_each(struct premerge *p);
/** premerge_judge_boot() - boot patched again: the rates and weight of it */
void premerge_judge_boot(struct premerge *p, struct review_finding *finding);

/* --- premerge/judge.c --------------------------------------------------------
 */

#define PREMERGE_JUDGED 10 /* findings of a tier, at most */

/** premerge_judge() - replay what was found with VMs on patched and base, and
 *  bisect what counts */
void premerge_judge(struct premerge *p);
/** premerge_finding() - enter one of a store, not judged yet. @where: as in
 *  struct review_finding */
struct review_finding *premerge_finding(
	struct premerge *p, const struct finding *from, const char *where);
/** premerge_judged() - end a step: findings from index @first on were judged */
void premerge_judged(
	const struct premerge *p, struct review_step *step, guint first);

/* --- premerge/judge_user.c ---------------------------------------------------
 */

/** premerge_judge_user() - the same of what was found in user space */
void premerge_judge_user(struct premerge *p);
/** premerge_ask_vm() - run in a VM what counts by then */
void premerge_ask_vm(struct premerge *p);

/* --- premerge/replay.c
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

typedef gboolean shows_fn(struct shows *shows, guint prefix, guint runs,
	guint until, guint *ret_k, guint *ret_n);

/** shows_user(), shows_vm() - run it @runs times on a prefix; how often any
 *  finding came goes to @ret_k, in how many runs that counted to @ret_n. At
 *  @until hits it ends early (0: never). FALSE: there is no such kernel. */
shows_fn shows_user, shows_vm;
/** shows_stress() - the same with the load of @p, as long as there is time */
shows_fn shows_stress;
/** shows_boot() - the same of boots: of one that does, there is one */
shows_fn shows_boot;
/** premerge_weigh() - patched @runs times, then base as often as makes @luck
 *  small, at most @max times: rates and weight of @finding, and @shows' runs */
void premerge_weigh(struct shows *shows, shows_fn *fn, guint runs, double luck,
	guint max, struct review_finding *finding);
/** premerge_bisect() - which patch brings @finding, that base does not show;
 *  @in_vm: @fn takes kernels for VMs */
void premerge_bisect(struct shows *shows, shows_fn *fn, gboolean in_vm,
	struct review_finding *finding);
/** shows_note() - it showed @title, which may be another one */
void shows_note(struct shows *shows, const char *title);

#endif
