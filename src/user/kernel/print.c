// SPDX-License-Identifier: GPL-2.0-only
/* Messages of the kernel go to the log of the process, and are judged there. */
#include <linux/kern_levels.h>
#include <linux/mmdebug.h>
#include <linux/panic.h>
#include <linux/printk.h>

#include "stubs.h"

int _printk(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(format, args);
	va_end(args);
	return 0;
}

void __warn_printk(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(format, args);
	va_end(args);
}

void panic(const char *format, ...)
{
	finding("kernel panic", "%s", format);
}

#ifdef HAVE_CONST_DUMP_PAGE
#define DUMPED const struct page
#else
#define DUMPED struct page
#endif
void dump_page(DUMPED *page, const char *reason)
{
	printk("page: refcount %d, mapcount %d, mapping %#lx, index %#lx, "
	       "flags %#lx: %s\n",
		page_ref_count(page), atomic_read(&page->_mapcount) + 1,
		(unsigned long)page->mapping, page->index, page->flags, reason);
}

void dump_vma(const struct vm_area_struct *vma)
{
	printk("vma: %#lx-%#lx, pgoff %#lx, flags %#lx\n", vma->vm_start,
		vma->vm_end, vma->vm_pgoff, vma->vm_flags);
}

void dump_mm(const struct mm_struct *mm)
{
	printk("mm: %d vmas\n", mm->map_count);
}

void dump_stack(void)
{
}

int ___ratelimit(struct ratelimit_state *state, const char *function)
{
	return 1;
}

void add_taint(unsigned int flag, enum lockdep_ok lockdep_ok)
{
}
