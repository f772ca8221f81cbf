/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An overnight run: rounds of fuzzing, one kernel after the other by their
 * shares of time. Its out folder:
 *
 *	lock, state, campaign.log
 *	start/		seeds, programs of the corpus that the file names
 *	NAME-PROFILE/	a store for each kernel (store/store.h), with `shelf`,
 *			programs that the engines do not have in this round,
 *			and `seen`, names of those that came from the others
 */
#ifndef RMAPTORTURE_CAMPAIGN_RUN_H
#define RMAPTORTURE_CAMPAIGN_RUN_H

#include "campaign/campaign.h"
#include "host/host.h"

/** struct campaign_now - of the round at work, for status and state. @programs:
 *  of stressors, their operations */
struct campaign_now {
	guint64 programs, edges, windows, restarts;
	double seconds;
	gboolean full;
};

struct campaign {
	const struct host_options *options;
	const struct campaign_conf *conf;
	struct campaign_state *state;
	char *path; /* of the state */
	char *start;
	struct known *known; /* of host/known.h, or NULL */
	int lock, log;
	/* of the round at work */
	const struct campaign_entry *entry;
	struct campaign_used *used, before; /* @before: at its begin */
	gint64 round_end;		    /* monotonic us */
	/* of the clock */
	gint64 began; /* monotonic us */
	double before_seconds;
	gint64 next_status, next_log, next_save;
	guint64 status_programs;
	gint64 status_time;
	gboolean stop, full;
	char *end; /* why it ended */
};

/** campaign_run() - open the out folder, go on where it was, until the limits
 *  say stop. FALSE with @error where it could not begin or go on. */
gboolean campaign_run(struct campaign *c, GError **error);
void campaign_clear(struct campaign *c);

/** campaign_folder() - of an entry; caller frees */
char *campaign_folder(
	const struct campaign *c, const struct campaign_entry *entry);

/* --- campaign/round.c -------------------------------------------------------
 */

/** campaign_round() - fuzz @c->entry for @seconds, then replay what is new and
 *  minimize its corpus where it has grown */
gboolean campaign_round(struct campaign *c, gint64 seconds, GError **error);

/* --- campaign/stress.c ------------------------------------------------------
 */

/** round_stress() - stressors on @c->entry for @seconds, a VM after each
 * finding
 */
gboolean round_stress(struct campaign *c, gint64 seconds, GError **error);

/* --- campaign/corpus.c
 * -------------------------------------------------------- */

/** corpus_take() - what the other entries, and other machines, have and this
 *  one has not seen yet comes to its shelf. Best effort: what fails comes the
 *  next time. */
void corpus_take(struct campaign *c, const struct campaign_entry *entry);
/** corpus_give() - what this entry has found comes to the folder that campaigns
 *  exchange programs by, where there is one. Best effort, as above. */
void corpus_give(const struct campaign *c, const struct campaign_entry *entry);
/** corpus_deal() - the next round begins with @max programs at most, drawn by
 *  @rng from all; the others are on the shelf */
void corpus_deal(struct campaign *c, const struct campaign_entry *entry,
	guint max, struct rng *rng);
/** corpus_count() - programs that the engines of an entry work with */
guint corpus_count(
	const struct campaign *c, const struct campaign_entry *entry);
/** corpus_count_all() - with those on the shelf */
guint corpus_count_all(
	const struct campaign *c, const struct campaign_entry *entry);
/** corpus_keep() - remove from the corpus of @entry what is not in @kept, a
 *  folder that -merge=1 filled. Returns how many went. */
guint corpus_keep(const struct campaign *c, const struct campaign_entry *entry,
	const char *kept);
/** corpus_start() - the folder of programs to begin with, and that of the
 *  exchange */
gboolean corpus_start(struct campaign *c, GError **error);
/** disk_mib() - what the out folder takes */
guint disk_mib(const char *dir);
/** disk_has_room() - can a MiB be written there, within the limit? */
gboolean disk_has_room(const struct campaign *c);

/* --- campaign/status.c
 * -------------------------------------------------------- */

/** campaign_say() - a line to stderr and, with the time, to the log */
void campaign_say(struct campaign *c, const char *format, ...)
	G_GNUC_PRINTF(2, 3);
/** campaign_look() - twice a second: status, log, state, limits. FALSE: the
 *  round is to end. */
gboolean campaign_look(struct campaign *c, const struct campaign_now *now);
/** campaign_save() - the state, with the time of this run in it */
void campaign_save(struct campaign *c);
/** campaign_findings() - titles in all stores */
guint campaign_findings(const struct campaign *c);

/* --- campaign/replay.c
 * -------------------------------------------------------- */

/** campaign_replay() - replay the titles that no entry has replayed yet.
 * @target is NULL for the user tier, @kernel NULL for a VM. */
void campaign_replay(
	struct campaign *c, struct target *target, const struct kernel *kernel);

#endif
