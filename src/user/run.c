/* SPDX-License-Identifier: GPL-2.0-only */
/* run: a program is made, call by call, on a model of processes. */
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "user/run.h"
#include "user/sched.h"

/* ---- what this tier can do ---- */

enum way { WAY_NONE, WAY_CALL, WAY_OWN };

/* One row an op of ops.def; those without a row are skipped. */
static const struct {
	enum way way;
	enum model_call call;
} ways[OP_COUNT] = {
	[OP_MMAP] = {WAY_CALL, MODEL_MMAP},
	[OP_BRK] = {WAY_CALL, MODEL_BRK},
	[OP_MUNMAP] = {WAY_CALL, MODEL_MUNMAP},
	[OP_MREMAP] = {WAY_CALL, MODEL_MREMAP},
	[OP_RESIZE] = {WAY_CALL, MODEL_MREMAP},
	[OP_MPROTECT] = {WAY_CALL, MODEL_MPROTECT},
	[OP_MADVISE] = {WAY_CALL, MODEL_MADVISE},
	[OP_MLOCK] = {WAY_CALL, MODEL_MLOCK},
	[OP_MUNLOCK] = {WAY_CALL, MODEL_MUNLOCK},
	[OP_TOUCH] = {WAY_OWN, 0},
	[OP_POKE] = {WAY_OWN, 0},
	[OP_FILL] = {WAY_OWN, 0},
	[OP_EXPECT] = {WAY_OWN, 0},
	[OP_MOVE_PAGES] = {WAY_OWN, 0},
	[OP_RECLAIM] = {WAY_OWN, 0},
	[OP_COMPACT] = {WAY_OWN, 0},
	[OP_SPLIT] = {WAY_OWN, 0},
	[OP_FORK] = {WAY_OWN, 0},
	[OP_SPAWN] = {WAY_OWN, 0},
	[OP_EXIT] = {WAY_OWN, 0},
	[OP_UFFD_MOVE] = {WAY_OWN, 0},
	[OP_UFFD_COPY] = {WAY_OWN, 0},
	[OP_UFFD_WP] = {WAY_OWN, 0},
	[OP_EXPECT_WP] = {WAY_OWN, 0},
	[OP_CLEAR_REFS] = {WAY_OWN, 0},
	[OP_EXPECT_DIRTY] = {WAY_OWN, 0},
	[OP_KSM] = {WAY_OWN, 0},
	[OP_KHUGEPAGED] = {WAY_OWN, 0},
	[OP_MERGE_ANY] = {WAY_OWN, 0},
	[OP_PIN] = {WAY_OWN, 0},
	[OP_UNPIN] = {WAY_OWN, 0},
	[OP_VMSPLICE] = {WAY_OWN, 0},
	[OP_DRAIN] = {WAY_OWN, 0},
};

uint32_t user_caps(void)
{
	uint32_t caps = CAP_FAIL | CAP_SWAP | CAP_MEMCG | CAP_NUMA | CAP_KSM |
			CAP_THP | CAP_SPLIT | CAP_IO_URING | CAP_FORCE |
			CAP_COMPACT | CAP_KHUGEPAGED;

	if (model_splits_to_orders())
		caps |= CAP_SPLIT_ORDER;
	if (model_has_uffd())
		caps |= CAP_UFFD_MOVE | CAP_UFFD_COPY | CAP_UFFD_WP;
	if (model_has_spawn())
		caps |= CAP_SPAWN;
	if (model_has_merge_any())
		caps |= CAP_MERGE_ANY;
	if (model_has_soft_dirty())
		caps |= CAP_SOFT_DIRTY;
	return caps;
}

bool user_supports(const struct call *call)
{
	if (ways[call->op].way == WAY_NONE || (call_needs(call) & ~user_caps()))
		return false;
	return call->op != OP_MMAP || call_bits(call, 2) == BACKING_ANON ||
	       call_bits(call, 2) == BACKING_STACK ||
	       call_bits(call, 2) == BACKING_FILE;
}

static void make_anonymous(struct call *call)
{
	const struct value *row;
	uint32_t nr;

	row = values_of(VALUES_backing, &nr);
	for (uint32_t i = 0; i < nr; i++) {
		if (row[i].bits == BACKING_ANON)
			call->arg[2].num = i;
	}
}

void user_adapt(struct prog *prog, bool overlaps)
{
	for (uint32_t i = prog->nr_calls; i-- > 0;) {
		struct call *call = &prog->call[i];

		if (call->op == OP_MMAP && !user_supports(call))
			make_anonymous(call);
		if (!overlaps) {
			call->props &= CALL_FAIL_FROM;
			call->thread = 0;
		}
		if (!user_supports(call))
			prog_cut(prog, i, 1);
	}
	while (!overlaps && prog->nr_stalls)
		prog_drop_stall(prog, 0);
}

/* ---- one call ---- */

/* As model_call() takes them: the offset in the file is in pages. */
static void mmap_args(const struct call *call, uint64_t arg[SYS_ARGS_MAX])
{
	uint64_t backing = call_bits(call, 2);

	arg[2] = call_bits(call, 1);
	arg[3] = MAP_PRIVATE | MAP_FIXED;
	if (backing == BACKING_FILE)
		arg[5] = call->arg[0].range.page;
	else
		arg[3] |= MAP_ANONYMOUS;
	if (backing == BACKING_STACK)
		arg[3] |= MAP_GROWSDOWN;
}

static long run_call(const struct call *call)
{
	const struct range *range = &call->arg[0].range;
	uint64_t arg[SYS_ARGS_MAX] = {0};
	unsigned long args[6];

	call_sys_args(call, arg);
	if (ops[call->op].run != RUN_SYSCALL) {
		arg[0] = prog_addr(range->slot, range->page);
		arg[1] = (uint64_t)range->pages * PROG_PAGE_SIZE;
	}
	if (call->op == OP_MMAP)
		mmap_args(call, arg);
	for (unsigned int i = 0; i < 6; i++)
		args[i] = arg[i];
	return model_call(call->proc, ways[call->op].call, args);
}

static long run_stores(const struct run *run, uint32_t index,
	int (*store)(
		unsigned int proc, unsigned long addr, unsigned long value))
{
	const struct call *call = &run->prog->call[index];
	const struct range *range = &call->arg[0].range;

	for (uint32_t i = 0; i < range->pages; i++) {
		uint32_t page = range->page + i;
		int err = store(call->proc, prog_addr(range->slot, page),
			call_stamp(call, index, range->slot, page));

		if (!err)
			continue;
		run->result->call[index].ret = i;
		return err;
	}
	return range->pages;
}

static int observe(uint32_t proc, uint32_t slot, uint32_t page, uint64_t *ret)
{
	unsigned long words[3];
	int err = model_load(proc, prog_addr(slot, page), words);

	*ret = OBS_FAULT;
	if (err)
		return err;
	*ret = words[0];
	if (words[0] != words[1] || words[0] != words[2])
		*ret = OBS_TORN;
	return 0;
}

/* Places for what call @index sees of its range; those of a call beside this
 * one come behind. Returns how many. */
static uint32_t obs_take(
	struct prog_result *result, uint32_t index, uint32_t pages)
{
	uint32_t nr = RESULT_OBS_MAX - result->nr_obs;

	nr = nr < pages ? nr : pages;
	result->call[index].obs = result->nr_obs;
	result->call[index].nr_obs = (uint16_t)nr;
	result->nr_obs += nr;
	return nr;
}

static long run_expect(const struct run *run, uint32_t index)
{
	const struct call *call = &run->prog->call[index];
	const struct range *range = &call->arg[0].range;
	struct prog_result *result = run->result;
	uint32_t nr = obs_take(result, index, range->pages);
	long ret = 0;

	for (uint32_t i = 0; i < nr; i++) {
		int err = observe(call->proc, range->slot, range->page + i,
			&result->obs[result->call[index].obs + i]);

		if (err)
			ret = err;
	}
	result->call[index].ret = nr;
	return ret ? ret : (long)nr;
}

static uint64_t observe_wp(uint32_t proc, uint64_t addr)
{
	return model_has_wp(proc, addr) ? OBS_WP : OBS_NO_WP;
}

static uint64_t observe_dirty(uint32_t proc, uint64_t addr)
{
	return model_is_dirty(proc, addr) ? OBS_DIRTY : OBS_CLEAN;
}

static long read_pagemap(const struct run *run, uint32_t index,
	uint64_t (*observe_bit)(uint32_t proc, uint64_t addr))
{
	const struct call *call = &run->prog->call[index];
	const struct range *range = &call->arg[0].range;
	struct prog_result *result = run->result;
	uint32_t nr = obs_take(result, index, range->pages);
	uint64_t *obs = &result->obs[result->call[index].obs];

	for (uint32_t i = 0; i < nr; i++)
		obs[i] = observe_bit(
			call->proc, prog_addr(range->slot, range->page + i));
	return nr;
}

static long run_fork(const struct call *call)
{
	static bool born[PROG_PROCS]; /* by a call under way */
	unsigned int child = (unsigned int)call->arg[0].num;
	long ret;

	if (born[child] || model_is_alive(child))
		return -EEXIST;
	born[child] = true;
	ret = model_fork(call->proc, child);
	born[child] = false;
	return ret;
}

/* The oracles look at the new program while it is there, and nobody else is
 * under way. */
static long run_spawn(const struct run *run, const struct call *call)
{
	long err = model_spawn(call->proc, (unsigned int)call->arg[0].num);

	if (err)
		return err;
	if (!fiber_used)
		model_check(run->options->checks, "spawn");
	model_spawn_end();
	return 0;
}

static long run_split(const struct call *call)
{
	const struct range *range = &call->arg[0].range;
	uint64_t order = call->arg[1].num;

	/* Anonymous folios have no order 1: refused, and with a WARN. */
	if (order == 1)
		return -EINVAL;
	return model_split(call->proc, prog_addr(range->slot, range->page),
		(uint64_t)range->pages * PROG_PAGE_SIZE, (unsigned int)order);
}

/* As src/exec/handlers.c has it */
static long run_uffd_move(const struct call *call)
{
	const struct range *from = &call->arg[0].range;
	const struct range *to = &call->arg[1].range;
	long err;

	if (!ranges_fit(from, to))
		return -EINVAL;
	err = model_uffd_move(call->proc, prog_addr(from->slot, from->page),
		prog_addr(to->slot, to->page),
		(uint64_t)from->pages * PROG_PAGE_SIZE);
	return err ? err : from->pages;
}

static long run_uffd_copy(const struct run *run, uint32_t index)
{
	const struct call *call = &run->prog->call[index];
	const struct range *range = &call->arg[0].range;
	uint64_t addr = prog_addr(range->slot, range->page);
	long ret = model_uffd_take(
		call->proc, addr, (uint64_t)range->pages * PROG_PAGE_SIZE);

	if (ret)
		return ret;
	ret = run_stores(run, index, model_uffd_copy);
	model_uffd_let(call->proc);
	return ret;
}

static long run_own(const struct run *run, uint32_t index)
{
	const struct call *call = &run->prog->call[index];
	const struct range *range = &call->arg[0].range;

	switch (ops[call->op].run) {
	case RUN_TOUCH:
		return run_stores(run, index, model_store);
	case RUN_POKE:
		return run_stores(run, index, model_poke);
	case RUN_EXPECT:
		return run_expect(run, index);
	case RUN_FORK:
		return run_fork(call);
	case RUN_SPAWN:
		return run_spawn(run, call);
	case RUN_MOVE_PAGES:
		return model_move(call->proc,
			prog_addr(range->slot, range->page), range->pages,
			call_bits(call, 2) == MPOL_MF_MOVE_ALL);
	case RUN_SPLIT:
		return run_split(call);
	case RUN_RECLAIM:
		return model_reclaim(call->proc, call->arg[0].num);
	case RUN_COMPACT:
		return model_compact(call->proc);
	case RUN_PIN:
		return model_pin(call->proc,
			prog_addr(range->slot, range->page), range->pages);
	case RUN_UNPIN:
		model_unpin();
		return 0;
	case RUN_VMSPLICE:
		return model_splice(call->proc,
			prog_addr(range->slot, range->page), range->pages);
	case RUN_DRAIN:
		model_drain();
		return 0;
	case RUN_UFFD_MOVE:
		return run_uffd_move(call);
	case RUN_UFFD_COPY:
		return run_uffd_copy(run, index);
	case RUN_UFFD_WP:
		return model_uffd_wp(call->proc,
			prog_addr(range->slot, range->page),
			(uint64_t)range->pages * PROG_PAGE_SIZE);
	case RUN_EXPECT_WP:
		return read_pagemap(run, index, observe_wp);
	case RUN_CLEAR_REFS:
		model_clear_refs(call->proc);
		return 0;
	case RUN_EXPECT_DIRTY:
		return read_pagemap(run, index, observe_dirty);
	case RUN_MERGE_ANY:
		return model_merge_any(call->proc, call->arg[0].num != 0);
	case RUN_KSM:
		model_ksm(call->proc);
		return 0;
	case RUN_KHUGEPAGED:
		model_khugepaged(call->proc);
		return 0;
	default:
		model_exit(call->proc);
		return 0;
	}
}

bool call_can(const struct run *run, uint32_t index)
{
	const struct call *call = &run->prog->call[index];
	struct call_result *result = &run->result->call[index];

	run->stats->calls++;
	result->state = CALL_SKIPPED;
	result->err = -ESRCH;
	if (!model_is_alive(call->proc))
		return false;
	result->err = -ENOSYS;
	if (user_supports(call))
		return true;
	run->stats->skipped++;
	return false;
}

void call_make(const struct run *run, uint32_t index)
{
	const struct call *call = &run->prog->call[index];
	struct call_result *result = &run->result->call[index];
	long ret;

	result->state = CALL_STARTED;
	model_fail_nth(call->fail, call->props & CALL_FAIL_FROM);
	ret = ways[call->op].way == WAY_CALL ? run_call(call)
					     : run_own(run, index);
	model_fail_nth(0, 0);
	result->state = CALL_DONE;
	result->err = ret < 0 ? (int32_t)ret : 0;
	if (ret >= 0)
		result->ret = ret;
	if (ret == -ENOMEM && ways[call->op].way == WAY_OWN)
		run->result->flags |= RESULT_OOM;
}

static void stall_tell(const struct run *run, const struct stall *stall)
{
	const struct stall_result *result =
		&run->result->stall[stall - run->prog->stall];

	fprintf(stderr, USER_RESULT "      %s: %s\n",
		stall_is_meeting(stall) ? "meeting" : stall->symbol,
		stall_outcome_name(result->outcome));
}

void call_tell(const struct run *run, uint32_t index)
{
	const struct call_result *result = &run->result->call[index];
	const struct stall *stall = call_stall(run->prog, index);
	char buf[PROG_TEXT_MAX / 8];
	struct text text;

	if (!run->options->results)
		return;
	text_init(&text, buf, sizeof(buf));
	call_print(run->prog, index, &text);
	fprintf(stderr, USER_RESULT "%2u  %-44s ", index, buf);
	if (result->state != CALL_DONE)
		fprintf(stderr, "%s: ", call_state_name(result->state));
	if (result->err)
		fprintf(stderr, "%s\n", strerror(-result->err));
	else
		fprintf(stderr, "%lld\n", (long long)result->ret);
	if (stall)
		stall_tell(run, stall);
}

void call_check(const struct run *run, uint32_t index)
{
	if (run->result->call[index].state != CALL_DONE)
		return;
	model_check(run->options->checks, ops[run->prog->call[index].op].name);
	run->view->layout[index] = model_layout();
}

/* ---- what the kernel half asks ---- */

unsigned long file_word(unsigned long page)
{
	_Static_assert(MODEL_FILE_PAGES == PROG_SLOT_PAGES,
		"page p of a slot maps page p of the file");
	return prog_file_stamp((uint32_t)page);
}

/* ---- the whole ---- */

static void read_end(const struct run *run)
{
	struct page_at pages[PROG_END_PAGES];
	uint32_t nr = prog_end_pages(run->prog, pages);

	for (uint32_t proc = 0; proc < PROG_PROCS; proc++) {
		if (!model_is_alive(proc))
			continue;
		run->result->live |= 1u << proc;
		for (uint32_t i = 0; i < nr; i++) {
			if (observe(proc, pages[i].slot, pages[i].page,
				    &run->result->end[proc][i]) == -ENOMEM)
				run->result->flags |= RESULT_OOM;
		}
	}
}

static void result_clear(struct prog_result *result, uint32_t nr_calls)
{
	result->flags = result->us = result->nr_obs = result->live = 0;
	result->died = result->nr_pcs = 0;
	result->fscked = result->bad_rmap = 0;
	result->message[0] = '\0';
	memset(result->call, 0, nr_calls * sizeof(result->call[0]));
}

static void run_in_turn(const struct run *run)
{
	for (uint32_t i = 0; i < run->prog->nr_calls; i++) {
		if (call_can(run, i))
			call_make(run, i);
		call_tell(run, i);
		call_check(run, i);
	}
}

void user_run(const struct prog *prog, const struct user_options *options,
	struct user_stats *stats, struct user_view *ret)
{
	struct run run = {prog, options, stats, &ret->result, ret};

	_Static_assert(PROG_PROCS <= MODEL_PROCS, "processes of the model");
	result_clear(&ret->result, prog->nr_calls);
	stats->programs++;
	if (model_begin())
		broken("no memory for the first process");
	memset(ret->layout, 0, sizeof(ret->layout));
	if (sched_wants(prog))
		sched_run(&run);
	else
		run_in_turn(&run);
	read_end(&run);
	model_check(options->end_checks, "the end");
	model_policy(&ret->policy);
	model_end();
}
