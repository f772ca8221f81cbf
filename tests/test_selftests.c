/* SPDX-License-Identifier: GPL-2.0-only */
/* Output of selftests, as the programs print it, to cases and outcomes. */
#include "host/selftests/selftests.h"

#include "test.h"

#include <string.h>

#define EXITED(n) ((n) << 8)
#define KILLED(n) (n)

static const struct {
	const char *why;
	enum selftest_format format;
	const char *output;
	int status;
	enum selftest_outcome want;
	guint cases;
} programs[] = {
	{"all pass", FORMAT_TAP, "TAP version 13\n1..2\nok 1 a\nok 2 b\n",
		EXITED(0), SELFTEST_PASS, 2},
	{"one case fails, though the program exits with 0", FORMAT_TAP,
		"1..2\nok 1 a\nnot ok 2 b\n", EXITED(0), SELFTEST_FAIL, 2},
	{"fewer cases than planned are no pass", FORMAT_TAP,
		"1..3\nok 1 a\nok 2 b\n", EXITED(0), SELFTEST_FAIL, 2},
	{"all skipped is no pass", FORMAT_TAP,
		"1..2\nok 1 a # SKIP no huge pages\nok 2 b # SKIP same\n",
		EXITED(0), SELFTEST_SKIP, 2},
	{"a plan of nothing is no pass", FORMAT_TAP, "1..0 # SKIP needs root\n",
		EXITED(4), SELFTEST_SKIP, 0},
	{"exit status 0 in silence is no pass", FORMAT_TAP, "", EXITED(0),
		SELFTEST_SKIP, 0},
	{"some skipped, the rest passed", FORMAT_TAP,
		"1..2\nok 1 a\nok 2 b # SKIP no swap\n", EXITED(4),
		SELFTEST_PASS, 2},
	{"all passed, then it died", FORMAT_TAP, "1..1\nok 1 a\n", KILLED(11),
		SELFTEST_FAIL, 1},
	{"bail out", FORMAT_TAP, "1..2\nok 1 a\nBail out! no memory\n",
		EXITED(1), SELFTEST_FAIL, 1},
	{"uffd: passed and skipped", FORMAT_UFFD,
		"Testing move on anon... done\n"
		"Testing wp on shmem... skipped [reason: feature missing]\n",
		EXITED(0), SELFTEST_PASS, 2},
	{"uffd: failed", FORMAT_UFFD,
		"Testing move on anon... failed [reason: stats]\n", EXITED(0),
		SELFTEST_FAIL, 1},
	{"uffd: the word is missing", FORMAT_UFFD,
		"Testing move on anon... ERROR: x (errno=1)\n", EXITED(0),
		SELFTEST_FAIL, 1},
	{"khugepaged: steps passed", FORMAT_KHUGEPAGED,
		"Run test: a (khugepaged:anon)\nAllocate... "
		"\033[32mOK\033[0m\n",
		EXITED(0), SELFTEST_PASS, 1},
	{"khugepaged: a later step passes, the test failed", FORMAT_KHUGEPAGED,
		"Run test: a (b:c)\nx... \033[31mFail\033[0m\n"
		"y... \033[32mOK\033[0m\n",
		EXITED(0), SELFTEST_FAIL, 1},
	{"khugepaged: only skipped", FORMAT_KHUGEPAGED,
		"Run test: a (b:c)\nx... \033[33mSkip\033[0m\n", EXITED(0),
		SELFTEST_SKIP, 1},
	{"proof is there", FORMAT_PROOF, "nr: 4\nproof: 3\n", EXITED(0),
		SELFTEST_PASS, 1},
	{"exit status 0 without the proof is no pass", FORMAT_PROOF, "nr: 4\n",
		EXITED(0), SELFTEST_SKIP, 0},
	{"proof, and a failure", FORMAT_PROOF, "proof\nERROR\n", EXITED(1),
		SELFTEST_FAIL, 1},
	{"by status alone", FORMAT_EXIT, "", EXITED(0), SELFTEST_PASS, 0},
	{"by status alone: skipped", FORMAT_EXIT, "", EXITED(4), SELFTEST_SKIP,
		0},
};

static void test_programs(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
		struct selftest test = {.name = "t"};
		guint planned;

		test.output = g_strdup(programs[i].output);
		test.cases = selftests_parse(
			programs[i].format, test.output, "proof", &planned);
		selftest_judge(
			&test, programs[i].format, programs[i].status, planned);
		test_case(test.outcome == programs[i].want &&
				  test.cases->len == programs[i].cases,
			programs[i].why);
		test_case(!test.why == (test.outcome == SELFTEST_PASS),
			"a pass has no reason, all else has one");
		g_ptr_array_unref(test.cases);
		g_free(test.why);
		g_free(test.output);
	}
}

static const struct {
	const char *why, *output;
	enum selftest_outcome outcome;
	gboolean with_cases;
	const char *titles[3];
} shown[] = {
	{"a pass shows nothing", "ok 1 a\n", SELFTEST_PASS, TRUE, {0}},
	{"each case that failed", "not ok 1 a\nok 2 b\nnot ok 3 c\n",
		SELFTEST_FAIL, TRUE, {"selftest t: a", "selftest t: c"}},
	{"what the kernel says goes first", "not ok 1 a\n", SELFTEST_DIED, TRUE,
		{"BUG: x", "selftest t: a"}},
	{"only the kernel is asked for", "not ok 1 a\n", SELFTEST_DIED, FALSE,
		{"BUG: x"}},
	{"cases that failed before it was killed", "not ok 1 a\n",
		SELFTEST_TIMEOUT, TRUE,
		{"selftest t: a", "selftest t: over its time"}},
	{"a bad end without a failed case", "ok 1 a\n", SELFTEST_FAIL, TRUE,
		{"selftest t: failed, but no case of it"}},
	{"a skip shows nothing", "", SELFTEST_SKIP, TRUE, {0}},
	{"we are broken: that shows nothing", "", SELFTEST_BROKEN, TRUE, {0}},
};

static void test_titles(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(shown); i++) {
		struct selftest test = {.name = "t",
			.outcome = shown[i].outcome,
			.title = (char *)"BUG: x"};
		g_autoptr(GPtrArray) titles = NULL;
		gboolean same = TRUE;
		guint planned, nr = 0;

		test.cases = selftests_parse(
			FORMAT_TAP, shown[i].output, NULL, &planned);
		titles = selftest_titles(&test, shown[i].with_cases);
		for (; nr < 3 && shown[i].titles[nr]; nr++)
			same = same && nr < titles->len &&
			       !strcmp(titles->pdata[nr], shown[i].titles[nr]);
		test_case(same && titles->len == nr, shown[i].why);
		g_ptr_array_unref(test.cases);
	}
}

static void test_long_title(void)
{
	g_autofree char *name = g_strnfill(2 * TITLE_MAX, 'x');
	g_autofree char *output = g_strdup_printf("not ok 1 %s\n", name);
	struct selftest test = {.name = "t", .outcome = SELFTEST_FAIL};
	guint planned;
	g_autoptr(GPtrArray) titles = NULL;

	test.cases = selftests_parse(FORMAT_TAP, output, NULL, &planned);
	titles = selftest_titles(&test, TRUE);
	test_case(titles->len == 1 && strlen(titles->pdata[0]) == TITLE_MAX - 1,
		"a title has a bound");
	g_ptr_array_unref(test.cases);
}

static void test_names(void)
{
	static const char output[] = "1..4\n"
				     "# [RUN] fork with THP\n"
				     "ok 1 No leak at 0x7f00\n"
				     "ok 2 No leak at 0x7fab\n"
				     "# [RUN] vmsplice\n"
				     "ok 3 No leak at 0x1\n"
				     "not ok 4 - dash # SKIP why\n";
	static const char *const want[] = {"fork with THP: No leak at 0x?",
		"fork with THP: No leak at 0x? (2)", "vmsplice: No leak at 0x?",
		"vmsplice: dash"};
	guint planned;
	g_autoptr(GPtrArray) cases =
		selftests_parse(FORMAT_TAP, output, NULL, &planned);

	test_case(cases->len == G_N_ELEMENTS(want) && planned == 4,
		"every line is a case");
	for (guint i = 0; i < MIN(cases->len, G_N_ELEMENTS(want)); i++) {
		const struct selftest_case *c = cases->pdata[i];

		test_case(!strcmp(c->name, want[i]),
			"a name says what ran, is the same in the next run, "
			"and is unique");
	}
}

int main(void)
{
	test_programs();
	test_names();
	test_titles();
	test_long_title();
	return test_end();
}
