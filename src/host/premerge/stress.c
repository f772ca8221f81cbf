/* SPDX-License-Identifier: GPL-2.0-only */
/* Pre-merge: the stressors, on the patched kernel. */
#include "host/premerge/premerge.h"

#include "host/stress/stress.h"

#define STRESS_MIN_S 15
#define AGAIN_MIN_S  20 /* a run that is to show a finding again */
#define AGAIN_TIMES  3	/* as long as it took the first time */

static struct target *stress_vm(
	struct premerge *p, guint prefix, GError **error)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) spec =
		premerge_spec(p, prefix, KERNEL_DEFAULT_PROFILE, error);
	struct target_options t = {.spec = spec};

	return spec ? stress_target_open(&t, p->options, error) : NULL;
}

static void keep(struct premerge *p, struct target *target,
	const struct load *load, const struct stress_run *run)
{
	g_autofree char *out = g_build_filename(p->want->out, "stress", NULL);
	g_autoptr(GError) error = NULL;

	p->load = g_memdup2(load, sizeof(*load));
	p->load->seconds =
		(guint32)MAX(AGAIN_MIN_S, run->seconds * AGAIN_TIMES);
	if (!stress_store(out, target, load, run, &p->load_dir, &error))
		host_progress(p->options, FALSE, "%s", error->message);
	p->load_title = g_strdup(run->report.title);
}

static void end_run(struct premerge *p, struct review_step *step,
	struct target *target, const struct load *load,
	const struct stress_run *run)
{
	guint nr = (guint)__builtin_popcountll(load->stressors);

	switch (run->end) {
	case STRESS_BROKE:
		step_end(step, VERDICT_BROKEN, "%s",
			run->detail ? run->detail : "the VM broke");
		return;
	case STRESS_FOUND:
		keep(p, target, load, run);
		step->found = 1;
		step_end(step, VERDICT_PASS, "%u stressors; after %.0f s: %s",
			nr, run->seconds, run->report.title);
		return;
	case STRESS_STOPPED:
		p->stop = step->cut = TRUE;
		break;
	case STRESS_ENDED:
		break;
	}
	step_end(step, VERDICT_PASS, "%u stressors for %.0f s, no finding", nr,
		run->seconds);
}

void premerge_stress(struct premerge *p, double seconds)
{
	struct review_step *step = premerge_begin(p, "stressors", TRUE);
	g_autofree struct stress_run *run = g_new0(struct stress_run, 1);
	struct target *SCOPED(target_freep) target = NULL;
	struct load load = stress_load(p->options->seed);
	g_autoptr(GError) error = NULL;

	if (seconds < STRESS_MIN_S) {
		step_no_time(step);
	} else {
		load.seconds = (guint32)seconds;
		target = stress_vm(p, p->nr, &error);
		if (target && stress_run(target, p->scratch, &load, NULL, NULL,
				      run, &error)) {
			end_run(p, step, target, &load, run);
			stress_run_clear(run);
		} else {
			step_end(step, VERDICT_BROKEN, "%s", error->message);
		}
	}
	premerge_done(step);
}

gboolean shows_stress(struct shows *shows, guint prefix, guint runs,
	guint until, guint *ret_k, guint *ret_n)
{
	struct premerge *p = shows->p;
	g_autofree struct stress_run *run = g_new0(struct stress_run, 1);
	struct target *SCOPED(target_freep) target = stress_vm(p, prefix, NULL);
	guint k = 0, n = 0;

	while (target && n < runs && premerge_left(p) > p->load->seconds &&
		(!until || k < until)) {
		if (!stress_run(
			    target, p->scratch, p->load, NULL, NULL, run, NULL))
			break;
		n += run->end == STRESS_FOUND || run->end == STRESS_ENDED;
		k += run->end == STRESS_FOUND;
		if (run->end == STRESS_FOUND)
			shows_note(shows, run->report.title);
		stress_run_clear(run);
	}
	*ret_k = k;
	*ret_n = n;
	return target != NULL;
}
