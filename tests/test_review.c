/* SPDX-License-Identifier: GPL-2.0-only */
#include "review/review.h"

#include <math.h>
#include <string.h>

#include "test.h"

/* --- rates ------------------------------------------------------------------
 */

static void test_rates(void)
{
	double low, high;

	rate_interval(0, 0, &low, &high);
	test_case(low == 0 && high == 1, "no runs say nothing of a rate");
	rate_interval(5, 10, &low, &high);
	test_case(fabs(low - 0.2366) < 0.001 && fabs(high - 0.7634) < 0.001,
		"5 of 10: 24 to 76 % (Wilson)");
	rate_interval(20, 20, &low, &high);
	test_case(fabs(low - 0.8389) < 0.001 && high == 1,
		"20 of 20: at least 84 %");
	test_case(rate_luck(0, 10, 100) == 1,
		"clean runs prove nothing of what was never seen");
	test_case(fabs(rate_luck(5, 10, 3) - pow(1 - 0.2366, 3)) < 0.001,
		"luck is (1 - p)^n with the lower end of p");
	test_case(rate_luck(1, 10, 5) > rate_luck(9, 10, 5),
		"what shows seldom needs more clean runs");
	test_case(rate_runs(20, 20, 0.001, 60) == 4,
		"after 20 of 20, four clean runs are enough for 0.1 %");
	test_case(rate_runs(1, 20, 0.01, 30) == 0,
		"1 of 20: thirty clean runs are not enough, and it says so");
}

/* --- bisection, against a series whose answer is known
 * ------------------------ */

/* struct series - @guilty is the patch; prefixes of @dumb cannot tell */
struct series {
	guint guilty, nr;
	const char *dumb; /* '?' at such a prefix */
	guint asked[32], total;
};

static enum bisect_answer ask(guint prefix, void *user)
{
	struct series *series = user;

	series->asked[prefix]++;
	series->total++;
	if (prefix < strlen(series->dumb) && series->dumb[prefix] == '?')
		return BISECT_UNKNOWN;
	return prefix >= series->guilty ? BISECT_SHOWS : BISECT_CLEAN;
}

static void test_bisect_all(void)
{
	gboolean named = TRUE, few = TRUE, two = TRUE, misled = TRUE;

	for (guint nr = 1; nr <= 20; nr++) {
		for (guint guilty = 1; guilty <= nr; guilty++) {
			struct series series = {guilty, nr, "", {0}, 0};
			struct bisect got;

			bisect_series(nr, 0, ask, &series, &got);
			named &= got.first == guilty && got.last == guilty;
			few &= got.probes <= ceil(log2(nr)) &&
			       got.probes == series.total;
			series.total = 0;
			bisect_series(nr, guilty, ask, &series, &got);
			two &= got.first == guilty && got.last == guilty &&
			       got.probes <= 2;
			series.total = 0;
			bisect_series(nr, nr - guilty, ask, &series, &got);
			misled &= got.first == guilty && got.last == guilty &&
				  got.probes <= 2 + ceil(log2(nr));
		}
	}
	test_case(named, "each patch of each series up to 20 is named");
	test_case(two, "two probes are enough where it is the likely one");
	test_case(misled, "and two are lost where it is not");
	test_case(few, "with no more probes than a binary search takes");
}

static const struct {
	const char *why, *dumb;
	guint nr, guilty, first, last;
} ranges[] = {
	{"a prefix that cannot tell is passed over", "  ?  ", 5, 4, 4, 4},
	{"two patches are not told apart without the prefix between", "   ? ",
		5, 4, 3, 4},
	{"nothing can tell: all of the series", " ????", 5, 2, 1, 5},
	{"a series of one patch needs no probe", "", 1, 1, 1, 1},
};

static void test_bisect_ranges(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
		struct series series = {
			ranges[i].guilty, ranges[i].nr, ranges[i].dumb, {0}, 0};
		struct bisect got;
		gboolean once = TRUE;

		bisect_series(ranges[i].nr, 0, ask, &series, &got);
		for (size_t p = 0; p < G_N_ELEMENTS(series.asked); p++)
			once &= series.asked[p] <= 1;
		test_case(got.first == ranges[i].first &&
				  got.last == ranges[i].last && once,
			ranges[i].why);
	}
}

/* --- the verdict
 * ---------------------------------------------------------------- */

static struct review *review_example(void)
{
	struct review *review = review_new();
	struct review_step *step;

	review->base = g_strdup("vanilla");
	review->release = g_strdup("6.12.117");
	review->series = g_strdup("my.mbox");
	review->version = g_strdup("0.1");
	review->seed = 7;
	review->nr_patches = 5;
	review->seconds = 299;
	review->budget = 300;
	step = review_step(review, "build", FALSE);
	step_end(step, VERDICT_PASS, "6 of 6 kernels");
	return review;
}

static void add_programs(struct review *review, enum verdict outcome)
{
	struct review_step *step = review_step(review, "programs", TRUE);

	step_case(step, "fork.prog", VERDICT_PASS, NULL);
	step_case(step, "swap#1.prog", outcome, "a page & \"its\" <swap>");
	step_end(step, outcome, "2 of 2 programs");
}

static struct review_finding *add_finding(
	struct review *review, enum review_weight weight)
{
	struct review_finding *finding = review_finding(review);

	finding->title = g_strdup("WARNING in unlink_anon_vmas");
	finding->where = g_strdup("in user space");
	finding->weight = weight;
	finding->patched_k = finding->patched_n = 20;
	finding->base_n = 4;
	finding->program = g_strdup("# note\np0 fork p1\np0 exit\n");
	finding->guilty = (struct bisect){.first = 3, .last = 3};
	finding->subject = g_strdup("mm/rmap: count a vma once");
	return finding;
}

static gboolean verdict_is(struct review *review, enum review_verdict want)
{
	gboolean ok = review_verdict(review) == want;

	review_free(review);
	return ok;
}

static void test_verdicts(void)
{
	struct review *review = review_example();

	test_case(verdict_is(review, REVIEW_NOT_TESTED),
		"builds alone are no test of the series");
	review = review_example();
	add_programs(review, VERDICT_PASS);
	test_case(verdict_is(review, REVIEW_CLEAN), "programs that pass are");
	review = review_example();
	add_programs(review, VERDICT_SKIP);
	test_case(verdict_is(review, REVIEW_NOT_TESTED),
		"a step that was skipped is no test");
	review = review_example();
	add_programs(review, VERDICT_PASS);
	((struct review_step *)review->steps->pdata[1])->cut = TRUE;
	test_case(verdict_is(review, REVIEW_NOT_TESTED),
		"nor is one that was cut short");
	review = review_example();
	add_programs(review, VERDICT_BROKEN);
	test_case(verdict_is(review, REVIEW_BROKEN),
		"our own failure is no finding");
	review = review_example();
	add_programs(review, VERDICT_PASS);
	add_finding(review, REVIEW_OLD);
	add_finding(review, REVIEW_UNCONFIRMED);
	test_case(verdict_is(review, REVIEW_CLEAN),
		"what base shows, or nothing shows again, does not count");
	review = review_example();
	add_programs(review, VERDICT_PASS);
	add_finding(review, REVIEW_UNJUDGED);
	test_case(verdict_is(review, REVIEW_UNDECIDED),
		"what there was no time to replay leaves no clean verdict");
	review = review_example();
	add_programs(review, VERDICT_BROKEN);
	add_finding(review, REVIEW_NEW);
	test_case(verdict_is(review, REVIEW_FINDINGS),
		"what only patched shows counts, whatever else broke");
}

/* Lines of 72 columns; those of programs and folders may be longer. */
static gboolean is_wrapped(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		if (strlen(*line) > 72 && strchr(g_strstrip(*line), ' '))
			return FALSE;
	}
	return TRUE;
}

static void test_text(void)
{
	struct review *review = review_example();
	g_autofree char *clean = NULL, *once = NULL, *found = NULL;
	struct review_step *step;

	add_programs(review, VERDICT_PASS);
	clean = review_text(review);
	test_case(strstr(clean, "Verdict: CLEAN.\n"), "a clean run says so");
	add_finding(review, REVIEW_UNCONFIRMED);
	once = review_text(review);
	test_case(strstr(once, "Verdict: CLEAN but for 1 finding that"),
		"and what came once is not hidden");
	((struct review_step *)review->steps->pdata[1])->found = 1;
	step = review_step(review, "selftests", TRUE);
	step_end(step, VERDICT_SKIP,
		"not built, for reasons that take more than one line of a "
		"mail to tell, as this one does");
	add_finding(review, REVIEW_NEW);
	found = review_text(review);
	test_case(strstr(found, "Verdict: FINDINGS: 1 that the series brings"),
		"the number of findings is in the verdict");
	test_case(strstr(found, "Shows from patch 3 of 5 on: mm/rmap: count a "
				"vma once"),
		"the patch is named by number and subject");
	test_case(strstr(found, "20 of 20 replays, base in 0 of 4.") &&
			  strstr(found, "the chance of that would be 0.07 %."),
		"k of n of both, and what luck could do, are told");
	test_case(strstr(found, "      p0 fork p1\n      p0 exit\n") &&
			  !strstr(found, "# note"),
		"the program is there, its notes are not");
	test_case(strstr(found, "\n  found  programs: 2 of 2"),
		"a step that found something is not just ok");
	test_case(strstr(found, "What was not tested\n\n  -      selftests:"),
		"what was not tested is listed by itself");
	test_case(is_wrapped(found), "the page is wrapped at 72 columns");
	review_free(review);
}

static void test_machines(void)
{
	struct review *review = review_example();
	g_autofree char *ktap = NULL, *junit = NULL;

	add_programs(review, VERDICT_FINDING);
	ktap = review_ktap(review);
	test_case(
		g_str_has_prefix(ktap, "KTAP version 1\n1..2\nok 1 build\n") ||
			g_str_has_prefix(ktap, "KTAP version 1\n1..2\n# 6"),
		"KTAP has its version and plan");
	test_case(strstr(ktap, "\n  KTAP version 1\n  # Subtest: programs\n"
			       "  1..2\n  ok 1 fork.prog\n"),
		"cases are a nested test");
	test_case(strstr(ktap, "\n  not ok 2 swap 1.prog\n") &&
			  strstr(ktap, "\nnot ok 2 programs\n"),
		"a '#' of a name would start a directive");
	junit = review_junit(review);
	test_case(strstr(junit, "<testsuite name=\"programs\" tests=\"2\" "
				"failures=\"1\" errors=\"0\" skipped=\"0\""),
		"JUnit counts its cases");
	test_case(strstr(junit, "a page &amp; &quot;its&quot; &lt;swap&gt;"),
		"and its text is escaped");
	review_free(review);
}

int main(void)
{
	test_rates();
	test_bisect_all();
	test_bisect_ranges();
	test_verdicts();
	test_text();
	test_machines();
	return test_end();
}
