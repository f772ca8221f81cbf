/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lazy_switch: the kernel's switch between lazy and eager anon_vmas is thrown
 * while VMAs and folios of both kinds are forked, split, reclaimed and
 * migrated. Wrong to see: what any other stressor must not see.
 */
#include <unistd.h>

#include "guest/guest.h"
#include "stress/stress.h"

static void throw_switch(struct job *job, void *unused)
{
	(void)unused;
	for (uint32_t turn = 0; job_on(job); turn++) {
		job_note(job, turn % 2 ? "lazy on" : "lazy off", NULL, 0);
		if (!setup_write(LAZY_SWITCH, turn % 2 ? "1" : "0"))
			job_did(job, WORK_SWITCHED, 1);
		usleep(rng_below(&job->rng, 200000));
	}
	(void)setup_write(LAZY_SWITCH, "1");
}

void stress_lazy_switch(struct job *job)
{
	(void)job_spawn(job, throw_switch, NULL);
	(void)walker_reclaim(job);
	while (job_on(job)) {
		struct region region;

		/* new VMAs, of the kind that is in force now */
		region_map(job, &region, TREE_PAGES / 2, false);
		region_write(job, &region, 0, region.pages);
		for (uint32_t i = 0; i < 3 && job_on(job); i++)
			tree_run(job, &region);
		region_check(job, &region, 0, region.pages);
		region_unmap(job, &region);
	}
}
