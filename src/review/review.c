/* SPDX-License-Identifier: GPL-2.0-only */
#include "review.h"

static void case_free(gpointer data)
{
	struct review_case *one = data;

	g_free(one->name);
	g_free(one->text);
	g_free(one);
}

static void step_free(gpointer data)
{
	struct review_step *step = data;

	g_free(step->name);
	g_free(step->text);
	g_ptr_array_unref(step->cases);
	g_free(step);
}

static void finding_free(gpointer data)
{
	struct review_finding *finding = data;

	g_free(finding->title);
	g_free(finding->where);
	g_free(finding->dir);
	g_free(finding->program);
	g_free(finding->base_title);
	g_free(finding->why_range);
	g_free(finding->subject);
	g_free(finding->touched);
	g_free(finding->elsewhere);
	g_free(finding);
}

struct review *review_new(void)
{
	struct review *review = g_new0(struct review, 1);

	review->steps = g_ptr_array_new_with_free_func(step_free);
	review->findings = g_ptr_array_new_with_free_func(finding_free);
	return review;
}

void review_free(struct review *review)
{
	if (!review)
		return;
	g_free(review->base);
	g_free(review->release);
	g_free(review->series);
	g_free(review->version);
	g_ptr_array_unref(review->steps);
	g_ptr_array_unref(review->findings);
	g_free(review);
}

struct review_step *review_step(
	struct review *review, const char *name, gboolean tests)
{
	struct review_step *step = g_new0(struct review_step, 1);

	step->name = g_strdup(name);
	step->tests = tests;
	step->cases = g_ptr_array_new_with_free_func(case_free);
	g_ptr_array_add(review->steps, step);
	return step;
}

void step_end(
	struct review_step *step, enum verdict outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_free(step->text);
	step->text = g_strdup_vprintf(format, args);
	va_end(args);
	step->outcome = outcome;
}

void step_no_time(struct review_step *step)
{
	step->cut = TRUE;
	step_end(step, VERDICT_SKIP, "no time was left for it: --max-runtime");
}

void step_case(struct review_step *step, const char *name, enum verdict outcome,
	const char *text)
{
	struct review_case *one = g_new0(struct review_case, 1);

	one->name = g_strdup(name);
	one->text = g_strdup(text);
	one->outcome = outcome;
	g_ptr_array_add(step->cases, one);
}

struct review_finding *review_finding(struct review *review)
{
	struct review_finding *finding = g_new0(struct review_finding, 1);

	g_ptr_array_add(review->findings, finding);
	return finding;
}

guint review_nr(const struct review *review, enum review_weight weight)
{
	guint nr = 0;

	for (guint i = 0; i < review->findings->len; i++) {
		const struct review_finding *finding =
			review->findings->pdata[i];

		nr += finding->weight == weight;
	}
	return nr;
}

enum review_verdict review_verdict(const struct review *review)
{
	gboolean broken = FALSE, tested = FALSE;

	if (review_nr(review, REVIEW_NEW))
		return REVIEW_FINDINGS;
	for (guint i = 0; i < review->steps->len; i++) {
		const struct review_step *step = review->steps->pdata[i];

		if (step->outcome == VERDICT_FINDING)
			return REVIEW_FINDINGS;
		broken |= step->outcome == VERDICT_BROKEN;
		tested |= step->tests && !step->cut &&
			  step->outcome == VERDICT_PASS;
	}
	if (broken)
		return REVIEW_BROKEN;
	if (review_nr(review, REVIEW_UNJUDGED))
		return REVIEW_UNDECIDED;
	return tested ? REVIEW_CLEAN : REVIEW_NOT_TESTED;
}
