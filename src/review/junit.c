/* SPDX-License-Identifier: GPL-2.0-only */
#include "review.h"

/* struct tally - the counts of a testsuite's head */
struct tally {
	guint tests, failures, errors, skipped;
};

static void count(struct tally *tally, enum verdict outcome)
{
	tally->tests++;
	tally->failures += outcome == VERDICT_FINDING;
	tally->errors += outcome == VERDICT_BROKEN;
	tally->skipped += outcome == VERDICT_SKIP;
}

/* XML 1.0 has no way to write most control characters. */
static char *escape(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);

	for (char *at = valid; *at; at++) {
		if ((guchar)*at < ' ' && *at != '\n' && *at != '\t')
			*at = '?';
	}
	return g_markup_escape_text(valid, -1);
}

static void print_case(GString *out, const char *suite, const char *name,
	enum verdict outcome, double seconds, const char *text)
{
	static const char *const tags[] = {
		[VERDICT_FINDING] = "failure",
		[VERDICT_SKIP] = "skipped",
		[VERDICT_BROKEN] = "error",
	};
	g_autofree char *safe = escape(name);
	g_autofree char *why = escape(text);

	g_string_append_printf(out,
		"    <testcase classname=\"rmaptorture.%s\" name=\"%s\" "
		"time=\"%.1f\"",
		suite, safe, seconds);
	if (outcome == VERDICT_PASS)
		g_string_append(out, "/>\n");
	else
		g_string_append_printf(out,
			">\n      <%s message=\"%s\"/>\n    </testcase>\n",
			tags[outcome], why);
}

static void print_suite(GString *out, const struct review_step *step)
{
	struct tally tally = {0};
	g_autofree char *name = escape(step->name);

	for (guint i = 0; i < step->cases->len; i++)
		count(&tally,
			((struct review_case *)step->cases->pdata[i])->outcome);
	if (!step->cases->len)
		count(&tally, step->outcome);
	g_string_append_printf(out,
		"  <testsuite name=\"%s\" tests=\"%u\" failures=\"%u\" "
		"errors=\"%u\" skipped=\"%u\" time=\"%.1f\">\n",
		name, tally.tests, tally.failures, tally.errors, tally.skipped,
		step->seconds);
	for (guint i = 0; i < step->cases->len; i++) {
		const struct review_case *one = step->cases->pdata[i];

		print_case(out, name, one->name, one->outcome, 0, one->text);
	}
	if (!step->cases->len)
		print_case(out, name, step->name, step->outcome, step->seconds,
			step->text);
	g_string_append(out, "  </testsuite>\n");
}

char *review_junit(const struct review *review)
{
	GString *out = g_string_new("<?xml version=\"1.0\" "
				    "encoding=\"UTF-8\"?>\n<testsuites>\n");

	for (guint i = 0; i < review->steps->len; i++)
		print_suite(out, review->steps->pdata[i]);
	g_string_append(out, "</testsuites>\n");
	return g_string_free(out, FALSE);
}
