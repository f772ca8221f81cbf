/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture stress: reclaim and migration at full force in one VM. */
#include "host/stress/stress.h"

#include "stress/rows.h"

#include <stdio.h>
#include <string.h>

#define SHRINK_MAX 300 /* seconds of all of them */
#define LOAD_LEAST 10  /* seconds of a load after a finding */

struct stress_options {
	struct target_options target;
	char *stressors, *max_runtime, *out, *yaml, *peer;
	int jobs, stop_after;
	gboolean list, no_shrink;
};

static gboolean parse(int *argc, char ***argv, struct stress_options *o,
	struct host_options *options)
{
	GOptionEntry entries[] = {
		TARGET_OPTIONS(&o->target),
		TARGET_SET(&o->target),
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
			"run another tool instead, to compare what it makes "
			"the kernel do and finds; \"stress-ng\" alone has good "
			"arguments",
			"COMMAND"},
		{"stop-after", 0, 0, G_OPTION_ARG_INT, &o->stop_after,
			"end after so many different findings, on a fresh VM "
			"after each; 0: when the time is over (default 1)",
			"N"},
		{"no-shrink", 0, 0, G_OPTION_ARG_NONE, &o->no_shrink,
			"do not look for fewer stressors that show a finding",
			NULL},
		{"list", 0, 0, G_OPTION_ARG_NONE, &o->list,
			"the stressors, and what each forces", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	o->jobs = 1;
	o->stop_after = 1;
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
	struct load less = stress_again(load, run->seconds);

	if (ran)
		less.stressors = ran;
	less.flags = 0;
	less.stressors = stress_shrink(
		target, scratch, &less, run->report.title, SHRINK_MAX, options);
	return less;
}

/* struct session - loads one after the other, until there are findings enough
 * @spent:  seconds of loads that have ended
 * @sum:    of their boards
 * @titles: different ones
 */
struct session {
	struct target *target;
	const struct stress_options *o;
	const struct host_options *options;
	struct host_result *result;
	char *scratch;
	double spent;
	struct board sum;
	GHashTable *titles;
};

static void print_finding(const struct stress_run *run, const char *dir)
{
	printf("\n%s\n  after %.1f s; %s\n", run->report.title, run->seconds,
		dir);
	if (run->detail)
		printf("  %s\n", run->detail);
	if (run->board.finding.claimed && run->board.finding.history[0])
		printf("  history of the page:\n%s",
			run->board.finding.history);
	(void)fflush(stdout);
}

static int tell_finding(struct session *session, const struct load *load,
	const struct stress_run *run, GError **error)
{
	const char *out = session->o->out ? session->o->out : "out";
	struct target *target = session->target;
	g_autofree char *dir = NULL, *text = NULL;
	struct load less = stress_again(load, run->seconds);

	/* first it is kept, then it is looked into */
	if (!stress_store(out, target, &less, run, &dir, error))
		return EXIT_BROKEN;
	print_finding(run, dir);
	if (!session->o->no_shrink && (load->stressors & (load->stressors - 1)))
		less = smaller_load(
			target, session->scratch, load, run, session->options);
	if (less.stressors != load->stressors) {
		g_autofree char *again = NULL;

		if (!stress_store(out, target, &less, run, &again, error))
			return EXIT_BROKEN;
	}
	text = stress_command(target, &less);
	printf("  smallest that shows it: %s\n", text);
	host_result_finding(session->result, run->report.title, dir, 1, 1);
	host_result_seen(session->result, session->spent + run->seconds);
	g_hash_table_add(session->titles, g_strdup(run->report.title));
	return EXIT_FINDING;
}

static int status_of(const struct load *load, const struct stress_run *run)
{
	const struct board_stressor *peer = &run->board.stressor[STRESSOR_NR];
	gboolean any = load->flags & LOAD_PEER && peer->outcome == STRESS_PASS;

	if (peer->outcome == STRESS_BROKEN) {
		g_printerr("rmaptorture stress: the peer: %s\n", peer->reason);
		return EXIT_BROKEN;
	}
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

static int judge_run(struct session *session, const struct load *load,
	const struct stress_run *run, GError **error)
{
	const char *yaml = session->o->yaml;

	if (yaml && !stress_yaml(yaml, load, run, error))
		return EXIT_BROKEN;
	if (run->end == STRESS_FOUND)
		return tell_finding(session, load, run, error);
	if (run->end != STRESS_BROKE)
		return status_of(load, run);
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN, "%s",
		run->detail ? run->detail : "the VM broke");
	return EXIT_BROKEN;
}

static int run_load(
	struct session *session, const struct load *load, GError **error)
{
	g_autofree struct stress_run *run = g_new0(struct stress_run, 1);
	g_autofree struct stress_live *live = g_new0(struct stress_live, 1);
	int status;

	live->options = session->options;
	if (!stress_run(session->target, session->scratch, load,
		    stress_print_live, live, run, error))
		return EXIT_BROKEN;
	stress_print_table(load, run);
	(void)fflush(stdout); /* what is wrong comes last */
	status = judge_run(session, load, run, error);
	session->spent += run->seconds;
	board_add(&session->sum, &run->board);
	stress_run_clear(run);
	return status;
}

static gboolean is_enough(
	const struct session *session, const struct load *load)
{
	guint want = (guint)MAX(session->o->stop_after, 0);

	return (want && g_hash_table_size(session->titles) >= want) ||
	       session->spent + LOAD_LEAST > load->seconds;
}

static void tell_sum(const struct session *session, const struct load *load)
{
	g_autofree struct stress_run *all = g_new0(struct stress_run, 1);

	all->board = session->sum;
	all->seconds = session->spent;
	stress_result(load, all, session->result);
}

/* A load ends at its first finding: where more are wanted another one follows.
 */
static int run_loads(
	struct session *session, const struct load *load, GError **error)
{
	struct load left = *load;
	int status;

	session->scratch = host_scratch(error);
	if (!session->scratch)
		return EXIT_BROKEN;
	session->titles =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	do {
		left.seconds = load->seconds - (guint32)session->spent;
		status = run_load(session, &left, error);
	} while (status == EXIT_FINDING && !is_enough(session, load));
	if (status != EXIT_BROKEN && g_hash_table_size(session->titles))
		status = EXIT_FINDING;
	tell_sum(session, load);
	g_hash_table_unref(session->titles);
	host_scratch_free(session->scratch);
	return status;
}

static struct target *open_target(const struct stress_options *o,
	struct load *load, const struct host_options *options, GError **error)
{
	if (o->peer)
		return stress_peer_open(
			o->peer, load, &o->target, options, error);
	return stress_target_open(&o->target, options, error);
}

static int stress(struct stress_options *o, struct load *load,
	const struct host_options *options)
{
	g_autofree struct session *session = g_new0(struct session, 1);
	struct target *SCOPED(target_freep) target = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	int status;

	target = open_target(o, load, options, &error);
	if (!target)
		return error ? host_fail("stress", error) : EXIT_CLEAN;
	text = target->peer ? g_strdup(target->peer) : stress_load_text(load);
	host_progress(options, FALSE, "%s", text);
	session->target = target;
	session->o = o;
	session->options = options;
	session->result = host_result_new("stress", options);
	host_result_kernel(session->result, target->name, target->profile,
		target->build_id);
	status = run_loads(session, load, &error);
	if (error)
		(void)host_fail("stress", error);
	return host_result_end(session->result, status);
}

int cmd_stress(int argc, char **argv)
{
	struct stress_options o = {0};
	struct host_options SCOPED(host_options_clear) options = {0};
	struct load load;

	if (!parse(&argc, &argv, &o, &options))
		return EXIT_BROKEN;
	if (o.list)
		return list_rows();
	load = stress_load(options.seed);
	if (!fill_load(&o, &load))
		return EXIT_BROKEN;
	return stress(&o, &load, &options);
}
