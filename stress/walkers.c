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

/* Of one move_pages(2): each call first drains the LRU lists of all CPUs, which
 * takes as long as some hundred pages do. So they go to and fro in it. */
#define MOVE_PAGES    512
#define PASSES_MAX    6
#define MOVES_MAX     (MOVE_PAGES * PASSES_MAX)
#define RECLAIM_PAGES 256
#define RECLAIM_US                                                             \
	20000 /* at most, between two: pages must be in to be moved */

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
		usleep(rng_below(&job->rng, RECLAIM_US));
	}
}

struct migrate_target {
	pid_t pid;
	struct region *region;
};

struct moves {
	void *addr[MOVES_MAX];
	int node[MOVES_MAX], status[MOVES_MAX];
};

/* @nr pages to a node, then to the next one, all sharers with them */
static void moves_plan(struct job *job, const struct region *region,
	struct moves *ret, uint32_t nr, uint32_t passes)
{
	uint32_t page = rng_below(&job->rng, region->pages - nr + 1);
	uint32_t node = rng_below(&job->rng, job->nr_nodes);

	for (uint32_t i = 0; i < nr * passes; i++) {
		ret->addr[i] = region_at(region, page + i % nr);
		ret->node[i] = (int)((node + i / nr) % job->nr_nodes);
		ret->status[i] = -EFAULT;
	}
}

/* Pages that a pass found where the one before it had put them, and moved. In
 * the first they may have been there already. */
static uint32_t moves_done(
	const struct moves *moves, uint32_t nr, uint32_t passes)
{
	uint32_t done = 0;

	for (uint32_t i = nr; i < nr * passes; i++)
		done += moves->status[i] == moves->node[i] &&
			moves->status[i - nr] == moves->node[i - nr];
	return done;
}

static void move_some(struct job *job, const struct migrate_target *target)
{
	const struct region *region = target->region;
	uint32_t most = region->pages < MOVE_PAGES ? region->pages : MOVE_PAGES;
	uint32_t nr = rng_range(&job->rng, 1, most);
	uint32_t passes = rng_range(&job->rng, 2, PASSES_MAX);
	struct moves moves;

	moves_plan(job, region, &moves, nr, passes);
	if (move_pages(target->pid, (unsigned long)nr * passes, moves.addr,
		    moves.node, moves.status, MPOL_MF_MOVE_ALL) >= 0)
		job_did(job, WORK_MIGRATED, moves_done(&moves, nr, passes));
}

/* All that the process has on a node; what cannot move does not end the call */
static void move_all(struct job *job, const struct migrate_target *target)
{
	uint32_t node = rng_below(&job->rng, job->nr_nodes);

	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		unsigned long from = 1ul << (node + i) % job->nr_nodes;
		unsigned long to = 1ul << (node + i + 1) % job->nr_nodes;

		(void)migrate_pages(target->pid, sizeof(to) * 8, &from, &to);
	}
}

static void migrate_on(struct job *job, void *arg)
{
	const struct migrate_target *target = arg;

	while (job_on(job)) {
		if (rng_one_in(&job->rng, 4))
			move_all(job, target);
		else
			move_some(job, target);
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
