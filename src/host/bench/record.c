/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/bench/bench.h"

#include <json-glib/json-glib.h>
#include <string.h>

static const char *const status_names[] = {
	[TRIAL_DETECTED] = "detected",
	[TRIAL_MISSED] = "missed",
	[TRIAL_SKIPPED] = "skipped",
	[TRIAL_BROKEN] = "broken",
};

const char *const tier_names[TIERS] = {
	[TIER_USER] = "user",
	[TIER_VM] = "vm",
};

static void sighting_free(gpointer item)
{
	struct sighting *sighting = item;

	g_free(sighting->title);
	g_free(sighting);
}

struct trial *trial_new(const struct mutant *mutant, guint number)
{
	struct trial *trial = g_new0(struct trial, 1);

	trial->name = g_strdup(mutant->name);
	trial->class = g_strdup(mutant->class);
	trial->number = number;
	trial->status = TRIAL_MISSED;
	trial->seen = g_ptr_array_new_with_free_func(sighting_free);
	trial->refuted = g_ptr_array_new_with_free_func(g_free);
	return trial;
}

void trial_free(struct trial *trial)
{
	if (!trial)
		return;
	g_ptr_array_unref(trial->seen);
	g_ptr_array_unref(trial->refuted);
	for (guint i = 0; i < TIERS; i++)
		g_free(trial->stage[i].command);
	g_free(trial->name);
	g_free(trial->class);
	g_free(trial->why);
	g_free(trial->vm_title);
	g_free(trial);
}

void trial_see(
	struct trial *trial, const char *title, enum tier tier, double seconds)
{
	struct sighting *sighting = g_new0(struct sighting, 1);

	sighting->title = g_strdup(title);
	sighting->tier = tier;
	sighting->seconds = seconds;
	g_ptr_array_add(trial->seen, sighting);
}

char *ignored_key(const struct sighting *sighting)
{
	return g_strdup_printf(
		"%s: %s", tier_names[sighting->tier], sighting->title);
}

void trial_judge(struct trial *trial, GHashTable *ignored)
{
	if (trial->status == TRIAL_SKIPPED || trial->status == TRIAL_BROKEN)
		return;
	trial->first = NULL;
	trial->status = TRIAL_MISSED;
	for (guint i = 0; i < trial->seen->len && !trial->first; i++) {
		struct sighting *seen = trial->seen->pdata[i];
		g_autofree char *key = ignored_key(seen);

		if (!seen->is_own && g_hash_table_contains(ignored, key))
			continue;
		trial->first = seen;
		trial->status = TRIAL_DETECTED;
	}
}

/* --- to disk ----------------------------------------------------------------
 */

static char *record_path(const char *dir, const char *name, guint number)
{
	return g_strdup_printf("%s/records/%s-%u.json", dir, name, number);
}

static JsonArray *findings_of(const struct trial *trial)
{
	JsonArray *array = json_array_new();

	for (guint i = 0; i < trial->seen->len; i++) {
		const struct sighting *sighting = trial->seen->pdata[i];
		JsonObject *one = json_object_new();

		json_object_set_string_member(one, "title", sighting->title);
		json_object_set_string_member(
			one, "tier", tier_names[sighting->tier]);
		json_object_set_double_member(
			one, "seconds", sighting->seconds);
		json_object_set_boolean_member(one, "own", sighting->is_own);
		json_array_add_object_element(array, one);
	}
	return array;
}

static JsonArray *refuted_of(const struct trial *trial)
{
	JsonArray *array = json_array_new();

	for (guint i = 0; i < trial->refuted->len; i++)
		json_array_add_string_element(array, trial->refuted->pdata[i]);
	return array;
}

static JsonObject *stage_of(const struct stage *stage)
{
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "command", stage->command);
	json_object_set_double_member(o, "programs", stage->programs);
	json_object_set_double_member(o, "edges", stage->edges);
	json_object_set_double_member(o, "seed_programs", stage->seed_programs);
	return o;
}

static JsonObject *confirmed_of(const struct trial *trial)
{
	JsonObject *o = json_object_new();

	json_object_set_int_member(o, "k", trial->vm_k);
	json_object_set_int_member(o, "n", trial->vm_n);
	json_object_set_string_member(
		o, "title", trial->vm_title ? trial->vm_title : "");
	return o;
}

static void set_stages(const struct trial *trial, JsonObject *o)
{
	gboolean both = trial->stage[TIER_USER].command &&
			trial->stage[TIER_VM].command;

	for (guint i = 0; i < TIERS; i++) {
		if (trial->stage[i].command)
			json_object_set_object_member(
				o, tier_names[i], stage_of(&trial->stage[i]));
	}
	if (both)
		json_object_set_string_member(o, "vm_seed_programs_from",
			"the user stage of this trial, which had none");
}

static char *record_text(const struct trial *trial)
{
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "name", trial->name);
	json_object_set_string_member(o, "class", trial->class);
	json_object_set_int_member(o, "trial", trial->number);
	json_object_set_int_member(o, "seed", (gint64)trial->seed);
	json_object_set_string_member(o, "status", status_names[trial->status]);
	json_object_set_string_member(o, "why", trial->why ? trial->why : "");
	set_stages(trial, o);
	json_object_set_array_member(o, "findings", findings_of(trial));
	json_object_set_array_member(o, "refuted", refuted_of(trial));
	if (trial->vm_n)
		json_object_set_object_member(
			o, "confirmed", confirmed_of(trial));
	json_object_set_double_member(o, "wall_seconds", trial->wall);
	json_object_set_double_member(o, "load", trial->load);
	json_object_set_int_member(o, "ended", trial->ended);
	json_node_take_object(node, o);
	return json_to_string(node, TRUE);
}

static gboolean write_whole(const char *path, const char *text, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(path);

	if (g_mkdir_with_parents(dir, 0755)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot make '%s': %s", dir, g_strerror(errno));
		return FALSE;
	}
	return g_file_set_contents_full(path, text, -1,
		G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
		0644, error);
}

gboolean trial_save(const struct trial *trial, const char *dir, GError **error)
{
	g_autofree char *path = record_path(dir, trial->name, trial->number);
	g_autofree char *text = record_text(trial);

	return write_whole(path, text, error);
}

/* --- from disk --------------------------------------------------------------
 */

static JsonArray *array_of(JsonObject *o, const char *name)
{
	return json_object_has_member(o, name)
		       ? json_object_get_array_member(o, name)
		       : NULL;
}

static JsonObject *object_of(JsonObject *o, const char *name)
{
	return json_object_has_member(o, name)
		       ? json_object_get_object_member(o, name)
		       : NULL;
}

static const char *text_of(JsonObject *o, const char *name)
{
	return json_object_get_string_member_with_default(o, name, "");
}

static void take_findings(struct trial *trial, JsonArray *array)
{
	for (guint i = 0; array && i < json_array_get_length(array); i++) {
		JsonObject *one = json_array_get_object_element(array, i);
		gboolean in_vm =
			!strcmp(text_of(one, "tier"), tier_names[TIER_VM]);
		struct sighting *seen;

		trial_see(trial, text_of(one, "title"),
			in_vm ? TIER_VM : TIER_USER,
			json_object_get_double_member(one, "seconds"));
		seen = trial->seen->pdata[trial->seen->len - 1];
		seen->is_own = json_object_get_boolean_member_with_default(
			one, "own", FALSE);
	}
}

static void take_refuted(struct trial *trial, JsonArray *array)
{
	for (guint i = 0; array && i < json_array_get_length(array); i++)
		g_ptr_array_add(trial->refuted,
			g_strdup(json_array_get_string_element(array, i)));
}

static void take_stages(struct trial *trial, JsonObject *o)
{
	for (guint i = 0; i < TIERS; i++) {
		struct stage *stage = &trial->stage[i];
		JsonObject *one = object_of(o, tier_names[i]);

		if (!one)
			continue;
		stage->command = g_strdup(text_of(one, "command"));
		stage->programs =
			json_object_get_double_member(one, "programs");
		stage->edges = json_object_get_double_member(one, "edges");
		stage->seed_programs =
			json_object_get_double_member(one, "seed_programs");
	}
}

static void take_confirmed(struct trial *trial, JsonObject *o)
{
	if (!o)
		return;
	trial->vm_k = (guint)json_object_get_int_member(o, "k");
	trial->vm_n = (guint)json_object_get_int_member(o, "n");
	trial->vm_title = g_strdup(text_of(o, "title"));
}

static gboolean take_record(struct trial *trial, JsonObject *o)
{
	const char *status = text_of(o, "status");
	guint i = 0;

	while (i < G_N_ELEMENTS(status_names) &&
		strcmp(status, status_names[i]))
		i++;
	if (i == G_N_ELEMENTS(status_names))
		return FALSE;
	trial->status = (enum trial_status)i;
	trial->seed = (guint64)json_object_get_int_member(o, "seed");
	trial->why = g_strdup(text_of(o, "why"));
	trial->wall = json_object_get_double_member(o, "wall_seconds");
	trial->load = json_object_get_double_member(o, "load");
	trial->ended = json_object_get_int_member(o, "ended");
	take_stages(trial, o);
	take_findings(trial, array_of(o, "findings"));
	take_refuted(trial, array_of(o, "refuted"));
	take_confirmed(trial, object_of(o, "confirmed"));
	return TRUE;
}

struct trial *trial_load(const char *dir, const struct mutant *mutant,
	guint number, GError **error)
{
	g_autofree char *path = record_path(dir, mutant->name, number);
	g_autoptr(JsonParser) parser = json_parser_new();
	struct trial *SCOPED(trial_freep) trial = trial_new(mutant, number);
	JsonNode *root;

	if (!g_file_test(path, G_FILE_TEST_EXISTS) ||
		!json_parser_load_from_file(parser, path, error))
		return NULL;
	root = json_parser_get_root(parser);
	if (root && JSON_NODE_HOLDS_OBJECT(root) &&
		take_record(trial, json_node_get_object(root)))
		return g_steal_pointer(&trial);
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"'%s' is no record of a trial: remove it and start again",
		path);
	return NULL;
}

gboolean bench_plan_check(const char *dir, const char *plan, GError **error)
{
	g_autofree char *path = g_build_filename(dir, "plan", NULL);
	g_autofree char *old = NULL;
	g_auto(GStrv) was = NULL, is = NULL;

	if (!g_file_get_contents(path, &old, NULL, NULL))
		return write_whole(path, plan, error);
	was = g_strsplit(old, "\n", -1);
	is = g_strsplit(plan, "\n", -1);
	for (guint i = 0; was[i] && is[i]; i++) {
		if (!strcmp(was[i], is[i]))
			continue;
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"'%s' is of another run: it has '%s', this one '%s'; "
			"use another --out",
			path, was[i], is[i]);
		return FALSE;
	}
	return TRUE;
}
