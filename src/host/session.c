/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/session.h"
#include "host/counters.h"
#include "host/known.h"
#include "host/windows.h"

#include "cover/cover.h"

#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>

#define TICK_MS	       500
#define STATUS_TICKS   4 /* between two status lines */
#define EXCHANGE_TICKS 2

static double since(gint64 start)
{
	return (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
}

void session_stop(struct session *session)
{
	session->stopping = TRUE;
	for (guint i = 0; i < session->machines->len; i++) {
		struct machine *machine = session->machines->pdata[i];

		__atomic_store_n(&machine->control->stop, 1, __ATOMIC_RELEASE);
	}
	g_main_loop_quit(session->loop);
}

void session_fail(struct session *session, const char *why)
{
	if (!session->fatal)
		session->fatal = g_strdup(why);
	session_stop(session);
}

static void note_title(struct session *session, const char *title)
{
	double *seconds;

	if (g_hash_table_contains(session->titles, title))
		return;
	seconds = g_new(double, 1);
	*seconds = since(session->start);
	g_hash_table_insert(session->titles, g_strdup(title), seconds);
	host_progress(session->options, FALSE, "found after %.1f s: %s",
		*seconds, title);
	if (session->want->stop_after &&
		g_hash_table_size(session->titles) >= session->want->stop_after)
		session_stop(session);
}

void session_note(struct session *session, const struct finding_input *input)
{
	g_autoptr(GError) error = NULL;

	if (known_take(session->want->known, input->title))
		return;
	note_title(session, input->title);
	if (store_add(session->store, input, NULL, NULL, &error) ||
		session->full)
		return;
	session->full = TRUE;
	host_progress(session->options, FALSE,
		"%s; nothing is added from here on, what is stored stays",
		error->message);
}

/* What the engines judged: one file each in the spool. */
static void collect_spool(struct session *session)
{
	struct store_log *log;
	char *path;

	while ((log = store_spool_take(session->store, &path))) {
		struct finding_input input = {
			.title = log->title,
			.detail = log->detail,
			.flight = log->flight,
			.nr_lanes = log->nr_lanes,
			.tag = session->target->build_id,
			.machine = session->machine,
			.config = session->config,
		};

		session_note(session, &input);
		if (!session->full)
			store_spool_done(session->store, path);
		g_free(path);
		g_free(log);
		if (session->full)
			return;
	}
}

void session_figures(const struct session *session, struct session_figures *ret)
{
	static guint8 seen[SLOT_MAP_BYTES];
	g_autofree char *corpus =
		g_build_filename(session->want->out, "corpus", NULL);

	*ret = (struct session_figures){0};
	memset(seen, 0, sizeof(seen));
	for (guint i = 0; i < session->machines->len; i++) {
		struct machine *machine = session->machines->pdata[i];

		for (guint lane = 0; lane < session->target->nr_lanes; lane++) {
			struct engine *engine = &machine->engine[lane];

			if (!engine->stats)
				continue;
			ret->programs += engine_programs(engine);
			ret->retried += engine->stats->retried;
			ret->lost += engine->stats->lost;
			ret->restarts += engine->restarts;
			for (guint b = 0; b < sizeof(seen); b++)
				seen[b] |= engine->stats->seen[b];
		}
	}
	ret->edges = cover_edges(seen, sizeof(seen));
	ret->corpus = host_count_files(corpus);
	ret->seconds = since(session->start);
}

static void print_status(struct session *session)
{
	struct session_figures now;
	guint s;
	double rate;

	session_figures(session, &now);
	s = (guint)now.seconds;
	rate = (double)(now.programs - session->before_programs) /
	       MAX(since(session->before_time), 0.001);
	session->before_programs = now.programs;
	session->before_time = g_get_monotonic_time();
	host_progress(session->options, TRUE,
		"%02u:%02u:%02u  programs %" G_GUINT64_FORMAT
		" (%.0f/s)  edges %" G_GUINT64_FORMAT
		"  corpus %" G_GUINT64_FORMAT
		"  findings %u  crashes %" G_GUINT64_FORMAT
		"  broken %" G_GUINT64_FORMAT,
		s / 3600, s / 60 % 60, s % 60, now.programs, rate, now.edges,
		now.corpus, g_hash_table_size(session->titles), session->deaths,
		session->broken);
}

/* What one engine found interesting is given to the others. */
static void exchange(struct session *session)
{
	for (guint i = 0; i < session->machines->len; i++) {
		struct machine *machine = session->machines->pdata[i];

		for (guint lane = 0; lane < session->target->nr_lanes; lane++) {
			struct engine *engine = &machine->engine[lane];

			if (engine->kind->exchange)
				engine->kind->exchange(engine);
		}
	}
}

static gboolean tick(gpointer user)
{
	static guint ticks;
	struct session *session = user;

	for (guint i = 0; i < session->machines->len; i++)
		machine_watch(session->machines->pdata[i]);
	collect_spool(session);
	if (++ticks % EXCHANGE_TICKS == 0)
		exchange(session);
	if (session->want->look) {
		if (!session->want->look(session, session->want->user))
			session_stop(session);
	} else if (ticks % STATUS_TICKS == 0) {
		print_status(session);
	}
	if (g_get_monotonic_time() >= session->end)
		session_stop(session);
	return G_SOURCE_CONTINUE;
}

static gboolean interrupted(gpointer user)
{
	struct session *session = user;

	session->interrupted = TRUE;
	session_stop(session);
	return G_SOURCE_CONTINUE;
}

static const struct engine_kind *kind_of_lane(
	const struct session *session, guint lane)
{
	const struct engine_kind *const *kinds = session->want->engines;

	return kinds[lane % (kinds[1] ? 2 : 1)];
}

static gboolean prepare_engines(struct session *session, GError **error)
{
	const struct engine_kind *const *kinds = session->want->engines;

	for (guint i = 0; i < G_N_ELEMENTS(session->want->engines); i++) {
		if (kinds[i] && kinds[i]->prepare &&
			!kinds[i]->prepare(session, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean start_machines(struct session *session, GError **error)
{
	guint engines = session->want->nr_engines ? session->want->nr_engines
						  : session->target->nr_lanes;

	for (guint i = 0; i < session->want->nr_vms; i++) {
		struct machine *machine = machine_new(session, i, error);

		if (!machine)
			return FALSE;
		g_ptr_array_add(session->machines, machine);
		for (guint lane = 0; lane < session->target->nr_lanes; lane++) {
			machine->engine[lane].kind =
				kind_of_lane(session, lane);
			if (lane >= engines)
				continue;
			if (!engine_start(&machine->engine[lane], error))
				return FALSE;
		}
	}
	return TRUE;
}

static void run_loop(struct session *session)
{
	guint ids[] = {
		g_timeout_add(TICK_MS, tick, session),
		g_unix_signal_add(SIGINT, interrupted, session),
		g_unix_signal_add(SIGTERM, interrupted, session),
	};

	if (!session->stopping)
		g_main_loop_run(session->loop);
	for (guint i = 0; i < session->machines->len; i++) {
		struct machine *machine = session->machines->pdata[i];

		for (guint lane = 0; lane < session->target->nr_lanes; lane++)
			engine_stop(&machine->engine[lane]);
	}
	for (guint i = 0; i < session->machines->len; i++)
		machine_count(session->machines->pdata[i]);
	collect_spool(session);
	for (guint i = 0; i < G_N_ELEMENTS(ids); i++)
		g_source_remove(ids[i]);
}

static gboolean open_store(struct session *session, GError **error)
{
	session->store = store_open(session->want->out, error);
	if (!session->store)
		return FALSE;
	session->machine = target_describe(session->target);
	return g_file_get_contents(
		session->target->config, &session->config, NULL, error);
}

/* For want of room only the table is lost. */
static gboolean write_windows(struct session *session, GError **error)
{
	g_autoptr(GError) why = NULL;

	if (windows_write(session->target, session->scratch, session->want->out,
		    &why))
		return TRUE;
	if (g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOSPC)) {
		session->full = TRUE;
		return TRUE;
	}
	g_propagate_error(error, g_steal_pointer(&why));
	return FALSE;
}

gboolean session_run(struct session *session, GError **error)
{
	g_autofree char *artifacts =
		g_build_filename(session->want->out, "artifacts", NULL);
	g_autofree char *vms = NULL;

	if (!open_store(session, error))
		return FALSE;
	session->machines = g_ptr_array_new();
	session->titles =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	session->counters = counters_new();
	session->loop = g_main_loop_new(NULL, FALSE);
	session->scratch = host_scratch(error);
	if (!session->scratch)
		return FALSE;
	if (!session->want->no_stalls &&
		!windows_begin(session->target, session->scratch, error))
		return FALSE;
	g_mkdir_with_parents(artifacts, 0755);
	vms = g_build_filename(session->scratch, "vm", NULL);
	session->pool = vm_pool_new(session->target->template, vms, 1, error);
	if (!session->pool)
		return FALSE;
	session->start = session->before_time = g_get_monotonic_time();
	session->end = session->start + session->want->seconds * G_USEC_PER_SEC;
	if (!prepare_engines(session, error) || !start_machines(session, error))
		return FALSE;
	run_loop(session);
	if (!write_windows(session, error))
		return FALSE;
	if (session->fatal)
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN, "%s",
			session->fatal);
	return !session->fatal;
}

void session_clear(struct session *session)
{
	session->stopping = TRUE;
	for (guint i = 0; session->machines && i < session->machines->len; i++)
		machine_free(session->machines->pdata[i]);
	g_clear_pointer(&session->machines, g_ptr_array_unref);
	g_clear_pointer(&session->pool, vm_pool_free);
	g_clear_pointer(&session->store, store_close);
	g_clear_pointer(&session->titles, g_hash_table_unref);
	g_clear_pointer(&session->counters, g_hash_table_unref);
	g_clear_pointer(&session->loop, g_main_loop_unref);
	g_clear_pointer(&session->scratch, host_scratch_free);
	g_clear_pointer(&session->machine, g_free);
	g_clear_pointer(&session->config, g_free);
	g_clear_pointer(&session->fatal, g_free);
}
