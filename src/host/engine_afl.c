/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * afl-fuzz as an engine: one instance a lane, the first of them the main one,
 * all in OUT/afl, so that afl-whatsup, afl-plot and afl-cmin find what they
 * know. Its options: docs/env_variables.md of AFL++ 4.04c.
 */
#include "host/session.h"

#include "fuzz/fuzz.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define KILL_MARGIN_MS                                                         \
	5000 /* afl-fuzz kills after the host has declared the VM              \
	      * hung */
#define FIRST_CALLS  6
#define SYNC_MINUTES "1"

static gboolean is_main(const struct engine *engine)
{
	const struct session_options *want = engine->machine->session->want;

	/* The first lane of the first VM that this kind has. */
	return engine->machine->index == 0 &&
	       engine->lane == (want->engines[0] == engine->kind ? 0 : 1);
}

static char *in_dir(const struct session *session)
{
	return g_build_filename(session->want->out, "afl-in", NULL);
}

static char *queue_dir(const struct engine *engine)
{
	g_autofree char *name = g_strdup_printf(
		"lane%u-%u", engine->machine->index, engine->lane);

	return g_build_filename(engine->machine->session->want->out, "afl",
		name, "queue", NULL);
}

/* afl-fuzz wants a program to begin with: one that is made from the seed. */
static gboolean prepare(const struct session *session, GError **error)
{
	g_autofree char *dir = in_dir(session);
	g_autofree char *path = g_build_filename(dir, "first", NULL);
	g_autofree char *afl = g_find_program_in_path("afl-fuzz");
	char buf[PROG_TEXT_MAX];
	struct text text;
	struct prog prog;
	struct rng rng;

	if (!afl) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"no afl-fuzz in PATH: apt-get install afl++");
		return FALSE;
	}
	rng_seed(&rng, session->options->seed);
	prog_generate(&prog, FIRST_CALLS, session->target->caps, &rng);
	text_init(&text, buf, sizeof(buf));
	prog_print(&prog, &text);
	g_mkdir_with_parents(dir, 0755);
	return g_file_set_contents(path, buf, (gssize)text.len, error);
}

static GPtrArray *command(const struct engine *engine)
{
	const struct session *session = engine->machine->session;
	const struct session_options *want = session->want;
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *bin = host_executable_dir();
	g_autofree char *in = in_dir(session);

	host_args_add(args, "afl-fuzz");
	host_args_add(args, "-i");
	host_args_add(args, "%s", in);
	host_args_add(args, "-o");
	host_args_add(args, "%s/afl", want->out);
	host_args_add(args, is_main(engine) ? "-M" : "-S");
	host_args_add(args, "lane%u-%u", engine->machine->index, engine->lane);
	if (is_main(engine)) {
		host_args_add(args, "-F");
		host_args_add(args, "%s/corpus", want->out);
		if (want->corpus) {
			host_args_add(args, "-F");
			host_args_add(args, "%s", want->corpus);
		}
	}
	host_args_add(args, "-t");
	host_args_add(args, "%u", session->target->lost_ms + KILL_MARGIN_MS);
	host_args_add(args, "-m");
	host_args_add(args, "none");
	host_args_add(args, "-s");
	host_args_add(args, "%u", engine_seed(engine));
	host_args_add(args, "-V");
	host_args_add(args, "%" G_GINT64_FORMAT, engine_seconds_left(engine));
	engine_add_own_args(engine, args);
	host_args_add(args, "--");
	host_args_add(args, "%s/rmaptorture-afl", bin);
	engine_add_lane_args(engine, args);
	return args;
}

static void set_environ(
	const struct engine *engine, GSubprocessLauncher *launcher)
{
	/* The target is a VM: its speed, core and binary say nothing here, and
	 * coverage of a kernel is never the same twice, so that neither long
	 * calibration nor trimming has anything to go by. */
	static const char *const on[] = {
		"AFL_AUTORESUME",
		"AFL_CUSTOM_MUTATOR_ONLY",
		"AFL_DISABLE_TRIM",
		"AFL_FAST_CAL",
		"AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES",
		"AFL_IMPORT_FIRST",
		"AFL_NO_AFFINITY",
		"AFL_NO_UI",
		"AFL_SKIP_BIN_CHECK",
		"AFL_SKIP_CPUFREQ",
		"AFL_SKIP_CRASHES",
	};
	/* more than its default of 64 KiB, or it refuses the target */
	g_autofree char *map_size = g_strdup_printf("%u", LANE_MAP_BYTES);
	g_autofree char *bin = host_executable_dir();
	g_autofree char *mutator =
		g_build_filename(bin, "rmaptorture-afl-mutator.so", NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(on); i++)
		g_subprocess_launcher_setenv(launcher, on[i], "1", FALSE);
	g_subprocess_launcher_setenv(
		launcher, "AFL_SYNC_TIME", SYNC_MINUTES, FALSE);
	g_subprocess_launcher_setenv(launcher, "AFL_MAP_SIZE", map_size, TRUE);
	g_subprocess_launcher_setenv(
		launcher, "AFL_CUSTOM_MUTATOR_LIBRARY", mutator, TRUE);
	g_subprocess_launcher_setenv(launcher, "RMAPTORTURE_CONTROL",
		engine->machine->control_path, TRUE);
}

/* One entry, under the name that libFuzzer gives it: the SHA-1 of its text. */
static void take_entry(const struct session *session, const char *path)
{
	g_autofree char *text = NULL, *sum = NULL, *to = NULL;
	gsize len;

	if (!g_file_get_contents(path, &text, &len, NULL) || !len)
		return;
	sum = g_compute_checksum_for_data(
		G_CHECKSUM_SHA1, (const guchar *)text, len);
	to = g_build_filename(session->want->out, "corpus", sum, NULL);
	if (!g_file_test(to, G_FILE_TEST_EXISTS))
		(void)g_file_set_contents(to, text, (gssize)len, NULL);
}

/* Entries are id:000000,... in the order in which they came. The newest is left
 * for the next time: it may be half written. */
static void exchange(struct engine *engine)
{
	g_autofree char *path = queue_dir(engine);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	guint first = engine->taken, next = first;
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *entry = g_build_filename(path, name, NULL);
		guint64 id;

		if (!g_str_has_prefix(name, "id:"))
			continue;
		id = g_ascii_strtoull(name + strlen("id:"), NULL, 10);
		if (id < first)
			continue;
		take_entry(engine->machine->session, entry);
		next = MAX(next, (guint)id);
	}
	engine->taken = next;
}

const struct engine_kind engine_afl = {
	.name = "afl",
	.prepare = prepare,
	.command = command,
	.environ = set_environ,
	.exchange = exchange,
	.stop_signal = SIGINT,
};
