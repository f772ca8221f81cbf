/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture run -k NAME:user: programs in a process, or all their schedules.
 */
#include "user_tier.h"

#include "child.h"
#include "user_report.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

struct run {
	const struct kernel *kernel;
	const struct user_run_options *want;
	char *scratch;
	GString *log; /* of the latest program */
	guint counts[VERDICT_BROKEN + 1];
	guint64 schedules;
};

static void take_line(const char *line, void *user)
{
	struct run *run = user;

	g_string_append_printf(run->log, "%s\n", line);
}

static gboolean go_on(void *user)
{
	(void)user;
	return TRUE;
}

static GPtrArray *command(const struct run *run, const char *path)
{
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
	const struct user_run_options *want = run->want;

	host_args_add(args, "%s", run->kernel->program);
	host_args_add(args, "-artifact_prefix=%s/", run->scratch);
	host_args_add(args, "-timeout=%d", G_MAXINT);
	host_args_add(args, "%s", path);
	host_args_add(args, "-ignore_remaining_args=1");
	if (want->append)
		host_args_add(args, "--boot=%s", want->append);
	if (want->preemptions)
		host_args_add(args, "--preemptions=%u", want->preemptions);
	if (want->seconds)
		host_args_add(
			args, "--budget=%" G_GINT64_FORMAT, want->seconds);
	g_ptr_array_add(args, NULL);
	return args;
}

/* What the program says of its schedules, and the one that shows a finding. */
static void print_lines(struct run *run)
{
	g_auto(GStrv) lines = g_strsplit(run->log->str, "\n", -1);

	for (char **line = lines; *line; line++) {
		const char *text = *line + strlen(USER_REPORT_OURS);

		if (!g_str_has_prefix(*line, USER_REPORT_OURS))
			continue;
		if (g_str_has_prefix(text, "program: "))
			printf("  %s\n", text + strlen("program: "));
		else if (g_str_has_prefix(text, "detail: "))
			printf("  # %s\n", text + strlen("detail: "));
		else if (strstr(text, " schedules of ")) {
			printf("  %s\n", text);
			run->schedules += g_ascii_strtoull(text, NULL, 10);
		}
	}
}

static enum verdict verdict_of(int status)
{
	if (status == 0)
		return VERDICT_PASS;
	return user_report_is(status) ? VERDICT_FINDING : VERDICT_BROKEN;
}

static gboolean run_program(struct run *run, const struct named_prog *named,
	struct host_result *result, GError **error)
{
	static const char *const words[] = {[VERDICT_PASS] = "PASS",
		[VERDICT_FINDING] = "FINDING",
		[VERDICT_BROKEN] = "BROKEN"};
	g_autofree char *path = g_build_filename(run->scratch, "prog", NULL);
	g_autoptr(GPtrArray) args = command(run, path);
	struct child_hooks hooks = {
		.line = take_line, .look = go_on, .user = run};
	g_autofree char *title = NULL;
	char buf[PROG_TEXT_MAX];
	enum verdict verdict;
	struct text text;
	int status;

	text_init(&text, buf, sizeof(buf));
	prog_print(&named->prog, &text);
	g_string_truncate(run->log, 0);
	if (!g_file_set_contents(path, buf, -1, error) ||
		!child_run((char **)args->pdata, &hooks, &status, error))
		return FALSE;
	verdict = verdict_of(status);
	run->counts[verdict]++;
	if (verdict != VERDICT_PASS)
		title = user_report_title(run->log->str);
	printf("%s %s%s%s\n", words[verdict], named->name, title ? ": " : "",
		title ? title : "");
	print_lines(run);
	fflush(stdout);
	if (verdict == VERDICT_FINDING)
		host_result_finding(result, title ? title : "?", "", 0, 0);
	return TRUE;
}

static int end(struct run *run, struct host_result *result, GError *error)
{
	int status = EXIT_CLEAN;

	printf("%u pass, %u findings, %u broken\n", run->counts[VERDICT_PASS],
		run->counts[VERDICT_FINDING], run->counts[VERDICT_BROKEN]);
	host_result_figure(result, "findings", run->counts[VERDICT_FINDING]);
	host_result_figure(result, "schedules", (double)run->schedules);
	if (run->counts[VERDICT_BROKEN])
		status = EXIT_BROKEN;
	if (run->counts[VERDICT_FINDING])
		status = EXIT_FINDING;
	return host_result_end(
		result, error ? host_fail("run", error) : status);
}

int user_tier_programs(const char *kernel, char **paths,
	const struct user_run_options *want, const struct host_options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) progs =
		programs_load((const char *const *)paths, &error);
	struct kernel *SCOPED(kernel_freep) built = NULL;
	struct run run = {.want = want};
	struct host_result *result;

	if (progs)
		built = host_kernel(kernel, options, &error);
	if (!built)
		return host_fail("run", error);
	run.kernel = built;
	run.scratch = host_scratch(&error);
	if (!run.scratch)
		return host_fail("run", error);
	run.log = g_string_new(NULL);
	result = host_result_new("run", options);
	host_result_kernel(
		result, built->name, built->profile, built->build_id);
	for (guint i = 0; i < progs->len && !error; i++)
		(void)run_program(&run, progs->pdata[i], result, &error);
	host_scratch_free(run.scratch);
	g_string_free(run.log, TRUE);
	return end(&run, result, error);
}
