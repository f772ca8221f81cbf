/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tracking of writes by userfaultfd says of pages: a bit of each page
 * table entry, which a write clears and nothing else that keeps the page.
 *
 * Sources, v6.12: mm/memory.c (do_wp_page() with userfaultfd_wp_async(): the
 * bit goes, nobody is told), mm/gup.c (what pins, locks or populates for
 * writing faults as a write does), mm/mremap.c, fs/userfaultfd.c (who moves or
 * forks without the events for it loses the bits).
 */
#include "prog/effects.h"

#include <linux/mman.h>

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

int effect_tracks(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;

	for (uint32_t i = 0; i < range->pages; i++) {
		struct cell *cell = cell_at(w, deed->proc, page_of(range, i));

		cell->data.wp = wp_lost(cell->data.wp);
		if (deed->sure && cell->map == SURE_YES && !cell->data.wp &&
			cell_is_settled(w, cell))
			cell->data.wp = WP_SET;
	}
	return 0;
}

int effect_reads_wp(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct call_result *res = &w->result->call[deed->call];
	const struct range *range = &call->arg[0].range;

	if (res->state != CALL_DONE || deed->until)
		return 0;
	for (uint32_t i = 0; i < res->nr_obs; i++) {
		if (judge_wp(w, deed->proc, page_of(range, i),
			    w->result->obs[res->obs + i]))
			return 1;
	}
	return 0;
}

/* Contents stay, but the kernel writes: it wants pages that can be written, as
 * mprotect does where they are locked. */
static bool faults_for_writing(const struct world *w, const struct call *call)
{
	return call->op == OP_MLOCK || call->op == OP_PIN ||
	       (call->op == OP_MPROTECT && w->mlocked) ||
	       (call->op == OP_MADVISE &&
		       call_bits(call, 1) == MADV_POPULATE_WRITE);
}

/* Bits of the pages that it makes anew are unknown by what made them. */
static bool changes_bits(const struct world *w, const struct call *call)
{
	enum effect effect = call_effect(call);

	if (effect == EFFECT_KEEPS)
		return faults_for_writing(w, call);
	return effect != EFFECT_READS && effect != EFFECT_READS_WP &&
	       effect != EFFECT_FORKS && effect != EFFECT_EXITS;
}

void wp_note(struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;

	if (changes_bits(w, call) && deed->until > w->wp_until)
		w->wp_until = deed->until;
	if (!faults_for_writing(w, call))
		return;
	for (uint32_t i = 0; i < range->pages; i++) {
		struct cell *cell = cell_at(w, deed->proc, page_of(range, i));

		cell->data.wp = wp_lost(cell->data.wp);
	}
}
