/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uring_pin: registered buffers are pinned while forks copy them, reclaim and
 * migration try to take them, and a huge folio under them is split; O_DIRECT
 * reads and writes of a disk go to them, and to buffers that are not pinned
 * before. Wrong to see: DMA that landed in another process's page, or a page
 * that came from the disk and is not what was written there.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "stress/stress.h"

#define CHUNK_PAGES 8
#define CHUNKS	    32
#define CHUNK_BYTES (CHUNK_PAGES * LOAD_PAGE)
#define FIXED	    16 /* chunks that are registered; the others are not */

struct pins {
	struct job *job;
	struct io_uring ring;
	struct region region;
	int disk;
	off_t base;				  /* of this job on the disk */
	struct mark stored[CHUNKS * CHUNK_PAGES]; /* what the disk holds */
};

static uint8_t *chunk_at(const struct pins *pins, uint32_t chunk)
{
	return region_at(&pins->region, chunk * CHUNK_PAGES);
}

static void pins_register(struct pins *pins)
{
	struct iovec iov[FIXED];
	int err;

	for (uint32_t i = 0; i < FIXED; i++)
		iov[i] = (struct iovec){chunk_at(pins, i), CHUNK_BYTES};
	err = io_uring_register_buffers(&pins->ring, iov, FIXED);
	if (err)
		job_broken(pins->job, "register buffers: %s", strerror(-err));
}

/* Chunk @chunk to or from place @place of the disk */
static void prep(struct pins *pins, bool out, uint32_t chunk, uint32_t place)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&pins->ring);
	off_t at = pins->base + (off_t)place * CHUNK_BYTES;
	uint8_t *from = chunk_at(pins, chunk);

	if (chunk < FIXED && out)
		io_uring_prep_write_fixed(sqe, pins->disk, from, CHUNK_BYTES,
			(uint64_t)at, (int)chunk);
	else if (chunk < FIXED)
		io_uring_prep_read_fixed(sqe, pins->disk, from, CHUNK_BYTES,
			(uint64_t)at, (int)chunk);
	else if (out)
		io_uring_prep_write(
			sqe, pins->disk, from, CHUNK_BYTES, (uint64_t)at);
	else
		io_uring_prep_read(
			sqe, pins->disk, from, CHUNK_BYTES, (uint64_t)at);
	if (rng_one_in(&pins->job->rng, 3))
		sqe->flags |= IOSQE_ASYNC;
	job_note(pins->job, out ? "DMA to disk" : "DMA from disk", from,
		CHUNK_PAGES);
}

static void await(struct pins *pins)
{
	struct io_uring_cqe *cqe;
	int err;

	do /* a pause freezes us: -EINTR */
		err = io_uring_wait_cqe(&pins->ring, &cqe);
	while (err == -EINTR);
	if (err)
		job_broken(pins->job, "wait for the ring: %s", strerror(-err));
	if (cqe->res != CHUNK_BYTES)
		job_broken(pins->job, "I/O of %d bytes gave %d", CHUNK_BYTES,
			cqe->res);
	io_uring_cqe_seen(&pins->ring, cqe);
	job_did(pins->job, WORK_REQUESTS, 1);
}

/* A copy of all: what comes by DMA from now on is not the child's. */
static void child_looks(struct job *job, void *arg)
{
	struct pins *pins = arg;
	uint32_t chunk = rng_below(&job->rng, CHUNKS);

	region_check(job, &pins->region, 0, pins->region.pages);
	region_write(job, &pins->region, chunk * CHUNK_PAGES, CHUNK_PAGES);
	usleep(rng_below(&job->rng, 3000));
	region_check(job, &pins->region, 0, pins->region.pages);
}

/* Sharers, and what a fork does to a pinned page, while DMA is under way.
 * Whoever is forked then has a chunk of unknown contents. */
static pid_t disturb(struct pins *pins, uint32_t busy)
{
	struct region *region = &pins->region;
	struct mark saved[CHUNK_PAGES],
		*marks = &region->mark[busy * CHUNK_PAGES];
	uint32_t other = rng_below(&pins->job->rng, CHUNKS);
	pid_t pid = 0;

	memcpy(saved, marks, sizeof(saved));
	region_mark(region, busy * CHUNK_PAGES, CHUNK_PAGES, MARK_UNMAPPED);
	if (rng_one_in(&pins->job->rng, 2))
		pid = job_spawn(pins->job, child_looks, pins);
	memcpy(marks, saved, sizeof(saved));
	(void)madvise(chunk_at(pins, other), CHUNK_BYTES, MADV_PAGEOUT);
	return pid;
}

static void store(struct pins *pins, uint32_t chunk, uint32_t place)
{
	uint32_t page = chunk * CHUNK_PAGES;
	pid_t pid;

	region_write(pins->job, &pins->region, page, CHUNK_PAGES);
	prep(pins, true, chunk, place);
	(void)io_uring_submit(&pins->ring);
	pid = disturb(pins, chunk);
	await(pins);
	memcpy(&pins->stored[place * CHUNK_PAGES], &pins->region.mark[page],
		CHUNK_PAGES * sizeof(struct mark));
	if (pid > 0)
		job_wait(pid);
}

static void load(struct pins *pins, uint32_t chunk, uint32_t place)
{
	uint32_t page = chunk * CHUNK_PAGES;
	pid_t pid;

	if (pins->stored[place * CHUNK_PAGES].state != MARK_DATA)
		return;
	prep(pins, false, chunk, place);
	(void)io_uring_submit(&pins->ring);
	pid = disturb(pins, chunk);
	await(pins);
	memcpy(&pins->region.mark[page], &pins->stored[place * CHUNK_PAGES],
		CHUNK_PAGES * sizeof(struct mark));
	region_check(pins->job, &pins->region, page, CHUNK_PAGES);
	if (pid > 0)
		job_wait(pid);
	region_check(pins->job, &pins->region, page, CHUNK_PAGES);
}

void stress_uring_pin(struct job *job)
{
	struct pins pins = {.job = job};
	int err;

	pins.disk = open(DISK_DATA, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (pins.disk < 0)
		job_broken(job, "open '" DISK_DATA "': %s", strerror(errno));
	pins.base = (off_t)job->index * CHUNKS * CHUNK_BYTES;
	err = io_uring_queue_init(8, &pins.ring, 0);
	if (err)
		job_broken(job, "io_uring_setup: %s", strerror(-err));
	region_map(job, &pins.region, CHUNKS * CHUNK_PAGES, true);
	(void)madvise(pins.region.base, CHUNKS * CHUNK_BYTES, MADV_HUGEPAGE);
	region_write(job, &pins.region, 0, pins.region.pages);
	pins_register(&pins);
	(void)walker_reclaim(job);
	(void)walker_migrate(job, &pins.region);
	for (uint32_t round = 1; job_on(job); round++) {
		uint32_t place = rng_below(&job->rng, CHUNKS);

		store(&pins, rng_below(&job->rng, CHUNKS), place);
		load(&pins, rng_below(&job->rng, CHUNKS),
			rng_one_in(&job->rng, 2)
				? place
				: rng_below(&job->rng, CHUNKS));
		if (round % 64 == 0) {
			(void)io_uring_unregister_buffers(&pins.ring);
			region_check(job, &pins.region, 0, pins.region.pages);
			pins_register(&pins);
		}
		job_did(job, WORK_OPS, 1);
	}
}
