/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What makes the kernel walk. MADV_PAGEOUT passes over folios that are mapped
 * more than once (mm/madvise.c), so shared ones take memory.reclaim, and
 * move_pages(2) with MPOL_MF_MOVE_ALL.
 */
#include <dirent.h>
#include <errno.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest/guest.h"
#include "stress/stress.h"

/* Of one move_pages(2): each call first drains the LRU lists of all CPUs, which
 * takes as long as some hundred pages do. So they go to and fro in it. */
#define MOVE_PAGES    512
#define PASSES_MAX    6
#define MOVES_MAX     (MOVE_PAGES * PASSES_MAX)
#define RECLAIM_PAGES 256
#define RECLAIM_US                                                             \
	20000 /* at most, between two: pages must be in to be moved */

#define KSM_SMART "/sys/kernel/mm/ksm/smart_scan"
#define WALK_NICE (-5) /* of ksmd, and of who migrates: a dozen others run */

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

/* Every so manyth page is named: one of a large folio moves all of it */
static uint32_t pick_step(struct job *job, const struct region *region)
{
	static const uint32_t steps[] = {1, 16, 512};
	uint32_t step = 1;

	if (region->large)
		step = steps[rng_below(&job->rng, ARRAY_SIZE(steps))];
	return step > region->pages ? 1 : step;
}

/* @nr pages to a node, then to the next one, all sharers with them */
static void moves_plan(struct job *job, const struct region *region,
	struct moves *ret, uint32_t nr, uint32_t step, uint32_t passes)
{
	uint32_t room = region->pages - (nr - 1) * step;
	uint32_t page = rng_below(&job->rng, room);
	uint32_t node = rng_below(&job->rng, job->nr_nodes);

	for (uint32_t i = 0; i < nr * passes; i++) {
		ret->addr[i] = region_at(region, page + i % nr * step);
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
	uint32_t step = pick_step(job, region), most = region->pages / step;
	uint32_t nr =
		rng_range(&job->rng, 1, most < MOVE_PAGES ? most : MOVE_PAGES);
	uint32_t passes = rng_range(&job->rng, 2, PASSES_MAX);
	struct moves moves;

	moves_plan(job, region, &moves, nr, step, passes);
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

	(void)setpriority(PRIO_PROCESS, 0, WALK_NICE);
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

static bool is_ksmd(const char *pid)
{
	char path[280], name[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (file && !fgets(name, sizeof(name), file))
		name[0] = '\0';
	if (file)
		fclose(file);
	return !strcmp(name, "ksmd\n");
}

static void ksmd_hurry(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (!is_ksmd(entry->d_name))
			continue;
		(void)setpriority(PRIO_PROCESS,
			(id_t)strtoul(entry->d_name, NULL, 10), WALK_NICE);
		break;
	}
	if (dir)
		closedir(dir);
}

/* What was not merged when ksmd came by may be so the next time: it is not to
 * pass over it, as it does since 6.7. */
void walker_merge(void)
{
	ksmd_hurry();
	(void)setup_write(KSM_SMART, "0");
}
