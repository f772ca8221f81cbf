/* SPDX-License-Identifier: GPL-2.0-only */
#include <liburing.h>
#include <stdio.h>
#include <unistd.h>

#include "guest/guest.h"
#include "prog/prog.h"
#include "stress/stress.h"

static bool has_uring(void)
{
	struct io_uring ring;

	if (io_uring_queue_init(4, &ring, 0))
		return false;
	io_uring_queue_exit(&ring);
	return true;
}

static const struct {
	uint32_t cap;	   /* of enum cap, or 0 */
	const char *path;  /* must be there, or NULL */
	bool (*has)(void); /* must be true, or NULL */
	const char *lack;
} needs[NEED_NR] = {
	[NEED_MEMCG] = {CAP_MEMCG, NULL, NULL,
		"no memory.reclaim: the kernel needs CONFIG_MEMCG, 5.19"},
	[NEED_SWAP] = {CAP_SWAP, NULL, NULL,
		"no swap: CONFIG_SWAP and CONFIG_ZRAM"},
	[NEED_NUMA] = {CAP_NUMA, NULL, NULL,
		"one NUMA node: CONFIG_NUMA and CONFIG_ACPI_NUMA"},
	[NEED_THP] = {CAP_THP, NULL, NULL, "CONFIG_TRANSPARENT_HUGEPAGE"},
	[NEED_SPLIT] = {CAP_SPLIT, NULL, NULL,
		"no split_huge_pages: CONFIG_DEBUG_FS"},
	[NEED_KSM] = {CAP_KSM, NULL, NULL, "CONFIG_KSM"},
	[NEED_URING] = {0, NULL, has_uring, "CONFIG_IO_URING"},
	[NEED_UFFD_MOVE] = {CAP_UFFD_MOVE, NULL, NULL,
		"no UFFDIO_MOVE: CONFIG_USERFAULTFD, 6.8"},
	[NEED_DISK] = {0, DISK_DATA, NULL,
		"no disk: CONFIG_VIRTIO_BLK and CONFIG_MSDOS_PARTITION"},
	[NEED_ZRAM_ADD] = {0, "/sys/class/zram-control/hot_add", NULL,
		"no zram-control: CONFIG_ZRAM"},
	[NEED_HOTPLUG] = {0, "/sys/devices/system/memory/block_size_bytes",
		NULL, "CONFIG_MEMORY_HOTREMOVE"},
	[NEED_IDLE] = {0, IDLE_PATH, NULL, "CONFIG_IDLE_PAGE_TRACKING"},
	[NEED_HUGETLB] = {0, HUGETLB_POOL_PATH, NULL, "CONFIG_HUGETLB_PAGE"},
	[NEED_LAZY] = {0, LAZY_SWITCH, NULL,
		"no switch of lazy anon_vmas: only kernels with that series"},
	[NEED_PEER] = {0, PEER_DIR "/args", NULL, "no peer came along"},
};

static bool is_met(enum need need, uint32_t caps)
{
	if (needs[need].cap)
		return caps & needs[need].cap;
	if (needs[need].path)
		return !access(needs[need].path, F_OK);
	return needs[need].has();
}

const char *needs_lack(uint32_t mask, uint32_t caps)
{
	for (uint32_t i = 0; i < NEED_NR; i++) {
		if (mask >> i & 1 && !is_met(i, caps))
			return needs[i].lack;
	}
	return NULL;
}
