/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-merge: races that two calls have, in every schedule with one preemption,
 * and with two at locks. Nothing is left to chance: what patched shows and base
 * does not is the series'.
 */
#include "host/premerge/premerge.h"

#include "host/user/report.h"
#include "host/user/tier.h"

#include <string.h>

#define PAIRS RMAPTORTURE_SOURCE_DIR "/corpus/pairs"

static enum verdict search(const struct kernel *kernel,
	const struct named_prog *named, gint64 seconds, GString *log)
{
	struct user_trial trial = {.kernel = kernel,
		.preemptions = 2,
		.at_locks = 2,
		.seconds = seconds};
	char buf[PROG_TEXT_MAX];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	prog_print(&named->prog, &text);
	g_string_truncate(log, 0);
	return user_tier_verdict(&trial, buf, log);
}

/* The program with the stalls that show it goes to the fuzzers' findings. */
static void file_schedule(const struct premerge *p,
	const struct named_prog *named, const char *log, const char *title)
{
	g_autofree char *text = user_report_program(log);
	struct named_prog found = {.name = named->name};

	if (!text || prog_parse(text, strlen(text), &found.prog, NULL))
		found.prog = named->prog;
	premerge_file(p, "user", &found, title);
}

/* Returns whether it is a finding that base has not. */
static gboolean one_pair(struct premerge *p, struct review_step *step,
	const struct named_prog *named, gint64 seconds)
{
	g_autoptr(GString) log = g_string_new(NULL);
	g_autoptr(GString) base_log = g_string_new(NULL);
	g_autofree char *name = g_path_get_basename(named->name);
	g_autofree char *title = NULL;
	enum verdict patched =
		search(p->kernel.user[p->nr], named, seconds, log);
	enum verdict base = VERDICT_PASS;

	if (patched != VERDICT_PASS)
		title = user_report_title(log->str);
	if (patched == VERDICT_FINDING)
		base = search(p->kernel.user[0], named, seconds, base_log);
	if (base == VERDICT_FINDING)
		patched = VERDICT_PASS;
	step_case(step, name, patched, title);
	if (patched != VERDICT_FINDING)
		return FALSE;
	file_schedule(p, named, log->str, title);
	return TRUE;
}

void premerge_schedules(struct premerge *p, double seconds)
{
	struct review_step *step =
		premerge_begin(p, "schedules, user space", TRUE);
	const char *const paths[] = {PAIRS, NULL};
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) pairs = programs_load(paths, &error);
	gint64 end = g_get_monotonic_time() + (gint64)(seconds * 1e6);
	guint i, bad = 0;

	if (!pairs) {
		step_end(step, VERDICT_BROKEN, "%s", error->message);
		premerge_done(step);
		return;
	}
	for (i = 0; i < pairs->len; i++) {
		gint64 left = (end - g_get_monotonic_time()) / G_USEC_PER_SEC;

		if (left < 1 || premerge_left(p) < 1)
			break;
		host_progress(p->options, TRUE, "schedules: %u of %u", i + 1,
			pairs->len);
		bad += one_pair(p, step, pairs->pdata[i], left);
	}
	step->cut = i < pairs->len;
	premerge_done(step);
	step_end(step,
		bad ? VERDICT_FINDING
		: i ? VERDICT_PASS
		    : VERDICT_SKIP,
		"%u of %u pairs of calls, one preemption at each point, or two "
		"at locks; "
		"%u wrong on patched only",
		i, pairs->len, bad);
}
