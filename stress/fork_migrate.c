/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fork_migrate: the folios of a tree of processes are moved between nodes with
 * all their sharers (try_to_migrate, remove_migration_ptes), by move_pages(2),
 * mbind(2), migrate_pages(2) and, where it is on, NUMA balancing. Wrong to see:
 * a page that another process wrote, a migration entry that is never removed.
 */
#include <numaif.h>
#include <unistd.h>

#include "stress/stress.h"

static void move_by_policy(struct job *job, struct region *region)
{
	unsigned long to = 1ul << rng_below(&job->rng, job->nr_nodes);
	unsigned long all = (1ul << job->nr_nodes) - 1, from = all & ~to;
	uint32_t nr, page = region_range(job, region, region->pages, &nr);

	if (rng_one_in(&job->rng, 2)) {
		(void)mbind(region_at(region, page), (size_t)nr * LOAD_PAGE,
			MPOL_BIND, &to, sizeof(to) * 8, MPOL_MF_MOVE_ALL);
		job_note(job, "mbind", region_at(region, page), nr);
		(void)mbind(region_at(region, page), (size_t)nr * LOAD_PAGE,
			MPOL_DEFAULT, NULL, 0, 0);
	} else {
		(void)migrate_pages(0, sizeof(all) * 8, &from, &to);
		job_note(job, "migrate_pages", NULL, 0);
	}
}

void stress_fork_migrate(struct job *job)
{
	struct region region;

	region_map_any(job, &region, TREE_PAGES);
	region_write(job, &region, 0, region.pages);
	(void)walker_migrate(job, &region);
	(void)walker_migrate(job, &region);
	while (job_on(job)) {
		tree_run(job, &region);
		move_by_policy(job, &region);
		region_check(job, &region, 0, region.pages);
		if (rng_one_in(&job->rng, 3)) {
			region_renew(job, &region, 0, region.pages);
			region_write(job, &region, 0, region.pages);
		}
	}
}
