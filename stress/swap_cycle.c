/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * swap_cycle: swap devices, one of zram and a part of the disk, come and go
 * while what is on them is read, written and forked; between them swap runs
 * out. swapoff brings every page back by walking all VMAs that may hold
 * anonymous pages. Wrong to see: a page that swapoff did not find, an old one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "guest/guest.h"
#include "stress/stress.h"

#define ZRAM_BYTES (24u << 20)
#define PAGES	   512
#define PRIORITY   (SWAP_FLAG_PREFER | 100) /* used before the first one */

struct device {
	char path[32];
	bool on;
};

/* One more zram device; the number of it comes from reading the file */
static bool zram_add(struct device *ret)
{
	FILE *file = fopen("/sys/class/zram-control/hot_add", "re");
	char path[64], size[16];
	int number = -1;

	if (file && fscanf(file, "%d", &number) != 1)
		number = -1;
	if (file)
		fclose(file);
	if (number < 0)
		return false;
	snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", number);
	snprintf(size, sizeof(size), "%u", ZRAM_BYTES);
	snprintf(ret->path, sizeof(ret->path), "/dev/zram%d", number);
	return !setup_write(path, size) &&
	       !setup_swap_format(ret->path, ZRAM_BYTES);
}

static void zram_remove(const struct device *device)
{
	(void)swapoff(device->path);
	(void)setup_write("/sys/class/zram-control/hot_remove",
		device->path + strlen("/dev/zram"));
}

static void turn(struct job *job, struct device *device)
{
	int err = device->on ? swapoff(device->path)
			     : swapon(device->path, PRIORITY);

	job_note(job, device->on ? "swapoff" : "swapon", NULL, 0);
	/* what cannot be brought back stays: -ENOMEM; -EINTR at the end */
	if (err)
		return;
	device->on = !device->on;
	job_did(job, WORK_SWITCHED, 1);
}

static void child_looks(struct job *job, void *arg)
{
	struct region *region = arg;
	uint32_t nr, page = region_range(job, region, 64, &nr);

	region_write(job, region, page, nr);
	region_check(job, region, 0, region->pages);
}

static void cycle(struct job *job, struct region *region, struct device *device,
	uint32_t nr_devices)
{
	pid_t pid;

	turn(job, &device[rng_below(&job->rng, nr_devices)]);
	job_reclaim(job, PAGES / 2);
	pid = job_spawn(job, child_looks, region);
	turn(job, &device[rng_below(&job->rng, nr_devices)]);
	child_looks(job, region);
	if (pid > 0)
		job_wait(pid);
	job_did(job, WORK_OPS, 1);
}

void stress_swap_cycle(struct job *job)
{
	struct device device[2] = {0};
	struct region region;
	uint32_t nr = 0;

	if (zram_add(&device[nr]))
		nr++;
	/* the disk has one swap area: it is the first job's */
	if (!job->index &&
		!setup_swap_format(DISK_SWAP, LOAD_DISK_SWAP_MIB << 20)) {
		snprintf(device[nr].path, sizeof(device[nr].path), DISK_SWAP);
		nr++;
	}
	if (!nr)
		job_broken(job, "no swap device could be made");
	region_map(job, &region, PAGES, false);
	region_write(job, &region, 0, region.pages);
	(void)walker_reclaim(job);
	while (job_on(job))
		cycle(job, &region, device, nr);
	for (uint32_t i = 0; i < nr; i++) {
		if (!strncmp(device[i].path, "/dev/zram", 9))
			zram_remove(&device[i]);
		else if (device[i].on)
			(void)swapoff(device[i].path);
	}
}
