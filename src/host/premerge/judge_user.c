/* SPDX-License-Identifier: GPL-2.0-only */
/* Pre-merge: findings of user space, right after its tests: replays on base,
 * bisection; later, what a VM says to them. */
#include "host/premerge/premerge.h"
#include "host/user/tier.h"

#include <string.h>

#define SHRUNK_RUNS  1 /* it is counted afterwards */
#define USER_RUNS    20
#define USER_MAX     60 /* clean runs, at most */
#define USER_LUCK    0.001
#define SHRINK_MIN_S 30
#define VM_RUNS	     3
#define VM_MIN_S     20

static char *program_text(const struct prog *prog)
{
	char *buf = g_malloc(PROG_TEXT_MAX);
	struct text text;

	text_init(&text, buf, PROG_TEXT_MAX);
	prog_print(prog, &text);
	return buf;
}

/* As small as it gets on patched; where that fails, as it ran */
static gboolean small_program(
	struct premerge *p, struct finding *from, struct prog *ret)
{
	struct user_trial trial = {.kernel = p->kernel.user[p->nr]};
	g_autoptr(GError) error = NULL;

	if (!from->has_repro && trial.kernel &&
		premerge_left(p) >= SHRINK_MIN_S &&
		!user_tier_shrink(&trial, from, SHRUNK_RUNS, &error))
		host_progress(p->options, FALSE, "%s", error->message);
	return user_tier_program(from, ret);
}

static void judge_user(struct premerge *p, struct finding *from)
{
	struct review_finding *finding =
		premerge_finding(p, from, "in user space");
	struct shows shows = {.p = p, .title = from->title};
	struct prog prog;

	host_progress(p->options, FALSE, "judging: %s", from->title);
	if (!small_program(p, from, &prog))
		return;
	finding->program = program_text(&prog);
	shows.text = finding->program;
	premerge_weigh(
		&shows, shows_user, USER_RUNS, USER_LUCK, USER_MAX, finding);
	if (finding->weight == REVIEW_NEW)
		premerge_bisect(&shows, shows_user, FALSE, finding);
}

void premerge_judge_user(struct premerge *p)
{
	struct review_step *step =
		premerge_begin(p, "replays on base, user space", FALSE);
	g_autofree char *dir = g_build_filename(p->want->out, "user", NULL);
	g_autoptr(GPtrArray) list = store_list(dir, NULL);
	guint first = p->review->findings->len;

	for (guint i = 0; list && i < list->len; i++) {
		if (i < PREMERGE_JUDGED)
			judge_user(p, list->pdata[i]);
		else
			premerge_finding(p, list->pdata[i], "in user space");
	}
	premerge_done(step);
	premerge_judged(p, step, first);
}

/* ---- in a VM ---- */

static void ask_vm(struct premerge *p, struct review_finding *finding)
{
	struct prog prog;
	struct shows shows = {.p = p,
		.title = finding->title,
		.candidate = {.nr = {1}, .prog = {&prog}}};
	guint k = 0, n = 0;

	if (prog_parse(
		    finding->program, strlen(finding->program), &prog, NULL) ||
		premerge_left(p) < VM_MIN_S ||
		!shows_vm(&shows, p->nr, VM_RUNS, 0, &k, &n) || !n)
		finding->elsewhere =
			g_strdup("Not run in a VM: no time was left for it.");
	else
		finding->elsewhere = g_strdup_printf(
			"In a VM: %u of %u runs%s%s.", k, n, k ? ", as " : "",
			!k	       ? ""
			: *shows.other ? shows.other
				       : finding->title);
}

void premerge_ask_vm(struct premerge *p)
{
	for (guint i = 0; i < p->review->findings->len; i++) {
		struct review_finding *finding = p->review->findings->pdata[i];

		if (finding->weight == REVIEW_NEW && finding->program)
			ask_vm(p, finding);
	}
}
