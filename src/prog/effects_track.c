/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel notes of writes, in two bits of each page table entry:
 * uffd-wp, which a write clears, and soft-dirty, which it sets. Nothing else
 * that keeps the page may change them, but for clear_refs.
 *
 * Sources, v6.12: mm/memory.c (do_wp_page() with userfaultfd_wp_async(): the
 * bit goes, nobody is told), mm/gup.c (what pins, locks or populates for
 * writing faults as a write does), mm/mremap.c, fs/userfaultfd.c (who moves or
 * forks without the events for it loses the bits).
 */
#include "prog/effects.h"

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

/* Of a process that has just cleared them none must have one; some may, since
 * a vma that is new, or whose pages are pinned, counts as written. */
int effect_cleans(
	struct world *w, const struct deed *deed, const struct call *call)
{
	(void)call;
	for (uint32_t s = 0; s < PROG_SLOTS; s++) {
		struct cell *cells = w->cell[deed->proc][s];

		if (!(w->used[deed->proc] >> s & 1))
			continue;
		for (uint32_t i = 0; i < PROG_SLOT_PAGES; i++)
			cells[i].data.dirty = 0;
	}
	if (deed->until > w->clean_until)
		w->clean_until = deed->until;
	return 0;
}

static int reads(struct world *w, const struct deed *deed,
	const struct call *call,
	int (*judge)(struct world *w, uint32_t proc, struct page_at at,
		uint64_t seen))
{
	const struct call_result *res = &w->result->call[deed->call];
	const struct range *range = &call->arg[0].range;

	if (res->state != CALL_DONE || deed->until)
		return 0;
	for (uint32_t i = 0; i < res->nr_obs; i++) {
		if (judge(w, deed->proc, page_of(range, i),
			    w->result->obs[res->obs + i]))
			return 1;
	}
	return 0;
}

int effect_reads_wp(
	struct world *w, const struct deed *deed, const struct call *call)
{
	return reads(w, deed, call, judge_wp);
}

int effect_reads_dirty(
	struct world *w, const struct deed *deed, const struct call *call)
{
	return reads(w, deed, call, judge_dirty);
}

/* Contents stay, but the kernel writes: it wants pages that can be written, as
 * mprotect does where they are locked. */
static bool faults_for_writing(const struct world *w, const struct call *call)
{
	return call->op == OP_MLOCK || call->op == OP_PIN ||
	       (call->op == OP_MPROTECT && w->mlocked) || call_populates(call);
}

void wp_note(struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;

	bool faults = faults_for_writing(w, call);

	/* of pages that are made anew they are unknown by what made them */
	if ((faults || deed->effect == EFFECT_TRACKS ||
		    effect_changes(deed->effect)) &&
		deed->until > w->wp_until)
		w->wp_until = deed->until;
	if (!faults)
		return;
	for (uint32_t i = 0; i < range->pages; i++) {
		struct cell *cell = cell_at(w, deed->proc, page_of(range, i));

		cell->data.wp = wp_lost(cell->data.wp);
	}
}
