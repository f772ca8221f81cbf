/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of a searcher: the one that people use. Pure, but for GLib.
 */
#include "host/bench/bench.h"

#include <string.h>

/* A searcher: its command, and options of it beside those that all have. */
static const struct searcher {
	const char *name, *command;
	const char *more; /* one more argument, or NULL */
} searchers[] = {
	{"fuzz", "fuzz", "--replays=0"},
	{"stress", "stress", "--no-shrink"},
	{"stress-ng", "stress", "--peer=stress-ng"},
	{"selftests", "selftests", NULL},
};
#define PEER_FIRST 1 /* of them: the fuzzer is none */

static const struct searcher *searcher_of(const char *peer)
{
	for (gsize i = PEER_FIRST; peer && i < G_N_ELEMENTS(searchers); i++) {
		if (!strcmp(peer, searchers[i].name))
			return &searchers[i];
	}
	return peer ? NULL : &searchers[0];
}

gboolean search_known(const char *peer)
{
	return peer && searcher_of(peer);
}

char *search_peers(void)
{
	GString *text = g_string_new(searchers[PEER_FIRST].name);

	for (gsize i = PEER_FIRST + 1; i < G_N_ELEMENTS(searchers); i++)
		g_string_append_printf(text, ", %s", searchers[i].name);
	return g_string_free(text, FALSE);
}

/* In a VM it is switched on in clones, so that one boot serves a table; a
 * process of the user tier starts with it. */
static void add_mutant(GPtrArray *args, const struct turn *turn)
{
	const char *name = turn->trial->name;
	gboolean is_on = strcmp(name, UNMUTATED) != 0;
	gboolean later = turn->tier == TIER_VM;
	const char *append = turn->search->append ? turn->search->append : "";

	if (is_on && !later)
		host_args_add(args, "--append=%s%srmap_mutant=%s", append,
			*append ? " " : "", name);
	else if (*append)
		host_args_add(args, "--append=%s", append);
	if (is_on && later)
		host_args_add(args, "--set=" MUTANT_FILE "=%s", name);
}

static void add_kernel(GPtrArray *args, const struct turn *turn)
{
	if (turn->tier == TIER_USER)
		host_args_add(args, "--kernel=%s:user", turn->search->name);
	else
		host_args_add(args, "--kernel=%s", turn->search->vm);
}

GPtrArray *search_command(const struct turn *turn, const char *program)
{
	const struct searcher *searcher = searcher_of(turn->search->peer);
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);

	host_args_add(args, "%s", program);
	host_args_add(args, "%s", searcher->command);
	add_kernel(args, turn);
	add_mutant(args, turn);
	host_args_add(
		args, "--max-runtime=%" G_GINT64_FORMAT "s", turn->seconds);
	host_args_add(args, "--seed=%" G_GUINT64_FORMAT, turn->trial->seed);
	host_args_add(args, "--stop-after=%u", turn->enough);
	if (searcher->more)
		host_args_add(args, "%s", searcher->more);
	if (turn->search->no_stalls)
		host_args_add(args, "--no-stalls");
	if (turn->corpus)
		host_args_add(args, "--corpus=%s", turn->corpus);
	host_args_add(args, "--out=%s/out", turn->dir);
	host_args_add(args, "--json=%s/result.json", turn->dir);
	g_ptr_array_add(args, NULL);
	return args;
}
