/* SPDX-License-Identifier: GPL-2.0-only */
#include "cover/cover.h"
#include "cover/points.h"

#include <errno.h>
#include <string.h>

#include "test.h"

#define LEN 4096

static uint32_t loc(uint64_t pc)
{
	return (uint32_t)pc * 0x9e3779b1u;
}

static void test_lengths(void)
{
	static const struct {
		const char *why;
		size_t len;
		int want;
	} cases[] = {
		{"the smallest map", LEN, 0},
		{"a map below the smallest", LEN / 2, -EINVAL},
		{"no map", 0, -EINVAL},
		{"a map that is no power of two", LEN + 1, -EINVAL},
		{"a map above the largest", 1u << 25, -EINVAL},
	};
	static uint8_t map[LEN];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		test_case(
			cover_fold(map, cases[i].len, NULL, 0) == cases[i].want,
			cases[i].why);
}

static void test_fold(void)
{
	static uint8_t map[LEN], other[LEN];
	const uint64_t ab[] = {0xffffffff81000010, 0xffffffff81000020};
	const uint64_t ba[] = {0xffffffff81000020, 0xffffffff81000010};
	uint64_t many[600];

	(void)cover_fold(map, LEN, ab, 2);
	test_case(map[(loc(ab[0]) >> 8) & (LEN - 1)] == 1,
		"the first PC has no edge before it");
	test_case(map[((loc(ab[1]) >> 8) ^ (loc(ab[0]) >> 9)) & (LEN - 1)] == 1,
		"an edge is where the header says");
	test_case(cover_edges(map, LEN) == 2, "two PCs are two places");
	(void)cover_fold(other, LEN, ba, 2);
	test_case(memcmp(map, other, LEN) != 0, "a -> b is not b -> a");
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = ab[0];
	(void)cover_fold(map, LEN, many, ARRAY_SIZE(many));
	test_case(
		map[((loc(ab[0]) >> 8) ^ (loc(ab[0]) >> 9)) & (LEN - 1)] == 255,
		"a count stays at 255");
}

static void test_merge(void)
{
	static uint8_t map[LEN] = {1, 200, 255};
	static const uint8_t from[LEN] = {2, 100, 1, 7};

	cover_merge(map, from, LEN);
	test_case(map[0] == 3 && map[3] == 7, "counts add");
	test_case(map[1] == 255 && map[2] == 255, "and stay at 255");
}

static void test_take(void)
{
	static uint8_t map[LEN], from[LEN], sum[LEN];
	bool same = true, clean = true;

	for (size_t i = 0; i < LEN; i++) {
		map[i] = (uint8_t)(i * 7 + i / 256);
		from[i] = (uint8_t)(i / 16 % 3 ? i * 13 : 0);
		sum[i] = map[i];
	}
	cover_merge(sum, from, LEN);
	cover_take(map, from, LEN, true);
	for (size_t i = 0; i < LEN; i++) {
		same &= map[i] == sum[i];
		clean &= from[i] == 0;
	}
	test_case(same, "taking adds as merging does");
	test_case(clean, "what was taken is gone");
	from[3] = 9;
	cover_take(map, from, LEN, false);
	test_case(map[3] == 9 && cover_edges(map, LEN) == 1 && !from[3],
		"taking without adding replaces");
}

static void test_new(void)
{
	static const struct {
		const char *why;
		uint8_t count;
		size_t want;
	} cases[] = {
		{"a first hit is new", 1, 1},
		{"and only once", 1, 0},
		{"twice is another class", 2, 1},
		{"four to seven are one class", 4, 1},
		{"seven is as four", 7, 0},
		{"128 and more are one class", 128, 1},
		{"255 is as 128", 255, 0},
		{"no hit is nothing", 0, 0},
	};
	static uint8_t seen[LEN], map[LEN];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		map[5] = cases[i].count;
		test_case(cover_new(seen, map, LEN) == cases[i].want,
			cases[i].why);
	}
	test_case(cover_edges(seen, LEN) == 1, "all at one place");
}

/* Two functions: b has a site at 0x10 and 0x30, a.isra.0 one at 0x108. */
struct small_table {
	struct points_head head;
	struct point_fn fn[2];
	uint64_t site[3];
	uint32_t site_fn[3];
	char names[11];
} __attribute__((packed, aligned(8)));

static const struct small_table table = {
	.head = {POINTS_MAGIC, 2, 3, 11},
	.fn = {{.addr = 0x100, .name = 0, .first = 2, .nr = 1},
		{.addr = 0, .name = 9, .first = 0, .nr = 2}},
	.site = {0x10, 0x30, 0x108},
	.site_fn = {1, 1 | POINT_EDGE, 0},
	.names = "a.isra.0\0b",
};

#define TABLE_LEN (offsetof(struct small_table, names) + sizeof(table.names))

static void test_points(void)
{
	struct small_table gone;
	struct points points;
	uint64_t pc = 0;

	if (!test_case(!points_open(&table, TABLE_LEN, &points, NULL),
		    "a table of points is read"))
		return;
	test_case(points_find(&points, "b") == 1 &&
			  points_find(&points, "a") == 0 &&
			  points_find(&points, "a.isra.0") == 0 &&
			  points_find(&points, "a.isra") == 0,
		"functions are found, clones by their function's name");
	test_case(points_find(&points, "c") == -ENOENT &&
			  points_find(&points, "") == -ENOENT,
		"and only those");
	test_case(points_resolve(&points, "b", 0x30, &pc) == 0 && pc == 0x30,
		"a point is where it says");
	test_case(points_resolve(&points, "b", 0x28, &pc) == 1 && pc == 0x30,
		"or at the nearest");
	test_case(points_resolve(&points, "b", 0, &pc) == 0 && pc == 0x10,
		"offset 0 is the first of the function");
	gone = table;
	gone.site_fn[0] |= POINT_GONE;
	test_case(!points_open(&gone, TABLE_LEN, &points, NULL) &&
			  points_resolve(&points, "b", 0, &pc) == 1 &&
			  pc == 0x30,
		"the next is taken when that is patched out");
	gone.site_fn[2] |= POINT_GONE;
	test_case(points_resolve(&points, "a", 0, &pc) == -ENOENT,
		"and none when all are");
	test_case(points_weight(&points, 2) == 1 &&
			  points_weight(&points, 1) == 2,
		"a point next to a lock weighs more");
	test_case(points_site(&points, 0x30) == 1 &&
			  points_site(&points, 0x31) == -ENOENT,
		"a site is found by its address");
}

static void test_bad_points(void)
{
	uint8_t bytes[TABLE_LEN] __attribute__((aligned(8)));
	struct points points;
	uint64_t pc;

	for (size_t len = 0; len < TABLE_LEN; len++)
		if (!points_open(&table, len, &points, NULL))
			test_case(false, "a cut table is refused");
	for (size_t i = 0; i < TABLE_LEN; i++) {
		memcpy(bytes, &table, TABLE_LEN);
		bytes[i] ^= 0xff;
		if (points_open(bytes, TABLE_LEN, &points, NULL))
			continue;
		(void)points_resolve(&points, "b", 5, &pc);
		(void)points_site(&points, 0x30);
	}
	test_case(true, "a table that passes the check can be asked");
}

int main(void)
{
	test_lengths();
	test_fold();
	test_merge();
	test_take();
	test_new();
	test_points();
	test_bad_points();
	return test_end();
}
