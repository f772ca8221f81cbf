/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * known: titles that are no news. A file has one a line, as `findings` prints
 * them, with or without "rmaptorture: "; '#' starts a comment. What has such a
 * title is counted, and neither stored nor told of as a finding.
 */
#ifndef RMAPTORTURE_HOST_KNOWN_H
#define RMAPTORTURE_HOST_KNOWN_H

#include <glib.h>

/** known_load() - title -> how often it was seen (guint64); NULL with @error.
 *  The caller's. */
GHashTable *known_load(const char *path, GError **error);
/** known_take() - is it one of those? Counts it. @known may be NULL: none is */
gboolean known_take(GHashTable *known, const char *title);
/** known_print() - a line for each that was seen; nothing of NULL */
void known_print(GHashTable *known);

#endif
