/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What must hold when nothing runs. Frozen: all tasks stand still with their
 * mappings. Empty: all jobs are dead, and what they used is free again.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/guest.h"
#include "stress/stress.h"

#define BLOCKS 16 /* of memory that may be offline */
#define TRIES  50 /* until freed objects are really gone */
#define TRY_US 100000

static struct {
	const char *cache;
	uint64_t objects; /* before the first round */
} slabs[] = {{"anon_vma", 0}, {"anon_vma_chain", 0}, {"vm_area_struct", 0}};

/* A kernel that delays the anon_vmas of a process until it forks makes those
 * of PID 1 now, and not in the load. */
static void fork_once(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

void quiet_begin(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(slabs); i++)
		(void)setup_slab_objects(slabs[i].cache);
	fork_once();
	for (size_t i = 0; i < ARRAY_SIZE(slabs); i++)
		slabs[i].objects = setup_slab_objects(slabs[i].cache);
}

/* One that is on a CPU, or waits in the kernel, may hold what we would wait
 * for.
 */
static bool stands_still(const char *pid)
{
	char path[48], line[256] = "";
	const char *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	state = strrchr(line, ')');
	return state && state[1] == ' ' && state[2] == 'S';
}

/* Walks every mapping of @group's processes; what is wrong is a WARN, of which
 * the kernel dies. Returns whether there was time for all. */
static bool fsck_group(struct board *board, const char *group, uint64_t end_ns)
{
	char path[320], pid[24];
	FILE *procs;
	bool all = true;

	snprintf(path, sizeof(path), LOAD_GROUP "/%s/cgroup.procs", group);
	procs = fopen(path, "re");
	while (procs && all && fgets(pid, sizeof(pid), procs)) {
		pid[strcspn(pid, "\n")] = '\0';
		if (stands_still(pid) && !setup_write(FSCK_PATH, pid))
			board->checks++;
		__atomic_add_fetch(&board->beat, 1, __ATOMIC_RELAXED);
		all = now_ns() < end_ns;
	}
	if (procs)
		fclose(procs);
	return all;
}

void quiet_frozen(struct board *board, uint64_t end_ns)
{
	DIR *dir = opendir(LOAD_GROUP);
	struct dirent *entry;

	if (access(FSCK_PATH, W_OK)) {
		if (dir)
			closedir(dir);
		return;
	}
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
			!fsck_group(board, entry->d_name, end_ns))
			break;
	}
	if (dir)
		closedir(dir);
}

/* Frees wait for grace periods: only what stays is leaked. */
static void check_slab(struct board *board, const char *cache, uint64_t objects)
{
	char kind[64];
	uint64_t now = 0;

	for (uint32_t try = 0; try < TRIES; try++) {
		now = setup_slab_objects(cache);
		if (now <= objects)
			return;
		usleep(TRY_US);
		__atomic_add_fetch(&board->beat, 1, __ATOMIC_RELAXED);
	}
	snprintf(kind, sizeof(kind), "leaked %s", cache);
	board_found(board, BOARD_STRESSORS, kind,
		"%llu objects in use, %llu before the load, all of its "
		"processes are dead",
		(unsigned long long)now, (unsigned long long)objects);
}

static void swapoff_added(void)
{
	FILE *swaps = fopen("/proc/swaps", "re");
	char line[256], path[64];

	while (swaps && fgets(line, sizeof(line), swaps)) {
		if (sscanf(line, "%63s", path) == 1 && path[0] == '/' &&
			strcmp(path, "/dev/zram0"))
			(void)swapoff(path);
	}
	if (swaps)
		fclose(swaps);
}

void quiet_restore(void)
{
	char path[64];

	swapoff_added();
	(void)setup_write(DAMON_PATH "/0/state", "off");
	(void)setup_write(DAMON_PATH "/nr_kdamonds", "0");
	(void)setup_write(HUGETLB_POOL_PATH, "0");
	for (uint32_t i = 0; i < BLOCKS; i++) {
		snprintf(path, sizeof(path),
			"/sys/devices/system/memory/memory%u/state", i);
		(void)setup_write(path, "online");
	}
}

void quiet_empty(struct board *board)
{
	for (size_t i = 0; i < ARRAY_SIZE(slabs); i++)
		check_slab(board, slabs[i].cache, slabs[i].objects);
}
