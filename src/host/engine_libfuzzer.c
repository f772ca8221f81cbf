/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/session.h"

#define RSS_LIMIT_MIB  1024
#define UNIT_TIMEOUT_S 100000 /* the host decides what hangs, not libFuzzer */

/* Does the user run another mode of libFuzzer (-merge, a file to replay)? */
static gboolean has_own_inputs(char **args)
{
	for (; args && *args; args++) {
		if ((*args)[0] != '-' || g_str_has_prefix(*args, "-merge="))
			return TRUE;
	}
	return FALSE;
}

static GPtrArray *command(const struct engine *engine)
{
	const struct session_options *want = engine->machine->session->want;
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *bin = host_executable_dir();

	host_args_add(args, "%s/rmaptorture-libfuzzer", bin);
	host_args_add(args, "-artifact_prefix=%s/artifacts/", want->out);
	host_args_add(args, "-max_len=%d", PROG_TEXT_MAX);
	host_args_add(args, "-len_control=0");
	host_args_add(args, "-reload=1");
	/* or an entry is removed before the one that replaces it is written */
	host_args_add(args, "-reduce_inputs=0");
	host_args_add(args, "-rss_limit_mb=%d", RSS_LIMIT_MIB);
	host_args_add(args, "-timeout=%d", UNIT_TIMEOUT_S);
	host_args_add(args, "-print_final_stats=1");
	host_args_add(args, "-seed=%u", engine_seed(engine));
	host_args_add(args, "-max_total_time=%" G_GINT64_FORMAT,
		engine_seconds_left(engine));
	engine_add_own_args(engine, args);
	if (!has_own_inputs(want->engine_args)) {
		host_args_add(args, "%s/corpus", want->out);
		if (want->corpus)
			host_args_add(args, "%s", want->corpus);
	}
	host_args_add(args, "-ignore_remaining_args=1");
	engine_add_lane_args(engine, args);
	return args;
}

const struct engine_kind engine_libfuzzer = {
	.name = "libfuzzer",
	.command = command,
};
