/* SPDX-License-Identifier: GPL-2.0-only */
/* The rows of stressors.def as both sides know them: host and guest. */
#ifndef RMAPTORTURE_STRESS_ROWS_H
#define RMAPTORTURE_STRESS_ROWS_H

#include "load/load.h"

enum stressor_id {
#define STRESSOR(name, needs, work, vm, forces) STRESSOR_##name,
#include "stress/stressors.def"
#undef STRESSOR
	STRESSOR_NR
};
_Static_assert(STRESSOR_NR < BOARD_STRESSORS, "each row, and a peer");

struct stress_row {
	const char *name;
	const char *forces; /* what it makes the kernel do, one line */
};

static const struct stress_row stress_rows[STRESSOR_NR] = {
#define STRESSOR(name, needs, work, vm, forces) {#name, forces},
#include "stress/stressors.def"
#undef STRESSOR
};

/** stress_rows_hash() - of all rows: host and guest must have the same */
static inline uint32_t stress_rows_hash(void)
{
	static const char text[] =
#define STRESSOR(name, needs, work, vm, forces) #name #needs #work #vm forces
#include "stress/stressors.def"
#undef STRESSOR
		;

	return (uint32_t)hash_bytes(text, sizeof(text));
}

#endif
