/* SPDX-License-Identifier: GPL-2.0-only */
/* Titles that are listed, one a line. */
#include "internal.h"

#include <string.h>

const char *title_bare(const char *title)
{
	size_t len = strlen(TITLE_OURS);

	return strncmp(title, TITLE_OURS, len) ? title : title + len;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Is @line, of @len bytes, just @bare? */
static bool line_is(const char *line, size_t len, const char *bare)
{
	size_t ours = strlen(TITLE_OURS);

	while (len && is_blank(*line)) {
		line++;
		len--;
	}
	while (len && is_blank(line[len - 1]))
		len--;
	if (len >= ours && !strncmp(line, TITLE_OURS, ours)) {
		line += ours;
		len -= ours;
	}
	return len == strlen(bare) && !memcmp(line, bare, len);
}

bool title_is_listed(const char *list, size_t len, const char *title)
{
	const char *bare = title_bare(title);

	while (*bare && len) {
		const char *eol = memchr(list, '\n', len);
		size_t line = eol ? (size_t)(eol - list) : len;
		size_t step = eol ? line + 1 : line;

		if (line_is(list, line, bare))
			return true;
		list += step;
		len -= step;
	}
	return false;
}
