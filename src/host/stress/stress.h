/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The runner of stressors: a fresh VM whose PID 1 is stress-init, a load on its
 * board, and what came of it. For `stress`, `repro` and `bench mutants`:
 *
 *   target = stress_target_open(&options, &host, &error);
 *   load = stress_load_default();           (stressors, jobs, seconds, seed)
 *   if (stress_run(target, scratch, &load, NULL, &run, &error))
 *           ... run.outcome, run.report.title, run.seconds ...
 *   stress_run_clear(&run);
 *
 * Each run has a VM of its own, cloned from a template: runs do not know of
 * each other. One run at a time in a scratch folder (host_scratch()).
 */
#ifndef RMAPTORTURE_HOST_STRESS_H
#define RMAPTORTURE_HOST_STRESS_H

#include "host/host.h"
#include "load/load.h"

enum stress_end {
	STRESS_ENDED,	/* the load ran to its end, or was stopped */
	STRESS_FOUND,	/* the kernel is wrong: see the report */
	STRESS_BROKE,	/* guest, VM or we did not do our part: see detail */
	STRESS_STOPPED, /* by SIGINT or SIGTERM */
};

/**
 * struct stress_run - one run
 * @board:   as it was last; safe to print
 * @report:  FOUND: its title, and where in @console it is
 * @console: what goes to the store: the guest's console, and for what the
 *           guest itself found its detail and history at the end
 * @detail:  one line, or NULL
 * @seconds: from the start of the load to its end or the finding
 */
struct stress_run {
	enum stress_end end;
	struct board board;
	struct report report;
	GString *console;
	char *detail;
	double seconds;
};
void stress_run_clear(struct stress_run *run);

/** stress_watch - told twice a second how it stands; @before: the board of the
 *  last time (all zeros at first), @seconds between them */
typedef void stress_watch(const struct board *now, const struct board *before,
	double seconds, void *user);

/** stress_target_open() - build, boot, save the template: as target_open().
 *  @t->set is written before each load */
struct target *stress_target_open(const struct target_options *t,
	const struct host_options *options, GError **error);

/**
 * stress_peer_open() - the same for a VM in which @load, whose stressors are
 * then none, is a tool of this machine
 * @command: program and arguments, or "stress-ng" alone: then those that do
 *	     most for reclaim and migration. It is ended by SIGTERM when a round
 *	     is over, and begun again when it ends before that
 *
 * The command that is run is the target's peer.
 */
struct target *stress_peer_open(const char *command, struct load *load,
	const struct target_options *t, const struct host_options *options,
	GError **error);

/** stress_disk() - the image of the VM's disk in @cache_dir, made when missing:
 *  sparse, with a partition table. Caller frees; NULL with @error */
char *stress_disk(const char *cache_dir, GError **error);

/** stress_load() - all stressors, one job of each, a minute, @seed */
struct load stress_load(guint64 seed);
/** stress_names() - of the rows, STRESSOR_NR of them */
const char *const *stress_names(void);
/** stress_load_text() - load_print() of it; caller frees */
char *stress_load_text(const struct load *load);
/** stress_command() - what to type to run it; caller frees */
char *stress_command(const struct target *target, const struct load *load);
/** stress_again() - the load that showed something after @seconds, to be run
 *  again: no longer than that takes */
struct load stress_again(const struct load *load, double seconds);

/** stress_run() - FALSE with @error where no VM could be started; then @ret is
 *  untouched. Else the caller clears @ret. @watch may be NULL. */
gboolean stress_run(struct target *target, const char *scratch,
	const struct load *load, stress_watch *watch, void *user,
	struct stress_run *ret, GError **error);

/** stress_store() - file what @run found, as fuzzing files its findings;
 * *ret_dir is its folder, caller frees. The folder alone suffices to run it
 * again. */
gboolean stress_store(const char *out, const struct target *target,
	const struct load *load, const struct stress_run *run, char **ret_dir,
	GError **error);

/**
 * stress_shrink() - the smallest set of stressors that still shows @title
 * @load:    of the run that showed it; its seconds bound each try
 * @seconds: of all tries
 *
 * Returns a set; that of @load where nothing smaller showed it in time.
 */
guint64 stress_shrink(struct target *target, const char *scratch,
	const struct load *load, const char *title, gint64 seconds,
	const struct host_options *options);

/** stress_repro() - `repro` of a finding that @machine, its machineInfo, says
 *  came from stressors: k of @n. Exit status. */
int stress_repro(struct finding *finding, const char *machine,
	const struct target_options *t, const struct host_options *options,
	guint n);
/** stress_repro_is() - does it say so? */
gboolean stress_repro_is(const char *machine);

/* stress/print.c */
/** struct stress_live - what stress_print_live() remembers */
struct stress_live {
	const struct host_options *options;
	struct board last; /* of the last line */
	double seconds;	   /* since then */
};
/** stress_print_live() - a stress_watch: a line a stressor, every few seconds;
 *  @live: struct stress_live */
void stress_print_live(const struct board *now, const struct board *before,
	double seconds, void *live);
void stress_print_table(const struct load *load, const struct stress_run *run);
void stress_result(const struct load *load, const struct stress_run *run,
	struct host_result *result);
/** stress_yaml() - as stress-ng's --yaml, for those who read that */
gboolean stress_yaml(const char *path, const struct load *load,
	const struct stress_run *run, GError **error);

#endif
