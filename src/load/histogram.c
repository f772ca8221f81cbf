/* SPDX-License-Identifier: GPL-2.0-only */
#include "load/load.h"

#define LOWEST_OCTAVE 8
#define PER_OCTAVE    4

uint32_t histogram_bucket(uint64_t ns)
{
	uint32_t octave, bucket;

	if (ns < 1u << LOWEST_OCTAVE)
		return 0;
	octave = 63 - (uint32_t)__builtin_clzll(ns);
	bucket = (octave - LOWEST_OCTAVE) * PER_OCTAVE +
		 (uint32_t)(ns >> (octave - 2) & (PER_OCTAVE - 1));
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t bucket_end(uint32_t bucket)
{
	uint32_t octave = LOWEST_OCTAVE + bucket / PER_OCTAVE;

	return (1ull << octave) +
	       (bucket % PER_OCTAVE + 1) * (1ull << (octave - 2));
}

uint64_t histogram_percentile(
	const uint32_t count[HISTOGRAM_BUCKETS], uint32_t percent)
{
	uint64_t total = 0, seen = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += count[i];
	if (!total)
		return 0;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += count[i];
		if (seen * 100 >= total * percent)
			return bucket_end(i);
	}
	return bucket_end(HISTOGRAM_BUCKETS - 1);
}
