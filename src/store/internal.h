/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to src/store: files that appear whole or not at all. */
#ifndef RMAPTORTURE_STORE_INTERNAL_H
#define RMAPTORTURE_STORE_INTERNAL_H

#include "store/store.h"

#define TMP_PREFIX ".tmp-"

/* All return FALSE with @error of STORE_ERROR */

/** store_fail() - set @error from @err, a positive errno, and return FALSE;
 *  no space, no quota and a file size limit become STORE_ERROR_SPACE */
gboolean store_fail(GError **error, int err, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
/** file_write() - DIR/NAME with these bytes, replacing what is there at once;
 *  on disk for sure only after dir_sync(). @len -1: up to the NUL */
gboolean file_write(const char *dir, const char *name, const char *bytes,
	gssize len, GError **error);
/** dir_sync() - what was renamed into @dir stays there */
gboolean dir_sync(const char *dir, GError **error);
gboolean dir_make(const char *dir, GError **error);
/** dir_clean() - remove what a killed process left in @dir. Best effort. */
void dir_clean(const char *dir);
/** tree_remove() - remove @path and what is in it. Best effort. */
void tree_remove(const char *path);

/** finding_load() - read the folder @dir; STORE_ERROR_MISSING where it is no
 *  finding, STORE_ERROR_FORMAT where it is not whole */
struct finding *finding_load(const char *dir, GError **error);

#endif
