/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NAME:user: the kernel's mm files in a process under libFuzzer, no VM. The
 * program ends at each finding (user/user.h tells how it says so); it is
 * filed and the program started again, until the time is over.
 */
#ifndef RMAPTORTURE_USER_TIER_H
#define RMAPTORTURE_USER_TIER_H

#include "host/host.h"

/** user_tier_is() - does "NAME:PROFILE" name this tier? */
gboolean user_tier_is(const char *kernel);

/** user_tier_refuses() - the first of the options that are for VMs, "--lanes"
 *  ..., or NULL */
const char *user_tier_refuses(const struct target_options *t);

/* --- user/tier.c: a session ----------------------------------------------- */

struct user_tier_result;

/**
 * struct user_tier_options - a session of this tier
 * @kernel: of profile user
 * @against: of profile user too: both must show a program the same; or NULL
 * @append: boot words, or NULL; @against gets none
 * @out:    the store (store/store.h), made where missing
 * @corpus: a folder of programs that the store's corpus gets first, or NULL
 * @engine_args: libFuzzer's own, or NULL
 * @stop_after: titles; 0: run to the end
 * @stop:   set by a signal: end now; or NULL
 * @known:  of known.h, or NULL
 * @look:   twice a second, and then there is no status line; @now is what the
 *	    session is so far. FALSE: end. May be NULL
 */
struct user_tier_options {
	const struct kernel *kernel, *against;
	const char *append, *out, *corpus;
	struct known *known;
	char *const *engine_args;
	gint64 seconds;
	guint stop_after;
	const gboolean *stop;
	gboolean (*look)(const struct user_tier_result *now, void *user);
	void *user; /* of @look */
};

/**
 * struct user_tier_result - what a session was
 * @edges:  of the mm files, as libFuzzer counts them
 * @titles: title -> seconds to its first, gdouble
 * @full:   the store could not take more; what was there stays
 */
struct user_tier_result {
	guint64 programs, edges;
	double seconds;
	guint runs; /* of the program: one more than it had findings, or so */
	GHashTable *titles;
	gboolean full;
};
void user_tier_result_clear(struct user_tier_result *result);

/** user_tier_run() - fuzz until the time is over. FALSE with @error when it
 *  could not start or go on; @ret is filled, findings are in the store either
 *  way. The caller clears @ret. */
gboolean user_tier_run(const struct user_tier_options *want,
	const struct host_options *options, struct user_tier_result *ret,
	GError **error);

/* --- user/try.c: single programs, corpora --------------------------------- */

#define USER_TIER_TIMEOUT_S 10 /* of one program: longer is a finding */

/**
 * struct user_trial - how a program is run, alone in a process
 * @against: another kernel, which must show the program the same; or NULL
 * @append: boot words, or NULL
 * @preemptions: 0: once; else in all schedules with at most so many
 * @at_locks: so many of two preemptions are at a lock: 0 to 2
 * @seconds: of all schedules; 0: no end
 * @results: the log tells what came of each call
 */
struct user_trial {
	const struct kernel *kernel, *against;
	const char *append;
	guint preemptions;
	guint at_locks;
	gint64 seconds;
	gboolean results;
};

/** user_tier_verdict() - run the program @text; what the process says comes to
 *  @log, see user/report.h */
enum verdict user_tier_verdict(
	const struct user_trial *trial, const char *text, GString *log);

/**
 * user_tier_try() - run one program once
 * @text:      of the program, as prog_print() has it
 * @ret_title: TITLE_MAX bytes, empty where it is clean
 *
 * Returns 1 with a finding, 0 when clean, -1 when the run does not count.
 */
int user_tier_try(
	const struct user_trial *trial, const char *text, char *ret_title);

/** user_tier_shows() - the same, for a title: @want and no other */
gboolean user_tier_shows(const struct user_trial *trial,
	const struct prog *prog, const char *want);

/** user_tier_count() - @n tries; the seconds are of a whole process */
void user_tier_count(const struct user_trial *trial, const struct prog *prog,
	const char *want, guint n, struct replay *ret);

/** user_tier_shrink() - make the program of @finding's newest entry smaller
 *  while it shows the title, replay it @n times, and store both. FALSE with
 *  @error when the folder could not be written */
gboolean user_tier_shrink(const struct user_trial *trial,
	struct finding *finding, guint n, GError **error);

/** user_tier_program() - of a finding: the smaller one, else what ran. FALSE:
 *  there is none on record */
gboolean user_tier_program(const struct finding *finding, struct prog *ret);

/** user_tier_merge() - those programs of @from that @to needs for the same
 *  coverage are copied to @to: libFuzzer's -merge=1. @seconds: at most. */
gboolean user_tier_merge(const struct kernel *kernel, const char *to,
	const char *from, gint64 seconds, GError **error);

/* --- user/confirm.c: the same in a kernel that runs ------------------------
 */

/**
 * struct user_confirmed - what VMs say to a program of this tier
 * @prog:   what they ran: the program with stalls at points of theirs, perhaps
 *	    with rmap_fsck after each call or a wait for ksmd behind each
 *	    MADV_MERGEABLE, or other moves
 * @k, @n:  runs that showed anything, of all
 * @title:  what the first of them showed, or empty
 * @later:  so many allocations later the failing ones are in @title's run
 */
struct user_confirmed {
	struct prog prog;
	guint k, n, later;
	char title[TITLE_MAX];
};

/**
 * struct user_confirming - how a program is replayed in VMs
 * @from: what it showed something in, a rmaptorture-user; NULL: that is gone,
 *	  and stalls stay as they are
 * @n:	  so often, each in a fresh clone of @target
 */
struct user_confirming {
	struct target *target;
	const char *from;
	guint n;
	const struct host_options *options;
};

/** user_tier_confirm() - @prog, which showed @title in this tier: any title
 *  confirms it. Where allocations are to fail, later ones are tried, too. FALSE
 *  with @error */
gboolean user_tier_confirm(const struct user_confirming *how,
	const struct prog *prog, const char *title, struct user_confirmed *ret,
	GError **error);

/* --- user/carry.c ----------------------------------------------------- */

/**
 * stalls_carry() - @prog with stalls at @target's points
 * @from: the rmaptorture-user whose points its stalls name
 *
 * A point is looked for by its line in the source, rather where its call comes
 * to in @target; if to none, with pages that go to the other node: no call
 * comes to a migration of pages that are where they are to go. Returns an array
 * of struct prog, those most like it first, empty where no point is near; NULL
 * with @error.
 */
GArray *stalls_carry(struct target *target, const char *scratch,
	const char *from, const struct prog *prog, GError **error);

/* --- user/in_vm.c: what is told and kept of it ------------------------ */

/** user_tier_in_vm() - user_tier_confirm() of @finding, whose program is @prog,
 *  told on stdout; vm.prog in its folder is what shows it. Returns the k */
guint user_tier_in_vm(struct target *target, const struct finding *finding,
	const struct prog *prog, guint n, const struct host_options *options);

/** user_tier_about() - the rest of the line of @finding's record that begins
 *  with @key, or NULL; caller frees */
char *user_tier_about(const struct finding *finding, const char *key);

/** user_tier_found() - was it this tier that found it? */
gboolean user_tier_found(const struct finding *finding);

/** user_tier_repro() - `repro -k NAME:PROFILE` of a finding of this tier: in
 *  VMs of @t, @n times. Returns an exit status */
int user_tier_repro(struct finding *finding, struct target_options *t,
	const struct host_options *options, guint n);

/* --- user/fuzz.c ------------------------------------------------------ */

/** user_tier_fuzz() - fuzz -k NAME:user [--against NAME:user]. @want has no
 *  kernels yet, @against may be NULL. @replays: of each finding in a VM of
 *  NAME:kasan, 0: none. Returns an exit status. */
int user_tier_fuzz(const char *kernel, const char *against,
	const struct user_tier_options *want, guint replays,
	const struct host_options *options);

/* --- user/run.c ------------------------------------------------------- */

/** user_tier_programs() - run -k NAME:user PROGRAM|DIR..., each @times. @trial
 *  has no kernel yet. Returns an exit status. */
int user_tier_programs(const char *kernel, char **paths,
	const struct user_trial *trial, guint times,
	const struct host_options *options);

#endif
