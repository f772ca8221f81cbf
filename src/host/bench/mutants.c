/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/bench/bench.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#define AGAIN	       3 /* times that a trial is made, at most */
#define BUDGET	       "3m"
#define OUT	       "bench"
#define DEFAULT_KERNEL "vanilla"

struct run {
	const struct host_options *options;
	struct target_options target; /* kernel and append of it are used */
	char *table, *budget, *peer, *names, *out;
	int nr_trials, sample;
	gboolean no_stalls;
	struct search search;
	GPtrArray *mutants, *trials;
	GHashTable *ignored; /* titles of the unmutated kernel */
	gboolean stop;
};

static gboolean parse(
	int *argc, char ***argv, struct run *run, struct host_options *options)
{
	GOptionEntry entries[] = {
		{"kernel", 'k', 0, G_OPTION_ARG_STRING, &run->target.kernel,
			"kernel with mutants (default vanilla). NAME: in "
			"processes for a third of the budget, then in VMs",
			"NAME[:PROFILE][,...]"},
		{"append", 0, 0, G_OPTION_ARG_STRING, &run->target.append,
			"add to the kernel command line", "'ARGS'"},
		{"table", 0, 0, G_OPTION_ARG_FILENAME, &run->table,
			"mutants, one a line (default: our own)", "FILE"},
		{"budget", 0, 0, G_OPTION_ARG_STRING, &run->budget,
			"of a trial (default " BUDGET ")", "TIME"},
		{"trials", 0, 0, G_OPTION_ARG_INT, &run->nr_trials,
			"of each mutant (default 1)", "N"},
		{"sample", 0, 0, G_OPTION_ARG_INT, &run->sample,
			"only so many mutants, drawn by --seed, each class "
			"with its share",
			"N"},
		{"name", 0, 0, G_OPTION_ARG_STRING, &run->names,
			"only these mutants", "NAME,..."},
		{"peer", 0, 0, G_OPTION_ARG_STRING, &run->peer,
			"search with this in VMs, instead of the fuzzer: "
			"stress, stress-ng or selftests",
			"NAME"},
		{"no-stalls", 0, 0, G_OPTION_ARG_NONE, &run->no_stalls,
			"the fuzzer stalls no call inside the kernel, to "
			"compare; in VMs only",
			NULL},
		{"out", 0, 0, G_OPTION_ARG_FILENAME, &run->out,
			"records; a run that was stopped goes on there "
			"(default " OUT ")",
			"DIR"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	run->nr_trials = 1;
	if (!host_parse(argc, argv, entries, "",
		    "How many planted bugs are found, and how soon. Give "
		    "--seed to be able to stop and go on.",
		    options))
		return FALSE;
	if (*argc == 1 && run->nr_trials > 0 && run->sample >= 0)
		return TRUE;
	g_printerr("rmaptorture bench mutants: %s\n",
		*argc > 1 ? "it takes options only"
			  : "--trials and --sample are positive numbers");
	return FALSE;
}

static gboolean load(struct run *run, GError **error)
{
	const char *kernels =
		run->target.kernel ? run->target.kernel : DEFAULT_KERNEL;

	if (!search_open(&run->search, kernels, error))
		return FALSE;
	run->mutants = bench_table_load(run->table ? run->table : MUTANT_TABLE,
		run->search.name, error);
	if (!run->mutants || (run->names && !bench_table_names(run->mutants,
						    run->names, error)))
		return FALSE;
	if (run->sample)
		bench_table_sample(
			run->mutants, (guint)run->sample, run->options->seed);
	return TRUE;
}

/* Trials may be added later, all else must stay. */
static char *plan_of(const struct run *run)
{
	g_autofree char *kernel = search_describe(&run->search);
	GString *plan = g_string_new(NULL);

	g_string_append_printf(plan,
		"kernel: %s\nappend: %s\nsearch: %s\nbudget: %" G_GINT64_FORMAT
		" s\nseed: %" G_GUINT64_FORMAT "\n",
		kernel, run->search.append ? run->search.append : "",
		run->peer	 ? run->peer
		: run->no_stalls ? "fuzz --no-stalls"
				 : "fuzz",
		run->search.seconds, run->options->seed);
	for (guint i = 0; i < run->mutants->len; i++) {
		const struct mutant *mutant = run->mutants->pdata[i];

		g_string_append_printf(plan, "mutant: %s\n", mutant->name);
	}
	return g_string_free(plan, FALSE);
}

/* --- trials -----------------------------------------------------------------
 */

static guint64 seed_of(const struct run *run, const struct trial *trial)
{
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT " %s %u",
		run->options->seed, trial->name, trial->number);

	return hash_bytes(text, strlen(text)) >> 1;
}

static void ignore(struct run *run, char *key)
{
	g_hash_table_add(run->ignored, key);
}

/* FALSE: what it found shows on the kernel without a bug too. */
static gboolean stands(struct run *run, const struct trial *trial,
	const char *dir, GPtrArray *refuted)
{
	char *key;

	if (trial->status != TRIAL_DETECTED ||
		!strcmp(trial->name, UNMUTATED) ||
		!search_control(&run->search, trial->first, dir, run->ignored))
		return TRUE;
	key = ignored_key(trial->first);
	host_progress(run->options, FALSE,
		"%s-%u: not counted, the kernel without a bug shows it too: %s",
		trial->name, trial->number, key);
	g_ptr_array_add(refuted, g_strdup(key));
	ignore(run, key);
	return FALSE;
}

/* A false finding may be a bug of the kernel itself, and is not lost: the next
 * try would take its place. */
static void keep_false(const struct run *run, const struct trial *trial,
	const char *dir, guint nr)
{
	g_autofree char *parent = g_build_filename(run->out, "false", NULL);
	g_autofree char *to = g_strdup_printf(
		"%s/%s-%u.%u", parent, trial->name, trial->number, nr);

	g_mkdir_with_parents(parent, 0755);
	if (g_rename(dir, to))
		host_progress(run->options, FALSE, "not kept as '%s': %s", to,
			g_strerror(errno));
}

/* Another program may give the same title without the bug. */
static void look_closer(struct run *run, struct trial *trial, const char *dir)
{
	for (guint i = 0; i < trial->seen->len; i++) {
		struct sighting *seen = trial->seen->pdata[i];

		if (seen->tier == TIER_USER)
			(void)search_control(
				&run->search, seen, dir, run->ignored);
	}
	trial_judge(trial, run->ignored);
}

static struct trial *try_once(struct run *run, const struct mutant *mutant,
	guint number, const char *dir)
{
	struct trial *SCOPED(trial_freep) trial = trial_new(mutant, number);

	trial->seed = seed_of(run, trial);
	if (!search_run(&run->search, trial, dir, mutant->where, run->ignored))
		return NULL;
	trial_judge(trial, run->ignored);
	if (trial->status == TRIAL_MISSED && strcmp(trial->name, UNMUTATED))
		look_closer(run, trial, dir);
	return g_steal_pointer(&trial);
}

static struct trial *make_trial(struct run *run, const struct mutant *mutant,
	guint number, GError **error)
{
	g_autoptr(GPtrArray) refuted = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *dir = g_strdup_printf(
		"%s/trials/%s-%u", run->out, mutant->name, number);
	struct trial *SCOPED(trial_freep) trial = NULL;

	for (guint again = 0; again < AGAIN; again++) {
		trial_free(trial);
		trial = try_once(run, mutant, number, dir);
		if (!trial)
			return NULL;
		if (stands(run, trial, dir, refuted))
			break;
		keep_false(run, trial, dir, refuted->len);
	}
	trial_judge(trial, run->ignored);
	search_confirm(&run->search, trial, dir);
	for (guint i = 0; i < refuted->len; i++)
		g_ptr_array_add(trial->refuted, g_strdup(refuted->pdata[i]));
	if (!trial_save(trial, run->out, error))
		return NULL;
	return g_steal_pointer(&trial);
}

static void ignore_all(struct run *run, const struct trial *trial)
{
	gboolean is_unmutated = !strcmp(trial->name, UNMUTATED);

	for (guint i = 0; i < trial->refuted->len; i++)
		ignore(run, g_strdup(trial->refuted->pdata[i]));
	for (guint i = 0; is_unmutated && i < trial->seen->len; i++)
		ignore(run, ignored_key(trial->seen->pdata[i]));
}

static void tell_trial(const struct run *run, const struct trial *trial)
{
	const struct sighting *first = trial->first;

	if (first)
		host_progress(run->options, FALSE, "%s-%u: %.1f s, %s: %s",
			trial->name, trial->number, first->seconds,
			tier_names[first->tier], first->title);
	else
		host_progress(run->options, FALSE, "%s-%u: %s", trial->name,
			trial->number, trial->why ? trial->why : "nothing");
}

/* From its record, or made now. FALSE: stopped, or @error. */
static gboolean one_trial(struct run *run, const struct mutant *mutant,
	guint number, GError **error)
{
	g_autoptr(GError) bad = NULL;
	struct trial *trial = trial_load(run->out, mutant, number, &bad);
	gboolean is_new;

	if (trial && trial->status == TRIAL_BROKEN)
		g_clear_pointer(&trial, trial_free); /* once more */
	is_new = !trial;
	if (bad) {
		g_propagate_error(error, g_steal_pointer(&bad));
		return FALSE;
	}
	if (is_new) {
		host_progress(run->options, TRUE, "%u done; now %s, trial %u",
			run->trials->len, mutant->name, number);
		trial = make_trial(run, mutant, number, error);
	}
	if (!trial)
		return FALSE;
	if (!strcmp(mutant->name, UNMUTATED) && trial->status == TRIAL_BROKEN) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"the kernel without a bug cannot be searched: %s",
			trial->why);
		trial_free(trial);
		return FALSE;
	}
	ignore_all(run, trial);
	if (strcmp(mutant->name, UNMUTATED))
		trial_judge(trial, run->ignored);
	g_ptr_array_add(run->trials, trial);
	if (is_new)
		tell_trial(run, trial);
	return TRUE;
}

/* A title may have turned out false after it detected something. */
static void judge_again(struct run *run)
{
	for (guint i = 0; i < run->trials->len; i++) {
		struct trial *trial = run->trials->pdata[i];

		if (strcmp(trial->name, UNMUTATED))
			trial_judge(trial, run->ignored);
	}
}

/* The kernel without a bug goes first, for its titles count in no trial. */
static gboolean all_trials(struct run *run, GError **error)
{
	static struct mutant unmutated = {.name = (char *)UNMUTATED,
		.class = (char *)"-",
		.where = (char *)""};

	for (guint n = 1; n <= (guint)run->nr_trials; n++) {
		if (!one_trial(run, &unmutated, n, error))
			return FALSE;
	}
	for (guint n = 1; n <= (guint)run->nr_trials; n++) {
		for (guint i = 0; i < run->mutants->len; i++) {
			if (!one_trial(run, run->mutants->pdata[i], n, error))
				return FALSE;
		}
	}
	return TRUE;
}

/* --- the command ------------------------------------------------------------
 */

static int finish(struct run *run, gboolean whole, const GError *error)
{
	g_autofree char *curve = g_build_filename(run->out, "curve.svg", NULL);
	g_autofree char *svg = bench_curve(run->trials, run->search.seconds);
	struct host_result *result =
		host_result_new("bench mutants", run->options);
	guint nr_false = bench_summary(run->trials, &run->search, result);
	int status = nr_false ? EXIT_FINDING : EXIT_CLEAN;

	(void)g_file_set_contents(curve, svg, -1, NULL);
	if (error)
		status = host_fail("bench mutants", error);
	else if (!whole)
		status = EXIT_TIME;
	if (status == EXIT_TIME)
		host_progress(run->options, FALSE,
			"stopped: the same command goes on");
	return host_result_end(result, status);
}

static int bench(struct run *run)
{
	g_autofree char *plan = plan_of(run);
	g_autoptr(GError) error = NULL;
	gboolean whole;

	if (run->options->dry_run) {
		printf("%s", plan);
		return EXIT_CLEAN;
	}
	host_progress(run->options, FALSE, "seed %" G_GUINT64_FORMAT,
		run->options->seed);
	if (!bench_plan_check(run->out, plan, &error))
		return host_fail("bench mutants", error);
	host_stop_begin(&run->stop);
	whole = all_trials(run, &error);
	judge_again(run);
	host_stop_end();
	return finish(run, whole, error);
}

static int prepare(struct run *run)
{
	g_autoptr(GError) error = NULL;

	if (run->peer && !search_known(run->peer)) {
		g_autofree char *all = search_peers();

		g_printerr("rmaptorture bench mutants: no peer '%s'; there are "
			   "%s\n",
			run->peer, all);
		return EXIT_BROKEN;
	}
	if (run->peer && run->no_stalls) {
		g_printerr("rmaptorture bench mutants: --no-stalls is for the "
			   "fuzzer: leave out --peer\n");
		return EXIT_BROKEN;
	}
	run->search = (struct search){
		.peer = run->peer,
		.append = run->target.append,
		.no_stalls = run->no_stalls,
		.options = run->options,
		.stop = &run->stop,
	};
	run->search.seconds =
		host_seconds("--budget", run->budget ? run->budget : BUDGET);
	if (run->search.seconds < 0)
		return EXIT_BROKEN;
	if (!run->out)
		run->out = g_strdup(OUT);
	if (!load(run, &error))
		return host_fail("bench mutants", error);
	return bench(run);
}

static void trial_destroy(gpointer trial)
{
	trial_free(trial);
}

int cmd_bench_mutants(int argc, char **argv)
{
	struct host_options SCOPED(host_options_clear) options = {0};
	struct run run = {.options = &options};
	int status = EXIT_BROKEN;

	run.trials = g_ptr_array_new_with_free_func(trial_destroy);
	run.ignored =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (parse(&argc, &argv, &run, &options))
		status = prepare(&run);
	g_hash_table_unref(run.ignored);
	g_ptr_array_unref(run.trials);
	g_clear_pointer(&run.mutants, g_ptr_array_unref);
	search_clear(&run.search);
	g_free(run.target.kernel);
	g_free(run.target.append);
	g_free(run.table);
	g_free(run.budget);
	g_free(run.peer);
	g_free(run.names);
	g_free(run.out);
	return status;
}
