/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe: what this kernel can do, asked of the kernel. A row is a file that is
 * there, or a function that tries.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/guest.h"
#include "guest/kcov.h"
#include "guest/pagemap.h"
#include "guest/uffd.h"
#include "prog/prog.h"
#include "slot/slot.h"

#define PROBE_CGROUP CGROUP_ROOT "/probe"
#define SWAP_TRIES   8

static bool has_swap(void)
{
	char line[256];
	FILE *file = fopen("/proc/swaps", "re");
	int lines = 0;

	while (file && fgets(line, sizeof(line), file))
		lines++;
	if (file)
		fclose(file);
	return lines > 1; /* the first is the heading */
}

static bool has_two_nodes(void)
{
	char nodes[64] = "";
	FILE *file = fopen("/sys/devices/system/node/has_memory", "re");

	if (file && !fgets(nodes, sizeof(nodes), file))
		nodes[0] = '\0';
	if (file)
		fclose(file);
	return !strncmp(nodes, "0-", 2) || !strncmp(nodes, "0,", 2);
}

/* The file takes an order since 6.9, and ignores one before: asking it would
 * need a huge page and a look at its folios, so the release must do. */
static bool has_split_order(void)
{
	struct utsname uts;
	int major = 0, minor = 0;

	if (uname(&uts) || sscanf(uts.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 9);
}

static bool has_fail(void)
{
	return !access("/proc/self/fail-nth", F_OK) &&
	       !access("/sys/kernel/debug/failslab", F_OK) &&
	       !access("/sys/kernel/debug/fail_page_alloc", F_OK);
}

/* Is @mode there and, with @request, is that ioctl? */
static bool kcov_can(unsigned long mode, unsigned long request)
{
	bool can = false;
	int fd = open(KCOV_PATH, O_RDWR | O_CLOEXEC);
	void *area;

	if (fd < 0)
		return false;
	if (!ioctl(fd, KCOV_INIT_TRACE, SLOT_MAP_BYTES / 8)) {
		area = mmap(NULL, SLOT_MAP_BYTES, PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
		can = area != MAP_FAILED && !ioctl(fd, KCOV_ENABLE, mode);
		if (can) {
			can = !request || !ioctl(fd, request, 0);
			(void)ioctl(fd, KCOV_DISABLE, 0);
		}
		if (area != MAP_FAILED)
			munmap(area, SLOT_MAP_BYTES);
	}
	close(fd);
	return can;
}

static bool has_kcov(void)
{
	return kcov_can(KCOV_TRACE_PC, 0);
}

static bool has_kcov_map(void)
{
	return kcov_can(KCOV_TRACE_MAP, 0);
}

static bool has_kcov_stall(void)
{
	return kcov_can(KCOV_TRACE_PC, KCOV_STALL_DISARM);
}

static bool has_io_uring(void)
{
	struct io_uring_params params = {0};
	long fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd >= 0)
		close((int)fd);
	return fd >= 0;
}

static bool uffd_can(uint64_t feature)
{
	struct uffdio_api api = {.api = UFFD_API, .features = feature};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	bool has = fd >= 0 && !ioctl(fd, UFFDIO_API, &api);

	if (fd >= 0)
		close(fd);
	return has;
}

static bool has_uffd_move(void)
{
	return uffd_can(UFFD_FEATURE_MOVE);
}

static bool has_uffd_copy(void)
{
	return uffd_can(0);
}

static bool has_uffd_wp(void)
{
	return !access(PAGEMAP_PATH, R_OK) && uffd_can(UFFD_FEATURE_WP_ASYNC);
}

/* A page that has just been written has the bit; without CONFIG_MEM_SOFT_DIRTY
 * nothing has. */
static bool has_soft_dirty(void)
{
	static volatile char page;
	int fd = open(PAGEMAP_PATH, O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	ssize_t got;

	page = 1;
	got = pread(fd, &entry, sizeof(entry), PAGEMAP_AT((uintptr_t)&page));
	if (fd >= 0)
		close(fd);
	return got == sizeof(entry) && (entry & PAGEMAP_SOFT_DIRTY) &&
	       !access(CLEAR_REFS_PATH, W_OK);
}

/* Does a write by MEM_PATH go to a page that is not writable? It does not with
 * proc_mem.force_override=never, 6.12. */
static bool has_force(void)
{
	char *page = mmap(NULL, PROG_PAGE_SIZE, PROT_READ,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open(MEM_PATH, O_RDWR | O_CLOEXEC);
	bool has = fd >= 0 && page != MAP_FAILED &&
		   pwrite(fd, "1", 1, (off_t)(uintptr_t)page) == 1;

	if (fd >= 0)
		close(fd);
	if (page != MAP_FAILED)
		munmap(page, PROG_PAGE_SIZE);
	return has;
}

static bool has_merge_any(void)
{
	return prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) >= 0;
}

/* May ours be turned off, and on again? */
static bool has_swapoff(void)
{
	return !swapoff(SWAP_PATH) && !swapon(SWAP_PATH, 0);
}

/* bytes of swap that PROBE_CGROUP is charged for */
static uint64_t swap_charged(void)
{
	FILE *file = fopen(PROBE_CGROUP "/memory.swap.current", "re");
	uint64_t bytes = 0;

	if (file && fscanf(file, "%" SCNu64, &bytes) != 1)
		bytes = 0;
	if (file)
		fclose(file);
	return bytes;
}

/* A page goes to swap and is unmapped: was it charged, and is it no more? One
 * that is still in another CPU's batch is passed over. */
static bool swap_comes_back(void)
{
	if (setup_write(PROBE_CGROUP "/cgroup.procs", "0"))
		return false;
	for (int try = 0; try < SWAP_TRIES; try++) {
		char *page = mmap(NULL, PROG_PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		bool charged;

		if (page == MAP_FAILED)
			return false;
		*page = 1;
		charged = !madvise(page, PROG_PAGE_SIZE, MADV_PAGEOUT) &&
			  swap_charged();
		munmap(page, PROG_PAGE_SIZE);
		if (charged)
			return !swap_charged();
	}
	return false;
}

static bool has_swap_count(void)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(!swap_comes_back());
	return child > 0 && waitpid(child, &status, 0) == child && !status;
}

static const struct {
	uint32_t cap;
	const char *path; /* NULL: ask @has */
	bool (*has)(void);
} probes[] = {
	{CAP_KCOV, NULL, has_kcov},
	{CAP_KCOV_MAP, NULL, has_kcov_map},
	{CAP_KCOV_PRUNE, KCOV_PRUNE_PATH, NULL},
	{CAP_KCOV_STALL, NULL, has_kcov_stall},
	{CAP_NUMA, NULL, has_two_nodes},
	{CAP_SWAP, NULL, has_swap},
	{CAP_MEMCG, PROBE_CGROUP "/memory.reclaim", NULL},
	{CAP_THP, "/sys/kernel/mm/transparent_hugepage/enabled", NULL},
	{CAP_KSM, "/sys/kernel/mm/ksm/run", NULL},
	{CAP_SPLIT, SPLIT_PATH, NULL},
	{CAP_CGROUP_KILL, PROBE_CGROUP "/cgroup.kill", NULL},
	{CAP_SPLIT_ORDER, NULL, has_split_order},
	{CAP_FAIL, NULL, has_fail},
	{CAP_RMAP_FSCK, FSCK_PATH, NULL},
	{CAP_IO_URING, NULL, has_io_uring},
	{CAP_UFFD_MOVE, NULL, has_uffd_move},
	{CAP_UFFD_COPY, NULL, has_uffd_copy},
	{CAP_UFFD_WP, NULL, has_uffd_wp},
	{CAP_SOFT_DIRTY, NULL, has_soft_dirty},
	{CAP_SWAP_COUNT, NULL, has_swap_count},
	{CAP_COMPACT, COMPACT_PATH, NULL},
	{CAP_KHUGEPAGED, KHUGEPAGED_PATH "scan_sleep_millisecs", NULL},
	{CAP_SPAWN, "/proc/self/exe", NULL},
	{CAP_MERGE_ANY, NULL, has_merge_any},
	{CAP_SWAPOFF, NULL, has_swapoff},
	{CAP_FORCE, NULL, has_force},
};

uint32_t probe_caps(void)
{
	uint32_t caps = 0;

	(void)mkdir(PROBE_CGROUP, 0700);
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		if (probes[i].has ? probes[i].has()
				  : !access(probes[i].path, F_OK))
			caps |= probes[i].cap;
	(void)rmdir(PROBE_CGROUP);
	if (!(caps & CAP_SPLIT))
		caps &= ~(uint32_t)CAP_SPLIT_ORDER;
	return caps;
}

#define TSC_WINDOW_US 20000
#define TSC_TRIES     20

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/** struct instant - the clock was @us while the counter went from @before to
 *  @after: far, where the host did not let the vCPU run in between */
struct instant {
	uint64_t before, us, after;
};

static struct instant instant_now(void)
{
	struct instant now;

	now.before = __builtin_ia32_rdtsc();
	now.us = now_us();
	now.after = __builtin_ia32_rdtsc();
	return now;
}

uint32_t probe_tsc_mhz(void)
{
	uint64_t best = 1, spread = UINT64_MAX;

	for (int i = 0; i < TSC_TRIES && spread > best / 64; i++) {
		struct instant start = instant_now(), end;
		uint64_t us, low, high;

		do
			end = instant_now();
		while (end.us - start.us < TSC_WINDOW_US);
		us = end.us - start.us;
		low = (end.before - start.after) / us;
		high = (end.after - start.before) / us;
		if (high - low >= spread)
			continue;
		spread = high - low;
		best = high ? high : 1;
	}
	return (uint32_t)best;
}
