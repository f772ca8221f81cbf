/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * merge_split: VMAs are split and merged by protection, advice and name, also
 * with faulted and with new neighbours, under reclaim and migration and while a
 * thread of the same mm faults. Wrong to see: a folio whose VMA a walk no
 * longer reaches, so that it is never unmapped or keeps old contents.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "stress/stress.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA	     0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define PAGES 512

/* Each keeps the range readable and writable in the end. */
static void by_protection(struct job *job, uint8_t *at, size_t len)
{
	static const int prot[] = {
		PROT_READ | PROT_WRITE | PROT_EXEC, PROT_READ | PROT_WRITE};

	(void)mprotect(at, len, prot[rng_below(&job->rng, 2)]);
}

static void by_advice(struct job *job, uint8_t *at, size_t len)
{
	static const int advice[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL,
		MADV_DONTDUMP, MADV_DODUMP, MADV_NOHUGEPAGE};

	(void)madvise(
		at, len, advice[rng_below(&job->rng, ARRAY_SIZE(advice))]);
}

static void by_name(struct job *job, uint8_t *at, size_t len)
{
	static const char *const names[] = {"one", "two", NULL};

	(void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, len,
		names[rng_below(&job->rng, ARRAY_SIZE(names))]);
}

/* Whole again: everything merges that may */
static void by_all(struct job *job, const struct region *region)
{
	size_t len = (size_t)region->pages * LOAD_PAGE;

	(void)mprotect(region->base, len, PROT_READ | PROT_WRITE);
	(void)madvise(region->base, len, MADV_NORMAL);
	(void)madvise(region->base, len, MADV_DODUMP);
	(void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, region->base, len, NULL);
	job_note(job, "merge", region->base, region->pages);
}

/* New memory between faulted neighbours: it merges with both */
static void by_map(struct job *job, struct region *region)
{
	uint32_t nr, page = region_range(job, region, 32, &nr);
	uint8_t *at = region_at(region, page);
	uint64_t start = now_ns();

	if (munmap(at, (size_t)nr * LOAD_PAGE))
		return;
	job_took(job, LATENCY_munmap, start);
	job_note(job, "map anew", at, nr);
	if (mmap(at, (size_t)nr * LOAD_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) == MAP_FAILED) {
		region_mark(region, page, nr, MARK_UNMAPPED);
		return;
	}
	region_mark(region, page, nr, MARK_ZERO);
}

static void storm(struct job *job, struct region *region)
{
	static void (*const by[])(struct job *, uint8_t *, size_t) = {
		by_protection, by_advice, by_name};
	uint32_t nr, page = region_range(job, region, 64, &nr);

	by[rng_below(&job->rng, ARRAY_SIZE(by))](
		job, region_at(region, page), (size_t)nr * LOAD_PAGE);
	job_did(job, WORK_OPS, 1);
}

struct writer {
	struct job job;
	struct region region;
};

/* It has a region of its own: nobody else may touch its marks. */
static void *write_on(void *arg)
{
	struct writer *writer = arg;
	uint32_t nr, page;

	while (job_on(&writer->job)) {
		page = region_range(&writer->job, &writer->region, 16, &nr);
		region_check(&writer->job, &writer->region, page, nr);
		region_write(&writer->job, &writer->region, page, nr);
	}
	return NULL;
}

static void child(struct job *job, void *arg)
{
	struct region *region = arg;

	for (uint32_t i = 0; i < 16; i++)
		storm(job, region);
	by_all(job, region);
	region_check(job, region, 0, region->pages);
}

static void storms(struct job *job, struct region *own, struct region *other)
{
	uint32_t nr, page;

	for (uint32_t i = 0; i < 24; i++) {
		storm(job, own);
		storm(job, other);
	}
	by_map(job, own);
	page = region_range(job, own, 32, &nr);
	region_write(job, own, page, nr);
	if (rng_one_in(&job->rng, 2)) {
		by_all(job, own);
		by_all(job, other);
	}
	region_check(job, own, page, nr);
}

void stress_merge_split(struct job *job)
{
	struct writer *writer = mmap(NULL, sizeof(*writer),
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct region region;
	pthread_t thread;

	if (writer == MAP_FAILED)
		job_broken(job, "no memory");
	region_map(job, &region, PAGES, false);
	writer->job = *job;
	rng_seed(&writer->job.rng, rng_next(&job->rng));
	region_map(job, &writer->region, PAGES, false);
	(void)walker_reclaim(job);
	(void)walker_migrate(job, &region);
	(void)walker_migrate(job, &writer->region);
	if (pthread_create(&thread, NULL, write_on, writer))
		job_broken(job, "no thread");
	for (uint32_t round = 0; job_on(job); round++) {
		storms(job, &region, &writer->region);
		if (round % 8 == 0) {
			job_wait(job_spawn(job, child, &region));
			region_check(job, &region, 0, region.pages);
		}
	}
	pthread_join(thread, NULL);
}
