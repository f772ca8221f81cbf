/* SPDX-License-Identifier: GPL-2.0-only */
#include "prog/words.h"

#include <errno.h>
#include <string.h>

#define NUMBER_DIGITS 8

#define WORD_SHOWN 40 /* bytes of a bad word that an error quotes */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool word_is(const struct word *word, const char *name)
{
	return word->len == strlen(name) &&
	       memcmp(word->at, name, word->len) == 0;
}

struct word next_word(struct line *line)
{
	struct word word;

	while (line->at < line->end && is_blank(*line->at))
		line->at++;
	if (line->at < line->end && *line->at == '#')
		line->at = line->end;
	word.at = line->at;
	while (line->at < line->end && !is_blank(*line->at))
		line->at++;
	word.len = (size_t)(line->at - word.at);
	return word;
}

int bad_word(
	const struct line *line, const struct word *word, const char *expected)
{
	char shown[WORD_SHOWN + 1];
	size_t len = min_size(word->len, WORD_SHOWN);

	for (size_t i = 0; i < len; i++)
		shown[i] = word->at[i] >= ' ' && word->at[i] <= '~'
				   ? word->at[i]
				   : '?';
	shown[len] = '\0';
	/* the words say it all: no text of an errno behind them */
	if (!len)
		(void)why_set(line->why, 0,
			"line %u: the line ends where %s is expected",
			line->number, expected);
	else
		(void)why_set(line->why, 0, "line %u: '%s': expected %s",
			line->number, shown, expected);
	return -EINVAL;
}

bool eat_number(struct word *word, uint32_t *ret)
{
	uint32_t num = 0;
	size_t len = 0;

	while (len < word->len && word->at[len] >= '0' &&
		word->at[len] <= '9') {
		if (len == NUMBER_DIGITS || (len == 1 && word->at[0] == '0'))
			return false;
		num = num * 10 + (uint32_t)(word->at[len++] - '0');
	}
	word->at += len;
	word->len -= len;
	*ret = num;
	return len > 0;
}

bool eat_char(struct word *word, char c)
{
	if (!word->len || *word->at != c)
		return false;
	word->at++;
	word->len--;
	return true;
}

bool eat_string(struct word *word, const char *string)
{
	size_t len = strlen(string);

	if (word->len < len || memcmp(word->at, string, len))
		return false;
	word->at += len;
	word->len -= len;
	return true;
}
