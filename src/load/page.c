/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "load/load.h"

#define MAGIC	     0x524d41505447ull /* "RMAPTG" */
#define SECTORS	     (LOAD_PAGE / LOAD_SECTOR)
#define SECTOR_WORDS (LOAD_SECTOR / 8)
#define HEAD_WORDS   4

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t id_word(const struct page_id *id)
{
	return (uint64_t)id->owner << 32 | id->generation;
}

/* Never 0, so that no sector of a page looks like zeros */
static uint64_t id_hash(const struct page_id *id)
{
	return mix(id_word(id) ^ mix(id->home + 1)) | 1;
}

static void sector_head(
	const struct page_id *id, uint32_t sector, uint64_t ret[HEAD_WORDS])
{
	ret[0] = MAGIC << 16 | sector;
	ret[1] = id_word(id);
	ret[2] = id->home;
	ret[3] = id_hash(id) + sector;
}

void page_fill(void *page, const struct page_id *id)
{
	uint64_t fill = id_hash(id);
	uint64_t *word = page;

	for (uint32_t s = 0; s < SECTORS; s++, word += SECTOR_WORDS) {
		sector_head(id, s, word);
		for (uint32_t i = HEAD_WORDS; i < SECTOR_WORDS; i++)
			word[i] = fill;
	}
}

/* The first word of @page that differs from page_fill(@id), or -1 */
static int first_wrong(const uint64_t *page, const struct page_id *id)
{
	uint64_t fill = id_hash(id), head[HEAD_WORDS];

	for (uint32_t s = 0; s < SECTORS; s++) {
		const uint64_t *word = page + s * SECTOR_WORDS;
		uint64_t diff = 0;

		sector_head(id, s, head);
		for (uint32_t i = 0; i < HEAD_WORDS; i++)
			diff |= word[i] ^ head[i];
		for (uint32_t i = HEAD_WORDS; i < SECTOR_WORDS; i++)
			diff |= word[i] ^ fill;
		if (!diff)
			continue;
		for (uint32_t i = 0; i < SECTOR_WORDS; i++) {
			if (word[i] != (i < HEAD_WORDS ? head[i] : fill))
				return (int)(s * SECTOR_WORDS + i);
		}
	}
	return -1;
}

static bool sector_id(const uint64_t *word, struct page_id *ret)
{
	struct page_id id = {
		.owner = (uint32_t)(word[1] >> 32),
		.generation = (uint32_t)word[1],
		.home = word[2],
	};

	*ret = id;
	return word[0] >> 16 == MAGIC &&
	       word[3] == id_hash(&id) + (word[0] & 0xffff);
}

static bool all_zero(const uint64_t *page)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < LOAD_PAGE / 8; i++)
		any |= page[i];
	return !any;
}

/* Two sectors of different writes, or one that was never written */
static bool is_torn(const uint64_t *page)
{
	struct page_id first, id;

	if (!sector_id(page, &first))
		return false;
	for (uint32_t s = 1; s < SECTORS; s++) {
		const uint64_t *word = page + s * SECTOR_WORDS;

		if (!word[0] && !word[1] && !word[SECTOR_WORDS - 1])
			return true;
		if (sector_id(word, &id) && (id_word(&id) != id_word(&first) ||
						    id.home != first.home))
			return true;
	}
	return false;
}

static enum page_state judge(
	const uint64_t *page, const struct page_id *want, struct page_look *ret)
{
	if (all_zero(page))
		return PAGE_ZERO;
	if (sector_id(page, &ret->found) && first_wrong(page, &ret->found) < 0)
		return ret->found.home == want->home ? PAGE_STALE
						     : PAGE_FOREIGN;
	return is_torn(page) ? PAGE_TORN : PAGE_CORRUPT;
}

enum page_state page_check(
	const void *page, const struct page_id *want, struct page_look *ret)
{
	uint64_t copy[LOAD_PAGE / 8];
	int wrong = first_wrong(page, want);

	*ret = (struct page_look){.state = PAGE_GOOD};
	if (wrong < 0)
		return PAGE_GOOD;
	/* it may change while it is judged */
	memcpy(copy, page, sizeof(copy));
	ret->offset = (uint32_t)wrong * 8;
	ret->word = copy[wrong];
	(void)sector_id(
		copy + wrong / SECTOR_WORDS * SECTOR_WORDS, &ret->found);
	ret->state = judge(copy, want, ret);
	return ret->state;
}
