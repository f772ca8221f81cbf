/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The C program of a program: pieces of a fixed runtime, and a table with one
 * line a call.
 *
 * The first process of the C program conducts: it gives each call its turn,
 * waits until it is made (or, async, begun), and buries the dead; the processes
 * of the program are all its children (CLONE_PARENT). In the table, a plain
 * system call is there with its arguments; the other kinds have a function in
 * the runtime, a piece each.
 */
#include "csource/csource.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <stdio.h>
#include <string.h>

#include "prog/stamp.h"

/* The file RUNTIME as it is, and a 0 */
extern const char runtime[];
__asm__(".pushsection .rodata\n"
	"runtime: .incbin \"" RUNTIME "\"\n"
	".byte 0\n"
	".popsection\n");

/* A piece goes from behind the line with its name to the next such line, or to
 * the end */
static void add_piece(struct text *out, const char *name)
{
	char mark[64];
	const char *begin, *end;

	snprintf(mark, sizeof(mark), "/* === %s === */\n", name);
	begin = strstr(runtime, mark) + strlen(mark);
	end = strstr(begin, "/* === ");
	text_add(out, begin, end ? (size_t)(end - begin) : strlen(begin));
}

/* The piece, and behind make_ the function, that makes a call of each kind */
static const char *const makers[RUN_KINDS] = {
	[RUN_SYSCALL] = "syscall",
	[RUN_MMAP] = "mmap",
	[RUN_BRK] = "brk",
	[RUN_TOUCH] = "touch",
	[RUN_POKE] = "poke",
	[RUN_EXPECT] = "expect",
	[RUN_FORK] = "fork",
	[RUN_EXIT] = "exit",
	[RUN_WAIT] = "wait",
	[RUN_BARRIER] = "barrier",
	[RUN_MOVE_PAGES] = "move_pages",
	[RUN_MIGRATE_PAGES] = "migrate_pages",
	[RUN_MBIND] = "mbind",
	[RUN_SPLIT] = "split",
	[RUN_RECLAIM] = "reclaim",
	[RUN_COMPACT] = "compact",
	[RUN_MERGE_ANY] = "merge_any",
	[RUN_SWAPOFF] = "swapoff",
	[RUN_RMAP_FSCK] = "rmap_fsck",
	[RUN_PIN] = "pin",
	[RUN_UNPIN] = "unpin",
	[RUN_VMSPLICE] = "vmsplice",
	[RUN_DRAIN] = "drain",
	[RUN_UFFD_MOVE] = "uffd_move",
	[RUN_UFFD_COPY] = "uffd_copy",
	[RUN_UFFD_WP] = "uffd_wp",
	[RUN_EXPECT_WP] = "expect_wp",
	[RUN_CLEAR_REFS] = "clear_refs",
	[RUN_EXPECT_DIRTY] = "expect_dirty",
	[RUN_SPAWN] = "spawn",
	[RUN_KHUGEPAGED] = "khugepaged",
	[RUN_KSM] = "ksm",
};

/* flags, number of the file in make_mmap() */
static const uint32_t backings[][2] = {
	[BACKING_ANON] = {MAP_PRIVATE | MAP_ANONYMOUS, 0},
	[BACKING_SHARED] = {MAP_SHARED | MAP_ANONYMOUS, 0},
	[BACKING_FILE] = {MAP_PRIVATE, 1},
	[BACKING_MEMFD] = {MAP_SHARED, 2},
	[BACKING_MEMFD_PRIVATE] = {MAP_PRIVATE, 2},
	[BACKING_STACK] = {MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, 0},
};

static void mmap_args(const struct call *call, uint64_t arg[SYS_ARGS_MAX])
{
	const uint32_t *backing = backings[call_bits(call, 2)];

	arg[2] = call_bits(call, 1);
	arg[3] = backing[0] | MAP_FIXED;
	arg[4] = backing[1];
	arg[5] = backing[1] ? call->arg[0].range.page * PROG_PAGE_SIZE : 0;
}

/* As the maker of its kind takes them, see the runtime */
static void call_args(
	const struct prog *prog, uint32_t i, uint64_t arg[SYS_ARGS_MAX])
{
	const struct call *call = &prog->call[i];
	const struct range *range = &call->arg[0].range;
	enum run_kind run = ops[call->op].run;
	bool writes = effect_stamps(ops[call->op].effect);

	call_sys_args(call, arg);
	if (run == RUN_SYSCALL)
		return;
	if (ops[call->op].arg[0].kind != ARG_RANGE) {
		arg[0] = call->arg[0].num;
		if (run == RUN_RECLAIM)
			arg[0] *= PROG_PAGE_SIZE;
		return;
	}
	arg[0] = prog_addr(range->slot, range->page);
	arg[1] = (uint64_t)range->pages * PROG_PAGE_SIZE;
	if (writes || run == RUN_EXPECT || run == RUN_MOVE_PAGES)
		arg[1] = range->pages;
	if (run == RUN_MMAP) {
		mmap_args(call, arg);
	} else if (writes) {
		arg[2] = stamp_low(
			call_stamp(call, i, range->slot, range->page));
		arg[3] = call->op != OP_FILL;
	} else if (effect_observes(ops[call->op].effect)) {
		arg[2] = range->page;
	} else if (run == RUN_UFFD_MOVE) {
		range = &call->arg[1].range;
		arg[2] = prog_addr(range->slot, range->page);
		arg[3] = (uint64_t)range->pages * PROG_PAGE_SIZE;
	} else {
		arg[2] = call_bits(call, 1);
		arg[3] = call_bits(call, 2);
		if (ops[call->op].arg[2].kind == ARG_FLAGS && !arg[3])
			arg[3] = MPOL_MF_MOVE;
	}
}

/* How call @i meets a later one: as the program says; where it would wait for
 * it inside the kernel, at once; NULL: it does not */
static const struct stall *met_by(const struct prog *prog, uint32_t i)
{
	const struct stall *stall = call_stall(prog, i);

	return stall && stall->until > i ? stall : NULL;
}

static void add_lateness(const struct stall *stall, struct text *out)
{
	if (!stall_is_meeting(stall))
		text_addf(out, "SWEEP");
	else
		text_addf(out, "%s%u", stall->hit == MEET_LATER ? "" : "-",
			stall->offset);
}

static void call_line(const struct prog *prog, uint32_t i, struct text *out)
{
	const struct call *call = &prog->call[i];
	const struct op *op = &ops[call->op];
	const struct stall *stall = met_by(prog, i);
	uint64_t arg[SYS_ARGS_MAX] = {0};

	call_args(prog, i, arg);
	text_addf(out, "\t{ %u, %u, %d, %u, %d, %u, ", call->proc, call->thread,
		((call->props & CALL_ASYNC) || call_stall(prog, i)) &&
			op->run != RUN_BARRIER,
		call->fail, (call->props & CALL_FAIL_FROM) != 0,
		stall ? stall->until : 0);
	if (stall)
		add_lateness(stall, out);
	else
		text_addf(out, "0");
	text_addf(out, ", make_%s, %ld, {", makers[op->run], op->nr);
	for (uint32_t k = 0; k < SYS_ARGS_MAX; k++)
		text_addf(out, "%s 0x%llx", k ? "," : "",
			(unsigned long long)arg[k]);
	text_addf(out, " },\n\t\t\"");
	call_print(prog, i, out);
	text_addf(out, "\" },\n");
}

static bool prog_fails(const struct prog *prog)
{
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		if (prog->call[i].fail)
			return true;
	}
	return false;
}

static bool maps_file(const struct prog *prog)
{
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		const struct call *call = &prog->call[i];

		if (ops[call->op].run == RUN_MMAP &&
			call_bits(call, 2) == BACKING_FILE)
			return true;
	}
	return false;
}

static bool prog_runs(const struct prog *prog, uint32_t run)
{
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		if (ops[prog->call[i].op].run == run)
			return true;
	}
	return false;
}

/* The piece that sees what is wrong: a bit of the page table, or contents */
static const char *wrong_piece(const struct mismatch *bad)
{
	if (bad->seen == OBS_WP || bad->seen == OBS_NO_WP)
		return "wrong uffd-wp bit";
	return bad->seen == OBS_CLEAN ? "wrong soft-dirty bit"
				      : "wrong contents";
}

/* Which page is wrong when it holds what */
static void add_wrong(const struct mismatch *bad, struct text *out)
{
	text_addf(out,
		"/* process, call (-1: at its end), address, what the page "
		"must not hold */\n"
		"static const struct wrong wrong = {\n\t%u, %d, 0x%llx, "
		"0x%llx,\n\t\"",
		bad->proc, (int)bad->call,
		(unsigned long long)prog_addr(bad->at.slot, bad->at.page),
		(unsigned long long)bad->seen);
	mismatch_describe(bad, out);
	text_addf(out, "\"\n};\n");
}

/* The piece that makers of two kinds stand on */
static const struct {
	const char *piece;
	enum run_kind runs[2];
} bases[] = {
	{"pagemap", {RUN_EXPECT_WP, RUN_EXPECT_DIRTY}},
	{"uffd", {RUN_UFFD_MOVE, RUN_UFFD_COPY}},
	{"daemon", {RUN_KSM, RUN_KHUGEPAGED}},
};

static void add_bases(const struct prog *prog, struct text *out)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(bases); i++) {
		if (prog_runs(prog, bases[i].runs[0]) ||
			prog_runs(prog, bases[i].runs[1]))
			add_piece(out, bases[i].piece);
	}
}

int prog_c_source(
	const struct prog *prog, const struct mismatch *bad, struct text *out)
{
	text_addf(out,
		"/*\n * gcc -static -pthread -o repro repro.c && ./repro "
		"[TIMES [check]]\n"
		" * Some calls need root. The program%s:\n *\n",
		bad ? "; exit status 1: a page is wrong" : "");
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		text_addf(out, " * %2u  ", i);
		call_print(prog, i, out);
		text_addf(out, "\n");
	}
	if (prog->nr_stalls)
		text_addf(out,
			" *\n * A call with stall= waits at that point of the "
			"kernel only under rmaptorture\n * and with its "
			"KCOV_STALL patch; here it begins together with call "
			"until=,\n * in each of 20 runs earlier by another "
			"share of its own time.\n");
	text_addf(out, " */\n#define NR_CALLS %u\n#define FILE_PAGES %u\n",
		prog->nr_calls, maps_file(prog) ? PROG_SLOT_PAGES : 0);
	add_piece(out, "begin");
	add_bases(prog, out);
	for (uint32_t run = 0; run < RUN_KINDS; run++) {
		if (run == RUN_BARRIER || prog_runs(prog, run))
			add_piece(out, makers[run]);
	}
	add_piece(out, prog_fails(prog) ? "fails" : "no fails");
	add_piece(out, prog_runs(prog, RUN_RECLAIM) ? "locks" : "no locks");
	add_piece(out, prog->nr_stalls ? "meets" : "no meets");
	if (bad) {
		add_piece(out, wrong_piece(bad));
		add_wrong(bad, out);
	}
	add_piece(out, bad ? "wrong" : "nothing wrong");
	text_addf(out,
		"/* process, thread, async, fail, fail_all, meet, late, maker, "
		"number of the system "
		"call, arguments, text */\n"
		"static const struct call calls[NR_CALLS + 1] = {\n");
	for (uint32_t i = 0; i < prog->nr_calls; i++)
		call_line(prog, i, out);
	text_addf(out, "\t{ 0, 0, 0, 0, 0, 0, 0, make_barrier, 0, { 0 }, \"\" "
		       "},\n};\n\n");
	add_piece(out, "end");
	return out->full ? -ENOSPC : 0;
}
