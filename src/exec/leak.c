/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * leak: what programs have left behind. While none runs, in any lane, the
 * objects of some caches are counted, and memory and swap of the lane's cgroup;
 * more of them than the last time, and they do not go, is a leak of a program
 * in between. Each lane compares with its own last count, so that of two lanes
 * the guilty one sees it too.
 *
 * The lock is flock(2) on a file: lanes share it while they run a program, and
 * one has it alone while it counts. Freed objects wait for grace periods and in
 * KASAN's quarantine, which shrinking a cache empties.
 * Source: mm/slub.c (v6.12).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/exec.h"

#define LOCK_PATH   "/tmp/quiet"
#define TRIES	    12 /* until an object that stays is leaked */
#define TRY_US	    5000
#define RECLAIM_ALL "64M"

static uint32_t swap_of(const struct lane *lane)
{
	return lane->guest->caps & CAP_SWAP_COUNT ? cgroup_swap(&lane->cgroup)
						  : 0;
}

static uint32_t count_of(const struct lane *lane, enum leak kind)
{
	switch (kind) {
	case LEAK_PAGES:
		return cgroup_pages(&lane->cgroup, lane->objects[kind]);
	case LEAK_SWAP:
		return swap_of(lane);
	default:
		return (uint32_t)setup_slab_objects(leak_name(kind));
	}
}

static void grace_period(void)
{
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static void lock(const struct lane *lane, int how)
{
	while (lane->quiet_fd >= 0 && flock(lane->quiet_fd, how) &&
		errno == EINTR)
		;
}

/* Counts until there are not more than before, or they stay. */
static uint32_t settled(struct lane *lane, enum leak kind)
{
	uint32_t now = count_of(lane, kind);

	for (uint32_t try = 1; now > lane->objects[kind] && try < TRIES;
		try++) {
		/* Pages that nobody maps any more keep their swap until
		 * reclaim meets them; what is on its way to the LRU is held by
		 * a CPU until then. */
		if (kind == LEAK_SWAP || kind == LEAK_PAGES)
			cgroup_reclaim(&lane->cgroup, RECLAIM_ALL);
		grace_period();
		usleep(try * TRY_US);
		now = count_of(lane, kind);
	}
	return now;
}

void leak_open(struct lane *lane)
{
	lane->quiet_fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

void leak_begin(struct lane *lane)
{
	if ((lane->flags & RUN_LEAK) && !lane->leak_known) {
		lock(lane, LOCK_EX);
		grace_period();
		for (enum leak kind = 0; kind < LEAK_KINDS; kind++)
			lane->objects[kind] = count_of(lane, kind);
		lane->leak_known = true;
	}
	lock(lane, LOCK_SH);
}

void leak_end(struct lane *lane)
{
	struct prog_result *result = lane->result;

	if ((lane->flags & RUN_LEAK) && !(result->flags & RESULT_STUCK)) {
		lock(lane, LOCK_EX);
		for (enum leak kind = 0; kind < LEAK_KINDS; kind++) {
			uint32_t before = lane->objects[kind];
			uint32_t now = settled(lane, kind);

			result->leaked[kind] = now > before ? now - before : 0;
			lane->objects[kind] = now;
		}
	}
	lock(lane, LOCK_UN);
}
