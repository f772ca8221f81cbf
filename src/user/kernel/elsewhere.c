// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the compiled files call and what has no say in the reverse mapping:
 * files, events, security, the scheduler.
 */
#include <linux/aio.h>
#include <linux/blkdev.h>
#include <linux/capability.h>
#include <linux/cpuhotplug.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/nsproxy.h>
#include <linux/perf_event.h>
#include <linux/secretmem.h>
#include <linux/security.h>
#include <linux/swap.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>

#include "stubs.h"

/* ---- files: but for the one of file.c there are none ---- */

#ifndef get_file_rcu
struct file *get_file_rcu(struct file __rcu **file)
{
	return NULL;
}
#endif

#ifdef CONFIG_AIO
void exit_aio(struct mm_struct *mm)
{
}
#endif

#ifdef CONFIG_SECRETMEM
bool vma_is_secretmem(struct vm_area_struct *vma)
{
	return false;
}
#endif

/* ---- block devices ---- */

#ifdef CONFIG_BLOCK
void blk_start_plug(struct blk_plug *plug)
{
}

void blk_finish_plug(struct blk_plug *plug)
{
}
#endif

/* ---- events ---- */

void perf_event_mmap(struct vm_area_struct *vma)
{
}

void __perf_sw_event(u32 event_id, u64 nr, struct pt_regs *regs, u64 addr)
{
}

/* ---- security ---- */

int cap_mmap_addr(unsigned long addr)
{
	return 0;
}

int cap_vm_enough_memory(struct mm_struct *mm, long pages)
{
	return 1;
}

bool capable(int cap)
{
	return true;
}

/* ---- the clock, which stands still ---- */

unsigned long __msecs_to_jiffies(const unsigned int ms)
{
	return ms;
}

/* ---- the scheduler ---- */

void __init_waitqueue_head(struct wait_queue_head *head, const char *name,
	struct lock_class_key *key)
{
	INIT_LIST_HEAD(&head->head);
}

int __cpuhp_setup_state(enum cpuhp_state state, const char *name, bool invoke,
	int (*startup)(unsigned int cpu), int (*teardown)(unsigned int cpu),
	bool multi_instance)
{
	return 0;
}

int nsproxy_cache_init(void)
{
	return 0;
}

void mm_compute_batch(int overcommit_policy)
{
}

/* ---- parameters ---- */

bool sysfs_streq(const char *a, const char *b)
{
	size_t len = strcspn(a, "\n");

	return len == strcspn(b, "\n") && !strncmp(a, b, len);
}
