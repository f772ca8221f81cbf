/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-merge, steps 5 and 6: a finding counts where patched shows it and base
 * shows nothing, in so many runs that luck is ruled out; then the first prefix
 * of the series that shows it names the patch.
 */
#include "premerge.h"
#include "user_tier.h"

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
#define JUDGED	     10 /* findings of a tier */
#define VM_MIN_S     20 /* less is not enough to replay */
#define SHRINK_MIN_S 30

typedef gboolean shows_fn(struct shows *shows, guint prefix, guint runs,
	guint until, guint *ret_k, guint *ret_n);

/* struct hunt - a bisection at work */
struct hunt {
	struct shows *shows;
	shows_fn *fn;
	gboolean in_vm;
	const char *why; /* a prefix could not tell */
};

static enum bisect_answer probe(guint prefix, void *user)
{
	struct hunt *hunt = user;
	struct shows *shows = hunt->shows;
	guint k = 0, n = 0;

	host_progress(shows->p->options, FALSE, "bisecting: %u of %u patches",
		prefix, shows->p->nr);
	if (hunt->in_vm && premerge_left(shows->p) < VM_MIN_S) {
		hunt->why = "the time was over";
		return BISECT_UNKNOWN;
	}
	if (!hunt->fn(shows, prefix, shows->runs ? shows->runs : shows->rate_n,
		    1, &k, &n)) {
		hunt->why = "a kernel between them does not build or boot";
		return BISECT_UNKNOWN;
	}
	if (k)
		return BISECT_SHOWS;
	if (!shows->runs || n < shows->runs) {
		hunt->why = "it shows too seldom for clean runs to tell";
		return BISECT_UNKNOWN;
	}
	return BISECT_CLEAN;
}

static void bisect(struct shows *shows, shows_fn *fn, gboolean in_vm,
	struct review_finding *finding)
{
	struct premerge *p = shows->p;
	struct hunt hunt = {.shows = shows, .fn = fn, .in_vm = in_vm};

	bisect_series(p->nr, probe, &hunt, &finding->guilty);
	if (finding->guilty.first == finding->guilty.last) {
		const struct kernel_patch *patch =
			p->patches->pdata[finding->guilty.first - 1];

		finding->subject = g_strdup(patch->subject);
	} else {
		finding->why_range = g_strdup(hunt.why);
	}
}

/* Patched, then base. */
static void weigh(struct shows *shows, shows_fn *fn, guint runs, double luck,
	guint max, struct review_finding *finding)
{
	struct premerge *p = shows->p;

	finding->weight = REVIEW_UNCONFIRMED;
	if (!fn(shows, p->nr, runs, 0, &finding->patched_k,
		    &finding->patched_n) ||
		!finding->patched_k)
		return;
	shows->rate_k = finding->patched_k;
	shows->rate_n = finding->patched_n;
	shows->runs = rate_runs(shows->rate_k, shows->rate_n, luck, max);
	*shows->other = '\0';
	finding->weight = REVIEW_UNJUDGED;
	if (!fn(shows, 0, shows->runs ? shows->runs : max, 0, &finding->base_k,
		    &finding->base_n))
		return;
	finding->weight = finding->base_k || !p->nr ? REVIEW_OLD : REVIEW_NEW;
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
	struct review_finding *finding = new_finding(p, from, "user space");
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
	bisect(&shows, shows_user, FALSE, finding);
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
	bisect(&user, shows_user, FALSE, finding);
	return TRUE;
}

static void judge_vm(struct premerge *p, struct finding *from)
{
	struct review_finding *finding = new_finding(p, from, "a VM");
	g_autofree char *dir = g_build_filename(p->scratch, "replay", NULL);
	struct shows shows = {.p = p, .title = from->title};
	struct target *target = NULL;

	if (premerge_left(p) >= VM_MIN_S)
		target = premerge_vm(p, p->nr, NULL);
	if (!target)
		return;
	host_progress(p->options, FALSE, "judging: %s", from->title);
	finding->weight = REVIEW_UNCONFIRMED;
	if (!replay_find(target, dir, from, p->options, &shows.candidate))
		return;
	finding->program = candidate_text(&shows.candidate);
	weigh(&shows, shows_vm, VM_RUNS, VM_LUCK, VM_MAX, finding);
	if (finding->weight == REVIEW_NEW && !bisect_user(&shows, finding))
		bisect(&shows, shows_vm, TRUE, finding);
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
	struct review_finding *finding = new_finding(p, &from, "stressors");
	struct shows shows = {.p = p, .title = p->load_title};

	if (premerge_left(p) < p->load->seconds)
		return;
	weigh(&shows, shows_stress, STRESS_RUNS, VM_LUCK, STRESS_MAX, finding);
	finding->program = g_strdup_printf(
		"rmaptorture repro %s", p->load_dir ? p->load_dir : "");
	if (finding->weight == REVIEW_NEW)
		bisect(&shows, shows_stress, TRUE, finding);
}

void premerge_judge(struct premerge *p)
{
	g_autoptr(GPtrArray) user = list(p, "user"), vm = list(p, "vm");

	for (guint i = 0; user && i < user->len; i++) {
		if (i < JUDGED && p->kernel.user[p->nr])
			judge_user(p, user->pdata[i]);
		else
			new_finding(p, user->pdata[i], "user space");
	}
	for (guint i = 0; vm && i < vm->len; i++) {
		if (i < JUDGED)
			judge_vm(p, vm->pdata[i]);
		else
			new_finding(p, vm->pdata[i], "a VM");
	}
	if (p->load)
		judge_stress(p);
}
