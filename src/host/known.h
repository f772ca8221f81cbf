/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * known: titles that are no news, in a file that title_is_listed()
 * (oracle/oracle.h) reads. What has such a title is counted, and neither stored
 * nor told of as a finding; a process of the user tier, which reads the file
 * itself, passes over contents that have one, and counts nothing.
 */
#ifndef RMAPTORTURE_HOST_KNOWN_H
#define RMAPTORTURE_HOST_KNOWN_H

#include <glib.h>

#include "base/base.h"

struct known; /* NULL: nothing is known */

/** known_load() - NULL with @error when it cannot be read */
struct known *known_load(const char *path, GError **error);
void known_free(struct known *known);
DEFINE_FREEP(known, known_free)
/** known_path() - of the file; NULL of NULL */
const char *known_path(const struct known *known);
/** known_take() - is @title one of those? Counts it */
gboolean known_take(struct known *known, const char *title);
/** known_print() - a line for each that was seen */
void known_print(const struct known *known);

#endif
