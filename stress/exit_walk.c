/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exit_walk: short-lived processes die by the hundred, by exit and by SIGKILL,
 * while walkers hold the folios that they share. Wrong to see: a walker that
 * meets a dead mm, a page of the survivor that went with it.
 */
#include <unistd.h>

#include "stress/stress.h"

#define PAGES 128
#define BROOD 12 /* processes that live at once */

static void live_shortly(struct job *job, void *arg)
{
	struct region *region = arg;
	uint32_t nr, page = region_range(job, region, 8, &nr);

	region_check(job, region, page, nr);
	if (rng_one_in(&job->rng, 2))
		region_write(job, region, page, nr);
	if (rng_one_in(&job->rng, 4))
		region_unmap(job, region);
}

void stress_exit_walk(struct job *job)
{
	struct region region;
	pid_t pid[BROOD];

	region_map_any(job, &region, PAGES);
	region_write(job, &region, 0, region.pages);
	(void)walker_reclaim(job);
	(void)walker_migrate(job, &region);
	while (job_on(job)) {
		uint32_t nr, page = region_range(job, &region, 16, &nr);

		for (uint32_t i = 0; i < BROOD; i++)
			pid[i] = job_spawn(job, live_shortly, &region);
		region_write(job, &region, page, nr);
		for (uint32_t i = 0; i < BROOD; i++) {
			if (rng_one_in(&job->rng, 2))
				job_kill(job, pid[i]);
		}
		for (uint32_t i = 0; i < BROOD; i++) {
			if (pid[i] > 0)
				job_wait(pid[i]);
		}
		region_check(job, &region, 0, region.pages);
		if (rng_one_in(&job->rng, 8)) {
			region_renew(job, &region, 0, region.pages);
			region_write(job, &region, 0, region.pages);
		}
		job_did(job, WORK_OPS, 1);
	}
}
