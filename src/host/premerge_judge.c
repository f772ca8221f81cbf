/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-merge: a finding counts where patched shows it and base shows
 * nothing, in so many runs that luck is ruled out.
 */
#include "premerge.h"
#include "user_tier.h"

#include <errno.h>
#include <string.h>

#define SHRUNK_RUNS  1 /* it is counted afterwards */
#define USER_RUNS    20
#define USER_MAX     60 /* clean runs, at most */
#define USER_LUCK    0.001
#define VM_RUNS	     8
#define VM_MAX	     30
#define VM_LUCK	     0.01
#define STRESS_RUNS  4
#define STRESS_MAX   10
#define LUCK_MAX     0.05 /* base may have it, too: nothing counts */
#define JUDGED	     10	  /* findings of a tier */
#define VM_MIN_S     20	  /* less is not enough to replay */
#define SHRINK_MIN_S 30
#define PEEKS	     2 /* at base, before that */
#define SHRINK_VM_S  60
#define SHRINK_TRIES 100

/* Patched, then base. */
static void weigh(struct shows *shows, shows_fn *fn, guint runs, double luck,
	guint max, struct review_finding *finding)
{
	struct premerge *p = shows->p;

	if (!fn(shows, p->nr, runs, 0, &finding->patched_k,
		    &finding->patched_n) ||
		!finding->patched_n)
		return;
	finding->weight = REVIEW_UNCONFIRMED;
	if (!finding->patched_k)
		return;
	shows->rate_k = finding->patched_k;
	shows->rate_n = finding->patched_n;
	shows->runs = rate_runs(shows->rate_k, shows->rate_n, luck, max);
	*shows->other = '\0';
	finding->weight = REVIEW_UNJUDGED;
	if (!fn(shows, 0, shows->runs ? shows->runs : max, 0, &finding->base_k,
		    &finding->base_n))
		return;
	if (finding->base_k || !p->nr)
		finding->weight = REVIEW_OLD;
	else if (rate_luck(shows->rate_k, shows->rate_n, finding->base_n) <=
		 LUCK_MAX)
		finding->weight = REVIEW_NEW;
	if (finding->base_k && *shows->other)
		finding->base_title = g_strdup(shows->other);
}

static char *program_text(const struct prog *prog)
{
	char *buf = g_malloc(PROG_TEXT_MAX);
	struct text text;

	text_init(&text, buf, PROG_TEXT_MAX);
	prog_print(prog, &text);
	return buf;
}

static struct review_finding *new_finding(
	struct premerge *p, const struct finding *from, const char *where)
{
	struct review_finding *finding = review_finding(p->review);

	finding->title = g_strdup(from->title);
	finding->dir = g_strdup(from->dir);
	finding->where = g_strdup(where);
	finding->weight = REVIEW_UNJUDGED;
	return finding;
}

/* ---- user space ---- */

/* What the real kernel says to a finding of user space. */
static void ask_vm(struct shows *shows, struct review_finding *finding)
{
	struct premerge *p = shows->p;
	guint k = 0, n = 0;

	if (!p->kernel.kasan[p->nr] || premerge_left(p) < VM_MIN_S)
		finding->elsewhere =
			g_strdup("Not run in a VM: see what was not tested.");
	else if (shows_vm(shows, p->nr, 3, 0, &k, &n))
		finding->elsewhere = g_strdup_printf(
			"In a VM: %u of %u runs%s%s.", k, n, k ? ", as " : "",
			!k		? ""
			: *shows->other ? shows->other
					: finding->title);
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
	struct review_finding *finding = new_finding(p, from, "in user space");
	struct shows shows = {.p = p, .title = from->title};
	struct prog prog;

	host_progress(p->options, FALSE, "judging: %s", from->title);
	if (!small_program(p, from, &prog))
		return;
	finding->program = program_text(&prog);
	shows.text = finding->program;
	weigh(&shows, shows_user, USER_RUNS, USER_LUCK, USER_MAX, finding);
	if (finding->weight != REVIEW_NEW)
		return;
	premerge_bisect(&shows, shows_user, FALSE, finding);
	shows.candidate.nr[0] = 1;
	shows.candidate.prog[0] = g_memdup2(&prog, sizeof(prog));
	*shows.other = '\0';
	ask_vm(&shows, finding);
	candidate_clear(&shows.candidate);
}

/* ---- VM ---- */

/* A single program that user space shows too is bisected there: those kernels
 * are built already. */
static gboolean bisect_user(struct shows *shows, struct review_finding *finding)
{
	struct premerge *p = shows->p;
	struct shows user = *shows;
	guint k, n;

	user.text = finding->program;
	if (!candidate_single(&shows->candidate) ||
		!shows_user(&user, p->nr, 3, 0, &k, &n) || k < n ||
		!shows_user(&user, 0, 3, 1, &k, &n) || k)
		return FALSE;
	user.runs = 3;
	finding->elsewhere =
		g_strdup("The same program shows it in user space, where it "
			 "was bisected.");
	premerge_bisect(&user, shows_user, FALSE, finding);
	return TRUE;
}

/* struct shrink - a program in VMs on its way to fewer calls */
struct shrink {
	struct shows *shows;
	struct target *target;
	const char *dir;
	gint64 end; /* monotonic us */
};

/* prog_minimize()'s question: what misses one of two runs is not smaller. */
static int still_shows(const struct prog *prog, void *user)
{
	struct shrink *shrink = user;
	struct candidate one = {.nr = {1}, .prog = {(void *)prog}};

	for (guint try = 0; try < 2; try++) {
		struct report report;
		double seconds;

		if (g_get_monotonic_time() > shrink->end)
			return -ETIME;
		if (replay_run(shrink->target, shrink->dir, &one,
			    shrink->shows->title, &seconds, &report) <= 0)
			return 0;
	}
	return 1;
}

/* For a part of the time that is left: base and bisection want theirs. */
static void shrink_vm(
	struct shows *shows, struct target *target, const char *dir)
{
	struct prog *prog = candidate_single(&shows->candidate);
	guint k = 0, n;
	double seconds = MIN(SHRINK_VM_S, premerge_left(shows->p) / 8);
	struct shrink shrink = {
		.shows = shows,
		.target = target,
		.dir = dir,
		.end = g_get_monotonic_time() + (gint64)(seconds * 1e6),
	};

	/* what base shows is told by its title only */
	if (prog && shows_vm(shows, 0, PEEKS, 1, &k, &n) && !k)
		(void)prog_minimize(prog, still_shows, &shrink, SHRINK_TRIES);
}

static void judge_vm(struct premerge *p, struct finding *from)
{
	struct review_finding *finding = new_finding(p, from, "in a VM");
	g_autofree char *dir = g_build_filename(p->scratch, "replay", NULL);
	struct shows shows = {.p = p, .title = from->title};
	struct target *target = NULL;

	if (premerge_left(p) >= VM_MIN_S)
		target = premerge_vm(p, p->nr, NULL);
	if (!target)
		return;
	host_progress(p->options, FALSE, "judging: %s", from->title);
	if (!replay_find(target, dir, from, p->options, &shows.candidate)) {
		finding->weight = REVIEW_UNCONFIRMED;
		return;
	}
	shrink_vm(&shows, target, dir);
	finding->program = candidate_text(&shows.candidate);
	weigh(&shows, shows_vm, VM_RUNS, VM_LUCK, VM_MAX, finding);
	if (finding->weight == REVIEW_NEW && !bisect_user(&shows, finding))
		premerge_bisect(&shows, shows_vm, TRUE, finding);
	candidate_clear(&shows.candidate);
}

/* ---- all ---- */

static GPtrArray *list(const struct premerge *p, const char *tier)
{
	g_autofree char *dir = g_build_filename(p->want->out, tier, NULL);

	return store_list(dir, NULL);
}

static void judge_stress(struct premerge *p)
{
	struct finding from = {.title = p->load_title, .dir = p->load_dir};
	struct review_finding *finding =
		new_finding(p, &from, "by the stressors");
	struct shows shows = {.p = p, .title = p->load_title};

	if (premerge_left(p) < p->load->seconds)
		return;
	finding->program = g_strdup_printf(
		"rmaptorture repro %s", p->load_dir ? p->load_dir : "");
	weigh(&shows, shows_stress, STRESS_RUNS, VM_LUCK, STRESS_MAX, finding);
	if (finding->weight == REVIEW_NEW)
		premerge_bisect(&shows, shows_stress, TRUE, finding);
}

static void judge_boot(struct premerge *p)
{
	struct finding from = {.title = p->boot_title};
	struct review_finding *finding = new_finding(p, &from, "at boot");
	struct shows shows = {.p = p, .title = p->boot_title, .runs = 1};

	premerge_judge_boot(p, finding);
	if (finding->weight == REVIEW_NEW)
		premerge_bisect(&shows, shows_boot, TRUE, finding);
}

static void judge_all(struct premerge *p)
{
	g_autoptr(GPtrArray) user = list(p, "user"), vm = list(p, "vm");

	if (p->boot_title)
		judge_boot(p);
	for (guint i = 0; user && i < user->len; i++) {
		if (i < JUDGED && p->kernel.user[p->nr])
			judge_user(p, user->pdata[i]);
		else
			new_finding(p, user->pdata[i], "in user space");
	}
	for (guint i = 0; vm && i < vm->len; i++) {
		if (i < JUDGED)
			judge_vm(p, vm->pdata[i]);
		else
			new_finding(p, vm->pdata[i], "in a VM");
	}
	if (p->load)
		judge_stress(p);
	if (p->selftest.name)
		premerge_judge_selftest(p);
}

/* So that KTAP and JUnit have them: a case each, none of which has a text for
 * the page, which tells them at length. */
static void end_judging(const struct premerge *p, struct review_step *step)
{
	static const enum verdict outcomes[] = {
		[REVIEW_NEW] = VERDICT_FINDING,
		[REVIEW_OLD] = VERDICT_PASS,
		[REVIEW_UNCONFIRMED] = VERDICT_SKIP,
		[REVIEW_UNJUDGED] = VERDICT_SKIP,
	};
	guint new = review_nr(p->review, REVIEW_NEW);

	for (guint i = 0; i < p->review->findings->len; i++) {
		const struct review_finding *finding =
			p->review->findings->pdata[i];
		g_autofree char *name = g_strdup_printf(
			"%s, found %s", finding->title, finding->where);

		step_case(step, name, outcomes[finding->weight], NULL);
	}
	step->cut = review_nr(p->review, REVIEW_UNJUDGED) > 0;
	step_end(step, new ? VERDICT_FINDING : VERDICT_PASS,
		"%u found; the series brings %u, base has %u",
		p->review->findings->len, new,
		review_nr(p->review, REVIEW_OLD));
}

void premerge_judge(struct premerge *p)
{
	struct review_step *step =
		premerge_begin(p, "replays on base, bisection", FALSE);

	judge_all(p);
	premerge_done(step);
	end_judging(p, step);
}
