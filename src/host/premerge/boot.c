/* SPDX-License-Identifier: GPL-2.0-only */
/* Pre-merge: does the patched kernel boot at all? */
#include "host/premerge/premerge.h"

#include <string.h>

#define BOOTS 3 /* of a kernel that does not; the first is the step's */

static gboolean is_death(const GError *error)
{
	return g_error_matches(error, HOST_ERROR, HOST_ERROR_BOOT);
}

/* Base boots: whether patched does. */
static gboolean boot_patched(struct premerge *p, struct review_step *step)
{
	g_autoptr(GError) error = NULL;

	if (premerge_vm(p, p->nr, &error)) {
		step_end(step, VERDICT_PASS, "base and patched boot");
		return TRUE;
	}
	if (!is_death(error)) {
		step_end(step, VERDICT_BROKEN, "patched: %s", error->message);
		return FALSE;
	}
	p->boot_title = g_strdup(error->message + strlen(HOST_BOOT_DIED));
	step->found = 1;
	step_end(step, VERDICT_PASS, "base boots, patched dies: %s",
		p->boot_title);
	return FALSE;
}

gboolean premerge_boot(struct premerge *p)
{
	struct review_step *step = premerge_begin(p, "boot", FALSE);
	g_autoptr(GError) error = NULL;
	gboolean ok = FALSE;

	if (premerge_vm(p, 0, &error))
		ok = boot_patched(p, step);
	else
		step_end(step, VERDICT_BROKEN, "base: %s", error->message);
	premerge_done(step);
	p->vm_seconds += step->seconds / 2;
	return ok;
}

/* One between base and the whole series; FALSE: the next one need not be tried.
 * It is not kept: a bisection finds its template in the cache. */
static gboolean boot_between(
	struct premerge *p, struct review_step *step, guint prefix)
{
	g_autofree char *patch = premerge_patch(p, prefix);
	g_autoptr(GError) error = NULL;

	if (premerge_vm(p, prefix, &error)) {
		step_case(step, patch, VERDICT_PASS, NULL);
		g_clear_pointer(&p->kernel.vm[prefix], target_free);
		return TRUE;
	}
	if (!is_death(error)) {
		step_case(step, patch, VERDICT_BROKEN, error->message);
		step_end(step, VERDICT_BROKEN, "%s: %s", patch, error->message);
		return FALSE;
	}
	step_case(step, patch, VERDICT_FINDING, error->message);
	if (step->outcome != VERDICT_FINDING)
		step_end(step, VERDICT_FINDING,
			"%s does not boot: %s. Fix it in this patch: a series "
			"is to boot after each",
			patch, error->message + strlen(HOST_BOOT_DIED));
	return TRUE;
}

void premerge_boot_each(struct premerge *p)
{
	struct review_step *step;
	gboolean go_on = TRUE;
	guint prefix;

	if (!p->want->every || p->nr < 2)
		return;
	step = premerge_begin(p, "boot of each patch", FALSE);
	for (prefix = 1; go_on && prefix < p->nr; prefix++) {
		step->cut = premerge_left(p) <= 0;
		if (step->cut)
			break;
		if (p->kernel.kasan[prefix])
			go_on = boot_between(p, step, prefix);
	}
	premerge_done(step);
	if (!step->cases->len && step->cut)
		step_no_time(step);
	else if (!step->cases->len)
		step_end(step, VERDICT_SKIP, "none of those kernels was built");
	else if (step->outcome == VERDICT_PASS)
		step_end(step, VERDICT_PASS,
			"%u kernels between base and the whole series boot%s",
			step->cases->len,
			step->cut ? ", there was no time for the others" : "");
}

/* A kernel that has booted is kept: it does so once. */
gboolean shows_boot(struct shows *shows, guint prefix, guint runs, guint until,
	guint *ret_k, guint *ret_n)
{
	guint k = 0, n = 0;

	while (n < runs && (!until || k < until)) {
		g_autoptr(GError) error = NULL;
		gboolean boots = premerge_vm(shows->p, prefix, &error) != NULL;

		if (!boots && !is_death(error))
			break;
		n++;
		k += !boots;
		if (boots)
			break;
		shows_note(shows, error->message + strlen(HOST_BOOT_DIED));
	}
	*ret_k = k;
	*ret_n = n;
	return n > 0;
}

void premerge_judge_boot(struct premerge *p, struct review_finding *finding)
{
	struct shows shows = {.p = p, .title = p->boot_title, .runs = 1};

	finding->boots = TRUE;
	finding->base_n = 1;
	(void)shows_boot(&shows, p->nr, BOOTS - 1, 0, &finding->patched_k,
		&finding->patched_n);
	finding->patched_k++;
	finding->patched_n++;
	finding->weight = finding->patched_k == finding->patched_n
				  ? REVIEW_NEW
				  : REVIEW_UNCONFIRMED;
}
