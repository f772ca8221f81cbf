/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load/load.h"
#include "test.h"

static const struct page_id id = {.owner = 7, .generation = 3, .home = 0x7f12};

/* One byte of each sector, head and body, must be seen. */
static void test_page_every_byte(void)
{
	uint8_t page[LOAD_PAGE] __attribute__((aligned(8)));
	struct page_look look;
	uint32_t missed = 0;

	page_fill(page, &id);
	test_case(
		page_check(page, &id, &look) == PAGE_GOOD, "as it was filled");
	for (uint32_t i = 0; i < LOAD_PAGE; i++) {
		page[i] ^= 0x10;
		missed += page_check(page, &id, &look) == PAGE_GOOD ||
			  look.offset != i / 8 * 8;
		page[i] ^= 0x10;
	}
	test_case(missed == 0, "a wrong byte is seen, and where");
}

static void test_page_states(void)
{
	static const struct {
		const char *why;
		struct page_id first, second; /* halves of the page */
		enum page_state want;
	} cases[] = {
		{"an older write of this page", {7, 2, 0x7f12}, {7, 2, 0x7f12},
			PAGE_STALE},
		{"a relative's write of this page", {9, 3, 0x7f12},
			{9, 3, 0x7f12}, PAGE_STALE},
		{"another page's write", {7, 3, 0x7f13}, {7, 3, 0x7f13},
			PAGE_FOREIGN},
		{"half old, half new", {7, 3, 0x7f12}, {7, 2, 0x7f12},
			PAGE_TORN},
	};
	uint8_t page[LOAD_PAGE] __attribute__((aligned(8)));
	uint8_t other[LOAD_PAGE] __attribute__((aligned(8)));
	struct page_look look;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		page_fill(page, &cases[i].first);
		page_fill(other, &cases[i].second);
		memcpy(page + LOAD_PAGE / 2, other + LOAD_PAGE / 2,
			LOAD_PAGE / 2);
		test_case(page_check(page, &id, &look) == cases[i].want,
			cases[i].why);
	}
	page_fill(page, &id);
	memset(page + 1024, 0, 512);
	test_case(
		page_check(page, &id, &look) == PAGE_TORN, "a sector of zeros");
	memset(page, 0xa5, sizeof(page));
	test_case(
		page_check(page, &id, &look) == PAGE_CORRUPT, "nobody's bytes");
	memset(page, 0, sizeof(page));
	test_case(page_check(page, &id, &look) == PAGE_ZERO, "zeros");
}

static void test_histogram(void)
{
	uint32_t count[HISTOGRAM_BUCKETS] = {0};
	uint64_t before = 0;
	uint32_t wrong = 0;

	test_case(histogram_percentile(count, 50) == 0, "nothing counted");
	for (uint64_t ns = 256; ns < 1ull << 39; ns += ns / 3) {
		uint64_t end;

		memset(count, 0, sizeof(count));
		count[histogram_bucket(ns)] = 1;
		end = histogram_percentile(count, 99);
		wrong += end <= ns || end > ns + ns / 4 + 1 || end < before;
		before = end;
	}
	test_case(wrong == 0, "a bucket ends above its values, by a quarter");
	memset(count, 0, sizeof(count));
	count[histogram_bucket(1000)] = 99;
	count[histogram_bucket(1 << 20)] = 1;
	test_case(histogram_percentile(count, 50) < 1300, "the median");
	test_case(histogram_percentile(count, 99) < 1300, "p99 of 99 in 100");
	test_case(histogram_percentile(count, 100) > 1 << 20, "the slowest");
	test_case(histogram_bucket(UINT64_MAX) == HISTOGRAM_BUCKETS - 1,
		"no time is out of range");
}

static const char *const names[] = {"one", "two", "three"};

static void test_text(void)
{
	struct load load = {.stressors = 5,
		.seed = UINT64_MAX,
		.jobs = 3,
		.seconds = 90,
		.flags = LOAD_MIX};
	static const char *const bad[] = {"--stressor four", "--stressor one,",
		"--jobs", "--jobs x", "--jobs 99999999999", "--speed 3",
		"--stressor ,", "--seed 18446744073709551616"};
	struct load got = {0}, same;
	char buf[128];
	struct text text;
	struct why why;

	text_init(&text, buf, sizeof(buf));
	load_print(&load, names, ARRAY_SIZE(names), &text);
	test_case(!strcmp(buf,
			  "--stressor mix:one,three --jobs 3 --max-runtime 90 "
			  "--seed 18446744073709551615"),
		"a load is printed as it is typed");
	test_case(load_parse(buf, names, ARRAY_SIZE(names), &got, &why) == 0 &&
			  !memcmp(&got, &load, sizeof(got)),
		"parsed back");
	same = got;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		test_case(load_parse(bad[i], names, ARRAY_SIZE(names), &got,
				  &why) == -EINVAL &&
				  !memcmp(&got, &same, sizeof(got)),
			bad[i]);
	test_case(load_parse("--stressor all", names, ARRAY_SIZE(names), &got,
			  &why) == 0 &&
			  got.stressors == 7 && got.flags == LOAD_TURNS,
		"all have their turn");
	test_case(load_set("all", names, ARRAY_SIZE(names), &why) == 7, "all");
}

struct question {
	uint64_t needs; /* it shows where all of these are */
	uint32_t left;	/* questions until the time is over */
};

static int shows(uint64_t set, void *user)
{
	struct question *question = user;

	if (!question->left--)
		return -1;
	return (set & question->needs) == question->needs;
}

static void test_shrink(void)
{
	static const struct {
		const char *why;
		uint64_t set, needs, want;
		uint32_t left;
	} cases[] = {
		{"one of many", 0xffff, 0x0400, 0x0400, 100},
		{"two of different halves", 0xff, 0x81, 0x81, 100},
		{"all of them", 0xf, 0xf, 0xf, 100},
		{"no time", 0xff, 0x01, 0xff, 0},
		{"none shows it again", 0xf, 0x10, 0xf, 100},
		{"a single one is not tried", 0x4, 0x4, 0x4, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct question question = {cases[i].needs, cases[i].left};

		test_case(load_shrink(cases[i].set, shows, &question) ==
				  cases[i].want,
			cases[i].why);
	}
}

static void test_turns(void)
{
	struct load load = {.seconds = 60, .round_s = 20, .flags = LOAD_TURNS};
	uint64_t set = 0x5f3b, ran = 0, mixed = 0;
	uint32_t wrong = 0;
	struct rng rng;

	rng_seed(&rng, 3);
	for (uint32_t turn = 0; turn < 4; turn++)
		ran |= load_round(&load, set, turn, &rng);
	test_case(ran == set, "eleven stressors have had their turn after 4");
	test_case(load_round_s(&load, set) == 15, "four turns fit a minute");
	test_case(load_round(&load, 0x10, 7, &rng) == 0x10, "one has them all");
	load.seconds = 2;
	test_case(load_round_s(&load, set) == 1, "a round is no shorter");
	load.flags = LOAD_MIX;
	for (uint32_t turn = 0; turn < 100; turn++) {
		uint64_t some = load_round(&load, set, turn, &rng);
		int nr = __builtin_popcountll(some);

		wrong += (some & ~set) || nr < 2 || nr > 5;
		mixed |= some;
	}
	test_case(
		!wrong && mixed == set, "a mix takes two to five, in time all");
	load.flags = 0;
	test_case(load_round(&load, set, 1, &rng) == set, "else all at once");
}

/* What a guest wrote may be anything. */
static void test_board(void)
{
	struct board *board = calloc(2, sizeof(*board)), *copy = board + 1;
	char title[96];
	struct text text;
	struct why why;

	board_init(board, 17);
	test_case(board_accept(board, 17, &why) == 0, "the same rows");
	test_case(board_accept(board, 18, &why) == -EPROTO, "other rows");
	board_set(board, "/a b\n");
	test_case(!strcmp(board->settings, "/a b\n"), "what is to be set");
	memset(board, 0xff, sizeof(*board));
	board_take(board, copy);
	test_case(copy->state == BOARD_BROKEN && copy->finding.claimed == 0 &&
			  copy->finding.stressor == BOARD_STRESSORS &&
			  copy->stressor[3].outcome == STRESS_BROKEN,
		"numbers are in range");
	test_case(strlen(copy->message) < sizeof(copy->message) &&
			  copy->message[0] == '?' &&
			  strlen(copy->finding.history) < BOARD_HISTORY,
		"texts are printable and end");
	memset(board, 0, sizeof(*board));
	strcpy(board->finding.kind, "stale\npage");
	board->finding.claimed = 2;
	board_take(board, copy);
	text_init(&text, title, sizeof(title));
	board_title(&copy->finding, "exit_walk", &text);
	test_case(!strcmp(title, "rmaptorture: stale page in exit_walk"),
		"a title is one line");
	memset(board, 0, 2 * sizeof(*board));
	board->pauses = 1;
	board->vmstat[0] = 3;
	board->stressor[2].work[WORK_OPS] = 5;
	board->stressor[2].outcome = STRESS_PASS;
	board_add(copy, board);
	board->stressor[2].outcome = STRESS_NONE;
	board_add(copy, board);
	test_case(copy->pauses == 2 && copy->vmstat[0] == 6 &&
			  copy->stressor[2].work[WORK_OPS] == 10 &&
			  copy->stressor[2].outcome == STRESS_PASS,
		"boards of several runs have a sum");
	free(board);
}

int main(void)
{
	test_page_every_byte();
	test_page_states();
	test_histogram();
	test_text();
	test_shrink();
	test_turns();
	test_board();
	return test_end();
}
