/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/user/report.h"

#include "oracle/oracle.h"

#include <string.h>

#define TIMEOUT "libFuzzer: timeout"
#define DETAIL	USER_REPORT_OURS "detail: "

#define EXIT_FOUND  77
#define EXIT_REPORT 1  /* a sanitizer's */
#define EXIT_LOOPS  70 /* libFuzzer's: the -timeout of a program */

gboolean user_report_is(int status)
{
	return status == EXIT_FOUND || status == EXIT_REPORT ||
	       status == EXIT_LOOPS;
}

char *user_report_line(const char *log, const char *prefix)
{
	g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
	const char *found = NULL;

	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, prefix))
			found = *line + strlen(prefix);
	}
	return g_strdup(found);
}

/* What a sanitizer, or libFuzzer's clock, says last */
static char *summary(const char *log)
{
	g_autofree char *line = user_report_line(log, "SUMMARY: ");

	return g_strdup(
		g_strcmp0(line, TIMEOUT) ? line : "a program does not end");
}

/* The first of ours is the title; a summary stands in for it. */
char *user_report_title(const char *log)
{
	const char *ours = g_str_has_prefix(log, USER_REPORT_OURS)
				   ? log
				   : strstr(log, "\n" USER_REPORT_OURS);
	char *title;

	/* at the start of a line: libFuzzer tells the program's path too */
	if (!ours)
		return summary(log);
	ours += strlen(USER_REPORT_OURS) + (*ours == '\n');
	title = g_strndup(ours, strcspn(ours, "\n"));
	title[MIN(strlen(title), TITLE_MAX - 1)] = '\0';
	return title;
}

char *user_report_detail(const char *log)
{
	return user_report_line(log, DETAIL);
}

char *user_report_program(const char *log)
{
	static const char ours[] = USER_REPORT_OURS "program: ";
	g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
	GString *text = g_string_new(NULL);

	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, ours))
			g_string_append_printf(
				text, "%s\n", *line + strlen(ours));
	}
	return g_string_free(text, !text->len);
}

static gboolean begins(const char *line)
{
	return g_str_has_prefix(line, USER_REPORT_OURS) ||
	       strstr(line, "ERROR: AddressSanitizer") ||
	       strstr(line, "ERROR: " TIMEOUT) ||
	       strstr(line, ": runtime error: ");
}

static gboolean ends(const char *line)
{
	return g_str_has_prefix(line, "SUMMARY: ") ||
	       strstr(line, "ERROR: libFuzzer") ||
	       strstr(line, "libFuzzer has rudimentary") ||
	       g_str_has_prefix(line, "stat::");
}

gboolean user_report_find(const char *log, gsize *ret_start, gsize *ret_end)
{
	gboolean found = FALSE;
	gsize next;

	for (gsize at = 0; log[at]; at = next) {
		gsize len = strcspn(log + at, "\n");
		g_autofree char *line = g_strndup(log + at, len);

		next = at + len + (log[at + len] == '\n');
		if (!found && begins(line)) {
			*ret_start = at;
			found = TRUE;
		} else if (found && ends(line)) {
			*ret_end = at;
			return TRUE;
		}
		*ret_end = next;
	}
	return found;
}

/* "#3 0x5175 in fn /path/obj/../src/mm/x.c:13:4", or a frame that is not the
 * kernel's */
static gboolean add_frame(GString *text, const char *line)
{
	static const char tree[] = "/obj/../src/";
	const char *at = line + strspn(line, " ");
	const char *function, *path;
	g_auto(GStrv) place = NULL;

	if (at == line || *at != '#')
		return FALSE;
	function = strstr(at, " in ");
	path = function ? strstr(function, tree) : NULL;
	if (!path)
		return TRUE;
	function += strlen(" in ");
	place = g_strsplit(path + strlen(tree), ":", 3);
	g_string_append_printf(text, "  %.*s %s:%s\n",
		(int)strcspn(function, " "), function, place[0],
		place[1] ? place[1] : "?");
	return TRUE;
}

char *user_report_text(const char *report)
{
	GString *text = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(report, "\n", -1);

	for (char **line = lines; *line; line++) {
		const char *tail = strstr(*line, "/obj/../src/");

		if (add_frame(text, *line))
			continue;
		if (g_str_has_prefix(*line, DETAIL))
			g_string_append_printf(
				text, "%s\n", *line + strlen(DETAIL));
		else if (tail) /* UBSan tells a place first */
			g_string_append_printf(
				text, "%s\n", tail + strlen("/obj/../src/"));
		else if (**line && !g_str_has_prefix(*line, USER_REPORT_OURS) &&
			 strspn(*line, "=") != strlen(*line))
			g_string_append_printf(text, "%s\n", *line);
	}
	return g_string_free(text, FALSE);
}
