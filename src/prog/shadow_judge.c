/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process read or could write, against what the model allows. */
#include "prog/effects.h"

#include <stdio.h>

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
	if (s.call >= PROG_CALLS_MAX) /* of nobody: the file's, a fill's */
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

int judge_read(struct world *w, uint32_t proc, struct page_at at, uint64_t seen)
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

int judge_wp(struct world *w, uint32_t proc, struct page_at at, uint64_t seen)
{
	const struct cell *cell = cell_at(w, proc, at);
	uint64_t want = cell->data.wp == WP_SET ? OBS_WP : OBS_NO_WP;

	if ((cell->data.wp != WP_SET && cell->data.wp != WP_CLEAR) ||
		cell->map != SURE_YES || !cell_is_settled(w, cell) ||
		seen == want || seen == OBS_UNREAD)
		return 0;
	mismatch(w, proc, at, seen,
		want == OBS_WP ? "lost uffd-wp bit" : "stale uffd-wp bit");
	w->ret->want = want;
	return 1;
}

int judge_dirty(
	struct world *w, uint32_t proc, struct page_at at, uint64_t seen)
{
	const struct cell *cell = cell_at(w, proc, at);

	/* only what is anonymous keeps its bit where it is not mapped */
	if (seen != OBS_CLEAN || !cell->data.dirty || cell->map != SURE_YES ||
		cell->kind != KIND_PRIVATE || cell_is_moving(w, cell) ||
		w->now < w->clean_until)
		return 0;
	mismatch(w, proc, at, seen, "lost soft-dirty bit");
	w->ret->want = OBS_DIRTY;
	return 1;
}

/* mm/gup.c, check_vma_flags(): who forces it may write what is private; not
 * known where it is not known which of the two it is. */
static enum sure may_write(const struct cell *cell, bool forced)
{
	if (cell->map != SURE_YES)
		return cell->map;
	if (forced && cell->kind != KIND_SHARED)
		return cell->kind == KIND_PRIVATE ? SURE_YES : MAYBE;
	if (cell->prot == PROT_UNKNOWN)
		return MAYBE;
	return cell->prot == PROT_IS_RW ? SURE_YES : SURE_NO;
}

int judge_write(struct world *w, uint32_t proc, struct page_at at, bool forced,
	bool worked)
{
	const struct cell *cell = cell_at(w, proc, at);
	enum sure may = may_write(cell, forced);

	if (cell_is_moving(w, cell) || may == MAYBE ||
		worked == (may == SURE_YES))
		return 0;
	if (!worked)
		mismatch(w, proc, at, OBS_FAULT, NULL);
	else if (cell->map == SURE_NO)
		mismatch(w, proc, at, 0, "unmapped page writable");
	else
		mismatch(w, proc, at, 0, "protected page writable");
	return 1;
}
