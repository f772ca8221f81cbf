/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture run -k NAME:user: programs in a process, or all their schedules.
 */
#include "host/user/tier.h"

#include "host/user/report.h"

#include <stdio.h>
#include <string.h>

struct run {
	struct user_trial trial;
	GString *log; /* of the latest program */
	guint counts[VERDICT_BROKEN + 1];
	guint64 schedules;
};

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

static void print_results(const struct run *run)
{
	g_auto(GStrv) lines = g_strsplit(run->log->str, "\n", -1);

	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, USER_REPORT_RESULT))
			printf("  %s\n", *line + strlen(USER_REPORT_RESULT));
	}
}

static void run_program(struct run *run, const struct named_prog *named,
	struct host_result *result)
{
	static const char *const words[] = {[VERDICT_PASS] = "PASS",
		[VERDICT_FINDING] = "FINDING",
		[VERDICT_BROKEN] = "BROKEN"};
	g_autofree char *title = NULL;
	char buf[PROG_TEXT_MAX];
	enum verdict verdict;
	struct text text;

	text_init(&text, buf, sizeof(buf));
	prog_print(&named->prog, &text);
	g_string_truncate(run->log, 0);
	verdict = user_tier_verdict(&run->trial, buf, run->log);
	run->counts[verdict]++;
	if (verdict != VERDICT_PASS)
		title = user_report_title(run->log->str);
	print_results(run);
	printf("%s %s%s%s\n", words[verdict], named->name, title ? ": " : "",
		title ? title : "");
	print_lines(run);
	fflush(stdout);
	if (verdict == VERDICT_FINDING)
		host_result_finding(result, title ? title : "?", "", 0, 0);
}

static int end(struct run *run, struct host_result *result)
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
	return host_result_end(result, status);
}

int user_tier_programs(const char *kernel, char **paths,
	const struct user_trial *trial, guint times,
	const struct host_options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) progs =
		programs_load((const char *const *)paths, &error);
	struct kernel *SCOPED(kernel_freep) built = NULL;
	struct run run = {.trial = *trial};
	struct host_result *result;

	if (progs)
		built = host_kernel(kernel, options, &error);
	if (!built)
		return host_fail("run", error);
	run.trial.kernel = built;
	run.trial.results = progs->len * times == 1 && !trial->preemptions;
	run.log = g_string_new(NULL);
	result = host_result_new("run", options);
	host_result_kernel(
		result, built->name, built->profile, built->build_id);
	for (guint i = 0; i < progs->len * times; i++)
		run_program(&run, progs->pdata[i % progs->len], result);
	g_string_free(run.log, TRUE);
	return end(&run, result);
}
