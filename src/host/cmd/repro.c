/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture repro: replay a stored finding on fresh clones: k of n. */
#include "host/c_repro.h"
#include "host/fail_search.h"
#include "host/host.h"
#include "host/record.h"
#include "host/selftests/selftests.h"
#include "host/stall_search.h"
#include "host/stress/stress.h"
#include "host/user/tier.h"

#include <stdio.h>
#include <string.h>

#include "csource/csource.h"

#define RUNS_DEFAULT   20
#define MINIMIZE_TRIES 300
#define SURE_RUNS      2 /* more, of a smaller program that shows it */
#define C_SOURCE_MAX   (256 * 1024)
#define RECORD_TRIES   10

/* A finding is replayed where it was seen: in VMs of @target, or in processes
 * of @kernel, of profile user, perhaps @against another. The others are NULL.
 */
struct repro_run {
	struct target *target;
	struct kernel *kernel, *against;
	struct user_trial trial; /* with these */
	const struct host_options *options;
	struct finding *finding;
	char *scratch;
	gboolean as_it_is; /* no stall or fail_nth is looked for */
	gboolean record;
	guint tries;   /* of each smaller program before it counts as clean */
	gboolean sure; /* it showed in each run */
	const struct candidate *shown; /* what is made smaller */
	guint runs;
};

static gboolean shows_once(
	struct repro_run *repro, const struct candidate *candidate)
{
	const char *title = repro->finding->title;

	if (repro->kernel)
		return user_tier_shows(
			&repro->trial, candidate_single(candidate), title);
	return replay_run(repro->target, repro->scratch, candidate, title,
		       NULL) > 0;
}

static void count(struct repro_run *repro, const struct candidate *candidate,
	guint n, struct replay *ret)
{
	if (repro->kernel)
		user_tier_count(&repro->trial, candidate_single(candidate),
			repro->finding->title, n, ret);
	else
		replay_count(repro->target, repro->scratch, candidate,
			repro->finding->title, n, ret);
}

/* What shows every time is not to become what shows once by luck. */
static gboolean is_as_sure(
	struct repro_run *repro, const struct candidate *smaller)
{
	for (guint again = 0; repro->sure && again < SURE_RUNS; again++) {
		if (!shows_once(repro, smaller))
			return FALSE;
	}
	return TRUE;
}

/* prog_minimize()'s question, for a program alone on the lane that showed it */
static int still_shows(const struct prog *prog, void *user)
{
	struct repro_run *repro = user;
	struct candidate one = candidate_with(repro->shown, prog);

	repro->runs++;
	host_progress(repro->options, TRUE, "minimize: try %u, %u calls",
		repro->runs, prog->nr_calls);
	for (guint try = 0; try < repro->tries; try++) {
		if (shows_once(repro, &one))
			return is_as_sure(repro, &one);
	}
	return 0;
}

static void minimize(struct repro_run *repro, struct candidate *candidate,
	const struct replay *replay)
{
	struct prog *prog = candidate_single(candidate);
	int tries;

	if (!prog || !replay->k) {
		printf("not minimized: it takes more than one program\n");
		return;
	}
	repro->sure = replay->k == replay->n;
	repro->shown = candidate;
	/* at k of n, so many tries miss it in one of a hundred cases */
	repro->tries = MIN(8, 1 + 5 * (replay->n - replay->k) / replay->k);
	tries = prog_minimize(prog, still_shows, repro, MINIMIZE_TRIES);
	printf("minimized to %u calls in %d tries\n", prog->nr_calls, tries);
}

/* Where no run shows it, another allocation of this template may. */
static void failures(struct repro_run *repro, struct candidate *candidate,
	guint n, struct replay *replay)
{
	int by = 0;

	if (candidate_single(candidate) && repro->target && !repro->as_it_is &&
		!replay->k)
		by = fail_search(repro->target, repro->scratch, repro->options,
			repro->finding->title, candidate);
	if (!by)
		return;
	printf("no run shows it; with fail_nth %+d it does: which allocation "
	       "is the n-th depends on how full the slabs are\n",
		by);
	count(repro, candidate, n, replay);
}

/* A race that shows in less than a quarter of the runs is looked for a stall
 * that makes it sure. */
static void schedule(struct repro_run *repro, struct candidate *candidate,
	guint n, struct replay *replay)
{
	struct prog *prog = candidate_single(candidate);
	g_autoptr(GError) error = NULL;
	int tries;

	if (!prog || !repro->target || repro->as_it_is ||
		(replay->n && 4 * replay->k >= replay->n))
		return;
	tries = stall_search(repro->target, repro->scratch, repro->options,
		repro->finding->title, prog, &error);
	if (tries < 0) {
		printf("no stall is looked for: %s\n", error->message);
		return;
	}
	if (replay->n)
		printf("shows in %u of %u runs; ", replay->k, replay->n);
	else
		printf("no program on record shows it again by itself; ");
	if (!tries) {
		printf("no stall makes it sure\n");
		return;
	}
	printf("a stall found in %d tries makes it surer\n", tries);
	count(repro, candidate, n, replay);
}

#define LOOKS 5 /* for the page that is wrong */

/* Which page shows it, where it is one that the kernel says nothing of */
static gboolean find_page(const struct repro_run *repro,
	const struct candidate *candidate, struct mismatch *ret)
{
	static struct prog_result result;
	const struct prog *prog = candidate_single(candidate);

	for (guint i = 0; repro->target && prog && i < LOOKS; i++) {
		struct guest *SCOPED(guest_freep) guest =
			guest_fresh(repro->target, repro->scratch, NULL);
		struct judgment judgment = {0};

		if (guest &&
			guest_judge(repro->target, guest, prog, &result,
				&judgment) == GUEST_DONE &&
			!strcmp(judgment.title, repro->finding->title))
			return shadow_judge(prog, &result, ret);
	}
	return FALSE;
}

static gboolean write_c_source(const struct candidate *candidate,
	const struct mismatch *bad, const char *path, GError **error)
{
	const struct prog *prog = candidate_single(candidate);
	g_autofree char *buf = g_malloc(C_SOURCE_MAX);
	struct text text;

	text_init(&text, buf, C_SOURCE_MAX);
	if (!prog || prog_c_source(prog, bad, &text)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"--c: only a single program has a C source");
		return FALSE;
	}
	return g_file_set_contents(path, buf, (gssize)text.len, error);
}

/* Did the kernel report it, so that it can be seen without our guest? */
static gboolean is_reported(const struct finding *finding)
{
	struct report report;
	gsize len = 0;
	g_autofree char *console = store_read(finding, "console", &len, NULL);

	return console && console_parse(console, len, &report) > 0;
}

/* The C source, by itself, on machines like that of the finding. */
static gboolean prove_c_source(struct repro_run *repro, gboolean looks,
	const char *path, guint n, struct host_result *result, GError **error)
{
	g_autoptr(GError) why = NULL;
	char other[TITLE_MAX];
	struct replay replay;

	if (!repro->target || (!looks && !is_reported(repro->finding))) {
		printf("%s was not run: neither the kernel nor a page that it "
		       "reads would tell\n",
			path);
		return TRUE;
	}
	if (!c_repro_count(repro->target, path, repro->finding->title, n,
		    repro->options, &replay, other, &why)) {
		printf("%s was not run: %s\n", path, why->message);
		return TRUE;
	}
	printf("%s alone in a VM, its calls up to " C_REPRO_TIMES " times: ",
		path);
	replay_print(&replay);
	if (*other)
		printf("  another title: %s\n", other);
	host_result_figure(result, "c_k", replay.k);
	host_result_figure(result, "c_n", replay.n);
	return store_set_c_repro(repro->finding, replay.k, replay.n, error);
}

/* The last thing: what it needs is known by then. */
static gboolean record(struct repro_run *repro,
	const struct candidate *candidate, const struct replay *replay,
	struct host_result *result, GError **error)
{
	const struct prog *prog = candidate_single(candidate);
	struct recording got;

	if (!repro->target || !prog || !replay->k) {
		printf("not recorded: it takes one program that shows it in a "
		       "VM\n");
		return TRUE;
	}
	if (!record_finding(repro->target, repro->finding, prog,
		    2 * replay->no_fsck > replay->k, RECORD_TRIES,
		    repro->options, &got, error))
		return FALSE;
	if (got.shown)
		printf("recorded in try %u: %s/record/replay (%.1f s, %.1f "
		       "MiB; replayed once, the same %zu bytes of console)\n",
			got.tries, repro->finding->dir, got.seconds, got.mib,
			got.console);
	else
		printf("not recorded: %u runs on one vCPU did not show it\n",
			got.tries);
	host_result_figure(result, "recorded", got.shown);
	return TRUE;
}

static guint nr_calls(const struct candidate *candidate)
{
	guint calls = 0;

	for (guint lane = 0; lane < SLOT_LANES; lane++) {
		for (guint i = 0; i < candidate->nr[lane]; i++)
			calls += candidate->prog[lane][i].nr_calls;
	}
	return calls;
}

static int no_program(void)
{
	printf("no program on record shows it again\n");
	return EXIT_TIME;
}

/* In the user tier the log of a finding has the program that showed it, alone
 */
static gboolean find(struct repro_run *repro, struct candidate *ret)
{
	if (repro->kernel)
		return replay_last(repro->finding, 1, ret);
	return replay_find(repro->target, repro->scratch, repro->finding,
		repro->options, ret);
}

/* To the finding's folder, and as C to @c_path, if there is one */
static gboolean keep(struct repro_run *repro, const struct candidate *candidate,
	const struct replay *replay, guint n, const char *c_path,
	struct host_result *result, GError **error)
{
	struct mismatch page;
	gboolean looks = replay->k && !is_reported(repro->finding) &&
			 find_page(repro, candidate, &page);
	const struct mismatch *bad = looks ? &page : NULL;

	if (!replay_store(repro->finding, bad, candidate, replay, error))
		return FALSE;
	return !c_path ||
	       (write_c_source(candidate, bad, c_path, error) &&
		       prove_c_source(repro, looks, c_path, n, result, error));
}

static int replay_all(struct repro_run *repro, guint n, gboolean smaller,
	const char *c_path, struct host_result *result, GError **error)
{
	struct candidate SCOPED(candidate_clear) candidate = {0};
	g_autofree char *text = NULL;
	struct replay replay = {0};

	if (find(repro, &candidate))
		count(repro, &candidate, n, &replay);
	else if (!replay_last(repro->finding,
			 repro->target ? repro->target->nr_lanes : 1,
			 &candidate))
		return no_program();
	failures(repro, &candidate, n, &replay);
	schedule(repro, &candidate, n, &replay);
	if (!replay.n)
		return no_program();
	if (smaller) {
		minimize(repro, &candidate, &replay);
		count(repro, &candidate, n, &replay);
	}
	text = candidate_text(&candidate);
	printf("%s", text);
	replay_print(&replay);
	replay_figures(result, repro->finding, &replay);
	host_result_figure(result, "calls", nr_calls(&candidate));
	if (!keep(repro, &candidate, &replay, n, c_path, result, error) ||
		(repro->record &&
			!record(repro, &candidate, &replay, result, error)))
		return EXIT_BROKEN;
	return replay.k ? EXIT_FINDING : EXIT_CLEAN;
}

/* What the user leaves out comes from the finding's own record. */
static void fill_target(struct target_options *t, const struct finding *finding)
{
	g_autofree char *machine =
		store_read(finding, "machineInfo", NULL, NULL);
	g_auto(GStrv) lines = g_strsplit(machine ? machine : "", "\n", -1);
	g_autoptr(GStrvBuilder) set = g_strv_builder_new();

	for (char **line = lines; *line; line++) {
		if (!t->kernel && g_str_has_prefix(*line, "kernel: "))
			t->kernel = g_strdup(*line + strlen("kernel: "));
		if (!t->append && g_str_has_prefix(*line, "user append: "))
			t->append = g_strdup(*line + strlen("user append: "));
		if (g_str_has_prefix(*line, "set: "))
			g_strv_builder_add(set, *line + strlen("set: "));
	}
	if (!t->set)
		t->set = g_strv_builder_end(set);
}

static gboolean open_kernel(
	struct repro_run *repro, struct target_options *t, GError **error)
{
	g_autofree char *against = NULL;

	if (!user_tier_is(t->kernel)) {
		repro->target = target_open(t, repro->options, error);
		return repro->target != NULL;
	}
	repro->kernel = host_kernel(t->kernel, repro->options, error);
	against = user_tier_about(repro->finding, "against: ");
	if (repro->kernel && against)
		repro->against = host_kernel(against, repro->options, error);
	repro->trial = (struct user_trial){
		.kernel = repro->kernel,
		.against = repro->against,
		.append = t->append,
	};
	return repro->kernel && (repro->against || !against);
}

/* What user space shows a VM may show by another title. */
static void print_in_vm(
	const struct kernel *kernel, const struct finding *finding)
{
	if (finding->has_repro)
		printf("in a VM: rmaptorture repro %s -k %s:%s\n", finding->dir,
			kernel->name, KERNEL_DEFAULT_PROFILE);
}

static int repro_on(struct repro_run *repro, guint n, gboolean smaller,
	const char *c_path, GError **error)
{
	struct host_result *result = host_result_new("repro", repro->options);
	int status = EXIT_BROKEN;

	if (repro->target)
		host_result_kernel(result, repro->target->name,
			repro->target->profile, repro->target->build_id);
	else
		host_result_kernel(result, repro->kernel->name,
			repro->kernel->profile, repro->kernel->build_id);
	printf("%s\n", repro->finding->title);
	repro->scratch = host_scratch(error);
	if (repro->scratch)
		status = replay_all(repro, n, smaller, c_path, result, error);
	if (repro->kernel && !*error)
		print_in_vm(repro->kernel, repro->finding);
	host_scratch_free(repro->scratch);
	return host_result_end(result, status);
}

/* struct asked - the command line */
struct asked {
	char *name, *out, *c_path;
	gboolean smaller, as_it_is, record;
	int runs;
};

static int repro(struct target_options *t, const struct host_options *options,
	const struct asked *asked)
{
	const guint n = (guint)asked->runs;
	g_autoptr(GError) error = NULL;
	struct finding *SCOPED(finding_freep) finding =
		store_find(asked->out, asked->name, &error);
	struct repro_run repro = {.options = options,
		.finding = finding,
		.as_it_is = asked->as_it_is,
		.record = asked->record};
	g_autofree char *machine = NULL;
	int status;

	if (!finding)
		return host_fail("repro", error);
	fill_target(t, finding);
	machine = store_read(finding, "machineInfo", NULL, NULL);
	if (stress_repro_is(machine))
		return stress_repro(finding, machine, t, options, n);
	if (selftests_repro_is(machine))
		return selftests_repro(finding, machine, t, options, n);
	if (user_tier_found(finding) && !user_tier_is(t->kernel))
		return user_tier_repro(finding, t, options, n);
	if (!open_kernel(&repro, t, &error))
		return error ? host_fail("repro", error) : EXIT_CLEAN;
	status = repro_on(&repro, n, asked->smaller, asked->c_path, &error);
	if (error)
		(void)host_fail("repro", error);
	target_freep(&repro.target);
	kernel_free(repro.kernel);
	kernel_free(repro.against);
	return status;
}

int cmd_repro(int argc, char **argv)
{
	struct target_options target = {0};
	struct host_options SCOPED(host_options_clear) options = {0};
	struct asked asked = {.runs = RUNS_DEFAULT};
	GOptionEntry entries[] = {
		TARGET_OPTIONS(&target),
		TARGET_SET(&target),
		{"runs", 'n', 0, G_OPTION_ARG_INT, &asked.runs,
			"replay so often (default 20)", "N"},
		{"minimize", 0, 0, G_OPTION_ARG_NONE, &asked.smaller,
			"make the program smaller while it shows the title",
			NULL},
		{"c", 0, 0, G_OPTION_ARG_FILENAME, &asked.c_path,
			"write the program as C, and run that in VMs, too",
			"FILE"},
		{"record", 0, 0, G_OPTION_ARG_NONE, &asked.record,
			"record a run of it that a debugger can make again",
			NULL},
		{"as-it-is", 0, 0, G_OPTION_ARG_NONE, &asked.as_it_is,
			"do not look for a stall, or another fail_nth, that "
			"makes it sure",
			NULL},
		{"out", 0, 0, G_OPTION_ARG_FILENAME, &asked.out,
			"where the finding is (default out)", "DIR"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	if (!host_parse(&argc, &argv, entries, "FINDING",
		    "Replay a finding where it was seen, on fresh clones of a "
		    "VM or in processes, and count: k of n.",
		    &options))
		return EXIT_BROKEN;
	if (asked.runs < 1) {
		g_printerr("rmaptorture repro: -n %d: want 1 or more\n",
			asked.runs);
		return EXIT_BROKEN;
	}
	if (argc != 2) {
		g_printerr("rmaptorture repro: name one finding, as "
			   "`rmaptorture findings` lists them\n");
		return EXIT_BROKEN;
	}
	asked.name = argv[1];
	asked.out = asked.out ? asked.out : (char *)"out";
	return repro(&target, &options, &asked);
}
