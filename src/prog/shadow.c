/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shadow: replays a program on the model of contents.h, in the order of the
 * text, and compares what the processes read with what the model allows.
 */
#include "prog/effects.h"

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
	if (effects[deed.effect](w, &deed, call))
		return 1;
	wp_note(w, &deed, call);
	return 0;
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
