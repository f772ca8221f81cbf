/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_CONSOLE_H
#define VM_CONSOLE_H

/*
 * console - a bounded record of what a guest printed, in memory and in a file
 *
 * Private to src/vm. Both hold the same: everything up to CONSOLE_MAX, then the
 * first CONSOLE_HEAD bytes (they say which kernel), a line that counts what was
 * dropped, and at least the last CONSOLE_TAIL bytes (they say how it ended).
 */

#include <glib.h>

#define CONSOLE_HEAD (1u << 20)
#define CONSOLE_TAIL (3u << 20)
#define CONSOLE_MAX  (5u << 20)

struct console;

/**
 * console_new() - start an empty record
 * @path: file to write, truncated; or NULL for memory only
 *
 * A file that cannot be written later is given up silently: memory has all.
 */
struct console *console_new(const char *path, GError **error);
void console_free(struct console *console);

static inline void console_freep(struct console **console)
{
	console_free(*console);
}

void console_add(struct console *console, const char *bytes, gsize len);

/* A line of our own, marked as such. */
void console_note(struct console *console, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

const GString *console_text(const struct console *console);

/* Bytes ever added, those dropped included. */
guint64 console_total(const struct console *console);

/* Whether @needle is in the last @last bytes of the record. */
gboolean console_has(
	const struct console *console, const char *needle, gsize last);

#endif
