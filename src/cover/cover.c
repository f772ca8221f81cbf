/* SPDX-License-Identifier: GPL-2.0-only */
#include "cover/cover.h"

#include <errno.h>
#include <string.h>

int cover_fold(uint8_t *map, size_t map_len, const uint64_t *pcs, size_t nr_pcs)
{
	uint32_t prev = 0;

	if (map_len < (1u << 12) || map_len > (1u << 24) ||
		(map_len & (map_len - 1)))
		return -EINVAL;
	for (size_t i = 0; i < nr_pcs; i++) {
		uint32_t loc = (uint32_t)pcs[i] * 0x9e3779b1u;
		uint8_t *count = &map[((loc >> 8) ^ prev) & (map_len - 1)];

		if (*count != UINT8_MAX)
			++*count;
		prev = loc >> 9;
	}
	return 0;
}

void cover_merge(uint8_t *map, const uint8_t *from, size_t map_len)
{
	for (size_t i = 0; i < map_len; i++) {
		unsigned int sum = map[i] + from[i];

		map[i] = sum > UINT8_MAX ? UINT8_MAX : (uint8_t)sum;
	}
}

/* Eight saturating sums at once: the carry out of each byte fills it. */
static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	const uint64_t high = 0x8080808080808080u;
	uint64_t sum = ((a & ~high) + (b & ~high)) ^ ((a ^ b) & high);
	uint64_t carry = ((a & b) | ((a | b) & ~sum)) & high;

	return sum | (carry >> 7) * 0xff;
}

static uint64_t word_load(const uint8_t *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

void cover_take(uint8_t *map, uint8_t *from, size_t map_len, bool add)
{
	const uint64_t none = 0;

	for (size_t i = 0; i < map_len; i += sizeof(none)) {
		uint64_t word = word_load(from + i);

		if (word)
			memcpy(from + i, &none, sizeof(none));
		else if (add)
			continue;
		if (add)
			word = add_saturated(word_load(map + i), word);
		memcpy(map + i, &word, sizeof(word));
	}
}

static uint8_t count_class(uint8_t count)
{
	if (count <= 3)
		return count ? (uint8_t)(1u << (count - 1)) : 0;
	if (count < 8)
		return 1u << 3;
	if (count < 16)
		return 1u << 4;
	if (count < 32)
		return 1u << 5;
	return count < 128 ? 1u << 6 : 1u << 7;
}

size_t cover_new(uint8_t *seen, const uint8_t *map, size_t map_len)
{
	size_t found = 0;

	for (size_t i = 0; i < map_len; i++) {
		uint8_t class = count_class(map[i]);

		found += class && !(seen[i] & class);
		seen[i] |= class;
	}
	return found;
}

size_t cover_edges(const uint8_t *map, size_t map_len)
{
	size_t edges = 0;

	for (size_t i = 0; i < map_len; i++)
		edges += map[i] != 0;
	return edges;
}
