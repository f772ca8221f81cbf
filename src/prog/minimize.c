/* SPDX-License-Identifier: GPL-2.0-only */
/* Smaller programs that keep a property. */
#include "prog/prog.h"

#include <string.h>

struct minimize {
	struct prog *best; /* the smallest that had the property */
	int (*keeps)(const struct prog *prog, void *user);
	void *user;
	uint32_t tries, max_tries;
	int err; /* of keeps; nothing is tried after it */
};

/* Does @prog have the property? Then it is the best from now on. */
static bool accepts(struct minimize *m, const struct prog *prog)
{
	int ret;

	if (m->err || m->tries >= m->max_tries)
		return false;
	m->tries++;
	ret = m->keeps(prog, m->user);
	if (ret < 0)
		m->err = ret;
	if (ret <= 0)
		return false;
	*m->best = *prog;
	return true;
}

static bool drop_calls(struct minimize *m, uint32_t at, uint32_t nr)
{
	struct prog prog = *m->best;

	if (nr >= prog.nr_calls)
		return false;
	prog_cut(&prog, at, nr);
	return accepts(m, &prog);
}

/* Runs of calls from the end on, in halves; then single calls until none can
 * go any more */
static void drop_runs(struct minimize *m)
{
	uint32_t nr = m->best->nr_calls / 2;
	bool smaller;

	while (nr) {
		smaller = false;
		for (uint32_t end = m->best->nr_calls; end >= nr;) {
			if (drop_calls(m, end - nr, nr)) {
				smaller = true;
				end = (uint32_t)min_size(
					end - nr, m->best->nr_calls);
			} else {
				end -= end > nr && end < 2 * nr ? end - nr : nr;
			}
		}
		if (nr > 1 || !smaller)
			nr /= 2;
	}
}

/* Call @i without the properties @props */
static void drop_props(struct minimize *m, uint32_t i, uint8_t props)
{
	struct prog prog = *m->best;

	if (!(prog.call[i].props & props))
		return;
	prog.call[i].props &= (uint8_t)~props;
	(void)accepts(m, &prog);
}

static void drop_failure(struct minimize *m, uint32_t i)
{
	struct prog prog = *m->best;

	if (!prog.call[i].fail)
		return;
	prog.call[i].fail = 0;
	prog.call[i].props &= (uint8_t)~CALL_FAIL_FROM;
	(void)accepts(m, &prog);
}

/* A stall is kept or dropped whole; its hit may be the first, a meeting may be
 * at once. */
static void plain_stalls(struct minimize *m)
{
	for (uint32_t i = m->best->nr_stalls; i-- > 0;) {
		struct prog prog = *m->best;

		prog_drop_stall(&prog, i);
		if (accepts(m, &prog))
			continue;
		prog = *m->best;
		prog.stall[i].hit = 1;
		if (stall_is_meeting(&prog.stall[i]))
			prog.stall[i].offset = 0;
		if (memcmp(&prog, m->best, sizeof(prog)))
			(void)accepts(m, &prog);
	}
}

static void plain_actors(struct minimize *m)
{
	for (uint32_t i = 0; i < m->best->nr_calls; i++) {
		struct prog prog;

		drop_props(m, i, CALL_ASYNC);
		drop_failure(m, i);
		drop_props(m, i, CALL_FAIL_FROM);
		prog = *m->best;
		prog.call[i].thread = 0;
		prog_fix_stalls(&prog);
		if (m->best->call[i].thread)
			(void)accepts(m, &prog);
	}
}

/* All ranges of the program at once: a mapping and its touches go together */
static void shrink_together(struct minimize *m)
{
	struct prog prog;
	bool changed;

	do {
		prog = *m->best;
		changed = false;
		for (uint32_t i = 0; i < prog.nr_calls; i++) {
			struct call *call = &prog.call[i];

			for (uint32_t k = 0; k < PROG_ARGS_MAX; k++) {
				struct range *range = &call->arg[k].range;

				if (ops[call->op].arg[k].kind != ARG_RANGE ||
					range->pages == 1)
					continue;
				range->pages /= 2;
				changed = true;
			}
		}
	} while (changed && accepts(m, &prog));
}

/* The smallest form of an argument that the property allows */
static void shrink_arg(struct minimize *m, uint32_t i, uint32_t k)
{
	const struct arg_desc *desc = &ops[m->best->call[i].op].arg[k];
	struct prog prog = *m->best;
	union arg *arg = &prog.call[i].arg[k];
	uint32_t pages = arg->range.pages;

	if (desc->kind == ARG_RANGE) {
		for (uint32_t n = 1; n < pages; n *= 2) {
			arg->range.pages = (uint16_t)n;
			if (accepts(m, &prog))
				return;
		}
	} else if (desc->kind == ARG_FLAGS && arg->num) {
		arg->num = 0;
		(void)accepts(m, &prog);
	} else if (desc->kind == ARG_NUM && arg->num != desc->min) {
		arg->num = desc->min;
		(void)accepts(m, &prog);
	}
}

int prog_minimize(struct prog *prog,
	int (*keeps)(const struct prog *prog, void *user), void *user,
	uint32_t max_tries)
{
	struct minimize m = {prog, keeps, user, 0, max_tries, 0};

	drop_runs(&m);
	plain_stalls(&m);
	plain_actors(&m);
	shrink_together(&m);
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		for (uint32_t k = 0; k < PROG_ARGS_MAX; k++)
			shrink_arg(&m, i, k);
	}
	return m.err ? m.err : (int)m.tries;
}
