/* SPDX-License-Identifier: GPL-2.0-only */
/* A program as C: what comes out compiles, and says what the program says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "csource/csource.h"
#include "test.h"
#include "test_programs.h"

#define SOURCE_MAX (256 * 1024)
#define CAPS_ALL   0xffffffffu

static bool compiles(const char *source)
{
	FILE *cc = popen("cc -xc -Wall -Wextra -Werror -fsyntax-only -", "w");

	return cc && fputs(source, cc) >= 0 && pclose(cc) == 0;
}

static struct prog long_prog(uint64_t seed)
{
	struct prog prog;
	struct rng rng;

	rng_seed(&rng, seed);
	prog_generate(&prog, PROG_CALLS_MAX, CAPS_ALL, &rng);
	return prog;
}

static void test_compiles(void)
{
	const struct mismatch bad = {.call = 3, .proc = 1, .want = 1};
	static char buf[SOURCE_MAX];
	struct text text;
	bool good = true;

	for (uint64_t seed = 1; seed <= 8 && good; seed++) {
		struct prog prog = long_prog(seed);

		text_init(&text, buf, sizeof(buf));
		good = prog_c_source(&prog, seed & 1 ? &bad : NULL, &text) ==
			       0 &&
		       compiles(buf);
	}
	test_case(good, "the longest programs are C without a warning");
}

static void test_says_the_calls(void)
{
	static const char program[] = "p0 mmap v0:4 rw anon\n"
				      "p0 fail_nth=3 fork p1\n";
	static char buf[SOURCE_MAX];
	struct prog prog = prog_of(program);
	struct text text;

	text_init(&text, buf, sizeof(buf));
	test_case(prog_c_source(&prog, NULL, &text) == 0 &&
			  strstr(buf, "\"p0 fail_nth=3 fork p1\"") &&
			  strstr(buf, "make_fork(int i)") &&
			  strstr(buf, "fail-nth") &&
			  !strstr(buf, "make_touch(int i)"),
		"it has the calls, what they need, and no more");
}

static void test_meets(void)
{
	static const char program[] = "p0 fork p1\n"
				      "p0 touch v0:1 meet=2-700\n"
				      "p1 touch v0:1\n"
				      "p0 exit stall=f until=4\n"
				      "p1 exit\n";
	static char buf[SOURCE_MAX];
	struct prog prog = prog_of(program);
	struct text text;

	text_init(&text, buf, sizeof(buf));
	test_case(prog_c_source(&prog, NULL, &text) == 0 && compiles(buf) &&
			  strstr(buf, "{ 0, 0, 1, 0, 0, 2, -700, make_touch") &&
			  strstr(buf, "{ 0, 0, 1, 0, 0, 4, SWEEP, make_exit"),
		"calls that meet do so, and one that would wait inside");
}

static void test_full(void)
{
	struct prog prog = long_prog(1);
	char buf[2000];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	test_case(prog_c_source(&prog, NULL, &text) == -ENOSPC,
		"a C source that does not fit is an error");
}

int main(void)
{
	test_compiles();
	test_says_the_calls();
	test_meets();
	test_full();
	return test_end();
}
