/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * effects: what each call does to the model of contents.h, and what a process
 * sees of it; for the shadow's own files.
 */
#ifndef RMAPTORTURE_PROG_EFFECTS_H
#define RMAPTORTURE_PROG_EFFECTS_H

#include "prog/contents.h"

/** effects - by enum effect: do @deed, which is @call, to the model. Each
 *  returns 1 and fills @w->ret where what the call saw may not be, else 0 */
extern int (*const effects[EFFECT_FROM_VALUE])(
	struct world *w, const struct deed *deed, const struct call *call);
int effect_moves(
	struct world *w, const struct deed *deed, const struct call *call);
int effect_fills(
	struct world *w, const struct deed *deed, const struct call *call);
int effect_tracks(
	struct world *w, const struct deed *deed, const struct call *call);
int effect_reads_wp(
	struct world *w, const struct deed *deed, const struct call *call);
int effect_cleans(
	struct world *w, const struct deed *deed, const struct call *call);
int effect_reads_dirty(
	struct world *w, const struct deed *deed, const struct call *call);
int effect_resizes(
	struct world *w, const struct deed *deed, const struct call *call);

/** judge_read() - reading the page gave @seen. Returns 1 when it may not. */
int judge_read(
	struct world *w, uint32_t proc, struct page_at at, uint64_t seen);
/** judge_wp() - the page's uffd-wp bit was @seen: OBS_WP or OBS_NO_WP;
 * judge_dirty()
 *  - its soft-dirty bit: OBS_DIRTY or OBS_CLEAN. Each returns 1 when it may not
 */
int judge_wp(struct world *w, uint32_t proc, struct page_at at, uint64_t seen);
int judge_dirty(
	struct world *w, uint32_t proc, struct page_at at, uint64_t seen);
/** wp_note() - @deed, which is @call, may have changed uffd-wp bits, or may
 *  until it is done. After its effect */
void wp_note(struct world *w, const struct deed *deed, const struct call *call);
/** judge_write() - writing to the page worked, or not. Returns 1 when it may
 *  not be so. */
int judge_write(struct world *w, uint32_t proc, struct page_at at, bool worked);

static inline struct page_at page_of(const struct range *range, uint32_t i)
{
	return (struct page_at){range->slot, (uint16_t)(range->page + i)};
}

#endif
