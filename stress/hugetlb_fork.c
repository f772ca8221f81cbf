/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugetlb_fork: private mappings of hugetlb pages, whose reverse mapping is an
 * anon_vma too, but whose faults, forks and moves are mm/hugetlb.c's own, are
 * forked, written, moved and migrated. Wrong to see: a page of a relative, one
 * that was lost in a copy.
 */
#include <numaif.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/guest.h"
#include "stress/stress.h"

#define HUGE_PAGES 3
#define HUGE_BYTES ((size_t)2 << 20)
#define BYTES	   (HUGE_PAGES * HUGE_BYTES)
#define PER_HUGE   (HUGE_BYTES / LOAD_PAGE)
#define BROOD	   3
#define POOL	   "48" /* huge pages, of all jobs */

static void move_huge(struct job *job, void *arg)
{
	const struct region *region = arg;
	pid_t owner = getppid();

	while (job_on(job)) {
		uint32_t node = rng_below(&job->rng, job->nr_nodes);
		void *addr[HUGE_PAGES];
		int to[HUGE_PAGES], status[HUGE_PAGES] = {0};

		for (uint32_t i = 0; i < HUGE_PAGES; i++) {
			addr[i] = region_at(region, i * PER_HUGE);
			to[i] = (int)node;
		}
		if (move_pages(owner, HUGE_PAGES, addr, to, status,
			    MPOL_MF_MOVE_ALL) >= 0) {
			for (uint32_t i = 0; i < HUGE_PAGES; i++)
				job_did(job, WORK_MIGRATED, status[i] == to[i]);
		}
		usleep(rng_below(&job->rng, 5000));
	}
}

/* To where there is room for it */
static void move_away(struct job *job, struct region *region)
{
	void *to = mmap(NULL, BYTES, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1,
		0);

	if (to == MAP_FAILED)
		return;
	if (mremap(region->base, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
		    to) != to)
		return;
	region->base = to;
	job_note(job, "move", to, region->pages);
	job_did(job, WORK_MOVED, HUGE_PAGES);
}

static void write_some(struct job *job, struct region *region)
{
	uint32_t huge = rng_below(&job->rng, HUGE_PAGES);

	region_write(job, region, huge * PER_HUGE,
		rng_one_in(&job->rng, 2) ? 1 : PER_HUGE);
}

/* Where the pool is empty the kernel takes a page from a child for its parent:
 * then a child dies of SIGBUS (mm/hugetlb.c, unmap_ref_private()). */
static void child_lives(struct job *job, void *arg)
{
	struct region *region = arg;

	(void)signal(SIGBUS, SIG_DFL);
	if (rng_one_in(&job->rng, 3))
		move_away(job, region);
	region_check(job, region, 0, region->pages);
	if (rng_one_in(&job->rng, 2))
		write_some(job, region);
	usleep(rng_below(&job->rng, 5000));
	region_check(job, region, 0, region->pages);
	if (rng_one_in(&job->rng, 3))
		region_unmap(job, region);
}

void stress_hugetlb_fork(struct job *job)
{
	struct region region;
	pid_t brood[BROOD];

	(void)setup_write(HUGETLB_POOL_PATH, POOL);
	while (!region_map_hugetlb(job, &region, HUGE_PAGES * PER_HUGE)) {
		if (!job_on(job))
			return;
		usleep(100000);
	}
	region_write(job, &region, 0, region.pages);
	(void)job_spawn(job, move_huge, &region);
	while (job_on(job)) {
		for (uint32_t i = 0; i < BROOD; i++)
			brood[i] = job_spawn(job, child_lives, &region);
		write_some(job, &region);
		for (uint32_t i = 0; i < BROOD; i++) {
			if (rng_one_in(&job->rng, 4))
				job_kill(job, brood[i]);
			if (brood[i] > 0)
				job_wait(brood[i]);
		}
		region_check(job, &region, 0, region.pages);
		job_did(job, WORK_OPS, 1);
	}
}
