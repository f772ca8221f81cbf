/* SPDX-License-Identifier: GPL-2.0-only */
/* Pre-merge: the fuzzers, on the patched kernel. What they find is
 * judged later. */
#include "host/premerge/premerge.h"

#include "host/session.h"
#include "host/user/tier.h"

#define FUZZ_MIN_S 5   /* less is no session */
#define TAKEN	   100 /* programs of user space that VMs begin with: a minute */

static gboolean has_time(struct review_step *step, double seconds)
{
	if (seconds >= FUZZ_MIN_S)
		return TRUE;
	step_no_time(step);
	premerge_done(step);
	return FALSE;
}

static void end_user(struct premerge *p, struct review_step *step,
	const struct user_tier_result *got)
{
	g_autofree char *corpus =
		g_build_filename(p->want->out, "user", "corpus", NULL);

	p->programs_user = got->programs;
	step->cut = got->full;
	step->found = g_hash_table_size(got->titles);
	step_end(step, got->programs ? VERDICT_PASS : VERDICT_BROKEN,
		"%" G_GUINT64_FORMAT " programs, %.0f a second, %u found%s",
		got->programs, (double)got->programs / MAX(got->seconds, 0.001),
		step->found,
		got->full ? "; the disk was full, not all are kept" : "");
	/* thousands in a minute, of which VMs run one or two a second */
	programs_hand_over(corpus, p->start, TAKEN, p->options->seed);
}

/* A finding without its patch is half of one: each step of the bisection wants
 * a kernel. */
static gboolean must_bisect(const struct premerge *p, guint found)
{
	double need = p->user_seconds * (g_bit_storage(p->nr) + 1);

	return found && premerge_left(p) < MIN(need, p->review->budget / 2);
}

static gboolean look_user(const struct user_tier_result *now, void *user)
{
	const struct premerge *p = user;
	guint found = g_hash_table_size(now->titles);

	host_progress(p->options, TRUE,
		"fuzz, user space: %" G_GUINT64_FORMAT " programs, %u found",
		now->programs, found);
	return !p->stop && !must_bisect(p, found);
}

void premerge_fuzz_user(struct premerge *p, double seconds)
{
	struct review_step *step = premerge_begin(p, "fuzz, user space", TRUE);
	g_autofree char *out = g_build_filename(p->want->out, "user", NULL);
	struct user_tier_options want = {
		.kernel = p->kernel.user[p->nr],
		.out = out,
		.corpus = p->start,
		.seconds = (gint64)seconds,
		.stop_after = (guint)p->want->stop_after,
		.look = look_user,
		.user = p,
	};
	struct user_tier_result got;
	g_autoptr(GError) error = NULL;

	if (!has_time(step, seconds))
		return;
	if (user_tier_run(&want, p->options, &got, &error))
		end_user(p, step, &got);
	else
		step_end(step, VERDICT_BROKEN, "%s", error->message);
	user_tier_result_clear(&got);
	premerge_done(step);
}

static void end_vm(struct premerge *p, struct review_step *step,
	const struct session *session)
{
	struct session_figures figures;

	session_figures(session, &figures);
	p->programs_vm = figures.programs;
	p->stop |= session->interrupted;
	step->cut = session->full;
	step->found = g_hash_table_size(session->titles);
	step_end(step, figures.programs ? VERDICT_PASS : VERDICT_BROKEN,
		"%" G_GUINT64_FORMAT " programs, %.1f a second, "
		"%" G_GUINT64_FORMAT " edges, %u found, %" G_GUINT64_FORMAT
		" VMs died%s",
		figures.programs,
		(double)figures.programs / MAX(figures.seconds, 0.001),
		figures.edges, step->found, session->deaths,
		session->full ? "; the disk was full, not all are kept" : "");
}

/* What replays on base will be asked of, of an earlier run with the same --out
 * too */
static gboolean has_found(const struct premerge *p)
{
	g_autofree char *crashes =
		g_build_filename(p->want->out, "vm", "crashes", NULL);

	return p->boot_title || p->load || p->selftest.name ||
	       host_count_files(crashes);
}

/* Until the time is over; where something was found, what replays and bisection
 * need is kept. */
static gboolean look_vm(struct session *session, void *user)
{
	const struct premerge *p = user;
	struct session_figures now;

	session_figures(session, &now);
	host_progress(p->options, TRUE,
		"fuzz, VM: %" G_GUINT64_FORMAT " programs, %" G_GUINT64_FORMAT
		" edges, %u found",
		now.programs, now.edges, g_hash_table_size(session->titles));
	return !p->stop &&
	       (premerge_left(p) >= premerge_keep(p) || !has_found(p));
}

static void fuzz_vm(
	struct premerge *p, struct review_step *step, struct target *target)
{
	g_autofree char *out = g_build_filename(p->want->out, "vm", NULL);
	struct session_options want = {
		.out = out,
		.corpus = p->start,
		.engines = {&engine_libfuzzer},
		.nr_vms = MAX(1, g_get_num_processors() / 2),
		.seconds = (gint64)premerge_left(p),
		.stop_after = (guint)p->want->stop_after,
		.look = look_vm,
		.user = p,
	};
	struct session session = {
		.options = p->options, .want = &want, .target = target};
	g_autoptr(GError) error = NULL;

	if (session_run(&session, &error)) {
		end_vm(p, step, &session);
		premerge_reach(p, &session);
	} else {
		step_end(step, VERDICT_BROKEN, "%s", error->message);
	}
	session_clear(&session);
}

void premerge_fuzz_vm(struct premerge *p)
{
	struct review_step *step = premerge_begin(p, "fuzz, VM", TRUE);
	g_autoptr(GError) error = NULL;
	struct target *target;

	if (!has_time(step, premerge_left(p)))
		return;
	target = premerge_vm(p, p->nr, &error);
	if (target)
		fuzz_vm(p, step, target);
	else
		step_end(step, VERDICT_BROKEN, "%s", error->message);
	premerge_done(step);
}
