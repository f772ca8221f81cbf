/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * effects: what each call does to the model of contents.h, and what a process
 * sees of it; for the shadow's own files.
 */
#ifndef RMAPTORTURE_PROG_EFFECTS_H
#define RMAPTORTURE_PROG_EFFECTS_H

#include "prog/contents.h"

/** effect_fn - do @deed, which is @call, to the model. Returns 1 and fills
 *  @w->ret where what the call saw may not be, else 0 */
typedef int effect_fn(
	struct world *w, const struct deed *deed, const struct call *call);
/** effects - by enum effect */
extern effect_fn *const effects[EFFECT_FROM_VALUE];
/* effects_move.c */
effect_fn effect_moves, effect_fills, effect_replaces, effect_resizes;
effect_fn effect_tracks, effect_reads_wp;    /* effects_track.c */
effect_fn effect_cleans, effect_reads_dirty; /* the same */

/** call_populates() - is it MADV_POPULATE_WRITE? */
bool call_populates(const struct call *call);

/** judge_read() - reading the page gave @seen. Returns 1 when it may not. */
int judge_read(
	struct world *w, uint32_t proc, struct page_at at, uint64_t seen);
/** judge_wp() - the page's uffd-wp bit was @seen: OBS_WP or OBS_NO_WP.
 *  judge_dirty() - its soft-dirty bit: OBS_DIRTY or OBS_CLEAN. OBS_UNREAD says
 *  nothing. Each returns 1 when it may not be so */
int judge_wp(struct world *w, uint32_t proc, struct page_at at, uint64_t seen);
int judge_dirty(
	struct world *w, uint32_t proc, struct page_at at, uint64_t seen);
/** wp_note() - @deed, which is @call, may have changed uffd-wp bits, or may
 *  until it is done. After its effect */
void wp_note(struct world *w, const struct deed *deed, const struct call *call);
/** judge_write() - writing to the page worked, or not, @forced as a debugger
 *  does it. Returns 1 when it may not be so. */
int judge_write(struct world *w, uint32_t proc, struct page_at at, bool forced,
	bool worked);

static inline struct page_at page_of(const struct range *range, uint32_t i)
{
	return (struct page_at){range->slot, (uint16_t)(range->page + i)};
}

#endif
