/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mremap, UFFDIO_MOVE and UFFDIO_COPY do to contents.
 *
 * Sources, v6.12: mm/mremap.c (mremap_to() unmaps the target before it looks at
 * the source; move_vma() on what it leaves when it runs out of memory);
 * mm/userfaultfd.c (move_pages() goes page by page, and stops at the first that
 * others share).
 */
#include "prog/effects.h"

#include <errno.h>

/* Pages from the range's first on that are in the slot, at most @pages */
static uint32_t pages_in_slot(const struct range *range, uint64_t pages)
{
	return (uint32_t)min_size(pages, PROG_SLOT_PAGES - range->page);
}

/* Page @i of a mapping that begins with @first and has grown over it */
static struct cell grown_cell(
	struct world *w, const struct cell *first, uint32_t i)
{
	struct cell cell = *first;
	uint32_t base = first->base;
	uint32_t room = PROG_SLOT_PAGES;

	if (first->map != SURE_YES || first->kind == KIND_UNKNOWN ||
		cell_is_moving(w, first)) {
		/* any page of any object may have come to light */
		pool_give_up(w);
		return cell_wide(w, first);
	}
	if (base >= BASE_OBJECT(0))
		room = pool_left(w, base - BASE_OBJECT(0));
	else if (base != BASE_ZERO)
		room = PROG_SLOT_PAGES - (base - BASE_FILE(0));
	if (i >= room) /* behind the end of the object: SIGBUS, mostly */
		return cell_wide(w, &(struct cell){0});
	if (base != BASE_ZERO)
		cell.base = (base + i) & 0x3fff;
	cell.data = (struct content){0};
	if (cell.kind == KIND_PRIVATE)
		cell.data = content_of_base(cell.base);
	return cell;
}

/* mremap says so before it has changed anything */
static bool move_is_refused(const struct call *call, int32_t err)
{
	const struct range *from = &call->arg[0].range;
	const struct range *to = &call->arg[1].range;

	if (err != -EINVAL)
		return false;
	return (call->arg[2].num && from->pages != to->pages) ||
	       ranges_overlap(from, to);
}

/* Is either end of a page's move, under way, also changed by another call? */
static bool move_is_raced(const struct world *w, const struct deed *deed,
	const struct call *call, uint32_t i)
{
	const struct range *from = &call->arg[0].range;
	const struct range *to = &call->arg[1].range;

	return deed->until &&
	       ((i < from->pages &&
			deed_clashes(w, deed, page_of(from, i), false)) ||
		       (i < to->pages &&
			       deed_clashes(w, deed, page_of(to, i), false)));
}

/* What stays mapped where pages have left */
static struct cell cell_emptied(struct cell cell)
{
	if (cell.kind == KIND_PRIVATE && cell.map != SURE_NO)
		cell.data = content_of_base(cell.base);
	cell.data.wp = WP_UNKNOWN;
	cell.data.dirty = 0;
	return cell;
}

/* Out of memory, mremap may fail to unmap what it wants to: the old mapping,
 * and succeeds, or the new one, and fails. move_vma() of mm/mremap.c says so.
 */
static void move_leaves(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *from = &call->arg[0].range;
	const struct range *to = &call->arg[1].range;
	struct cell first = *cell_at(w, deed->proc, page_of(from, 0));
	struct deed maybe = *deed;

	maybe.sure = false;
	for (uint32_t i = 0; !deed->sure && i < to->pages; i++) {
		struct cell cell = i < from->pages ? *cell_at(w, deed->proc,
							     page_of(from, i))
						   : grown_cell(w, &first, i);

		cell_put(w, &maybe, page_of(to, i), cell);
		cell_put(w, &maybe, page_of(to, i), cell_emptied(cell));
	}
	for (uint32_t i = 0; i < from->pages; i++) {
		struct page_at at = page_of(from, i);

		cell_put(w, &maybe, at,
			cell_emptied(*cell_at(w, deed->proc, at)));
	}
}

/* Does it take a stack along: one that is there, or that another thread may map
 * there while the move is under way? */
static bool moves_stack(
	const struct world *w, const struct deed *deed, uint32_t slot)
{
	uint32_t end = (uint32_t)min_size(deed->until, w->prog->nr_calls);

	if (w->grows[deed->proc] >> slot & 1)
		return true;
	for (uint32_t i = deed->call + 1; i < end; i++) {
		const struct call *call = &w->prog->call[i];

		if (call->op == OP_MMAP && call->proc == deed->proc &&
			call->arg[0].range.slot == slot &&
			call_bits(call, 2) == BACKING_STACK)
			return true;
	}
	return false;
}

int effect_moves(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct call_result *res = &w->result->call[deed->call];
	const struct range *from = &call->arg[0].range;
	const struct range *to = &call->arg[1].range;
	struct cell first = *cell_at(w, deed->proc, page_of(from, 0));
	struct cell cell;
	struct deed to_deed = *deed, from_deed = *deed;

	if (res->state == CALL_DONE && move_is_refused(call, res->err))
		return 0;
	for (uint32_t i = 0; i < to->pages; i++) {
		if (i < from->pages)
			cell = *cell_at(w, deed->proc, page_of(from, i));
		else
			cell = grown_cell(w, &first, i);
		if (cell_is_moving(w, &cell))
			cell = cell_wide(w, &cell);
		cell.data.wp = wp_lost(cell.data.wp);
		/* since v6.17 holes are passed over, with what is there */
		to_deed.sure = deed->sure && cell.map == SURE_YES;
		to_deed.raced = move_is_raced(w, deed, call, i);
		if (!to_deed.sure)
			cell_put(w, &to_deed, page_of(to, i), (struct cell){0});
		if (deed->sure || res->state != CALL_DONE)
			cell_put(w, &to_deed, page_of(to, i), cell);
	}
	if (moves_stack(w, deed, from->slot))
		slot_grows(w, deed->proc, to->slot);
	if (call->fail)
		move_leaves(w, deed, call);
	from_deed.sure = deed->sure && !call->fail;
	for (uint32_t i = 0; i < from->pages; i++) {
		cell = *cell_at(w, deed->proc, page_of(from, i));
		if (!deed->sure || !call->arg[2].num)
			cell = (struct cell){0};
		else
			cell = cell_emptied(cell);
		from_deed.raced = move_is_raced(w, deed, call, i);
		cell_put(w, &from_deed, page_of(from, i), cell);
	}
	return 0;
}

/* @to, whose pages were dropped, with the page of @from */
static struct cell filled_cell(struct world *w, const struct deed *deed,
	struct cell to, struct cell from)
{
	if (cell_is_moving(w, &to) || cell_is_moving(w, &from) ||
		from.kind != KIND_PRIVATE || from.map == MAYBE)
		return cell_wide(w, &to);
	if (deed->sure) { /* both were private and anonymous, or it fails */
		to.map = SURE_YES;
		to.kind = KIND_PRIVATE;
		to.base = BASE_ZERO;
	}
	to.data = from.data;
	to.data.wp = wp_lost(from.data.wp);
	to.data.dirty = 0;
	return to;
}

int effect_fills(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct call_result *res = &w->result->call[deed->call];
	const struct range *from = &call->arg[0].range;
	const struct range *to = &call->arg[1].range;
	struct deed page = *deed;

	if (!ranges_fit(from, to) ||
		(res->state == CALL_DONE && res->err == -ENOSYS))
		return 0;
	for (uint32_t i = 0; i < from->pages; i++) {
		struct cell source = *cell_at(w, deed->proc, page_of(from, i));
		struct cell target = *cell_at(w, deed->proc, page_of(to, i));

		page.raced = move_is_raced(w, deed, call, i);
		if (!deed->sure)
			cell_put(
				w, &page, page_of(to, i), cell_emptied(target));
		cell_put(w, &page, page_of(to, i),
			filled_cell(w, deed, target, source));
		cell_put(w, &page, page_of(from, i), cell_emptied(source));
	}
	return 0;
}

/* Page by page: dropped, then brought; up to the first that is not. */
int effect_replaces(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct call_result *res = &w->result->call[deed->call];
	const struct range *range = &call->arg[0].range;
	bool done = res->state == CALL_DONE;
	struct deed maybe = *deed;

	maybe.sure = false;
	for (uint32_t i = 0; i < range->pages; i++) {
		struct page_at at = page_of(range, i);
		bool worked = deed->sure || (done && i < (uint64_t)res->ret);

		if (!worked || deed->until)
			cell_put(w, &maybe, at,
				cell_emptied(*cell_at(w, deed->proc, at)));
		if (done && !worked)
			break;
		cell_write(w, deed, at, worked);
	}
	return 0;
}

int effect_resizes(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;
	uint32_t pages = pages_in_slot(range, call->arg[1].num);
	struct cell first = *cell_at(w, deed->proc, page_of(range, 0));

	for (uint32_t i = pages; i < range->pages; i++)
		cell_put(w, deed, page_of(range, i), (struct cell){0});
	if (!deed->sure && w->result->call[deed->call].state == CALL_DONE)
		return 0; /* growing is all or nothing */
	for (uint32_t i = range->pages; i < pages; i++)
		cell_put(w, deed, page_of(range, i), grown_cell(w, &first, i));
	return 0;
}
