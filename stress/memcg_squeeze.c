/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memcg_squeeze: the limits of the group go down to a fraction and up again, so
 * that charges reclaim in the middle of faults, forks and collapses, and tasks
 * are throttled on their way out of the kernel. OOM inside the group is no
 * finding. Wrong to see: a page that was dropped instead of swapped out.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/guest.h"
#include "stress/stress.h"

#define PAGES  1024
#define SELVES 2

static void limit(struct job *job, const char *file, uint64_t pages)
{
	char path[192], text[32];

	snprintf(path, sizeof(path), "%s/%s", job->cgroup, file);
	snprintf(text, sizeof(text), "%llu",
		(unsigned long long)pages * LOAD_PAGE);
	job_note(job, file, NULL, (uint32_t)pages);
	if (!setup_write(path, text))
		job_did(job, WORK_SWITCHED, 1);
}

static void breathe(struct job *job, void *unused)
{
	(void)unused;
	while (job_on(job)) {
		uint32_t pages = PAGES / 2 + rng_below(&job->rng, PAGES);

		limit(job,
			rng_one_in(&job->rng, 4) ? "memory.max" : "memory.high",
			pages);
		usleep(rng_below(&job->rng, 100000));
		if (rng_one_in(&job->rng, 4)) {
			limit(job, "memory.max", job->pages);
			limit(job, "memory.high", job->pages);
		}
	}
	limit(job, "memory.max", job->pages);
	limit(job, "memory.high", job->pages);
}

static void child_looks(struct job *job, void *arg)
{
	struct region *region = arg;
	uint32_t nr, page = region_range(job, region, 128, &nr);

	region_write(job, region, page, nr);
	region_check(job, region, page, nr);
}

static void live(struct job *job, void *arg)
{
	struct region *region = arg;

	while (job_on(job)) {
		uint32_t nr, page = region_range(job, region, 128, &nr);
		pid_t pid = job_spawn(job, child_looks, region);

		region_write(job, region, page, nr);
		page = region_range(job, region, 256, &nr);
		region_check(job, region, page, nr);
		if (pid > 0)
			job_wait(pid);
		job_did(job, WORK_OPS, 1);
	}
	region_check(job, region, 0, region->pages);
}

void stress_memcg_squeeze(struct job *job)
{
	struct region region;

	region_map(job, &region, PAGES, true);
	(void)madvise(region.base, PAGES / 2 * LOAD_PAGE, MADV_HUGEPAGE);
	region_write(job, &region, 0, PAGES);
	(void)job_spawn(job, breathe, NULL);
	for (uint32_t i = 1; i < SELVES; i++)
		(void)job_spawn(job, live, &region);
	live(job, &region);
}
