/* SPDX-License-Identifier: GPL-2.0-only */
#include "slot/slot.h"

#include <errno.h>
#include <string.h>

/* What the other end may change under us is read once, into a local. */
#define LOAD(p)	    __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define STORE(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

void slot_init(struct slot *slot, uint32_t nr_lanes)
{
	memset(slot, 0, sizeof(*slot));
	slot->version = SLOT_VERSION;
	slot->ops_hash = ops_hash();
	slot->nr_lanes = nr_lanes;
	STORE(slot->magic, SLOT_MAGIC);
}

void slot_set(struct slot *slot, const char *lines)
{
	size_t len = min_size(strlen(lines), SLOT_SETTINGS - 1);

	memcpy(slot->settings, lines, len);
	slot->settings[len] = '\0';
	STORE(slot->nr_settings, slot->nr_settings + 1);
}

enum guest_state slot_state(const struct slot *slot)
{
	uint32_t state = LOAD(slot->guest_state);

	return state <= GUEST_BROKEN ? (enum guest_state)state : GUEST_BROKEN;
}

int slot_accept(const struct slot *slot, struct why *why)
{
	uint32_t magic = LOAD(slot->magic);
	uint32_t version = LOAD(slot->version);
	uint32_t hash = LOAD(slot->ops_hash);
	uint32_t lanes = LOAD(slot->nr_lanes);

	if (magic != SLOT_MAGIC)
		return why_set(why, -EPROTO, "slot: magic %08x, want %08x",
			magic, SLOT_MAGIC);
	if (version != SLOT_VERSION)
		return why_set(why, -EPROTO,
			"slot: the host speaks version %u, this init %u",
			version, SLOT_VERSION);
	if (hash != ops_hash())
		return why_set(why, -EPROTO,
			"slot: the host's ops %08x differ from this init's "
			"%08x; rebuild both",
			hash, ops_hash());
	if (lanes < 1 || lanes > SLOT_LANES)
		return why_set(why, -EPROTO, "slot: %u lanes, want 1..%u",
			lanes, SLOT_LANES);
	return 0;
}

void slot_message(const struct slot *slot, char ret[256])
{
	_Static_assert(sizeof(slot->message) == 256, "as the contract says");
	memcpy(ret, slot->message, 256);
	ret[255] = '\0';
	for (char *c = ret; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

uint32_t slot_submit(struct slot *slot, uint32_t lane,
	const struct slot_request *request, const struct prog *prog)
{
	struct slot_lane *to = &slot->lane[lane];
	uint32_t number = LOAD(to->request) + 1;

	if (!number || number == LOAD(to->reply))
		number++;
	number += !number;
	to->command = request->command;
	to->flags = request->flags;
	to->number = request->number;
	to->timeout_ms = request->timeout_ms;
	memcpy(to->stall_pc, request->stall_pc, sizeof(to->stall_pc));
	if (prog)
		to->prog = *prog;
	STORE(to->request, number);
	return number;
}

bool slot_replied(const struct slot *slot, uint32_t lane, uint32_t number)
{
	return LOAD(slot->lane[lane].reply) == number;
}

/* What no one wrote in this run is left of an older one: blank it, so that one
 * run gives one result. */
static void result_blank(const struct prog *prog, struct prog_result *result)
{
	struct page_at pages[PROG_END_PAGES];
	uint32_t nr = prog_end_pages(prog, pages);

	memset(&result->call[prog->nr_calls], 0,
		(PROG_CALLS_MAX - prog->nr_calls) * sizeof(result->call[0]));
	memset(&result->obs[result->nr_obs], 0,
		(RESULT_OBS_MAX - result->nr_obs) * sizeof(result->obs[0]));
	memset(&result->stall[prog->nr_stalls], 0,
		(PROG_STALLS_MAX - prog->nr_stalls) * sizeof(result->stall[0]));
	for (uint32_t p = 0; p < PROG_PROCS; p++)
		for (uint32_t i = 0; i < PROG_END_PAGES; i++)
			if (i >= nr || !(result->live >> p & 1))
				result->end[p][i] = OBS_UNREAD;
}

int slot_take(const struct slot *slot, uint32_t lane, const struct prog *prog,
	struct prog_result *ret, uint8_t *map, struct why *why)
{
	const struct slot_lane *from = &slot->lane[lane];
	uint32_t map_bytes = LOAD(from->map_bytes);
	struct prog_result result;
	int err;

	if (map_bytes && map_bytes != SLOT_MAP_BYTES)
		return why_set(
			why, -EBADMSG, "slot: map_bytes is %u", map_bytes);
	memcpy(&result, &from->result, sizeof(result));
	result.message[sizeof(result.message) - 1] = '\0';
	err = result_check(prog, &result, why);
	if (err)
		return err;
	result_blank(prog, &result);
	*ret = result;
	if (map && map_bytes)
		memcpy(map, from->map, SLOT_MAP_BYTES);
	else if (map)
		memset(map, 0, SLOT_MAP_BYTES);
	return 0;
}

/* The recorder leaves older calls behind those of a shorter program. */
static void calls_blank(struct prog *prog)
{
	uint32_t nr = prog->nr_calls, stalls = prog->nr_stalls;

	if (nr < PROG_CALLS_MAX)
		memset(&prog->call[nr], 0,
			(PROG_CALLS_MAX - nr) * sizeof(prog->call[0]));
	if (stalls < PROG_STALLS_MAX)
		memset(&prog->stall[stalls], 0,
			(PROG_STALLS_MAX - stalls) * sizeof(prog->stall[0]));
}

/* Copies record @i of @from to the end of @ret, if it is one. */
static void flight_add(
	const struct slot_lane *from, uint32_t i, struct slot_flight *ret)
{
	uint64_t number = LOAD(from->record[i].number);

	if (!number)
		return;
	ret->entry[ret->nr].number = number;
	memcpy(&ret->entry[ret->nr].prog, &from->record[i].prog,
		sizeof(struct prog));
	memcpy(ret->entry[ret->nr].progress, from->progress[i], PROG_CALLS_MAX);
	calls_blank(&ret->entry[ret->nr].prog);
	if (prog_check(&ret->entry[ret->nr].prog, NULL)) {
		ret->bad++;
		return;
	}
	for (uint32_t c = 0; c < PROG_CALLS_MAX; c++)
		if (ret->entry[ret->nr].progress[c] > CALL_SKIPPED)
			ret->entry[ret->nr].progress[c] = CALL_NOT_RUN;
	ret->nr++;
}

void slot_flight(
	const struct slot *slot, uint32_t lane, struct slot_flight *ret)
{
	const struct slot_lane *from = &slot->lane[lane];
	uint32_t oldest = 0;
	uint64_t lowest = UINT64_MAX;

	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < SLOT_RECORDS; i++) {
		uint64_t number = LOAD(from->record[i].number);

		if (number && number < lowest) {
			lowest = number;
			oldest = i;
		}
	}
	/* An honest guest fills the ring in order, so a turn of it from the
	 * oldest on is sorted; of a liar's numbers any order will do. */
	for (uint32_t i = 0; i < SLOT_RECORDS; i++)
		flight_add(from, (oldest + i) % SLOT_RECORDS, ret);
}

uint32_t slot_pending(const struct slot *slot, uint32_t lane,
	struct slot_request *ret, struct prog *prog)
{
	const struct slot_lane *from = &slot->lane[lane];
	uint32_t number = LOAD(from->request);

	if (!number || number == from->reply)
		return 0;
	ret->command = (enum slot_command)from->command;
	ret->flags = from->flags;
	ret->number = from->number;
	ret->timeout_ms = from->timeout_ms;
	memcpy(ret->stall_pc, from->stall_pc, sizeof(ret->stall_pc));
	if (ret->command == SLOT_RUN) {
		uint32_t nr = from->prog.nr_calls;

		nr = nr <= PROG_CALLS_MAX ? nr : PROG_CALLS_MAX + 1;
		prog->nr_calls = nr;
		prog->nr_stalls = from->prog.nr_stalls;
		for (uint32_t i = 0; i < nr && i < PROG_CALLS_MAX; i++)
			prog->call[i] = from->prog.call[i];
		memcpy(prog->stall, from->prog.stall, sizeof(prog->stall));
	}
	return number;
}

uint32_t slot_record(struct slot *slot, uint32_t lane, const struct prog *prog)
{
	struct slot_lane *to = &slot->lane[lane];
	uint64_t number = to->programs + 1;
	uint32_t i = (uint32_t)((number - 1) % SLOT_RECORDS);

	STORE(to->record[i].number, 0);
	memset(to->progress[i], CALL_NOT_RUN, PROG_CALLS_MAX);
	to->record[i].prog.nr_calls = prog->nr_calls;
	to->record[i].prog.nr_stalls = prog->nr_stalls;
	memcpy(to->record[i].prog.stall, prog->stall, sizeof(prog->stall));
	for (uint32_t c = 0; c < prog->nr_calls; c++)
		to->record[i].prog.call[c] = prog->call[c];
	STORE(to->record[i].number, number);
	to->programs = number;
	return i;
}

void slot_answer(struct slot *slot, uint32_t lane, uint32_t number)
{
	STORE(slot->lane[lane].reply, number);
}
