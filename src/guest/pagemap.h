/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pagemap: the kernel's interface: an entry of 8 bytes a page. Source:
 * fs/proc/task_mmu.c (v6.12), Documentation/admin-guide/mm/pagemap.rst.
 */
#ifndef RMAPTORTURE_GUEST_PAGEMAP_H
#define RMAPTORTURE_GUEST_PAGEMAP_H

#include "prog/prog.h"

#define PAGEMAP_PATH	   "/proc/self/pagemap"
#define PAGEMAP_AT(addr)   ((long)((addr) / PROG_PAGE_SIZE * sizeof(uint64_t)))
#define PAGEMAP_SOFT_DIRTY (1ull << 55)
#define PAGEMAP_UFFD_WP	   (1ull << 57)
#define PAGEMAP_PRESENT	   (1ull << 63)
#define PAGEMAP_FRAME	   ((1ull << 55) - 1) /* 0 for who may not know */

#define CLEAR_REFS_PATH	      "/proc/self/clear_refs"
#define CLEAR_REFS_SOFT_DIRTY "4"

#endif
