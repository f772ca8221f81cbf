/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture run: programs on fresh clones, every call's result, the verdict.
 */
#include "host/schedules.h"
#include "host/user/tier.h"

#include <stdio.h>
#include <string.h>

struct run {
	struct target *target;
	const struct host_options *options;
	struct host_result *result;
	char *scratch;
	gboolean brief; /* many programs: a line each */
	guint counts[VERDICT_BROKEN + 1];
};

static const char *const verdict_names[] = {
	[VERDICT_PASS] = "PASS",
	[VERDICT_FINDING] = "FINDING",
	[VERDICT_SKIP] = "SKIP",
	[VERDICT_BROKEN] = "BROKEN",
};

static void print_stall(
	const struct stall *stall, const struct stall_result *result)
{
	printf("    %s: %s",
		stall_is_meeting(stall) ? "meeting" : stall->symbol,
		stall_outcome_name(result->outcome));
	if (result->outcome == STALL_MISSED)
		printf(" (%u of %u hits)", result->hits, stall->hit);
	else if (result->outcome != STALL_UNARMED &&
		 result->outcome != STALL_MET)
		printf(" (call %u; %u us%s)", stall->until, result->us,
			result->atomic ? ", spinning" : "");
	printf("\n");
}

static void print_call(
	const struct prog *prog, guint32 i, const struct call_result *result)
{
	char buf[PROG_TEXT_MAX / 8];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	call_print(prog, i, &text);
	printf("  %2u  %-44s ", i, buf);
	if (result->state != CALL_DONE)
		printf("%s%s%s\n", call_state_name(result->state),
			result->err ? ": " : "",
			result->err ? g_strerror(-result->err) : "");
	else if (result->err)
		printf("%s (%u us)\n", g_strerror(-result->err), result->us);
	else
		printf("%" G_GINT64_FORMAT " (%u us)\n", result->ret,
			result->us);
}

static void print_calls(
	const struct prog *prog, const struct prog_result *result)
{
	for (guint32 i = 0; i < prog->nr_calls; i++) {
		const struct stall *stall = call_stall(prog, i);

		print_call(prog, i, &result->call[i]);
		if (stall)
			print_stall(stall, &result->stall[stall - prog->stall]);
	}
}

static void print_report(const struct guest *guest)
{
	struct report report;

	guest_title(guest, &report);
	if (report.end > report.start)
		printf("%.*s\n", (int)(report.end - report.start),
			vm_console(guest->vm)->str + report.start);
}

static void tell_stalls(struct run *run, const struct prog *prog)
{
	g_autoptr(GString) notes = g_string_new(NULL);
	guint64 pc[PROG_STALLS_MAX];

	target_stalls(run->target, prog, pc, notes);
	printf("%s", notes->str);
}

static void run_program(struct run *run, struct guest *guest,
	const struct prog *prog, struct judgment *ret)
{
	static struct prog_result result;

	if (guest_judge(run->target, guest, prog, &result, ret) == GUEST_DONE) {
		if (!run->brief) {
			tell_stalls(run, prog);
			print_calls(prog, &result);
		}
		if (!run->brief && result.fscked)
			printf("  rmap_fsck at the end of %d processes\n",
				__builtin_popcount(result.fscked));
	} else if (ret->verdict == VERDICT_FINDING) {
		print_report(guest);
	}
}

static void tell(
	struct run *run, const char *name, const struct judgment *judgment)
{
	run->counts[judgment->verdict]++;
	printf("%s %s%s%s\n", verdict_names[judgment->verdict], name,
		judgment->title[0] ? ": " : "", judgment->title);
	if (judgment->detail[0])
		printf("  %s\n", judgment->detail);
	if (judgment->verdict == VERDICT_FINDING)
		host_result_finding(run->result, judgment->title, "", 0, 0);
}

static gboolean run_all(
	struct run *run, GPtrArray *progs, guint times, GError **error)
{
	struct guest *SCOPED(guest_freep) guest = NULL;

	for (guint i = 0; i < progs->len * times; i++) {
		const struct named_prog *named = progs->pdata[i % progs->len];
		struct judgment judgment;

		if (!guest || guest->ended) {
			g_clear_pointer(&guest, guest_free);
			guest = guest_fresh(run->target, run->scratch, error);
			if (!guest)
				return FALSE;
		}
		run_program(run, guest, &named->prog, &judgment);
		tell(run, named->name, &judgment);
		fflush(stdout);
	}
	return TRUE;
}

static void tell_schedules(const struct schedules *got)
{
	char buf[PROG_TEXT_MAX];
	struct text text;

	if (got->found.verdict == VERDICT_FINDING) {
		text_init(&text, buf, sizeof(buf));
		prog_print(&got->prog, &text);
		printf("%s  ", buf);
		replay_print(&got->alone);
	}
	printf("  %" G_GUINT64_FORMAT
	       " schedules of %u pairs of calls, %" G_GUINT64_FORMAT
	       " with the other call inside%s\n",
		got->runs, got->pairs, got->inside,
		got->cut ? "; not all: cut short" : "");
	fflush(stdout);
}

/* Each in all its schedules, until one shows a finding */
static gboolean search_all(
	struct run *run, GPtrArray *progs, gint64 seconds, GError **error)
{
	for (guint i = 0; i < progs->len; i++) {
		const struct named_prog *named = progs->pdata[i];
		struct schedules got;

		if (!schedules_search(run->target, run->scratch, run->options,
			    &named->prog, seconds, &got, error))
			return FALSE;
		tell(run, named->name, &got.found);
		tell_schedules(&got);
	}
	return TRUE;
}

static int exit_status(const struct run *run)
{
	if (run->counts[VERDICT_FINDING])
		return EXIT_FINDING;
	if (run->counts[VERDICT_BROKEN])
		return EXIT_BROKEN;
	return run->counts[VERDICT_SKIP] ? EXIT_SKIP : EXIT_CLEAN;
}

/* How programs are run */
struct how {
	int times, preemptions, at_locks;
	gint64 seconds; /* of each search; 0: no end */
};

static int run_programs(struct target_options *t,
	const struct host_options *options, char **paths, const struct how *how)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) progs =
		programs_load((const char *const *)paths, &error);
	struct target *SCOPED(target_freep) target = NULL;
	struct run run = {.options = options};
	gboolean ok;

	if (!progs)
		return host_fail("run", error);
	target = target_open(t, options, &error);
	if (!target)
		return error ? host_fail("run", error) : EXIT_CLEAN;
	run.scratch = host_scratch(&error);
	if (!run.scratch)
		return host_fail("run", error);
	run.target = target;
	run.brief = progs->len * (guint)how->times > 1;
	run.result = host_result_new("run", options);
	host_result_kernel(
		run.result, target->name, target->profile, target->build_id);
	ok = how->preemptions ? search_all(&run, progs, how->seconds, &error)
			      : run_all(&run, progs, (guint)how->times, &error);
	host_scratch_free(run.scratch);
	host_result_figure(
		run.result, "programs", progs->len * (guint)how->times);
	host_result_figure(run.result, "findings", run.counts[VERDICT_FINDING]);
	printf("%u pass, %u findings, %u skipped, %u broken\n",
		run.counts[VERDICT_PASS], run.counts[VERDICT_FINDING],
		run.counts[VERDICT_SKIP], run.counts[VERDICT_BROKEN]);
	return host_result_end(
		run.result, ok ? exit_status(&run) : host_fail("run", error));
}

static int run_user(const struct target_options *target, char **paths,
	const struct how *how, const struct host_options *options)
{
	struct user_trial trial = {
		.append = target->append,
		.preemptions = (guint)how->preemptions,
		.at_locks = (guint)how->at_locks,
		.seconds = how->seconds,
	};

	return user_tier_programs(
		target->kernel, paths, &trial, (guint)how->times, options);
}

static gboolean how_is_good(const struct how *how, gboolean user)
{
	if (how->times < 1)
		g_printerr("rmaptorture run: -n is positive\n");
	else if (how->preemptions < 0 || how->preemptions > 2)
		g_printerr("rmaptorture run: --preemptions is 1 or 2\n");
	else if (how->preemptions == 2 && !user)
		g_printerr("rmaptorture run: --preemptions 2 is for "
			   "-k NAME:user; a VM takes 1\n");
	else if (how->at_locks < 0 || how->at_locks > 2)
		g_printerr("rmaptorture run: --at-locks is 1 or 2\n");
	else if (how->at_locks && how->preemptions != 2)
		g_printerr("rmaptorture run: --at-locks is for "
			   "--preemptions 2\n");
	else if (how->times > 1 && how->preemptions)
		g_printerr("rmaptorture run: -n is not for --preemptions, "
			   "which runs each schedule once\n");
	else if (how->seconds && !how->preemptions)
		g_printerr("rmaptorture run: --max-runtime is for "
			   "--preemptions\n");
	else
		return TRUE;
	return FALSE;
}

int cmd_run(int argc, char **argv)
{
	struct target_options target = {0};
	struct host_options SCOPED(host_options_clear) options = {0};
	struct how how = {.times = 1};
	const char *max_runtime = NULL;
	GOptionEntry entries[] = {
		TARGET_OPTIONS(&target),
		TARGET_SET(&target),
		{"runs", 'n', 0, G_OPTION_ARG_INT, &how.times,
			"run each so often (default 1)", "N"},
		{"preemptions", 0, 0, G_OPTION_ARG_INT, &how.preemptions,
			"in all schedules with at most N; 2 for -k NAME:user "
			"only",
			"N"},
		{"at-locks", 0, 0, G_OPTION_ARG_INT, &how.at_locks,
			"of two preemptions only those of which N (1 or 2) are "
			"at a lock",
			"N"},
		{"max-runtime", 0, 0, G_OPTION_ARG_STRING, &max_runtime,
			"of each program's schedules (default: no end)",
			"TIME"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	gboolean user;

	if (!host_parse(&argc, &argv, entries, "PROGRAM|DIR...",
		    "Run programs in a VM, or in a process with -k NAME:user, "
		    "and judge what they show.",
		    &options))
		return EXIT_BROKEN;
	if (argc < 2) {
		g_printerr("rmaptorture run: name a program file or a folder "
			   "of them\n");
		return EXIT_BROKEN;
	}
	user = user_tier_is(target.kernel);
	if (max_runtime)
		how.seconds = host_seconds("--max-runtime", max_runtime);
	if (how.seconds < 0 || !how_is_good(&how, user))
		return EXIT_BROKEN;
	if (user && user_tier_refuses(&target)) {
		g_printerr("rmaptorture run: %s is for VMs: the profile user "
			   "has none\n",
			user_tier_refuses(&target));
		return EXIT_BROKEN;
	}
	return user ? run_user(&target, argv + 1, &how, &options)
		    : run_programs(&target, &options, argv + 1, &how);
}
