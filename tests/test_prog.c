/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs: text, generator, mutator, minimizer, stamps. argv[1]: how many
 * programs go through text (default 10000), argv[2]: the seed.
 */
#include "prog/generate.h"
#include "prog/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "test_programs.h"

#define PROGRAMS 10000
#define CAPS_ALL ((1u << CAP_COUNT) - 1)

static const struct {
	const char *why, *text, *canonical;
} texts[] = {
	{"comments, empty lines and blanks go",
		"# x\n\n  p0\ttouch   v0:1 # y\r\n#", "p0 touch v0:1\n"},
	{"the last line needs no end", "p7.t3 async touch v7+1023:1",
		"p7.t3 async touch v7+1023:1\n"},
	{"page 0 is not printed", "p0 touch v1+0:1024", "p0 touch v1:1024\n"},
	{"no flags are 0", "p0 mremap v0:1 v2:1 0\n",
		"p0 mremap v0:1 v2:1 0\n"},
	{"a flag named twice is one flag",
		"p0 mremap v0:1 v2:1 DONTUNMAP|DONTUNMAP",
		"p0 mremap v0:1 v2:1 DONTUNMAP\n"},
	{"numbers and processes",
		"p0 split v0:4 order=8\np0 wait p7\np0 fork p1",
		"p0 split v0:4 order=8\np0 wait p7\np0 fork p1\n"},
	{"properties have an order, and the last of a kind is meant",
		"p0 fail_from=9 async fail_nth=3 fork p1\n"
		"p0.t1 fail_nth=1 fail_from=255 touch v0:1",
		"p0 async fail_nth=3 fork p1\n"
		"p0.t1 fail_from=255 touch v0:1\n"},
	{"a text of nothing is a program of nothing", "", ""},
};

static void test_texts(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct prog prog = prog_of(texts[i].text);

		test_case(prints_as(&prog, texts[i].canonical), texts[i].why);
	}
}

static const struct {
	const char *text, *want; /* part of the error */
} errors[] = {
	{"x", "line 1: 'x': expected an actor"},
	{"p8 exit", "expected an actor"},
	{"p0.t0 exit", "expected an actor"},
	{"p0.t4 exit", "expected an actor"},
	{"p00 exit", "expected an actor"},
	{"p0", "line 1: the line ends where an op:"},
	{"p0 async", "line 1: the line ends where an op:"},
	{"p0 exit\n\np0 jump", "line 3: 'jump': expected an op: mmap"},
	{"p0 jump", " vmsplice drain"}, /* all of them */
	{"p0 touch", "the line ends where a range"},
	{"p0 touch v8:1", "expected a range"},
	{"p0 touch v0:0", "expected a range"},
	{"p0 touch v0+1:1024", "expected a range"},
	{"p0 touch v0+1024:1", "expected a range"},
	{"p0 touch v0:99999999999", "expected a range"},
	{"p0 touch v0:1 v0:1", "'v0:1': expected the end of the line"},
	{"p0 exit async", "'async': expected the end of the line"},
	{"p0 mmap v0:1 x anon", "'x': expected one of none r rw"},
	{"p0 mmap v0:1 rw disk", "'disk': expected one of anon shared"},
	{"p0 mremap v0:1 v1:1 X", "'X': expected 0 or names joined by '|' of "
				  "DONTUNMAP"},
	{"p0 mremap v0:1 v1:1 DONTUNMAP|", "expected 0 or names"},
	{"p0 resize v0:1 pages=0", "expected pages=N, N from 1 to 1024"},
	{"p0 resize v0:1 pages=1025", "expected pages=N, N from 1 to 1024"},
	{"p0 resize v0:1 page=1", "expected pages=N"},
	{"p0 resize v0:1 pages=01", "expected pages=N"},
	{"p0 fork p8", "expected a process"},
	{"p0 fork p1.t1", "expected a process"},
	{"p0 fail_nth=0 exit", "expected fail_nth=N or fail_from=N"},
	{"p0 fail_from=256 exit", "expected fail_nth=N or fail_from=N"},
	{"p0 fail_nth= exit", "expected fail_nth=N or fail_from=N"},
	{"p0 fail_nth=1x exit", "expected fail_nth=N or fail_from=N"},
	{"p0 fail=1 exit", "'fail=1': expected an op"},
	{"p0 exit stall= until=1", "'stall=': expected a point"},
	{"p0 exit stall=a+1 until=1", "'stall=a+1': expected a point"},
	{"p0 exit stall=a+0x until=1", "expected a point"},
	{"p0 exit stall=a+0x100000 until=1", "expected a point"},
	{"p0 exit stall=a#0 until=1", "expected a point"},
	{"p0 exit stall=a-b until=1", "expected a point"},
	{"p0 exit stall=a", "the line ends where until=CALL"},
	{"p0 exit stall=a until=64", "'until=64': expected until=CALL"},
	{"p0 exit stall=a until=1", "'until=1': there is no such call"},
	{"p1 exit\np0 exit stall=a until=0",
		"line 2: 'until=0': it is an earlier"},
	{"p0 exit stall=a until=2\np0 exit\np1 exit",
		"'until=2': the actor that waits makes a call"},
	{"p0 \x01\xff", "?': expected an op"},
};

static void test_errors(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct prog prog = {.nr_calls = 77};
		struct why why = {""};
		char line[400];
		int err = prog_parse(
			errors[i].text, strlen(errors[i].text), &prog, &why);

		snprintf(line, sizeof(line), "error: %.60s",
			strchr(why.text, '\'') ? strchr(why.text, '\'')
					       : why.text);
		if (!test_case(err == -EINVAL && prog.nr_calls == 77 &&
				       strstr(why.text, errors[i].want),
			    line))
			printf("# want %s\n", errors[i].want);
	}
}

static void test_too_long(void)
{
	char text[(PROG_CALLS_MAX + 1) * 8 + 1] = "";
	struct prog prog;
	struct why why;

	for (uint32_t i = 0; i <= PROG_CALLS_MAX; i++)
		strcat(text, "p0 exit\n");
	test_case(prog_parse(text, strlen(text), &prog, &why) == -E2BIG,
		"one call too many is refused");
	test_case(prog_parse(text, strlen(text) - 8, &prog, &why) == 0 &&
			  prog.nr_calls == PROG_CALLS_MAX,
		"as many calls as fit are taken");
}

static bool goes_round(const struct prog *prog)
{
	char buf[PROG_TEXT_MAX];
	struct text text;
	struct prog back;
	struct why why;

	if (prog_check(prog, &why))
		return false;
	text_init(&text, buf, sizeof(buf));
	prog_print(prog, &text);
	return !text.full && !prog_parse(buf, text.len, &back, &why) &&
	       memcmp(prog, &back, sizeof(back)) == 0;
}

/* Does any call need more than @caps? */
static bool prog_needs_more(const struct prog *prog, uint32_t caps)
{
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		if (call_needs(&prog->call[i]) & ~caps)
			return true;
	}
	return false;
}

static void test_rounds(uint32_t rounds, uint64_t seed)
{
	struct prog prog = {0}, other = {0}, cross;
	bool round = true, filled = true, able = true, crossed = true;
	struct rng rng;

	rng_seed(&rng, seed);
	for (uint32_t i = 0; i < rounds; i++) {
		uint32_t caps = (uint32_t)rng_next(&rng) & CAPS_ALL;
		uint32_t nr = rng_range(&rng, 1, PROG_CALLS_MAX);

		prog_generate(&prog, nr, caps, &rng);
		filled &= prog.nr_calls >= nr;
		able &= !prog_needs_more(&prog, caps);
		round &= goes_round(&prog);
		for (int k = 0; k < 4; k++) {
			prog_mutate(&prog, &other, CAPS_ALL, &rng);
			filled &= prog.nr_calls >= 1;
		}
		round &= goes_round(&prog);
		prog_cross(&prog, &other, &cross, &rng);
		crossed &= goes_round(&cross) && cross.nr_calls >= 1;
		other = prog;
	}
	test_case(round, "print and parse give the program back");
	test_case(filled, "the generator fills; the mutator leaves a call");
	test_case(able, "nothing is generated that the guest cannot do");
	test_case(crossed, "crossed programs are programs");
}

static void test_same_seed(uint64_t seed)
{
	struct prog a, b;
	struct rng rng;

	rng_seed(&rng, seed);
	prog_generate(&a, 40, CAPS_ALL, &rng);
	prog_mutate(&a, NULL, CAPS_ALL, &rng);
	rng_seed(&rng, seed);
	prog_generate(&b, 40, CAPS_ALL, &rng);
	prog_mutate(&b, NULL, CAPS_ALL, &rng);
	test_case(memcmp(&a, &b, sizeof(a)) == 0,
		"the same seed gives the same program");
}

/* Which of the ops does the generator come to, and is fork one of many? */
static void test_spread(uint64_t seed)
{
	uint32_t count[OP_COUNT] = {0};
	struct prog prog;
	struct rng rng;
	bool all = true;

	rng_seed(&rng, seed);
	for (int n = 0; n < 800; n++) {
		prog_generate(&prog, 32, CAPS_ALL, &rng);
		for (uint32_t i = 0; i < prog.nr_calls; i++)
			count[prog.call[i].op]++;
	}
	for (uint32_t i = 0; i < OP_COUNT; i++)
		all &= count[i] > 5;
	test_case(all, "every op is generated");
	test_case(count[OP_FORK] > 400, "most programs fork");
}

/* Two calls of different actors, behind a set-up that all can follow */
static void test_pairs(uint64_t seed)
{
	bool round = true, differ = true, able = true;
	struct prog prog;
	struct rng rng;

	rng_seed(&rng, seed);
	for (int n = 0; n < 400; n++) {
		uint32_t caps = (uint32_t)rng_next(&rng) & CAPS_ALL;
		uint32_t at = prog_generate_pair(&prog, caps, &rng);
		const struct call *call = &prog.call[at];

		round &= goes_round(&prog) && at + 2 <= prog.nr_calls;
		able &= !prog_needs_more(&prog, caps);
		differ &= call[0].proc != call[1].proc ||
			  call[0].thread != call[1].thread;
	}
	test_case(round && able, "pairs are programs that the guest can run");
	test_case(differ, "the two calls of a pair are of different actors");
}

static void test_moves(uint64_t seed)
{
	bool round = true, able = true, short_enough = true;
	uint32_t longer = 0;
	struct rng rng;

	rng_seed(&rng, seed);
	for (uint32_t n = 0; n < 400; n++) {
		uint32_t caps = (uint32_t)rng_next(&rng) & CAPS_ALL;
		uint32_t max = 1 + n % 16;
		struct prog prog = {0};
		struct gen gen;

		gen_init(&gen, caps, &rng);
		prog.nr_calls = gen_move(&gen, prog.call, max);
		short_enough &= prog.nr_calls <= max;
		longer += prog.nr_calls >= 4;
		round &= goes_round(&prog);
		able &= !prog_needs_more(&prog, caps);
	}
	test_case(round && able, "moves are calls that the guest can run");
	test_case(short_enough, "a move keeps to the room that there is");
	test_case(longer > 200, "most moves are a few calls");
}

static void test_garbage(uint64_t seed)
{
	static const char words[] = "p0 p1.t1 async touch mmap v0:1 v1+8:4 rw "
				    "anon|=#:\n +.,0 fork exit pages=1 ";
	struct prog prog = {0};
	struct why why;
	struct rng rng;
	char text[300];

	rng_seed(&rng, seed);
	for (int n = 0; n < 20000; n++) {
		size_t len = rng_below(&rng, sizeof(text));

		for (size_t i = 0; i < len; i++) {
			text[i] = words[rng_below(&rng, sizeof(words) - 1)];
			if (rng_one_in(&rng, 20))
				text[i] = (char)rng_next(&rng);
		}
		(void)prog_parse(text, len, &prog, &why);
	}
	test_case(prog_check(&prog, &why) == 0, "any bytes can be parsed");
}

static void test_hostile(uint64_t seed)
{
	static struct prog_result result;
	struct prog prog, good;
	struct mismatch found;
	struct why why;
	struct rng rng;
	uint32_t refused = 0;

	rng_seed(&rng, seed);
	for (int n = 0; n < 20000; n++) {
		uint8_t *bytes = (uint8_t *)&prog;

		prog_generate(&good, 8, CAPS_ALL, &rng);
		prog = good;
		for (int k = 0; k < 3; k++)
			bytes[rng_below(&rng, 8 + 8 * sizeof(prog.call[0]))] =
				(uint8_t)rng_next(&rng);
		if (prog.nr_calls < good.nr_calls)
			memset(&prog.call[prog.nr_calls], 0,
				(good.nr_calls - prog.nr_calls) *
					sizeof(prog.call[0]));
		if (prog_check(&prog, &why))
			refused++;
		else if (!goes_round(&prog))
			refused = 1u << 31;
	}
	test_case(refused > 1000 && refused < 20000,
		"bytes that pass the check are programs");
	for (int n = 0; n < 200; n++) {
		uint8_t *bytes = (uint8_t *)&result;

		for (size_t i = 0; i < sizeof(result); i += 97)
			bytes[i] = n % 2 ? (uint8_t)rng_next(&rng) : 0;
		memset(&result.call, n % 3, sizeof(result.call));
		result.flags = 0;
		prog_generate(&good, 30, CAPS_ALL, &rng);
		if (result_check(&good, &result, &why) == 0)
			(void)shadow_judge(&good, &result, &found);
	}
	test_case(true, "a result that passes the check can be judged");
}

static const struct {
	const char *why;
	size_t at; /* of a byte in struct prog_result, made @value */
	uint8_t value;
} bad_results[] = {
	{"a result with unknown flags is refused",
		offsetof(struct prog_result, flags), 0x80},
	{"a result with too many observations is refused",
		offsetof(struct prog_result, nr_obs) + 1, 0x80},
	{"a result of a ninth process is refused",
		offsetof(struct prog_result, live) + 1, 1},
	{"a result with an unknown state is refused",
		offsetof(struct prog_result, call[0].state), 9},
	{"an errno above 0 is refused",
		offsetof(struct prog_result, call[0].err), 1},
	{"more observations than pages are refused",
		offsetof(struct prog_result, call[1].nr_obs), 3},
	{"observations that are not there are refused",
		offsetof(struct prog_result, call[1].nr_obs), 2},
	{"observations of a call that makes none are refused",
		offsetof(struct prog_result, call[0].nr_obs), 1},
};

static void test_results(void)
{
	static struct prog_result result;
	struct prog prog = prog_of("p0 touch v0:2\np0 expect v0:2\n");
	struct why why;

	memset(&result, 0, sizeof(result));
	test_case(result_check(&prog, &result, &why) == 0,
		"an empty result is a result");
	for (size_t i = 0; i < ARRAY_SIZE(bad_results); i++) {
		memset(&result, 0, sizeof(result));
		((uint8_t *)&result)[bad_results[i].at] = bad_results[i].value;
		test_case(result_check(&prog, &result, &why) == -EBADMSG,
			bad_results[i].why);
	}
	memset(&result, 0, sizeof(result));
	result.call[0].state = CALL_DONE;
	result.call[0].ret = 3;
	test_case(result_check(&prog, &result, &why) == -EBADMSG,
		"a touch of more pages than its range has is refused");
}

/* The core: p1 forked, then a munmap by p0, then a touch by p1 */
static int has_core(const struct prog *prog, void *user)
{
	uint32_t found = 0;

	(*(uint32_t *)user)++;
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		const struct call *call = &prog->call[i];

		if (found == 0)
			found += call->op == OP_FORK && call->arg[0].num == 1;
		else if (found == 1)
			found += call->op == OP_MUNMAP && call->proc == 0;
		else if (found == 2)
			found += call->op == OP_TOUCH && call->proc == 1;
	}
	return found == 3;
}

static int breaks(const struct prog *prog, void *user)
{
	(void)prog;
	return ++*(uint32_t *)user == 3 ? -EIO : 1;
}

static void test_minimize(uint64_t seed)
{
	static const char *const core[] = {"p0 fork p1\n",
		"p0.t2 async munmap v3+7:100\n", "p1 touch v1:64\n"};
	struct prog prog, filler;
	struct rng rng;
	uint32_t calls = 0;
	int ret;

	rng_seed(&rng, seed);
	prog_generate(&prog, 50, CAPS_ALL, &rng);
	for (int i = 0; i < 3; i++) {
		filler = prog_of(core[i]);
		prog.call[10 + 15 * i] = filler.call[0];
	}
	filler = prog;
	ret = prog_minimize(&prog, has_core, &calls, 10000);
	test_case(ret > 0 && (uint32_t)ret == calls,
		"minimizing counts its tries");
	test_case(prog.nr_calls == 3 && prog.call[1].props == 0 &&
			  prog.call[1].thread == 0 &&
			  prog.call[1].arg[0].range.pages == 1,
		"a core of three calls is found, and made plain");
	prog = filler;
	calls = 0;
	test_case(prog_minimize(&prog, has_core, &calls, 7) == 7 && calls == 7,
		"minimizing stops at its limit");
	calls = 0;
	prog = filler;
	test_case(prog_minimize(&prog, breaks, &calls, 100) == -EIO &&
			  prog.nr_calls < 50 && goes_round(&prog),
		"an error of the predicate ends it, with the best so far");
}

static const struct {
	int by;
	const char *why, *text, *moved; /* NULL: nothing moves */
} fails[] = {
	{3, "fails move, other calls stay",
		"p0 touch v0:1\np0 fail_nth=2 fork p1\np0 fail_from=1 fork "
		"p2\n",
		"p0 touch v0:1\np0 fail_nth=5 fork p1\np0 fail_from=4 fork "
		"p2\n"},
	{-1, "not before the first",
		"p0 fail_nth=2 fork p1\np0 fail_nth=1 exit\n",
		"p0 fail_nth=1 fork p1\np0 fail_nth=1 exit\n"},
	{1000, "not beyond the last", "p0 fail_nth=2 fork p1\n",
		"p0 fail_nth=255 fork p1\n"},
	{-1, "one that cannot move", "p0 fail_nth=1 fork p1\n", NULL},
	{1, "nothing fails", "p0 fork p1\n", NULL},
};

static void test_move_fails(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(fails); i++) {
		struct prog prog = prog_of(fails[i].text), moved;
		bool any = prog_move_fails(&prog, fails[i].by, &moved);

		test_case(any == !!fails[i].moved &&
				  prints_as(&moved,
					  any ? fails[i].moved : fails[i].text),
			fails[i].why);
	}
}

static void test_ops(void)
{
	struct prog prog = prog_of("p0 mremap v0:2 v1+3:4 DONTUNMAP\n"
				   "p0 resize v0:2 pages=5\n"
				   "p0 split v0:1 order=0\n"
				   "p0 split v0:1 order=2\n"
				   "p0 madvise v0:1 PAGEOUT\n");
	uint64_t arg[SYS_ARGS_MAX];

	call_sys_args(&prog.call[0], arg);
	test_case(arg[0] == prog_addr(0, 0) && arg[1] == 2 * 4096 &&
			  arg[2] == 4 * 4096 && arg[3] == 7 &&
			  arg[4] == prog_addr(1, 3) && arg[5] == 0,
		"mremap is always MAYMOVE and FIXED");
	call_sys_args(&prog.call[1], arg);
	test_case(
		arg[2] == 5 * 4096 && arg[3] == 0, "resize stays where it is");
	test_case(call_needs(&prog.call[2]) == CAP_SPLIT &&
			  call_needs(&prog.call[3]) ==
				  (CAP_SPLIT | CAP_SPLIT_ORDER),
		"only a split to an order above 0 needs orders");
	test_case(call_needs(&prog.call[4]) == CAP_SWAP &&
			  call_effect(&prog.call[4]) == EFFECT_KEEPS,
		"an advice tells its own needs and effect");
}

static void test_stamps(void)
{
	char buf[100];
	struct text text;
	bool fine = true;

	for (uint32_t i = 0; i < 1u << 20; i += 7) {
		uint64_t s =
			prog_stamp(i & 7, i >> 3 & 63, i >> 9 & 7, i >> 10);

		fine &= s && s < OBS_UNREAD;
	}
	test_case(fine, "a stamp is neither 0 nor one of OBS_*");
	text_init(&text, buf, sizeof(buf));
	stamp_describe(prog_stamp(1, 7, 0, 4), &text);
	test_case(strcmp(buf, "p1's touch in call 7 of v0+4") == 0,
		"a stamp says who, when and where");
	text_init(&text, buf, sizeof(buf));
	stamp_describe(prog_file_stamp(9), &text);
	test_case(strcmp(buf, "page 9 of the file") == 0, "so does the file's");
	text_init(&text, buf, sizeof(buf));
	stamp_describe(prog_stamp(1, 7, 0, 4) ^ 1, &text);
	test_case(strstr(buf, "nobody") != NULL, "a flipped bit is noticed");
	test_case(prog_addr(0, 0) % (4u << 20) == 0 &&
			  prog_addr(1, 16) % (2u << 20) == 0 &&
			  prog_addr(7, 1023) < 1ull << 46,
		"even slots fit huge pages, odd ones cross page tables");
}

static void test_end_pages(void)
{
	struct prog prog = prog_of("p0 touch v1+2:2\np0 expect v5:9\n"
				   "p0 mremap v1+2:2 v0:2 0\np0 touch v1+1:3\n"
				   "p0 touch v2:1000\n");
	struct page_at pages[PROG_END_PAGES];
	uint32_t nr = prog_end_pages(&prog, pages);

	test_case(nr == PROG_END_PAGES && pages[0].slot == 1 &&
			  pages[0].page == 2 && pages[2].slot == 0 &&
			  pages[4].slot == 1 && pages[4].page == 1 &&
			  pages[5].slot == 2 && pages[5].page == 0,
		"end pages: each once, in order, as many as fit");
}

int main(int argc, char **argv)
{
	uint32_t rounds =
		argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : PROGRAMS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	printf("# seed %llu\n", (unsigned long long)seed);
	test_move_fails();
	test_ops();
	test_texts();
	test_errors();
	test_too_long();
	test_rounds(rounds, seed);
	test_same_seed(seed);
	test_moves(seed);
	test_pairs(seed);
	test_spread(seed);
	test_garbage(seed);
	test_hostile(seed);
	test_results();
	test_minimize(seed);
	test_stamps();
	test_end_pages();
	return test_end();
}
