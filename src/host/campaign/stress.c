/* SPDX-License-Identifier: GPL-2.0-only */
/* A round of stressors: programs are none of their business. */
#include "host/campaign/run.h"

#include "host/stress/stress.h"

#include "stress/rows.h"

#include <string.h>

#define RUN_MIN_S 10 /* a rest of the round that is no run */

/* struct stress_round - a round at work */
struct stress_round {
	struct campaign *c;
	gint64 began; /* monotonic us */
	guint64 deaths;
	guint64 before; /* operations of the runs that are over */
};

static guint64 operations(const struct board *board)
{
	guint64 sum = 0;

	for (guint row = 0; row < STRESSOR_NR; row++)
		sum += board->stressor[row].work[WORK_OPS];
	return sum;
}

static void look(const struct board *now, const struct board *before,
	double seconds, void *user)
{
	struct stress_round *round = user;
	struct campaign_now status = {
		.programs = round->before + operations(now),
		.restarts = round->deaths,
		.seconds = (double)(g_get_monotonic_time() - round->began) /
			   G_USEC_PER_SEC,
	};

	(void)before;
	(void)seconds;
	(void)campaign_look(round->c, &status);
}

static gboolean parse_load(
	const struct campaign *c, struct load *ret, GError **error)
{
	g_autofree char *text =
		g_strdup_printf("--stressor %s", c->entry->stressor);
	struct why why;

	*ret = stress_load(c->options->seed + c->used->rounds);
	if (!strchr(c->entry->stressor, ' ') &&
		!load_parse(text, stress_names(), STRESSOR_NR, ret, &why))
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"stressor=%s: `rmaptorture stress --list` lists them",
		c->entry->stressor);
	return FALSE;
}

static gboolean keep(struct stress_round *round, struct target *target,
	const struct load *load, const struct stress_run *run, GError **error)
{
	struct campaign *c = round->c;
	g_autofree char *folder = campaign_folder(c, c->entry);
	g_autoptr(GError) why = NULL;

	if (run->end == STRESS_STOPPED)
		c->stop = TRUE;
	if (run->end == STRESS_BROKE)
		c->used->broken++;
	if (run->end != STRESS_FOUND)
		return TRUE;
	round->deaths++;
	campaign_say(
		c, "found after %.1f s: %s", run->seconds, run->report.title);
	if (stress_store(folder, target, load, run, NULL, &why))
		return TRUE;
	c->full = g_error_matches(why, STORE_ERROR, STORE_ERROR_SPACE);
	if (!c->full)
		g_propagate_error(error, g_steal_pointer(&why));
	return c->full;
}

/* Until the round is over; one run where nothing is found. */
static gboolean run_all(struct stress_round *round, struct target *target,
	struct load *load, GError **error)
{
	struct campaign *c = round->c;
	g_autofree struct stress_run *run = g_new0(struct stress_run, 1);
	g_autofree char *scratch = host_scratch(error);
	gboolean ok = scratch != NULL;

	while (ok && !c->stop && !c->full) {
		gint64 left = (c->round_end - g_get_monotonic_time()) /
			      G_USEC_PER_SEC;

		if (left < RUN_MIN_S)
			break;
		load->seconds = (guint32)left;
		ok = stress_run(target, scratch, load, look, round, run, error);
		if (!ok)
			break;
		round->before += operations(&run->board);
		ok = keep(round, target, load, run, error);
		stress_run_clear(run);
	}
	host_scratch_free(g_steal_pointer(&scratch));
	return ok;
}

gboolean round_stress(struct campaign *c, gint64 seconds, GError **error)
{
	struct stress_round round = {.c = c};
	struct target_options t = {
		.kernel = c->entry->kernel, .append = c->entry->append};
	struct target *SCOPED(target_freep) target = NULL;
	struct load load;

	if (!parse_load(c, &load, error))
		return FALSE;
	campaign_say(c, "%s: round %u", c->entry->name, c->used->rounds + 1);
	target = stress_target_open(&t, c->options, error);
	if (!target)
		return FALSE;
	round.began = g_get_monotonic_time();
	c->round_end = round.began + seconds * G_USEC_PER_SEC;
	return run_all(&round, target, &load, error);
}
