// SPDX-License-Identifier: GPL-2.0-only
/*
 * Long-term pins, as registered buffers of io_uring have them: who has one
 * writes to the page, so it must stay the one that its owner's page table maps,
 * and nobody else's (mm/gup.c; PageAnonExclusive in linux/page-flags.h).
 */
#include <linux/mm.h>

#include "stubs.h"

static struct page *pinned[MODEL_PINS];
static unsigned int nr_pinned;

static void drop(unsigned int to)
{
	while (nr_pinned > to)
		unpin_user_page(pinned[--nr_pinned]);
}

#ifndef HAVE_PIN_WITHOUT_VMAS
#define pin_user_pages(start, nr, flags, pages)                                \
	pin_user_pages(start, nr, flags, pages, NULL)
#endif

int model_pin(unsigned int proc, unsigned long addr, unsigned long nr)
{
	unsigned int first = nr_pinned;
	long got;

	if (nr > MODEL_PINS - nr_pinned)
		return -EMFILE;
	act_as(proc);
	mmap_read_lock(current->mm);
	got = pin_user_pages(
		addr, nr, FOLL_WRITE | FOLL_LONGTERM, pinned + nr_pinned);
	mmap_read_unlock(current->mm);
	if (got > 0)
		nr_pinned += got;
	if (got != (long)nr)
		drop(first);
	call_done("pin");
	return got == (long)nr ? 0 : got < 0 ? got : -EFAULT;
}

void model_unpin(void)
{
	drop(0);
	rcu_flush();
}

/* PMDs that map a folio share the mark of its first page. */
static bool is_exclusive(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (folio_test_large(folio) && folio_entire_mapcount(folio))
		return PageAnonExclusive(&folio->page);
	return atomic_read(&page->_mapcount) < 0 || PageAnonExclusive(page);
}

void pin_check(const char *op)
{
	for (unsigned int i = 0; i < nr_pinned; i++) {
		struct folio *folio = page_folio(pinned[i]);

		if (!folio_test_anon(folio) || folio_test_ksm(folio) ||
			is_exclusive(pinned[i]))
			continue;
		finding("pinned page is not exclusive", "after %s", op);
	}
}
