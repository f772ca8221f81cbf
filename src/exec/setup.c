/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * setup: from a bare kernel to a machine that programs can run on. What must
 * be there fails with its reason; what may be absent is left out here and
 * found missing by probe.c.
 */
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

#include "exec/exec.h"

#define ZRAM_BYTES (512u << 20)
#define FILE_PATH  "/tmp/stamps"
#define PCI_PATH   "/sys/bus/pci/devices"

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
static int slot_map(struct guest *guest, const char *device, struct why *why)
{
	char path[512];
	void *map;

	snprintf(path, sizeof(path), PCI_PATH "/%s/enable", device);
	(void)setup_write(path, "1");
	snprintf(path, sizeof(path), PCI_PATH "/%s/resource2", device);
	guest->slot_fd = open(path, O_RDWR | O_CLOEXEC);
	if (guest->slot_fd < 0)
		return why_set(why, -errno, "open '%s'", path);
	map = mmap(NULL, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		guest->slot_fd, 0);
	if (map == MAP_FAILED)
		return why_set(why, -errno, "map '%s'", path);
	guest->slot = map;
	return 0;
}

int setup_slot(struct guest *guest, struct why *why)
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
	return slot_map(guest, device, why);
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

int setup_file(struct guest *guest, struct why *why)
{
	uint64_t page[PROG_PAGE_SIZE / sizeof(uint64_t)] = {0};
	int fd = open(FILE_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return why_set(why, -errno, "open '" FILE_PATH "'");
	for (uint32_t i = 0; i < PROG_SLOT_PAGES; i++) {
		page[0] = page[2048 / 8] = page[4088 / 8] = prog_file_stamp(i);
		if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page)) {
			int err = errno ? -errno : -EIO;

			close(fd);
			return why_set(why, err, "write '" FILE_PATH "'");
		}
	}
	guest->file_fd = fd;
	return 0;
}

/* What mkswap(8) writes: include/linux/swap.h, union swap_header. */
static int swap_format(const char *path)
{
	uint8_t page[4096] = {0};
	uint32_t *info = (uint32_t *)(page + 1024);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	info[0] = 1;
	info[1] = ZRAM_BYTES / sizeof(page) - 1;
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
		swap_format("/dev/zram0"))
		return;
	(void)swapon("/dev/zram0", 0);
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
	/* ksmd sleeps while no process has MERGEABLE memory, so it may be
	 * quick: a program lives some ten milliseconds and it needs two passes
	 * to merge anything */
	{"/sys/kernel/mm/ksm/pages_to_scan", "256"},
	{"/sys/kernel/mm/ksm/sleep_millisecs", "5"},
	{"/sys/kernel/mm/ksm/run", "1"},
};

void setup_tunables(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(tunables); i++)
		(void)setup_write(tunables[i].path, tunables[i].value);
	setup_swap();
}
