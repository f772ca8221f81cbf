/* SPDX-License-Identifier: GPL-2.0-only */
#include "user_report.h"

#include <string.h>

#define OURS   "rmaptorture-user: "
#define DETAIL OURS "detail: "

static gboolean begins(const char *line)
{
	return g_str_has_prefix(line, OURS) ||
	       strstr(line, "ERROR: AddressSanitizer") ||
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
		else if (**line && !g_str_has_prefix(*line, OURS) &&
			 strspn(*line, "=") != strlen(*line))
			g_string_append_printf(text, "%s\n", *line);
	}
	return g_string_free(text, FALSE);
}
