/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory whose contents are known. The marks are private memory as well: a
 * child inherits them with the pages that they tell of.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "stress/stress.h"

#define HUGE_BYTES (2u << 20)
#define HUGE_PAGES (HUGE_BYTES / LOAD_PAGE)
#define TWIN_KINDS 12 /* different contents among pages that are the same */

static void *map_or_break(struct job *job, size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		job_broken(job, "map %zu bytes: %s", bytes, strerror(errno));
	return map;
}

static void region_init(
	struct job *job, struct region *ret, void *base, uint32_t pages)
{
	ret->base = base;
	ret->pages = pages;
	ret->generation = 0;
	ret->large = ret->merges = false;
	ret->home = (uintptr_t)base / LOAD_PAGE;
	ret->mark = map_or_break(job, pages * sizeof(*ret->mark));
}

/* What is beside the aligned part stays mapped, untouched: nothing else can
 * come to lie there and merge. */
void region_map(struct job *job, struct region *ret, uint32_t pages, bool huge)
{
	size_t align = huge ? HUGE_BYTES : LOAD_PAGE;
	size_t bytes = (size_t)pages * LOAD_PAGE;
	uintptr_t base = (uintptr_t)map_or_break(job, bytes + align);

	region_init(
		job, ret, (void *)((base + align - 1) / align * align), pages);
	region_mark(ret, 0, pages, MARK_ZERO);
}

static void advise(struct region *region)
{
	size_t bytes = (size_t)region->pages * LOAD_PAGE;

	if (region->large)
		(void)madvise(region->base, bytes, MADV_HUGEPAGE);
	if (region->merges)
		region->merges = !madvise(region->base, bytes, MADV_MERGEABLE);
}

void region_map_any(struct job *job, struct region *ret, uint32_t pages)
{
	enum { FOLIOS_SMALL, FOLIOS_LARGE, FOLIOS_HUGE, FOLIOS } folios;

	folios = rng_below(&job->rng, FOLIOS);
	if (folios == FOLIOS_HUGE)
		pages = (pages / HUGE_PAGES + 1) * HUGE_PAGES;
	region_map(job, ret, pages, folios == FOLIOS_HUGE);
	ret->large = folios != FOLIOS_SMALL;
	ret->merges = rng_one_in(&job->rng, 3);
	if (ret->merges)
		walker_merge();
	advise(ret);
}

/* A page table that is left behind would keep a huge page out. */
void region_renew(
	struct job *job, struct region *region, uint32_t page, uint32_t nr)
{
	void *at = region_at(region, page);

	job_note(job, "renew", at, nr);
	if (mmap(at, (size_t)nr * LOAD_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		    0) == MAP_FAILED)
		job_broken(job, "map %u pages anew: %s", nr, strerror(errno));
	region_mark(region, page, nr, MARK_ZERO);
	advise(region);
}

bool region_map_hugetlb(struct job *job, struct region *ret, uint32_t pages)
{
	void *map =
		mmap(NULL, (size_t)pages * LOAD_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (map == MAP_FAILED)
		return false;
	region_init(job, ret, map, pages);
	region_mark(ret, 0, pages, MARK_UNMAPPED);
	for (uint32_t page = 0; page < pages; page += HUGE_PAGES) {
		region_mark(ret, page, 1, MARK_ZERO);
		region_mark(ret, page + HUGE_PAGES / 2, 1, MARK_ZERO);
		region_mark(ret, page + HUGE_PAGES - 1, 1, MARK_ZERO);
	}
	return true;
}

void region_unmap(struct job *job, struct region *region)
{
	uint64_t start = now_ns();

	(void)munmap(region->base, (size_t)region->pages * LOAD_PAGE);
	job_took(job, LATENCY_munmap, start);
	(void)munmap(region->mark, region->pages * sizeof(*region->mark));
}

void region_mark(struct region *region, uint32_t page, uint32_t nr,
	enum mark_state state)
{
	for (uint32_t i = page; i < page + nr; i++)
		region->mark[i].state = state;
}

static void write_as(struct job *job, struct region *region, uint32_t page,
	const struct page_id *id)
{
	uint64_t start = now_ns();

	/* the first byte takes the fault */
	*(volatile uint8_t *)region_at(region, page) = 0;
	job_took(job, LATENCY_fault, start);
	page_fill(region_at(region, page), id);
	region->mark[page].id = *id;
	region->mark[page].state = MARK_DATA;
	job_did(job, WORK_WRITTEN, 1);
}

void region_write_twins(
	struct job *job, struct region *region, uint32_t page, uint32_t nr)
{
	struct page_id id = {.owner = job->id << OWNER_SHIFT, .generation = 1};

	for (uint32_t i = page; i < page + nr; i++) {
		id.home = rng_below(&job->rng, TWIN_KINDS);
		if (region->mark[i].state != MARK_UNMAPPED)
			write_as(job, region, i, &id);
	}
}

void region_write(
	struct job *job, struct region *region, uint32_t page, uint32_t nr)
{
	if (region->merges && rng_one_in(&job->rng, 2)) {
		region_write_twins(job, region, page, nr);
		return;
	}
	for (uint32_t i = page; i < page + nr; i++) {
		struct page_id id = {
			.owner = job->owner,
			.generation = ++region->generation,
			.home = region->home + i,
		};

		if (region->mark[i].state != MARK_UNMAPPED)
			write_as(job, region, i, &id);
	}
}

static const char *kind_of(enum page_state state)
{
	static const char *const kinds[] = {
		[PAGE_ZERO] = "lost write",
		[PAGE_STALE] = "stale page",
		[PAGE_FOREIGN] = "foreign page",
		[PAGE_TORN] = "torn page",
		[PAGE_CORRUPT] = "corrupt page",
	};

	return kinds[state];
}

static void page_wrong(struct job *job, const struct region *region,
	uint32_t page, const struct page_look *look)
{
	const struct page_id *want = &region->mark[page].id;
	const struct page_id *found = &look->found;

	job_found(job, kind_of(look->state), region_at(region, page),
		"page %u of %u: from byte %u it holds 0x%016llx (as an id: "
		"owner %x, generation %u, home 0x%llx); wanted owner %x, "
		"generation %u, home 0x%llx",
		page, region->pages, look->offset,
		(unsigned long long)look->word, found->owner, found->generation,
		(unsigned long long)found->home, want->owner, want->generation,
		(unsigned long long)want->home);
}

static void page_not_zero(
	struct job *job, const struct region *region, uint32_t page)
{
	const uint64_t *word = (const uint64_t *)region_at(region, page);

	for (uint32_t i = 0; i < LOAD_PAGE / 8; i++) {
		if (word[i])
			job_found(job, "stale page", word,
				"page %u of %u must be zeros: byte %u holds "
				"0x%016llx",
				page, region->pages, i * 8,
				(unsigned long long)word[i]);
	}
}

void region_check(
	struct job *job, struct region *region, uint32_t page, uint32_t nr)
{
	struct page_look look;
	uint32_t looked = 0;

	for (uint32_t i = page; i < page + nr; i++) {
		struct mark *mark = &region->mark[i];

		if (mark->state == MARK_UNMAPPED)
			continue;
		looked++;
		if (mark->state == MARK_ZERO)
			page_not_zero(job, region, i);
		else if (page_check(region_at(region, i), &mark->id, &look) !=
				 PAGE_GOOD &&
			 (look.state != PAGE_ZERO || mark->state == MARK_DATA))
			page_wrong(job, region, i, &look);
	}
	job_did(job, WORK_CHECKED, looked);
}

uint32_t region_range(struct job *job, const struct region *region,
	uint32_t max, uint32_t *ret_nr)
{
	uint32_t page = rng_below(&job->rng, region->pages);
	uint32_t nr = rng_range(&job->rng, 1, max);

	*ret_nr = nr < region->pages - page ? nr : region->pages - page;
	return page;
}
