/* SPDX-License-Identifier: GPL-2.0-only */
/* What each page of each process may hold. */
#include "prog/contents.h"

#include <string.h>

void world_init(struct world *w, const struct prog *prog,
	const struct prog_result *result, struct mismatch *ret)
{
	w->prog = prog;
	w->result = result;
	w->ret = ret;
	w->now = 0;
	w->known = 1;
	w->blind = w->mlocked = false;
	w->wp_until = w->clean_until = 0;
	w->nr_pool = w->nr_objects = 0;
	memset(w->descent, 0, sizeof(w->descent));
	memset(w->used, 0, sizeof(w->used));
	memset(w->grows, 0, sizeof(w->grows));
	(void)pool_add(w, PROG_SLOT_PAGES); /* the memfd */
}

int pool_add(struct world *w, uint32_t pages)
{
	uint32_t first = w->nr_pool;

	if (pages > POOL_MAX - first || w->nr_objects > PROG_CALLS_MAX)
		return -1;
	w->object[w->nr_objects].first = first;
	w->object[w->nr_objects++].end = first + pages;
	w->nr_pool += pages;
	for (uint32_t i = first; i < w->nr_pool; i++)
		w->pool[i] = (struct content){.a = VALUE_ZERO};
	return (int)first;
}

uint32_t pool_left(const struct world *w, uint32_t i)
{
	for (uint32_t k = 0; k < w->nr_objects; k++) {
		if (i >= w->object[k].first && i < w->object[k].end)
			return w->object[k].end - i;
	}
	return 0;
}

/* What was under way and is done by now is so. */
static void content_settle(const struct world *w, struct content *content)
{
	if (!content->until || w->now < content->until)
		return;
	content->until = 0;
	if (content->lost) {
		content->lost = 0;
	} else {
		content->b = 0;
		content->any = content->torn = 0;
	}
}

struct content content_of_base(uint32_t base)
{
	struct content content = {.a = VALUE_ZERO};

	if (base >= BASE_OBJECT(0))
		content.a = VALUE_OBJECT | (base - BASE_OBJECT(0));
	else if (base != BASE_ZERO)
		content.a = VALUE_STAMP |
			    stamp_low(prog_file_stamp(base - BASE_FILE(0)));
	return content;
}

static void content_allow(struct content *content, uint32_t value)
{
	if (!value || value == content->a || value == content->b)
		return;
	if (!content->a)
		content->a = value & ((1u << VALUE_BITS) - 1);
	else if (!content->b)
		content->b = value & ((1u << VALUE_BITS) - 1);
	else
		content->any = 1;
}

struct content content_union(struct content a, struct content b)
{
	content_allow(&a, b.a);
	content_allow(&a, b.b);
	a.any |= b.any;
	a.torn |= b.torn;
	if (a.wp != b.wp)
		a.wp = wp_lost(a.wp) | wp_lost(b.wp);
	a.dirty &= b.dirty;
	return a;
}

static bool value_allows(struct world *w, uint32_t value, uint64_t seen)
{
	uint32_t i = value & (VALUE_OBJECT - 1);

	if (value == 0)
		return false;
	if (value & VALUE_STAMP)
		return seen == stamp_seal(value & (VALUE_STAMP - 1));
	if (value == VALUE_ZERO)
		return seen == 0;
	/* mlock may have made a copy of the object at any time before */
	return w->mlocked || content_allows(w, &w->pool[i], seen);
}

/* Pages of the pool hold no VALUE_OBJECT, so this goes one level down. */
bool content_allows(struct world *w, struct content *content, uint64_t seen)
{
	content_settle(w, content);
	if (content->any || (content->torn && seen == OBS_TORN))
		return true;
	return value_allows(w, content->a, seen) ||
	       value_allows(w, content->b, seen);
}

uint64_t content_want(struct world *w, const struct content *content)
{
	uint32_t value = content->a;

	if (value & VALUE_STAMP)
		return stamp_seal(value & (VALUE_STAMP - 1));
	if (value & VALUE_OBJECT)
		return content_want(w, &w->pool[value & (VALUE_OBJECT - 1)]);
	return 0;
}

struct content *cell_content(struct world *w, struct cell *cell)
{
	if (cell->kind == KIND_PRIVATE)
		return &cell->data;
	if (cell->kind == KIND_SHARED)
		return &w->pool[cell->base - BASE_OBJECT(0)];
	return NULL;
}

struct cell *cell_at(struct world *w, uint32_t proc, struct page_at at)
{
	struct cell *cells = w->cell[proc][at.slot];
	struct cell *cell = &cells[at.page];

	if (!(w->used[proc] >> at.slot & 1)) {
		memset(cells, 0, sizeof(w->cell[proc][at.slot]));
		w->used[proc] |= (uint8_t)(1u << at.slot);
	}
	content_settle(w, &cell->data);
	if (cell->until && w->now >= cell->until)
		cell->until = cell->lost = 0;
	return cell;
}

bool cell_is_moving(const struct world *w, const struct cell *cell)
{
	return cell->until && w->now < cell->until;
}

bool cell_is_settled(const struct world *w, const struct cell *cell)
{
	return w->now >= w->wp_until && !cell_is_moving(w, cell);
}

/* Somebody may write it unseen, now and later. */
static void content_give_up(struct content *content)
{
	content->any = content->torn = content->lost = 1;
	content->until = UNTIL_FOREVER;
}

void pool_give_up(struct world *w)
{
	for (uint32_t i = 0; i < w->nr_pool; i++)
		content_give_up(&w->pool[i]);
}

struct cell cell_wide(struct world *w, const struct cell *old)
{
	struct cell cell = {
		.data = {.any = 1, .torn = 1},
		.kind = KIND_UNKNOWN,
		.map = MAYBE,
		.prot = PROT_UNKNOWN,
		.nofork = MAYBE,
		.wipe = MAYBE,
	};

	if (old->map != SURE_NO && old->kind == KIND_SHARED)
		content_give_up(&w->pool[old->base - BASE_OBJECT(0)]);
	return cell;
}

struct cell cell_based(enum kind kind, uint32_t base, uint32_t prot)
{
	struct cell cell = {.kind = kind & 3, .map = SURE_YES};

	cell.base = base & 0x3fff;
	cell.prot = prot & 3;
	if (kind == KIND_PRIVATE)
		cell.data = content_of_base(base);
	return cell;
}

/* It is one or the other */
static struct cell cell_union(struct world *w, struct cell a, struct cell b)
{
	struct cell ret = a;

	if (a.map == SURE_NO)
		ret = b;
	ret.until = ret.lost = 0;
	if (a.map != b.map)
		ret.map = MAYBE;
	if (a.map == SURE_NO || b.map == SURE_NO)
		return ret;
	if (a.prot != b.prot)
		ret.prot = PROT_UNKNOWN;
	if (a.nofork != b.nofork)
		ret.nofork = MAYBE;
	if (a.wipe != b.wipe)
		ret.wipe = MAYBE;
	if (a.kind == b.kind && a.base == b.base) {
		ret.data = content_union(a.data, b.data);
		return ret;
	}
	(void)cell_wide(w, &a);
	(void)cell_wide(w, &b);
	ret.kind = KIND_UNKNOWN;
	ret.data = (struct content){.any = 1, .torn = 1};
	return ret;
}

bool effect_changes(enum effect effect)
{
	return effect != EFFECT_KEEPS && !effect_observes(effect) &&
	       effect != EFFECT_TRACKS && effect != EFFECT_CLEANS &&
	       effect != EFFECT_FORKS && effect != EFFECT_EXITS;
}

static bool call_covers(const struct call *call, struct page_at at)
{
	const struct range *range = &call->arg[0].range;
	uint32_t pages = range->pages;

	if (ops[call->op].effect == EFFECT_RESIZES && call->arg[1].num > pages)
		pages = (uint32_t)call->arg[1].num;
	if (range_has(range, pages, at))
		return true;
	/* whoever touches a page below a stack makes it grow */
	if (ops[call->op].effect == EFFECT_MAPS &&
		call_bits(call, 2) == BACKING_STACK)
		return range->slot == at.slot && at.page < range->page;
	range = &call->arg[1].range;
	return ops[call->op].arg[1].kind == ARG_RANGE &&
	       range_has(range, range->pages, at);
}

uint32_t deed_clashes(const struct world *w, const struct deed *deed,
	struct page_at at, bool shared)
{
	uint32_t end = (uint32_t)min_size(deed->until, w->prog->nr_calls);
	uint32_t clash = 0;

	for (uint32_t i = deed->call + 1; i < end; i++) {
		const struct call *call = &w->prog->call[i];
		uint8_t state = w->result->call[i].state;
		enum effect effect = call_effect(call);

		if (state == CALL_SKIPPED || state == CALL_NOT_RUN)
			continue;
		if (shared && effect_stamps(effect))
			clash |= CLASH_WRITES;
		if (call->proc != deed->proc || !effect_changes(effect) ||
			!call_covers(call, at))
			continue;
		clash |= effect == EFFECT_WRITES ? CLASH_WRITES : CLASH_MAPS;
	}
	return clash;
}

static uint8_t later(uint32_t a, uint32_t b)
{
	return (uint8_t)((a > b ? a : b) & 127);
}

/* Forks under way may or may not have copied the page before @deed */
static void cell_echo(struct world *w, const struct deed *deed,
	struct page_at at, const struct cell *cell)
{
	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		struct cell *child;

		if (!(w->known >> p & 1) || w->now >= w->descent[p].until ||
			w->descent[p].parent != deed->proc)
			continue;
		child = cell_at(w, p, at);
		*child = cell_union(w, *child, cell_inherit(w, *cell));
		child->data.torn |= deed->effect == EFFECT_WRITES;
	}
}

/* Nobody knows until all that race are done; nor then */
static void cell_lose(
	struct world *w, const struct deed *deed, struct cell *cell)
{
	*cell = cell_wide(w, cell);
	cell->lost = 1;
	cell->until = deed->until & 127;
}

void cell_put(struct world *w, const struct deed *deed, struct page_at at,
	struct cell new)
{
	struct cell *cell = cell_at(w, deed->proc, at);

	new = cell_or_grown(w, deed->proc, at.slot, new);
	if (cell->lost) {
		(void)cell_wide(w, &new);
		cell->until = later(cell->until, deed->until) & 127;
	} else if (deed->until &&
		   (deed->raced || deed_clashes(w, deed, at, false))) {
		(void)cell_wide(w, &new);
		cell_lose(w, deed, cell);
	} else {
		*cell = deed->sure ? new : cell_union(w, *cell, new);
		cell->until = deed->until & 127;
		cell->lost = 0;
	}
	cell_echo(w, deed, at, cell);
}

static void content_write(struct world *w, const struct deed *deed,
	struct content *content, uint64_t stamp, uint32_t how)
{
	uint32_t value = VALUE_STAMP | stamp_low(stamp);
	struct content old;

	content_settle(w, content);
	old = *content;
	if (old.lost) {
		content->until = later(old.until, deed->until) & 127;
	} else if (how & CLASH_WRITES) {
		*content = (struct content){.any = 1, .torn = 1, .lost = 1};
		content->until = deed->until & 127;
	} else if (how & MAYBE) {
		content_allow(content, value);
		content->torn = 1;
		content->until = 0;
	} else {
		*content = (struct content){0};
		content->a = value & ((1u << VALUE_BITS) - 1);
		if (!deed->until)
			return;
		content->b = old.a;
		content->any = old.any | (old.b != 0);
		content->torn = 1;
		content->until = deed->until & 127;
	}
}

void cell_write(
	struct world *w, const struct deed *deed, struct page_at at, bool sure)
{
	struct cell *cell = cell_at(w, deed->proc, at);
	uint64_t stamp = call_stamp(
		&w->prog->call[deed->call], deed->call, at.slot, at.page);
	struct content *content = cell_content(w, cell);
	uint32_t wp = cell->data.wp, dirty = cell->data.dirty, how = 0;

	if (deed->until)
		how = deed_clashes(w, deed, at, cell->kind == KIND_SHARED);
	if (cell->lost) {
		cell->until = later(cell->until, deed->until) & 127;
	} else if (how & CLASH_MAPS) {
		cell_lose(w, deed, cell);
	} else if (content && cell->map != SURE_NO) {
		how &= CLASH_WRITES;
		content_write(
			w, deed, content, stamp, sure ? how : how | MAYBE);
		if (sure && !deed->until && !cell->until) {
			cell->map = SURE_YES;
			if (!call_forces(&w->prog->call[deed->call]))
				cell->prot = PROT_IS_RW;
		}
	}
	cell->data.wp = wp_lost(wp);
	cell->data.dirty = dirty & 1;
	if (sure && !deed->until && cell_is_settled(w, cell)) {
		cell->data.wp = WP_CLEAR;
		cell->data.dirty |= w->now >= w->clean_until;
	}
	cell_echo(w, deed, at, cell);
}

void cell_copy(struct world *w, const struct deed *deed, struct page_at at)
{
	struct cell *cell = cell_at(w, deed->proc, at);
	struct content *data = &cell->data;
	struct content object;

	if (cell->map == SURE_NO || cell->kind != KIND_PRIVATE ||
		cell->base < BASE_OBJECT(0))
		return;
	content_settle(w, &w->pool[cell->base - BASE_OBJECT(0)]);
	object = w->pool[cell->base - BASE_OBJECT(0)];
	if (data->a == content_of_base(cell->base).a && !data->b &&
		!object.until && deed->sure && !deed->until &&
		!cell_is_moving(w, cell))
		*data = object;
	else if (!(data->a & VALUE_STAMP) || data->b)
		data->any = data->torn = 1;
	cell_echo(w, deed, at, cell);
}

struct cell cell_or_grown(
	struct world *w, uint32_t proc, uint32_t slot, struct cell cell)
{
	struct cell grown = cell_based(KIND_PRIVATE, BASE_ZERO, PROT_UNKNOWN);

	if (cell.map == SURE_YES || !(w->grows[proc] >> slot & 1))
		return cell;
	grown.map = grown.nofork = grown.wipe = MAYBE;
	if (cell.map == MAYBE)
		grown = cell_union(w, cell, grown);
	grown.until = cell.until;
	grown.lost = cell.lost;
	return grown;
}

static void slot_grows_of(struct world *w, uint32_t proc, uint32_t slot)
{
	w->grows[proc] |= (uint8_t)(1u << slot);
	for (uint32_t i = 0; i < PROG_SLOT_PAGES; i++) {
		struct page_at at = {(uint16_t)slot, (uint16_t)i};
		struct cell *cell = cell_at(w, proc, at);

		*cell = cell_or_grown(w, proc, slot, *cell);
	}
}

void slot_grows(struct world *w, uint32_t proc, uint32_t slot)
{
	slot_grows_of(w, proc, slot);
	/* forks under way may have copied it */
	for (uint32_t p = 0; p < PROG_PROCS; p++) {
		if ((w->known >> p & 1) && w->now < w->descent[p].until &&
			w->descent[p].parent == proc)
			slot_grows_of(w, p, slot);
	}
}

struct cell cell_inherit(struct world *w, struct cell cell)
{
	/* also one that goes: it may still have been there */
	if (cell_is_moving(w, &cell))
		return cell_wide(w, &cell);
	if (cell.map == SURE_NO || cell.nofork == SURE_YES)
		return (struct cell){0};
	content_settle(w, &cell.data);
	cell.data.until = cell.data.lost = 0;
	cell.data.wp = wp_lost(cell.data.wp);
	cell.data.dirty = 0;
	if (cell.nofork == MAYBE)
		cell.map = MAYBE;
	if (cell.wipe != SURE_NO && cell.kind == KIND_PRIVATE) {
		struct content fresh = content_of_base(cell.base);

		cell.data = cell.wipe == SURE_YES
				    ? fresh
				    : content_union(cell.data, fresh);
	}
	return cell;
}
