/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/child.h"
#include "host/session.h"

#include <glib/gstdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define RESTARTS_MAX 100
#define FINISH_MIN_S 2 /* later it may be that its time was over */
#define STOP_WAIT_MS 3000

guint32 engine_seed(const struct engine *engine)
{
	const struct host_options *options = engine->machine->session->options;
	guint number = engine->machine->index * SLOT_LANES + engine->lane;
	guint32 seed = (guint32)(options->seed * 1000003 + number * 8191 +
				 engine->restarts + 1);

	return seed ? seed : 1;
}

gint64 engine_seconds_left(const struct engine *engine)
{
	gint64 left = engine->machine->session->end - g_get_monotonic_time();

	return MAX(left / G_USEC_PER_SEC, 1);
}

void engine_add_own_args(const struct engine *engine, GPtrArray *args)
{
	const struct session_options *want = engine->machine->session->want;
	char **own = want->engine_args;

	for (; own && *own && engine->kind == want->engines[0]; own++)
		host_args_add(args, "%s", *own);
}

void engine_add_lane_args(const struct engine *engine, GPtrArray *args)
{
	host_args_add(args, "--control=%s", engine->machine->control_path);
	host_args_add(args, "--stats=%s", engine->stats_path);
	host_args_add(
		args, "--spool=%s/spool", engine->machine->session->want->out);
	host_args_add(args, "--lane=%u", engine->lane);
	g_ptr_array_add(args, NULL);
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
	if (g_subprocess_get_successful(process) && !session->stopping) {
		/* a mode that ends: -runs, -merge */
		session->finished = engine_seconds_left(engine) > FINISH_MIN_S;
		session_stop(session);
	}
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
	args = engine->kind->command(engine);
	g_subprocess_launcher_set_stdout_file_path(launcher, log);
	g_subprocess_launcher_set_child_setup(
		launcher, child_dies_with_us, GINT_TO_POINTER(getpid()), NULL);
	if (engine->kind->environ)
		engine->kind->environ(engine, launcher);
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
	if (engine->process && engine->kind->stop_signal)
		g_subprocess_send_signal(
			engine->process, engine->kind->stop_signal);
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

gboolean engines_choose(const char *names, const struct engine_kind *ret[2])
{
	static const struct engine_kind *const kinds[] = {
		&engine_libfuzzer, &engine_afl};
	g_auto(GStrv) name = g_strsplit(names ? names : "libfuzzer", ",", 0);
	guint nr = 0;

	for (guint i = 0; name[i]; i++) {
		for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++) {
			if (nr < 2 && !strcmp(name[i], kinds[k]->name))
				ret[nr++] = kinds[k];
		}
	}
	return nr && nr == g_strv_length(name);
}
