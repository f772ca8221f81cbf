/* SPDX-License-Identifier: GPL-2.0-only */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "guest/guest.h"

#define ZRAM_BYTES (512u << 20)
#define PCI_PATH   "/sys/bus/pci/devices"
#define SLAB_PATH  "/sys/kernel/slab"

int setup_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		err = -errno;
	close(fd);
	return err;
}

uint64_t setup_slab_objects(const char *cache)
{
	unsigned long long value = 0;
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), SLAB_PATH "/%s/shrink", cache);
	if (setup_write(path, "1"))
		return 0;
	snprintf(path, sizeof(path), SLAB_PATH "/%s/objects", cache);
	file = fopen(path, "re");
	if (file && fscanf(file, "%llu", &value) != 1)
		value = 0;
	if (file)
		fclose(file);
	return value;
}

int setup_settings(const char *lines, size_t len, bool needed, struct why *why)
{
	char *copy = strndup(lines, len), *rest = copy, *line;
	int ret = 0;

	if (!copy)
		return why_set(why, -ENOMEM, "copy the settings");
	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, ' ');
		int err;

		if (!value)
			continue;
		*value++ = '\0';
		err = setup_write(line, value);
		if (err && !ret && (needed || err != -ENOENT))
			ret = why_set(why, err, "write '%.60s' to '%.120s'",
				value, line);
	}
	free(copy);
	return ret;
}

static const struct {
	const char *type, *path;
	bool optional;
} mounts[] = {
	{"proc", "/proc", false},
	{"sysfs", "/sys", false},
	{"devtmpfs", "/dev", false},
	{"tmpfs", "/tmp", false},
	{"debugfs", "/sys/kernel/debug", true},
	{"cgroup2", CGROUP_ROOT, true},
};

int setup_mounts(struct why *why)
{
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		(void)mkdir(mounts[i].path, 0755);
		if (!mount(mounts[i].type, mounts[i].path, mounts[i].type, 0,
			    NULL) ||
			errno == EBUSY || mounts[i].optional)
			continue;
		return why_set(why, -errno, "mount %s on '%s'", mounts[i].type,
			mounts[i].path);
	}
	return 0;
}

static bool pci_is(const char *device, const char *file, unsigned long want)
{
	char path[512], buf[16] = "";
	FILE *in;

	snprintf(path, sizeof(path), PCI_PATH "/%s/%s", device, file);
	in = fopen(path, "re");
	if (!in)
		return false;
	if (!fgets(buf, sizeof(buf), in))
		buf[0] = '\0';
	fclose(in);
	return strtoul(buf, NULL, 16) == want;
}

/* Maps the BAR of @device, which is inter-VM shared memory. */
static int bar_map(const char *device, size_t bytes, void **ret_map,
	int *ret_fd, struct why *why)
{
	char path[512];
	void *map;
	int fd;

	snprintf(path, sizeof(path), PCI_PATH "/%s/enable", device);
	(void)setup_write(path, "1");
	snprintf(path, sizeof(path), PCI_PATH "/%s/resource2", device);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return why_set(why, -errno, "open '%s'", path);
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		int err = -errno;

		close(fd);
		return why_set(why, err, "map '%s'", path);
	}
	*ret_map = map;
	*ret_fd = fd;
	return 0;
}

int setup_shared(size_t bytes, void **ret_map, int *ret_fd, struct why *why)
{
	char device[256] = "";
	DIR *dir = opendir(PCI_PATH);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (pci_is(entry->d_name, "vendor", 0x1af4) &&
			pci_is(entry->d_name, "device", 0x1110))
			snprintf(device, sizeof(device), "%.255s",
				entry->d_name);
	if (dir)
		closedir(dir);
	if (!device[0])
		return why_set(why, -ENODEV,
			"no ivshmem device: start QEMU with -device "
			"ivshmem-plain, the kernel with CONFIG_PCI");
	return bar_map(device, bytes, ret_map, ret_fd, why);
}

int setup_cgroup_root(struct why *why)
{
	int err = setup_write(CGROUP_ROOT "/cgroup.subtree_control", "+memory");

	(void)setup_write(CGROUP_ROOT "/cgroup.subtree_control", "+pids");
	/* without the controller there is no limit, but the tree still serves
	 * to end a program; without the tree nothing does */
	if (access(CGROUP_ROOT "/cgroup.procs", F_OK))
		return why_set(why, err ? err : -ENOENT,
			"no cgroup2 on " CGROUP_ROOT
			": the kernel needs CONFIG_CGROUPS");
	return 0;
}

/* include/linux/swap.h, union swap_header */
int setup_swap_format(const char *path, uint64_t bytes)
{
	uint8_t page[4096] = {0};
	uint32_t *info = (uint32_t *)(page + 1024);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	info[0] = 1;
	info[1] = (uint32_t)(bytes / sizeof(page)) - 1;
	memcpy(page + sizeof(page) - 10, "SWAPSPACE2", 10);
	if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page))
		err = -errno;
	close(fd);
	return err;
}

static void setup_swap(void)
{
	char size[16];

	snprintf(size, sizeof(size), "%u", ZRAM_BYTES);
	/* the cheapest to run; where it is not built the default stays */
	(void)setup_write("/sys/block/zram0/comp_algorithm", "lzo");
	if (setup_write("/sys/block/zram0/disksize", size) ||
		setup_swap_format(SWAP_PATH, ZRAM_BYTES))
		return;
	(void)swapon(SWAP_PATH, 0);
}

static const struct {
	const char *path, *value;
} tunables[] = {
	/* a program may map more than there is: its cgroup is the limit */
	{"/proc/sys/vm/overcommit_memory", "1"},
	/* every report is the end: nothing may run on after it */
	{"/proc/sys/kernel/panic_on_oops", "1"},
	{"/proc/sys/kernel/panic_on_warn", "1"},
	{"/proc/sys/kernel/panic", "-1"},
	{"/proc/sys/kernel/hung_task_panic", "1"},
	{"/proc/sys/kernel/softlockup_panic", "1"},
	{"/proc/sys/kernel/panic_on_rcu_stall", "1"},
	/* an actor that is killed by its own touch is no news */
	{"/proc/sys/debug/exception-trace", "0"},
	/* huge pages where a program asks: one that it did not ask for costs
	 * a clearing of 2 MiB */
	{"/sys/kernel/mm/transparent_hugepage/enabled", "madvise"},
	{"/sys/kernel/mm/transparent_hugepage/shmem_enabled", "advise"},
	/* and smaller ones where 2 MiB do not fit: folios that lie across the
	 * ends of VMAs and page tables, and are swapped without being split */
	{"/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled",
		"madvise"},
	/* ksmd sleeps while no process has MERGEABLE memory, so it may be
	 * quick: a program lives some ten milliseconds and it needs two passes
	 * to merge anything */
	{"/sys/kernel/mm/ksm/pages_to_scan", "256"},
	{"/sys/kernel/mm/ksm/sleep_millisecs", "5"},
	{"/sys/kernel/mm/ksm/run", "1"},
	{KHUGEPAGED_PATH "scan_sleep_millisecs", KHUGEPAGED_SLEEP},
};

void setup_tunables(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(tunables); i++)
		(void)setup_write(tunables[i].path, tunables[i].value);
	setup_swap();
}
