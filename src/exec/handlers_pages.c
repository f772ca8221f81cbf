/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handlers_pages: calls that go over a range page by page: they write stamps,
 * or tell what is there. Raw system calls only: see raw.h.
 */
#include <errno.h>

#include "exec/handlers.h"
#include "exec/raw.h"

/* Page by page, up to the first that @store refuses */
static long run_stores(const struct making *m, long fd,
	long (*store)(long fd, uint64_t addr, uint64_t stamp))
{
	const struct range *range = &m->call->arg[0].range;

	for (uint32_t i = 0; i < range->pages; i++) {
		uint32_t page = range->page + i;
		long err = store(fd, prog_addr(range->slot, page),
			call_stamp(m->call, m->index, range->slot, page));

		if (!err)
			continue;
		m->result->ret = i;
		return err;
	}
	return range->pages;
}

static long touch_page(long fd, uint64_t addr, uint64_t stamp)
{
	(void)fd;
	return page_store(addr, stamp) ? -EFAULT : 0;
}

long run_touch(const struct making *m)
{
	return run_stores(m, -1, touch_page);
}

long run_poke(const struct making *m)
{
	long fd = mem_open(), ret;

	if (fd < 0)
		return fd;
	ret = run_stores(m, fd, mem_store);
	mem_close(fd);
	/* an allocation that fails is told by the same number */
	return ret == -EIO && !m->call->fail ? -EFAULT : ret;
}

/* Is the page readable? Copies 8 bytes of it to the kernel, which then finds
 * the request invalid: a fault of the kernel's own access costs a sixth of one
 * that becomes a signal, and meets the same page tables. */
static bool page_is_readable(uint64_t addr)
{
	return raw4(SYS_rt_sigprocmask, -1, (long)addr, 0, 8) != -EFAULT;
}

uint64_t page_observe(uint32_t slot, uint32_t page, uint64_t before)
{
	uint64_t addr = prog_addr(slot, page);
	uint64_t stamp[3];

	if (before == OBS_FAULT && !page_is_readable(addr))
		return OBS_FAULT;
	if (page_load(addr, stamp))
		return OBS_FAULT;
	if (stamp[0] != stamp[1] || stamp[0] != stamp[2])
		return OBS_TORN;
	return stamp[0];
}

/* Takes up to @want places of the result's observations; returns how many and
 * the first in @ret. */
static uint32_t obs_take(
	struct prog_result *result, uint32_t want, uint32_t *ret)
{
	uint32_t old = __atomic_load_n(&result->nr_obs, __ATOMIC_RELAXED);
	uint32_t take;

	do {
		take = RESULT_OBS_MAX - old;
		take = take < want ? take : want;
	} while (!__atomic_compare_exchange_n(&result->nr_obs, &old, old + take,
		false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	*ret = old;
	return take;
}

long run_expect(const struct making *m)
{
	const struct range *range = &m->call->arg[0].range;
	struct prog_result *result = m->actor->lane->result;
	uint32_t first, nr = obs_take(result, range->pages, &first);
	uint64_t obs = 0;
	bool fault = false;

	for (uint32_t i = 0; i < nr; i++) {
		obs = page_observe(range->slot, range->page + i, obs);
		result->obs[first + i] = obs;
		fault |= obs == OBS_FAULT;
	}
	m->result->obs = first;
	m->result->nr_obs = (uint16_t)nr;
	m->result->ret = nr;
	return fault ? -EFAULT : (long)nr;
}

long run_uffd_copy(const struct making *m)
{
	const struct range *range = &m->call->arg[0].range;
	uint64_t addr = range_addr(range), len = range_len(range);
	long fd = uffd_take(addr, len), ret;

	if (fd < 0)
		return fd;
	ret = run_stores(m, fd, uffd_copy);
	uffd_let(fd, addr, len);
	return ret;
}

static long read_pagemap(const struct making *m, enum pagemap_what what)
{
	const struct range *range = &m->call->arg[0].range;
	struct prog_result *result = m->actor->lane->result;
	uint32_t first, nr = obs_take(result, range->pages, &first);
	long ret =
		pagemap_read(range_addr(range), nr, what, &result->obs[first]);

	if (ret < 0)
		return ret;
	m->result->obs = first;
	m->result->nr_obs = (uint16_t)nr;
	return nr;
}

long run_expect_wp(const struct making *m)
{
	return read_pagemap(m, PAGEMAP_WP);
}

long run_expect_dirty(const struct making *m)
{
	return read_pagemap(m, PAGEMAP_DIRTY);
}
