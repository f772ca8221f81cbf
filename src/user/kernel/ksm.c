// SPDX-License-Identifier: GPL-2.0-only
/*
 * mm/ksm.c of the kernel under test, as it is, and a way in to what it does not
 * export. There is no ksmd: who asks for merging does its work.
 */
#include "mm/ksm.c"

#include "stubs.h"

#ifdef HAVE_PAGE_MAPPED
bool page_mapped(struct page *page)
{
	return folio_mapped(page_folio(page));
}
#endif

#define PASSES 2 /* the first only notes a page's checksum */

static bool has_merged; /* since ksm_end() */

bool ksm_has_merged(void)
{
	return has_merged;
}

void ksm_start(void)
{
	zero_checksum = calc_checksum(ZERO_PAGE(0));
	if (ksm_slab_init())
		broken("no slab caches for KSM");
	ksm_run = KSM_RUN_MERGE;
}

void ksm_merge(void)
{
	locked_excuse();
	has_merged = true;
	mutex_lock(&ksm_thread_mutex);
	for (unsigned int i = 0; i < PASSES; i++)
		ksm_do_scan(UINT_MAX);
	mutex_unlock(&ksm_thread_mutex);
}

/* ksmd's own allocations are not those of the call. */
void ksm_merge_apart(void)
{
	model_fail_nth(0, 0);
	ksm_merge();
}

void model_ksm(unsigned int proc)
{
	act_as(proc);
	ksm_merge();
	copies_dirty();
	call_done("ksm");
}

#ifdef HAVE_MERGE_ANY

int model_merge_any(unsigned int proc, int on)
{
	struct mm_struct *mm = process_mm[proc];
	int err;

	act_as(proc);
	mmap_write_lock(mm);
	err = on ? ksm_enable_merge_any(mm) : ksm_disable_merge_any(mm);
	mmap_write_unlock(mm);
	if (on)
		ksm_merge_apart();
	copies_dirty();
	call_done("merge_any");
	return err;
}

int model_has_merge_any(void)
{
	return true;
}

#else

int model_merge_any(unsigned int proc, int on)
{
	return -ENOSYS;
}

int model_has_merge_any(void)
{
	return false;
}

#endif

/* What ksmd has merged at that address, in the same process or in one of those
 * that the area is linked to, since they were one before a fork. */
bool ksm_knows(
	struct folio *folio, struct vm_area_struct *vma, unsigned long addr)
{
	struct ksm_stable_node *node = folio_stable_node(folio);
	struct ksm_rmap_item *item;
	struct anon_vma_chain *avc;

	if (!node)
		return false;
	hlist_for_each_entry(item, &node->hlist, hlist)
	{
		if ((item->address & PAGE_MASK) != addr)
			continue;
		list_for_each_entry(avc, &vma->anon_vma_chain, same_vma)
		{
			if (avc->anon_vma == item->anon_vma)
				return true;
		}
	}
	return false;
}

/* As `echo 2 >/sys/kernel/mm/ksm/run`, when everybody has exited. */
void ksm_end(void)
{
	has_merged = false;
	mutex_lock(&ksm_thread_mutex);
	if (unmerge_and_remove_all_rmap_items())
		finding("KSM pages are not unmerged at exit", "-");
	mutex_unlock(&ksm_thread_mutex);
}
