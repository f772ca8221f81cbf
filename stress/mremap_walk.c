/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mremap_walk: runs of pages are moved up and down within a window of several
 * page tables, some leaving their old range mapped (DONTUNMAP), while reclaim
 * and migration walk both ranges and forks copy them. Wrong to see: a page that
 * stayed behind, came twice, or shows what was at its new place before.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "stress/stress.h"

#define WINDOW_PAGES 2048 /* 8 MiB: moves cross three page tables at least */
#define RUN_PAGES    640  /* more than a page table maps */
#define FIRST_PAGES  512  /* written before the walkers start */

/* A run of mapped pages from a random one on */
static uint32_t pick_run(
	struct job *job, const struct region *window, uint32_t *ret_nr)
{
	uint32_t max = rng_one_in(&job->rng, 8) ? RUN_PAGES : 32;
	uint32_t nr, page = region_range(job, window, max, &nr), run = 0;

	while (run < nr && window->mark[page + run].state != MARK_UNMAPPED)
		run++;
	*ret_nr = run;
	return page;
}

static bool overlap(uint32_t a, uint32_t b, uint32_t nr)
{
	return a < b + nr && b < a + nr;
}

static void move_marks(struct region *window, uint32_t from, uint32_t to,
	uint32_t nr, bool stays)
{
	for (uint32_t i = 0; i < nr; i++) {
		window->mark[to + i] = window->mark[from + i];
		window->mark[from + i].state =
			stays ? MARK_ZERO : MARK_UNMAPPED;
	}
}

static void move_run(struct job *job, struct region *window)
{
	uint32_t nr, from = pick_run(job, window, &nr), to;
	bool stays = rng_one_in(&job->rng, 4);
	int flags =
		MREMAP_MAYMOVE | MREMAP_FIXED | (stays ? MREMAP_DONTUNMAP : 0);
	size_t bytes = (size_t)nr * LOAD_PAGE;

	if (!nr)
		return;
	to = rng_below(&job->rng, window->pages - nr + 1);
	if (overlap(from, to, nr))
		return;
	job_note(job, stays ? "move, DONTUNMAP" : "move from",
		region_at(window, from), nr);
	job_note(job, "move to", region_at(window, to), nr);
	if (mremap(region_at(window, from), bytes, bytes, flags,
		    region_at(window, to)) == MAP_FAILED) {
		/* a range of several VMAs cannot be moved at once: that is
		 * found out when the new place was unmapped already */
		(void)munmap(region_at(window, to), bytes);
		region_mark(window, to, nr, MARK_UNMAPPED);
		return;
	}
	move_marks(window, from, to, nr, stays);
	region_check(job, window, to, nr);
	job_did(job, WORK_MOVED, nr);
}

/* The unmapped pages from @page on, 0 where it is mapped */
static uint32_t hole_at(const struct region *window, uint32_t page)
{
	uint32_t end = page;

	while (end < window->pages && window->mark[end].state == MARK_UNMAPPED)
		end++;
	return end - page;
}

/* What moves overwrote or left unmapped comes back as new memory. */
static void fill_holes(struct region *window)
{
	uint32_t page, nr;

	for (page = 0; page < window->pages; page += nr ? nr : 1) {
		nr = hole_at(window, page);
		if (nr && mmap(region_at(window, page), (size_t)nr * LOAD_PAGE,
				  PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				  0) != MAP_FAILED)
			region_mark(window, page, nr, MARK_ZERO);
	}
}

static void child_looks(struct job *job, void *arg)
{
	struct region *window = arg;

	for (uint32_t i = 0; i < 8; i++)
		move_run(job, window);
	region_check(job, window, 0, window->pages);
}

void stress_mremap_walk(struct job *job)
{
	struct region window;
	uint32_t nr, page;

	region_map_any(job, &window, WINDOW_PAGES);
	region_write(job, &window, 0, FIRST_PAGES);
	(void)walker_reclaim(job);
	(void)walker_migrate(job, &window);
	for (uint32_t round = 0; job_on(job); round++) {
		page = region_range(job, &window, 64, &nr);
		region_write(job, &window, page, nr);
		for (uint32_t i = 0; i < 8; i++)
			move_run(job, &window);
		if (round % 16 == 0) {
			pid_t pid = job_spawn(job, child_looks, &window);

			move_run(job, &window);
			job_wait(pid);
			region_check(job, &window, 0, window.pages);
		}
		if (round % 4 == 0)
			fill_holes(&window);
		job_did(job, WORK_OPS, 1);
	}
}
