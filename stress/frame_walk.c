/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frame_walk: who begins with a page frame and asks the reverse mapping who has
 * it, mostly without the folio's lock: page_idle, DAMON, kpageflags, and
 * memory_failure() of a frame that is given up. Meanwhile the folios are
 * forked, written, migrated and reclaimed. Wrong to see: an access that
 * page_idle does not see, a page that was lost beside the one given up.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/guest.h"
#include "stress/stress.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif

#define PAGES	     128
#define LOOK_MAX     32 /* pages of one look */
#define BROOD	     3
#define FLAGS_AROUND 64 /* frames of one read of kpageflags */
#define DAMON_FROM   "16777216"
#define DAMON_TO     "1073741824"

struct frames {
	struct region region;
	uint32_t lost; /* the page whose frame is given up: nobody touches it */
	int idle, flags, count;
};

static void idle_set(const struct frames *frames, uint64_t frame)
{
	uint64_t bits = 1ull << (frame % 64);

	(void)!pwrite(frames->idle, &bits, 8, (off_t)(frame / 64 * 8));
}

static bool idle_get(const struct frames *frames, uint64_t frame)
{
	uint64_t bits = 0;

	return pread(frames->idle, &bits, 8, (off_t)(frame / 64 * 8)) == 8 &&
	       (bits >> frame % 64 & 1);
}

/* Who looks for the accessed bit of a PTE does not flush the TLB, which need
 * not write it again: only behind a flush an access is seen for sure. */
static void tlb_flush(const struct region *region, uint32_t page, uint32_t nr)
{
	size_t bytes = (size_t)nr * LOAD_PAGE;

	(void)mprotect(region_at(region, page), bytes, PROT_NONE);
	(void)mprotect(region_at(region, page), bytes, PROT_READ | PROT_WRITE);
}

/* Is @frame called idle behind an access to @page, and the page still there? A
 * migration that came to nothing may hide it for once. */
static bool access_is_unseen(
	struct job *job, struct frames *frames, uint32_t page, uint64_t frame)
{
	for (int n = 0; n < 4; n++) {
		tlb_flush(&frames->region, page, 1);
		region_check(job, &frames->region, page, 1);
		if (!idle_get(frames, frame) ||
			job_frame(region_at(&frames->region, page)) != frame)
			return false;
	}
	return true;
}

static void look_idle(struct job *job, struct frames *frames)
{
	uint64_t frame[LOOK_MAX];
	uint32_t nr, page = region_range(job, &frames->region, LOOK_MAX, &nr);

	job_note(job, "set idle", region_at(&frames->region, page), nr);
	for (uint32_t i = 0; i < nr; i++) {
		frame[i] = job_frame(region_at(&frames->region, page + i));
		if (frame[i])
			idle_set(frames, frame[i]);
	}
	for (uint32_t i = 0; i < nr; i++) {
		if (!frame[i] || !idle_get(frames, frame[i]))
			continue;
		job_did(job, WORK_IDLE, 1);
		if (access_is_unseen(job, frames, page + i, frame[i]))
			job_found(job, "unseen access",
				region_at(&frames->region, page + i),
				"frame 0x%llx is idle behind an access to it",
				(unsigned long long)frame[i]);
	}
}

static void look_flags(struct job *job, struct frames *frames)
{
	uint64_t values[FLAGS_AROUND];
	uint32_t page = rng_below(&job->rng, PAGES);
	uint64_t frame = job_frame(region_at(&frames->region, page));
	off_t at = (off_t)(frame / FLAGS_AROUND * sizeof(values));

	(void)!pread(frames->flags, values, sizeof(values), at);
	(void)!pread(frames->count, values, sizeof(values), at);
}

static void give_up(struct job *job, void *arg)
{
	const struct frames *frames = arg;

	/* it is told so, in the end */
	(void)signal(SIGBUS, SIG_DFL);
	job_note(job, "give up", region_at(&frames->region, frames->lost), 1);
	(void)madvise(region_at(&frames->region, frames->lost), LOAD_PAGE,
		MADV_HWPOISON);
}

static void lose(struct job *job, struct frames *frames, pid_t *brood)
{
	uint8_t *at = region_at(&frames->region, frames->lost);
	char text[24];
	uint64_t frame;
	pid_t pid;

	/* it may be in swap */
	region_check(job, &frames->region, frames->lost, 1);
	frame = job_frame(at);
	pid = frame ? job_spawn(job, give_up, frames) : 0;
	if (pid > 0)
		job_wait(pid);
	(void)madvise(at, LOAD_PAGE, MADV_DONTNEED);
	region_mark(&frames->region, frames->lost, 1, MARK_ZERO);
	for (uint32_t i = 0; i < BROOD; i++) {
		if (brood[i] > 0)
			job_wait(brood[i]);
		brood[i] = 0;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)frame);
	if (pid > 0 && !setup_write(UNPOISON_PATH, text))
		job_did(job, WORK_SWITCHED, 1);
}

/* All pages but the one that is to be lost */
static void look_around(struct job *job, struct frames *frames, bool writes)
{
	uint32_t nr, page = region_range(job, &frames->region, LOOK_MAX, &nr);

	for (uint32_t i = page; i < page + nr; i++) {
		if (i == frames->lost)
			continue;
		region_check(job, &frames->region, i, 1);
		if (writes)
			region_write(job, &frames->region, i, 1);
	}
}

static void child_lives(struct job *job, void *arg)
{
	struct frames *frames = arg;

	look_around(job, frames, rng_one_in(&job->rng, 2));
	usleep(rng_below(&job->rng, 10000));
	look_around(job, frames, false);
}

/* DAMON of physical addresses: a thread of the kernel that looks at some page
 * of each of its regions every 5 ms */
static void damon_start(void)
{
	static const char lines[] = DAMON_PATH
		"/nr_kdamonds 1\n" DAMON_PATH
		"/0/contexts/nr_contexts 1\n" DAMON_PATH
		"/0/contexts/0/operations paddr\n" DAMON_PATH
		"/0/contexts/0/targets/nr_targets 1\n" DAMON_PATH
		"/0/contexts/0/targets/0/regions/nr_regions 1\n" DAMON_PATH
		"/0/contexts/0/targets/0/regions/0/start " DAMON_FROM
		"\n" DAMON_PATH
		"/0/contexts/0/targets/0/regions/0/end " DAMON_TO
		"\n" DAMON_PATH "/0/state on\n";
	struct why why;

	(void)setup_settings(lines, sizeof(lines) - 1, false, &why);
}

static void brood_look(struct job *job, struct frames *frames)
{
	pid_t brood[BROOD];

	frames->lost = rng_below(&job->rng, PAGES);
	region_check(job, &frames->region, frames->lost, 1);
	for (uint32_t i = 0; i < BROOD; i++)
		brood[i] = job_spawn(job, child_lives, frames);
	for (int i = 0; i < 4 && job_on(job); i++) {
		look_idle(job, frames);
		look_flags(job, frames);
		look_around(job, frames, true);
	}
	lose(job, frames, brood);
}

void stress_frame_walk(struct job *job)
{
	static struct frames frames;

	frames.idle = open(IDLE_PATH, O_RDWR | O_CLOEXEC);
	frames.flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	frames.count = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC);
	region_map(job, &frames.region, PAGES, false);
	region_write(job, &frames.region, 0, PAGES);
	if (!job->index)
		damon_start();
	(void)walker_reclaim(job);
	(void)walker_migrate(job, &frames.region);
	while (job_on(job)) {
		uint32_t nr, page = region_range(job, &frames.region, 32, &nr);

		brood_look(job, &frames);
		region_write(job, &frames.region, page, nr);
		region_check(job, &frames.region, 0, PAGES);
		job_did(job, WORK_OPS, 1);
	}
}
