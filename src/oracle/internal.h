/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to src/oracle: lines of a console, patterns, names of functions. */
#ifndef RMAPTORTURE_ORACLE_INTERNAL_H
#define RMAPTORTURE_ORACLE_INTERNAL_H

#include "oracle/oracle.h"

/** struct span - bytes of the log; not terminated */
struct span {
	const char *s;
	size_t len;
};

/**
 * struct line - a line of a console
 * @text:   without time stamp, caller, log level, \r and trailing spaces
 * @caller: "T123" or "C0" of "[   T123]", empty where the log has none
 * @start:  offset of the whole line in the log
 * @next:   offset of the line after it
 */
struct line {
	struct span text;
	struct span caller;
	size_t start, next;
};

/** line_read() - the line at offset @pos of @len bytes. False at the end. */
bool line_read(const char *log, size_t len, size_t pos, struct line *ret);

bool span_is(struct span a, struct span b);
bool span_starts(struct span span, const char *with);
/** span_find() - offset of @what in @span, or -1 */
long span_find(struct span span, const char *what);

#define MATCH_MAX 3
struct match {
	struct span got[MATCH_MAX];
	unsigned int nr;
};

/**
 * pattern_match() - does @text begin as @pattern says?
 *
 * %w a word (up to a space, or to the pattern's next character), %d a number,
 * %f a function, its offset passed over, %r the rest: these are captured, but
 * %d. * skips to the first place where the pattern's next literal is. All else
 * is literal. Linear in the text times the stars of the pattern.
 */
bool pattern_match(const char *pattern, struct span text, struct match *ret);

/** symbol_read() - a function with its offset, "name+0x1b3/0x300", at the start
 * of
 *  @text; @ret is the name. False without an offset. */
bool symbol_read(struct span text, struct span *ret);
/** symbol_is_helper() - says where, not what: no good in a title */
bool symbol_is_helper(struct span name);
/** symbol_is_entry() - below it there is only how the kernel was entered */
bool symbol_is_entry(struct span name);
/** symbol_clean() - @name without the compiler's suffixes and the prefixes of
 *  system call entries */
struct span symbol_clean(struct span name);

#endif
