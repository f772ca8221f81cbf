/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cgroup: the memory cgroup of a program. A new one for each adds a fifth to
 * the instructions of a short program, so a lane keeps its cgroup for a while:
 * no task is in it between two programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/exec.h"

#define CGROUP_PROGRAMS 256 /* after so many, a new one */

static const struct {
	const char *file, *value;
} limits[] = {
	{"memory.max", CGROUP_MEMORY_MAX},
	{"memory.swap.max", CGROUP_SWAP_MAX},
	{"memory.oom.group", "1"},
	{"pids.max", CGROUP_PIDS_MAX},
};

static int cgroup_open(const struct cgroup *cgroup, const char *file, int mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", cgroup->path, file);
	return open(path, mode | O_CLOEXEC);
}

static int cgroup_write(
	const struct cgroup *cgroup, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", cgroup->path, file);
	return setup_write(path, text);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void cgroup_drop(struct cgroup *cgroup)
{
	if (!cgroup->path[0])
		return;
	close_fd(&cgroup->dir_fd);
	close_fd(&cgroup->kill_fd);
	close_fd(&cgroup->reclaim_fd);
	close_fd(&cgroup->events_fd);
	/* fails while a task that would not die is in it: that is told */
	(void)rmdir(cgroup->path);
	cgroup->path[0] = '\0';
}

static int cgroup_make(struct cgroup *cgroup, struct why *why)
{
	if (mkdir(cgroup->path, 0700)) {
		int err = -errno;

		cgroup->path[0] = '\0';
		return why_set(why, err, "make a cgroup under " CGROUP_ROOT);
	}
	/* absent without their controller: then there is no limit */
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		(void)cgroup_write(cgroup, limits[i].file, limits[i].value);
	cgroup->dir_fd = open(cgroup->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cgroup->kill_fd = cgroup_open(cgroup, "cgroup.kill", O_WRONLY);
	cgroup->reclaim_fd = cgroup_open(cgroup, "memory.reclaim", O_WRONLY);
	cgroup->events_fd = cgroup_open(cgroup, "memory.events", O_RDONLY);
	cgroup->programs = 0;
	cgroup->oom_kills = 0;
	if (cgroup->dir_fd < 0)
		return why_set(why, -errno, "open '%s'", cgroup->path);
	return 0;
}

int cgroup_renew(struct cgroup *cgroup, uint32_t lane, struct why *why)
{
	uint32_t serial = cgroup->serial;
	int err;

	if (cgroup->path[0] && cgroup->programs++ < CGROUP_PROGRAMS)
		return 0;
	cgroup_drop(cgroup);
	cgroup->serial = serial + 1;
	snprintf(cgroup->path, sizeof(cgroup->path), CGROUP_ROOT "/l%u.%u",
		lane, serial);
	err = cgroup_make(cgroup, why);
	if (err)
		cgroup_drop(cgroup);
	return err;
}

/* A file from its start, as text; empty without it */
static void text_of(int fd, char *buf, size_t size)
{
	ssize_t len = pread(fd, buf, size - 1, 0);

	buf[len < 0 ? 0 : len] = '\0';
}

static void kill_by_pids(const struct cgroup *cgroup)
{
	int fd = cgroup_open(cgroup, "cgroup.procs", O_RDONLY);
	char buf[1024], *pid = buf, *end;

	text_of(fd, buf, sizeof(buf));
	close_fd(&fd);
	for (;;) {
		long nr = strtol(pid, &end, 10);

		if (end == pid)
			return;
		if (nr > 1)
			(void)kill((pid_t)nr, SIGKILL);
		pid = end;
	}
}

void cgroup_kill(const struct cgroup *cgroup)
{
	if (cgroup->kill_fd < 0 || write(cgroup->kill_fd, "1", 1) != 1)
		kill_by_pids(cgroup);
}

/* The number behind @field, which ends in a space; 0 without it */
static uint64_t field_value(const char *text, const char *field)
{
	const char *at = strstr(text, field);

	return at ? strtoull(at + strlen(field), NULL, 10) : 0;
}

static void cgroup_text(
	const struct cgroup *cgroup, const char *file, char *buf, size_t size)
{
	int fd = cgroup_open(cgroup, file, O_RDONLY);

	text_of(fd, buf, size);
	close_fd(&fd);
}

uint64_t cgroup_system_us(const struct cgroup *cgroup)
{
	char buf[512];

	cgroup_text(cgroup, "cpu.stat", buf, sizeof(buf));
	return field_value(buf, "system_usec ");
}

/* Memory of the kernel's own; false where it is not told (5.18). memory.stat
 * is as old as the last flush, which reading cpu.stat makes:
 * kernel/cgroup/rstat.c. */
static bool kernel_bytes(const struct cgroup *cgroup, uint64_t *ret)
{
	char buf[8192];

	cgroup_text(cgroup, "cpu.stat", buf, sizeof(buf));
	cgroup_text(cgroup, "memory.stat", buf, sizeof(buf));
	*ret = field_value(buf, "\nkernel ");
	return strstr(buf, "\nkernel ");
}

/* memory_high_write() drains what CPUs keep, and reclaims, and kills nobody:
 * mm/memcontrol.c. */
uint32_t cgroup_pages(const struct cgroup *cgroup, uint32_t known)
{
	uint64_t kernel, all;
	char text[32];

	if (!cgroup->path[0] || !kernel_bytes(cgroup, &kernel))
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64,
		kernel + (uint64_t)known * PROG_PAGE_SIZE);
	(void)cgroup_write(cgroup, "memory.high", text);
	(void)cgroup_write(cgroup, "memory.high", "max");
	cgroup_text(cgroup, "memory.current", text, sizeof(text));
	all = strtoull(text, NULL, 10);
	if (!kernel_bytes(cgroup, &kernel) || all <= kernel)
		return 0;
	return (uint32_t)((all - kernel) / PROG_PAGE_SIZE);
}

void cgroup_reclaim(const struct cgroup *cgroup, const char *bytes)
{
	(void)cgroup_write(cgroup, "memory.reclaim", bytes);
}

uint32_t cgroup_swap(const struct cgroup *cgroup)
{
	char text[32] = "";

	if (cgroup->path[0])
		cgroup_text(cgroup, "memory.swap.current", text, sizeof(text));
	return (uint32_t)(strtoull(text, NULL, 10) / PROG_PAGE_SIZE);
}

bool cgroup_oomed(struct cgroup *cgroup)
{
	uint64_t before = cgroup->oom_kills, kills;
	char buf[512];

	text_of(cgroup->events_fd, buf, sizeof(buf));
	kills = field_value(buf, "oom_kill ");
	if (kills)
		cgroup->oom_kills = kills;
	return cgroup->oom_kills != before;
}
