/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Effects of calls on contents: one function each, all of one shape.
 *
 * Sources, all of v6.12: mm/madvise.c (what each advice does on which mapping,
 * and that it goes on behind a hole), mm/mlock.c and mm/gup.c (mlock writes to
 * private writable pages), kernel/fork.c dup_mmap() (DONTFORK, WIPEONFORK).
 */
#include "prog/effects.h"

#include <errno.h>
#include <linux/mman.h>

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

bool call_populates(const struct call *call)
{
	return call_advises(call, MADV_POPULATE_WRITE);
}

static int do_keeps(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;

	/* Two that show nothing now, but copy private pages: what is written
	 * to the object after it does not show any more. */
	if (call->op == OP_MLOCK)
		w->mlocked = true;
	for (uint32_t i = 0; call_populates(call) && i < range->pages; i++)
		cell_copy(w, deed, page_of(range, i));
	return 0;
}

static int do_reads(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct call_result *res = &w->result->call[deed->call];
	const struct range *range = &call->arg[0].range;

	if (res->state != CALL_DONE)
		return 0;
	for (uint32_t i = 0; i < res->nr_obs; i++) {
		struct page_at at = page_of(range, i);

		/* whatever is shared by objects may change meanwhile */
		if (deed->until && deed_clashes(w, deed, at, true))
			continue;
		if (judge_read(w, deed->proc, at, w->result->obs[res->obs + i]))
			return 1;
	}
	return 0;
}

static int do_writes(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct call_result *res = &w->result->call[deed->call];
	const struct range *range = &call->arg[0].range;
	bool told =
		deed->sure || (res->state == CALL_DONE && res->err == -EFAULT);

	for (uint32_t i = 0; i < range->pages; i++) {
		struct page_at at = page_of(range, i);
		bool worked = told && i < (uint64_t)res->ret;

		if (told &&
			!(deed->until && deed_clashes(w, deed, at, false)) &&
			judge_write(
				w, deed->proc, at, call_forces(call), worked))
			return 1;
		if (told && !worked)
			break;
		cell_write(w, deed, at, worked);
	}
	return 0;
}

static struct cell fresh_cell(
	const struct call *call, uint32_t page, int object)
{
	uint32_t prot = (uint32_t)call->arg[1].num;

	switch (call_bits(call, 2)) {
	case BACKING_ANON:
	case BACKING_STACK:
		return cell_based(KIND_PRIVATE, BASE_ZERO, prot);
	case BACKING_FILE:
		return cell_based(KIND_PRIVATE, BASE_FILE(page), prot);
	case BACKING_MEMFD:
		return cell_based(KIND_SHARED, BASE_OBJECT(page), prot);
	case BACKING_MEMFD_PRIVATE:
		return cell_based(KIND_PRIVATE, BASE_OBJECT(page), prot);
	default:
		page -= call->arg[0].range.page;
		return cell_based(KIND_SHARED,
			BASE_OBJECT((uint32_t)object + page), prot);
	}
}

static int do_maps(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;
	int object = 0;

	if (call_bits(call, 2) == BACKING_SHARED)
		object = pool_add(w, range->pages);
	for (uint32_t i = 0; i < range->pages; i++) {
		struct page_at at = page_of(range, i);
		struct cell none = {0};

		if (!deed->sure)
			cell_put(w, deed, at, none);
		cell_put(w, deed, at,
			object < 0 ? cell_wide(w, &none)
				   : fresh_cell(call, at.page, object));
	}
	if (call_bits(call, 2) == BACKING_STACK)
		slot_grows(w, deed->proc, range->slot);
	return 0;
}

static int do_adds(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;

	/* its start may be set by another thread before it grows */
	if (deed->until) {
		w->blind = true;
		return 0;
	}
	if (!deed->sure)
		return 0; /* it is all or nothing */
	for (uint32_t i = 0; i < range->pages; i++)
		cell_put(w, deed, page_of(range, i),
			cell_based(KIND_PRIVATE, BASE_ZERO, PROT_IS_RW));
	return 0;
}

static int do_unmaps(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;

	for (uint32_t i = 0; i < range->pages; i++)
		cell_put(w, deed, page_of(range, i), (struct cell){0});
	return 0;
}

static int do_protects(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;

	for (uint32_t i = 0; i < range->pages; i++) {
		struct page_at at = page_of(range, i);
		struct cell cell = *cell_at(w, deed->proc, at);

		if (cell.map == SURE_NO && !deed->until)
			continue;
		cell.prot = call->arg[1].num & 3;
		cell_put(w, deed, at, cell);
	}
	return 0;
}

/* MADV_DONTNEED, and MADV_FREE which may do the same at any time later */
static int do_zeroes(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;

	for (uint32_t i = 0; i < range->pages; i++) {
		struct page_at at = page_of(range, i);
		struct cell cell = *cell_at(w, deed->proc, at);
		struct content fresh = content_of_base(cell.base);

		if (cell.map != SURE_NO && cell.kind == KIND_SHARED)
			continue;
		if (cell.kind != KIND_PRIVATE)
			cell.data.any = 1;
		else if (deed->effect == EFFECT_ZEROES)
			cell.data = fresh;
		else if (cell.base == BASE_ZERO)
			cell.data = content_union(cell.data, fresh);
		cell.data.dirty = 0;
		cell.data.wp = deed->effect == EFFECT_ZEROES ? WP_UNKNOWN
							     : WP_LAZYFREE;
		if (cell.map != SURE_NO || deed->until)
			cell_put(w, deed, at, cell);
	}
	return 0;
}

static int do_inherits(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;
	uint64_t advice = call_bits(call, 1);

	for (uint32_t i = 0; i < range->pages; i++) {
		struct page_at at = page_of(range, i);
		struct cell cell = *cell_at(w, deed->proc, at);

		if (cell.map == SURE_NO && !deed->until)
			continue;
		if (advice == MADV_DONTFORK)
			cell.nofork = SURE_YES;
		else if (advice == MADV_DOFORK)
			cell.nofork = SURE_NO;
		else if (advice == MADV_KEEPONFORK)
			cell.wipe = SURE_NO;
		else if (cell.kind == KIND_UNKNOWN)
			cell.wipe = MAYBE;
		else if (cell.kind == KIND_PRIVATE && cell.base == BASE_ZERO)
			cell.wipe = SURE_YES; /* others get -EINVAL */
		cell_put(w, deed, at, cell);
	}
	return 0;
}

static int do_forks(
	struct world *w, const struct deed *deed, const struct call *call)
{
	uint32_t child = (uint32_t)call->arg[0].num;
	bool done = w->result->call[deed->call].state == CALL_DONE;

	if (done && !deed->sure)
		return 0;
	/* whether it is the old one or a new one that lives now, who knows */
	if (child == deed->proc || (!done && w->known >> child & 1)) {
		w->blind = true;
		return 0;
	}
	w->known |= 1u << child;
	w->used[child] = 0;
	w->grows[child] = w->grows[deed->proc];
	w->descent[child] = (struct descent){
		(uint8_t)deed->proc, (uint8_t)deed->call, (uint8_t)deed->until};
	for (uint32_t s = 0; s < PROG_SLOTS; s++) {
		if (!(w->used[deed->proc] >> s & 1))
			continue;
		w->used[child] |= (uint8_t)(1u << s);
		for (uint32_t i = 0; i < PROG_SLOT_PAGES; i++) {
			struct page_at at = {(uint16_t)s, (uint16_t)i};

			w->cell[child][s][i] = cell_or_grown(w, child, s,
				cell_inherit(w, *cell_at(w, deed->proc, at)));
		}
	}
	return 0;
}

static int do_exits(
	struct world *w, const struct deed *deed, const struct call *call)
{
	(void)w;
	(void)deed;
	(void)call;
	return 0; /* the number's next process starts anew, by a fork */
}

effect_fn *const effects[EFFECT_FROM_VALUE] = {
	[EFFECT_KEEPS] = do_keeps,
	[EFFECT_READS] = do_reads,
	[EFFECT_READS_WP] = effect_reads_wp,
	[EFFECT_TRACKS] = effect_tracks,
	[EFFECT_CLEANS] = effect_cleans,
	[EFFECT_READS_DIRTY] = effect_reads_dirty,
	[EFFECT_WRITES] = do_writes,
	[EFFECT_REPLACES] = effect_replaces,
	[EFFECT_MAPS] = do_maps,
	[EFFECT_ADDS] = do_adds,
	[EFFECT_UNMAPS] = do_unmaps,
	[EFFECT_MOVES] = effect_moves,
	[EFFECT_FILLS] = effect_fills,
	[EFFECT_RESIZES] = effect_resizes,
	[EFFECT_PROTECTS] = do_protects,
	[EFFECT_ZEROES] = do_zeroes,
	[EFFECT_MAY_ZERO] = do_zeroes,
	[EFFECT_INHERITS] = do_inherits,
	[EFFECT_FORKS] = do_forks,
	[EFFECT_EXITS] = do_exits,
};
