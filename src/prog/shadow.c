/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shadow: replays a program on the model of contents.h, in the order of the
 * text, and compares what the processes read with what the model allows.
 *
 * Sources, all of v6.12: mm/madvise.c (what each advice does on which mapping,
 * and that it goes on behind a hole), mm/mremap.c (mremap_to() unmaps the
 * target before it looks at the source), mm/mlock.c and mm/gup.c (mlock writes
 * to private writable pages), kernel/fork.c dup_mmap() (DONTFORK, WIPEONFORK).
 */
#include "prog/contents.h"

#include <errno.h>
#include <linux/mman.h>
#include <stdio.h>
#include <string.h>

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

static struct page_at page_of(const struct range *range, uint32_t i)
{
	return (struct page_at){range->slot, (uint16_t)(range->page + i)};
}

/* Pages from the range's first on that are in the slot, at most @pages */
static uint32_t pages_in_slot(const struct range *range, uint64_t pages)
{
	return (uint32_t)min_size(pages, PROG_SLOT_PAGES - range->page);
}

/* Did @proc, or one from whom it has its pages, write this? */
static bool stamp_is_own(
	const struct world *w, uint32_t proc, const struct stamp *stamp)
{
	uint32_t end = PROG_CALLS_MAX;

	for (uint32_t i = 0; i <= PROG_PROCS; i++) {
		const struct descent *from = &w->descent[proc];

		if (stamp->proc == proc && stamp->call < end &&
			(proc == 0 || stamp->call > from->call))
			return true;
		if (proc == 0)
			return false;
		end = from->call;
		proc = from->parent;
	}
	return false;
}

static const char *kind_of(
	const struct world *w, uint32_t proc, uint64_t seen, uint64_t want)
{
	struct stamp s, t;

	if (seen == OBS_FAULT)
		return "lost mapping";
	if (seen == OBS_TORN)
		return "torn page";
	if (seen == 0)
		return "lost write";
	if (!stamp_decode(seen, &s))
		return "garbage page";
	if (s.call == PROG_CALLS_MAX)
		return want ? "lost write" : "stale page";
	if (!stamp_is_own(w, proc, &s))
		return "foreign page";
	if (want && stamp_decode(want, &t) && t.call < PROG_CALLS_MAX &&
		s.call < t.call)
		return "lost write";
	return "stale page";
}

/* Records the first mismatch. @kind may be NULL: the values tell. */
static void mismatch(struct world *w, uint32_t proc, struct page_at at,
	uint64_t seen, const char *kind)
{
	struct cell *cell = cell_at(w, proc, at);
	struct content *content = cell_content(w, cell);
	uint64_t want = OBS_FAULT;

	if (content && cell->map != SURE_NO)
		want = content_want(w, content);
	*w->ret = (struct mismatch){
		.call = w->now < w->prog->nr_calls ? (int32_t)w->now : -1,
		.proc = proc,
		.at = at,
		.seen = seen,
		.want = want,
	};
	if (!kind)
		kind = kind_of(w, proc, seen, want);
	snprintf(w->ret->kind, sizeof(w->ret->kind), "%s", kind);
}

/* Reading the page gave @seen. Returns 1 when it may not. */
static int judge_read(
	struct world *w, uint32_t proc, struct page_at at, uint64_t seen)
{
	struct cell *cell = cell_at(w, proc, at);
	struct content *content = cell_content(w, cell);
	const char *kind = NULL;

	if (seen == OBS_UNREAD || cell_is_moving(w, cell))
		return 0;
	if (seen == OBS_FAULT) {
		if (cell->map != SURE_YES || cell->prot == 0 ||
			cell->prot == PROT_UNKNOWN)
			return 0;
	} else if (cell->map == SURE_NO) {
		kind = "unmapped page readable";
	} else if (cell->map == SURE_YES && cell->prot == 0) {
		kind = "protected page readable";
	} else if (!content || content_allows(w, content, seen)) {
		return 0;
	}
	mismatch(w, proc, at, seen, kind);
	return 1;
}

/* Writing to the page worked, or not. Returns 1 when it may not be so. */
static int judge_write(
	struct world *w, uint32_t proc, struct page_at at, bool worked)
{
	const struct cell *cell = cell_at(w, proc, at);

	if (cell_is_moving(w, cell) || cell->map == MAYBE ||
		(cell->map == SURE_YES && cell->prot == PROT_UNKNOWN))
		return 0;
	if (worked == (cell->map == SURE_YES && cell->prot == PROT_IS_RW))
		return 0;
	if (!worked)
		mismatch(w, proc, at, OBS_FAULT, NULL);
	else if (cell->map == SURE_NO)
		mismatch(w, proc, at, 0, "unmapped page writable");
	else
		mismatch(w, proc, at, 0, "protected page writable");
	return 1;
}

/* Effects: one function each, all of one shape. Return 1 on a mismatch. */

static int do_keeps(
	struct world *w, const struct deed *deed, const struct call *call)
{
	const struct range *range = &call->arg[0].range;

	/* Two that show nothing now, but copy private pages: what is written
	 * to the object after it does not show any more. */
	if (call->op == OP_MLOCK)
		w->mlocked = true;
	if (call->op == OP_MADVISE &&
		call_bits(call, 1) == MADV_POPULATE_WRITE) {
		for (uint32_t i = 0; i < range->pages; i++)
			cell_copy(w, deed, page_of(range, i));
	}
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
			judge_write(w, deed->proc, at, worked))
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
	       (from->slot == to->slot && from->page < to->page + to->pages &&
		       to->page < from->page + from->pages);
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
	struct deed maybe = *deed;

	maybe.sure = false;
	for (uint32_t i = 0; !deed->sure && i < to->pages; i++) {
		struct cell cell = *cell_at(
			w, deed->proc, page_of(from, i < from->pages ? i : 0));

		cell_put(w, &maybe, page_of(to, i), cell);
		cell_put(w, &maybe, page_of(to, i), cell_emptied(cell));
	}
	for (uint32_t i = 0; i < from->pages; i++) {
		struct page_at at = page_of(from, i);

		cell_put(w, &maybe, at,
			cell_emptied(*cell_at(w, deed->proc, at)));
	}
}

static int do_moves(
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
		/* since v6.17 holes are passed over, with what is there */
		to_deed.sure = deed->sure && cell.map == SURE_YES;
		to_deed.raced = move_is_raced(w, deed, call, i);
		if (!to_deed.sure)
			cell_put(w, &to_deed, page_of(to, i), (struct cell){0});
		if (deed->sure || res->state != CALL_DONE)
			cell_put(w, &to_deed, page_of(to, i), cell);
	}
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

static int do_resizes(
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
	w->descent[child] = (struct descent){
		(uint8_t)deed->proc, (uint8_t)deed->call, (uint8_t)deed->until};
	for (uint32_t s = 0; s < PROG_SLOTS; s++) {
		if (!(w->used[deed->proc] >> s & 1))
			continue;
		w->used[child] |= (uint8_t)(1u << s);
		for (uint32_t i = 0; i < PROG_SLOT_PAGES; i++) {
			struct page_at at = {(uint16_t)s, (uint16_t)i};

			w->cell[child][s][i] =
				cell_inherit(w, *cell_at(w, deed->proc, at));
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

static int (*const effects[])(
	struct world *w, const struct deed *deed, const struct call *call) = {
	[EFFECT_KEEPS] = do_keeps,
	[EFFECT_READS] = do_reads,
	[EFFECT_WRITES] = do_writes,
	[EFFECT_MAPS] = do_maps,
	[EFFECT_UNMAPS] = do_unmaps,
	[EFFECT_MOVES] = do_moves,
	[EFFECT_RESIZES] = do_resizes,
	[EFFECT_PROTECTS] = do_protects,
	[EFFECT_ZEROES] = do_zeroes,
	[EFFECT_MAY_ZERO] = do_zeroes,
	[EFFECT_INHERITS] = do_inherits,
	[EFFECT_FORKS] = do_forks,
	[EFFECT_EXITS] = do_exits,
};

/* The call at which an async or stalled call is done at the latest; 0 when it
 * was neither */
static uint32_t flight_end(const struct world *w, uint32_t i)
{
	const struct call *call = &w->prog->call[i], *next;
	const struct stall *stall = call_stall(w->prog, i);
	const struct call_result *res = &w->result->call[i];

	if (res->state == CALL_STARTED)
		return UNTIL_FOREVER;
	if (!(call->props & CALL_ASYNC) && !stall)
		return 0;
	while (++i < w->prog->nr_calls) {
		next = &w->prog->call[i];
		res = &w->result->call[i];
		if (stall && i > stall->until && res->state != CALL_SKIPPED &&
			res->state != CALL_NOT_RUN)
			return i;
		if (next->op == OP_BARRIER && res->state == CALL_DONE)
			return i;
		if (next->proc != call->proc || next->thread != call->thread)
			continue;
		if (res->state == CALL_DONE || res->state == CALL_STARTED)
			return i;
	}
	return i;
}

static int replay_call(struct world *w, uint32_t i)
{
	const struct call *call = &w->prog->call[i];
	const struct call_result *res = &w->result->call[i];
	struct deed deed = {.call = i, .proc = call->proc};

	if (res->state != CALL_DONE && res->state != CALL_STARTED)
		return 0;
	if (!(w->known >> call->proc & 1))
		w->blind = true;
	if (w->blind)
		return 0;
	w->descent[call->proc].until = 0; /* it runs, so it was forked */
	deed.effect = call_effect(call);
	deed.sure = res->state == CALL_DONE && res->err == 0;
	deed.until = flight_end(w, i);
	return effects[deed.effect](w, &deed, call);
}

static int judge_end(struct world *w)
{
	struct page_at pages[PROG_END_PAGES];
	uint32_t nr = prog_end_pages(w->prog, pages);

	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		if (!((w->result->live & w->known) >> p & 1))
			continue;
		for (uint32_t i = 0; i < nr; i++) {
			if (judge_read(w, p, pages[i], w->result->end[p][i]))
				return 1;
		}
	}
	return 0;
}

int shadow_judge(const struct prog *prog, const struct prog_result *result,
	struct mismatch *ret)
{
	struct world w; /* below 1 MiB; cells are cleared when first used */

	if (result->flags & (RESULT_OOM | RESULT_BROKEN))
		return 0;
	world_init(&w, prog, result, ret);
	for (w.now = 0; w.now < prog->nr_calls; w.now++) {
		if (replay_call(&w, w.now))
			return 1;
		if (w.blind)
			return 0;
	}
	return judge_end(&w);
}
