// SPDX-License-Identifier: GPL-2.0-only
/*
 * What mm/huge_memory.c and khugepaged.c, compiled as they are, need: sysfs,
 * debugfs and shrinkers to register with, and who calls what they registered.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched/signal.h>
#include <linux/shrinker.h>
#include <linux/swap.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>

#include "stubs.h"

int snprintf(char *to, size_t size, const char *format, ...);

/* static there, made global by vm-images/user/own.mk */
int hugepage_init(void);
int split_huge_pages_debugfs(void);

/* ---- sysfs: nothing is written ---- */

static struct kobject directory;

struct kobject *kobject_create_and_add(const char *name, struct kobject *parent)
{
	return &directory;
}

int kobject_init_and_add(struct kobject *object, const struct kobj_type *type,
	struct kobject *parent, const char *format, ...)
{
	return 0;
}

int sysfs_create_group(
	struct kobject *object, const struct attribute_group *group)
{
	return 0;
}

int sysfs_merge_group(
	struct kobject *object, const struct attribute_group *group)
{
	return 0;
}

struct pglist_data *first_online_pgdat(void)
{
	return NODE_DATA(0);
}

struct zone *next_zone(struct zone *zone)
{
	return NULL;
}

unsigned long nr_free_buffer_pages(void)
{
	return 0;
}

void setup_per_zone_wmarks(void)
{
}

/* ---- shrinkers ---- */

#define SHRINKERS_MAX 4
#define SCAN_AT_ONCE  128 /* SHRINK_BATCH */

static struct shrinker *shrinkers[SHRINKERS_MAX];
static unsigned int nr_shrinkers;

static void shrinker_add(struct shrinker *shrinker)
{
	if (nr_shrinkers == SHRINKERS_MAX)
		broken("more than %d shrinkers", SHRINKERS_MAX);
	shrinkers[nr_shrinkers++] = shrinker;
}

#ifdef HAVE_SHRINKER_ALLOC
struct shrinker *shrinker_alloc(unsigned int flags, const char *format, ...)
{
	static struct shrinker made[SHRINKERS_MAX];
	static unsigned int nr_made;

	return nr_made < SHRINKERS_MAX ? &made[nr_made++] : NULL;
}

void shrinker_register(struct shrinker *shrinker)
{
	shrinker_add(shrinker);
}
#else
int register_shrinker(struct shrinker *shrinker, const char *format, ...)
{
	shrinker_add(shrinker);
	return 0;
}
#endif

void huge_shrink(void)
{
	for (unsigned int i = 0; i < nr_shrinkers; i++) {
		struct shrink_control control = {
			.gfp_mask = GFP_KERNEL, .nr_to_scan = SCAN_AT_ONCE};

		if (shrinkers[i]->count_objects(shrinkers[i], &control))
			(void)shrinkers[i]->scan_objects(
				shrinkers[i], &control);
	}
}

/* ---- the file split_huge_pages ---- */

static const struct file_operations *split_file;

struct dentry *debugfs_create_file(const char *name, umode_t mode,
	struct dentry *parent, void *data, const struct file_operations *fops)
{
	if (!strcmp(name, "split_huge_pages"))
		split_file = fops;
	return NULL;
}

unsigned long _copy_from_user(
	void *to, const void __user *from, unsigned long n)
{
	memcpy(to, (const void __force *)from, n);
	return 0;
}

/* The only one that anybody asks for is who asks. */
#define ASKED_PID 2

struct task_struct *find_task_by_vpid(pid_t pid)
{
	return current;
}

struct task_struct *find_get_task_by_vpid(pid_t pid)
{
	return get_task_struct(current);
}

int model_split(unsigned int proc, unsigned long addr, unsigned long len,
	unsigned int order)
{
	loff_t position = 0;
	char text[96];
	ssize_t ret;
	int size;

	size = snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", ASKED_PID, addr,
		addr + len);
	if (order)
		size += snprintf(
			text + size, sizeof(text) - size, ",%u", order);
	act_as(proc);
	ret = split_file->write(
		NULL, (const char __user __force *)text, size, &position);
	call_done("split");
	return ret < 0 ? ret : 0;
}

int model_splits_to_orders(void)
{
#ifdef HAVE_SPLIT_TO_ORDER
	return 1;
#else
	return 0;
#endif
}

/* ---- splits that were put off ---- */

static struct list_head *queue_at(void)
{
	return &NODE_DATA(0)->deferred_split_queue.split_queue;
}

static struct list_head *place_in_queue(struct folio *folio)
{
#ifdef HAVE_DEFERRED_LIST
	return &folio->_deferred_list;
#else
	return page_deferred_list(&folio->page);
#endif
}

bool folio_is_queued(struct folio *folio)
{
	struct list_head *at;

	list_for_each(at, queue_at())
	{
		if (at == place_in_queue(folio))
			return true;
	}
	return false;
}

void huge_init(void)
{
	spin_lock_init(&NODE_DATA(0)->deferred_split_queue.split_queue_lock);
	INIT_LIST_HEAD(queue_at());
	if (hugepage_init() || split_huge_pages_debugfs() || !split_file)
		broken("transparent huge pages cannot be set up");
#ifdef HAVE_HUGE_ANON_ORDERS
	/* as the guest: where 2 MiB do not fit, 64 KiB */
	huge_anon_orders_madvise |= BIT(4);
#endif
}

void huge_check(void)
{
	huge_shrink(); /* the huge zero page */
	if (!list_empty(queue_at()) ||
		NODE_DATA(0)->deferred_split_queue.split_queue_len)
		finding("splits are still put off at exit", "%lu of them",
			NODE_DATA(0)->deferred_split_queue.split_queue_len);
}

/* ---- what else they call ---- */

#ifndef HAVE_SWAP_FREE_NR
int split_swap_cluster(swp_entry_t entry)
{
	return 0;
}
#endif
