/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ksm_storm: pages of several processes are the same, are merged by ksmd, break
 * apart by writes, and are reclaimed, migrated and un-merged meanwhile. Wrong
 * to see: a write that others see, a page merged though it differs.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stress/stress.h"

#define PAGES	  384
#define KINDS	  12 /* different contents among pages that are to be merged */
#define SELVES	  3
#define KSMD_NICE (-5) /* it has 5, and would hardly run among the writers */

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
			(id_t)strtoul(entry->d_name, NULL, 10), KSMD_NICE);
		break;
	}
	if (dir)
		closedir(dir);
}

/* As all others of its kind are, in whatever process and at whatever place */
static void write_same(struct job *job, struct region *region, uint32_t page)
{
	struct page_id id = {
		.owner = job->id << 26,
		.generation = 1,
		.home = rng_below(&job->rng, KINDS),
	};

	if (region->mark[page].state != MARK_UNMAPPED)
		region_write_as(job, region, page, &id);
}

static void merge_and_break(struct job *job, void *arg)
{
	struct region *region = arg;
	uint8_t *base = region->base;
	size_t len = (size_t)region->pages * LOAD_PAGE;

	while (job_on(job)) {
		uint32_t nr, page = region_range(job, region, 48, &nr);

		for (uint32_t i = page; i < page + nr; i++)
			write_same(job, region, i);
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

	ksmd_hurry();
	region_map(job, &region, PAGES, false);
	if (madvise(region.base, (size_t)region.pages * LOAD_PAGE,
		    MADV_MERGEABLE))
		job_broken(job, "MADV_MERGEABLE was refused");
	for (uint32_t i = 0; i < region.pages; i++)
		write_same(job, &region, i);
	(void)walker_reclaim(job);
	(void)walker_migrate(job, &region);
	for (uint32_t i = 1; i < SELVES; i++)
		(void)job_spawn(job, merge_and_break, &region);
	merge_and_break(job, &region);
}
