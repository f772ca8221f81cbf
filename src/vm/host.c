/* SPDX-License-Identifier: GPL-2.0-only */

/* How fast this host is now, before any guest could tell. */

#include "template.h"

#define ROUNDS 20000000u
/* What the rounds take on an idle core of the reference machine. */
#define REFERENCE_US 30000.0

double host_slowness(void)
{
	volatile uint64_t sink;
	uint64_t x = 1;
	int64_t start = g_get_monotonic_time();
	unsigned i;

	/* Each round needs the one before: no compiler can shorten it. */
	for (i = 0; i < ROUNDS; i++)
		x = x * 6364136223846793005u + (x >> 29);
	sink = x;
	(void)sink;
	return CLAMP((double)(g_get_monotonic_time() - start) / REFERENCE_US,
		1.0, 10.0);
}
