/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cover: program counters to a map of edges, and what is new in a map.
 * Pure.
 */
#ifndef RMAPTORTURE_COVER_H
#define RMAPTORTURE_COVER_H

#include "base/base.h"

/**
 * cover_fold() - fold one trace into an edge map
 * @map:     @map_len bytes of saturating hit counts; caller owns
 * @map_len: bytes, a power of two in [1 << 12, 1 << 24]
 * @pcs:     kernel text addresses in execution order; @nr_pcs may be 0
 *
 * The edge a -> b has the place ((loc(b) >> 8) ^ (loc(a) >> 9)) & (map_len - 1)
 * with loc(pc) = (uint32_t)pc * 0x9e3779b1 (Knuth's multiplicative hash);
 * the harness patch for KCOV_TRACE_MAP does the same inside the kernel.
 *
 * Returns 0, or -EINVAL on a bad @map_len.
 * Source: Documentation/dev-tools/kcov.rst, KCOV_TRACE_PC (v6.12).
 */
int cover_fold(
	uint8_t *map, size_t map_len, const uint64_t *pcs, size_t nr_pcs);

/** cover_merge() - add the counts of @from to @map, saturating at 255 */
void cover_merge(uint8_t *map, const uint8_t *from, size_t map_len);

/**
 * cover_take() - move the counts of @from into @map; @from is 0 after it
 * @add: add them to what @map holds, saturating at 255; else replace it
 * @map_len: a multiple of 8; both maps are aligned to 8 bytes
 *
 * Word by word, and without writes where nothing was counted: under emulation
 * a map of 64 KiB takes 1 % of a short program's time so, and 7 % by bytes.
 */
void cover_take(uint8_t *map, uint8_t *from, size_t map_len, bool add);

/**
 * cover_new() - fold a run's map into what was ever seen
 * @seen: @map_len bytes, each a set of count classes (1, 2, 3, 4-7, 8-15,
 *	  16-31, 32-127, 128+), as AFL and libFuzzer class them
 *
 * Returns how many (place, class) pairs were new; they are in @seen after it.
 */
size_t cover_new(uint8_t *seen, const uint8_t *map, size_t map_len);

/** cover_edges() - places of a @seen or of a map that are not 0 */
size_t cover_edges(const uint8_t *map, size_t map_len);

#endif
