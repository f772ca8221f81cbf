/* SPDX-License-Identifier: GPL-2.0-only */
/* Pre-merge: one program, again and again, on one prefix of the series. */
#include "host/premerge/premerge.h"

#include <string.h>

#include "host/user/tier.h"

#define BROKEN_MAX 5 /* runs that do not count, before we give up */

void shows_note(struct shows *shows, const char *title)
{
	if (strcmp(title, shows->title))
		(void)g_strlcpy(shows->other, title, sizeof(shows->other));
}

gboolean shows_user(struct shows *shows, guint prefix, guint runs, guint until,
	guint *ret_k, guint *ret_n)
{
	struct user_trial trial = {.kernel = premerge_user(shows->p, prefix)};
	guint k = 0, n = 0, broken = 0;

	if (!trial.kernel)
		return FALSE;
	while (n < runs && broken < BROKEN_MAX && (!until || k < until)) {
		char title[TITLE_MAX];
		int got = user_tier_try(&trial, shows->text, title);

		n += got >= 0;
		k += got > 0;
		broken += got < 0;
		if (got > 0)
			shows_note(shows, title);
	}
	*ret_k = k;
	*ret_n = n;
	return n > 0;
}

gboolean shows_vm(struct shows *shows, guint prefix, guint runs, guint until,
	guint *ret_k, guint *ret_n)
{
	struct premerge *p = shows->p;
	g_autofree char *dir = g_build_filename(p->scratch, "replay", NULL);
	g_autoptr(GError) error = NULL;
	struct target *target = premerge_vm(p, prefix, &error);
	guint k = 0, n = 0, broken = 0;

	if (!target) {
		host_progress(p->options, FALSE, "%s", error->message);
		return FALSE;
	}
	while (n < runs && broken < BROKEN_MAX && (!until || k < until) &&
		premerge_left(p) > 0) {
		struct replayed seen;
		int got = replay_run(
			target, dir, &shows->candidate, shows->title, &seen);

		host_progress(p->options, TRUE,
			"%u of %u patches: run %u of %u, %u hits", prefix,
			p->nr, n + 1, runs, k);
		n += got >= 0;
		broken += got < 0;
		if (got < 0 || !*seen.report.title)
			continue;
		k++;
		shows_note(shows, seen.report.title);
	}
	*ret_k = k;
	*ret_n = n;
	return TRUE;
}
