/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * thp_split: huge folios are split by order (debugfs), by unmapping a part, by
 * reclaim and by fork's copies, and collapsed again, while their sharers fault
 * and write. Wrong to see: a subpage with what another held.
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

static void pageout(struct job *job, struct region *region, uint32_t folio)
{
	uint8_t *at = region_at(region, folio * HUGE_PAGES);

	job_note(job, "PAGEOUT", at, HUGE_PAGES);
	(void)madvise(at, HUGE_PAGES * LOAD_PAGE, MADV_PAGEOUT);
}

/* A new huge folio in the place of what is there */
static void renew(struct job *job, struct region *region, uint32_t folio)
{
	uint32_t page = folio * HUGE_PAGES;

	if (madvise(region_at(region, page), HUGE_PAGES * LOAD_PAGE,
		    MADV_DONTNEED))
		return;
	job_note(job, "renew", region_at(region, page), HUGE_PAGES);
	region_mark(region, page, HUGE_PAGES, MARK_ZERO);
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

static void child(struct job *job, void *arg)
{
	struct region *region = arg;

	work(job, region, 8);
	region_check(job, region, 0, region->pages);
}

void stress_thp_split(struct job *job)
{
	struct region region;

	region_map(job, &region, FOLIOS * HUGE_PAGES, true);
	(void)madvise(
		region.base, (size_t)region.pages * LOAD_PAGE, MADV_HUGEPAGE);
	region_write(job, &region, 0, region.pages);
	(void)walker_migrate(job, &region);
	while (job_on(job)) {
		pid_t pid = job_spawn(job, child, &region);

		work(job, &region, 8);
		job_wait(pid);
		region_check(job, &region, 0, region.pages);
	}
}
