/* SPDX-License-Identifier: GPL-2.0-only */
/* What a log of the user tier (user/user.h) says of the finding that ended it:
 * of libFuzzer's own lines and of a sanitizer's dumps nobody wants to read. */
#ifndef RMAPTORTURE_USER_REPORT_H
#define RMAPTORTURE_USER_REPORT_H

#include <glib.h>

/* what a line of the program's own begins with */
#define USER_REPORT_RESULT "rmaptorture-result: " /* of a call */
#define USER_REPORT_OURS   "rmaptorture-user: "

/** user_report_is() - does this exit status tell of a finding? */
gboolean user_report_is(int status);

/** user_report_line() - the rest of the last line of @log that begins with
 *  @prefix, or NULL; caller frees */
char *user_report_line(const char *log, const char *prefix);

/** user_report_title(), user_report_detail() - what a log calls its finding, or
 *  NULL; caller frees */
char *user_report_title(const char *log);
char *user_report_detail(const char *log);

/** user_report_program() - of a finding that a search of schedules shows: the
 *  program's text, or NULL; caller frees */
char *user_report_program(const char *log);

/** user_report_find() - where the report is in @log, which ends with it: from
 *  the first line of ours or of a sanitizer to its summary. FALSE: there is
 *  none */
gboolean user_report_find(const char *log, gsize *ret_start, gsize *ret_end);

/** user_report_text() - a report as people quote it: details, the kernel's
 *  messages, and the frames of its own files, "function file:line" with the
 *  file's path in its tree. Caller frees */
char *user_report_text(const char *report);

#endif
