/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench mutants: how many bugs that were planted in a kernel are found, how
 * soon, and by what.
 *
 * A trial is one mutant and one budget: a run of a searcher (the fuzzer, or a
 * peer beside it) from an empty corpus, as a process of its own, by the command
 * line that people use. With both tiers it has two stages, as a campaign has:
 * the user tier for a third of the budget, and where that finds nothing VMs
 * for the rest, from the programs that the first stage came to.
 *
 * A peer has one stage, in VMs, and no corpus; all else is the same.
 *
 * What is known of a trial is one file:
 *
 *   DIR/plan		      what the run is about; a run that goes on must
 *			      have the same
 *   DIR/records/NAME-N.json  trial N of mutant NAME (struct trial), whole or
 *			      not at all
 *   DIR/trials/NAME-N/TIER/  the searcher's own folder: findings, log, result
 *   DIR/curve.svg	      detected mutants over time
 *
 * The trial of the kernel without a bug has the name UNMUTATED: titles that it
 * gives detect nothing in the other trials, but where sighting.is_own. One may
 * be too rare for one budget, so what detects a mutant is also replayed on the
 * kernel without a bug, in the same tier: where it shows there too the title is
 * one of that kernel from then on, and the trial is made again.
 * What the user tier found is replayed in VMs with the bug: that tells whether
 * the finding is one of the kernel, and changes nothing of what is counted.
 */
#ifndef RMAPTORTURE_BENCH_H
#define RMAPTORTURE_BENCH_H

#include "host/host.h"

#define UNMUTATED "none"
/* Our own mutants */
#define MUTANT_TABLE RMAPTORTURE_SOURCE_DIR "/vm-images/mutants/mutants.tsv"
/* Chooses one in a guest that runs: one template does for all */
#define MUTANT_FILE "/sys/module/rmap_mutant/parameters/active"

/* --- bench/table.c: the mutants of a kernel ------------------------------- */

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

/* --- bench/record.c: a trial on disk -------------------------------------- */

enum trial_status {
	TRIAL_DETECTED,
	TRIAL_MISSED,
	TRIAL_SKIPPED, /* the code is not in this kernel; see why */
	TRIAL_BROKEN,  /* the searcher broke; see why */
};

enum tier { TIER_USER, TIER_VM, TIERS };
/* "user", "vm" */
extern const char *const tier_names[TIERS];

/**
 * struct stage - what one tier did in a trial
 * @command: that was run; NULL: the tier had no turn
 * @programs, @edges, @seed_programs: as the searcher told; -1: it did not.
 *	     @seed_programs is the size of its corpus as it started
 */
struct stage {
	char *command;
	double programs, edges, seed_programs;
};

/**
 * struct sighting - a title, and when it was first seen
 * @seconds: from the first program of the trial's first stage
 * @is_own:  the program that gave it shows nothing on the unmutated kernel, in
 *	     the user tier, where a program does the same each time: it counts
 *	     whatever else gives that title
 */
struct sighting {
	char *title;
	enum tier tier;
	double seconds;
	gboolean is_own;
};

/**
 * struct trial - one mutant, one budget
 * @number:  from 1
 * @seen:    struct sighting, in their order
 * @first:   of @seen, the first that is its own, or that the unmutated kernel
 *	     does not give, or NULL
 * @refuted: what this trial first stopped at, until the unmutated kernel showed
 *	     it with the same program; as ignored_key() has it
 * @vm_k, @vm_n: of @first, where it is of the user tier: VMs that showed it, of
 *	     all; @vm_n is 0 where none was asked
 * @vm_title: by which title
 * @wall:    seconds of the whole trial, boot included
 * @load:    of the machine over the last minute, as the trial ended
 */
struct trial {
	char *name, *class;
	guint number;
	guint64 seed;
	enum trial_status status;
	char *why;
	struct stage stage[TIERS];
	GPtrArray *seen, *refuted;
	struct sighting *first;
	guint vm_k, vm_n;
	char *vm_title;
	double wall, load;
	gint64 ended; /* seconds since 1970 */
};
struct trial *trial_new(const struct mutant *mutant, guint number);
void trial_free(struct trial *trial);
DEFINE_FREEP(trial, trial_free)

/** trial_see() - add to @seen */
void trial_see(
	struct trial *trial, const char *title, enum tier tier, double seconds);

/** ignored_key() - "TIER: TITLE", as a set of ignored sightings has it; caller
 *  frees */
char *ignored_key(const struct sighting *sighting);

/** trial_judge() - set status and @first, with @ignored: sightings of the
 *  unmutated kernel. A trial that was skipped or broken stays so. */
void trial_judge(struct trial *trial, GHashTable *ignored);

gboolean trial_save(const struct trial *trial, const char *dir, GError **error);
/** trial_load() - NULL without @error where there is no such record yet */
struct trial *trial_load(const char *dir, const struct mutant *mutant,
	guint number, GError **error);

/** bench_plan_check() - the same plan as that of an earlier run in @dir, or its
 *  first; @plan: "key: value" lines. FALSE with the line that differs. */
gboolean bench_plan_check(const char *dir, const char *plan, GError **error);

/* --- bench/search.c, bench/command.c: what searches ----------------------- */

/**
 * struct search - what is the same in all trials
 * @name:    of the kernel
 * @vm:      NAME:PROFILE of the VMs, or NULL
 * @tier:    NAME:user, or NULL; not both are NULL
 * @note:    why one of the tiers that were asked for is not there, or NULL
 * @peer:    "stress", "stress-ng" or "selftests"; NULL: the fuzzer
 * @append:  boot words beside rmap_mutant=, or NULL
 * @no_stalls: the fuzzer stalls no call inside the kernel, to compare; VMs only
 * @seconds: the budget of a trial
 * @target:  of @vm, opened when first needed
 */
struct search {
	char *name, *vm, *note;
	struct kernel *tier;
	char **tier_sources; /* program_sources() of @tier */
	const char *peer, *append;
	gboolean no_stalls;
	gint64 seconds;
	struct target *target;
	const struct host_options *options;
	const gboolean *stop; /* set by a signal: end now */
};

/** search_open() - choose the tiers of @kernels: "NAME:PROFILE", two of them
 *  separated by a comma, or "NAME": both, where the user tier can be built. */
gboolean search_open(
	struct search *search, const char *kernels, GError **error);
/** search_clear() - what search_open() and the trials left */
void search_clear(struct search *search);
/** search_describe() - "NAME:user, then NAME:kasan"; caller frees */
char *search_describe(const struct search *search);

/** program_sources() - sources.c: names, without folders, of the source files
 *  that an ELF file was linked of; a strv, never empty. NULL with @error. */
char **program_sources(const char *program, GError **error);

/** search_peers() - "a, b, c": those that search_known() knows; caller frees */
char *search_peers(void);
/** search_known() - is @peer one that we can run? */
gboolean search_known(const char *peer);

/**
 * struct turn - the part of a tier in a trial
 * @dir:    of this part
 * @corpus: to start from beside nothing, or NULL
 * @enough: titles that end it; 0: it runs to the end of its time
 */
struct turn {
	const struct search *search;
	struct trial *trial;
	enum tier tier;
	const char *dir, *corpus;
	gint64 seconds;
	guint enough;
};

/** search_command() - what is run for @turn: @program, our own, with arguments
 *  that end in a NULL; owned by the array */
GPtrArray *search_command(const struct turn *turn, const char *program);
/**
 * search_run() - one trial, to its end; @trial gets all but the judgement
 * @dir:     of the trial; what an earlier one left in it is removed
 * @where:   the mutant's "file:function", or ""
 * @ignored: as trial_judge() has it; what is seen beside it ends the trial, but
 *	     that of UNMUTATED
 *
 * FALSE when it was stopped: there is nothing to record.
 */
gboolean search_run(const struct search *search, struct trial *trial,
	const char *dir, const char *where, GHashTable *ignored);

/* --- bench/control.c: what detects, replayed ------------------------------ */

/** search_control() - does the program that gave @seen, in the trial of folder
 *  @dir, show it, or anything that is not @ignored, on the kernel without a
 * bug? Several tries, but where it is known: @seen->is_own, which is set. */
gboolean search_control(const struct search *search, struct sighting *seen,
	const char *dir, GHashTable *ignored);

/** search_confirm() - where @trial->first is of the user tier and there are
 *  VMs: fill vm_k, vm_n and vm_title */
void search_confirm(
	struct search *search, struct trial *trial, const char *dir);

/* --- bench/summary.c, bench/curve.c: what it came to ---------------------- */

/** bench_summary() - print it and add the figures to @result; @trials: struct
 *  trial, those of UNMUTATED among them. Returns the number of false findings.
 */
guint bench_summary(GPtrArray *trials, const struct search *search,
	struct host_result *result);

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
