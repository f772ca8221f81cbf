/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/base.h"

#include <errno.h>
#include <string.h>

#include "test.h"

static void test_why(void)
{
	char name[600];
	struct why why;

	test_case(why_set(NULL, -ENOENT, "x") == -ENOENT,
		"why_set() passes the error on where nobody listens");
	(void)why_set(&why, -ENOENT, "open '%s'", "a");
	test_case(!strcmp(why.text, "open 'a': No such file or directory"),
		"the reason ends with the errno's text");
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	(void)why_set(&why, 0, "%s", name);
	test_case(strlen(why.text) == sizeof(why.text) - 1,
		"a long reason is cut, not overrun");
}

static void test_text(void)
{
	char buf[8];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	text_addf(&text, "%d", 1234);
	test_case(text.len == 4 && !text.full, "text that fits is whole");
	text_addf(&text, "%s", "567890");
	test_case(text.full && !strcmp(buf, "1234567"),
		"text that does not fit is cut and says so");
	text_add(&text, "x", 1);
	test_case(text.len == 7, "a full text stays terminated");
}

static void test_rng(void)
{
	struct rng a, b;
	bool same = true, inside = true;

	rng_seed(&a, 1);
	rng_seed(&b, 1);
	for (int i = 0; i < 1000; i++) {
		uint32_t n = rng_range(&a, 5, 9);

		same &= n == rng_range(&b, 5, 9);
		inside &= n >= 5 && n <= 9;
	}
	test_case(same, "one seed gives one sequence");
	test_case(inside, "rng_range() stays in its range");
	test_case(rng_below(&a, 0) == 0, "an empty range gives 0");
}

int main(void)
{
	test_why();
	test_text();
	test_rng();
	test_case(hash_bytes("a", 1) == 0xaf63dc4c8601ec8cu,
		"hash_bytes() is FNV-1a");
	return test_end();
}
