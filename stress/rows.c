/* SPDX-License-Identifier: GPL-2.0-only */
#include "stress/stress.h"

#define NEED(x) (1u << NEED_##x)
#define WORK(x) (1ull << WORK_##x)
#define VM(x)	(1ull << VMSTAT_##x)

const struct stressor stressors[STRESSOR_NR + 1] = {
#define STRESSOR(name, needs, work, vm, forces)                                \
	{#name, needs, work, vm, forces, stress_##name},
#include "stress/stressors.def"
#undef STRESSOR
	[ROW_PEER] = {"peer", NEED(PEER), 0, 0, "another tool", stress_peer},
};
