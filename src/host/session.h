/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fuzzing session: machines (one VM each, replaced when it dies), engines
 * (one process a lane), and what they find. Runs in the main loop; nothing in
 * here blocks for longer than a store or a clone takes.
 */
#ifndef RMAPTORTURE_SESSION_H
#define RMAPTORTURE_SESSION_H

#include "fuzz/fuzz.h"
#include "host/host.h"

#include <gio/gio.h>

struct session;
struct machine;
struct engine;

/**
 * struct engine_kind - what differs between the engines
 * @name:     as in --engine
 * @prepare:  called before the first start of the session; may be NULL
 * @command:  the command line; the caller frees. Ends with a NULL.
 * @environ:  what the process needs in its environment; may be NULL
 * @exchange: called every second: new entries of its own queue are to be in
 *	      OUT/corpus, which all engines read; may be NULL
 * @stop_signal: sent to end it in an orderly way; 0: the control block does
 */
struct engine_kind {
	const char *name;
	gboolean (*prepare)(const struct session *session, GError **error);
	GPtrArray *(*command)(const struct engine *engine);
	void (*environ)(
		const struct engine *engine, GSubprocessLauncher *launcher);
	void (*exchange)(struct engine *engine);
	int stop_signal;
};

extern const struct engine_kind engine_libfuzzer, engine_afl;

/** struct engine - a process that feeds one lane; restarted when it dies */
struct engine {
	const struct engine_kind *kind;
	struct machine *machine;
	guint lane;
	GSubprocess *process;
	char *stats_path;
	struct engine_stats *stats;
	guint64 programs_before; /* of earlier processes */
	guint restarts;
	guint taken; /* entries of its queue that are in OUT/corpus */
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
	guint silent;	      /* lane without a reply; SLOT_LANES: none */
};

struct session_options {
	const char *out;
	const char *corpus; /* extra folder to read, or NULL */
	const struct engine_kind *engines[2]; /* lanes take them in turn; the
					       * second may be NULL */
	char **engine_args; /* for the first one, after "--", or NULL */
	guint nr_vms;
	guint nr_engines; /* lanes of a VM that have one; 0: all */
	gint64 seconds;
	gint64 vm_age;	  /* seconds after which a VM is replaced; 0: never */
	guint stop_after; /* titles; 0: run to the end */
	struct known *known; /* of known.h, or NULL */
	/* twice a second, and then there is no status line; FALSE: stop. May
	 * be NULL */
	gboolean (*look)(struct session *session, void *user);
	void *user;	    /* of @look */
	gboolean no_stalls; /* of calls inside the kernel */
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
	guint64 deaths, hung, broken, renewed;
	guint64 before_programs; /* of the last status line */
	gint64 before_time;
	GHashTable *titles;   /* title -> seconds to its first, as gdouble* */
	GHashTable *counters; /* of VMs that are gone, see counters.h */
	gboolean full;	      /* the store cannot take more */
	gboolean stopping, interrupted;
	gboolean finished; /* an engine came to its end by itself, in time */
	char *fatal;	   /* why the session cannot go on */
};

/** engines_choose() - "libfuzzer", "afl", or both with a comma between; NULL is
 *  the first. FALSE: there is no such engine */
gboolean engines_choose(const char *names, const struct engine_kind *ret[2]);
/** engine_start() - spawn (or spawn again) the process of a lane */
gboolean engine_start(struct engine *engine, GError **error);
/** engine_stop() - it was told to stop; wait a little, then kill */
void engine_stop(struct engine *engine);
void engine_clear(struct engine *engine);
/** engine_seed() - for the engine's own random numbers: never 0, another one
 *  for each lane and each start */
guint32 engine_seed(const struct engine *engine);
/** engine_seconds_left() - of the session, at least 1 */
gint64 engine_seconds_left(const struct engine *engine);
/** engine_add_own_args() - those after "--", where they are for this kind */
void engine_add_own_args(const struct engine *engine, GPtrArray *args);
/** engine_add_lane_args() - the arguments of every engine, see fuzz/fuzz.h */
void engine_add_lane_args(const struct engine *engine, GPtrArray *args);
/** engine_programs() - answered so far, earlier processes included */
guint64 engine_programs(const struct engine *engine);

/** machine_new() - a machine with a running VM; engines are not started */
struct machine *machine_new(
	struct session *session, guint index, GError **error);
void machine_free(struct machine *machine);
/** machine_watch() - declare the VM hung when a lane is silent too long;
 * replace one whose kernel reported something that did not stop it (Bad
 * rss-counter), and one that is too old: what earlier programs left in a
 * kernel slows it and blurs what is found */
void machine_watch(struct machine *machine);
/** machine_count() - add what the kernel of its VM counted to the session's
 *  counters; once, when it will run nothing any more */
void machine_count(const struct machine *machine);

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
