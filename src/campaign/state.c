/* SPDX-License-Identifier: GPL-2.0-only */
#include "campaign.h"

#include <string.h>

static void used_free(gpointer data)
{
	struct campaign_used *used = data;

	g_free(used->name);
	g_free(used);
}

struct campaign_state *campaign_state_new(void)
{
	struct campaign_state *state = g_new0(struct campaign_state, 1);

	state->used = g_ptr_array_new_with_free_func(used_free);
	return state;
}

void campaign_state_free(struct campaign_state *state)
{
	if (!state)
		return;
	g_ptr_array_unref(state->used);
	g_free(state);
}

struct campaign_used *campaign_used(
	struct campaign_state *state, const char *name)
{
	struct campaign_used *used;

	for (guint i = 0; i < state->used->len; i++) {
		used = state->used->pdata[i];
		if (!strcmp(used->name, name))
			return used;
	}
	used = g_new0(struct campaign_used, 1);
	used->name = g_strdup(name);
	g_ptr_array_add(state->used, used);
	return used;
}

static const struct {
	const char *name;
	gsize at;
} counters[] = {
	{"programs", G_STRUCT_OFFSET(struct campaign_used, programs)},
	{"edges", G_STRUCT_OFFSET(struct campaign_used, edges)},
	{"deaths", G_STRUCT_OFFSET(struct campaign_used, deaths)},
	{"broken", G_STRUCT_OFFSET(struct campaign_used, broken)},
	{"minimized", G_STRUCT_OFFSET(struct campaign_used, minimized)},
};

static void load_used(
	struct campaign_state *state, GKeyFile *file, const char *group)
{
	struct campaign_used *used = campaign_used(state, group);

	used->seconds = g_key_file_get_double(file, group, "seconds", NULL);
	used->rounds =
		(guint)g_key_file_get_integer(file, group, "rounds", NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(counters); i++)
		G_STRUCT_MEMBER(guint64, used, counters[i].at) =
			g_key_file_get_uint64(
				file, group, counters[i].name, NULL);
}

struct campaign_state *campaign_state_load(const char *path, GError **error)
{
	struct campaign_state *SCOPED(campaign_state_freep) state =
		campaign_state_new();
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_auto(GStrv) groups = NULL;

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&state);
	if (!g_key_file_load_from_file(file, path, 0, error) ||
		!g_key_file_has_key(file, "campaign", "starts", error)) {
		g_prefix_error(error,
			"%s: no state of a campaign (remove it to begin with "
			"no memory; corpora and findings stay): ",
			path);
		return NULL;
	}
	state->seconds =
		g_key_file_get_double(file, "campaign", "seconds", NULL);
	state->starts =
		(guint)g_key_file_get_integer(file, "campaign", "starts", NULL);
	groups = g_key_file_get_groups(file, NULL);
	for (char **group = groups; *group; group++) {
		if (strcmp(*group, "campaign") != 0)
			load_used(state, file, *group);
	}
	return g_steal_pointer(&state);
}

gboolean campaign_state_save(
	const struct campaign_state *state, const char *path, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autofree char *text = NULL;
	gsize len;

	g_key_file_set_double(file, "campaign", "seconds", state->seconds);
	g_key_file_set_integer(file, "campaign", "starts", (int)state->starts);
	for (guint i = 0; i < state->used->len; i++) {
		const struct campaign_used *used = state->used->pdata[i];

		g_key_file_set_double(
			file, used->name, "seconds", used->seconds);
		g_key_file_set_integer(
			file, used->name, "rounds", (int)used->rounds);
		for (gsize c = 0; c < G_N_ELEMENTS(counters); c++)
			g_key_file_set_uint64(file, used->name,
				counters[c].name,
				G_STRUCT_MEMBER(guint64, used, counters[c].at));
	}
	text = g_key_file_to_data(file, &len, NULL);
	return g_file_set_contents_full(path, text, (gssize)len,
		G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
		0644, error);
}

const struct campaign_entry *campaign_next(
	const struct campaign_conf *conf, struct campaign_state *state)
{
	const struct campaign_entry *next = NULL;
	double least = 0;

	for (guint i = 0; i < conf->entries->len; i++) {
		const struct campaign_entry *entry = conf->entries->pdata[i];
		double had = campaign_used(state, entry->name)->seconds /
			     entry->share;

		if (!next || had < least) {
			next = entry;
			least = had;
		}
	}
	return next;
}
