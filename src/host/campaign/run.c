/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/campaign/run.h"

#include "host/known.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>

#define ROUND_MIN_S  5 /* a rest of the time that is no round */
#define FAILURES_MAX 3 /* rounds in a row that could not be */

char *campaign_folder(
	const struct campaign *c, const struct campaign_entry *entry)
{
	return g_build_filename(c->conf->out, entry->folder, NULL);
}

/* ---- opening ---- */

static gboolean take_lock(struct campaign *c, GError **error)
{
	g_autofree char *path = g_build_filename(c->conf->out, "lock", NULL);

	if (g_mkdir_with_parents(c->conf->out, 0755)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot make '%s': %s", c->conf->out,
			g_strerror(errno));
		return FALSE;
	}
	c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (c->lock >= 0 && !flock(c->lock, LOCK_EX | LOCK_NB))
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"'%s': %s; is a campaign running there?", path,
		g_strerror(errno));
	return FALSE;
}

static gboolean known_start(struct campaign *c, GError **error)
{
	if (!c->conf->known)
		return TRUE;
	c->known = known_load(c->conf->known, error);
	return c->known != NULL;
}

static gboolean open_out(struct campaign *c, GError **error)
{
	g_autofree char *log =
		g_build_filename(c->conf->out, "campaign.log", NULL);

	c->log = c->lock = -1;
	c->began = g_get_monotonic_time();
	c->path = g_build_filename(c->conf->out, "state", NULL);
	c->start = g_build_filename(c->conf->out, "start", NULL);
	if (!take_lock(c, error))
		return FALSE;
	c->log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	c->state = campaign_state_load(c->path, error);
	if (!c->state || !known_start(c, error) || !corpus_start(c, error))
		return FALSE;
	c->before_seconds = c->state->seconds;
	c->state->starts++;
	campaign_say(c,
		"%s '%s': start %u, %.0f s of %" G_GINT64_FORMAT
		" s are used, %u findings, seed %" G_GUINT64_FORMAT,
		c->state->starts > 1 ? "going on in" : "begins in",
		c->conf->out, c->state->starts, c->state->seconds,
		c->conf->seconds, campaign_findings(c), c->options->seed);
	campaign_save(c);
	return TRUE;
}

/* ---- rounds ---- */

static gint64 seconds_left(const struct campaign *c)
{
	return c->conf->seconds - (gint64)c->before_seconds -
	       (g_get_monotonic_time() - c->began) / G_USEC_PER_SEC;
}

/* A full disk: minimizing has been tried; is there room again? */
static void leave_or_go_on(struct campaign *c)
{
	if (disk_has_room(c)) {
		c->full = FALSE;
		campaign_say(c, "there is room again: going on");
		return;
	}
	c->end = g_strdup_printf(
		"the disk of '%s' is full, or its limit (disk=%u MiB) is "
		"reached: nothing is added, what is there stays; make room "
		"and start it again",
		c->conf->out, c->conf->disk_mib);
	c->stop = TRUE;
}

static gboolean run_rounds(struct campaign *c, GError **error)
{
	guint failures = 0;

	while (!c->stop && seconds_left(c) >= ROUND_MIN_S) {
		g_autoptr(GError) why = NULL;
		double had;

		c->entry = campaign_next(c->conf, c->state);
		c->used = campaign_used(c->state, c->entry->name);
		had = c->used->seconds;
		if (campaign_round(
			    c, MIN(c->conf->round, seconds_left(c)), &why)) {
			failures = 0;
		} else {
			campaign_say(c, "BROKEN: %s: %s", c->entry->name,
				why ? why->message : "?");
			c->used->broken++;
			/* its turn is over all the same */
			c->used->seconds = had + (double)c->conf->round;
			if (++failures >= FAILURES_MAX) {
				g_propagate_error(error, g_steal_pointer(&why));
				return FALSE;
			}
		}
		if (c->full)
			leave_or_go_on(c);
		campaign_save(c);
	}
	return TRUE;
}

gboolean campaign_run(struct campaign *c, GError **error)
{
	gboolean ok;

	host_stop_begin(&c->stop);
	ok = open_out(c, error) && run_rounds(c, error);
	host_stop_end();
	if (!c->end)
		c->end = g_strdup(!ok	    ? "it cannot go on"
				  : c->stop ? "it was interrupted; start it "
					      "again and it goes on"
					    : "the time is over");
	if (c->state)
		campaign_say(c, "ends: %s", c->end);
	return ok;
}

void campaign_clear(struct campaign *c)
{
	if (c->log >= 0)
		close(c->log);
	if (c->lock >= 0)
		close(c->lock);
	campaign_state_free(c->state);
	g_free(c->path);
	g_free(c->start);
	known_free(c->known);
	g_free(c->end);
}
