/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture selftests: the kernel's own mm selftests in its VM, and where
 * two kernels differ. */
#include "host/selftests/selftests.h"

#include <errno.h>
#include <string.h>

struct selftests_command {
	struct target_options target;
	char *cases, *against, *ktap, *junit, *out, *max_runtime;
	int stop_after;
	gint64 seconds; /* of --max-runtime; 0: no end */
};

/* A report that only counts when whole. */
static gboolean write_report(const char *path, const struct selftests *run,
	void (*print)(const struct selftests *run, FILE *out), GError **error)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *stream;
	gboolean ok;

	if (!path)
		return TRUE;
	stream = open_memstream(&bytes, &len);
	g_assert(stream);
	print(run, stream);
	fclose(stream);
	ok = g_file_set_contents(path, bytes, (gssize)len, error);
	free(bytes);
	return ok;
}

/* When a case failed is known when its program has ended. */
static void note_found(struct host_result *result, const struct selftest *test)
{
	for (guint i = 0; i < test->found->len; i++) {
		const struct selftest_found *found = test->found->pdata[i];

		host_result_finding(result, found->title,
			found->dir ? found->dir : "", 0, 0);
		host_result_seen(result, test->ended);
	}
}

static guint cases_passed(const struct selftest *test)
{
	guint nr = 0;

	for (guint i = 0; i < test->cases->len; i++) {
		const struct selftest_case *c = test->cases->pdata[i];

		nr += c->outcome == SELFTEST_PASS;
	}
	return nr;
}

static void note_tests(struct host_result *result, const struct selftests *run)
{
	guint nr[SELFTEST_BROKEN + 1] = {0}, passed = 0;

	for (guint i = 0; i < run->tests->len; i++) {
		const struct selftest *test = run->tests->pdata[i];

		nr[test->outcome]++;
		if (test->outcome == SELFTEST_SKIP)
			host_result_skip(result, test->name, test->why);
		note_found(result, test);
		passed += cases_passed(test);
	}
	host_result_figure(result, "cases_passed", passed);
	for (int i = 0; i <= SELFTEST_BROKEN; i++) {
		g_autofree char *name =
			g_ascii_strdown(selftest_outcome_name(i), -1);

		host_result_figure(result, name, nr[i]);
	}
}

/* What both kernels do alike is no news of the one under test. */
static int against_status(
	const struct selftests *run, const GPtrArray *differences)
{
	for (guint i = 0; i < differences->len; i++) {
		const struct selftest_difference *d = differences->pdata[i];

		if (d->worse)
			return EXIT_FINDING;
	}
	return selftests_status(run) == EXIT_FINDING ? EXIT_CLEAN
						     : selftests_status(run);
}

static struct selftests *run_kernel(const struct selftests_command *command,
	char *kernel, const char *append, const char *const *names,
	struct store *store, const struct host_options *options, GError **error)
{
	struct selftests_options want = {
		.target = command->target,
		.names = names,
		.store = store,
		/* what both kernels do alike is no finding */
		.file_cases = !command->against,
		.seconds = command->seconds,
		.stop_after = (guint)MAX(command->stop_after, 0),
	};

	want.target.kernel = kernel;
	want.target.append = (char *)append;
	if (kernel != command->target.kernel)
		want.target.set = NULL;
	return selftests_run(&want, options, error);
}

static int report(const struct selftests_command *command,
	const struct host_options *options, const struct selftests *run,
	const struct selftests *before, GError **error)
{
	struct host_result *result = host_result_new("selftests", options);
	g_autoptr(GPtrArray) differences = NULL;
	int status = selftests_status(run);

	host_result_kernel(result, run->kernel, run->profile, run->build_id);
	note_tests(result, run);
	selftests_ktap(run, stdout);
	if (before) {
		differences = selftests_compare(before, run);
		host_result_figure(result, "differences", differences->len);
		status = against_status(run, differences);
	}
	selftests_table(before ? before : run, before ? run : NULL, differences,
		before ? stdout : stderr);
	if (!write_report(command->ktap, run, selftests_ktap, error) ||
		!write_report(command->junit, run, selftests_junit, error))
		status = host_fail("selftests", *error);
	return host_result_end(result, status);
}

static int selftests(
	const struct selftests_command *command, struct host_options *options)
{
	g_auto(GStrv) names =
		command->cases ? g_strsplit(command->cases, ",", -1) : NULL;
	struct selftests *SCOPED(selftests_freep) before = NULL;
	struct selftests *SCOPED(selftests_freep) run = NULL;
	struct store *SCOPED(store_closep) store = NULL;
	const char *const *want = (const char *const *)names;
	g_autoptr(GError) error = NULL;

	store = store_open(command->out ? command->out : "out", &error);
	if (!store)
		return host_fail("selftests", error);
	if (command->against) {
		before = run_kernel(command, command->against, NULL, want,
			store, options, &error);
		if (!before && error)
			return host_fail("selftests", error);
	}
	run = run_kernel(command, command->target.kernel,
		command->target.append, want, store, options, &error);
	if (!run)
		return error ? host_fail("selftests", error) : EXIT_CLEAN;
	return report(command, options, run, before, &error);
}

int cmd_selftests(int argc, char **argv)
{
	struct selftests_command command = {0};
	struct target_options *t = &command.target;
	struct host_options SCOPED(host_options_clear) options = {0};
	GOptionEntry entries[] = {
		{"kernel", 'k', 0, G_OPTION_ARG_STRING, &t->kernel,
			"kernel under test (default vanilla:kasan)",
			"NAME[:PROFILE]"},
		{"append", 0, 0, G_OPTION_ARG_STRING, &t->append,
			"add to its kernel command line", "'ARGS'"},
		TARGET_SET(t),
		{"accel", 0, 0, G_OPTION_ARG_STRING, &t->accel,
			"auto (default), kvm or tcg", "NAME"},
		{"case", 0, 0, G_OPTION_ARG_STRING, &command.cases,
			"only these programs", "NAME,..."},
		{"against", 0, 0, G_OPTION_ARG_STRING, &command.against,
			"run this kernel too, and tell where they differ",
			"NAME[:PROFILE]"},
		{"max-runtime", 0, 0, G_OPTION_ARG_STRING, &command.max_runtime,
			"begin no program later, and end the one that runs "
			"then; quick ones go first (default: all of them)",
			"TIME"},
		{"stop-after", 0, 0, G_OPTION_ARG_INT, &command.stop_after,
			"begin no program after so many different findings "
			"(default: all of them)",
			"N"},
		{"ktap", 0, 0, G_OPTION_ARG_FILENAME, &command.ktap,
			"write what goes to stdout there too", "FILE"},
		{"junit", 0, 0, G_OPTION_ARG_FILENAME, &command.junit,
			"write the same as JUnit XML", "FILE"},
		{"out", 0, 0, G_OPTION_ARG_FILENAME, &command.out,
			"findings (default out)", "DIR"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	if (!host_parse(&argc, &argv, entries, "",
		    "Run the kernel's own mm selftests in VMs of a kernel.",
		    &options))
		return EXIT_BROKEN;
	if (argc > 1) {
		g_printerr("rmaptorture selftests: '%s' is not an option; "
			   "name programs with --case\n",
			argv[1]);
		return EXIT_BROKEN;
	}
	if (command.max_runtime)
		command.seconds =
			host_seconds("--max-runtime", command.max_runtime);
	if (command.seconds < 0)
		return EXIT_BROKEN;
	return selftests(&command, &options);
}
