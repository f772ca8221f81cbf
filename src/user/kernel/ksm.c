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

void ksm_start(void)
{
	zero_checksum = calc_checksum(ZERO_PAGE(0));
	if (ksm_slab_init())
		broken("no slab caches for KSM");
	ksm_run = KSM_RUN_MERGE;
}

void ksm_merge(void)
{
	mutex_lock(&ksm_thread_mutex);
	for (unsigned int i = 0; i < PASSES; i++)
		ksm_do_scan(UINT_MAX);
	mutex_unlock(&ksm_thread_mutex);
}

/* As `echo 2 >/sys/kernel/mm/ksm/run`, when everybody has exited. */
void ksm_end(void)
{
	mutex_lock(&ksm_thread_mutex);
	if (unmerge_and_remove_all_rmap_items())
		finding("KSM pages are not unmerged at exit", "-");
	mutex_unlock(&ksm_thread_mutex);
}
