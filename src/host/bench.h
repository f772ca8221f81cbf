/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench mutants: how many bugs that were planted in a kernel are found, how
 * soon, and by what.
 *
 * A trial is one mutant and one budget: a run of a searcher (the fuzzer, or a
 * peer beside it) from an empty corpus, as a process of its own, by the command
 * line that people use. What is known of it is one file:
 *
 *   DIR/plan		      what the run is about; a run that goes on must
 *			      have the same
 *   DIR/records/NAME-N.json  trial N of mutant NAME (struct trial), whole or
 *			      not at all
 *   DIR/trials/NAME-N/	      the searcher's own folder: findings, log, result
 *   DIR/curve.svg	      detected mutants over time
 *
 * The trial of the kernel without a bug has the name UNMUTATED: titles that it
 * gives are false findings, and detect nothing in the other trials. A false
 * finding may be too rare for one budget, so what detects a mutant is also
 * replayed on the kernel without a bug: where it shows there too the title is a
 * false finding from then on, and the trial is made again.
 */
#ifndef RMAPTORTURE_BENCH_H
#define RMAPTORTURE_BENCH_H

#include "host.h"

#define UNMUTATED "none"
/* Our own mutants */
#define MUTANT_TABLE RMAPTORTURE_SOURCE_DIR "/vm-images/mutants/mutants.tsv"
/* Chooses one in a guest that runs: one template does for all */
#define MUTANT_FILE "/sys/module/rmap_mutant/parameters/active"

/* --- bench_table.c: the mutants of a kernel ------------------------------- */

/**
 * struct mutant - a row of a table of mutants
 * @name:  value of the boot parameter rmap_mutant
 * @class: what would show it; "-" where the table does not tell
 * @where: "file:function", or ""
 */
struct mutant {
	char *name, *class, *where;
};

/**
 * bench_table_load() - the rows of @path that are for @kernel
 * @kernel: NAME, without a profile
 *
 * Columns are separated by tabs; the first line names them, behind "# ".
 * "name" must be there; "kernel" (names, separated by commas), "class" and
 * "file:function" may be; others are not looked at. Without a column "kernel"
 * all rows are meant. Elements are struct mutant, owned by the array.
 */
GPtrArray *bench_table_load(
	const char *path, const char *kernel, GError **error);

/** bench_table_names() - only those rows that @names (separated by commas) has,
 *  in the table's order; FALSE where a name is in no row */
gboolean bench_table_names(
	GPtrArray *mutants, const char *names, GError **error);

/** bench_table_sample() - @n rows at most, drawn by @seed: each class has the
 *  share that it has of all, to the nearest whole, in the table's order */
void bench_table_sample(GPtrArray *mutants, guint n, guint64 seed);

/* --- bench_record.c: a trial on disk -------------------------------------- */

enum trial_status {
	TRIAL_DETECTED,
	TRIAL_MISSED,
	TRIAL_SKIPPED, /* the code is not in this kernel; see why */
	TRIAL_BROKEN,  /* the searcher broke; see why */
};

/**
 * struct trial - one mutant, one budget
 * @number:  from 1
 * @titles:  all that were seen, in the order of their first sight
 * @seconds: from the searcher's first program to the first sight of the title
 *	     of the same index
 * @title:   the first that the unmutated kernel does not give, or NULL
 * @refuted: titles that this trial first stopped at, until the unmutated kernel
 *	     showed them with the same program
 * @programs, @edges, @seed_programs: as the searcher told; -1: it did not.
 *	     @seed_programs is the size of its corpus as it started
 * @wall:    seconds of the whole trial, boot included
 * @load:    of the machine over the last minute, as the trial ended
 */
struct trial {
	char *name, *class;
	guint number;
	guint64 seed;
	enum trial_status status;
	char *why, *command;
	GPtrArray *titles, *refuted;
	GArray *seconds;
	char *title;
	double title_seconds;
	double programs, edges, seed_programs, wall, load;
	gint64 ended; /* seconds since 1970 */
};
struct trial *trial_new(const struct mutant *mutant, guint number);
void trial_free(struct trial *trial);
DEFINE_FREEP(trial, trial_free)

/** trial_judge() - set status and title, with @ignored: titles of the unmutated
 *  kernel. A trial that was skipped or broken stays so. */
void trial_judge(struct trial *trial, GHashTable *ignored);

gboolean trial_save(const struct trial *trial, const char *dir, GError **error);
/** trial_load() - NULL without @error where there is no such record yet */
struct trial *trial_load(const char *dir, const struct mutant *mutant,
	guint number, GError **error);

/** bench_plan_check() - the same plan as that of an earlier run in @dir, or its
 *  first; @plan: "key: value" lines. FALSE with the line that differs. */
gboolean bench_plan_check(const char *dir, const char *plan, GError **error);

/* --- bench_search.c: what searches ---------------------------------------- */

/** struct search - what is the same in all trials */
struct search {
	const char *kernel; /* NAME:PROFILE */
	const char *peer;   /* NULL: the fuzzer */
	const char *append; /* boot words beside rmap_mutant=, or NULL */
	gint64 seconds;
	struct kernel *tier; /* profile user: what it runs; else NULL */
	char **tier_files;   /* and the files that it compiles */
	const struct host_options *options;
	const gboolean *stop; /* set by a signal: end now */
};

/** search_known() - is @peer one that we can run? */
gboolean search_known(const char *peer);
/**
 * search_run() - one trial, to its end; @trial gets all but the judgement
 * @dir:    of the trial; what an earlier one left in it is removed
 * @where:  the mutant's "file:function", or ""
 * @enough: end after so many titles; 0: run to the end of the budget
 *
 * FALSE when it was stopped: there is nothing to record.
 */
gboolean search_run(const struct search *search, struct trial *trial,
	const char *dir, const char *where, guint enough);

/** search_control() - does the program that showed @title, in the trial of
 *  folder @dir, show it on the kernel without a bug? Several tries. */
gboolean search_control(
	const struct search *search, const char *dir, const char *title);

/* --- bench_summary.c, bench_curve.c: what it came to ---------------------- */

/** bench_summary() - print it and add the figures to @result; @trials: struct
 *  trial, those of UNMUTATED among them. Returns the number of false findings.
 */
guint bench_summary(GPtrArray *trials, const char *kernel, const char *peer,
	gint64 budget, struct host_result *result);

/** bench_curve() - the share of trials detected over time, in all and by class,
 *  as SVG text; caller frees */
char *bench_curve(GPtrArray *trials, gint64 budget);

/** cmd_bench_mutants() - bench mutants ... */
int cmd_bench_mutants(int argc, char **argv);
/** cmd_bench_coverage() - bench coverage ... */
int cmd_bench_coverage(int argc, char **argv);
/** cmd_bench_litmus() - bench litmus ... */
int cmd_bench_litmus(int argc, char **argv);

#endif
