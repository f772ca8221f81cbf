/* SPDX-License-Identifier: GPL-2.0-only */
#include "child.h"
#include "session.h"

#include <glib/gstdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define RESTARTS_MAX   100
#define STOP_WAIT_MS   3000
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

static GPtrArray *engine_command(const struct engine *engine)
{
	const struct session *session = engine->machine->session;
	const struct session_options *want = session->want;
	guint number = engine->machine->index * SLOT_LANES + engine->lane;
	gint64 left = (session->end - g_get_monotonic_time()) / G_USEC_PER_SEC;
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
	guint32 seed = (guint32)(session->options->seed * 1000003 +
				 number * 8191 + engine->restarts + 1);

	host_args_add(args, "%s", want->engine_path);
	host_args_add(args, "-artifact_prefix=%s/artifacts/", want->out);
	host_args_add(args, "-max_len=%d", PROG_TEXT_MAX);
	host_args_add(args, "-len_control=0");
	host_args_add(args, "-reload=1");
	/* or an entry is removed before the one that replaces it is written */
	host_args_add(args, "-reduce_inputs=0");
	host_args_add(args, "-rss_limit_mb=%d", RSS_LIMIT_MIB);
	host_args_add(args, "-timeout=%d", UNIT_TIMEOUT_S);
	host_args_add(args, "-print_final_stats=1");
	host_args_add(args, "-seed=%u", seed ? seed : 1);
	host_args_add(args, "-max_total_time=%" G_GINT64_FORMAT, MAX(left, 1));
	for (char **own = want->engine_args; own && *own; own++)
		host_args_add(args, "%s", *own);
	if (!has_own_inputs(want->engine_args)) {
		host_args_add(args, "%s/corpus", want->out);
		if (want->corpus)
			host_args_add(args, "%s", want->corpus);
	}
	host_args_add(args, "-ignore_remaining_args=1");
	host_args_add(args, "--control=%s", engine->machine->control_path);
	host_args_add(args, "--stats=%s", engine->stats_path);
	host_args_add(args, "--spool=%s/spool", want->out);
	host_args_add(args, "--lane=%u", engine->lane);
	g_ptr_array_add(args, NULL);
	return args;
}

static void engine_ended(GObject *object, GAsyncResult *done, gpointer user)
{
	GSubprocess *process = G_SUBPROCESS(object);
	struct engine *engine = user;
	struct session *session;
	g_autoptr(GError) error = NULL;

	g_subprocess_wait_finish(process, done, NULL);
	if (engine->process != process)
		return; /* engine_clear() was faster */
	session = engine->machine->session;
	if (g_subprocess_get_successful(process) && !session->stopping)
		session_stop(session); /* a mode that ends: -runs, -merge */
	if (session->stopping)
		return;
	engine->programs_before += engine->stats->programs;
	if (++engine->restarts > RESTARTS_MAX ||
		!engine_start(engine, &error)) {
		g_autofree char *why = g_strdup_printf(
			"engine of lane %u died %u times: %s/engine-%u-%u.log",
			engine->lane, engine->restarts, session->want->out,
			engine->machine->index, engine->lane);

		session_fail(session, error ? error->message : why);
	}
}

gboolean engine_start(struct engine *engine, GError **error)
{
	struct session *session = engine->machine->session;
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDERR_MERGE);
	g_autoptr(GPtrArray) args = NULL;
	g_autofree char *log = g_strdup_printf("%s/engine-%u-%u.log",
		session->want->out, engine->machine->index, engine->lane);

	g_unlink(engine->stats_path);
	if (engine->stats)
		munmap(engine->stats, sizeof(*engine->stats));
	engine->stats = host_map_file(
		engine->stats_path, sizeof(*engine->stats), PROT_READ, error);
	if (!engine->stats)
		return FALSE;
	args = engine_command(engine);
	g_subprocess_launcher_set_stdout_file_path(launcher, log);
	g_subprocess_launcher_set_child_setup(
		launcher, child_dies_with_us, GINT_TO_POINTER(getpid()), NULL);
	g_clear_object(&engine->process);
	engine->process = g_subprocess_launcher_spawnv(
		launcher, (const char *const *)args->pdata, error);
	if (!engine->process)
		return FALSE;
	g_subprocess_wait_async(engine->process, NULL, engine_ended, engine);
	return TRUE;
}

void engine_stop(struct engine *engine)
{
	for (int ms = 0; engine->process && ms < STOP_WAIT_MS; ms += 10) {
		if (!g_subprocess_get_identifier(engine->process))
			return;
		while (g_main_context_iteration(NULL, FALSE))
			;
		g_usleep(10000);
	}
	if (engine->process)
		g_subprocess_force_exit(engine->process);
}

void engine_clear(struct engine *engine)
{
	GSubprocess *process = g_steal_pointer(&engine->process);

	if (process) {
		g_subprocess_force_exit(process);
		g_subprocess_wait(process, NULL, NULL);
		g_object_unref(process);
	}
	/* let the callback of the wait run while the engine is still here */
	while (g_main_context_iteration(NULL, FALSE))
		;
	if (engine->stats)
		munmap(engine->stats, sizeof(*engine->stats));
	engine->stats = NULL;
	g_clear_pointer(&engine->stats_path, g_free);
}

guint64 engine_programs(const struct engine *engine)
{
	return engine->programs_before +
	       (engine->stats ? engine->stats->programs : 0);
}
