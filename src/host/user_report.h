/* SPDX-License-Identifier: GPL-2.0-only */
/* What a log of the user tier (user/user.h) says of the finding that ended it:
 * of libFuzzer's own lines and of a sanitizer's dumps nobody wants to read. */
#ifndef RMAPTORTURE_USER_REPORT_H
#define RMAPTORTURE_USER_REPORT_H

#include <glib.h>

/** user_report_find() - where the report is in @log, which ends with it: from
 *  the first line of ours or of a sanitizer to its summary. FALSE: there is
 *  none */
gboolean user_report_find(const char *log, gsize *ret_start, gsize *ret_end);

/** user_report_text() - a report as people quote it: details, the kernel's
 *  messages, and the frames of its own files, "function file:line" with the
 *  file's path in its tree. Caller frees */
char *user_report_text(const char *report);

#endif
