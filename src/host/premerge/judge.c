/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-merge: a finding counts where patched shows it and base shows
 * nothing, in so many runs that luck is ruled out.
 */
#include "host/premerge/premerge.h"
#include "host/user/tier.h"

#include <errno.h>
#include <string.h>

#define VM_RUNS	     8
#define VM_MAX	     30
#define VM_LUCK	     0.01
#define STRESS_RUNS  4
#define STRESS_MAX   10
#define LUCK_MAX     0.05 /* base may have it, too: nothing counts */
#define JUDGED	     10	  /* findings of a tier */
#define VM_MIN_S     20	  /* less is not enough to replay */
#define PEEKS	     2	  /* at base, before that */
#define SHRINK_VM_S  60
#define SHRINK_TRIES 100

void premerge_weigh(struct shows *shows, shows_fn *fn, guint runs, double luck,
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

struct review_finding *premerge_finding(
	struct premerge *p, const struct finding *from, const char *where)
{
	struct review_finding *finding = review_finding(p->review);

	finding->title = g_strdup(from->title);
	finding->dir = g_strdup(from->dir);
	finding->where = g_strdup(where);
	finding->weight = REVIEW_UNJUDGED;
	return finding;
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
	struct candidate one = candidate_with(&shrink->shows->candidate, prog);

	for (guint try = 0; try < 2; try++) {
		if (g_get_monotonic_time() > shrink->end)
			return -ETIME;
		if (replay_run(shrink->target, shrink->dir, &one,
			    shrink->shows->title, NULL) <= 0)
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
	struct review_finding *finding = premerge_finding(p, from, "in a VM");
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
	premerge_weigh(&shows, shows_vm, VM_RUNS, VM_LUCK, VM_MAX, finding);
	if (finding->weight == REVIEW_NEW && !bisect_user(&shows, finding))
		premerge_bisect(&shows, shows_vm, TRUE, finding);
	candidate_clear(&shows.candidate);
}

/* ---- all ---- */

static void judge_stress(struct premerge *p)
{
	struct finding from = {.title = p->load_title, .dir = p->load_dir};
	struct review_finding *finding =
		premerge_finding(p, &from, "by the stressors");
	struct shows shows = {.p = p, .title = p->load_title};

	if (premerge_left(p) < p->load->seconds)
		return;
	finding->program = g_strdup_printf(
		"rmaptorture repro %s", p->load_dir ? p->load_dir : "");
	premerge_weigh(&shows, shows_stress, STRESS_RUNS, VM_LUCK, STRESS_MAX,
		finding);
	if (finding->weight == REVIEW_NEW)
		premerge_bisect(&shows, shows_stress, TRUE, finding);
}

static void judge_boot(struct premerge *p)
{
	struct finding from = {.title = p->boot_title};
	struct review_finding *finding = premerge_finding(p, &from, "at boot");
	struct shows shows = {.p = p, .title = p->boot_title, .runs = 1};

	premerge_judge_boot(p, finding);
	if (finding->weight == REVIEW_NEW)
		premerge_bisect(&shows, shows_boot, TRUE, finding);
}

static void judge_all(struct premerge *p)
{
	g_autofree char *dir = g_build_filename(p->want->out, "vm", NULL);
	g_autoptr(GPtrArray) list = store_list(dir, NULL);

	if (p->boot_title)
		judge_boot(p);
	else
		premerge_ask_vm(p);
	for (guint i = 0; list && i < list->len; i++) {
		if (i < PREMERGE_JUDGED)
			judge_vm(p, list->pdata[i]);
		else
			premerge_finding(p, list->pdata[i], "in a VM");
	}
	if (p->load)
		judge_stress(p);
	if (p->selftest.name)
		premerge_judge_selftest(p);
}

void premerge_judge(struct premerge *p)
{
	struct review_step *step =
		premerge_begin(p, "replays on base, VM", FALSE);
	guint first = p->review->findings->len;

	judge_all(p);
	premerge_done(step);
	premerge_judged(p, step, first);
}

/* For KTAP and JUnit a case each, none of which has a text for the page, which
 * tells them at length. */
void premerge_judged(
	const struct premerge *p, struct review_step *step, guint first)
{
	static const enum verdict outcomes[] = {
		[REVIEW_NEW] = VERDICT_FINDING,
		[REVIEW_OLD] = VERDICT_PASS,
		[REVIEW_UNCONFIRMED] = VERDICT_SKIP,
		[REVIEW_UNJUDGED] = VERDICT_SKIP,
	};
	guint nr[G_N_ELEMENTS(outcomes)] = {0};

	for (guint i = first; i < p->review->findings->len; i++) {
		const struct review_finding *finding =
			p->review->findings->pdata[i];

		nr[finding->weight]++;
		step_case(
			step, finding->title, outcomes[finding->weight], NULL);
	}
	step->cut = nr[REVIEW_UNJUDGED] > 0;
	if (first == p->review->findings->len) {
		step_end(step, VERDICT_PASS, "nothing was found");
		return;
	}
	step_end(step, nr[REVIEW_NEW] ? VERDICT_FINDING : VERDICT_PASS,
		"%u found; the series brings %u, base has %u",
		p->review->findings->len - first, nr[REVIEW_NEW],
		nr[REVIEW_OLD]);
}
