/* SPDX-License-Identifier: GPL-2.0-only */
/* The page for a reply mail. */
#include "review.h"

#include <string.h>

#define COLUMNS	      72
#define PROGRAM_LINES 30
#define CASES_SHOWN   8

/* @text word by word; the first line begins with @first, the others with as
 * many blanks. */
static void wrap(GString *out, const char *first, const char *text)
{
	g_auto(GStrv) words = g_strsplit_set(text, " \n\t", -1);
	gsize indent = strlen(first), column = indent;
	gboolean empty = TRUE;

	g_string_append(out, first);
	for (char **word = words; *word; word++) {
		gsize len = strlen(*word);

		if (!len)
			continue;
		if (!empty && column + 1 + len > COLUMNS) {
			g_string_append_printf(out, "\n%*s", (int)indent, "");
			column = indent;
			empty = TRUE;
		}
		g_string_append_printf(out, "%s%s", empty ? "" : " ", *word);
		column += len + !empty;
		empty = FALSE;
	}
	g_string_append_c(out, '\n');
}

static void wrapf(GString *out, const char *first, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
static void wrapf(GString *out, const char *first, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	wrap(out, first, text);
}

/* "5 m", "1 h 20 m", "40 s" */
static char *duration(double seconds)
{
	guint s = (guint)(seconds + 0.5);

	if (s < 100)
		return g_strdup_printf("%u s", s);
	if (s < 6000)
		return g_strdup_printf("%u m %u s", s / 60, s % 60);
	return g_strdup_printf("%u h %u m", s / 3600, s / 60 % 60);
}

/* "1 in 80000", "0.3 %" */
static char *chance(double p)
{
	if (p >= 0.01)
		return g_strdup_printf("%.0f %%", p * 100);
	if (p >= 0.0001)
		return g_strdup_printf("%.2f %%", p * 100);
	return g_strdup_printf("under 0.01 %%");
}

/* ---- findings ---- */

static void print_program(GString *out, const char *program)
{
	g_auto(GStrv) lines = g_strsplit(program ? program : "", "\n", -1);
	guint nr = 0, left = 0;

	for (char **line = lines; *line; line++) {
		if (!**line || **line == '#')
			continue;
		if (nr++ < PROGRAM_LINES)
			g_string_append_printf(out, "      %s\n", *line);
		else
			left++;
	}
	if (left)
		g_string_append_printf(out, "      ... %u more calls\n", left);
}

static void print_guilty(
	GString *out, const struct review_finding *finding, guint nr_patches)
{
	const struct bisect *guilty = &finding->guilty;

	if (!guilty->first)
		return;
	if (guilty->first == guilty->last)
		wrapf(out, "    ", "Shows from patch %u of %u on: %s",
			guilty->first, nr_patches,
			finding->subject ? finding->subject : "?");
	else
		wrapf(out, "    ",
			"Shows from one of the patches %u to %u of %u on, not "
			"told apart: %s",
			guilty->first, guilty->last, nr_patches,
			finding->why_range ? finding->why_range : "?");
	if (finding->touched)
		wrap(out, "    ", finding->touched);
}

static void print_rates(GString *out, const struct review_finding *finding)
{
	double luck = rate_luck(
		finding->patched_k, finding->patched_n, finding->base_n);
	g_autofree char *text = chance(luck);
	const char *what = finding->boots ? "boots" : "replays";

	if (finding->weight == REVIEW_UNCONFIRMED) {
		wrapf(out, "    ", "None of %u replays showed it again.",
			finding->patched_n);
		return;
	}
	if (!finding->patched_n)
		return;
	wrapf(out, "    ",
		"Patched shows it in %u of %u %s, base in %u of %u%s%s.",
		finding->patched_k, finding->patched_n, what, finding->base_k,
		finding->base_n, finding->base_title ? ", as " : "",
		finding->base_title ? finding->base_title : "");
	if (finding->weight != REVIEW_OLD && !finding->boots && finding->base_n)
		wrapf(out, "    ",
			"Were it in base too, the chance of that would be %s.",
			text);
}

static void print_finding(GString *out, const struct review *review,
	const struct review_finding *finding, guint nr)
{
	g_autofree char *head = g_strdup_printf("[%u] ", nr);

	wrapf(out, head, "%s", finding->title);
	wrapf(out, "    ", "Found %s.", finding->where);
	print_guilty(out, finding, review->nr_patches);
	print_rates(out, finding);
	if (finding->elsewhere)
		wrap(out, "    ", finding->elsewhere);
	if (finding->weight == REVIEW_NEW) {
		g_string_append(out, "    Program:\n");
		print_program(out, finding->program);
	}
	if (finding->dir)
		g_string_append_printf(out, "    %s\n", finding->dir);
	g_string_append_c(out, '\n');
}

static void print_findings(GString *out, const struct review *review,
	enum review_weight weight, const char *heading)
{
	guint nr = 0;

	for (guint i = 0; i < review->findings->len; i++) {
		const struct review_finding *finding =
			review->findings->pdata[i];

		if (finding->weight != weight)
			continue;
		if (!nr)
			g_string_append_printf(out, "%s\n\n", heading);
		print_finding(out, review, finding, ++nr);
	}
}

/* ---- steps ---- */

static gboolean is_told(const struct review_step *step, gboolean tested)
{
	return (step->outcome == VERDICT_SKIP) != tested;
}

static const char *mark(const struct review_step *step)
{
	static const char *const marks[] = {
		[VERDICT_PASS] = "ok",
		[VERDICT_FINDING] = "BAD",
		[VERDICT_SKIP] = "-",
		[VERDICT_BROKEN] = "BROKEN",
	};

	if (step->outcome == VERDICT_PASS && step->found)
		return "found";
	return marks[step->outcome];
}

static void print_step(GString *out, const struct review_step *step)
{
	g_autofree char *took = duration(step->seconds);
	g_autofree char *head = g_strdup_printf("  %-6s ", mark(step));
	guint shown = 0;

	wrapf(out, head, "%s: %s%s%s%s", step->name,
		step->text ? step->text : "", step->seconds >= 1 ? " (" : "",
		step->seconds >= 1 ? took : "", step->seconds >= 1 ? ")" : "");
	for (guint i = 0; i < step->cases->len; i++) {
		const struct review_case *one = step->cases->pdata[i];

		if (one->outcome != VERDICT_PASS && one->text &&
			shown++ < CASES_SHOWN)
			wrapf(out, "           ", "%s: %s", one->name,
				one->text);
	}
	if (shown > CASES_SHOWN)
		wrapf(out, "           ", "and %u more", shown - CASES_SHOWN);
}

static void print_steps(GString *out, const struct review *review,
	gboolean tested, const char *heading)
{
	gboolean any = FALSE;

	for (guint i = 0; i < review->steps->len; i++) {
		const struct review_step *step = review->steps->pdata[i];

		if (!is_told(step, tested))
			continue;
		if (!any)
			g_string_append_printf(out, "%s\n\n", heading);
		any = TRUE;
		print_step(out, step);
	}
	if (any)
		g_string_append_c(out, '\n');
}

/* ---- head ---- */

static gboolean has_gaps(const struct review *review)
{
	for (guint i = 0; i < review->steps->len; i++) {
		const struct review_step *step = review->steps->pdata[i];

		if (step->outcome == VERDICT_SKIP || step->cut)
			return TRUE;
	}
	return FALSE;
}

static void print_clean(GString *out, const struct review *review)
{
	guint once = review_nr(review, REVIEW_UNCONFIRMED);

	if (once)
		wrapf(out, "Verdict: ",
			"CLEAN but for %u finding%s that no replay showed "
			"again, see below%s",
			once, once == 1 ? "" : "s",
			has_gaps(review) ? "; nor was everything tested."
					 : ".");
	else
		wrap(out, "Verdict: ",
			has_gaps(review)
				? "CLEAN in what was tested; what was not is "
				  "listed below."
				: "CLEAN.");
}

static void print_verdict(GString *out, const struct review *review)
{
	guint nr = review_nr(review, REVIEW_NEW);

	switch (review_verdict(review)) {
	case REVIEW_CLEAN:
		print_clean(out, review);
		break;
	case REVIEW_FINDINGS:
		if (nr)
			wrapf(out, "Verdict: ",
				"FINDINGS: %u that the series brings.", nr);
		else
			wrap(out, "Verdict: ",
				"FINDINGS: see the steps marked BAD.");
		break;
	case REVIEW_UNDECIDED:
		wrapf(out, "Verdict: ",
			"UNDECIDED: %u found, and no time to run it on base; "
			"the same command goes on.",
			review_nr(review, REVIEW_UNJUDGED));
		break;
	case REVIEW_NOT_TESTED:
		wrap(out, "Verdict: ",
			"NOT TESTED: no test of the patched kernel came to "
			"its end.");
		break;
	case REVIEW_BROKEN:
		wrap(out, "Verdict: ",
			"BROKEN: this says nothing of the series; see the "
			"steps marked BROKEN.");
		break;
	}
}

char *review_text(const struct review *review)
{
	GString *out = g_string_new(NULL);
	g_autofree char *took = duration(review->seconds);
	g_autofree char *budget = duration(review->budget);

	wrapf(out, "", "Pre-merge run of %s, %u patch%s, on %s%s%s%s",
		review->series, review->nr_patches,
		review->nr_patches == 1 ? "" : "es", review->base,
		review->release ? " (" : "",
		review->release ? review->release : "",
		review->release ? ")" : "");
	wrapf(out, "", "rmaptorture %s, seed %" G_GUINT64_FORMAT ", %s of %s",
		review->version, review->seed, took, budget);
	g_string_append_c(out, '\n');
	print_verdict(out, review);
	g_string_append_c(out, '\n');
	print_findings(out, review, REVIEW_NEW, "What the series brings");
	print_steps(out, review, TRUE, "What was tested");
	print_steps(out, review, FALSE, "What was not tested");
	print_findings(out, review, REVIEW_UNCONFIRMED,
		"Seen once, and not again: not counted");
	print_findings(out, review, REVIEW_UNJUDGED,
		"Not decided, for want of time or of replays that show it");
	print_findings(
		out, review, REVIEW_OLD, "What base shows too: not counted");
	return g_string_free(out, FALSE);
}
