/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-merge: the kernel's mm selftests, program by program, so that the
 * budget is kept. Base is asked only where patched does not pass, and a case
 * counts only where patched does worse each of TRIES times. The first one that
 * counts is bisected.
 */
#include "host/premerge/premerge.h"

#include "host/selftests/selftests.h"

#include <string.h>

#define TRIES	   3
#define CLEAN_RUNS 2 /* of a prefix: what counts came every time */

/* struct both - one program on both kernels; @known: patched died as it did in
 * another program that counts, so base was not asked */
struct both {
	struct selftests *base, *patched;
	gboolean known;
};

static void both_clear(struct both *both)
{
	g_clear_pointer(&both->base, selftests_free);
	g_clear_pointer(&both->patched, selftests_free);
}

/* The programs come from the source of the base; the kernel is a prefix. */
static struct selftests *run_one(
	struct premerge *p, guint prefix, const char *name, GError **error)
{
	g_autofree char *base =
		g_strdup_printf("%s:" KERNEL_DEFAULT_PROFILE, p->want->base);
	struct kernel_spec *SCOPED(kernel_spec_freep) spec =
		premerge_spec(p, prefix, KERNEL_DEFAULT_PROFILE, error);
	const char *names[] = {name, NULL};
	struct selftests_options want = {.names = names};

	if (!spec)
		return NULL;
	want.target.kernel = base;
	want.target.spec = spec;
	host_progress(p->options, TRUE, "selftests: %s on %u of %u patches",
		name, prefix, p->nr);
	return selftests_run(&want, p->options, error);
}

static const struct selftest *only_test(const struct selftests *run)
{
	return run->tests->len ? run->tests->pdata[0] : NULL;
}

static gboolean died_as(
	const struct premerge_selftest *counts, const struct selftest *test)
{
	return counts->name && counts->death && test->title &&
	       !strcmp(counts->death, test->title);
}

static gboolean run_both(
	struct premerge *p, const char *name, struct both *ret, GError **error)
{
	const struct selftest *test;

	ret->patched = run_one(p, p->nr, name, error);
	if (!ret->patched)
		return FALSE;
	test = only_test(ret->patched);
	if (!test || test->outcome == SELFTEST_PASS)
		return TRUE;
	ret->known = died_as(&p->selftest, test);
	if (ret->known)
		return TRUE;
	ret->base = run_one(p, 0, name, error);
	return ret->base != NULL;
}

/* The first case that @after does worse, as a line; NULL: there is none */
static char *worse_case(
	const struct selftests *before, const struct selftests *after)
{
	g_autoptr(GPtrArray) list = NULL;

	if (!before)
		return NULL;
	list = selftests_compare(before, after);
	for (guint i = 0; i < list->len; i++) {
		const struct selftest_difference *d = list->pdata[i];

		if (d->worse)
			return g_strdup_printf("%s: %s, %s on base%s%s",
				d->test_case ? d->test_case : "as a whole",
				selftest_outcome_name(d->after),
				selftest_outcome_name(d->before),
				d->after_why ? ": " : "",
				d->after_why ? d->after_why : "");
	}
	return NULL;
}

static void note_program(struct review_step *step, const char *name,
	const struct both *both, const char *worse)
{
	const struct selftest *test = only_test(both->patched);
	g_autofree char *text = NULL;
	enum verdict outcome = VERDICT_PASS;

	if (worse) {
		outcome = VERDICT_FINDING;
		text = g_strdup_printf(
			"%s; %d of %d runs", worse, TRIES, TRIES);
	} else if (both->known) {
		outcome = VERDICT_FINDING;
		text = g_strdup_printf("DIED: %s", test->title);
	} else if (!test || test->outcome == SELFTEST_SKIP) {
		outcome = VERDICT_SKIP;
		text = g_strdup(test ? test->why : "not run");
	} else if (test->outcome == SELFTEST_BROKEN) {
		outcome = VERDICT_BROKEN;
		text = g_strdup(test->why);
	} else if (test->outcome != SELFTEST_PASS) {
		text = g_strdup_printf("%s, no worse than base: %s",
			selftest_outcome_name(test->outcome), test->why);
	}
	step_case(step, name, outcome, text);
}

static void keep_first(
	struct premerge *p, const char *name, struct both *both, char **worse)
{
	if (p->selftest.name)
		return;
	p->selftest.name = g_strdup(name);
	p->selftest.worse = g_steal_pointer(worse);
	p->selftest.death = g_strdup(only_test(both->patched)->title);
	p->selftest.base = g_steal_pointer(&both->base);
}

/* FALSE with @error where it could not be run at all. */
static gboolean run_program(struct premerge *p, struct review_step *step,
	const char *name, guint *ret_worse, GError **error)
{
	struct both both = {0};
	g_autofree char *worse = NULL;

	for (guint try = 0; try < TRIES; try++) {
		both_clear(&both);
		g_clear_pointer(&worse, g_free);
		if (!run_both(p, name, &both, error)) {
			both_clear(&both);
			return FALSE;
		}
		worse = worse_case(both.base, both.patched);
		if (!worse)
			break;
	}
	*ret_worse += worse || both.known;
	note_program(step, name, &both, worse);
	if (worse)
		keep_first(p, name, &both, &worse);
	both_clear(&both);
	return TRUE;
}

/* One that may take longer than what is left is not begun: most take a third
 * of their limit. */
static gboolean fits(const char *name, double left)
{
	return left >= selftests_limit(name) / 3.0;
}

void premerge_selftests(struct premerge *p, double seconds)
{
	struct review_step *step = premerge_begin(p, "selftests", TRUE);
	double until = premerge_left(p) - seconds;
	g_autofree const char **names = selftests_names();
	g_autoptr(GError) error = NULL;
	guint ran = 0, worse = 0, total = 0;

	for (; !error && names[total]; total++) {
		if (fits(names[total], premerge_left(p) - MAX(until, 0)) &&
			run_program(p, step, names[total], &worse, &error))
			ran++;
	}
	while (names[total])
		total++;
	premerge_done(step);
	step->cut = ran < total;
	step->found = worse;
	if (error)
		step_end(step, VERDICT_BROKEN, "%s", error->message);
	else if (!ran)
		step_no_time(step);
	else
		step_end(step, worse ? VERDICT_FINDING : VERDICT_PASS,
			"%u of %u programs%s, %u worse than on base", ran,
			total, ran < total ? " in the time that there was" : "",
			worse);
}

/* ---- which patch is it? ---- */

static gboolean shows_selftest(struct shows *shows, guint prefix, guint runs,
	guint until, guint *ret_k, guint *ret_n)
{
	struct premerge *p = shows->p;
	guint k = 0, n = 0;

	while (n < runs && (!until || k < until) && premerge_left(p) > 0) {
		g_autofree char *worse = NULL;
		struct selftests *SCOPED(selftests_freep) run =
			run_one(p, prefix, p->selftest.name, NULL);

		if (!run)
			return FALSE;
		worse = worse_case(p->selftest.base, run);
		n++;
		k += worse != NULL;
	}
	*ret_k = k;
	*ret_n = n;
	return TRUE;
}

void premerge_judge_selftest(struct premerge *p)
{
	struct review_finding *finding = review_finding(p->review);
	struct shows shows = {.p = p, .runs = CLEAN_RUNS};

	finding->title = p->selftest.death
				 ? g_strdup(p->selftest.death)
				 : g_strdup_printf("%s: %s", p->selftest.name,
					   p->selftest.worse);
	finding->where = g_strdup("by the kernel's selftests");
	finding->program = g_strdup_printf(
		"rmaptorture selftests -k %s --against %s --case %s", p->name,
		p->want->base, p->selftest.name);
	finding->weight = REVIEW_NEW;
	finding->patched_k = finding->patched_n = finding->base_n = TRIES;
	shows.title = finding->title;
	premerge_bisect(&shows, shows_selftest, TRUE, finding);
}

void premerge_selftest_clear(struct premerge_selftest *selftest)
{
	g_free(selftest->name);
	g_free(selftest->worse);
	g_free(selftest->death);
	g_clear_pointer(&selftest->base, selftests_free);
}
