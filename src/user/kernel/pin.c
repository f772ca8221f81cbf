// SPDX-License-Identifier: GPL-2.0-only
/*
 * References to pages: plain ones, as a pipe has them, and long-term pins, as
 * registered buffers of io_uring have them: who has one writes to the page, so
 * it must stay the one that its owner's page table maps, and nobody else's
 * (mm/gup.c; PageAnonExclusive in linux/page-flags.h). As both do, without a
 * lock first, where the page is mapped as it must be.
 */
#include <linux/mm.h>

#include "stubs.h"

static struct page *pinned[MODEL_PINS], *spliced[MODEL_PINS];
static unsigned int nr_pinned, nr_spliced;

/* All of @nr pages, or none */
static int keep(struct page **pages, long got, unsigned long nr)
{
	if (got == (long)nr && nr <= MODEL_PINS - nr_pinned) {
		memcpy(pinned + nr_pinned, pages, nr * sizeof(*pages));
		nr_pinned += nr;
		return 0;
	}
	if (got > 0)
		unpin_user_pages(pages, got);
	if (got == (long)nr)
		return -EMFILE;
	return got < 0 ? got : -EFAULT;
}

/* Up to @nr pages of @proc in @ret, which is good until the fiber's next call;
 * how many, or an error */
static long take(unsigned int proc, unsigned long addr, unsigned long nr,
	bool is_pin, struct page ***ret)
{
	/* calls of other fibers may come while this one is under way */
	static struct page *pages[MODEL_FIBERS][MODEL_PINS];

	*ret = pages[fiber_now];
	act_as(proc);
	if (is_pin)
		return pin_user_pages_fast(
			addr, nr, FOLL_WRITE | FOLL_LONGTERM, *ret);
	return get_user_pages_fast(addr, nr, 0, *ret);
}

int model_pin(unsigned int proc, unsigned long addr, unsigned long nr)
{
	struct page **pages;
	long got;
	int err;

	if (nr > MODEL_PINS)
		return -EMFILE;
	got = take(proc, addr, nr, true, &pages);
	err = keep(pages, got, nr);
	call_done("pin");
	return err;
}

void model_unpin(void)
{
	/* while these go another fiber may pin */
	static struct page *pages[MODEL_FIBERS][MODEL_PINS];
	unsigned int nr = nr_pinned;

	memcpy(pages[fiber_now], pinned, nr * sizeof(*pinned));
	nr_pinned = 0;
	unpin_user_pages(pages[fiber_now], nr);
	rcu_flush();
}

long model_splice(unsigned int proc, unsigned long addr, unsigned long nr)
{
	struct page **pages;
	long got = take(
		proc, addr, min(nr, (unsigned long)MODEL_PINS), false, &pages);

	for (long i = 0; i < got; i++) {
		if (nr_spliced < MODEL_PINS)
			spliced[nr_spliced++] = pages[i];
		else
			put_page(pages[i]);
	}
	call_done("vmsplice");
	return got;
}

void model_drain(void)
{
	while (nr_spliced)
		put_page(spliced[--nr_spliced]);
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
