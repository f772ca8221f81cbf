/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frames: physical memory, an array of frames and one of struct page. There are
 * two parts, one of single frames and one of runs of up to 2 MiB. In each,
 * frames are given out in order, and a freed one is used again only when all
 * were: until then the sanitizer catches who touches it, or its struct page.
 */
#ifndef RMAPTORTURE_USER_FRAMES_H
#define RMAPTORTURE_USER_FRAMES_H

#include <linux/mm.h>

#define FIRST_PFN    16 /* frame 0 would be NULL in too many places */
#define LARGE_BLOCKS 64 /* of PTRS_PER_PMD frames */
/* The first of the second part: its frame number is a multiple of 512 */
#define LARGE_FIRST (16384 - FIRST_PFN)
#define ARENA_PAGES (LARGE_FIRST + LARGE_BLOCKS * PTRS_PER_PMD)

void frames_init(void);
/** frames_begin() - all are free */
void frames_begin(void);
/** frames_take() - 1 << @order frames, as many bytes aligned; the struct pages
 *  are zero, the memory is what it was; -1: there are none */
int frames_take(unsigned int order);
/** frames_give() - back. What @looked_up says: its struct page may be read on
 */
void frames_give(unsigned int i, unsigned int order, bool looked_up);
/** frames_used() - how many are given out */
unsigned int frames_used(void);
/** frames_ran_out() - was there once no single one left, since frames_begin()?
 */
bool frames_ran_out(void);
/** frames_had_large() - were more than single ones taken, since
 *  frames_begin()? */
bool frames_had_large(void);
/** frame_excuse() - the large folio that begins there need not be queued for a
 *  split when a part of it is unmapped: it was in the swap cache, or migrated
 */
void frame_excuse(unsigned int i);
/** frame_is_excused() - since it was given out? */
bool frame_is_excused(unsigned int i);
/** frame_page() - of frame @i, given out or not */
struct page *frame_page(unsigned int i);
/** page_frame() - 0 .. ARENA_PAGES - 1 */
unsigned int page_frame(const struct page *page);

/** data_clear() - make a page zero */
void data_clear(void *to);
void data_copy(void *to, const void *from);

#endif
