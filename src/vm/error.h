/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_ERROR_H
#define VM_ERROR_H

/* Setting a GError and returning FALSE in one statement; private to src/vm. */

#include "vm/vm.h"

/* Both return FALSE; @error may be NULL. */
gboolean fail(GError **error, enum vm_error code, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/* As fail(), with ": " and the text of @err, a positive errno; ENOSPC becomes
 * VM_ERROR_SPACE, ENOENT becomes VM_ERROR_MISSING.
 */
gboolean fail_errno(GError **error, int err, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

#endif
