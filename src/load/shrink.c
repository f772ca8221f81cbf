/* SPDX-License-Identifier: GPL-2.0-only */
#include "load/load.h"

/* The lower half of the members of @set */
static uint64_t half(uint64_t set)
{
	uint32_t want = (uint32_t)__builtin_popcountll(set) / 2;
	uint64_t ret = 0;

	while (want--) {
		uint64_t lowest = set & -set;

		ret |= lowest;
		set &= ~lowest;
	}
	return ret;
}

/* Both halves in turn, as long as one of them shows it. -1: time is over */
static int shrink_halves(
	uint64_t *set, int (*shows)(uint64_t set, void *user), void *user)
{
	while (__builtin_popcountll(*set) > 1) {
		uint64_t low = half(*set), high = *set & ~low;
		int got = shows(low, user);

		if (got > 0) {
			*set = low;
			continue;
		}
		if (!got)
			got = shows(high, user);
		if (got <= 0)
			return got;
		*set = high;
	}
	return 0;
}

uint64_t load_shrink(
	uint64_t set, int (*shows)(uint64_t set, void *user), void *user)
{
	if (shrink_halves(&set, shows, user) < 0)
		return set;
	for (uint64_t left = set; left && (set & (set - 1));) {
		uint64_t one = left & -left;
		int got = shows(set & ~one, user);

		if (got < 0)
			break;
		if (got)
			set &= ~one;
		left &= ~one;
	}
	return set;
}
