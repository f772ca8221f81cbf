/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/campaign/run.h"

#include "host/session.h"
#include "host/user/tier.h"
#include "host/windows.h"

#include <string.h>

#define MINIMIZE_MIN 500 /* programs; a smaller corpus is left alone */
#define MINIMIZE_S   120 /* at most, or the corpus stays as it is */
#define GROWN	     2	 /* times the size after the last time */

#define RATE_UNKNOWN 4	/* programs a second of a VM that has not run yet */
#define BEGIN_PART   3	/* of a round's programs are for what is known */
#define BEGIN_MIN    64 /* programs */

/* ---- minimizing ---- */

static gboolean has_grown(const struct campaign *c)
{
	guint nr = corpus_count(c, c->entry);

	return nr >= MINIMIZE_MIN &&
	       (c->full || nr >= GROWN * c->used->minimized);
}

/* @kept has what a whole merge found to be needed. */
static void keep(struct campaign *c, const char *kept)
{
	guint before = corpus_count(c, c->entry);
	guint gone = corpus_keep(c, c->entry, kept);

	c->used->minimized = before - gone;
	campaign_say(c, "%s: corpus minimized from %u to %u programs",
		c->entry->name, before, before - gone);
}

static void minimize_user(struct campaign *c, const struct kernel *kernel)
{
	g_autofree char *folder = campaign_folder(c, c->entry);
	g_autofree char *corpus = g_build_filename(folder, "corpus", NULL);
	g_autofree char *kept = host_scratch(NULL);
	g_autoptr(GError) error = NULL;

	if (kept && user_tier_merge(kernel, kept, corpus, MINIMIZE_S, &error))
		keep(c, kept);
	host_scratch_free(g_steal_pointer(&kept));
}

static gboolean look_vm(struct session *session, void *user)
{
	const struct campaign *c = user;

	(void)session;
	return !c->stop;
}

/* One engine alone runs the whole corpus once. */
static void minimize_vm(struct campaign *c, struct target *target)
{
	g_autofree char *folder = campaign_folder(c, c->entry);
	g_autofree char *corpus = g_build_filename(folder, "corpus", NULL);
	g_autofree char *kept = host_scratch(NULL);
	char merge[] = "-merge=1";
	char *args[] = {merge, kept, corpus, NULL};
	struct session_options want = {
		.out = folder,
		.engines = {&engine_libfuzzer},
		.engine_args = args,
		.nr_vms = 1,
		.nr_engines = 1,
		.seconds = MINIMIZE_S,
		.look = look_vm,
		.user = c,
	};
	struct session session = {
		.options = c->options, .want = &want, .target = target};
	g_autoptr(GError) error = NULL;

	if (kept && session_run(&session, &error) && session.finished)
		keep(c, kept);
	c->used->deaths += session.deaths;
	session_clear(&session);
	host_scratch_free(g_steal_pointer(&kept));
}

static void minimize(
	struct campaign *c, struct target *target, const struct kernel *kernel)
{
	if (target)
		minimize_vm(c, target);
	else
		minimize_user(c, kernel);
	/* one that did not come to its end is not tried every round */
	c->used->minimized = corpus_count(c, c->entry);
}

/* ---- the user tier ---- */

static gboolean look_user(const struct user_tier_result *now, void *user)
{
	struct campaign_now status = {
		.programs = now->programs,
		.edges = now->edges,
		.seconds = now->seconds,
		.full = now->full,
	};

	return campaign_look(user, &status);
}

static gboolean round_user(struct campaign *c, gint64 seconds, GError **error)
{
	struct kernel *SCOPED(kernel_freep) kernel =
		host_kernel(c->entry->kernel, c->options, error);
	g_autofree char *folder = campaign_folder(c, c->entry);
	struct user_tier_options want = {
		.append = c->entry->append,
		.out = folder,
		.corpus = c->start,
		.known = c->known,
		.seconds = seconds,
		.look = look_user,
		.user = c,
	};
	struct user_tier_result got;
	gboolean ok;

	if (!kernel)
		return FALSE;
	want.kernel = kernel;
	c->round_end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
	ok = user_tier_run(&want, c->options, &got, error);
	(void)look_user(&got, c);
	user_tier_result_clear(&got);
	if (ok && !c->full)
		campaign_replay(c, NULL, kernel);
	if (ok && has_grown(c))
		minimize(c, NULL, kernel);
	return ok;
}

/* ---- VMs ---- */

static gboolean look_round(struct session *session, void *user)
{
	struct campaign *c = user;
	struct session_figures figures;
	struct windows_figures windows;
	struct campaign_now now;

	session_figures(session, &figures);
	windows_figures(session->scratch, &windows);
	now = (struct campaign_now){
		.programs = figures.programs,
		.edges = figures.edges,
		.windows = windows.windows,
		.restarts =
			session->deaths + session->renewed + figures.restarts,
		.seconds = figures.seconds,
		.full = session->full,
	};
	return campaign_look(c, &now);
}

static gboolean fuzz_vm(struct campaign *c, struct target *target,
	gint64 seconds, GError **error)
{
	const struct campaign_conf *conf = c->conf;
	g_autofree char *folder = campaign_folder(c, c->entry);
	struct session_options want = {
		.out = folder,
		.corpus = c->start,
		.nr_vms = conf->vms ? conf->vms
				    : MAX(1, g_get_num_processors() / 2),
		.seconds = seconds,
		.known = c->known,
		.vm_age = conf->vm_age,
		.look = look_round,
		.user = c,
	};
	struct session session = {
		.options = c->options, .want = &want, .target = target};
	gboolean ok;

	if (!engines_choose(conf->engine, want.engines)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN, "engine=%s",
			conf->engine);
		return FALSE;
	}
	c->round_end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
	ok = session_run(&session, error);
	if (ok)
		(void)look_round(&session, c);
	c->used->broken = c->before.broken + session.broken;
	c->stop |= session.interrupted;
	session_clear(&session);
	return ok;
}

/* How many programs a round of @seconds begins with: the user tier has
 * thousands, a VM without KVM runs a few a second. */
static guint nr_to_begin(const struct campaign *c, gint64 seconds)
{
	double rate = RATE_UNKNOWN;

	if (user_tier_is(c->entry->kernel))
		return G_MAXUINT;
	if (c->used->programs && c->used->seconds > 0)
		rate = (double)c->used->programs / c->used->seconds;
	return MAX(BEGIN_MIN, (guint)(rate * (double)seconds / BEGIN_PART));
}

static void begin_corpus(struct campaign *c, gint64 seconds)
{
	/* AFL++ would run its own queue again: all in it is in the corpus */
	g_autofree char *afl =
		g_build_filename(c->conf->out, c->entry->folder, "afl", NULL);
	struct rng rng;

	host_dir_remove(afl);
	rng_seed(&rng, c->options->seed + c->used->rounds);
	corpus_take(c, c->entry);
	corpus_deal(c, c->entry, nr_to_begin(c, seconds), &rng);
	campaign_say(c, "%s: round %u, %u programs to begin with, of %u",
		c->entry->name, c->used->rounds + 1, corpus_count(c, c->entry),
		corpus_count_all(c, c->entry));
}

static gboolean round_vm(struct campaign *c, gint64 seconds, GError **error)
{
	struct target_options t = {
		.kernel = c->entry->kernel,
		.append = c->entry->append,
		.lanes = (int)c->conf->lanes,
		.mem_mib = (int)c->conf->memory,
	};
	struct target *SCOPED(target_freep) target =
		target_open(&t, c->options, error);

	if (!target || !fuzz_vm(c, target, seconds, error))
		return FALSE;
	if (!c->full)
		campaign_replay(c, target, NULL);
	if (has_grown(c))
		minimize(c, target, NULL);
	return TRUE;
}

gboolean campaign_round(struct campaign *c, gint64 seconds, GError **error)
{
	gboolean ok;

	c->status_programs = 0;
	c->status_time = g_get_monotonic_time();
	c->before = *c->used;
	campaign_save(c);
	if (c->entry->stressor) {
		ok = round_stress(c, seconds, error);
		c->used->rounds++;
		return ok;
	}
	begin_corpus(c, seconds);
	ok = user_tier_is(c->entry->kernel) ? round_user(c, seconds, error)
					    : round_vm(c, seconds, error);
	corpus_give(c, c->entry);
	c->used->rounds++;
	return ok;
}
