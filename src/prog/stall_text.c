/* SPDX-License-Identifier: GPL-2.0-only */
/* The text of a stall: stall=SYMBOL[+0xOFFSET][#HIT] until=CALL; or
 * meet=CALL[+NS|-NS] */
#include "prog/words.h"

#include <string.h>

bool is_symbol(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static bool eat_symbol(struct word *word, char ret[STALL_SYMBOL_MAX])
{
	size_t len = 0;

	while (len < word->len && is_symbol(word->at[len]))
		len++;
	if (!len || len >= STALL_SYMBOL_MAX)
		return false;
	memcpy(ret, word->at, len);
	word->at += len;
	word->len -= len;
	return true;
}

static bool eat_hex(struct word *word, uint32_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t num = 0;
	size_t len = 0;

	while (len < word->len && word->at[len] &&
		strchr(digits, word->at[len])) {
		const char *digit = strchr(digits, word->at[len++]);

		num = num << 4 | (uint32_t)(digit - digits);
		if (num > STALL_OFFSET_MAX)
			return false;
	}
	word->at += len;
	word->len -= len;
	*ret = num;
	return len > 0;
}

static bool eat_point(struct word *word, struct stall *ret)
{
	uint32_t hit = 1;

	if (!eat_string(word, "stall=") || !eat_symbol(word, ret->symbol))
		return false;
	if (eat_string(word, "+0x") && !eat_hex(word, &ret->offset))
		return false;
	if (eat_char(word, '#') &&
		(!eat_number(word, &hit) || !hit || hit > UINT16_MAX))
		return false;
	ret->hit = (uint16_t)hit;
	return !word->len;
}

int parse_stall(struct line *line, const struct word *word, struct stall *ret)
{
	struct stall stall = {0};
	struct word rest = *word, until;
	uint32_t call;

	if (!eat_point(&rest, &stall))
		return bad_word(line, word,
			"a point, stall=SYMBOL[+0xOFFSET][#HIT] such as "
			"stall=try_to_migrate+0x1a#2");
	until = next_word(line);
	rest = until;
	if (!eat_string(&rest, "until=") || !eat_number(&rest, &call) ||
		rest.len || call >= PROG_CALLS_MAX)
		return bad_word(line, &until,
			"until=CALL, the number of another call, the first "
			"of the program being 0");
	stall.until = (uint8_t)call;
	*ret = stall;
	return 0;
}

int parse_meeting(struct line *line, const struct word *word, struct stall *ret)
{
	struct stall stall = {.hit = MEET_LATER};
	struct word rest = *word;
	uint32_t call;
	bool good = eat_string(&rest, "meet=") && eat_number(&rest, &call);

	if (good && eat_char(&rest, '+')) {
		good = eat_number(&rest, &stall.offset);
	} else if (good && eat_char(&rest, '-')) {
		good = eat_number(&rest, &stall.offset);
		stall.hit = stall.offset ? MEET_EARLIER : MEET_LATER;
	}
	if (!good || rest.len || call >= PROG_CALLS_MAX ||
		stall.offset > MEET_NS_MAX)
		return bad_word(line, word,
			"meet=CALL[+NS|-NS], the number of a later call, the "
			"first of the program being 0, and how much later or "
			"earlier this one is, in nanoseconds: below 100 ms");
	stall.until = (uint8_t)call;
	*ret = stall;
	return 0;
}

static void print_meeting(const struct stall *stall, struct text *out)
{
	text_addf(out, " meet=%u", stall->until);
	if (stall->offset)
		text_addf(out, "%c%u", stall->hit == MEET_LATER ? '+' : '-',
			stall->offset);
}

void print_stall(const struct stall *stall, struct text *out)
{
	if (stall_is_meeting(stall)) {
		print_meeting(stall, out);
		return;
	}
	text_addf(out, " stall=%s", stall->symbol);
	if (stall->offset)
		text_addf(out, "+0x%x", stall->offset);
	if (stall->hit != 1)
		text_addf(out, "#%u", stall->hit);
	text_addf(out, " until=%u", stall->until);
}
