/* SPDX-License-Identifier: GPL-2.0-only */
/* words: a line of text, word by word; for prog's own files. */
#ifndef RMAPTORTURE_PROG_WORDS_H
#define RMAPTORTURE_PROG_WORDS_H

#include "prog/prog.h"

/** struct word - a piece of the text between blanks */
struct word {
	const char *at;
	size_t len;
};

/** struct line - what is left of one line */
struct line {
	const char *at, *end;
	uint32_t number; /* from 1 */
	struct why *why;
};

bool word_is(const struct word *word, const char *name);
/** next_word() - of the line; empty at its end or at a comment */
struct word next_word(struct line *line);
/** bad_word() - one error for all: line, word, what was expected instead.
 *  Returns -EINVAL */
int bad_word(
	const struct line *line, const struct word *word, const char *expected);
/** eat_number() - a decimal without leading zeros off the front of @word;
 *  false if there is none */
bool eat_number(struct word *word, uint32_t *ret);
bool eat_char(struct word *word, char c);
/** eat_string() - @string off the front of @word; false if it is not there */
bool eat_string(struct word *word, const char *string);

/* stall_text.c */
/** is_symbol() - may it be in the name of a function of the kernel? */
bool is_symbol(char c);
/** parse_stall() - @word is the line's stall=...; its until= is the next.
 *  0 or -EINVAL; call is left alone */
int parse_stall(struct line *line, const struct word *word, struct stall *ret);
/** parse_meeting() - @word is the line's meet=... */
int parse_meeting(
	struct line *line, const struct word *word, struct stall *ret);
void print_stall(const struct stall *stall, struct text *out);

/* stall.c */
/** stall_flaw() - why @stall cannot be in @prog, for a human; NULL: it can */
const char *stall_flaw(const struct prog *prog, const struct stall *stall);

#endif
