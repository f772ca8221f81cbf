/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

int why_set(struct why *why, int err, const char *fmt, ...)
{
	struct text text;
	va_list args;
	int len;

	if (!why)
		return err;
	text_init(&text, why->text, sizeof(why->text));
	va_start(args, fmt);
	len = vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	text.len = len < 0 ? 0 : min_size((size_t)len, sizeof(why->text) - 1);
	if (err)
		text_addf(&text, ": %s", strerror(-err));
	return err;
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

void rng_seed(struct rng *rng, uint64_t seed)
{
	for (size_t i = 0; i < ARRAY_SIZE(rng->s); i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15u;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		rng->s[i] = z ^ (z >> 31);
	}
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t ret = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return ret;
}

uint32_t rng_below(struct rng *rng, uint32_t n)
{
	return (uint32_t)(((rng_next(rng) >> 32) * n) >> 32);
}

uint32_t rng_range(struct rng *rng, uint32_t lo, uint32_t hi)
{
	return lo + rng_below(rng, hi - lo + 1);
}

bool rng_one_in(struct rng *rng, uint32_t n)
{
	return n && rng_below(rng, n) == 0;
}

void text_init(struct text *text, char *buf, size_t cap)
{
	*text = (struct text){.buf = buf, .cap = cap};
	buf[0] = '\0';
}

void text_add(struct text *text, const char *bytes, size_t len)
{
	size_t room = text->cap - 1 - text->len;

	if (len > room) {
		text->full = true;
		len = room;
	}
	memcpy(text->buf + text->len, bytes, len);
	text->len += len;
	text->buf[text->len] = '\0';
}

void text_addf(struct text *text, const char *fmt, ...)
{
	size_t room = text->cap - text->len;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text->buf + text->len, room, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	text->full |= (size_t)len >= room;
	text->len += min_size((size_t)len, room - 1);
}

uint64_t hash_bytes(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}
