/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ksm_storm: pages of several processes are the same, are merged by ksmd, break
 * apart by writes, and are reclaimed, migrated and un-merged meanwhile. Wrong
 * to see: a write that others see, a page merged though it differs.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "stress/stress.h"

#define PAGES  1024
#define SELVES 3
#define MERGED 128 /* pages made twins at once */

static void merge_and_break(struct job *job, void *arg)
{
	struct region *region = arg;
	uint8_t *base = region->base;
	size_t len = (size_t)region->pages * LOAD_PAGE;

	while (job_on(job)) {
		uint32_t nr, page = region_range(job, region, MERGED, &nr);

		region_write_twins(job, region, page, nr);
		page = region_range(job, region, 8, &nr);
		region_write(job, region, page, nr);
		job_note(job, "write", region_at(region, page), nr);
		if (rng_one_in(&job->rng, 8)) {
			(void)madvise(base, len, MADV_UNMERGEABLE);
			region_check(job, region, 0, region->pages);
			(void)madvise(base, len, MADV_MERGEABLE);
			job_note(job, "unmerge", base, region->pages);
		}
		page = region_range(job, region, 64, &nr);
		region_check(job, region, page, nr);
		job_did(job, WORK_OPS, 1);
		/* ksmd merges what did not change between two of its passes */
		usleep(rng_below(&job->rng, 20000));
	}
}

void stress_ksm_storm(struct job *job)
{
	struct region region;

	region_map(job, &region, PAGES, false);
	walker_merge();
	if (madvise(region.base, (size_t)region.pages * LOAD_PAGE,
		    MADV_MERGEABLE))
		job_broken(job, "MADV_MERGEABLE was refused");
	region_write_twins(job, &region, 0, region.pages);
	(void)walker_reclaim(job);
	(void)walker_migrate(job, &region);
	for (uint32_t i = 1; i < SELVES; i++)
		(void)job_spawn(job, merge_and_break, &region);
	merge_and_break(job, &region);
}
