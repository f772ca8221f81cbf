/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every test program needs: one line a case, and the exit status that
 * ctest reads (0 passed, 1 failed, 77 skipped, 99 broken).
 */
#ifndef RMAPTORTURE_TEST_H
#define RMAPTORTURE_TEST_H

#include <stdbool.h>
#include <stdio.h>

static int test_failures;

/** test_case() - print the line of one case; @why says the invariant */
static inline bool test_case(bool ok, const char *why)
{
	printf("%s %s\n", ok ? "ok" : "not ok", why);
	test_failures += !ok;
	return ok;
}

static inline int test_end(void)
{
	if (test_failures)
		printf("%d failed\n", test_failures);
	return test_failures ? 1 : 0;
}

#endif
