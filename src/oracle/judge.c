/* SPDX-License-Identifier: GPL-2.0-only */
#include "internal.h"

#include <errno.h>
#include <linux/mman.h>
#include <string.h>

/* May @call have changed where page @at is, or whose it is? */
static bool call_moved(const struct call *call, struct page_at at)
{
	const struct op *op = &ops[call->op];
	enum effect effect = call_effect(call);
	bool ranged = false;

	if (effect_observes(effect) || effect == EFFECT_WRITES ||
		effect == EFFECT_EXITS || call->op == OP_WAIT ||
		call->op == OP_BARRIER || call->op == OP_RMAP_FSCK)
		return false;
	for (unsigned int i = 0; i < PROG_ARGS_MAX; i++) {
		const struct range *range = &call->arg[i].range;

		if (op->arg[i].kind != ARG_RANGE)
			continue;
		ranged = true;
		if (range_has(range, range->pages, at))
			return true;
	}
	return !ranged; /* fork, reclaim, migrate_pages: all pages */
}

/*
 * The op to name: the last one that was done to the page before it was seen.
 * Only ops that succeeded count, so the name is that of the same program in
 * every run, unless it races.
 */
static const char *culprit(const struct prog *prog,
	const struct prog_result *result, int32_t upto, struct page_at at)
{
	uint32_t i = upto < 0 ? prog->nr_calls : (uint32_t)upto;

	while (i-- > 0) {
		const struct call_result *call = &result->call[i];

		if (call->state == CALL_DONE && call->err == 0 &&
			call_moved(&prog->call[i], at))
			return ops[prog->call[i].op].name;
	}
	return "touch";
}

/* Where the page was before @call, if that has moved it or grown its mapping */
static struct page_at page_before(const struct call *call, struct page_at at)
{
	const struct range *from = &call->arg[0].range;
	const struct range *to = from;

	if (call->op == OP_MREMAP)
		to = &call->arg[1].range;
	else if (call->op != OP_RESIZE)
		return at;
	if (!range_has(to, PROG_SLOT_PAGES, at))
		return at;
	at.slot = from->slot;
	at.page = (uint16_t)(from->page +
			     min_size(at.page - to->page, from->pages - 1u));
	return at;
}

/* From such a call on ksmd may come to the page at any time. */
static bool may_be_merged(const struct prog *prog,
	const struct prog_result *result, int32_t upto, struct page_at at)
{
	while (upto-- > 0) {
		const struct call *call = &prog->call[upto];
		const struct range *range = &call->arg[0].range;

		if (result->call[upto].state != CALL_DONE)
			continue;
		if (call_merges(call) &&
			(call->op == OP_MERGE_ANY ||
				range_has(range, range->pages, at)))
			return true;
		if (!result->call[upto].err)
			at = page_before(call, at);
	}
	return false;
}

/* The op that did not come back: started, not done */
static const char *stuck_op(
	const struct prog *prog, const struct prog_result *result)
{
	for (uint32_t i = 0; i < prog->nr_calls; i++)
		if (result->call[i].state == CALL_STARTED)
			return ops[prog->call[i].op].name;
	return "exit";
}

/* Only where the kernel goes on after its own report: with panic_on_warn that
 * is on the console, and names what was wrong. */
static bool rmap_is_bad(
	const struct prog *prog, const struct prog_result *result)
{
	for (uint32_t i = 0; i < prog->nr_calls; i++)
		if (prog->call[i].op == OP_RMAP_FSCK &&
			result->call[i].err == -EUCLEAN)
			return true;
	return result->bad_rmap;
}

static void judge_contents(const struct prog *prog,
	const struct prog_result *result, struct text *title,
	struct text *detail, enum verdict *ret)
{
	struct mismatch bad;
	const char *op;

	if (!shadow_judge(prog, result, &bad))
		return;
	*ret = VERDICT_FINDING;
	op = culprit(prog, result, bad.call, bad.at);
	if ((bad.seen == OBS_NO_WP || bad.seen == OBS_CLEAN) &&
		may_be_merged(prog, result, bad.call, bad.at))
		op = "ksm"; /* no call tells when it was */
	text_addf(title, "rmaptorture: %s after %s", bad.kind, op);
	mismatch_describe(&bad, detail);
}

static bool judge_leak(const struct prog_result *result, struct text *title,
	struct text *detail)
{
	for (enum leak kind = 0; kind < LEAK_KINDS; kind++) {
		if (!result->leaked[kind])
			continue;
		text_addf(title, "rmaptorture: leaked %s", leak_name(kind));
		text_addf(detail, "%u more than before, all processes are dead",
			result->leaked[kind]);
		return true;
	}
	return false;
}

void oracle_judge(const struct prog *prog, const struct prog_result *result,
	struct judgment *ret)
{
	struct text title, detail;

	ret->verdict = VERDICT_PASS;
	text_init(&title, ret->title, sizeof(ret->title));
	text_init(&detail, ret->detail, sizeof(ret->detail));
	if (result->flags & RESULT_BROKEN) {
		ret->verdict = VERDICT_BROKEN;
		text_addf(&title, "rmaptorture: executor cannot run");
		text_add(&detail, result->message,
			strnlen(result->message, sizeof(result->message)));
	} else if (result->flags & RESULT_STUCK) {
		ret->verdict = VERDICT_FINDING;
		text_addf(&title, "rmaptorture: tasks stuck after kill in %s",
			stuck_op(prog, result));
		text_addf(&detail, "the program's tasks did not die after "
				   "cgroup.kill");
	} else if (result->flags & RESULT_SPUN) {
		ret->verdict = VERDICT_FINDING;
		text_addf(&title, "rmaptorture: %s does not end",
			stuck_op(prog, result));
		text_addf(&detail, "for half of the program's time no call "
				   "returned, and the kernel was busy");
	} else if (rmap_is_bad(prog, result)) {
		ret->verdict = VERDICT_FINDING;
		text_addf(&title, "rmaptorture: rmap_fsck found errors");
		text_addf(&detail,
			"of processes 0x%x at their end, or where "
			"the program asked: see the console",
			result->bad_rmap);
	} else if (judge_leak(result, &title, &detail)) {
		ret->verdict = VERDICT_FINDING;
	} else if (!(result->flags & RESULT_OOM)) {
		judge_contents(prog, result, &title, &detail, &ret->verdict);
	}
}
