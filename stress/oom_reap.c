/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * oom_reap: processes die of the OOM killer and of process_mrelease(2), which
 * unmap their memory from outside, while they fork and while their folios are
 * walked. The victims have a group of their own; their deaths are no finding.
 * Wrong to see: a page of a survivor that was taken with the victim's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/guest.h"
#include "stress/stress.h"

#define PAGES	     256
#define VICTIM_PAGES 1536 /* of its group; it asks for twice as many */
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

static void group_path(const struct job *job, char ret[160])
{
	snprintf(ret, 160, "%.120s.victims", job->cgroup);
}

static int group_open(struct job *job)
{
	char path[160], file[192], text[32];

	group_path(job, path);
	(void)mkdir(path, 0700);
	snprintf(text, sizeof(text), "%u", VICTIM_PAGES * LOAD_PAGE);
	snprintf(file, sizeof(file), "%s/memory.max", path);
	(void)setup_write(file, text);
	snprintf(file, sizeof(file), "%s/memory.swap.max", path);
	(void)setup_write(file, "1048576");
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Some write what they share, some what is new, all more than there is. */
static void be_victim(struct job *job, struct region *region)
{
	struct region more;

	region_map(job, &more, 2 * VICTIM_PAGES, false);
	for (uint32_t page = 0; page < more.pages; page += 16) {
		if (rng_one_in(&job->rng, 32))
			(void)job_fork(job);
		region_write(job, &more, page, 16);
		region_write(job, region, page % region->pages, 1);
	}
}

static pid_t victim_start(struct job *job, int group, struct region *region)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)(uint32_t)group,
	};
	uint64_t seed = rng_next(&job->rng);
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid)
		return (pid_t)pid;
	job_born(job, seed);
	be_victim(job, region);
	_exit(0);
}

static void release(struct job *job, pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	usleep(rng_below(&job->rng, 60000));
	job_kill(job, pid);
	if (fd >= 0 && !syscall(SYS_process_mrelease, fd, 0))
		job_note(job, "process_mrelease", NULL, 0);
	if (fd >= 0)
		close(fd);
}

static void count_ooms(struct job *job, uint64_t *before)
{
	char path[160], file[192];
	uint64_t now;

	group_path(job, path);
	snprintf(file, sizeof(file), "%s/memory.events", path);
	now = sample_key(file, "oom_kill");
	if (now > *before)
		job_did(job, WORK_KILLED, now - *before);
	*before = now;
}

void stress_oom_reap(struct job *job)
{
	int group = group_open(job);
	struct region region;
	uint64_t ooms = 0;
	char path[160], file[192];

	if (group < 0)
		job_broken(job, "a group for victims: %s", strerror(errno));
	group_path(job, path);
	snprintf(file, sizeof(file), "%s/cgroup.kill", path);
	region_map(job, &region, PAGES, false);
	region_write(job, &region, 0, PAGES);
	(void)walker_reclaim(job);
	(void)walker_migrate(job, &region);
	while (job_on(job)) {
		pid_t pid = victim_start(job, group, &region);
		uint32_t nr, page = region_range(job, &region, 64, &nr);

		region_write(job, &region, page, nr);
		if (pid > 0 && rng_one_in(&job->rng, 2))
			release(job, pid);
		if (pid > 0)
			job_wait(pid);
		(void)setup_write(file, "1");
		region_check(job, &region, 0, PAGES);
		count_ooms(job, &ooms);
		job_did(job, WORK_OPS, 1);
	}
}
