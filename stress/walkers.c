/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What makes the kernel walk. MADV_PAGEOUT passes over folios that are mapped
 * more than once (mm/madvise.c), so shared ones take memory.reclaim, and
 * move_pages(2) with MPOL_MF_MOVE_ALL.
 */
#include <errno.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stress/stress.h"

/* Of one move_pages(2): each call first drains the LRU lists of all CPUs */
#define MOVE_PAGES    256
#define RECLAIM_PAGES 512

void job_reclaim(struct job *job, uint32_t pages)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%llu",
		(unsigned long long)pages * LOAD_PAGE);

	/* -EAGAIN: it found less than was asked for */
	if (write(job->reclaim_fd, text, (size_t)len) < 0 && errno != EAGAIN &&
		errno != EINTR)
		job_broken(job, "memory.reclaim: %s", strerror(errno));
}

static void reclaim_on(struct job *job, void *unused)
{
	(void)unused;
	while (job_on(job)) {
		job_reclaim(job, rng_range(&job->rng, 16, RECLAIM_PAGES));
		usleep(rng_below(&job->rng, 4000));
	}
}

struct migrate_target {
	pid_t pid;
	struct region *region;
};

/* Each page to another node, all sharers with it */
static void migrate_some(struct job *job, const struct migrate_target *target)
{
	uint32_t nr, page = region_range(job, target->region, MOVE_PAGES, &nr);
	uint32_t step = rng_range(&job->rng, 1, job->nr_nodes - 1);
	void *addr[MOVE_PAGES];
	int nodes[MOVE_PAGES], before[MOVE_PAGES], after[MOVE_PAGES];
	uint32_t moved = 0;

	for (uint32_t i = 0; i < nr; i++) {
		addr[i] = region_at(target->region, page + i);
		after[i] = -EFAULT;
	}
	if (move_pages(target->pid, nr, addr, NULL, before, 0))
		return;
	for (uint32_t i = 0; i < nr; i++)
		nodes[i] = before[i] < 0 ? 0
					 : (int)((uint32_t)before[i] + step) %
						   (int)job->nr_nodes;
	if (move_pages(target->pid, nr, addr, nodes, after, MPOL_MF_MOVE_ALL) <
		0)
		return;
	for (uint32_t i = 0; i < nr; i++)
		moved += before[i] >= 0 && after[i] == nodes[i];
	job_did(job, WORK_MIGRATED, moved);
}

static void migrate_on(struct job *job, void *arg)
{
	const struct migrate_target *target = arg;

	while (job_on(job)) {
		migrate_some(job, target);
		usleep(rng_below(&job->rng, 2000));
	}
}

static pid_t walker(
	struct job *job, void (*fn)(struct job *, void *), void *arg)
{
	pid_t pid = job_spawn(job, fn, arg);

	return pid > 0 ? pid : 0;
}

pid_t walker_reclaim(struct job *job)
{
	return job->reclaim_fd < 0 ? 0 : walker(job, reclaim_on, NULL);
}

pid_t walker_migrate(struct job *job, struct region *region)
{
	struct migrate_target target = {getpid(), region};

	return job->nr_nodes < 2 ? 0 : walker(job, migrate_on, &target);
}
