/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tree of forks over one region. Every process checks what it inherited,
 * writes some of it, and checks that it has what it wrote and nothing of its
 * relatives; parents end before children, children before parents, or killed.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stress/stress.h"

#define DEPTH_MAX  4
#define WIDTH_MAX  3
#define NODE_PAGES 24 /* that a process looks at or writes at once */

enum leave { LEAVE_LAST, LEAVE_FIRST, LEAVE_KILLED, LEAVE_UNMAPPING, LEAVES };

static void touch_some(struct job *job, struct region *region)
{
	uint32_t nr, page = region_range(job, region, NODE_PAGES, &nr);

	region_check(job, region, page, nr);
	page = region_range(job, region, NODE_PAGES, &nr);
	region_write(job, region, page, nr);
	job_note(job, "write", region_at(region, page), nr);
}

static void drop_some(struct job *job, struct region *region)
{
	uint32_t nr, page = region_range(job, region, NODE_PAGES, &nr);
	uint64_t start = now_ns();

	if (munmap(region_at(region, page), (size_t)nr * LOAD_PAGE))
		return;
	job_took(job, LATENCY_munmap, start);
	job_note(job, "munmap", region_at(region, page), nr);
	region_mark(region, page, nr, MARK_UNMAPPED);
}

/* Shares the parent's mm while that waits: what it writes is the parent's. */
static int vfork_child(void *arg)
{
	volatile uint8_t *byte = arg;

	*byte = *byte;
	return 0;
}

static void vfork_some(struct job *job, struct region *region)
{
	static uint8_t stack[16384] __attribute__((aligned(16)));
	uint32_t nr, page = region_range(job, region, 1, &nr);
	pid_t pid;

	if (region->mark[page].state == MARK_UNMAPPED)
		return;
	pid = clone(vfork_child, stack + sizeof(stack),
		CLONE_VM | CLONE_VFORK | SIGCHLD, region_at(region, page));
	if (pid > 0)
		job_wait(pid);
}

static void node_run(struct job *job, struct region *region, uint32_t depth);

static uint32_t node_children(struct job *job, struct region *region,
	uint32_t depth, pid_t pid[WIDTH_MAX])
{
	uint32_t width = depth ? rng_range(&job->rng, 1, WIDTH_MAX) : 0;
	uint32_t nr = 0;

	for (uint32_t i = 0; i < width && job_on(job); i++) {
		pid_t child = job_fork(job);

		if (!child) {
			node_run(job, region, depth - 1);
			_exit(0);
		}
		if (child > 0)
			pid[nr++] = child;
	}
	return nr;
}

static void node_run(struct job *job, struct region *region, uint32_t depth)
{
	enum leave leave = rng_below(&job->rng, LEAVES);
	pid_t pid[WIDTH_MAX];
	uint32_t nr;

	touch_some(job, region);
	if (rng_one_in(&job->rng, 4))
		drop_some(job, region);
	nr = node_children(job, region, depth, pid);
	touch_some(job, region);
	if (rng_one_in(&job->rng, 8))
		vfork_some(job, region);
	if (leave == LEAVE_FIRST)
		_exit(0);
	if (leave == LEAVE_UNMAPPING)
		region_unmap(job, region);
	for (uint32_t i = 0; i < nr; i++) {
		if (leave == LEAVE_KILLED && rng_one_in(&job->rng, 2))
			job_kill(job, pid[i]);
		job_wait(pid[i]);
	}
	if (leave == LEAVE_LAST)
		region_check(job, region, 0, region->pages);
}

/* Who outlives its parent is PID 1's child, and ends by itself. */
void tree_run(struct job *job, struct region *region)
{
	pid_t pid[WIDTH_MAX];
	uint32_t depth = rng_range(&job->rng, 1, DEPTH_MAX);
	uint32_t nr = node_children(job, region, depth, pid);

	touch_some(job, region);
	for (uint32_t i = 0; i < nr; i++)
		job_wait(pid[i]);
	job_did(job, WORK_OPS, 1);
}
