/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps from one program to another that is like it. */
#include "prog/generate.h"

#include <string.h>

#define MOVE_CALLS_MAX 24

/** struct mutation - what a step may look at */
struct mutation {
	struct prog *prog;
	const struct prog *other; /* may be NULL */
	uint32_t caps;
	struct rng *rng;
};

/* The model as it is before call @at */
static void model_at(const struct mutation *m, uint32_t at, struct gen *gen)
{
	gen_init(gen, m->caps, m->rng);
	for (uint32_t i = 0; i < at; i++)
		gen_note(gen, &m->prog->call[i]);
}

static uint32_t any_call(const struct mutation *m)
{
	return rng_below(m->rng, m->prog->nr_calls);
}

static void step_insert(struct mutation *m)
{
	uint32_t at = rng_range(m->rng, 0, m->prog->nr_calls);
	uint32_t nr = rng_range(m->rng, 1, 3);
	struct gen gen;

	model_at(m, at, &gen);
	nr = prog_gap(m->prog, at, nr);
	for (uint32_t i = 0; i < nr; i++) {
		gen_call(&gen, &m->prog->call[at + i]);
		gen_note(&gen, &m->prog->call[at + i]);
	}
}

static void step_move(struct mutation *m)
{
	struct call calls[MOVE_CALLS_MAX];
	uint32_t at = rng_range(m->rng, 0, m->prog->nr_calls);
	struct gen gen;
	uint32_t nr;

	model_at(m, at, &gen);
	nr = gen_move(&gen, calls, MOVE_CALLS_MAX);
	nr = prog_gap(m->prog, at, nr);
	memcpy(&m->prog->call[at], calls, nr * sizeof(calls[0]));
}

static void step_remove(struct mutation *m)
{
	uint32_t at = any_call(m);
	uint32_t nr = rng_one_in(m->rng, 3) ? rng_range(m->rng, 1, 4) : 1;

	nr = (uint32_t)min_size(nr, m->prog->nr_calls - at);
	if (nr < m->prog->nr_calls)
		prog_cut(m->prog, at, nr);
}

static void step_splice(struct mutation *m)
{
	uint32_t at = rng_range(m->rng, 0, m->prog->nr_calls);
	uint32_t from, nr;

	if (!m->other || !m->other->nr_calls)
		return;
	from = rng_below(m->rng, m->other->nr_calls);
	nr = rng_range(
		m->rng, 1, (uint32_t)min_size(m->other->nr_calls - from, 8));
	nr = prog_gap(m->prog, at, nr);
	memcpy(&m->prog->call[at], &m->other->call[from],
		nr * sizeof(m->prog->call[0]));
	prog_take_stalls(m->prog, at, m->other, from, nr);
}

static uint16_t nudge(struct rng *rng, uint32_t num, uint32_t lo, uint32_t hi)
{
	uint32_t by = 1u << rng_below(rng, 5);

	if (rng_one_in(rng, 2))
		return (uint16_t)(num + by > hi ? hi : num + by);
	return (uint16_t)(num < lo + by ? lo : num - by);
}

static void change_range(struct mutation *m, uint32_t at, struct range *range)
{
	const struct call *model = &m->prog->call[any_call(m)];
	struct gen gen;

	switch (rng_below(m->rng, 4)) {
	case 0:
		range->page = nudge(
			m->rng, range->page, 0, PROG_SLOT_PAGES - range->pages);
		return;
	case 1:
		range->pages = nudge(
			m->rng, range->pages, 1, PROG_SLOT_PAGES - range->page);
		return;
	case 2:
		if (ops[model->op].arg[0].kind == ARG_RANGE) {
			*range = model->arg[0].range;
			return;
		}
		break;
	default:
		break;
	}
	model_at(m, at, &gen);
	*range = gen_range(&gen, m->prog->call[at].proc);
}

static void change_num(
	struct mutation *m, const struct arg_desc *desc, union arg *arg)
{
	if (desc->needs & ~m->caps)
		arg->num = desc->min;
	else if (rng_one_in(m->rng, 2))
		arg->num =
			nudge(m->rng, (uint32_t)arg->num, desc->min, desc->max);
	else
		arg->num = rng_range(m->rng, desc->min, desc->max);
}

static void change_flags(
	struct mutation *m, const struct arg_desc *desc, union arg *arg)
{
	struct gen gen;
	uint32_t nr, i;
	const struct value *value = values_of(desc->set, &nr);

	gen_init(&gen, m->caps, m->rng);
	i = gen_value(&gen, desc->set);
	if (!(value[i].needs & ~m->caps))
		arg->num ^= 1ull << i;
}

static void step_argument(struct mutation *m)
{
	uint32_t at = any_call(m);
	struct call *call = &m->prog->call[at];
	uint32_t i = rng_below(m->rng, PROG_ARGS_MAX);
	const struct arg_desc *desc;
	struct gen gen;

	while (i && ops[call->op].arg[i].kind == ARG_NONE)
		i--;
	desc = &ops[call->op].arg[i];
	gen_init(&gen, m->caps, m->rng);
	if (desc->kind == ARG_RANGE)
		change_range(m, at, &call->arg[i].range);
	else if (desc->kind == ARG_ENUM)
		call->arg[i].num = gen_value(&gen, desc->set);
	else if (desc->kind == ARG_FLAGS)
		change_flags(m, desc, &call->arg[i]);
	else if (desc->kind == ARG_NUM)
		change_num(m, desc, &call->arg[i]);
	else if (desc->kind == ARG_ACTOR)
		call->arg[i].num = rng_below(m->rng, PROG_PROCS);
}

static void step_actor(struct mutation *m)
{
	uint32_t at = any_call(m);
	struct gen gen;

	model_at(m, at, &gen);
	gen_actor(&gen, &m->prog->call[at]);
}

static void step_duplicate(struct mutation *m)
{
	struct call call = m->prog->call[any_call(m)];
	uint32_t at = rng_range(m->rng, 0, m->prog->nr_calls);

	if (prog_gap(m->prog, at, 1))
		m->prog->call[at] = call;
}

static void step_swap(struct mutation *m)
{
	uint32_t at = any_call(m);

	if (at + 1 < m->prog->nr_calls)
		prog_swap(m->prog, at);
}

static void step_async(struct mutation *m)
{
	m->prog->call[any_call(m)].props ^= CALL_ASYNC;
}

static void step_fail(struct mutation *m)
{
	struct call *call = &m->prog->call[any_call(m)];
	struct gen gen;

	gen_init(&gen, m->caps, m->rng);
	if (!(m->caps & CAP_FAIL) || (call->fail && rng_one_in(m->rng, 2))) {
		call->fail = 0;
		call->props &= (uint8_t)~CALL_FAIL_FROM;
	} else if (call->fail) {
		call->fail = (uint8_t)nudge(m->rng, call->fail, 1, UINT8_MAX);
	} else {
		gen_fail(&gen, call);
	}
}

/* Another hit, another call to wait for, or no stall any more. New stalls need
 * points of a kernel, which are not known here. */
static void step_stall(struct mutation *m)
{
	uint32_t i = rng_below(m->rng, m->prog->nr_stalls);
	struct stall stall = m->prog->stall[i];

	if (!m->prog->nr_stalls)
		return;
	switch (rng_below(m->rng, 3)) {
	case 0:
		if (stall_is_meeting(&stall))
			stall_when(&stall, m->rng);
		else
			stall.hit = nudge(m->rng, stall.hit, 1, UINT16_MAX);
		break;
	case 1:
		stall.until = (uint8_t)nudge(m->rng, stall.until,
			stall.call + 1u, PROG_CALLS_MAX - 1);
		break;
	default:
		prog_drop_stall(m->prog, i);
		return;
	}
	(void)prog_add_stall(m->prog, &stall);
}

static const struct {
	void (*take)(struct mutation *m);
	uint32_t weight;
} steps[] = {
	{step_insert, 24},
	{step_move, 12},
	{step_argument, 25},
	{step_remove, 10},
	{step_splice, 10},
	{step_actor, 8},
	{step_async, 8},
	{step_fail, 5},
	{step_swap, 6},
	{step_duplicate, 6},
	{step_stall, 6},
};

void prog_mutate(struct prog *prog, const struct prog *other, uint32_t caps,
	struct rng *rng)
{
	struct mutation m = {prog, other, caps, rng};
	uint32_t sum = 0, pick, k;

	if (!prog->nr_calls)
		prog_generate(prog, 1, caps, rng);
	for (k = 0; k < ARRAY_SIZE(steps); k++)
		sum += steps[k].weight;
	for (uint32_t n = rng_range(rng, 1, 4); n > 0; n--) {
		pick = rng_below(rng, sum);
		for (k = 0; pick >= steps[k].weight; k++)
			pick -= steps[k].weight;
		steps[k].take(&m);
		prog_fix_stalls(prog);
	}
}

/* An actor that is not that of @than: of another process where one lives, else
 * another thread. */
static void other_actor(
	struct gen *gen, const struct call *than, struct call *call)
{
	uint32_t others = gen->live & ~(1u << than->proc);
	uint32_t proc = rng_below(gen->rng, PROG_PROCS);

	call->proc = than->proc;
	call->thread = than->thread ? 0 : 1;
	for (uint32_t n = 0; n < PROG_PROCS; n++, proc++) {
		if (!(others >> proc % PROG_PROCS & 1))
			continue;
		call->proc = (uint8_t)(proc % PROG_PROCS);
		call->thread = 0;
		return;
	}
}

bool prog_rival(struct prog *prog, uint32_t at, uint32_t caps, struct rng *rng)
{
	struct mutation m = {prog, NULL, caps, rng};
	const struct call *held = &prog->call[at];
	enum run_kind run;
	struct call call;
	struct gen gen;

	model_at(&m, at + 1, &gen);
	do {
		gen_call(&gen, &call);
		run = ops[call.op].run;
	} while (run == RUN_BARRIER || run == RUN_WAIT || run == RUN_EXPECT);
	if (call.proc == held->proc && call.thread == held->thread)
		other_actor(&gen, held, &call);
	if (ops[call.op].arg[0].kind == ARG_RANGE &&
		ops[held->op].arg[0].kind == ARG_RANGE && !rng_one_in(rng, 4))
		call.arg[0].range = held->arg[0].range;
	if (!prog_gap(prog, at + 1, 1))
		return false;
	prog->call[at + 1] = call;
	prog_fix_stalls(prog);
	return true;
}

void prog_cross(const struct prog *a, const struct prog *b, struct prog *ret,
	struct rng *rng)
{
	uint32_t head = rng_range(rng, 0, a->nr_calls);
	uint32_t from = rng_range(rng, 0, b->nr_calls);
	uint32_t tail;
	struct prog prog = {0};

	/* a program without calls comes only of two that have none */
	if (head == 0 && from == b->nr_calls) {
		head = a->nr_calls;
		from = 0;
	}
	tail = (uint32_t)min_size(b->nr_calls - from, PROG_CALLS_MAX - head);
	memcpy(prog.call, a->call, head * sizeof(prog.call[0]));
	memcpy(&prog.call[head], &b->call[from], tail * sizeof(prog.call[0]));
	prog.nr_calls = head + tail;
	prog_take_stalls(&prog, 0, a, 0, head);
	prog_take_stalls(&prog, head, b, from, tail);
	*ret = prog;
}
