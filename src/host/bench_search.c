/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One trial: the searcher is this program again, with the command that people
 * use, and what it found is in the object that its --json wrote.
 */
#include "bench.h"

#include "child.h"
#include "user_tier.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_S	 900 /* kernel build and boot, on a slow and busy machine */
#define CONTROLS 3   /* tries on the kernel without a bug */

/* A searcher: options of ours that it has beside those of every one. */
static const struct {
	const char *name, *command;
	gboolean is_fuzz; /* has --stop-after, --replays, --set */
	const char *more; /* one more argument, or NULL */
} searches[] = {
	{"fuzz", "fuzz", TRUE, NULL},
	{"stress", "stress", FALSE, "--no-shrink"},
};

gboolean search_known(const char *peer)
{
	for (gsize i = 1; i < G_N_ELEMENTS(searches); i++) {
		if (!strcmp(peer, searches[i].name))
			return TRUE;
	}
	return FALSE;
}

/* --- the command ------------------------------------------------------------
 */

/* @later: it is switched on in clones, else at boot */
static void add_mutant(GPtrArray *args, const struct search *search,
	const struct trial *trial, gboolean later)
{
	gboolean is_on = strcmp(trial->name, UNMUTATED) != 0;
	const char *append = search->append ? search->append : "";

	if (is_on && !later)
		host_args_add(args, "--append=%s%srmap_mutant=%s", append,
			*append ? " " : "", trial->name);
	else if (*append)
		host_args_add(args, "--append=%s", append);
	if (is_on && later)
		host_args_add(args, "--set=" MUTANT_FILE "=%s", trial->name);
}

static GPtrArray *command(const struct search *search,
	const struct trial *trial, const char *dir, guint enough)
{
	g_autofree char *bin = host_executable_dir();
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
	gsize which = 0;

	while (search->peer && strcmp(search->peer, searches[which].name))
		which++;
	host_args_add(args, "%s/rmaptorture", bin);
	host_args_add(args, "%s", searches[which].command);
	host_args_add(args, "--kernel=%s", search->kernel);
	add_mutant(
		args, search, trial, searches[which].is_fuzz && !search->tier);
	host_args_add(
		args, "--max-runtime=%" G_GINT64_FORMAT "s", search->seconds);
	host_args_add(args, "--seed=%" G_GUINT64_FORMAT, trial->seed);
	if (searches[which].is_fuzz) {
		host_args_add(args, "--replays=0");
		host_args_add(args, "--stop-after=%u", enough);
	}
	if (searches[which].more)
		host_args_add(args, "%s", searches[which].more);
	host_args_add(args, "--out=%s/out", dir);
	host_args_add(args, "--json=%s/result.json", dir);
	g_ptr_array_add(args, NULL);
	return args;
}

/* --- its run ----------------------------------------------------------------
 */

struct watch {
	const struct search *search;
	FILE *log;
	gint64 end; /* monotonic us: it hangs when it runs longer */
	char *last; /* line */
	gboolean stopped, late;
};

static void watch_line(const char *line, void *user)
{
	struct watch *watch = user;

	(void)fprintf(watch->log, "%s\n", line);
	g_free(watch->last);
	watch->last = g_strdup(line);
}

static gboolean watch_look(void *user)
{
	struct watch *watch = user;

	while (g_main_context_iteration(NULL, FALSE))
		;
	watch->stopped = *watch->search->stop;
	watch->late = g_get_monotonic_time() > watch->end;
	return !watch->stopped && !watch->late;
}

static void broken(struct trial *trial, const char *why)
{
	trial->status = TRIAL_BROKEN;
	g_free(trial->why);
	trial->why = g_strdup(why);
}

/* --- what it told -----------------------------------------------------------
 */

static double figure(JsonObject *figures, const char *name)
{
	return json_object_get_double_member_with_default(figures, name, -1);
}

struct seen {
	const char *title;
	double seconds;
};

static int by_seconds(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return (x->seconds > y->seconds) - (x->seconds < y->seconds);
}

static void take_seen(struct trial *trial, JsonArray *findings)
{
	guint n = findings ? json_array_get_length(findings) : 0;
	g_autofree struct seen *seen = g_new0(struct seen, n + 1);

	for (guint i = 0; i < n; i++) {
		JsonObject *one = json_array_get_object_element(findings, i);

		seen[i].title = json_object_get_string_member(one, "title");
		seen[i].seconds = json_object_get_double_member_with_default(
			one, "seconds", 0);
	}
	qsort(seen, n, sizeof(*seen), by_seconds);
	for (guint i = 0; i < n; i++) {
		g_ptr_array_add(trial->titles, g_strdup(seen[i].title));
		g_array_append_val(trial->seconds, seen[i].seconds);
	}
}

static void take_result(struct trial *trial, const char *path)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autoptr(GError) error = NULL;
	JsonObject *object, *figures;

	if (!json_parser_load_from_file(parser, path, &error)) {
		broken(trial, error->message);
		return;
	}
	object = json_node_get_object(json_parser_get_root(parser));
	figures = json_object_get_object_member(object, "figures");
	trial->programs = figure(figures, "programs");
	trial->edges = figure(figures, "edges");
	trial->seed_programs = figure(figures, "seed_programs");
	take_seen(trial, json_object_get_array_member(object, "findings"));
}

/* --- a trial ----------------------------------------------------------------
 */

/* In the profile user some files are not there: no budget would help. */
static gboolean is_absent(const struct search *search, const char *where)
{
	g_autofree char *file = g_strndup(where, strcspn(where, ":"));

	return search->tier_files && g_str_has_suffix(file, ".c") &&
	       !g_strv_contains((const char *const *)search->tier_files, file);
}

static gboolean run_child(const struct search *search, struct trial *trial,
	const char *dir, guint enough)
{
	g_autoptr(GPtrArray) args = command(search, trial, dir, enough);
	g_autofree char *log = g_build_filename(dir, "log", NULL);
	g_autofree char *result = g_build_filename(dir, "result.json", NULL);
	struct watch watch = {.search = search,
		.log = fopen(log, "we"),
		.end = g_get_monotonic_time() +
		       (search->seconds + START_S) * G_USEC_PER_SEC};
	const struct child_hooks hooks = {watch_line, watch_look, &watch};
	g_autoptr(GError) error = NULL;
	int status = -1;

	trial->command = g_strjoinv(" ", (char **)args->pdata);
	if (!watch.log) {
		broken(trial, g_strerror(errno));
		return TRUE;
	}
	if (!child_run((char *const *)args->pdata, &hooks, &status, &error))
		broken(trial, error->message);
	else if (watch.late)
		broken(trial, "it did not end; its log has the rest");
	else if (status != EXIT_CLEAN && status != EXIT_FINDING &&
		 status != EXIT_TIME)
		broken(trial, watch.last ? watch.last : "it said nothing");
	else
		take_result(trial, result);
	(void)fclose(watch.log);
	g_free(watch.last);
	return !watch.stopped;
}

gboolean search_run(const struct search *search, struct trial *trial,
	const char *dir, const char *where, guint enough)
{
	g_autofree char *corpus = g_build_filename(dir, "out", "corpus", NULL);
	gint64 start = g_get_monotonic_time();
	gboolean ended;

	if (is_absent(search, where)) {
		trial->status = TRIAL_SKIPPED;
		trial->why = g_strdup("the profile user does not compile it");
		return TRUE;
	}
	host_dir_remove(dir); /* of a trial that was interrupted */
	if (g_mkdir_with_parents(dir, 0755)) {
		broken(trial, g_strerror(errno));
		return TRUE;
	}
	ended = run_child(search, trial, dir, enough);
	trial->wall = (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
	trial->ended = g_get_real_time() / G_USEC_PER_SEC;
	if (getloadavg(&trial->load, 1) != 1)
		trial->load = -1;
	host_dir_remove(corpus); /* thousands of files, and of no more use */
	return ended;
}

/* --- the kernel without a bug -----------------------------------------------
 */

static gboolean control_in_process(
	const struct search *search, const struct finding *finding)
{
	g_autofree struct store_log *log = store_load_programs(finding, NULL);
	struct user_trial trial = {
		.kernel = search->tier, .append = search->append};
	char text[PROG_TEXT_MAX], title[TITLE_MAX];
	struct text to;

	text_init(&to, text, sizeof(text));
	if (!log || !log->flight[0].nr)
		return FALSE;
	prog_print(&log->flight[0].entry[0].prog, &to);
	for (guint i = 0; i < CONTROLS; i++) {
		if (user_tier_try(&trial, text, title) > 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean control_in_vm(const struct search *search, const char *dir,
	const struct finding *finding)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *bin = host_executable_dir();
	g_autofree char *path = g_build_filename(dir, "control.log", NULL);
	struct watch watch = {.search = search,
		.log = fopen(path, "we"),
		.end = g_get_monotonic_time() + START_S * G_USEC_PER_SEC};
	const struct child_hooks hooks = {watch_line, watch_look, &watch};
	int status = -1;

	if (!watch.log)
		return FALSE;
	host_args_add(args, "%s/rmaptorture", bin);
	host_args_add(args, "repro");
	host_args_add(args, "%s", finding->dir);
	host_args_add(args, "--kernel=%s", search->kernel);
	host_args_add(
		args, "--append=%s", search->append ? search->append : "");
	host_args_add(args, "--set=" MUTANT_FILE "=none");
	host_args_add(args, "-n%d", CONTROLS);
	g_ptr_array_add(args, NULL);
	(void)child_run((char *const *)args->pdata, &hooks, &status, NULL);
	(void)fclose(watch.log);
	g_free(watch.last);
	return status == EXIT_FINDING;
}

gboolean search_control(
	const struct search *search, const char *dir, const char *title)
{
	g_autofree char *out = g_build_filename(dir, "out", NULL);
	g_autoptr(GPtrArray) findings = store_list(out, NULL);

	for (guint i = 0; findings && i < findings->len; i++) {
		const struct finding *finding = findings->pdata[i];

		if (strcmp(finding->title, title))
			continue;
		return search->tier ? control_in_process(search, finding)
				    : control_in_vm(search, dir, finding);
	}
	return FALSE;
}
