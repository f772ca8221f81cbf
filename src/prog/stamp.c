/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stamps: what a touch writes. The low half says who, when and where; the high
 * half is a hash of it, so that a stray value is not taken for a stamp.
 */
#include "prog/stamp.h"
#include "prog/prog.h"
#include "prog/result.h"

uint64_t stamp_seal(uint32_t low)
{
	uint64_t z = (low + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z ^= z >> 27;
	/* bit 63 is clear, so it is none of OBS_*; bit 32 set, so never 0 */
	return (z << 33 >> 1) | 1ull << 32 | low;
}

uint64_t prog_stamp(uint32_t proc, uint32_t call, uint32_t slot, uint32_t page)
{
	return stamp_seal(page | slot << 10 | call << 13 | proc << 20);
}

/* In the place of a call's index */
#define CALL_FILE PROG_CALLS_MAX
#define CALL_FILL (PROG_CALLS_MAX + 1)

uint64_t prog_file_stamp(uint32_t page)
{
	return prog_stamp(0, CALL_FILE, 0, page);
}

uint64_t call_stamp(
	const struct call *call, uint32_t index, uint32_t slot, uint32_t page)
{
	if (call->op == OP_FILL)
		return prog_stamp(0, CALL_FILL, 0, (uint32_t)call->arg[1].num);
	return prog_stamp(call->proc, index, slot, page);
}

bool stamp_decode(uint64_t stamp, struct stamp *ret)
{
	uint32_t low = (uint32_t)stamp;

	if (low >> STAMP_LOW_BITS || stamp_seal(low) != stamp)
		return false;
	ret->page = low & 1023;
	ret->slot = low >> 10 & 7;
	ret->call = low >> 13 & 127;
	ret->proc = low >> 20 & 7;
	return true;
}

static const struct {
	uint64_t seen;
	const char *text;
} no_stamps[] = {
	{0, "zeros"},
	{OBS_FAULT, "no mapping"},
	{OBS_TORN, "parts of different writes"},
	{OBS_UNREAD, "nothing read"},
	{OBS_WP, "a uffd-wp bit: it was not written"},
	{OBS_NO_WP, "no uffd-wp bit: it was written"},
	{OBS_DIRTY, "a soft-dirty bit: it was written"},
	{OBS_CLEAN, "no soft-dirty bit: it was not written"},
};

void stamp_describe(uint64_t stamp, struct text *out)
{
	struct stamp s;

	for (size_t i = 0; i < ARRAY_SIZE(no_stamps); i++) {
		if (stamp == no_stamps[i].seen) {
			text_addf(out, "%s", no_stamps[i].text);
			return;
		}
	}
	if (!stamp_decode(stamp, &s))
		text_addf(out, "0x%016llx, which nobody wrote",
			(unsigned long long)stamp);
	else if (s.call == CALL_FILE)
		text_addf(out, "page %u of the file", s.page);
	else if (s.call == CALL_FILL)
		text_addf(out, "a fill with value %u", s.page);
	else
		text_addf(out, "p%u's touch in call %u of v%u+%u", s.proc,
			s.call, s.slot, s.page);
}

void mismatch_describe(const struct mismatch *bad, struct text *out)
{
	text_addf(out, "p%u ", bad->proc);
	if (bad->call < 0)
		text_addf(out, "at the end");
	else
		text_addf(out, "in call %d", (int)bad->call);
	text_addf(out, ": page v%u+%u holds ", bad->at.slot, bad->at.page);
	stamp_describe(bad->seen, out);
	text_addf(out, ", allowed ");
	stamp_describe(bad->want, out);
}

/* The pages of @range that are not yet among the @nr of @ret */
static uint32_t add_pages(const struct range *range, uint64_t *seen,
	struct page_at *ret, uint32_t nr)
{
	for (uint32_t i = 0; i < range->pages && nr < PROG_END_PAGES; i++) {
		uint32_t page = range->page + i;
		uint64_t *word =
			&seen[range->slot * (PROG_SLOT_PAGES / 64) + page / 64];

		if (*word >> page % 64 & 1)
			continue;
		*word |= 1ull << page % 64;
		ret[nr].slot = range->slot;
		ret[nr++].page = (uint16_t)page;
	}
	return nr;
}

uint32_t prog_end_pages(
	const struct prog *prog, struct page_at ret[PROG_END_PAGES])
{
	uint64_t seen[PROG_SLOTS * PROG_SLOT_PAGES / 64] = {0};
	uint32_t nr = 0;

	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		const struct call *call = &prog->call[i];
		enum effect effect = ops[call->op].effect;

		if (effect_stamps(effect))
			nr = add_pages(&call->arg[0].range, seen, ret, nr);
		else if (effect == EFFECT_MOVES || effect == EFFECT_FILLS)
			nr = add_pages(&call->arg[1].range, seen, ret, nr);
	}
	return nr;
}
