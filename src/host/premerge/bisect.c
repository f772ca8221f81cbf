/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-merge: the first prefix of the series that shows a finding names
 * the patch.
 */
#include "host/premerge/premerge.h"

#include <string.h>

#define PROBE_MIN_S 20 /* less is not enough for a VM */

/* struct hunt - a bisection at work */
struct hunt {
	struct shows *shows;
	shows_fn *fn;
	gboolean in_vm;
	const char *why; /* a prefix could not tell */
};

/* A kernel that is not there yet is built and booted first. */
static gboolean has_time(const struct hunt *hunt, guint prefix)
{
	const struct premerge *p = hunt->shows->p;
	double need = PROBE_MIN_S;

	if (!hunt->in_vm)
		return p->kernel.user[prefix] ||
		       premerge_left(p) > p->user_seconds;
	if (!p->kernel.vm[prefix])
		need += p->vm_seconds;
	return premerge_left(p) > need;
}

static enum bisect_answer probe(guint prefix, void *user)
{
	struct hunt *hunt = user;
	struct shows *shows = hunt->shows;
	guint k = 0, n = 0;

	host_progress(shows->p->options, FALSE, "bisecting: %u of %u patches",
		prefix, shows->p->nr);
	if (!has_time(hunt, prefix)) {
		hunt->why = "no time was left to build and run those between";
		return BISECT_UNKNOWN;
	}
	if (!hunt->fn(shows, prefix, shows->runs ? shows->runs : shows->rate_n,
		    1, &k, &n)) {
		hunt->why = "a kernel between them does not build or boot";
		return BISECT_UNKNOWN;
	}
	if (k)
		return BISECT_SHOWS;
	if (!shows->runs) {
		hunt->why = "it shows too seldom for clean runs to tell";
		return BISECT_UNKNOWN;
	}
	if (n < shows->runs) {
		hunt->why = "no time was left for enough clean runs";
		return BISECT_UNKNOWN;
	}
	return BISECT_CLEAN;
}

/* Another finding of that title, whose patch is known, in another place */
static const struct review_finding *same_title(
	const struct premerge *p, const struct review_finding *finding)
{
	for (guint i = 0; i < p->review->findings->len; i++) {
		const struct review_finding *other =
			p->review->findings->pdata[i];

		if (other != finding && other->weight == REVIEW_NEW &&
			other->guilty.first &&
			other->guilty.first == other->guilty.last &&
			!strcmp(other->title, finding->title))
			return other;
	}
	return NULL;
}

static void name_patch(struct premerge *p, struct review_finding *finding)
{
	const struct kernel_patch *patch =
		p->patches->pdata[finding->guilty.first - 1];

	finding->subject = g_strdup(patch->subject);
	p->likely = finding->guilty.first;
}

/* A patch may only reach what an earlier one has wrong: those that change the
 * function of a title such as "WARNING in F" are told beside it. */
static char *touching(const struct premerge *p, const char *title)
{
	const char *at = g_strrstr(title, " in ");
	g_autoptr(GStrvBuilder) numbers = g_strv_builder_new();
	g_auto(GStrv) list = NULL;
	g_autofree char *joined = NULL;

	for (guint i = 0; at && i < p->nr; i++) {
		g_autoptr(GPtrArray) one = g_ptr_array_new();
		g_autofree char *number = g_strdup_printf("%u", i + 1);
		g_auto(GStrv) names = NULL;

		g_ptr_array_add(one, p->patches->pdata[i]);
		names = kernel_series_functions(one, NULL);
		if (names && g_strv_contains((const char *const *)names,
				     at + strlen(" in ")))
			g_strv_builder_add(numbers, number);
	}
	list = g_strv_builder_end(numbers);
	if (!*list)
		return NULL;
	joined = g_strjoinv(", ", list);
	return g_strdup_printf(
		"%s() is changed by: patch %s.", at + strlen(" in "), joined);
}

void premerge_bisect(struct shows *shows, shows_fn *fn, gboolean in_vm,
	struct review_finding *finding)
{
	struct premerge *p = shows->p;
	struct hunt hunt = {.shows = shows, .fn = fn, .in_vm = in_vm};
	const struct review_finding *same =
		in_vm ? same_title(p, finding) : NULL;

	if (same) {
		finding->guilty = same->guilty;
		g_free(finding->elsewhere);
		finding->elsewhere = g_strdup_printf(
			"Bisected %s, where it has the same title.",
			same->where);
	} else {
		bisect_series(p->nr, p->likely, probe, &hunt, &finding->guilty);
	}
	finding->touched = touching(p, finding->title);
	if (finding->guilty.first == finding->guilty.last)
		name_patch(p, finding);
	else
		finding->why_range = g_strdup(hunt.why);
}
