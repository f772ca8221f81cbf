/* SPDX-License-Identifier: GPL-2.0-only */
/* SHA-1 (FIPS 180-4), for names that syzkaller's users know; not for security
 */
#include "internal.h"

#include <string.h>

struct sha1 {
	uint32_t h[5];
};

static uint32_t rotl(uint32_t x, unsigned int n)
{
	return x << n | x >> (32 - n);
}

static void sha1_block(struct sha1 *sha, const uint8_t block[64])
{
	static const uint32_t k[4] = {
		0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
	uint32_t w[80], v[5];

	for (unsigned int i = 0; i < 80; i++)
		w[i] = i < 16 ? (uint32_t)block[4 * i] << 24 |
					(uint32_t)block[4 * i + 1] << 16 |
					(uint32_t)block[4 * i + 2] << 8 |
					block[4 * i + 3]
			      : rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^
						w[i - 16],
					1);
	memcpy(v, sha->h, sizeof(v));
	for (unsigned int i = 0; i < 80; i++) {
		uint32_t f =
			i < 20 ? (v[1] & v[2]) | (~v[1] & v[3])
			: i >= 40 && i < 60
				? (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])
				: v[1] ^ v[2] ^ v[3];
		uint32_t t = rotl(v[0], 5) + f + v[4] + k[i / 20] + w[i];

		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotl(v[1], 30);
		v[1] = v[0];
		v[0] = t;
	}
	for (unsigned int i = 0; i < 5; i++)
		sha->h[i] += v[i];
}

/* The last block or two: what is left, a one bit, zeros, the length in bits */
static void sha1_end(
	struct sha1 *sha, const char *left, size_t len, uint64_t total)
{
	uint8_t block[128] = {0};
	size_t size = len < 56 ? 64 : 128;

	memcpy(block, left, len);
	block[len] = 0x80;
	for (unsigned int i = 0; i < 8; i++)
		block[size - 1 - i] = (uint8_t)(total * 8 >> (8 * i));
	for (size_t at = 0; at < size; at += 64)
		sha1_block(sha, block + at);
}

void title_hash(const char *title, char ret[41])
{
	struct sha1 sha = {
		{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
	size_t len = strlen(title), at = 0;
	struct text out;

	for (; len - at >= 64; at += 64)
		sha1_block(&sha, (const uint8_t *)title + at);
	sha1_end(&sha, title + at, len - at, len);
	text_init(&out, ret, 41);
	for (unsigned int i = 0; i < 5; i++)
		text_addf(&out, "%08x", sha.h[i]);
}
