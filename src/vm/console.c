/* SPDX-License-Identifier: GPL-2.0-only */
#include "console.h"

#include "cleanup.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

struct console {
	GString *text;
	guint64 total, dropped;
	gsize marker_len; /* of the line at CONSOLE_HEAD; 0 before the first */
	int fd;		  /* -1 when there is no file */
};

struct console *console_new(const char *path, GError **error)
{
	struct console *scoped(console_freep) console =
		g_new0(struct console, 1);

	console->fd = -1;
	console->text = g_string_new(NULL);
	if (path) {
		console->fd = open(
			path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (console->fd < 0) {
			fail_errno(error, errno, "cannot write '%s'", path);
			return NULL;
		}
	}
	return g_steal_pointer(&console);
}

void console_free(struct console *console)
{
	if (!console)
		return;
	fd_closep(&console->fd);
	g_string_free(console->text, TRUE);
	g_free(console);
}

static void file_write(struct console *console, const char *bytes, gsize len)
{
	while (console->fd >= 0 && len) {
		ssize_t done = write(console->fd, bytes, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			fd_closep(&console->fd);
			return;
		}
		bytes += done;
		len -= (gsize)done;
	}
}

static void file_rewrite(struct console *console)
{
	if (console->fd < 0)
		return;
	if (ftruncate(console->fd, 0) || lseek(console->fd, 0, SEEK_SET))
		fd_closep(&console->fd);
	file_write(console, console->text->str, console->text->len);
}

/* Drop the middle, so that the next MiB can be added without moving bytes. */
static void drop_middle(struct console *console)
{
	gsize start = CONSOLE_HEAD + console->marker_len;
	gsize drop = console->text->len - start - CONSOLE_TAIL;
	g_autofree char *marker = NULL;

	console->dropped += drop;
	marker = g_strdup_printf("\n[rmaptorture: %" G_GUINT64_FORMAT
				 " bytes of console dropped here]\n",
		console->dropped);
	g_string_erase(console->text, CONSOLE_HEAD,
		(gssize)(console->marker_len + drop));
	g_string_insert(console->text, CONSOLE_HEAD, marker);
	console->marker_len = strlen(marker);
	file_rewrite(console);
}

void console_add(struct console *console, const char *bytes, gsize len)
{
	console->total += len;
	while (len) {
		gsize part = MIN(len, CONSOLE_MAX - console->text->len);

		g_string_append_len(console->text, bytes, (gssize)part);
		file_write(console, bytes, part);
		bytes += part;
		len -= part;
		if (console->text->len == CONSOLE_MAX)
			drop_middle(console);
	}
}

void console_note(struct console *console, const char *format, ...)
{
	g_autofree char *what = NULL;
	g_autofree char *line = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	line = g_strdup_printf("\n[rmaptorture: %s]\n", what);
	console_add(console, line, strlen(line));
}

const GString *console_text(const struct console *console)
{
	return console->text;
}

guint64 console_total(const struct console *console)
{
	return console->total;
}

gboolean console_has(
	const struct console *console, const char *needle, gsize last)
{
	gsize from = console->text->len - MIN(console->text->len, last);

	return memmem(console->text->str + from, console->text->len - from,
		       needle, strlen(needle)) != NULL;
}
