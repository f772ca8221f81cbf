/* SPDX-License-Identifier: GPL-2.0-only */
/* Selftests for readers: KTAP, JUnit, and where two runs differ. */
#include "host/selftests/selftests.h"

#include <string.h>

#define DIAGNOSTICS 40 /* lines of output of a program that failed */

/* ---- KTAP: Documentation/dev-tools/ktap.rst ---- */

/* One line: KTAP cuts a description at '#', and reads lines. */
static char *one_line(const char *text)
{
	char *line = g_strdup(text ? text : "");

	return g_strstrip(g_strdelimit(line, "#\n\r\033", ' '));
}

static void ktap_line(FILE *out, const char *indent, guint number,
	const char *name, enum selftest_outcome outcome, const char *why)
{
	static const char *const directives[] = {
		[SELFTEST_PASS] = "",
		[SELFTEST_FAIL] = "",
		[SELFTEST_SKIP] = "SKIP ",
		[SELFTEST_TIMEOUT] = "TIMEOUT ",
		[SELFTEST_DIED] = "",
		[SELFTEST_BROKEN] = "ERROR ",
	};
	g_autofree char *clean = one_line(name), *reason = one_line(why);
	gboolean ok = outcome == SELFTEST_PASS || outcome == SELFTEST_SKIP;
	const char *directive = directives[outcome];
	gboolean more = *directive || *reason;

	fprintf(out, "%s%s %u %s%s%s%s\n", indent, ok ? "ok" : "not ok", number,
		clean, more ? " # " : "", directive, reason);
}

/* The end of what a program printed: the reason is mostly there. */
static void ktap_diagnostics(FILE *out, const char *output)
{
	g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
	guint nr = g_strv_length(lines);

	for (guint i = nr > DIAGNOSTICS ? nr - DIAGNOSTICS : 0; i < nr; i++) {
		g_autofree char *line = one_line(lines[i]);

		if (*line)
			fprintf(out, "# %s\n", line);
	}
}

static void ktap_test(FILE *out, guint number, const struct selftest *test)
{
	if (test->cases->len) {
		fprintf(out, "  KTAP version 1\n  1..%u\n", test->cases->len);
		for (guint i = 0; i < test->cases->len; i++) {
			const struct selftest_case *c = test->cases->pdata[i];

			ktap_line(
				out, "  ", i + 1, c->name, c->outcome, c->why);
		}
	}
	if (test->outcome != SELFTEST_PASS && test->outcome != SELFTEST_SKIP)
		ktap_diagnostics(out, test->output);
	ktap_line(out, "", number, test->name, test->outcome, test->why);
}

void selftests_ktap(const struct selftests *run, FILE *out)
{
	fprintf(out, "KTAP version 1\n# kernel %s:%s %s%s%s\n1..%u\n",
		run->kernel, run->profile, run->build_id,
		*run->append ? " " : "", run->append, run->tests->len);
	for (guint i = 0; i < run->tests->len; i++)
		ktap_test(out, i + 1, run->tests->pdata[i]);
}

/* ---- JUnit ---- */

static void junit_case(FILE *out, const char *suite, const char *name,
	enum selftest_outcome outcome, const char *why)
{
	static const char *const elements[] = {
		[SELFTEST_FAIL] = "failure",
		[SELFTEST_SKIP] = "skipped",
		[SELFTEST_TIMEOUT] = "failure",
		[SELFTEST_DIED] = "failure",
		[SELFTEST_BROKEN] = "error",
	};
	g_autofree char *line = one_line(why);
	g_autofree char *text = g_markup_escape_text(line, -1);
	g_autofree char *label = g_markup_escape_text(name, -1);

	fprintf(out, "    <testcase classname=\"%s\" name=\"%s\"", suite,
		label);
	if (outcome == SELFTEST_PASS)
		fprintf(out, "/>\n");
	else
		fprintf(out, "><%s message=\"%s\"/></testcase>\n",
			elements[outcome], text);
}

void selftests_junit(const struct selftests *run, FILE *out)
{
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites name=\"selftests %s:%s\">\n",
		run->kernel, run->profile);
	for (guint i = 0; i < run->tests->len; i++) {
		const struct selftest *test = run->tests->pdata[i];

		fprintf(out,
			"  <testsuite name=\"%s\" tests=\"%u\" "
			"time=\"%.1f\">\n",
			test->name, test->cases->len + 1, test->seconds);
		for (guint c = 0; c < test->cases->len; c++) {
			const struct selftest_case *one = test->cases->pdata[c];

			junit_case(out, test->name, one->name, one->outcome,
				one->why);
		}
		junit_case(
			out, test->name, "(program)", test->outcome, test->why);
		fprintf(out, "  </testsuite>\n");
	}
	fprintf(out, "</testsuites>\n");
}

/* ---- two runs ---- */

static const struct selftest *test_find(
	const struct selftests *run, const char *name)
{
	for (guint i = 0; i < run->tests->len; i++) {
		const struct selftest *test = run->tests->pdata[i];

		if (!strcmp(test->name, name))
			return test;
	}
	return NULL;
}

static const struct selftest_case *case_find(
	const struct selftest *test, const char *name)
{
	for (guint i = 0; i < test->cases->len; i++) {
		const struct selftest_case *c = test->cases->pdata[i];

		if (!strcmp(c->name, name))
			return c;
	}
	return NULL;
}

static void difference_add(GPtrArray *list, const char *test, const char *name,
	const struct selftest_case *before, const struct selftest_case *after)
{
	struct selftest_difference *d;

	if (before && after && before->outcome == after->outcome)
		return;
	d = g_new0(struct selftest_difference, 1);
	d->test = test;
	d->test_case = name;
	d->before_absent = !before;
	d->after_absent = !after;
	if (before) {
		d->before = before->outcome;
		d->before_why = before->why;
	}
	if (after) {
		d->after = after->outcome;
		d->after_why = after->why;
	}
	d->worse = before && before->outcome == SELFTEST_PASS &&
		   (!after || after->outcome != SELFTEST_PASS);
	g_ptr_array_add(list, d);
}

static void compare_cases(GPtrArray *list, const struct selftest *before,
	const struct selftest *after)
{
	for (guint i = 0; i < before->cases->len; i++) {
		const struct selftest_case *c = before->cases->pdata[i];

		difference_add(list, before->name, c->name, c,
			case_find(after, c->name));
	}
	for (guint i = 0; i < after->cases->len; i++) {
		const struct selftest_case *c = after->cases->pdata[i];

		if (!case_find(before, c->name))
			difference_add(list, after->name, c->name, NULL, c);
	}
}

GPtrArray *selftests_compare(
	const struct selftests *before, const struct selftests *after)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < before->tests->len; i++) {
		const struct selftest *one = before->tests->pdata[i];
		const struct selftest *two = test_find(after, one->name);
		struct selftest_case whole = {
			.outcome = one->outcome, .why = one->why};
		struct selftest_case other = {0};

		if (!two)
			continue;
		other.outcome = two->outcome;
		other.why = two->why;
		difference_add(list, one->name, NULL, &whole, &other);
		compare_cases(list, one, two);
	}
	return list;
}

static const char *outcome_or(gboolean absent, enum selftest_outcome outcome)
{
	return absent ? "-" : selftest_outcome_name(outcome);
}

static void table_counts(const struct selftests *run, FILE *out)
{
	guint tests[SELFTEST_BROKEN + 1] = {0},
				      cases[SELFTEST_BROKEN + 1] = {0};

	for (guint i = 0; i < run->tests->len; i++) {
		const struct selftest *test = run->tests->pdata[i];

		tests[test->outcome]++;
		for (guint c = 0; c < test->cases->len; c++) {
			const struct selftest_case *one = test->cases->pdata[c];

			cases[one->outcome]++;
		}
	}
	fprintf(out,
		"%s:%s%s%s: programs: %u pass, %u fail, %u skip, %u timeout, "
		"%u died, %u broken; cases: %u pass, %u fail, %u skip\n",
		run->kernel, run->profile, *run->append ? " " : "", run->append,
		tests[SELFTEST_PASS], tests[SELFTEST_FAIL],
		tests[SELFTEST_SKIP], tests[SELFTEST_TIMEOUT],
		tests[SELFTEST_DIED], tests[SELFTEST_BROKEN],
		cases[SELFTEST_PASS], cases[SELFTEST_FAIL],
		cases[SELFTEST_SKIP]);
}

void selftests_table(const struct selftests *before,
	const struct selftests *after, const GPtrArray *differences, FILE *out)
{
	table_counts(before, out);
	if (!after)
		return;
	table_counts(after, out);
	for (guint i = 0; i < differences->len; i++) {
		const struct selftest_difference *d = differences->pdata[i];
		const char *why = d->after_why ? d->after_why : d->before_why;

		fprintf(out, "%c %-8s %-8s %s%s%s%s%s\n", d->worse ? '!' : ' ',
			outcome_or(d->before_absent, d->before),
			outcome_or(d->after_absent, d->after), d->test,
			d->test_case ? ": " : "",
			d->test_case ? d->test_case : "", why ? " # " : "",
			why ? why : "");
	}
	fprintf(out, "%u differences\n", differences->len);
}
