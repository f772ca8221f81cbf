/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kcov: coverage of each actor. The worker opens and maps the areas, the
 * actor only enables its inherited descriptor: a fork that copies an area's
 * page tables costs half as much again as the whole program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cover/cover.h"
#include "exec/exec.h"
#include "exec/raw.h"
#include "guest/kcov.h"

#define SITES (1u << 17) /* places of the table; a power of two */

/** struct sites - how often each call site was hit by RUN_COUNT programs */
struct sites {
	uint32_t programs; /* counted */
	uint32_t used;
	struct site {
		uint64_t pc;
		uint32_t hits;
		uint32_t programs; /* that hit it */
		uint32_t last;	   /* number of the last of them */
	} site[SITES];
};

static void kcov_close(struct lane *lane)
{
	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		for (uint32_t t = 0; t < PROG_THREADS; t++) {
			struct kcov *kcov = &lane->kcov[p][t];

			if (kcov->fd < 0)
				continue;
			munmap(kcov->area, lane->kcov_bytes);
			close(kcov->fd);
			kcov->fd = -1;
		}
	}
}

static int kcov_open(struct kcov *kcov, size_t bytes, struct why *why)
{
	int fd = open(KCOV_PATH, O_RDWR | O_CLOEXEC);
	void *area;
	int err;

	if (fd < 0)
		return why_set(why, -errno, "open " KCOV_PATH);
	if (ioctl(fd, KCOV_INIT_TRACE, bytes / sizeof(uint64_t))) {
		err = -errno;
		goto out_close;
	}
	area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (area == MAP_FAILED) {
		err = -errno;
		goto out_close;
	}
	if (madvise(area, bytes, MADV_DONTFORK)) {
		err = -errno;
		munmap(area, bytes);
		goto out_close;
	}
	kcov->fd = fd;
	kcov->area = area;
	return 0;
out_close:
	close(fd);
	return why_set(why, err, "a KCOV area of %zu bytes", bytes);
}

int kcov_prepare(struct lane *lane, struct why *why)
{
	uint32_t caps = lane->guest->caps;
	bool map = (caps & CAP_KCOV_MAP) &&
		   !(lane->flags & (RUN_COUNT | RUN_TRACE));
	uint32_t words =
		lane->flags & RUN_ORDER ? KCOV_ORDER_WORDS : KCOV_TRACE_WORDS;
	uint32_t bytes = map ? SLOT_MAP_BYTES : words * 8;

	lane->kcov_on = (caps & CAP_KCOV) &&
			((lane->flags & (RUN_COVER | RUN_COUNT | RUN_TRACE)) ||
				lane->prog.nr_stalls);
	if (!lane->kcov_on)
		return 0;
	if (bytes != lane->kcov_bytes)
		kcov_close(lane);
	lane->kcov_bytes = bytes;
	lane->kcov_arg = map ? KCOV_TRACE_MAP : KCOV_TRACE_PC;
	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		for (uint32_t t = 0; t < PROG_THREADS; t++) {
			struct kcov *kcov = &lane->kcov[p][t];
			int err;

			if (!(lane->threads[p] >> t & 1))
				continue;
			err = kcov->fd < 0 ? kcov_open(kcov, bytes, why) : 0;
			if (err)
				return err;
			if (lane->flags & RUN_TRACE)
				(void)madvise(kcov->area, bytes, MADV_DOFORK);
		}
	}
	return 0;
}

void kcov_enable(const struct actor *actor)
{
	const struct lane *lane = actor->lane;

	if (lane->kcov_on)
		(void)raw3(SYS_ioctl, lane->kcov[actor->proc][actor->thread].fd,
			KCOV_ENABLE, lane->kcov_arg);
}

static void sites_count(struct sites *sites, const uint64_t *pcs, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++) {
		uint32_t at = (uint32_t)(pcs[i] * 0x9e3779b97f4a7c15u >> 40);
		struct site *site = &sites->site[at & (SITES - 1)];

		while (site->pc && site->pc != pcs[i])
			site = &sites->site[++at & (SITES - 1)];
		if (!site->pc && sites->used >= SITES / 2)
			continue;
		sites->used += !site->pc;
		site->pc = pcs[i];
		site->hits++;
		site->programs += site->last != sites->programs;
		site->last = sites->programs;
	}
}

void kcov_mark(const struct actor *actor, uint32_t i, bool end)
{
	const struct lane *lane = actor->lane;
	const uint64_t *area = lane->kcov[actor->proc][actor->thread].area;
	uint32_t at;

	if (!(lane->flags & RUN_TRACE) || !lane->kcov_on)
		return;
	at = (uint32_t)__atomic_load_n(area, __ATOMIC_RELAXED) + 1;
	if (!end)
		lane->baton->trace[i].first = at;
	lane->baton->trace[i].end = at;
}

static int by_pc(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The points of one call, each once, to @to, which has room for @room. */
static uint32_t trace_call(const uint64_t *area, uint32_t first, uint32_t end,
	uint32_t *to, uint32_t room)
{
	static uint32_t pc[KCOV_TRACE_WORDS];
	uint32_t nr = 0, kept = 0;

	end = end < KCOV_TRACE_WORDS ? end : KCOV_TRACE_WORDS;
	for (uint32_t i = first; i < end; i++)
		pc[nr++] = (uint32_t)area[i];
	qsort(pc, nr, sizeof(pc[0]), by_pc);
	for (uint32_t i = 0; i < nr && kept < room; i++)
		if (!i || pc[i] != pc[i - 1])
			to[kept++] = pc[i];
	return kept;
}

static void trace_clear(struct lane *lane)
{
	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		for (uint32_t t = 0; t < PROG_THREADS; t++) {
			struct kcov *kcov = &lane->kcov[p][t];

			if (!(lane->threads[p] >> t & 1))
				continue;
			*(uint64_t *)kcov->area = 0;
			(void)madvise(
				kcov->area, lane->kcov_bytes, MADV_DONTFORK);
		}
	}
}

void kcov_trace(struct lane *lane, struct slot_trace *ret)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < PROG_CALLS_MAX; i++) {
		const struct call *call = &lane->prog.call[i];

		if (lane->kcov_on && i < lane->prog.nr_calls)
			at += trace_call(
				lane->kcov[call->proc][call->thread].area,
				lane->baton->trace[i].first,
				lane->baton->trace[i].end, &ret->pc[at],
				TRACE_PCS_MAX - at);
		ret->end[i] = at;
	}
	if (lane->kcov_on)
		trace_clear(lane);
}

/* Memory of the worker's alone */
static void *unforked(size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	if (madvise(map, bytes, MADV_DONTFORK)) {
		munmap(map, bytes);
		return NULL;
	}
	return map;
}

void kcov_keep(struct lane *lane)
{
	uint32_t i = RUN_CALL_OF(lane->flags), end;
	const struct call *call = &lane->prog.call[i];
	const uint64_t *area;

	lane->nr_order = 0;
	if (!lane->order)
		lane->order = unforked(KCOV_ORDER_WORDS * sizeof(uint32_t));
	if (!lane->order || !lane->kcov_on || i >= lane->prog.nr_calls)
		return;
	area = lane->kcov[call->proc][call->thread].area;
	end = lane->baton->trace[i].end;
	end = end < KCOV_ORDER_WORDS ? end : KCOV_ORDER_WORDS;
	for (uint32_t at = lane->baton->trace[i].first; at < end; at++)
		lane->order[lane->nr_order++] = (uint32_t)area[at];
	trace_clear(lane);
}

uint32_t kcov_order(const struct lane *lane, uint32_t from, uint32_t *ret_pcs)
{
	for (uint32_t i = from; i < lane->nr_order &&
				i - from < SLOT_MAP_BYTES / sizeof(*ret_pcs);
		i++)
		ret_pcs[i - from] = lane->order[i];
	return lane->nr_order;
}

static uint32_t trace_collect(struct lane *lane, uint8_t *map, uint64_t *area)
{
	uint64_t nr = area[0];

	area[0] = 0;
	if (nr > KCOV_TRACE_WORDS - 1)
		nr = KCOV_TRACE_WORDS - 1;
	if (map)
		(void)cover_fold(map, SLOT_MAP_BYTES, area + 1, nr);
	if (lane->sites)
		sites_count(lane->sites, area + 1, nr);
	return (uint32_t)nr;
}

uint32_t kcov_collect(struct lane *lane, uint8_t *map)
{
	uint32_t nr_pcs = 0;
	bool add = false;

	if (!lane->kcov_on)
		return 0;
	if ((lane->flags & RUN_COUNT) && !lane->sites)
		lane->sites = unforked(sizeof(struct sites));
	if ((lane->flags & RUN_COUNT) && lane->sites)
		lane->sites->programs++;
	if (lane->kcov_arg != KCOV_TRACE_MAP)
		memset(map, 0, SLOT_MAP_BYTES);
	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		for (uint32_t t = 0; t < PROG_THREADS; t++) {
			if (!(lane->threads[p] >> t & 1))
				continue;
			if (lane->kcov_arg == KCOV_TRACE_MAP)
				cover_take(map, lane->kcov[p][t].area,
					SLOT_MAP_BYTES, add);
			else
				nr_pcs += trace_collect(
					lane, map, lane->kcov[p][t].area);
			add = true;
		}
	}
	return nr_pcs;
}

static int by_hits(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	return x->hits < y->hits ? 1 : x->hits > y->hits ? -1 : 0;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Moves the sites that every program hit to the front, busiest first. */
static uint32_t sites_rank(struct sites *sites)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < SITES; i++)
		if (sites->site[i].pc &&
			sites->site[i].programs == sites->programs)
			sites->site[nr++] = sites->site[i];
	qsort(sites->site, nr, sizeof(sites->site[0]), by_hits);
	return nr;
}

void kcov_prune(uint64_t *pcs, uint32_t nr)
{
	int fd = open(KCOV_PRUNE_PATH, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	qsort(pcs, nr, sizeof(pcs[0]), by_value);
	while (nr) {
		ssize_t len = write(fd, pcs, nr * sizeof(pcs[0]));
		uint32_t done = len > 0 ? (uint32_t)len / 8 : 0;

		/* what stopped it is no live site: go on behind it */
		done += done < nr;
		pcs += done;
		nr -= done;
	}
	close(fd);
}

uint32_t kcov_rank(struct lane *lane, uint64_t *ret_pcs, uint32_t nr)
{
	uint32_t ranked;

	if (!lane->sites)
		return 0;
	ranked = sites_rank(lane->sites);
	nr = nr < ranked ? nr : ranked;
	for (uint32_t i = 0; i < nr; i++)
		ret_pcs[i] = lane->sites->site[i].pc;
	munmap(lane->sites, sizeof(*lane->sites));
	lane->sites = NULL;
	return nr;
}

void kcov_sites(uint32_t *ret_sites, uint32_t *ret_pruned)
{
	FILE *file = fopen(KCOV_PRUNE_PATH, "re");

	*ret_sites = *ret_pruned = 0;
	if (!file)
		return;
	if (fscanf(file, "pruned %u sites %u", ret_pruned, ret_sites) != 2)
		*ret_sites = *ret_pruned = 0;
	fclose(file);
}
