/* SPDX-License-Identifier: GPL-2.0-only */
/* stamp: what a stamp says; for prog's own files */
#ifndef RMAPTORTURE_PROG_STAMP_H
#define RMAPTORTURE_PROG_STAMP_H

#include <stdbool.h>
#include <stdint.h>

struct stamp {
	uint32_t proc, call, slot, page;
};

/** stamp_decode() - false when @stamp is no stamp (any 64 bits) */
bool stamp_decode(uint64_t stamp, struct stamp *ret);

#define STAMP_LOW_BITS 23 /* page 10, slot 3, call 7, proc 3 */
/** stamp_low() - what tells a stamp from all others, below 1 << STAMP_LOW_BITS
 */
static inline uint32_t stamp_low(uint64_t stamp)
{
	return (uint32_t)stamp & ((1u << STAMP_LOW_BITS) - 1);
}
/** stamp_seal() - the stamp with this stamp_low() */
uint64_t stamp_seal(uint32_t low);

#endif
