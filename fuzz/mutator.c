/* SPDX-License-Identifier: GPL-2.0-only */
#include "fuzz.h"

#include <string.h>

#define FRESH_CALLS_MAX 32 /* of a program made from nothing */
/* So often a mutation starts over. Edges say little about descent: a corpus
 * that began with few exits bred programs that had none. */
#define FRESH_ONE_IN 6

/* Programs only grow under mutation, since longer ones hit more edges; and
 * the time of a run goes with the calls. Few may be long. */
#define CALLS_USUAL 28
#define LONG_ONE_IN 8

static void trim(struct prog *prog, struct rng *rng)
{
	if (rng_one_in(rng, LONG_ONE_IN))
		return;
	while (prog->nr_calls > CALLS_USUAL)
		prog_cut(prog, rng_below(rng, prog->nr_calls), 1);
}

static bool parse(const uint8_t *data, size_t len, struct prog *ret)
{
	return !prog_parse((const char *)data, len, ret, NULL) && ret->nr_calls;
}

size_t engine_print(struct prog *prog, uint8_t *out, size_t max_len)
{
	char buf[PROG_TEXT_MAX];
	struct text text;

	for (; prog->nr_calls; prog_cut(prog, prog->nr_calls - 1, 1)) {
		text_init(&text, buf, sizeof(buf));
		prog_print(prog, &text);
		if (!text.full && text.len <= max_len) {
			memcpy(out, buf, text.len);
			return text.len;
		}
	}
	return 0;
}

size_t engine_mutate(uint8_t *data, size_t len, size_t max_len,
	const uint8_t *other, size_t other_len, uint32_t caps, uint64_t seed)
{
	struct prog prog, second;
	bool has_second;
	struct rng rng;

	rng_seed(&rng, seed);
	if (!parse(data, len, &prog) || rng_one_in(&rng, FRESH_ONE_IN)) {
		prog_generate(
			&prog, rng_range(&rng, 4, FRESH_CALLS_MAX), caps, &rng);
		return engine_print(&prog, data, max_len);
	}
	has_second = other && parse(other, other_len, &second);
	prog_mutate(&prog, has_second ? &second : NULL, caps, &rng);
	trim(&prog, &rng);
	return engine_print(&prog, data, max_len);
}

size_t engine_cross(const uint8_t *a, size_t a_len, const uint8_t *b,
	size_t b_len, uint8_t *out, size_t max_out, uint64_t seed)
{
	struct prog first, second, crossed;
	struct rng rng;

	if (!parse(a, a_len, &first) || !parse(b, b_len, &second))
		return 0;
	rng_seed(&rng, seed);
	prog_cross(&first, &second, &crossed, &rng);
	trim(&crossed, &rng);
	return engine_print(&crossed, out, max_out);
}
