/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exchange, and a guest that lies: a slot of random bytes must give a valid
 * thing or an error, never a report of a sanitizer. argv[1]: how many such
 * slots (default 20000), argv[2]: the seed.
 */
#include "slot/slot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "test_programs.h"

#define ROUNDS 20000

static void test_header(struct slot *slot)
{
	char message[256];
	struct why why;

	slot_init(slot, 2);
	test_case(slot_accept(slot, &why) == 0,
		"a guest accepts what slot_init() wrote");
	test_case(slot_state(slot) == GUEST_BOOTING, "a new slot is booting");
	slot->ops_hash++;
	test_case(slot_accept(slot, &why) == -EPROTO &&
			  strstr(why.text, "rebuild"),
		"other ops are refused with the cure");
	slot_init(slot, SLOT_LANES + 1);
	test_case(slot_accept(slot, &why) == -EPROTO,
		"more lanes than there are are refused");
	slot->guest_state = 77;
	test_case(slot_state(slot) == GUEST_BROKEN,
		"a state that is none is BROKEN");
	memset(slot->message, 'm', sizeof(slot->message));
	slot->message[3] = '\n';
	slot_message(slot, message);
	test_case(strlen(message) == 255 && message[3] == '?',
		"a message without end is cut, and made printable");
}

static void test_exchange(struct slot *slot)
{
	struct prog prog = prog_of("p0 mmap v0:2 rw anon stall=f until=2\n"
				   "p1 touch v0:1\np1 expect v0:2\n");
	struct slot_request ask = {
		.command = SLOT_RUN,
		.flags = RUN_CHECK,
		.number = 7,
		.timeout_ms = 100,
		.stall_pc = {0, 5},
	};
	struct slot_request got;
	struct prog_result *result = &slot->lane[1].result, taken;
	uint8_t map[SLOT_MAP_BYTES];
	struct prog copy = {0};
	uint32_t number;
	struct why why;

	slot_init(slot, 2);
	test_case(!slot_pending(slot, 1, &got, &copy), "nothing is pending");
	number = slot_submit(slot, 1, &ask, &prog);
	test_case(slot_pending(slot, 1, &got, &copy) == number &&
			  got.flags == RUN_CHECK && got.number == 7 &&
			  got.timeout_ms == 100 && got.command == SLOT_RUN &&
			  got.stall_pc[1] == 5,
		"a request arrives as it was sent");
	test_case(!memcmp(&copy, &prog, sizeof(prog)), "so does its program");
	test_case(!slot_pending(slot, 0, &got, &copy),
		"a request is for one lane");
	test_case(!slot_replied(slot, 1, number), "no reply before the answer");
	result->nr_obs = 2;
	result->obs[5] = 99;
	result->end[3][0] = 99;
	slot->lane[1].map_bytes = SLOT_MAP_BYTES;
	slot->lane[1].map[9] = 4;
	slot_answer(slot, 1, number);
	test_case(slot_replied(slot, 1, number) &&
			  !slot_pending(slot, 1, &got, &copy),
		"an answer ends the request");
	test_case(!slot_take(slot, 1, &prog, &taken, map, &why) &&
			  taken.nr_obs == 2 && map[9] == 4,
		"a result is taken with its map");
	test_case(taken.obs[5] == 0 && taken.end[3][0] == OBS_UNREAD,
		"what the run did not write is blanked");
	slot->lane[1].map_bytes = 0;
	test_case(!slot_take(slot, 1, &prog, &taken, map, &why) && !map[9],
		"without coverage the map is empty");
	slot->lane[1].map_bytes = 5;
	test_case(slot_take(slot, 1, &prog, &taken, map, &why) == -EBADMSG,
		"a map of another size is refused");
	slot->lane[1].map_bytes = 0;
	result->nr_obs = RESULT_OBS_MAX + 1;
	test_case(slot_take(slot, 1, &prog, &taken, map, &why) == -EBADMSG &&
			  taken.nr_obs == 2,
		"a bad result is refused, the output untouched");
	slot->lane[1].request = slot->lane[1].reply = UINT32_MAX;
	test_case(
		slot_submit(slot, 1, &ask, &prog) == 1, "numbers wrap past 0");
}

static void test_flight(struct slot *slot, struct slot_flight *flight)
{
	struct prog prog = prog_of("p0 touch v0:1\n");
	struct prog longer = prog_of("p0 touch v0:1\np0 touch v1:1\n");
	bool sorted = true;
	uint32_t i = 0;

	slot_init(slot, 1);
	slot_flight(slot, 0, flight);
	test_case(flight->nr == 0, "a new recorder is empty");
	for (uint32_t n = 0; n < SLOT_RECORDS + 9; n++)
		i = slot_record(slot, 0, n % 2 ? &prog : &longer);
	slot->lane[0].progress[i][0] = CALL_STARTED;
	slot->lane[0].progress[i][1] = 200;
	slot_flight(slot, 0, flight);
	for (uint32_t n = 0; n < flight->nr; n++)
		sorted &= flight->entry[n].number == n + 10;
	test_case(flight->nr == SLOT_RECORDS && sorted,
		"the recorder holds the last programs, oldest first");
	test_case(slot->lane[0].programs == SLOT_RECORDS + 9,
		"and counts them all");
	test_case(flight->entry[63].progress[0] == CALL_STARTED &&
			  flight->entry[63].progress[1] == CALL_NOT_RUN,
		"progress is told, and what is none is not");
	test_case(!memcmp(&flight->entry[63].prog, &longer, sizeof(longer)) &&
			  !memcmp(&flight->entry[62].prog, &prog, sizeof(prog)),
		"a shorter program leaves nothing of an older one");
	slot->lane[0].record[2].prog.call[0].op = 250;
	slot_flight(slot, 0, flight);
	test_case(flight->nr == SLOT_RECORDS - 1 && flight->bad == 1,
		"a record that is no program is counted, not returned");
}

static void fill(struct rng *rng, void *to, size_t len)
{
	uint64_t *word = to;

	for (size_t i = 0; i < len / sizeof(*word); i++)
		word[i] = rng_next(rng);
}

/* Random bytes are refused at the first field; so most rounds start with
 * something good and spoil a few places of it. */
static void spoil(struct rng *rng, void *to, size_t len)
{
	for (uint32_t i = rng_below(rng, 12); i; i--) {
		size_t at = rng_below(rng, (uint32_t)len);

		((uint8_t *)to)[at] =
			(uint8_t)(rng_one_in(rng, 2) ? rng_next(rng) : 255);
	}
}

static void hostile_fill(
	struct rng *rng, struct slot *slot, const struct prog *prog)
{
	struct slot_lane *lane = &slot->lane[0];

	if (rng_one_in(rng, 8)) {
		fill(rng, slot, offsetof(struct slot, lane[1]));
		lane->map_bytes = rng_one_in(rng, 2) ? 0 : SLOT_MAP_BYTES;
		return;
	}
	slot_init(slot, 1);
	lane->map_bytes = rng_one_in(rng, 2) ? 0 : SLOT_MAP_BYTES;
	for (uint32_t i = rng_below(rng, SLOT_RECORDS + 1); i; i--)
		(void)slot_record(slot, 0, prog);
	spoil(rng, &lane->result, offsetof(struct prog_result, obs));
	spoil(rng, lane->record, sizeof(lane->record));
	spoil(rng, lane->progress, sizeof(lane->progress));
	spoil(rng, slot, offsetof(struct slot, lane[0].map_bytes));
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* Reads all that a host reads. Returns whether each is an error or valid. */
static bool hostile_read(const struct slot *slot, const struct prog *prog,
	struct slot_flight *flight, uint32_t *ret_taken)
{
	static struct prog_result result;
	static uint8_t map[SLOT_MAP_BYTES];
	struct slot_request request;
	struct prog pending = {0};
	char message[256];
	struct why why;
	int err;

	if (slot_state(slot) > GUEST_BROKEN)
		return false;
	slot_message(slot, message);
	if (!is_printable(message))
		return false;
	(void)slot_accept(slot, &why);
	(void)slot_pending(slot, 0, &request, &pending);
	(void)prog_check(&pending, &why);
	err = slot_take(slot, 0, prog, &result, map, &why);
	if (err && err != -EBADMSG)
		return false;
	*ret_taken += !err;
	if (!err && result_check(prog, &result, &why))
		return false;
	slot_flight(slot, 0, flight);
	if (flight->nr + flight->bad > SLOT_RECORDS)
		return false;
	for (uint32_t i = 0; i < flight->nr; i++)
		if (prog_check(&flight->entry[i].prog, &why))
			return false;
	return true;
}

static void test_hostile(struct slot *slot, struct slot_flight *flight,
	uint32_t rounds, uint64_t seed)
{
	struct prog prog = prog_of("p0 mmap v0:9 rw anon\np0 touch v0:9\n"
				   "p0 expect v0:9\n");
	uint32_t taken = 0, good = 0;
	struct rng rng;

	rng_seed(&rng, seed);
	for (uint32_t i = 0; i < rounds; i++) {
		hostile_fill(&rng, slot, &prog);
		good += hostile_read(slot, &prog, flight, &taken);
	}
	printf("# %u hostile slots, seed %llu: %u results taken\n", rounds,
		(unsigned long long)seed, taken);
	test_case(
		good == rounds, "hostile bytes give an error or a valid thing");
	test_case(rounds < 100 || (taken && taken < rounds),
		"the hostile guest is neither always believed nor never");
}

int main(int argc, char **argv)
{
	uint32_t rounds =
		argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : ROUNDS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	struct slot *slot = aligned_alloc(4096, SLOT_BYTES);
	struct slot_flight *flight = calloc(1, sizeof(*flight));

	if (!slot || !flight)
		return 99;
	test_header(slot);
	test_exchange(slot);
	test_flight(slot, flight);
	test_hostile(slot, flight, rounds, seed);
	free(flight);
	free(slot);
	return test_end();
}
