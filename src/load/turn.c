/* SPDX-License-Identifier: GPL-2.0-only */
/* Which stressors a round runs, and for how long. */
#include "load/load.h"

#define TURN	  3 /* stressors a round where all have their turn */
#define MIX_LEAST 2
#define MIX_MOST  5

static uint64_t pick(struct rng *rng, uint64_t set)
{
	uint32_t all = (uint32_t)__builtin_popcountll(set);
	uint32_t want = rng_range(rng, MIX_LEAST, MIX_MOST), left = all;
	uint64_t ret = 0;

	for (uint32_t i = 0; i < 64; i++) {
		if (!(set >> i & 1))
			continue;
		if (rng_below(rng, left--) < want) {
			ret |= 1ull << i;
			want--;
		}
	}
	return ret;
}

/* The next few after @turn rounds, round and round */
static uint64_t in_turn(uint64_t set, uint32_t turn)
{
	uint32_t all = (uint32_t)__builtin_popcountll(set);
	uint32_t first = turn * TURN % all, nr = 0;
	uint64_t ret = 0;

	for (uint32_t i = 0; i < 64; i++) {
		if (!(set >> i & 1))
			continue;
		if ((nr + all - first) % all < TURN)
			ret |= 1ull << i;
		nr++;
	}
	return ret;
}

uint64_t load_round(
	const struct load *load, uint64_t set, uint32_t turn, struct rng *rng)
{
	if (load->flags & LOAD_MIX)
		return pick(rng, set);
	if (load->flags & LOAD_TURNS)
		return in_turn(set, turn);
	return set;
}

/* Each must have its turn. */
uint32_t load_round_s(const struct load *load, uint64_t set)
{
	uint32_t all = (uint32_t)__builtin_popcountll(set);
	uint32_t turns = (all + TURN - 1) / TURN, seconds = load->round_s;

	if (load->flags & LOAD_TURNS && turns &&
		load->seconds / turns < seconds)
		seconds = load->seconds / turns;
	return seconds ? seconds : 1;
}
