/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs of tests, from text that is one. */
#ifndef RMAPTORTURE_TEST_PROGRAMS_H
#define RMAPTORTURE_TEST_PROGRAMS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prog/prog.h"

/** prog_of() - ends the test as broken where @text is no program */
static inline struct prog prog_of(const char *text)
{
	struct prog prog;
	struct why why;

	if (prog_parse(text, strlen(text), &prog, &why)) {
		printf("broken: %s\n", why.text);
		exit(99);
	}
	return prog;
}

/** prints_as() - is @want the program's text? */
static inline bool prints_as(const struct prog *prog, const char *want)
{
	char buf[PROG_TEXT_MAX];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	prog_print(prog, &text);
	return !text.full && strcmp(buf, want) == 0;
}

#endif
