/* SPDX-License-Identifier: GPL-2.0-only */
#include "review.h"

static const char *const words[] = {
	[VERDICT_PASS] = "ok",
	[VERDICT_FINDING] = "not ok",
	[VERDICT_SKIP] = "ok",
	[VERDICT_BROKEN] = "not ok",
};

/* A name may hold neither '#' nor a line break. */
static char *clean(const char *text)
{
	return g_strdelimit(g_strdup(text), "#\n\r", ' ');
}

static void print_line(GString *out, const char *indent, guint nr,
	const char *name, enum verdict outcome, const char *text)
{
	g_autofree char *safe = clean(name);
	g_autofree char *why = text ? clean(text) : NULL;

	if (why && outcome != VERDICT_SKIP)
		g_string_append_printf(out, "%s# %s\n", indent, why);
	g_string_append_printf(
		out, "%s%s %u %s", indent, words[outcome], nr, safe);
	if (outcome == VERDICT_SKIP)
		g_string_append_printf(out, " # SKIP %s", why ? why : "");
	if (outcome == VERDICT_BROKEN)
		g_string_append(out, " # ERROR");
	g_string_append_c(out, '\n');
}

static void print_cases(GString *out, const struct review_step *step)
{
	g_string_append_printf(out,
		"  KTAP version 1\n  # Subtest: %s\n  1..%u\n", step->name,
		step->cases->len);
	for (guint i = 0; i < step->cases->len; i++) {
		const struct review_case *one = step->cases->pdata[i];

		print_line(
			out, "  ", i + 1, one->name, one->outcome, one->text);
	}
}

char *review_ktap(const struct review *review)
{
	GString *out = g_string_new("KTAP version 1\n");

	g_string_append_printf(out, "1..%u\n", review->steps->len);
	for (guint i = 0; i < review->steps->len; i++) {
		const struct review_step *step = review->steps->pdata[i];

		if (step->cases->len)
			print_cases(out, step);
		print_line(
			out, "", i + 1, step->name, step->outcome, step->text);
	}
	return g_string_free(out, FALSE);
}
