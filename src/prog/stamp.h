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

#endif
