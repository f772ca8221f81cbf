/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uring_reclaim: a full ring of madvise and of writes to memory.reclaim, run by
 * io-wq workers and by SQPOLL, linked and cancelled, against a writer of the
 * same mm; and rings whose process ends with all in flight. Wrong to see: a
 * write that an advice undid, contents after DONTNEED, a request that lives on
 * in a dead mm.
 */
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stress/stress.h"

#define DEPTH	    64
#define CHUNK_PAGES 8
#define STEADY	    24 /* chunks whose contents every advice must keep */
#define HANDED	    16 /* chunks that are handed to the ring, then renewed */
#define HANDED_BASE 1  /* user_data of the first of them; 0: no chunk */

struct rings {
	struct job *job;
	struct io_uring ring;
	struct region region;
	int advice[HANDED]; /* what is in flight for it, 0: nothing */
};

static uint8_t *chunk_at(const struct rings *rings, uint32_t chunk)
{
	return region_at(&rings->region, chunk * CHUNK_PAGES);
}

/* liburing 2.3 gives the length 32 bits: chunks are small */
static void prep_advice(struct rings *rings, struct io_uring_sqe *sqe,
	uint32_t chunk, int advice)
{
	io_uring_prep_madvise(
		sqe, chunk_at(rings, chunk), CHUNK_PAGES * LOAD_PAGE, advice);
	io_uring_sqe_set_data64(sqe, 0);
}

static void prep_steady(struct rings *rings, struct io_uring_sqe *sqe)
{
	static const int advice[] = {
		MADV_PAGEOUT, MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED};
	struct rng *rng = &rings->job->rng;

	prep_advice(rings, sqe, rng_below(rng, STEADY),
		advice[rng_below(rng, ARRAY_SIZE(advice))]);
}

static void prep_handed(struct rings *rings, struct io_uring_sqe *sqe)
{
	struct rng *rng = &rings->job->rng;
	uint32_t i = rng_below(rng, HANDED);

	if (rings->advice[i]) {
		prep_steady(rings, sqe);
		return;
	}
	rings->advice[i] = rng_one_in(rng, 2) ? MADV_DONTNEED : MADV_FREE;
	prep_advice(rings, sqe, STEADY + i, rings->advice[i]);
	io_uring_sqe_set_data64(sqe, HANDED_BASE + i);
	job_note(rings->job,
		rings->advice[i] == MADV_FREE ? "ring FREE" : "ring DONTNEED",
		chunk_at(rings, STEADY + i), CHUNK_PAGES);
}

static void prep_reclaim(struct rings *rings, struct io_uring_sqe *sqe)
{
	static const char bytes[] = "65536";

	io_uring_prep_write(
		sqe, rings->job->reclaim_fd, bytes, sizeof(bytes) - 1, 0);
	io_uring_sqe_set_data64(sqe, 0);
}

static void prep_cancel(struct rings *rings, struct io_uring_sqe *sqe)
{
	io_uring_prep_cancel64(
		sqe, HANDED_BASE + rng_below(&rings->job->rng, HANDED), 0);
	io_uring_sqe_set_data64(sqe, 0);
}

static void prep_any(struct rings *rings, struct io_uring_sqe *sqe)
{
	struct rng *rng = &rings->job->rng;
	uint32_t what = rng_below(rng, 16);

	if (what < 7)
		prep_steady(rings, sqe);
	else if (what < 12)
		prep_handed(rings, sqe);
	else if (what < 15)
		prep_reclaim(rings, sqe);
	else
		prep_cancel(rings, sqe);
	if (rng_one_in(rng, 2))
		sqe->flags |= IOSQE_ASYNC;
	if (rng_one_in(rng, 4))
		sqe->flags |= IOSQE_IO_LINK;
}

static void fill(struct rings *rings)
{
	struct io_uring_sqe *sqe;

	while ((sqe = io_uring_get_sqe(&rings->ring)))
		prep_any(rings, sqe);
	(void)io_uring_submit(&rings->ring);
}

/* The chunk is ours again: what may it hold now? */
static void take_back(struct rings *rings, uint32_t i, int res)
{
	uint32_t page = (STEADY + i) * CHUNK_PAGES;
	int advice = rings->advice[i];

	rings->advice[i] = 0;
	if (res == -ECANCELED)
		return; /* never begun */
	for (uint32_t p = page; p < page + CHUNK_PAGES; p++) {
		struct mark *mark = &rings->region.mark[p];

		if (!res && advice == MADV_DONTNEED)
			mark->state = MARK_ZERO;
		else if (mark->state == MARK_DATA)
			mark->state = MARK_EITHER;
	}
	region_check(rings->job, &rings->region, page, CHUNK_PAGES);
	region_write(rings->job, &rings->region, page, CHUNK_PAGES);
}

static uint32_t reap(struct rings *rings)
{
	struct io_uring_cqe *cqe;
	uint32_t nr = 0;

	while (!io_uring_peek_cqe(&rings->ring, &cqe)) {
		uint64_t data = io_uring_cqe_get_data64(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&rings->ring, cqe);
		if (data)
			take_back(rings, (uint32_t)data - HANDED_BASE, res);
		nr++;
	}
	job_did(rings->job, WORK_REQUESTS, nr);
	return nr;
}

static void write_steady(struct rings *rings)
{
	uint32_t nr = CHUNK_PAGES;
	uint32_t page =
		rng_below(&rings->job->rng, STEADY * CHUNK_PAGES - nr + 1);

	region_check(rings->job, &rings->region, page, nr);
	region_write(rings->job, &rings->region, page, nr);
}

static void ring_open(struct rings *rings)
{
	struct io_uring_params params = {0};
	int err;

	if (rng_one_in(&rings->job->rng, 4)) {
		params.flags = IORING_SETUP_SQPOLL;
		params.sq_thread_idle = 20;
	}
	err = io_uring_queue_init_params(DEPTH, &rings->ring, &params);
	if (err)
		job_broken(rings->job, "io_uring_setup: %s", strerror(-err));
}

/* Ends with requests in flight: on purpose nothing is waited for. */
static void abandon(struct job *job, void *arg)
{
	struct rings rings = *(struct rings *)arg;

	rings.job = job;
	memset(rings.advice, 0, sizeof(rings.advice));
	ring_open(&rings);
	fill(&rings);
	if (rng_one_in(&job->rng, 2))
		_exit(0);
	(void)reap(&rings);
	(void)munmap(rings.region.base, LOAD_PAGE * CHUNK_PAGES);
}

/* However long it takes: what never comes back is killed with us. */
static void drain(struct rings *rings)
{
	bool busy = true;

	while (busy) {
		busy = false;
		for (uint32_t i = 0; i < HANDED; i++)
			busy |= rings->advice[i] != 0;
		if (busy && !reap(rings))
			usleep(1000);
	}
}

/* A ring for a while; then all is checked, and another is opened. */
static void one_ring(struct rings *rings)
{
	struct job *job = rings->job;

	ring_open(rings);
	for (uint32_t i = 0; i < 24 && job_on(job); i++) {
		fill(rings);
		write_steady(rings);
		(void)reap(rings);
		if (i % 8 == 0)
			job_wait(job_spawn(job, abandon, rings));
		job_did(job, WORK_OPS, 1);
	}
	drain(rings);
	region_check(job, &rings->region, 0, rings->region.pages);
	io_uring_queue_exit(&rings->ring);
}

void stress_uring_reclaim(struct job *job)
{
	struct rings rings = {.job = job};

	region_map(job, &rings.region, (STEADY + HANDED) * CHUNK_PAGES, false);
	region_write(job, &rings.region, 0, rings.region.pages);
	(void)walker_migrate(job, &rings.region);
	while (job_on(job))
		one_ring(&rings);
}
