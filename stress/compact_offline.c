/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compact_offline: walks that start from the page frame, not from a mapping:
 * compaction, soft offline, memory blocks that go offline and come back,
 * allocations of a high order. Wrong to see: a page that was lost or doubled
 * when its frame was taken away.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/guest.h"
#include "stress/stress.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

#define PAGES	    512
#define SOFT_MAX    64 /* frames given up at once; they are unpoisoned */
#define BLOCKS_PATH "/sys/devices/system/memory"
#define BLOCKS_MAX  16
#define HUGETLB	    "/proc/sys/vm/nr_hugepages"

struct frames {
	struct region region;
	uint64_t soft[SOFT_MAX]; /* frame numbers */
	uint32_t nr_soft;
};

static void unpoison_all(struct frames *frames)
{
	char text[24];

	while (frames->nr_soft) {
		snprintf(text, sizeof(text), "%llu",
			(unsigned long long)frames->soft[--frames->nr_soft]);
		(void)setup_write(UNPOISON_PATH, text);
	}
}

static void soft_offline(struct job *job, struct frames *frames)
{
	uint32_t page = rng_below(&job->rng, frames->region.pages);
	uint8_t *at = region_at(&frames->region, page);
	uint64_t frame;

	if (frames->nr_soft == SOFT_MAX)
		unpoison_all(frames);
	region_check(job, &frames->region, page, 1);
	frame = job_frame(at);
	job_note(job, "soft offline", at, 1);
	if (!frame || madvise(at, LOAD_PAGE, MADV_SOFT_OFFLINE))
		return;
	frames->soft[frames->nr_soft++] = frame;
	job_did(job, WORK_MIGRATED, 1);
}

static void compact(struct job *job, struct frames *frames)
{
	(void)frames;
	job_note(job, "compact", NULL, 0);
	(void)setup_write("/proc/sys/vm/compact_memory", "1");
}

/* Of the blocks that may go, one goes and comes back. */
static void block_cycle(struct job *job, struct frames *frames)
{
	char path[320];
	uint32_t want = rng_below(&job->rng, BLOCKS_MAX);

	(void)frames;
	snprintf(path, sizeof(path), BLOCKS_PATH "/memory%u/state", want);
	if (access(path, F_OK))
		return;
	job_note(job, "offline a block", NULL, 0);
	if (!setup_write(path, "offline"))
		job_did(job, WORK_SWITCHED, 1);
	region_check(job, &frames->region, 0, 64);
	(void)setup_write(path, "online");
}

static void high_order(struct job *job, struct frames *frames)
{
	(void)frames;
	job_note(job, "huge pages", NULL, 0);
	(void)setup_write(HUGETLB, "8");
	(void)setup_write(HUGETLB, "0");
}

static void child_looks(struct job *job, void *arg)
{
	struct region *region = arg;
	uint32_t nr, page = region_range(job, region, 64, &nr);

	region_check(job, region, page, nr);
	region_write(job, region, page, nr);
	usleep(rng_below(&job->rng, 20000));
	region_check(job, region, 0, region->pages);
}

void stress_compact_offline(struct job *job)
{
	static void (*const deeds[])(struct job *, struct frames *) = {
		soft_offline, soft_offline, soft_offline, compact, high_order,
		block_cycle};
	static struct frames frames;

	region_map(job, &frames.region, PAGES, false);
	region_write(job, &frames.region, 0, PAGES);
	(void)walker_reclaim(job);
	while (job_on(job)) {
		pid_t pid = job_spawn(job, child_looks, &frames.region);

		for (uint32_t i = 0; i < 8 && job_on(job); i++) {
			uint32_t nr, page;

			deeds[rng_below(&job->rng, ARRAY_SIZE(deeds))](
				job, &frames);
			page = region_range(job, &frames.region, 32, &nr);
			region_write(job, &frames.region, page, nr);
		}
		if (pid > 0)
			job_wait(pid);
		region_check(job, &frames.region, 0, PAGES);
		job_did(job, WORK_OPS, 1);
	}
	unpoison_all(&frames);
}
