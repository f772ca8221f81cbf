/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fork_reclaim: folios shared by a tree of processes are unmapped by reclaim
 * (try_to_unmap of every sharer), swapped out and in, while the tree grows,
 * writes and dies. Wrong to see: a write of a relative, an old write, zeros.
 */
#include "stress/stress.h"

void stress_fork_reclaim(struct job *job)
{
	struct region region;

	region_map_any(job, &region, TREE_PAGES);
	region_write(job, &region, 0, region.pages);
	(void)walker_reclaim(job);
	while (job_on(job)) {
		tree_run(job, &region);
		region_check(job, &region, 0, region.pages);
		if (rng_one_in(&job->rng, 3)) {
			region_renew(job, &region, 0, region.pages);
			region_write(job, &region, 0, region.pages);
		}
	}
}
