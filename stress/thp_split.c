/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * thp_split: huge folios are split by order (debugfs), by unmapping a part, by
 * reclaim and by fork's copies, and collapsed again, while their sharers fault
 * and write; others stay whole, mapped by PMDs that are migrated, forked and
 * zapped. Wrong to see: a subpage with what another held.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/guest.h"
#include "prog/prog.h"
#include "stress/stress.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define HUGE_PAGES 512 /* in a huge folio */
#define FOLIOS	   4
#define WHOLE	   2  /* that are not split: written where nobody shares them */
#define PART	   32 /* of them that are paged out alone */
#define ORDER_MAX                                                              \
	8 /* below that of a huge folio; 1 is none of an anon folio            \
	   */

static void split(struct job *job, struct region *region, uint32_t folio)
{
	uint64_t from = (uintptr_t)region_at(region, folio * HUGE_PAGES);
	uint32_t order = rng_below(&job->rng, ORDER_MAX + 1);
	char text[96];
	int fd = open(SPLIT_PATH, O_WRONLY | O_CLOEXEC), len;

	if (fd < 0)
		return;
	order = order == 1 ? 0 : order;
	if (job->board->caps & CAP_SPLIT_ORDER)
		len = snprintf(text, sizeof(text), "%d,0x%llx,0x%llx,%u",
			getpid(), (unsigned long long)from,
			(unsigned long long)from + HUGE_PAGES * LOAD_PAGE,
			order);
	else
		len = snprintf(text, sizeof(text), "%d,0x%llx,0x%llx", getpid(),
			(unsigned long long)from,
			(unsigned long long)from + HUGE_PAGES * LOAD_PAGE);
	job_note(job, "split", (void *)(uintptr_t)from, HUGE_PAGES);
	if (write(fd, text, (size_t)len) == len)
		job_did(job, WORK_SPLIT, 1);
	close(fd);
}

static void collapse(struct job *job, struct region *region, uint32_t folio)
{
	uint8_t *at = region_at(region, folio * HUGE_PAGES);

	job_note(job, "collapse", at, HUGE_PAGES);
	if (!madvise(at, HUGE_PAGES * LOAD_PAGE, MADV_COLLAPSE))
		job_did(job, WORK_COLLAPSED, 1);
}

/* A part goes, the rest waits on the deferred split queue. */
static void drop_part(struct job *job, struct region *region, uint32_t folio)
{
	uint32_t first = rng_below(&job->rng, HUGE_PAGES - 1);
	uint32_t nr = rng_range(&job->rng, 1, HUGE_PAGES - first);
	uint32_t page = folio * HUGE_PAGES + first;
	uint8_t *at = region_at(region, page);

	job_note(job, "DONTNEED", at, nr);
	if (madvise(at, (size_t)nr * LOAD_PAGE, MADV_DONTNEED))
		return;
	region_mark(region, page, nr, MARK_ZERO);
}

/* A part of a folio is split off for it; swapping all of it takes a second */
static void pageout(struct job *job, struct region *region, uint32_t folio)
{
	bool all = rng_one_in(&job->rng, 8);
	uint32_t first = all ? 0 : rng_below(&job->rng, HUGE_PAGES - PART + 1);
	uint32_t nr = all ? HUGE_PAGES : rng_range(&job->rng, 1, PART);
	uint8_t *at = region_at(region, folio * HUGE_PAGES + first);

	job_note(job, "PAGEOUT", at, nr);
	(void)madvise(at, (size_t)nr * LOAD_PAGE, MADV_PAGEOUT);
}

/* A new huge folio in the place of what is there */
static void renew(struct job *job, struct region *region, uint32_t folio)
{
	uint32_t page = folio * HUGE_PAGES;

	region_renew(job, region, page, HUGE_PAGES);
	for (uint32_t i = 0; i < 16; i++)
		region_write(job, region,
			page + rng_below(&job->rng, HUGE_PAGES), 1);
}

static void (*const deeds[])(struct job *, struct region *, uint32_t) = {
	split, split, collapse, drop_part, pageout, renew};

static void work(struct job *job, struct region *region, uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds && job_on(job); i++) {
		uint32_t folio = rng_below(&job->rng, FOLIOS), nr, page;

		deeds[rng_below(&job->rng, ARRAY_SIZE(deeds))](
			job, region, folio);
		page = region_range(job, region, 32, &nr);
		region_write(job, region, page, nr);
		page = region_range(job, region, 64, &nr);
		region_check(job, region, page, nr);
		job_did(job, WORK_OPS, 1);
	}
}

struct folios {
	struct region split, whole;
};

/* With page tables and advice as a region has them that may have large folios
 */
static void fill(struct job *job, struct region *region)
{
	region_renew(job, region, 0, region->pages);
	region_write(job, region, 0, region->pages);
}

static void look_at(struct job *job, struct region *region)
{
	uint32_t nr, page = region_range(job, region, 64, &nr);

	region_check(job, region, page, nr);
}

static void child(struct job *job, void *arg)
{
	struct folios *folios = arg;

	look_at(job, &folios->whole);
	work(job, &folios->split, 8);
	region_check(job, &folios->split, 0, folios->split.pages);
	look_at(job, &folios->whole);
}

void stress_thp_split(struct job *job)
{
	struct folios folios;
	struct region *split = &folios.split, *whole = &folios.whole;
	pid_t pid;

	region_map(job, split, FOLIOS * HUGE_PAGES, true);
	region_map(job, whole, WHOLE * HUGE_PAGES, true);
	split->large = whole->large = true;
	/* they are forked, and must not share what is to stay whole */
	(void)walker_migrate(job, split);
	(void)walker_migrate(job, whole);
	fill(job, whole);
	fill(job, split);
	/* one of each: its turn may be short */
	for (uint32_t i = 0; i < ARRAY_SIZE(deeds); i++)
		deeds[i](job, split, i % FOLIOS);
	while (job_on(job)) {
		uint32_t nr, page = region_range(job, whole, 64, &nr);

		region_write(job, whole, page, nr);
		pid = job_spawn(job, child, &folios);
		work(job, split, 8);
		job_wait(pid);
		region_check(job, split, 0, split->pages);
		look_at(job, whole);
	}
}
