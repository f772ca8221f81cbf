/* SPDX-License-Identifier: GPL-2.0-only */
/* Is it a program, is it a result? For bytes of any origin. */
#include "prog/words.h"

#include <errno.h>
#include <string.h>

#include "prog/result.h"

static bool range_is_good(const union arg *arg)
{
	const struct range *range = &arg->range;
	union arg plain = {.num = 0};

	plain.range = *range;
	return plain.num == arg->num && range->slot < PROG_SLOTS &&
	       range->page < PROG_SLOT_PAGES && range->pages >= 1 &&
	       range->page + range->pages <= PROG_SLOT_PAGES;
}

static bool arg_is_good(const struct arg_desc *desc, const union arg *arg)
{
	uint32_t nr;

	switch (desc->kind) {
	case ARG_NONE:
		return arg->num == 0;
	case ARG_RANGE:
		return range_is_good(arg);
	case ARG_ENUM:
		(void)values_of(desc->set, &nr);
		return arg->num < nr;
	case ARG_FLAGS:
		(void)values_of(desc->set, &nr);
		return arg->num >> nr == 0;
	case ARG_NUM:
		return arg->num >= desc->min && arg->num <= desc->max;
	case ARG_ACTOR:
		return arg->num < PROG_PROCS;
	}
	return false;
}

static int check_call(const struct prog *prog, uint32_t i, struct why *why)
{
	const struct call *call = &prog->call[i];

	if (call->op >= OP_COUNT)
		return why_set(why, -EBADMSG, "call %u: op %u", i, call->op);
	if (call->proc >= PROG_PROCS || call->thread >= PROG_THREADS)
		return why_set(why, -EBADMSG, "call %u: actor p%u.t%u", i,
			call->proc, call->thread);
	if ((call->props & ~CALL_PROPS) || call->pad[0] || call->pad[1] ||
		call->pad[2])
		return why_set(why, -EBADMSG, "call %u: unknown properties", i);
	if ((call->props & CALL_FAIL_FROM) && !call->fail)
		return why_set(why, -EBADMSG, "call %u: fail_from=0", i);
	for (uint32_t k = 0; k < PROG_ARGS_MAX; k++) {
		if (!arg_is_good(&ops[call->op].arg[k], &call->arg[k]))
			return why_set(why, -EBADMSG,
				"call %u (%s): argument %u out of range", i,
				ops[call->op].name, k + 1);
	}
	return 0;
}

static bool symbol_is_good(const char symbol[STALL_SYMBOL_MAX])
{
	size_t len = strnlen(symbol, STALL_SYMBOL_MAX);

	if (len == STALL_SYMBOL_MAX)
		return false;
	for (size_t i = 0; i < STALL_SYMBOL_MAX; i++)
		if (i < len ? !is_symbol(symbol[i]) : symbol[i])
			return false;
	return true;
}

static bool meeting_is_good(const struct stall *stall)
{
	return stall->offset <= MEET_NS_MAX &&
	       (stall->hit == MEET_LATER ||
		       (stall->hit == MEET_EARLIER && stall->offset));
}

static int check_stall(const struct prog *prog, uint32_t i, struct why *why)
{
	const struct stall *stall = &prog->stall[i];
	const char *flaw = stall_flaw(prog, stall);

	if (!symbol_is_good(stall->symbol))
		return why_set(why, -EBADMSG, "stall %u: symbol", i);
	if (stall_is_meeting(stall)
			? !meeting_is_good(stall)
			: !stall->hit || stall->offset > STALL_OFFSET_MAX)
		return why_set(why, -EBADMSG, "stall %u: offset 0x%x, hit %u",
			i, stall->offset, stall->hit);
	if (i && stall->call <= stall[-1].call)
		return why_set(why, -EBADMSG, "stall %u: out of order", i);
	return flaw ? why_set(why, -EBADMSG, "stall %u, until call %u: %s", i,
			      stall->until, flaw)
		    : 0;
}

static int check_stalls(const struct prog *prog, struct why *why)
{
	if (prog->nr_stalls > PROG_STALLS_MAX)
		return why_set(why, -EBADMSG, "%u stalls", prog->nr_stalls);
	for (uint32_t i = 0; i < prog->nr_stalls; i++) {
		int err = check_stall(prog, i, why);

		if (err)
			return err;
	}
	return 0;
}

int prog_check(const struct prog *prog, struct why *why)
{
	int err;

	if (prog->nr_calls > PROG_CALLS_MAX)
		return why_set(why, -EBADMSG, "%u calls", prog->nr_calls);
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		err = check_call(prog, i, why);
		if (err)
			return err;
	}
	return check_stalls(prog, why);
}

static int check_call_result(const struct prog *prog,
	const struct prog_result *result, uint32_t i, struct why *why)
{
	const struct call *call = &prog->call[i];
	const struct call_result *res = &result->call[i];
	uint32_t pages = 0;

	if (ops[call->op].arg[0].kind == ARG_RANGE)
		pages = call->arg[0].range.pages;
	if (res->state > CALL_SKIPPED)
		return why_set(
			why, -EBADMSG, "result %u: state %u", i, res->state);
	if (res->err > 0 || res->err < -4095)
		return why_set(
			why, -EBADMSG, "result %u: errno %d", i, res->err);
	if (res->nr_obs > (effect_observes(call_effect(call)) ? pages : 0))
		return why_set(why, -EBADMSG, "result %u: %u observations", i,
			res->nr_obs);
	if (res->nr_obs && (res->obs > result->nr_obs ||
				   res->nr_obs > result->nr_obs - res->obs))
		return why_set(why, -EBADMSG, "result %u: observations at %u",
			i, res->obs);
	if (res->state == CALL_DONE && effect_stamps(ops[call->op].effect) &&
		(res->ret < 0 || res->ret > pages))
		return why_set(why, -EBADMSG, "result %u: %lld pages", i,
			(long long)res->ret);
	return 0;
}

int result_check(const struct prog *prog, const struct prog_result *result,
	struct why *why)
{
	const uint32_t known = RESULT_OOM | RESULT_TIMEOUT | RESULT_STUCK |
			       RESULT_BROKEN | RESULT_SPUN;
	int err;

	if (result->flags & ~known)
		return why_set(
			why, -EBADMSG, "result: flags 0x%x", result->flags);
	if (result->nr_obs > RESULT_OBS_MAX)
		return why_set(why, -EBADMSG, "result: %u observations",
			result->nr_obs);
	if ((result->live | result->died) >> PROG_PROCS)
		return why_set(why, -EBADMSG, "result: processes 0x%x, 0x%x",
			result->live, result->died);
	if ((result->fscked | result->bad_rmap) >> PROG_PROCS)
		return why_set(why, -EBADMSG, "result: rmap_fsck of 0x%x, 0x%x",
			result->fscked, result->bad_rmap);
	if (!memchr(result->message, 0, sizeof(result->message)))
		return why_set(why, -EBADMSG, "result: message has no end");
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		err = check_call_result(prog, result, i, why);
		if (err)
			return err;
	}
	for (uint32_t i = 0; i < prog->nr_stalls; i++) {
		const struct stall_result *stall = &result->stall[i];

		if (stall->outcome >= STALL_OUTCOMES || stall->atomic > 1 ||
			stall->pad)
			return why_set(why, -EBADMSG,
				"result of stall %u: outcome %u", i,
				stall->outcome);
	}
	return 0;
}
