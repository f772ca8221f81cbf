/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture stress: reclaim and migration at full force in one VM. */
#include "host/stress/stress.h"

#include "stress/rows.h"

#include <stdio.h>
#include <string.h>

#define TRY_LEAST  20  /* seconds of a run with fewer stressors */
#define TRY_TIMES  3   /* as long as the finding took */
#define SHRINK_MAX 300 /* seconds of all of them */

struct stress_options {
	struct target_options target;
	char *stressors, *max_runtime, *out, *yaml, *peer;
	int jobs;
	gboolean list, no_shrink;
};

static gboolean parse(int *argc, char ***argv, struct stress_options *o,
	struct host_options *options)
{
	GOptionEntry entries[] = {
		TARGET_OPTIONS(&o->target),
		{"stressor", 0, 0, G_OPTION_ARG_STRING, &o->stressors,
			"all in turn (default), some of them at once, or a "
			"mix that changes from round to round by the seed",
			"all|NAME,...|mix[:NAME,...]"},
		{"jobs", 0, 0, G_OPTION_ARG_INT, &o->jobs,
			"of each stressor (default 1)", "N"},
		{"max-runtime", 0, 0, G_OPTION_ARG_STRING, &o->max_runtime,
			"how long (default 1m)", "TIME"},
		{"out", 0, 0, G_OPTION_ARG_FILENAME, &o->out,
			"where findings go (default out)", "DIR"},
		{"yaml", 0, 0, G_OPTION_ARG_FILENAME, &o->yaml,
			"write metrics there as stress-ng's --yaml does",
			"FILE"},
		{"peer", 0, 0, G_OPTION_ARG_STRING, &o->peer,
			"run another tool instead, to compare what the kernel "
			"counts; \"stress-ng\" alone has good arguments",
			"COMMAND"},
		{"no-shrink", 0, 0, G_OPTION_ARG_NONE, &o->no_shrink,
			"do not look for fewer stressors that show a finding",
			NULL},
		{"list", 0, 0, G_OPTION_ARG_NONE, &o->list,
			"the stressors, and what each forces", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	o->jobs = 1;
	return host_parse(argc, argv, entries, "",
		"Stress a kernel's reclaim and migration with every byte "
		"checked.",
		options);
}

static int list_rows(void)
{
	for (guint i = 0; i < STRESSOR_NR; i++)
		printf("%-15s %s\n", stress_rows[i].name,
			stress_rows[i].forces);
	return EXIT_CLEAN;
}

static gboolean fill_load(const struct stress_options *o, struct load *load)
{
	const char *stressors = o->stressors ? o->stressors : "all";
	g_autofree char *text = g_strdup_printf("--stressor %s", stressors);
	gint64 seconds = host_seconds(
		"--max-runtime", o->max_runtime ? o->max_runtime : "1m");
	guint total;
	struct why why;

	if (seconds < 0)
		return FALSE;
	if (strchr(stressors, ' ') ||
		load_parse(text, stress_names(), STRESSOR_NR, load, &why)) {
		fprintf(stderr,
			"rmaptorture stress: --stressor '%s': %s; `rmaptorture "
			"stress --list` lists them\n",
			stressors,
			strchr(stressors, ' ') ? "no space" : why.text);
		return FALSE;
	}
	total = (guint)__builtin_popcountll(load->stressors);
	if (o->jobs < 1 || (guint)o->jobs > BOARD_JOBS / total) {
		fprintf(stderr,
			"rmaptorture stress: --jobs %d: 1 to %u of %u "
			"stressors\n",
			o->jobs, BOARD_JOBS / total, total);
		return FALSE;
	}
	load->jobs = (guint)o->jobs;
	load->seconds = (guint32)seconds;
	return TRUE;
}

/* The load to run again: of those that ran in that round, as few as show it,
 * all at once, and as long as it takes. */
static struct load smaller_load(struct target *target, const char *scratch,
	const struct load *load, const struct stress_run *run,
	const struct host_options *options)
{
	guint64 ran = run->board.running & load->stressors;
	struct load less = *load;

	if (ran)
		less.stressors = ran;
	less.flags = 0;
	less.seconds = MAX(TRY_LEAST, (guint32)(run->seconds * TRY_TIMES));
	less.stressors = stress_shrink(
		target, scratch, &less, run->report.title, SHRINK_MAX, options);
	return less;
}

static int tell_finding(struct target *target, const char *scratch,
	const struct stress_options *o, const struct load *load,
	const struct stress_run *run, const struct host_options *options,
	struct host_result *result, GError **error)
{
	const char *out = o->out ? o->out : "out";
	g_autofree char *dir = NULL, *text = NULL;
	struct load less = *load;

	/* first it is kept, then it is looked into */
	if (!stress_store(out, target, load, run, &dir, error))
		return EXIT_BROKEN;
	printf("\n%s\n  after %.1f s; %s\n", run->report.title, run->seconds,
		dir);
	if (run->detail)
		printf("  %s\n", run->detail);
	if (run->board.finding.claimed && run->board.finding.history[0])
		printf("  history of the page:\n%s",
			run->board.finding.history);
	(void)fflush(stdout);
	if (!o->no_shrink && (load->stressors & (load->stressors - 1)))
		less = smaller_load(target, scratch, load, run, options);
	if (less.stressors != load->stressors) {
		g_autofree char *again = NULL;

		if (!stress_store(out, target, &less, run, &again, error))
			return EXIT_BROKEN;
	}
	text = stress_load_text(&less);
	printf("  smallest that shows it: rmaptorture stress -k %s:%s %s\n",
		target->name, target->profile, text);
	host_result_finding(result, run->report.title, dir, 1, 1);
	return EXIT_FINDING;
}

static int status_of(const struct load *load, const struct stress_run *run)
{
	gboolean any = load->flags & LOAD_PEER &&
		       run->board.stressor[STRESSOR_NR].outcome == STRESS_PASS;

	if (run->board.stressor[STRESSOR_NR].outcome == STRESS_BROKEN)
		return EXIT_BROKEN;
	for (guint i = 0; i < STRESSOR_NR; i++) {
		if (!(load->stressors >> i & 1))
			continue;
		if (run->board.stressor[i].outcome == STRESS_BROKEN)
			return EXIT_BROKEN;
		any |= run->board.stressor[i].outcome == STRESS_PASS;
	}
	if (run->end == STRESS_STOPPED)
		return EXIT_TIME;
	return any ? EXIT_CLEAN : EXIT_SKIP;
}

static int run_load(struct target *target, const char *scratch,
	const struct stress_options *o, const struct load *load,
	const struct host_options *options, struct host_result *result,
	GError **error)
{
	g_autofree struct stress_run *run = g_new0(struct stress_run, 1);
	g_autofree struct stress_live *live = g_new0(struct stress_live, 1);
	int status;

	live->options = options;
	if (!stress_run(
		    target, scratch, load, stress_print_live, live, run, error))
		return EXIT_BROKEN;
	stress_print_table(load, run);
	stress_result(load, run, result);
	status = status_of(load, run);
	if (o->yaml && !stress_yaml(o->yaml, load, run, error))
		status = EXIT_BROKEN;
	if (run->end == STRESS_BROKE) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN, "%s",
			run->detail ? run->detail : "the VM broke");
		status = EXIT_BROKEN;
	}
	if (run->end == STRESS_FOUND)
		status = tell_finding(
			target, scratch, o, load, run, options, result, error);
	stress_run_clear(run);
	return status;
}

/* Its folder, which the initramfs is made of; @ret_text: what it runs */
static char *prepare_peer(struct stress_options *o, struct load *load,
	char **ret_text, GError **error)
{
	char *dir = stress_peer(o->peer, load->seconds, ret_text, error);

	o->target.selftests = dir;
	load->stressors = 0;
	load->flags = LOAD_PEER;
	load->round_s = load->seconds;
	return dir;
}

int cmd_stress(int argc, char **argv)
{
	struct stress_options o = {0};
	struct host_options SCOPED(host_options_clear) options = {0};
	struct target *SCOPED(target_freep) target = NULL;
	g_autoptr(GError) error = NULL;
	struct host_result *result;
	g_autofree char *text = NULL;
	char *scratch, *peer = NULL;
	struct load load;
	int status = EXIT_BROKEN;

	if (!parse(&argc, &argv, &o, &options))
		return EXIT_BROKEN;
	if (o.list)
		return list_rows();
	load = stress_load(options.seed);
	if (!fill_load(&o, &load))
		return EXIT_BROKEN;
	if (o.peer)
		peer = prepare_peer(&o, &load, &text, &error);
	if (!error)
		target = stress_target_open(&o.target, &options, &error);
	host_scratch_free(peer);
	if (!target)
		return error ? host_fail("stress", error) : EXIT_CLEAN;
	if (!text)
		text = stress_load_text(&load);
	host_progress(&options, FALSE, "%s", text);
	result = host_result_new("stress", &options);
	host_result_kernel(
		result, target->name, target->profile, target->build_id);
	scratch = host_scratch(&error);
	if (scratch)
		status = run_load(
			target, scratch, &o, &load, &options, result, &error);
	if (error)
		(void)host_fail("stress", error);
	host_scratch_free(scratch);
	return host_result_end(result, status);
}
