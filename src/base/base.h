/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * base: what every module may use, on the host and in the guest: errors with
 * their reason, seeded random numbers, bounded text, hashes. Pure: no clock,
 * no allocation that outlives a call, no library beyond libc's string
 * functions.
 */
#ifndef RMAPTORTURE_BASE_H
#define RMAPTORTURE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK    __attribute__((warn_unused_result))
#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
/* SCOPED(fn) - @fn(&variable) is called when the variable leaves its scope */
#define SCOPED(fn) __attribute__((__cleanup__(fn)))
/* DEFINE_FREEP(type, fn) - fn##p() for SCOPED(), from @fn that frees one */
#define DEFINE_FREEP(type, fn)                                                 \
	static inline void fn##p(struct type **p)                              \
	{                                                                      \
		fn(*p);                                                        \
	}

static inline size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/** struct why - the reason of an error, for a human; one line, no newline */
struct why {
	char text[512]; /* all ops, where a word is none of them */
};

/**
 * why_set() - record the reason of an error
 * @why: may be NULL: nothing is recorded
 * @err: negative errno, or 0 when no errno belongs to it
 *
 * Returns @err, so that a caller can write `return why_set(...)`. The text of
 * the errno is appended where @err is not 0. Cut at the size of @why.
 */
int why_set(struct why *why, int err, const char *fmt, ...) PRINTF(3, 4);

/**
 * struct rng - xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64
 *
 * Everything random in rmaptorture comes from one of these and so from --seed.
 */
struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/** rng_below() - uniform in [0, @n); @n = 0 gives 0 */
uint32_t rng_below(struct rng *rng, uint32_t n);
/** rng_range() - uniform in [@lo, @hi], both included; @lo <= @hi */
uint32_t rng_range(struct rng *rng, uint32_t lo, uint32_t hi);
/** rng_one_in() - true once in @n calls on average; @n = 0 is never */
bool rng_one_in(struct rng *rng, uint32_t n);

/**
 * struct text - a bounded text in the caller's memory, always terminated
 * @buf:  @cap bytes, owned by the caller
 * @len:  bytes used, without the final NUL; never above @cap - 1
 * @full: something did not fit and was cut
 */
struct text {
	char *buf;
	size_t cap;
	size_t len;
	bool full;
};

/** text_init() - @cap is at least 1 */
void text_init(struct text *text, char *buf, size_t cap);
void text_addf(struct text *text, const char *fmt, ...) PRINTF(2, 3);
void text_add(struct text *text, const char *bytes, size_t len);

/** hash_bytes() - 64-bit FNV-1a, for tables and names, not for security */
uint64_t hash_bytes(const void *bytes, size_t len);

#endif
