// SPDX-License-Identifier: GPL-2.0-only
#include <asm/pgtable.h>
#include <linux/mm.h>

#include "frames.h"
#include "stubs.h"
#include "tlb.h"

void __asan_poison_memory_region(void const volatile *addr, size_t size);
int __asan_address_is_poisoned(void const volatile *addr);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);

/* The zero page is the first frame, and the kernel knows it by its name. */
char arena[ARENA_PAGES * PAGE_SIZE] __aligned(PAGE_SIZE);
asm(".globl empty_zero_page\n.set empty_zero_page, arena");
static struct page page_structs[ARENA_PAGES] __aligned(64);

unsigned long page_offset_base, vmemmap_base, vmalloc_base;

/* pfn_valid(): what there are frames of */
static struct mem_section sections[SECTIONS_PER_ROOT];
static struct mem_section *roots[] = {sections};
struct mem_section **mem_section = roots;
unsigned long phys_base;

/* Of the first part so many were given out, of the second all below next_large
 */
static unsigned int nr_fresh, next_large, nr_used;
static unsigned int freed[LARGE_FIRST], nr_freed, first_freed;
static bool large_used[ARENA_PAGES - LARGE_FIRST];
static bool excused[ARENA_PAGES];
static bool ran_out; /* of single ones, since frames_begin() */

unsigned int frame_index(unsigned long pfn)
{
	return pfn - FIRST_PFN;
}

bool page_is_ours(unsigned long pfn)
{
	return pfn > FIRST_PFN && pfn < FIRST_PFN + ARENA_PAGES;
}

struct page *frame_page(unsigned int i)
{
	return &page_structs[i];
}

unsigned int page_frame(const struct page *page)
{
	return page - page_structs;
}

bool frames_ran_out(void)
{
	return ran_out;
}

bool frames_had_large(void)
{
	return next_large > LARGE_FIRST;
}

void frame_excuse(unsigned int i)
{
	excused[i] = true;
}

bool frame_is_excused(unsigned int i)
{
	return excused[i];
}

unsigned int frames_used(void)
{
	return nr_used;
}

/* Every other one first: what runs over the end of one meets poison */
static unsigned int small_nth(unsigned int nth)
{
	const unsigned int odd = LARGE_FIRST / 2;

	return nth < odd ? 2 * nth + 1 : 2 * (nth - odd) + 2;
}

unsigned int frame_nth(unsigned int nth)
{
	if (nth < nr_fresh)
		return small_nth(nth);
	nth += LARGE_FIRST - nr_fresh;
	return nth < next_large ? nth : 0;
}

struct folio *folio_in_frame(unsigned int i)
{
	struct page *page = &page_structs[i];

	if (__asan_address_is_poisoned(page) || PageTail(page))
		return NULL;
	return (struct folio *)page;
}

static char *frame(unsigned int i)
{
	return arena + (size_t)i * PAGE_SIZE;
}

static void poison(unsigned int i, unsigned int nr)
{
	__asan_poison_memory_region(frame(i), nr * PAGE_SIZE);
	__asan_poison_memory_region(&page_structs[i], nr * sizeof(struct page));
}

void frames_init(void)
{
	page_offset_base = (unsigned long)arena - FIRST_PFN * PAGE_SIZE;
	for (unsigned int i = 0; i < ARRAY_SIZE(sections); i++)
		sections[i].section_mem_map =
			SECTION_HAS_MEM_MAP | SECTION_IS_EARLY;
	vmemmap_base =
		(unsigned long)page_structs - FIRST_PFN * sizeof(struct page);
	poison(1, ARENA_PAGES - 1);
}

void frames_begin(void)
{
	next_large = LARGE_FIRST;
	nr_fresh = nr_used = nr_freed = first_freed = 0;
	ran_out = false;
}

static int small_take(void)
{
	unsigned int i;

	if (nr_fresh < LARGE_FIRST - 1)
		return small_nth(nr_fresh++);
	ran_out |= !nr_freed;
	if (!nr_freed)
		return -1;
	i = freed[first_freed];
	first_freed = (first_freed + 1) % LARGE_FIRST;
	nr_freed--;
	return i;
}

static bool is_free(unsigned int i, unsigned int nr)
{
	return !memchr(&large_used[i - LARGE_FIRST], true, nr);
}

static int large_take(unsigned int nr)
{
	unsigned int i = LARGE_FIRST + ALIGN(next_large - LARGE_FIRST, nr);

	if (i + nr <= ARENA_PAGES) {
		next_large = i + nr;
	} else {
		for (i = LARGE_FIRST; i + nr <= ARENA_PAGES && !is_free(i, nr);)
			i += nr;
		if (i + nr > ARENA_PAGES)
			return -1;
	}
	memset(&large_used[i - LARGE_FIRST], true, nr);
	return i;
}

int frames_take(unsigned int order)
{
	unsigned int nr = 1u << order;
	int i = order ? large_take(nr) : small_take();

	if (i < 0)
		return -1;
	__asan_unpoison_memory_region(frame(i), nr * PAGE_SIZE);
	__asan_unpoison_memory_region(
		&page_structs[i], nr * sizeof(struct page));
	memset(&page_structs[i], 0, nr * sizeof(struct page));
	excused[i] = false;
	nr_used += nr;
	return i;
}

void frames_give(unsigned int i, unsigned int order, bool looked_up)
{
	unsigned int nr = 1u << order;

	tlb_freed(i, nr);
	nr_used -= nr;
	if (i >= LARGE_FIRST)
		memset(&large_used[i - LARGE_FIRST], false, nr);
	else
		freed[(first_freed + nr_freed++) % LARGE_FIRST] = i;
	poison(i, nr);
	if (looked_up)
		__asan_unpoison_memory_region(
			&page_structs[i], sizeof(struct page));
}

/* ---- contents ---- */

/* What frames of the second part are for: pages of programs. In those all but
 * the words of data_word[] is 0, and stays so. */
static bool is_sparse(const void *page)
{
	return (const char *)page >= frame(LARGE_FIRST) &&
	       (const char *)page < frame(ARENA_PAGES);
}

void data_clear(void *to)
{
	if (is_sparse(to))
		data_put(to, (unsigned long[DATA_WORDS]){0});
	else
		memset(to, 0, PAGE_SIZE);
}

void data_copy(void *to, const void *from)
{
	unsigned long words[DATA_WORDS];

	tlb_copied(((const char *)from - arena) / PAGE_SIZE);
	if (!is_sparse(to)) {
		memcpy(to, from, PAGE_SIZE);
		return;
	}
	data_get(from, words);
	data_put(to, words);
}
