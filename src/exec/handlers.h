/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handlers: what the files share that make calls. A handler makes one of its
 * kind, and returns the call's value or a negative errno.
 */
#ifndef RMAPTORTURE_EXEC_HANDLERS_H
#define RMAPTORTURE_EXEC_HANDLERS_H

#include "exec/exec.h"

/** struct making - call @index of the program, while its actor makes it */
struct making {
	const struct actor *actor;
	const struct call *call;
	uint32_t index;
	struct call_result *result;
};

static inline uint64_t range_addr(const struct range *range)
{
	return prog_addr(range->slot, range->page);
}

static inline uint64_t range_len(const struct range *range)
{
	return (uint64_t)range->pages * PROG_PAGE_SIZE;
}

/* handlers_pages.c. Each returns how many pages it came to; or a negative
 * errno, and then @m->result->ret has how many it came to before */
/** run_touch() - stamps, by stores */
long run_touch(const struct making *m);
/** run_poke() - stamps, as a debugger writes */
long run_poke(const struct making *m);
/** run_uffd_copy() - pages with stamps, by UFFDIO_COPY */
long run_uffd_copy(const struct making *m);
/** run_expect() - what the pages hold, to the result's observations */
long run_expect(const struct making *m);
/** run_expect_wp(), run_expect_dirty() - what their PTEs have noted of writes
 */
long run_expect_wp(const struct making *m);
long run_expect_dirty(const struct making *m);

#endif
