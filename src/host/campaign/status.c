/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/campaign/run.h"

#include <string.h>
#include <unistd.h>

#define STATUS_S 2
#define LOG_S	 60
#define SAVE_S	 15
#define LOG_MAX	 (4 << 20)

static void write_log(struct campaign *c, const char *line)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *time = g_date_time_format(now, "%F %T");
	g_autofree char *text = g_strdup_printf("%s  %s\n", time, line);

	/* bounded: what is old goes first, all at once */
	if (c->log >= 0 && lseek(c->log, 0, SEEK_END) > LOG_MAX &&
		ftruncate(c->log, 0))
		return;
	if (c->log >= 0 && write(c->log, text, strlen(text)) < 0)
		c->full |= errno == ENOSPC || errno == EDQUOT;
}

void campaign_say(struct campaign *c, const char *format, ...)
{
	g_autofree char *line = NULL;
	va_list args;

	va_start(args, format);
	line = g_strdup_vprintf(format, args);
	va_end(args);
	host_progress(c->options, FALSE, "%s", line);
	write_log(c, line);
}

guint campaign_findings(const struct campaign *c)
{
	g_autoptr(GHashTable) titles =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < c->conf->entries->len; i++) {
		const struct campaign_entry *entry = c->conf->entries->pdata[i];
		g_autofree char *path = g_build_filename(
			c->conf->out, entry->folder, "crashes", NULL);
		g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
		const char *name;

		while (dir && (name = g_dir_read_name(dir))) {
			if (*name != '.')
				g_hash_table_add(titles, g_strdup(name));
		}
	}
	return g_hash_table_size(titles);
}

static double run_seconds(const struct campaign *c)
{
	return c->before_seconds +
	       (double)(g_get_monotonic_time() - c->began) / G_USEC_PER_SEC;
}

void campaign_save(struct campaign *c)
{
	g_autoptr(GError) error = NULL;

	c->state->seconds = run_seconds(c);
	if (campaign_state_save(c->state, c->path, &error))
		return;
	if (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC))
		c->full = TRUE;
	else
		campaign_say(c, "the state is not saved: %s", error->message);
}

static void note_now(struct campaign *c, const struct campaign_now *now)
{
	struct campaign_used *used = c->used;

	used->seconds = c->before.seconds + now->seconds;
	used->programs = c->before.programs + now->programs;
	used->deaths = c->before.deaths + now->restarts;
	used->edges = MAX(used->edges, now->edges);
}

static char *status_line(struct campaign *c, const struct campaign_now *now)
{
	gint64 time = g_get_monotonic_time();
	double rate = (double)(now->programs -
			       MIN(c->status_programs, now->programs)) *
		      G_USEC_PER_SEC / (double)MAX(time - c->status_time, 1);
	guint s = (guint)run_seconds(c);
	g_autofree char *cover = NULL;

	c->status_programs = now->programs;
	c->status_time = time;
	if (!c->entry->stressor)
		cover = g_strdup_printf("  edges %" G_GUINT64_FORMAT
					"  windows %" G_GUINT64_FORMAT,
			c->used->edges, now->windows);
	return g_strdup_printf("%02u:%02u:%02u  %s  %s %" G_GUINT64_FORMAT
			       " (%.0f/s)%s  findings %u  restarts "
			       "%" G_GUINT64_FORMAT,
		s / 3600, s / 60 % 60, s % 60, c->entry->name,
		cover ? "programs" : "operations", c->used->programs, rate,
		cover ? cover : "", campaign_findings(c), c->used->deaths);
}

static gboolean is_due(gint64 *next, gint64 seconds)
{
	gint64 now = g_get_monotonic_time();

	if (now < *next)
		return FALSE;
	*next = now + seconds * G_USEC_PER_SEC;
	return TRUE;
}

static void check_limits(struct campaign *c)
{
	if (run_seconds(c) >= (double)c->conf->seconds && !c->end)
		c->end = g_strdup("the time is over");
	if (c->conf->findings && campaign_findings(c) >= c->conf->findings &&
		!c->end)
		c->end = g_strdup("the limit of findings is reached");
	c->stop |= c->end != NULL;
}

/* The line, every few seconds to the terminal, once a minute to the log. */
static void tell_status(struct campaign *c, const struct campaign_now *now)
{
	g_autofree char *line = status_line(c, now);

	host_progress(c->options, TRUE, "%s", line);
	if (!is_due(&c->next_log, LOG_S))
		return;
	write_log(c, line);
	c->full |= !disk_has_room(c);
}

gboolean campaign_look(struct campaign *c, const struct campaign_now *now)
{
	note_now(c, now);
	c->full |= now->full;
	if (is_due(&c->next_status, STATUS_S)) {
		tell_status(c, now);
		check_limits(c);
	}
	if (is_due(&c->next_save, SAVE_S))
		campaign_save(c);
	return !c->stop && !c->full && g_get_monotonic_time() < c->round_end;
}
