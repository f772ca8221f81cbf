/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fuzzing session: machines (one VM each, replaced when it dies), engines
 * (one process a lane), and what they find. Runs in the main loop; nothing in
 * here blocks for longer than a store or a clone takes.
 */
#ifndef RMAPTORTURE_SESSION_H
#define RMAPTORTURE_SESSION_H

#include "fuzz/fuzz.h"
#include "host.h"

#include <gio/gio.h>

struct session;
struct machine;

/** struct engine - a process that feeds one lane; restarted when it dies */
struct engine {
	struct machine *machine;
	guint lane;
	GSubprocess *process;
	char *stats_path;
	struct engine_stats *stats;
	guint64 programs_before; /* of earlier processes */
	guint restarts;
};

/** struct machine - a place for one VM after the other */
struct machine {
	struct session *session;
	guint index;
	struct vm *vm;
	char *control_path;
	struct slot_control *control;
	struct engine engine[SLOT_LANES];
	struct {
		guint32 request, reply;
		gint64 since; /* monotonic us: unchanged since then */
	} watch[SLOT_LANES];
	guint64 stuck_seen;   /* programs whose tasks did not die */
	guint64 console_seen; /* bytes that were searched for a report */
	guint reported;	      /* looks since a report was seen on it */
};

struct session_options {
	const char *out;
	const char *corpus;	 /* extra folder to read, or NULL */
	const char *engine_path; /* the program */
	char **engine_args;	 /* after "--", or NULL */
	guint nr_vms;
	gint64 seconds;
	guint stop_after; /* titles; 0: run to the end */
};

struct session {
	const struct host_options *options;
	const struct session_options *want;
	struct target *target;
	struct store *store;
	struct vm_pool *pool;
	char *machine, *config; /* for findings: see struct finding_input */
	char *scratch;		/* /dev/shm: slots, control blocks, stats */
	GPtrArray *machines;
	GMainLoop *loop;
	gint64 start, end; /* monotonic us */
	guint64 deaths, hung, broken;
	guint64 before_programs; /* of the last status line */
	gint64 before_time;
	GHashTable *titles; /* title -> seconds to its first, as gdouble* */
	gboolean full;	    /* the store cannot take more */
	gboolean stopping, interrupted;
	char *fatal; /* why the session cannot go on */
};

/** engine_start() - spawn (or spawn again) the process of a lane */
gboolean engine_start(struct engine *engine, GError **error);
/** engine_stop() - it was told to stop; wait a little, then kill */
void engine_stop(struct engine *engine);
void engine_clear(struct engine *engine);
/** engine_programs() - answered so far, earlier processes included */
guint64 engine_programs(const struct engine *engine);

/** machine_new() - a machine with a running VM; engines are not started */
struct machine *machine_new(
	struct session *session, guint index, GError **error);
void machine_free(struct machine *machine);
/** machine_watch() - declare the VM hung when a lane is silent too long;
 * replace one whose kernel reported something that did not stop it (Bad
 * rss-counter) */
void machine_watch(struct machine *machine);

/** session_note() - file a finding, count its title, tell the terminal */
void session_note(struct session *session, const struct finding_input *input);
/** session_fail() - end the session: it cannot go on */
void session_fail(struct session *session, const char *why);
/** session_stop() - end the session: it is done */
void session_stop(struct session *session);

struct session_figures {
	guint64 programs, edges, corpus, retried, lost, restarts;
	double seconds;
};
void session_figures(
	const struct session *session, struct session_figures *ret);

/**
 * session_run() - from the first VM to the last
 *
 * The caller sets options, want and target; the rest of @session is zero, and
 * what it was can be read there until session_clear(). FALSE with @error when
 * it could not start or go on. Findings are in the store either way.
 */
gboolean session_run(struct session *session, GError **error);
void session_clear(struct session *session);

#endif
