/* SPDX-License-Identifier: GPL-2.0-only */
#include "internal.h"

#include <string.h>

static bool is_symbol(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '$';
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static size_t symbol_len(struct span text)
{
	size_t n = 0;

	while (n < text.len && is_symbol(text.s[n]))
		n++;
	return n;
}

/* Length of "+0x1b3/0x300" or "+0x1b3" at the start of @text */
static size_t offset_len(struct span text)
{
	size_t n = 3;

	if (!span_starts(text, "+0x"))
		return 0;
	while (n < text.len && is_hex(text.s[n]))
		n++;
	if (n + 3 <= text.len && !memcmp(text.s + n, "/0x", 3)) {
		n += 3;
		while (n < text.len && is_hex(text.s[n]))
			n++;
	}
	return n;
}

static struct span span_after(struct span span, size_t n)
{
	return (struct span){span.s + n, span.len - n};
}

bool symbol_read(struct span text, struct span *ret)
{
	size_t n = symbol_len(text);

	if (!n || !offset_len(span_after(text, n)))
		return false;
	*ret = (struct span){text.s, n};
	return true;
}

/* Length of what %@code captures at the start of @text; 0: no match */
static size_t capture_len(char code, char stop, struct span text)
{
	size_t n = 0;

	if (code == 'r')
		return text.len;
	if (code == 'f')
		return symbol_len(text);
	while (n < text.len && text.s[n] != ' ' && text.s[n] != stop &&
		(code != 'd' || (text.s[n] >= '0' && text.s[n] <= '9')))
		n++;
	return n;
}

/* One %x of a pattern; false where the text does not have it */
static bool match_capture(
	const char *pattern, struct span *text, struct match *ret)
{
	char code = pattern[1];
	size_t n = capture_len(code, pattern[2], *text);

	if (!n && code != 'r')
		return false;
	if (code != 'd' && ret->nr < MATCH_MAX)
		ret->got[ret->nr++] = (struct span){text->s, n};
	*text = span_after(*text, n);
	if (code == 'f')
		*text = span_after(*text, offset_len(*text));
	return true;
}

bool pattern_match(const char *pattern, struct span text, struct match *ret)
{
	bool skip = false;

	*ret = (struct match){.nr = 0};
	while (*pattern) {
		size_t n = strcspn(pattern, "%*");
		const char *at = text.s;

		if (*pattern == '*') {
			skip = true;
			pattern++;
			continue;
		}
		if (*pattern == '%') {
			if (!match_capture(pattern, &text, ret))
				return false;
			pattern += 2;
			continue;
		}
		if (skip)
			at = memmem(text.s, text.len, pattern, n);
		else if (text.len < n || memcmp(text.s, pattern, n) != 0)
			at = NULL;
		if (!at)
			return false;
		text = span_after(text, (size_t)(at - text.s) + n);
		pattern += n;
		skip = false;
	}
	return true;
}
