/* SPDX-License-Identifier: GPL-2.0-only */
#include "user_tier.h"

#include "child.h"
#include "user_report.h"

#include <glib/gstdio.h>
#include <string.h>

#define TRY_S	     (3 * USER_TIER_TIMEOUT_S)
#define SHRINK_TRIES 100 /* a process each */

/* struct run - one run of the program, and until when it may take */
struct run {
	GString *log;
	gint64 end;
};

static void take_line(const char *line, void *user)
{
	struct run *run = user;

	g_string_append_printf(run->log, "%s\n", line);
}

static gboolean look(void *user)
{
	const struct run *run = user;

	return g_get_monotonic_time() < run->end;
}

static gboolean run_program(GPtrArray *args, struct run *run, gint64 seconds,
	int *ret_status, GError **error)
{
	struct child_hooks hooks = {
		.line = take_line, .look = look, .user = run};

	g_ptr_array_add(args, NULL);
	run->end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
	return child_run((char **)args->pdata, &hooks, ret_status, error);
}

static int try_file(const struct kernel *kernel, const char *append,
	const char *path, const char *artifacts, char *ret_title)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) log = g_string_new(NULL);
	g_autofree char *title = NULL;
	struct run run = {.log = log};
	int status;

	host_args_add(args, "%s", kernel->program);
	host_args_add(args, "-artifact_prefix=%s/", artifacts);
	host_args_add(args, "-timeout=%d", USER_TIER_TIMEOUT_S);
	host_args_add(args, "%s", path);
	host_args_add(args, "-ignore_remaining_args=1");
	if (append && *append)
		host_args_add(args, "--boot=%s", append);
	if (!run_program(args, &run, TRY_S, &status, NULL))
		return -1;
	if (status == 0)
		return 0;
	title = user_report_title(log->str);
	if (!title || !user_report_is(status))
		return -1;
	(void)g_strlcpy(ret_title, title, TITLE_MAX);
	return 1;
}

int user_tier_try(const struct kernel *kernel, const char *append,
	const char *text, char *ret_title)
{
	g_autofree char *scratch = host_scratch(NULL);
	g_autofree char *path = NULL;
	int got = -1;

	*ret_title = '\0';
	if (!scratch)
		return -1;
	path = g_build_filename(scratch, "program", NULL);
	if (g_file_set_contents(path, text, -1, NULL))
		got = try_file(kernel, append, path, scratch, ret_title);
	host_scratch_free(g_steal_pointer(&scratch));
	return got;
}

gboolean user_tier_shows(const struct kernel *kernel, const char *append,
	const struct prog *prog, const char *want)
{
	char buf[PROG_TEXT_MAX], title[TITLE_MAX];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	prog_print(prog, &text);
	return user_tier_try(kernel, append, buf, title) > 0 &&
	       !strcmp(title, want);
}

/* struct asked - what user_tier_count() asks of a process */
struct asked {
	const struct kernel *kernel;
	const char *append, *text, *want;
};

static enum replay_try try_process(void *user, double *seconds)
{
	const struct asked *asked = user;
	gint64 start = g_get_monotonic_time();
	char title[TITLE_MAX];
	int got =
		user_tier_try(asked->kernel, asked->append, asked->text, title);

	*seconds = (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
	if (got <= 0)
		return got ? REPLAY_BROKEN : REPLAY_CLEAN;
	return strcmp(title, asked->want) ? REPLAY_OTHER : REPLAY_HIT;
}

void user_tier_count(const struct kernel *kernel, const char *append,
	const struct prog *prog, const char *want, guint n, struct replay *ret)
{
	char buf[PROG_TEXT_MAX];
	struct asked asked = {kernel, append, buf, want};
	struct text text;

	text_init(&text, buf, sizeof(buf));
	prog_print(prog, &text);
	replay_tries(n, n, try_process, &asked, ret);
}

/* struct shrinking - what prog_minimize() is to ask */
struct shrinking {
	const struct kernel *kernel;
	const char *append, *title;
};

static int still_shows(const struct prog *prog, void *user)
{
	const struct shrinking *shrinking = user;

	return user_tier_shows(
		shrinking->kernel, shrinking->append, prog, shrinking->title);
}

gboolean user_tier_shrink(const struct kernel *kernel, const char *append,
	struct finding *finding, guint n, GError **error)
{
	struct shrinking shrinking = {kernel, append, finding->title};
	struct candidate SCOPED(candidate_clear) candidate = {0};
	struct replay replay;
	struct prog *prog;

	if (!replay_last(finding, 1, &candidate))
		return TRUE;
	prog = candidate_single(&candidate);
	(void)prog_minimize(prog, still_shows, &shrinking, SHRINK_TRIES);
	user_tier_count(kernel, append, prog, finding->title, n, &replay);
	return replay_store(finding, &candidate, &replay, error);
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
