/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench litmus: a program by hand for each planted bug, run so often with it
 * and without it. It says of a bug that it can be shown, and of the oracles
 * that they see it; nothing that searches reads these programs.
 *
 * One template does for all: a bug is switched on in clones. With it each try
 * is a clone of its own; without it they follow each other in one guest. What
 * is known of a bug is OUT/NAME.json, made anew when its program, the kernel or
 * the number of tries is another.
 */
#include "host/bench/bench.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>

#define PROGRAMS    RMAPTORTURE_SOURCE_DIR "/vm-images/mutants/litmus"
#define RUNS	    20
#define LITMUS_OUT  "litmus"
#define TITLE_WIDTH 60

/** struct tries - what came of the runs of a program */
struct tries {
	guint findings, broken, skipped;
	char title[TITLE_MAX]; /* of the first finding; else the first detail */
};

/** struct pair - a bug and its program */
struct pair {
	const struct mutant *mutant;
	guint64 program; /* hash; 0: there is none */
	struct tries on, off;
};

struct litmus {
	const struct host_options *options;
	struct target_options target_options;
	char *table, *programs, *names, *out;
	int runs;
	struct target *target;
	char *base_settings, *scratch;
	GPtrArray *mutants;
	GArray *pairs; /* struct pair */
};

/* --- tries ------------------------------------------------------------------
 */

static void count_try(struct tries *tries, const struct judgment *judgment)
{
	const char *text =
		judgment->title[0] ? judgment->title : judgment->detail;

	tries->broken += judgment->verdict == VERDICT_BROKEN;
	tries->skipped += judgment->verdict == VERDICT_SKIP;
	if (judgment->verdict != VERDICT_PASS && !tries->findings)
		(void)g_strlcpy(tries->title, text, sizeof(tries->title));
	tries->findings += judgment->verdict == VERDICT_FINDING;
}

/* @fresh: each in a clone of its own */
static gboolean try_often(struct litmus *litmus, const struct prog *prog,
	gboolean fresh, struct tries *ret, GError **error)
{
	static struct prog_result result;
	struct guest *SCOPED(guest_freep) guest = NULL;

	for (int i = 0; i < litmus->runs; i++) {
		struct judgment judgment;

		if (!guest || fresh || guest->ended) {
			g_clear_pointer(&guest, guest_free);
			guest = guest_fresh(
				litmus->target, litmus->scratch, error);
			if (!guest)
				return FALSE;
		}
		(void)guest_judge(
			litmus->target, guest, prog, &result, &judgment);
		count_try(ret, &judgment);
	}
	return TRUE;
}

static gboolean run_pair(struct litmus *litmus, struct pair *pair,
	const struct prog *prog, GError **error)
{
	struct target *target = litmus->target;
	gboolean good;

	g_free(target->settings);
	target->settings = g_strdup_printf("%s" MUTANT_FILE " %s\n",
		litmus->base_settings, pair->mutant->name);
	good = try_often(litmus, prog, TRUE, &pair->on, error);
	g_free(target->settings);
	target->settings = g_strdup(litmus->base_settings);
	return good && try_often(litmus, prog, FALSE, &pair->off, error);
}

/* --- records ----------------------------------------------------------------
 */

static char *pair_path(const struct litmus *litmus, const struct pair *pair)
{
	return g_strdup_printf("%s/%s.json", litmus->out, pair->mutant->name);
}

/* What a record must agree in to be of use */
static char *pair_key(const struct litmus *litmus, const struct pair *pair)
{
	return g_strdup_printf("%s %016" G_GINT64_MODIFIER "x %d %s",
		litmus->target->build_id, pair->program, litmus->runs,
		litmus->base_settings);
}

static JsonObject *tries_object(const struct tries *tries)
{
	JsonObject *o = json_object_new();

	json_object_set_int_member(o, "findings", tries->findings);
	json_object_set_int_member(o, "broken", tries->broken);
	json_object_set_int_member(o, "skipped", tries->skipped);
	json_object_set_string_member(o, "title", tries->title);
	return o;
}

static void tries_take(JsonObject *from, const char *name, struct tries *ret)
{
	JsonObject *o = json_object_get_object_member(from, name);

	ret->findings = (guint)json_object_get_int_member(o, "findings");
	ret->broken = (guint)json_object_get_int_member(o, "broken");
	ret->skipped = (guint)json_object_get_int_member(o, "skipped");
	(void)g_strlcpy(ret->title, json_object_get_string_member(o, "title"),
		sizeof(ret->title));
}

static gboolean pair_save(
	const struct litmus *litmus, const struct pair *pair, GError **error)
{
	g_autofree char *path = pair_path(litmus, pair);
	g_autofree char *key = pair_key(litmus, pair);
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
	g_autofree char *text = NULL;
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "name", pair->mutant->name);
	json_object_set_string_member(o, "class", pair->mutant->class);
	json_object_set_string_member(o, "key", key);
	json_object_set_int_member(o, "runs", litmus->runs);
	json_object_set_object_member(o, "on", tries_object(&pair->on));
	json_object_set_object_member(o, "off", tries_object(&pair->off));
	json_node_take_object(node, o);
	text = json_to_string(node, TRUE);
	return g_file_set_contents(path, text, -1, error);
}

/* FALSE: there is none that still holds. */
static gboolean pair_load(const struct litmus *litmus, struct pair *pair)
{
	g_autofree char *path = pair_path(litmus, pair);
	g_autofree char *key = pair_key(litmus, pair);
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonObject *o;

	if (!json_parser_load_from_file(parser, path, NULL))
		return FALSE;
	o = json_node_get_object(json_parser_get_root(parser));
	if (strcmp(json_object_get_string_member_with_default(o, "key", ""),
		    key))
		return FALSE;
	tries_take(o, "on", &pair->on);
	tries_take(o, "off", &pair->off);
	return TRUE;
}

/* --- the table --------------------------------------------------------------
 */

static gboolean pair_holds(const struct litmus *litmus, const struct pair *pair)
{
	return pair->program && pair->on.findings && !pair->off.findings &&
	       !pair->on.broken && !pair->off.broken &&
	       pair->off.skipped < (guint)litmus->runs;
}

static void print_pair(const struct litmus *litmus, const struct pair *pair)
{
	const struct tries *told = pair->off.findings ? &pair->off : &pair->on;

	if (!pair->program) {
		printf("| %s | %s | no program | | |\n", pair->mutant->name,
			pair->mutant->class);
		return;
	}
	printf("| %s | %s | %u of %d | %u of %d | %.*s |\n", pair->mutant->name,
		pair->mutant->class, pair->on.findings, litmus->runs,
		pair->off.findings, litmus->runs, TITLE_WIDTH, told->title);
	fflush(stdout);
}

static int print_all(const struct litmus *litmus, struct host_result *result)
{
	guint shown = 0, sure = 0, false_ones = 0, missing = 0, bad = 0;

	printf("| planted bug | class | with it | without | title |\n"
	       "|---|---|---|---|---|\n");
	for (guint i = 0; i < litmus->pairs->len; i++) {
		const struct pair *pair =
			&g_array_index(litmus->pairs, struct pair, i);

		print_pair(litmus, pair);
		shown += pair_holds(litmus, pair);
		sure += pair_holds(litmus, pair) &&
			pair->on.findings == (guint)litmus->runs;
		false_ones += pair->off.findings != 0;
		missing += !pair->program;
		bad += pair->on.broken || pair->off.broken;
	}
	printf("\n%u of %u shown by their program and quiet without it, %u of "
	       "them in each run; %u have no program, %u show without the bug, "
	       "%u broke\n",
		shown, litmus->pairs->len, sure, missing, false_ones, bad);
	host_result_figure(result, "pairs", litmus->pairs->len);
	host_result_figure(result, "shown", shown);
	host_result_figure(result, "sure", sure);
	host_result_figure(result, "without_program", missing);
	host_result_figure(result, "false_findings", false_ones);
	if (bad)
		return EXIT_BROKEN;
	return shown == litmus->pairs->len ? EXIT_CLEAN : EXIT_FINDING;
}

/* --- the run ----------------------------------------------------------------
 */

static gboolean one_pair(
	struct litmus *litmus, const struct mutant *mutant, GError **error)
{
	g_autofree char *path =
		g_strdup_printf("%s/%s.prog", litmus->programs, mutant->name);
	const char *const paths[] = {path, NULL};
	g_autoptr(GPtrArray) progs = NULL;
	struct pair pair = {.mutant = mutant};
	struct named_prog *named;

	if (g_file_test(path, G_FILE_TEST_EXISTS)) {
		progs = programs_load(paths, error);
		if (!progs)
			return FALSE;
		named = progs->pdata[0];
		pair.program = hash_bytes(&named->prog, sizeof(named->prog));
	}
	if (progs && !pair_load(litmus, &pair)) {
		host_progress(
			litmus->options, TRUE, "litmus: %s", mutant->name);
		if (!run_pair(litmus, &pair, &named->prog, error) ||
			!pair_save(litmus, &pair, error))
			return FALSE;
	}
	g_array_append_val(litmus->pairs, pair);
	return TRUE;
}

static gboolean all_pairs(struct litmus *litmus, GError **error)
{
	for (guint i = 0; i < litmus->mutants->len; i++) {
		if (!one_pair(litmus, litmus->mutants->pdata[i], error))
			return FALSE;
	}
	return TRUE;
}

static gboolean litmus_open(struct litmus *litmus, GError **error)
{
	struct target *target =
		target_open(&litmus->target_options, litmus->options, error);

	if (!target)
		return FALSE;
	litmus->target = target;
	litmus->base_settings = g_strdup(target->settings);
	litmus->mutants =
		bench_table_load(litmus->table ? litmus->table : MUTANT_TABLE,
			target->name, error);
	if (!litmus->mutants ||
		(litmus->names && !bench_table_names(litmus->mutants,
					  litmus->names, error)))
		return FALSE;
	litmus->scratch = host_scratch(error);
	if (litmus->scratch && g_mkdir_with_parents(litmus->out, 0755))
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot make '%s': %s", litmus->out, g_strerror(errno));
	return litmus->scratch && !*error;
}

static int litmus_run(struct litmus *litmus)
{
	struct host_result *result;
	GError *error = NULL;
	int status = EXIT_BROKEN;

	if (!litmus_open(litmus, &error)) {
		status = EXIT_CLEAN; /* --dry-run has no error */
		goto out;
	}
	result = host_result_new("bench litmus", litmus->options);
	host_result_kernel(result, litmus->target->name,
		litmus->target->profile, litmus->target->build_id);
	if (all_pairs(litmus, &error))
		status = print_all(litmus, result);
	status = host_result_end(result, status);
out:
	if (error)
		status = host_fail("bench litmus", error);
	g_clear_error(&error);
	host_scratch_free(litmus->scratch);
	return status;
}

static gboolean parse(int *argc, char ***argv, struct litmus *litmus,
	struct host_options *options)
{
	GOptionEntry entries[] = {
		TARGET_OPTIONS(&litmus->target_options),
		TARGET_SET(&litmus->target_options),
		{"table", 0, 0, G_OPTION_ARG_FILENAME, &litmus->table,
			"mutants, one a line (default: our own)", "FILE"},
		{"programs", 0, 0, G_OPTION_ARG_FILENAME, &litmus->programs,
			"folder of NAME.prog (default: our own)", "DIR"},
		{"name", 0, 0, G_OPTION_ARG_STRING, &litmus->names,
			"only these mutants", "NAME,..."},
		{"runs", 'n', 0, G_OPTION_ARG_INT, &litmus->runs,
			"of each program, with and without (default 20)", "N"},
		{"out", 0, 0, G_OPTION_ARG_FILENAME, &litmus->out,
			"records; a run that was stopped goes on there "
			"(default " LITMUS_OUT ")",
			"DIR"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	litmus->runs = RUNS;
	if (!host_parse(argc, argv, entries, "",
		    "Run the program of each planted bug with the bug and "
		    "without it.",
		    options))
		return FALSE;
	if (*argc == 1 && litmus->runs > 0)
		return TRUE;
	g_printerr("rmaptorture bench litmus: it takes options only, -n is "
		   "positive\n");
	return FALSE;
}

int cmd_bench_litmus(int argc, char **argv)
{
	struct host_options SCOPED(host_options_clear) options = {0};
	struct litmus litmus = {.options = &options};
	int status = EXIT_BROKEN;

	litmus.pairs = g_array_new(FALSE, TRUE, sizeof(struct pair));
	if (parse(&argc, &argv, &litmus, &options)) {
		if (!litmus.programs)
			litmus.programs = g_strdup(PROGRAMS);
		if (!litmus.out)
			litmus.out = g_strdup(LITMUS_OUT);
		status = litmus_run(&litmus);
	}
	g_array_unref(litmus.pairs);
	g_clear_pointer(&litmus.mutants, g_ptr_array_unref);
	target_free(litmus.target);
	g_free(litmus.base_settings);
	g_free(litmus.table);
	g_free(litmus.programs);
	g_free(litmus.names);
	g_free(litmus.out);
	return status;
}
