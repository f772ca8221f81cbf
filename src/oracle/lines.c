/* SPDX-License-Identifier: GPL-2.0-only */
#include "internal.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && is_digit(s[n]))
		n++;
	return n;
}

bool span_is(struct span a, struct span b)
{
	return a.len == b.len && !memcmp(a.s, b.s, a.len);
}

bool span_starts(struct span span, const char *with)
{
	size_t len = strlen(with);

	return span.len >= len && !memcmp(span.s, with, len);
}

long span_find(struct span span, const char *what)
{
	const char *at = memmem(span.s, span.len, what, strlen(what));

	return at ? at - span.s : -1;
}

/* Length of "[   12.345678]" at the start of @s, 0 where there is none */
static size_t stamp_len(const char *s, size_t len)
{
	size_t n = 1, whole;

	if (!len || s[0] != '[')
		return 0;
	while (n < len && s[n] == ' ')
		n++;
	whole = digits(s + n, len - n);
	n += whole;
	if (!whole || n >= len || s[n] != '.')
		return 0;
	n += 1 + digits(s + n + 1, min_size(len - n - 1, 6));
	return n < len && s[n] == ']' && s[n - 1] != '.' ? n + 1 : 0;
}

/* Length of "[  T123]" or "[ C0]" at the start of @s; @ret is what it holds */
static size_t caller_len(const char *s, size_t len, struct span *ret)
{
	size_t n = 1, first, nr;

	if (!len || s[0] != '[')
		return 0;
	while (n < len && s[n] == ' ')
		n++;
	first = n;
	if (n >= len || (s[n] != 'T' && s[n] != 'C'))
		return 0;
	nr = digits(s + n + 1, len - n - 1);
	n += 1 + nr;
	if (!nr || n >= len || s[n] != ']')
		return 0;
	*ret = (struct span){s + first, n - first};
	return n + 1;
}

/*
 * Where a user's output without a newline stands before the kernel's, the stamp
 * is in the middle: what the kernel said begins after it.
 */
static void cut_prefix(struct line *line)
{
	struct span *text = &line->text;
	size_t i, n = 0;

	for (i = 0; i < text->len; i++) {
		if (text->s[i] != '[')
			continue;
		n = stamp_len(text->s + i, text->len - i);
		if (n)
			break;
	}
	if (n) {
		text->s += i + n;
		text->len -= i + n;
	} else if (text->len >= 3 && text->s[0] == '<' && text->s[2] == '>') {
		text->s += 3;
		text->len -= 3;
	}
	n = caller_len(text->s, text->len, &line->caller);
	text->s += n;
	text->len -= n;
	if (text->len && text->s != line->caller.s && text->s[0] == ' ') {
		text->s++;
		text->len--;
	}
}

bool line_read(const char *log, size_t len, size_t pos, struct line *ret)
{
	const char *s = log + pos, *end;
	size_t n;

	if (pos >= len)
		return false;
	end = memchr(s, '\n', len - pos);
	n = end ? (size_t)(end - s) : len - pos;
	*ret = (struct line){.text = {s, n},
		.caller = {s, 0},
		.start = pos,
		.next = pos + n + (end ? 1 : 0)};
	while (ret->text.len &&
		(s[ret->text.len - 1] == '\r' || s[ret->text.len - 1] == ' '))
		ret->text.len--;
	cut_prefix(ret);
	return true;
}
