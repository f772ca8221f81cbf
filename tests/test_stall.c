/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stalls in programs: text, checks, and what mutation and minimizing leave of
 * them. argv[1]: rounds (default 3000), argv[2]: the seed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "prog/result.h"
#include "test.h"
#include "test_programs.h"

#define ROUNDS	 3000
#define CAPS_ALL 0xffffffffu

static const char race[] = "p0 fork p1\n"
			   "p0 move_pages v0:1 node=1 ALL "
			   "stall=rmap_walk_anon+0x1a#2 until=3\n"
			   "p1 touch v0:1\n"
			   "p1 munmap v0:1\n"
			   "p0 expect v0:1\n";

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
	       !memcmp(prog, &back, sizeof(back));
}

static void test_text(void)
{
	struct prog prog = prog_of(race);
	const struct stall *stall = &prog.stall[0];

	test_case(prog.nr_stalls == 1 && stall->call == 1 &&
			  stall->until == 3 && stall->hit == 2 &&
			  stall->offset == 0x1a &&
			  !strcmp(stall->symbol, "rmap_walk_anon"),
		"a stall is read");
	test_case(prints_as(&prog, race), "and printed as it was read");
	prog = prog_of("p0 exit stall=f.isra.0+0x0#1 until=1 # a\np1 exit");
	test_case(prints_as(&prog, "p0 exit stall=f.isra.0 until=1\np1 exit\n"),
		"offset 0 and the first hit are not printed");
}

/* What a change leaves of the stall of @race */
static bool stall_is(const struct prog *prog, uint32_t call, uint32_t until)
{
	return goes_round(prog) && prog->nr_stalls == 1 &&
	       prog->stall[0].call == call && prog->stall[0].until == until;
}

static bool stall_is_gone(const struct prog *prog)
{
	return goes_round(prog) && !prog->nr_stalls;
}

static void test_changes(void)
{
	struct prog prog = prog_of(race), other;

	prog_cut(&prog, 0, 1);
	test_case(stall_is(&prog, 0, 2), "a cut before it moves a stall");
	prog = prog_of(race);
	prog_cut(&prog, 2, 1);
	test_case(stall_is(&prog, 1, 2), "a cut inside draws it together");
	prog_cut(&prog, 2, 1);
	test_case(stall_is_gone(&prog), "without its other call it goes");
	prog = prog_of(race);
	prog_cut(&prog, 1, 1);
	test_case(stall_is_gone(&prog), "without its own call it goes");
	prog = prog_of(race);
	prog_swap(&prog, 2);
	test_case(stall_is(&prog, 1, 2), "a swap follows its other call");
	prog_swap(&prog, 0);
	test_case(stall_is_gone(&prog), "and removes what cannot hold");
	prog = prog_of(race);
	(void)prog_gap(&prog, 2, 1);
	prog.call[2] = prog.call[3];
	test_case(stall_is(&prog, 1, 4), "a gap inside stretches it");
	prog.call[2].proc = 0;
	prog_fix_stalls(&prog);
	test_case(stall_is_gone(&prog),
		"a call of the waiting actor inside removes it");
	prog = prog_of("p0 touch v0:1\n");
	other = prog_of(race);
	(void)prog_gap(&prog, 1, 4);
	memcpy(&prog.call[1], &other.call[0], 4 * sizeof(prog.call[0]));
	prog_take_stalls(&prog, 1, &other, 0, 4);
	test_case(stall_is(&prog, 2, 4), "copied calls bring their stall");
}

static void test_pairs(void)
{
	struct prog prog = prog_of("p0 mmap v0:1 rw anon\n"
				   "p0 touch v0:1\n"
				   "p0 fork p1\n"
				   "p0 touch v0:1\n"
				   "p1 touch v0:1\n"
				   "p0.t1 munmap v0:1\n");
	uint32_t at[PROG_CALLS_MAX];

	test_case(prog_pairs(&prog, at) == 2 && at[0] == 3 && at[1] == 4,
		"pairs: neighbours of different actors");
	prog.call[4].props |= CALL_ASYNC;
	test_case(prog_pairs(&prog, at) == 1 && at[0] == 4,
		"where a call is marked, it and the next");
	prog = prog_of(race);
	test_case(prog_pairs(&prog, at) == 1 && at[0] == prog.stall[0].call,
		"a stall marks its call");
	prog_plain(&prog);
	test_case(stall_is_gone(&prog), "a plain program has no stall");
}

/* Two calls that wait for each other */
static const char both[] = "p0 touch v0:1 stall=f until=1\n"
			   "p1 touch v0:1 stall=g#2 until=0\n"
			   "p0 expect v0:1\n";

static void test_both(void)
{
	struct prog prog = prog_of(both), back;

	test_case(goes_round(&prog) && prog.nr_stalls == 2 &&
			  prog.stall[1].until == 0,
		"two calls may wait for each other");
	prog_drop_stall(&prog, 0);
	test_case(stall_is_gone(&prog), "without the first none waits");
	prog = prog_of(both);
	prog_cut(&prog, 1, 1);
	test_case(stall_is_gone(&prog), "nor without the second call");
	test_case(prog_parse("p0 exit\np1 exit stall=g until=0\n", 32, &back,
			  NULL) == -EINVAL,
		"an earlier call that waits for nobody is none to wait for");
}

/* Three calls that begin together */
static const char meeting[] = "p0 touch v0:1 meet=2\n"
			      "p1 touch v0:1 meet=2-1500\n"
			      "p2 touch v0:1\n"
			      "p0 expect v0:1\n";

static void test_meeting(void)
{
	struct prog prog = prog_of(meeting), back;

	test_case(prints_as(&prog, meeting) && goes_round(&prog) &&
			  stall_is_meeting(&prog.stall[1]) &&
			  prog.stall[1].offset == 1500 &&
			  prog.stall[1].hit == MEET_EARLIER,
		"several calls may meet one");
	prog_cut(&prog, 2, 1);
	test_case(stall_is_gone(&prog), "without that none meets");
	prog = prog_of("p0 exit meet=1-0\np1 exit\n");
	test_case(prints_as(&prog, "p0 exit meet=1\np1 exit\n"),
		"no earlier is at once");
	test_case(prog_parse("p0 exit\np1 exit meet=0\n", 23, &back, NULL) ==
			  -EINVAL,
		"an earlier call is none to meet");
	test_case(prog_parse("p0 exit meet=1+100000000\np1 exit\n", 33, &back,
			  NULL) == -EINVAL,
		"nor is one met 100 ms later");
}

static void add_stalls(struct prog *prog, struct rng *rng)
{
	struct stall stall = {.symbol = "f", .hit = 1};
	struct stall meet = {0};

	for (int i = 0; i < 8; i++) {
		stall.offset = rng_below(rng, 100);
		stall.call = (uint8_t)rng_below(rng, prog->nr_calls);
		stall.until = (uint8_t)(stall.call + rng_below(rng, 5));
		if (rng_one_in(rng, 4) && prog->nr_stalls) {
			stall.call = prog->stall[0].until;
			stall.until = prog->stall[0].call;
		}
		meet.call = stall.call;
		meet.until = stall.until;
		stall_when(&meet, rng);
		(void)prog_add_stall(prog, rng_one_in(rng, 4) ? &meet : &stall);
	}
}

static void test_rounds(uint32_t rounds, uint64_t seed)
{
	struct prog prog, other = {0}, cross;
	uint32_t stalls = 0, crossed = 0;
	bool good = true;
	struct rng rng;

	rng_seed(&rng, seed);
	for (uint32_t i = 0; i < rounds; i++) {
		prog_generate(&prog, rng_range(&rng, 1, PROG_CALLS_MAX),
			CAPS_ALL, &rng);
		add_stalls(&prog, &rng);
		good &= goes_round(&prog);
		for (int k = 0; k < 3; k++)
			prog_mutate(&prog, &other, CAPS_ALL, &rng);
		stalls += prog.nr_stalls;
		prog_cross(&prog, &other, &cross, &rng);
		crossed += cross.nr_stalls;
		good &= goes_round(&prog) && goes_round(&cross);
		other = prog;
	}
	test_case(good, "mutated and crossed programs have stalls that hold");
	test_case(
		stalls > rounds && crossed > rounds / 2, "most stalls live on");
}

static void test_hostile(uint64_t seed)
{
	struct prog good = prog_of(race), prog;
	uint32_t refused = 0;
	struct rng rng;
	struct why why;

	rng_seed(&rng, seed);
	for (int n = 0; n < 20000; n++) {
		uint8_t *bytes;

		prog = good;
		bytes = n % 8 ? (uint8_t *)&prog.stall[0]
			      : (uint8_t *)&prog.nr_stalls;
		bytes[rng_below(&rng,
			n % 8 ? sizeof(struct stall) : sizeof(uint32_t))] =
			(uint8_t)rng_next(&rng);
		if (prog_check(&prog, &why))
			refused++;
		else if (prog.nr_stalls == 1 && !goes_round(&prog))
			refused = 1u << 31;
	}
	test_case(refused > 10000 && refused < 20000,
		"bytes that pass the check are stalls");
}

static void test_results(void)
{
	static struct prog_result result;
	struct prog prog = prog_of(race);
	struct why why;

	result.stall[0].outcome = STALL_OUTCOMES;
	test_case(result_check(&prog, &result, &why) == -EBADMSG,
		"an outcome that is none is refused");
	result.stall[0].outcome = STALL_INSIDE;
	test_case(!result_check(&prog, &result, &why), "one that is is not");
	test_case(!strcmp(stall_outcome_name(255), "plain race"),
		"any byte has a name");
}

/* A race that needs the stall on move_pages and the munmap inside it. */
static int has_race(const struct prog *prog, void *user)
{
	const struct stall *stall = &prog->stall[0];

	(void)user;
	for (uint32_t i = 0; i < prog->nr_stalls; i++, stall++)
		if (prog->call[stall->call].op == OP_MOVE_PAGES &&
			prog->call[stall->until].op == OP_MUNMAP)
			return 1;
	return 0;
}

static void test_minimize(uint64_t seed)
{
	struct prog prog, core = prog_of(race);
	struct stall extra = {.symbol = "g", .hit = 3, .call = 4, .until = 5};
	struct rng rng;

	rng_seed(&rng, seed);
	prog_generate(&prog, 40, CAPS_ALL, &rng);
	memcpy(&prog.call[10], core.call, 5 * sizeof(prog.call[0]));
	prog_take_stalls(&prog, 10, &core, 0, 5);
	prog.call[4].proc = 0;
	prog.call[5].proc = 1;
	(void)prog_add_stall(&prog, &extra);
	test_case(prog.nr_stalls == 2 &&
			  prog_minimize(&prog, has_race, NULL, 10000) > 0 &&
			  prog.nr_calls == 2 && stall_is(&prog, 0, 1) &&
			  prog.stall[0].hit == 1,
		"minimizing keeps the stall that matters, at its first hit");
}

/* Under a stall the two calls race: what may be read is either's. */
static void test_shadow(void)
{
	static struct prog_result result;
	struct prog prog = prog_of("p0 mmap v0:1 rw anon\n"
				   "p0 touch v0:1\n"
				   "p0 madvise v0:1 DONTNEED "
				   "stall=zap_pte_range until=3\n"
				   "p0.t1 touch v0:1\n"
				   "p0 expect v0:1\n");
	struct mismatch found;

	for (uint32_t i = 0; i < prog.nr_calls; i++)
		result.call[i].state = CALL_DONE;
	result.call[3].ret = result.call[1].ret = 1;
	result.call[4].nr_obs = result.nr_obs = 1;
	result.obs[0] = prog_stamp(0, 3, 0, 0);
	test_case(!shadow_judge(&prog, &result, &found),
		"a touch inside may survive a stalled zap");
	result.obs[0] = 0;
	test_case(!shadow_judge(&prog, &result, &found),
		"or the zap may take it");
	prog_drop_stall(&prog, 0);
	test_case(shadow_judge(&prog, &result, &found) == 1,
		"in sequence it may not");
}

int main(int argc, char **argv)
{
	uint32_t rounds =
		argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : ROUNDS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	printf("# seed %llu\n", (unsigned long long)seed);
	test_text();
	test_changes();
	test_pairs();
	test_both();
	test_meeting();
	test_rounds(rounds, seed);
	test_hostile(seed);
	test_results();
	test_minimize(seed);
	test_shadow();
	return test_end();
}
