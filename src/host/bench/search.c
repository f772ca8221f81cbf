/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One trial: the searcher is this program again, with the command that people
 * use, and what it found is in the object that its --json wrote.
 */
#include "host/bench/bench.h"

#include "host/child.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_S	   900 /* kernel build and boot, on a slow and busy machine */
#define USER_SHARE 3   /* of the budget one part in so many, before the VM */

/* --- its run ----------------------------------------------------------------
 */

struct watch {
	const struct turn *turn;
	GHashTable *ignored;
	gboolean enough; /* it has told a title that is not ignored */
	FILE *log;
	gint64 end; /* monotonic us: it hangs when it runs longer */
	char *last; /* line */
	gboolean stopped, late;
};

/* As fuzz tells it, at once: "found after 4.7 s: TITLE" */
static gboolean tells_news(const struct watch *watch, const char *line)
{
	struct sighting seen = {.tier = watch->turn->tier};
	g_autofree char *key = NULL;

	if (!g_str_has_prefix(line, "found after ") ||
		!strcmp(watch->turn->trial->name, UNMUTATED))
		return FALSE;
	seen.title = strstr(line, " s: ");
	if (!seen.title)
		return FALSE;
	seen.title += strlen(" s: ");
	key = ignored_key(&seen);
	return !g_hash_table_contains(watch->ignored, key);
}

static gboolean watch_enough(void *user)
{
	const struct watch *watch = user;

	return watch->enough;
}

static void watch_line(const char *line, void *user)
{
	struct watch *watch = user;

	watch->enough |= tells_news(watch, line);
	(void)fprintf(watch->log, "%s\n", line);
	g_free(watch->last);
	watch->last = g_strdup(line);
}

static gboolean watch_look(void *user)
{
	struct watch *watch = user;

	while (g_main_context_iteration(NULL, FALSE))
		;
	watch->stopped = *watch->turn->search->stop;
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

/* @before: seconds of the trial before this turn */
static void take_seen(
	const struct turn *turn, JsonArray *findings, double before)
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
	for (guint i = 0; i < n; i++)
		trial_see(turn->trial, seen[i].title, turn->tier,
			before + seen[i].seconds);
}

static void take_result(
	const struct turn *turn, const char *path, double before)
{
	struct stage *stage = &turn->trial->stage[turn->tier];
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autoptr(GError) error = NULL;
	JsonObject *object, *figures;

	if (!json_parser_load_from_file(parser, path, &error)) {
		broken(turn->trial, error->message);
		return;
	}
	object = json_node_get_object(json_parser_get_root(parser));
	figures = json_object_get_object_member(object, "figures");
	stage->programs = figure(figures, "programs");
	stage->edges = figure(figures, "edges");
	stage->seed_programs = figure(figures, "seed_programs");
	take_seen(
		turn, json_object_get_array_member(object, "findings"), before);
}

static void judge_end(const struct turn *turn, const struct watch *watch,
	int status, double before)
{
	g_autofree char *result =
		g_build_filename(turn->dir, "result.json", NULL);

	if (watch->late)
		broken(turn->trial, "it did not end; its log has the rest");
	else if (status != EXIT_CLEAN && status != EXIT_FINDING &&
		 status != EXIT_TIME)
		broken(turn->trial,
			watch->last ? watch->last : "it said nothing");
	else
		take_result(turn, result, before);
}

/* --- a turn -----------------------------------------------------------------
 */

/* FALSE: stopped */
static gboolean run_child(
	const struct turn *turn, GHashTable *ignored, double before)
{
	g_autofree char *bin = host_executable_dir();
	g_autofree char *program = g_build_filename(bin, "rmaptorture", NULL);
	g_autoptr(GPtrArray) args = search_command(turn, program);
	g_autofree char *log = g_build_filename(turn->dir, "log", NULL);
	struct watch watch = {.turn = turn,
		.ignored = ignored,
		.log = fopen(log, "we"),
		.end = g_get_monotonic_time() +
		       (turn->seconds + START_S) * G_USEC_PER_SEC};
	const struct child_hooks hooks = {.line = watch_line,
		.look = watch_look,
		.enough = watch_enough,
		.user = &watch};
	g_autoptr(GError) error = NULL;
	int status = -1;

	turn->trial->stage[turn->tier] = (struct stage){
		g_strjoinv(" ", (char **)args->pdata), -1, -1, -1};
	if (!watch.log) {
		broken(turn->trial, g_strerror(errno));
		return TRUE;
	}
	if (!child_run((char *const *)args->pdata, &hooks, &status, &error))
		broken(turn->trial, error->message);
	else
		judge_end(turn, &watch, status, before);
	(void)fclose(watch.log);
	g_free(watch.last);
	return !watch.stopped;
}

static guint nr_ignored(GHashTable *ignored, enum tier tier)
{
	g_autofree char *prefix = g_strdup_printf("%s: ", tier_names[tier]);
	GHashTableIter iter;
	gpointer key;
	guint nr = 0;

	g_hash_table_iter_init(&iter, ignored);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		nr += g_str_has_prefix(key, prefix);
	return nr;
}

/* Its corpus stays, below @dir. */
static gboolean take_turn(
	struct turn *turn, const char *dir, GHashTable *ignored, double before)
{
	g_autofree char *own =
		g_build_filename(dir, tier_names[turn->tier], NULL);

	turn->dir = own;
	turn->enough = strcmp(turn->trial->name, UNMUTATED)
			       ? nr_ignored(ignored, turn->tier) + 1
			       : 0;
	if (!g_mkdir_with_parents(own, 0755))
		return run_child(turn, ignored, before);
	broken(turn->trial, g_strerror(errno));
	return TRUE;
}

/* --- a trial ----------------------------------------------------------------
 */

/* In the profile user some files are not there: no budget would help. @where:
 * "FOLDER/FILE:FUNCTION" */
static gboolean is_absent(const struct search *search, const char *where)
{
	g_autofree char *path = g_strndup(where, strcspn(where, ":"));
	g_autofree char *file = g_path_get_basename(path);

	return !search->vm && g_str_has_suffix(file, ".c") &&
	       !g_strv_contains(
		       (const char *const *)search->tier_sources, file);
}

/* The VM starts from what the user tier came to. It runs all of that before it
 * goes on, a few a second, so it gets no more than one for each of its seconds,
 * drawn by the trial's seed. */
static void hand_over(const struct trial *trial, const char *dir,
	const char *to, gint64 seconds)
{
	g_autofree char *from =
		g_build_filename(dir, "user", "out", "corpus", NULL);

	if (!g_mkdir_with_parents(to, 0755))
		programs_hand_over(
			from, to, (guint)MAX(seconds, 0), trial->seed);
}

static gboolean is_over(struct trial *trial, GHashTable *ignored)
{
	trial_judge(trial, ignored);
	return strcmp(trial->name, UNMUTATED) && trial->status != TRIAL_MISSED;
}

static gboolean run_turns(const struct search *search, struct trial *trial,
	const char *dir, GHashTable *ignored)
{
	g_autofree char *start = g_build_filename(dir, "start", NULL);
	struct turn turn = {.search = search, .trial = trial};
	double before = 0;

	turn.seconds = search->seconds;
	if (search->tier) {
		if (search->vm)
			turn.seconds /= USER_SHARE;
		turn.tier = TIER_USER;
		if (!take_turn(&turn, dir, ignored, 0))
			return FALSE;
		if (!search->vm || is_over(trial, ignored) ||
			trial->status == TRIAL_BROKEN)
			return TRUE;
		before = (double)turn.seconds;
		turn.seconds = search->seconds - turn.seconds;
		hand_over(trial, dir, start, turn.seconds);
		turn.corpus = start;
	}
	turn.tier = TIER_VM;
	return take_turn(&turn, dir, ignored, before);
}

/* Thousands of files, and of no more use */
static void drop_corpora(const char *dir)
{
	const char *const parts[] = {
		"user/out/corpus", "start", "vm/out/corpus"};

	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *path = g_build_filename(dir, parts[i], NULL);

		host_dir_remove(path);
	}
}

gboolean search_run(const struct search *search, struct trial *trial,
	const char *dir, const char *where, GHashTable *ignored)
{
	gint64 start = g_get_monotonic_time();
	gboolean ended;

	if (is_absent(search, where)) {
		trial->status = TRIAL_SKIPPED;
		trial->why = g_strdup("the profile user does not compile it");
		return TRUE;
	}
	host_dir_remove(dir); /* of a trial that was interrupted */
	ended = run_turns(search, trial, dir, ignored);
	trial->wall = (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
	trial->ended = g_get_real_time() / G_USEC_PER_SEC;
	if (getloadavg(&trial->load, 1) != 1)
		trial->load = -1;
	drop_corpora(dir);
	return ended;
}
