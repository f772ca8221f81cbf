/* SPDX-License-Identifier: GPL-2.0-only */
/* Between rounds: k of n of each new title, once in the whole campaign. */
#include "host/campaign/run.h"

#include <string.h>

#include "host/user/tier.h"

#define REPLAY_S 120 /* of a round, at most: the rest comes the next time */

/* Titles that have a k of n in any store. */
static GHashTable *titles_replayed(const struct campaign *c)
{
	GHashTable *titles =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < c->conf->entries->len; i++) {
		g_autofree char *folder =
			campaign_folder(c, c->conf->entries->pdata[i]);
		g_autoptr(GPtrArray) list = store_list(folder, NULL);

		for (guint f = 0; list && f < list->len; f++) {
			const struct finding *finding = list->pdata[f];

			if (finding->n)
				g_hash_table_add(
					titles, g_strdup(finding->title));
		}
	}
	return titles;
}

static gboolean replay_user(struct campaign *c, const struct kernel *kernel,
	struct finding *finding, GError **error)
{
	struct user_trial trial = {
		.kernel = kernel, .append = c->entry->append};

	return user_tier_shrink(&trial, finding, c->conf->replays, error);
}

static gboolean replay_vm(struct campaign *c, struct target *target,
	struct finding *finding, GError **error)
{
	struct candidate SCOPED(candidate_clear) candidate = {0};
	struct replay replay = {.n = c->conf->replays};
	g_autofree char *scratch = host_scratch(error);
	gboolean ok;

	if (!scratch)
		return FALSE;
	if (replay_find(target, scratch, finding, c->options, &candidate))
		replay_count(target, scratch, &candidate, finding->title,
			c->conf->replays, &replay);
	finding->k = replay.k;
	finding->n = replay.n;
	ok = replay_store(finding, NULL, &candidate, &replay, error);
	host_scratch_free(g_steal_pointer(&scratch));
	return ok;
}

void campaign_replay(
	struct campaign *c, struct target *target, const struct kernel *kernel)
{
	gint64 end = g_get_monotonic_time() + REPLAY_S * G_USEC_PER_SEC;
	g_autofree char *folder = campaign_folder(c, c->entry);
	g_autoptr(GPtrArray) list = store_list(folder, NULL);
	g_autoptr(GHashTable) done = titles_replayed(c);

	for (guint i = 0; c->conf->replays && list && i < list->len; i++) {
		struct finding *finding = list->pdata[i];
		g_autoptr(GError) error = NULL;
		gboolean ok;

		if (c->stop || g_get_monotonic_time() > end)
			return;
		if (g_hash_table_contains(done, finding->title))
			continue;
		ok = target ? replay_vm(c, target, finding, &error)
			    : replay_user(c, kernel, finding, &error);
		campaign_say(c, "%s: %u of %u replays%s%s", finding->title,
			finding->k, finding->n,
			ok ? "" : ", not stored: ", ok ? "" : error->message);
	}
}
