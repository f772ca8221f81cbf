/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/selftests/selftests.h"

#include <string.h>

#define VCPUS	   4 /* migration.c skips everything below 3 */
#define MEMORY_MIB 2048
#define TIME_OVER  "the time of the run is over"

struct row {
	const char *name, *command;
	enum selftest_format format;
	const char *proof;
	guint seconds, huge;
	const char *settings;
};
static const struct row rows[] = {
#define ROW(name, command, format, proof, seconds, huge, settings)             \
	{name, command, FORMAT_##format, proof, seconds, huge, settings},
#include "host/selftests/selftests.def"
#undef ROW
};

/* What the programs expect of a freshly booted kernel, where our init tunes. */
static const char settings_all[] =
	"/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled never\n"
	"/sys/kernel/mm/ksm/run 0\n"
	"/sys/kernel/mm/ksm/pages_to_scan 100\n"
	"/sys/kernel/mm/ksm/sleep_millisecs 20\n";

const char *selftest_outcome_name(enum selftest_outcome outcome)
{
	static const char *const names[] = {
		[SELFTEST_PASS] = "PASS",
		[SELFTEST_FAIL] = "FAIL",
		[SELFTEST_SKIP] = "SKIP",
		[SELFTEST_TIMEOUT] = "TIMEOUT",
		[SELFTEST_DIED] = "DIED",
		[SELFTEST_BROKEN] = "BROKEN",
	};

	return names[outcome];
}

const char **selftests_names(void)
{
	const char **names = g_new0(const char *, G_N_ELEMENTS(rows) + 1);

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		names[i] = rows[i].name;
	return names;
}

unsigned int selftests_limit(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (!strcmp(rows[i].name, name))
			return rows[i].seconds;
	}
	return 0;
}

static void found_free(gpointer data)
{
	struct selftest_found *found = data;

	g_free(found->title);
	g_free(found->dir);
	g_free(found);
}

static void selftest_free(gpointer data)
{
	struct selftest *test = data;

	g_free(test->why);
	g_free(test->output);
	g_free(test->title);
	g_clear_pointer(&test->cases, g_ptr_array_unref);
	g_clear_pointer(&test->found, g_ptr_array_unref);
	g_free(test);
}

void selftests_free(struct selftests *run)
{
	if (!run)
		return;
	g_free(run->kernel);
	g_free(run->profile);
	g_free(run->build_id);
	g_free(run->append);
	g_ptr_array_unref(run->tests);
	g_free(run);
}

int selftests_status(const struct selftests *run)
{
	guint nr[SELFTEST_BROKEN + 1] = {0};

	for (guint i = 0; i < run->tests->len; i++) {
		const struct selftest *test = run->tests->pdata[i];

		nr[test->outcome]++;
	}
	if (nr[SELFTEST_FAIL] || nr[SELFTEST_TIMEOUT] || nr[SELFTEST_DIED])
		return EXIT_FINDING;
	if (nr[SELFTEST_BROKEN])
		return EXIT_BROKEN;
	return nr[SELFTEST_PASS] ? EXIT_CLEAN : EXIT_SKIP;
}

/* ---- one program on one VM ---- */

/** struct runner - what the programs of a run share
 *  @start, @end: of the run, monotonic us; G_MAXINT64: it has none
 *  @titles: of findings so far */
struct runner {
	struct target *target;
	const struct selftests_options *want;
	const struct host_options *options;
	const char *scratch, *programs;
	char *machine, *config;
	gint64 start, end;
	GHashTable *titles;
};

static void judge_end(struct selftest *test, const struct program_end *end)
{
	test->outcome = end->broken ? SELFTEST_BROKEN : SELFTEST_DIED;
	test->title = g_strdup(end->report.title);
	test->why = g_strdup(end->report.title);
}

/* It was killed: of itself, or since the time of the whole run was over? */
static void judge_killed(struct selftest *test, gboolean late)
{
	g_autofree char *last = selftest_last_line(test->output);
	guint failed = 0;

	for (guint i = 0; i < test->cases->len; i++) {
		const struct selftest_case *c = test->cases->pdata[i];

		failed += c->outcome == SELFTEST_FAIL;
	}
	test->outcome = SELFTEST_TIMEOUT;
	if (late)
		test->outcome = failed ? SELFTEST_FAIL : SELFTEST_SKIP;
	test->why = g_strdup_printf(
		"%sstill ran: %s", late ? TIME_OVER ", it " : "", last);
}

/* The guest's clock is not ours to the last of its milliseconds. */
static gboolean is_late(const struct runner *runner)
{
	return g_get_monotonic_time() >= runner->end - G_USEC_PER_SEC;
}

static void judge_refused(struct selftest *test, const char *refused)
{
	char *why = g_strdup_printf("%s%s(setting %s)",
		test->why ? test->why : "", test->why ? " " : "", refused);

	g_free(test->why);
	test->why = why;
}

static void program_judge(const struct runner *runner, struct selftest *test,
	const struct row *row, struct program_end *end)
{
	const struct selftest_filing filing = {runner->want, runner->options,
		end, runner->target->build_id, runner->machine, runner->config};
	guint planned;

	test->output = g_steal_pointer(&end->output);
	test->cases = selftests_parse(
		row->format, test->output, row->proof, &planned);
	if (end->reported)
		judge_end(test, end);
	else if (end->not_run)
		test->outcome = SELFTEST_BROKEN;
	else if (end->timed_out)
		judge_killed(test, is_late(runner));
	else
		selftest_judge(test, row->format, end->status, planned);
	if (*end->refused && test->outcome != SELFTEST_PASS)
		judge_refused(test, end->refused);
	selftest_file(&filing, test, runner->titles);
}

static gboolean row_start(const struct runner *runner, const struct row *row,
	struct selftest *test, GError **error)
{
	g_autofree char *dir =
		g_build_filename(runner->scratch, "selftest", NULL);
	g_autofree char *settings =
		g_strdup_printf("%s%s/proc/sys/vm/nr_hugepages %u\n",
			settings_all, row->settings, row->huge);
	double times =
		runner->want->limit_times ? runner->want->limit_times : 1;
	const struct program program = {
		.command = row->command,
		.settings = settings,
		.needed = runner->target->settings,
		.limit_ms = (gint64)(row->seconds * 1000 * times),
		.end = runner->end,
	};
	struct program_end end;

	if (!program_run(runner->target->template, dir, &program, &end, error))
		return FALSE;
	test->ended = (double)(g_get_monotonic_time() - runner->start) /
		      G_USEC_PER_SEC;
	test->seconds = end.seconds;
	program_judge(runner, test, row, &end);
	program_end_clear(&end);
	return TRUE;
}

/* ---- a run ---- */

static char *program_name(const struct row *row)
{
	return g_strndup(row->command, strcspn(row->command, " "));
}

static gboolean is_wanted(
	const struct selftests_options *want, const struct row *row)
{
	return !want->names || g_strv_contains(want->names, row->name);
}

static gboolean names_check(
	const struct selftests_options *want, GError **error)
{
	g_autofree const char **known = selftests_names();

	for (const char *const *n = want->names; n && *n; n++) {
		g_autofree char *all = NULL;

		if (g_strv_contains(known, *n))
			continue;
		all = g_strjoinv(", ", (char **)known);
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"no selftest '%s'; there are %s", *n, all);
		return FALSE;
	}
	return TRUE;
}

/* Built programs are shared by all kernels of a source, so all are built. */
static char *programs_ensure(
	const char *kernel, const struct host_options *options, GError **error)
{
	SCOPED(kernel_spec_freep) struct kernel_spec *spec = NULL;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	if (!kernel_spec_lookup(kernel, &spec, error))
		return NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *name = program_name(&rows[i]);

		if (!g_ptr_array_find_with_equal_func(
			    names, name, g_str_equal, NULL))
			g_ptr_array_add(names, g_steal_pointer(&name));
	}
	g_ptr_array_add(names, NULL);
	return kernel_selftests_ensure(spec, (const char *const *)names->pdata,
		host_kernel_progress, (void *)options, error);
}

static struct target *target_ready(const struct selftests_options *want,
	const char *programs, const struct host_options *options,
	GError **error)
{
	struct target_options t = want->target;
	struct target *SCOPED(target_freep) target = NULL;

	t.lanes = VCPUS;
	t.mem_mib = t.mem_mib ? t.mem_mib : MEMORY_MIB;
	t.selftests = programs;
	target = target_choose(&t, options, error);
	if (!target)
		return NULL;
	target->template =
		program_template(target, options, options->cache, error);
	return target->template ? g_steal_pointer(&target) : NULL;
}

/* Why the program of @path is not begun; caller frees. NULL: it is */
static char *skip_why(const struct runner *runner, const char *path)
{
	guint enough = runner->want->stop_after;

	if (enough && g_hash_table_size(runner->titles) >= enough)
		return g_strdup("not begun: there are findings enough");
	if (g_get_monotonic_time() >= runner->end)
		return g_strdup("not begun: " TIME_OVER);
	if (g_file_test(path, G_FILE_TEST_EXISTS))
		return NULL;
	return g_strdup_printf("does not build from this source: see "
			       "%s/../build.log",
		runner->programs);
}

static gboolean row_run(const struct runner *runner, const struct row *row,
	struct selftests *run, GError **error)
{
	g_autofree char *program = program_name(row);
	g_autofree char *path =
		g_build_filename(runner->programs, program, NULL);
	struct selftest *test = g_new0(struct selftest, 1);

	test->name = row->name;
	test->found = g_ptr_array_new_with_free_func(found_free);
	g_ptr_array_add(run->tests, test);
	test->why = skip_why(runner, path);
	if (test->why) {
		test->outcome = SELFTEST_SKIP;
		test->output = g_strdup("");
		test->cases = g_ptr_array_new();
		return TRUE;
	}
	host_progress(runner->options, TRUE, "selftests: %s", row->name);
	if (!row_start(runner, row, test, error))
		return FALSE;
	host_progress(runner->options, FALSE, "selftests: %s: %s%s%s, %.1f s",
		row->name, selftest_outcome_name(test->outcome),
		test->why ? ": " : "", test->why ? test->why : "",
		test->seconds);
	return TRUE;
}

static struct selftests *run_rows(const struct runner *runner, GError **error)
{
	struct selftests *run = g_new0(struct selftests, 1);
	const struct target *target = runner->target;

	run->kernel = g_strdup(target->name);
	run->profile = g_strdup(target->profile);
	run->build_id = g_strdup(target->build_id);
	run->append = g_strdup(target->user_append);
	run->tests = g_ptr_array_new_with_free_func(selftest_free);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (!is_wanted(runner->want, &rows[i]) ||
			row_run(runner, &rows[i], run, error))
			continue;
		/* what was not run must not be looked at */
		selftests_free(run);
		return NULL;
	}
	return run;
}

struct selftests *selftests_run(const struct selftests_options *want,
	const struct host_options *options, GError **error)
{
	const char *kernel =
		want->target.kernel ? want->target.kernel : "vanilla:kasan";
	struct target *SCOPED(target_freep) target = NULL;
	g_autofree char *programs = NULL;
	struct runner runner = {.want = want, .options = options};
	g_autofree char *scratch = NULL;
	struct selftests *run;

	if (!names_check(want, error))
		return NULL;
	programs = programs_ensure(kernel, options, error);
	if (!programs)
		return NULL;
	target = target_ready(want, programs, options, error);
	if (!target)
		return NULL;
	scratch = host_scratch(error);
	if (!scratch)
		return NULL;
	runner.target = target;
	runner.programs = programs;
	runner.scratch = scratch;
	runner.machine = target_describe(target);
	(void)g_file_get_contents(target->config, &runner.config, NULL, NULL);
	runner.titles =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	runner.start = g_get_monotonic_time();
	runner.end = want->seconds
			     ? runner.start + want->seconds * G_USEC_PER_SEC
			     : G_MAXINT64;
	run = run_rows(&runner, error);
	g_hash_table_unref(runner.titles);
	host_dir_remove(scratch);
	g_free(runner.machine);
	g_free(runner.config);
	return run;
}
