/* SPDX-License-Identifier: GPL-2.0-only */
/* The text of flight recorders: what a log and a spool file hold. */
#include "internal.h"

#include <string.h>

static gboolean is_begun(const struct prog *prog, const guint8 *progress)
{
	for (guint32 i = 0; i < prog->nr_calls; i++) {
		if (progress[i] != CALL_NOT_RUN)
			return TRUE;
	}
	return FALSE;
}

/* How far it came is told of those that came anywhere. */
static void print_record(
	GString *out, const struct prog *prog, const guint8 *progress)
{
	gboolean begun = is_begun(prog, progress);
	char line[512];

	for (guint32 i = 0; i < prog->nr_calls; i++) {
		struct text text;

		text_init(&text, line, sizeof(line));
		call_print(prog, i, &text);
		g_string_append_printf(out, "%s%s%s\n", line,
			begun ? "  # " : "",
			begun ? call_state_name(progress[i]) : "");
	}
}

static void print_note(GString *out, const char *name, const char *note)
{
	g_autofree char *line = g_strdup(note ? note : "");

	g_strdelimit(line, "\r\n", ' ');
	if (*line)
		g_string_append_printf(out, "# %s: %s\n", name, line);
}

char *store_log_print(const char *title, const char *detail,
	const struct slot_flight *flight, guint nr_lanes)
{
	GString *out = g_string_new(NULL);

	print_note(out, "title", title);
	print_note(out, "detail", detail);
	for (guint lane = 0; lane < nr_lanes; lane++) {
		const struct slot_flight *f = &flight[lane];

		if (f->bad)
			g_string_append_printf(out,
				"# lane %u: %u records were no programs\n",
				lane, f->bad);
		for (guint32 i = 0; i < f->nr; i++) {
			g_string_append_printf(out,
				"# lane %u program %" G_GUINT64_FORMAT "\n",
				lane, f->entry[i].number);
			print_record(
				out, &f->entry[i].prog, f->entry[i].progress);
		}
	}
	return g_string_free(out, FALSE);
}

/** struct reader - a log while it is parsed; the open record is the lines from
 *  @record up to where the reader is */
struct reader {
	struct store_log *log;
	const char *record;
	guint lane;
	guint64 number;
	gboolean known; /* the "# lane" line of the record was good */
};

static guint8 state_of(const char *line, gsize len)
{
	const char *note = memchr(line, '#', len);

	for (guint8 i = 0; note && i < CALL_STATES; i++) {
		const char *name = call_state_name(i);
		gsize n = strlen(name);

		if ((gsize)(line + len - note) >= n + 2 &&
			!memcmp(note + 2, name, n))
			return i;
	}
	return CALL_NOT_RUN;
}

static gboolean line_has_call(const char *line, gsize len)
{
	gsize n = 0;

	while (n < len && g_ascii_isspace(line[n]))
		n++;
	return n < len && line[n] != '#';
}

static void read_progress(const char *text, const char *end, guint8 *ret)
{
	guint nr = 0;

	while (text < end && nr < PROG_CALLS_MAX) {
		const char *stop = memchr(text, '\n', (gsize)(end - text));

		stop = stop ? stop : end;
		if (line_has_call(text, (gsize)(stop - text)))
			ret[nr++] = state_of(text, (gsize)(stop - text));
		text = stop + 1;
	}
}

static void record_end(struct reader *reader, const char *end)
{
	struct slot_flight *flight = &reader->log->flight[reader->lane];
	struct prog prog;

	if (prog_parse(reader->record, (gsize)(end - reader->record), &prog,
		    NULL) ||
		!reader->known || flight->nr >= SLOT_RECORDS) {
		flight->bad++;
		return;
	}
	if (!prog.nr_calls)
		return;
	flight->entry[flight->nr].number = reader->number;
	flight->entry[flight->nr].prog = prog;
	read_progress(reader->record, end, flight->entry[flight->nr].progress);
	flight->nr++;
	reader->log->nr_lanes = MAX(reader->log->nr_lanes, reader->lane + 1);
}

/* "# lane 1 program 977" */
static void record_begin(
	struct reader *reader, const char *line, const char *next)
{
	char *rest;
	guint64 lane = g_ascii_strtoull(line + strlen("# lane "), &rest, 10);

	reader->known = lane < SLOT_LANES;
	reader->lane = reader->known ? (guint)lane : 0;
	reader->number = g_ascii_strtoull(rest + strlen(" program "), NULL, 10);
	reader->record = next;
}

static void read_note(const char *line, const char *name, char *ret, gsize cap)
{
	if (!*ret && g_str_has_prefix(line, name))
		g_strlcpy(ret, line + strlen(name), cap);
}

static void read_line(struct reader *reader, const char *at, const char *next)
{
	g_autofree char *line = g_strndup(at, MIN((gsize)(next - at), 1024));

	if (line[0] != '#')
		return;
	g_strchomp(line);
	read_note(line, "# title: ", reader->log->title, TITLE_MAX);
	read_note(line, "# detail: ", reader->log->detail,
		sizeof(reader->log->detail));
	if (g_str_has_prefix(line, "# lane ") && strstr(line, " program ")) {
		record_end(reader, at);
		record_begin(reader, line, next);
	}
}

struct store_log *store_log_parse(const char *text, gsize len, GError **error)
{
	g_autofree struct store_log *log = g_new0(struct store_log, 1);
	struct reader reader = {.log = log, .record = text, .known = TRUE};
	const char *at, *end;

	if (!len)
		reader.record = text = "";
	for (at = text, end = text + len; at < end;) {
		const char *stop = memchr(at, '\n', (gsize)(end - at));
		const char *next = stop ? stop + 1 : end;

		read_line(&reader, at, next);
		at = next;
	}
	record_end(&reader, end);
	if (log->nr_lanes)
		return g_steal_pointer(&log);
	g_set_error(error, STORE_ERROR, STORE_ERROR_FORMAT, "no program in it");
	return NULL;
}
