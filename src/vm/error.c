/* SPDX-License-Identifier: GPL-2.0-only */
#include "error.h"

#include <errno.h>
#include <stdarg.h>

G_DEFINE_QUARK(vm - error - quark, vm_error)

gboolean fail(GError **error, enum vm_error code, const char *format, ...)
{
	va_list args;

	if (error) {
		va_start(args, format);
		*error = g_error_new_valist(VM_ERROR, (int)code, format, args);
		va_end(args);
	}
	return FALSE;
}

static enum vm_error code_of_errno(int err)
{
	switch (err) {
	case ENOSPC:
	case EDQUOT:
		return VM_ERROR_SPACE;
	case ENOENT:
		return VM_ERROR_MISSING;
	default:
		return VM_ERROR_BROKEN;
	}
}

gboolean fail_errno(GError **error, int err, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	return fail(error, code_of_errno(err), "%s: %s", what, g_strerror(err));
}
