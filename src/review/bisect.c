/* SPDX-License-Identifier: GPL-2.0-only */
#include "review.h"

/* The prefix before patch @likely, then that with it; 0: they are known */
static guint choose_likely(
	guint clean, guint shows, guint likely, const gboolean *in_vain)
{
	for (guint at = likely ? likely - 1 : 1; at <= likely; at++) {
		if (at > clean && at < shows && !in_vain[at])
			return at;
	}
	return 0;
}

/* The prefix between @clean and @shows, nearest to their middle, that was not
 * asked in vain; 0 where there is none. */
static guint choose(guint clean, guint shows, const gboolean *in_vain)
{
	guint middle = clean + (shows - clean) / 2;

	for (guint away = 0; away < shows - clean; away++) {
		if (middle + away < shows && !in_vain[middle + away])
			return middle + away;
		if (middle > clean + away && !in_vain[middle - away])
			return middle - away;
	}
	return 0;
}

void bisect_series(guint nr, guint likely, bisect_probe_fn *probe, void *user,
	struct bisect *ret)
{
	g_autofree gboolean *in_vain = g_new0(gboolean, nr + 1);
	guint clean = 0, shows = nr, at;

	*ret = (struct bisect){0};
	while (shows > clean + 1) {
		enum bisect_answer answer;

		at = choose_likely(clean, shows, likely, in_vain);
		if (!at)
			at = choose(clean, shows, in_vain);
		if (!at)
			break;
		answer = probe(at, user);
		ret->probes++;
		if (answer == BISECT_SHOWS)
			shows = at;
		else if (answer == BISECT_CLEAN)
			clean = at;
		else
			in_vain[at] = TRUE;
	}
	ret->first = clean + 1;
	ret->last = shows;
}
