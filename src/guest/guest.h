/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest: from a bare kernel to a machine that a PID 1 of ours can use, and what
 * that machine can do. What must be there fails with its reason; what may be
 * absent is left out here and found missing by probe_caps().
 */
#ifndef RMAPTORTURE_GUEST_H
#define RMAPTORTURE_GUEST_H

#include "base/base.h"

#define CGROUP_ROOT	  "/sys/fs/cgroup"
#define SWAP_PATH	  "/dev/zram0"
#define MEM_PATH	  "/proc/self/mem"
#define SPLIT_PATH	  "/sys/kernel/debug/split_huge_pages"
#define COMPACT_PATH	  "/proc/sys/vm/compact_memory"
#define KSM_PATH	  "/sys/kernel/mm/ksm/full_scans"
#define FSCK_PATH	  "/sys/kernel/debug/rmap_fsck"
#define IDLE_PATH	  "/sys/kernel/mm/page_idle/bitmap"
#define DAMON_PATH	  "/sys/kernel/mm/damon/admin/kdamonds"
#define UNPOISON_PATH	  "/sys/kernel/debug/hwpoison/unpoison-pfn"
#define HUGETLB_POOL_PATH "/proc/sys/vm/nr_overcommit_hugepages"
#define KHUGEPAGED_PATH	  "/sys/kernel/mm/transparent_hugepage/khugepaged/"
/* Milliseconds between its rounds: it is woken where a program asks for it */
#define KHUGEPAGED_SLEEP "10000"

#ifndef PR_SET_MEMORY_MERGE /* Linux 6.4 */
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

/* setup.c. Each returns 0 or negative errno with @why */
int setup_mounts(struct why *why);
/** setup_shared() - map @bytes of the host's shared memory, read and write;
 *  @ret_fd is its PCI resource, open */
int setup_shared(size_t bytes, void **ret_map, int *ret_fd, struct why *why);
int setup_cgroup_root(struct why *why);
/** setup_tunables() - swap, THP, KSM, sysctls; what is absent stays absent */
void setup_tunables(void);
/** setup_holes() - places that compaction takes the pages of programs to; where
 *  there cannot be any, programs' pages mostly stay where they are */
void setup_holes(void);
/** setup_write() - write a string to a file; 0 or negative errno */
int setup_write(const char *path, const char *text);
/** setup_slab_objects() - objects in use of a cache, which is shrunk first: it
 *  keeps freed ones until then. 0 where SLUB does not tell.
 *  Source: Documentation/ABI/testing/sysfs-kernel-slab (v6.12) */
uint64_t setup_slab_objects(const char *cache);
/** setup_settings() - write each line of @lines, "PATH VALUE", to the file that
 *  it names. @lines is up to @len bytes that the host may change meanwhile,
 * with or without a NUL: they are copied first. All are tried; the first that
 * the kernel did not take is in @why and its error is returned. -ENOENT of a
 * file that is not there counts only with @needed */
int setup_settings(const char *lines, size_t len, bool needed, struct why *why);
/** setup_swap_format() - what mkswap(8) writes, for @bytes of the device
 *  @path. 0 or negative errno */
int setup_swap_format(const char *path, uint64_t bytes);

/** probe_caps() - what this kernel can do: bits of enum cap (prog/prog.h) */
uint32_t probe_caps(void);
/** probe_tsc_mhz() - ticks of the time stamp counter in a microsecond */
uint32_t probe_tsc_mhz(void);

#endif
