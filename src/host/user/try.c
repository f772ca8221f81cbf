/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/user/tier.h"

#include "host/child.h"
#include "host/user/report.h"

#include <glib/gstdio.h>
#include <string.h>

#define TRY_S	     (3 * USER_TIER_TIMEOUT_S)
#define SHRINK_TRIES 100 /* a process each */

/* struct run - one run of the program, and until when it may take */
struct run {
	GString *log;
	gint64 end; /* monotonic us, 0: none */
};

static void take_line(const char *line, void *user)
{
	struct run *run = user;

	g_string_append_printf(run->log, "%s\n", line);
}

static gboolean look(void *user)
{
	const struct run *run = user;

	return !run->end || g_get_monotonic_time() < run->end;
}

/* @seconds: 0: no end */
static gboolean run_program(GPtrArray *args, struct run *run, gint64 seconds,
	int *ret_status, GError **error)
{
	struct child_hooks hooks = {
		.line = take_line, .look = look, .user = run};

	g_ptr_array_add(args, NULL);
	run->end =
		seconds ? g_get_monotonic_time() + seconds * G_USEC_PER_SEC : 0;
	return child_run((char **)args->pdata, &hooks, ret_status, error);
}

static GPtrArray *trial_args(
	const struct user_trial *trial, const char *path, const char *artifacts)
{
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);

	host_args_add(args, "%s", trial->kernel->program);
	host_args_add(args, "-artifact_prefix=%s/", artifacts);
	host_args_add(args, "-timeout=%d",
		trial->preemptions ? G_MAXINT : USER_TIER_TIMEOUT_S);
	host_args_add(args, "%s", path);
	host_args_add(args, "-ignore_remaining_args=1");
	if (trial->against)
		host_args_add(args, "--against=%s", trial->against->program);
	if (trial->append && *trial->append)
		host_args_add(args, "--boot=%s", trial->append);
	if (trial->preemptions)
		host_args_add(args, "--preemptions=%u", trial->preemptions);
	if (trial->at_locks)
		host_args_add(args, "--at-locks=%u", trial->at_locks);
	if (trial->results)
		host_args_add(args, "--results");
	if (trial->preemptions && trial->seconds)
		host_args_add(
			args, "--budget=%" G_GINT64_FORMAT, trial->seconds);
	return args;
}

enum verdict user_tier_verdict(
	const struct user_trial *trial, const char *text, GString *log)
{
	gint64 seconds = trial->preemptions && !trial->seconds
				 ? 0
				 : trial->seconds + TRY_S;
	g_autoptr(GError) error = NULL;
	char *scratch = host_scratch(&error);
	g_autoptr(GPtrArray) args = NULL;
	g_autofree char *path = NULL;
	struct run run = {.log = log};
	int status = -1;

	if (scratch) {
		path = g_build_filename(scratch, "program", NULL);
		args = trial_args(trial, path, scratch);
		if (g_file_set_contents(path, text, -1, &error))
			(void)run_program(args, &run, seconds, &status, &error);
		host_scratch_free(scratch);
	}
	if (error) {
		g_string_append_printf(
			log, USER_REPORT_OURS "%s\n", error->message);
		return VERDICT_BROKEN;
	}
	if (status == 0)
		return VERDICT_PASS;
	return user_report_is(status) ? VERDICT_FINDING : VERDICT_BROKEN;
}

int user_tier_try(
	const struct user_trial *trial, const char *text, char *ret_title)
{
	g_autoptr(GString) log = g_string_new(NULL);
	enum verdict verdict = user_tier_verdict(trial, text, log);
	g_autofree char *title = NULL;

	*ret_title = '\0';
	if (verdict == VERDICT_PASS)
		return 0;
	title = user_report_title(log->str);
	if (verdict != VERDICT_FINDING || !title)
		return -1;
	(void)g_strlcpy(ret_title, title, TITLE_MAX);
	return 1;
}

gboolean user_tier_shows(const struct user_trial *trial,
	const struct prog *prog, const char *want)
{
	char buf[PROG_TEXT_MAX], title[TITLE_MAX];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	prog_print(prog, &text);
	return user_tier_try(trial, buf, title) > 0 && !strcmp(title, want);
}

/* struct asked - what user_tier_count() asks of a process */
struct asked {
	const struct user_trial *trial;
	const char *text, *want;
};

static enum replay_try try_process(void *user, double *seconds)
{
	const struct asked *asked = user;
	gint64 start = g_get_monotonic_time();
	char title[TITLE_MAX];
	int got = user_tier_try(asked->trial, asked->text, title);

	*seconds = (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
	if (got <= 0)
		return got ? REPLAY_BROKEN : REPLAY_CLEAN;
	return strcmp(title, asked->want) ? REPLAY_OTHER : REPLAY_HIT;
}

void user_tier_count(const struct user_trial *trial, const struct prog *prog,
	const char *want, guint n, struct replay *ret)
{
	char buf[PROG_TEXT_MAX];
	struct asked asked = {trial, buf, want};
	struct text text;

	text_init(&text, buf, sizeof(buf));
	prog_print(prog, &text);
	replay_tries(n, n, try_process, &asked, ret);
}

/* struct shrinking - what prog_minimize() is to ask */
struct shrinking {
	const struct user_trial *trial;
	const char *title;
};

static int still_shows(const struct prog *prog, void *user)
{
	const struct shrinking *shrinking = user;

	return user_tier_shows(shrinking->trial, prog, shrinking->title);
}

gboolean user_tier_shrink(const struct user_trial *trial,
	struct finding *finding, guint n, GError **error)
{
	struct shrinking shrinking = {trial, finding->title};
	struct candidate SCOPED(candidate_clear) candidate = {0};
	struct replay replay;
	struct prog *prog;

	if (!replay_last(finding, 1, &candidate))
		return TRUE;
	prog = candidate_single(&candidate);
	(void)prog_minimize(prog, still_shows, &shrinking, SHRINK_TRIES);
	user_tier_count(trial, prog, finding->title, n, &replay);
	return replay_store(finding, NULL, &candidate, &replay, error);
}

gboolean user_tier_program(const struct finding *finding, struct prog *ret)
{
	g_autofree struct store_log *log = NULL;
	g_autofree char *text = NULL;

	if (finding->has_repro)
		text = store_read(finding, "repro.prog", NULL, NULL);
	if (text && !prog_parse(text, strlen(text), ret, NULL))
		return TRUE;
	log = store_load_programs(finding, NULL);
	if (!log || !log->flight[0].nr)
		return FALSE;
	*ret = log->flight[0].entry[0].prog;
	return TRUE;
}

gboolean user_tier_merge(const struct kernel *kernel, const char *to,
	const char *from, gint64 seconds, GError **error)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) log = g_string_new(NULL);
	g_autofree char *scratch = host_scratch(error);
	struct run run = {.log = log};
	int status = -1;
	gboolean ok;

	if (!scratch)
		return FALSE;
	host_args_add(args, "%s", kernel->program);
	host_args_add(args, "-merge=1");
	host_args_add(args, "-artifact_prefix=%s/", scratch);
	host_args_add(args, "-max_len=%d", PROG_TEXT_MAX);
	host_args_add(args, "-timeout=%d", USER_TIER_TIMEOUT_S);
	host_args_add(args, "%s", to);
	host_args_add(args, "%s", from);
	ok = run_program(args, &run, seconds, &status, error);
	host_scratch_free(g_steal_pointer(&scratch));
	if (ok && status) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"-merge=1 of '%s' ended with status %d", from, status);
		return FALSE;
	}
	return ok;
}
