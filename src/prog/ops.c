/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables of ops.def and values.def, and what follows from a row. */
#include "prog/result.h"

#include <asm/unistd.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/syscall.h>

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE /* Linux 6.1 */
#define MADV_COLLAPSE 25
#endif

#define VALUE(s, n, ...) {.set = VALUES_##s, .name = n, .bits = __VA_ARGS__},
static const struct value values[] = {
#include "prog/values.def"
};
#undef VALUE

/* clang-format off */
#define RANGE		 { .kind = ARG_RANGE }
#define ENUM(s)		 { .kind = ARG_ENUM, .set = VALUES_##s }
#define FLAGS(s)	 { .kind = ARG_FLAGS, .set = VALUES_##s }
#define NUM(n, lo, hi)	 { .kind = ARG_NUM, .name = #n, .min = lo, .max = hi }
#define NUM_NEEDS(n, lo, hi, caps) \
	{ .kind = ARG_NUM, .name = #n, .min = lo, .max = hi, .needs = caps }
#define ACTOR		 { .kind = ARG_ACTOR }
#define SA_ADDR(i)	 { .kind = SYS_ARG_ADDR, .arg = i }
#define SA_LEN(i)	 { .kind = SYS_ARG_LEN, .arg = i }
#define SA_VALUE(i)	 { .kind = SYS_ARG_VALUE, .arg = i }
#define SA_BITS(i, bits) { .kind = SYS_ARG_VALUE, .arg = i, .base = bits }
#define SA_PAGES(i)	 { .kind = SYS_ARG_PAGES, .arg = i }
/* clang-format on */
#define OP(id, ...) [OP_##id] = {__VA_ARGS__},
const struct op ops[OP_COUNT] = {
#include "prog/ops.def"
};
#undef OP

static const struct {
	const char *name, *lack;
} caps[CAP_COUNT] = {
	{"kcov", "no coverage: needs CONFIG_KCOV and debugfs"},
	{"kcov_map", "coverage is folded in user space, slower: needs the "
		     "kcov patch of vm-images/patches/harness"},
	{"kcov_prune", "busy KCOV sites stay, slower: needs the kcov patch "
		       "of vm-images/patches/harness"},
	{"numa", "no page migration between nodes: needs CONFIG_NUMA and two "
		 "nodes with memory"},
	{"swap", "nothing is swapped out: needs CONFIG_SWAP, CONFIG_ZRAM"},
	{"memcg", "no memory.reclaim: needs CONFIG_MEMCG and cgroup2 (5.19)"},
	{"thp", "no huge pages: needs CONFIG_TRANSPARENT_HUGEPAGE"},
	{"ksm", "no merged pages: needs CONFIG_KSM"},
	{"split", "no split of huge pages by hand: needs "
		  "CONFIG_TRANSPARENT_HUGEPAGE and debugfs (5.13)"},
	{"cgroup_kill", "programs are killed task by task: needs cgroup.kill "
			"(5.14)"},
	{"split_order", "huge pages are split to single pages only: needs "
			"split_huge_pages with an order (6.9)"},
	{"fail", "no allocation fails: needs CONFIG_FAILSLAB, "
		 "CONFIG_FAIL_PAGE_ALLOC, CONFIG_FAULT_INJECTION_DEBUG_FS"},
	{"kcov_stall", "stalled calls only race: needs the kcov_stall patch of "
		       "vm-images/patches/harness"},
	{"rmap_fsck", "mappings that no rmap walk finds stay unseen: needs the "
		      "rmap_fsck patch of vm-images/patches/harness"},
	{"io_uring", "no page is pinned: needs CONFIG_IO_URING"},
	{"uffd_move", "no page is moved by UFFDIO_MOVE: needs "
		      "CONFIG_USERFAULTFD (6.8)"},
	{"uffd_wp", "no page is tracked by userfaultfd: needs "
		    "CONFIG_PTE_MARKER_UFFD_WP, CONFIG_PROC_PAGE_MONITOR "
		    "(6.7)"},
	{"soft_dirty", "no soft-dirty bits: needs CONFIG_MEM_SOFT_DIRTY"},
	{"swap_count",
		"lost swap is not told: needs a kernel without swap slot "
		"caches (harness patch 0011)"},
	{"swapoff", "swap is not turned off: needs the swap of our own guest"},
	{"force", "no page is written as a debugger does it: needs "
		  "/proc/self/mem, proc_mem.force_override=always"},
	{"uffd_copy", "no page is brought by UFFDIO_COPY: needs "
		      "CONFIG_USERFAULTFD"},
	{"compact", "memory is not compacted: needs CONFIG_COMPACTION"},
	{"merge_any", "no process is merged as a whole: needs CONFIG_KSM "
		      "(6.4)"},
	{"khugepaged", "no huge page is made by khugepaged: needs "
		       "CONFIG_TRANSPARENT_HUGEPAGE"},
	{"spawn", "no program is executed: needs binfmt_elf; in user space "
		  "relocate_vma_down() (6.12)"},
};

const char *cap_name(unsigned int bit)
{
	return bit < CAP_COUNT ? caps[bit].name : "unknown";
}

const char *cap_lack(unsigned int bit)
{
	return bit < CAP_COUNT ? caps[bit].lack : "unknown capability";
}

const struct value *values_of(enum value_set set, uint32_t *ret_nr)
{
	uint32_t first = 0;
	uint32_t nr = 0;

	while (first < ARRAY_SIZE(values) && values[first].set != set)
		first++;
	while (first + nr < ARRAY_SIZE(values) && values[first + nr].set == set)
		nr++;
	*ret_nr = nr;
	return nr ? &values[first] : NULL;
}

static uint32_t hash_string(uint32_t hash, const char *s)
{
	return s ? (uint32_t)(hash * 31 + hash_bytes(s, strlen(s))) : hash;
}

uint32_t ops_hash(void)
{
	uint32_t hash = PROG_CALLS_MAX * 31 + CALL_PROPS;

	for (uint32_t i = 0; i < OP_COUNT; i++) {
		hash = hash_string(hash, ops[i].name);
		for (uint32_t k = 0; k < PROG_ARGS_MAX; k++) {
			const struct arg_desc *desc = &ops[i].arg[k];

			hash = hash_string(hash * 31 + desc->kind, desc->name);
			hash = (hash * 31 + desc->min) * 31 + desc->max;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		hash = hash_string(hash * 31 + values[i].set, values[i].name);
	return hash;
}

bool call_advises(const struct call *call, uint64_t advice)
{
	return call->op == OP_MADVISE && call_bits(call, 1) == advice;
}

bool call_merges(const struct call *call)
{
	return call_advises(call, MADV_MERGEABLE) ||
	       (call->op == OP_MERGE_ANY && call->arg[0].num);
}

/*
 * Slots are 16 MiB apart, so that a range that grows past its slot's end (by
 * resize) stays clear of the next slot.
 */
uint64_t prog_addr(uint32_t slot, uint32_t page)
{
	uint64_t addr = 0x100000000000u + ((uint64_t)slot << 24);

	if (slot & 1)
		addr += (2u << 20) - 16 * PROG_PAGE_SIZE;
	return addr + (uint64_t)page * PROG_PAGE_SIZE;
}

bool range_has(const struct range *range, uint32_t pages, struct page_at at)
{
	return range->slot == at.slot && at.page >= range->page &&
	       at.page < range->page + pages;
}

bool ranges_overlap(const struct range *a, const struct range *b)
{
	return a->slot == b->slot && a->page < b->page + b->pages &&
	       b->page < a->page + a->pages;
}

bool ranges_fit(const struct range *a, const struct range *b)
{
	return a->pages == b->pages && !ranges_overlap(a, b);
}

enum effect call_effect(const struct call *call)
{
	const struct op *op = &ops[call->op];
	uint32_t nr;

	if (op->effect != EFFECT_FROM_VALUE)
		return op->effect;
	for (uint32_t i = 0; i < PROG_ARGS_MAX; i++) {
		if (op->arg[i].kind == ARG_ENUM)
			return values_of(op->arg[i].set, &nr)[call->arg[i].num]
				.effect;
	}
	return EFFECT_KEEPS;
}

/* Of one ENUM or FLAGS argument: all its named values, or'ed together */
static void value_sum(
	const struct arg_desc *desc, uint64_t num, struct value *ret)
{
	uint32_t nr;
	const struct value *set = values_of(desc->set, &nr);

	*ret = (struct value){0};
	for (uint32_t i = 0; i < nr; i++) {
		if (desc->kind == ARG_ENUM ? num == i : num >> i & 1) {
			ret->bits |= set[i].bits;
			ret->needs |= set[i].needs;
		}
	}
}

uint32_t call_needs(const struct call *call)
{
	const struct op *op = &ops[call->op];
	uint32_t needs = op->needs;
	struct value sum;

	for (uint32_t i = 0; i < PROG_ARGS_MAX; i++) {
		const struct arg_desc *desc = &op->arg[i];

		if (desc->kind == ARG_ENUM || desc->kind == ARG_FLAGS) {
			value_sum(desc, call->arg[i].num, &sum);
			needs |= sum.needs;
		} else if (desc->kind == ARG_NUM && call->arg[i].num) {
			needs |= desc->needs;
		}
	}
	if (call->fail)
		needs |= CAP_FAIL;
	return needs;
}

uint64_t call_bits(const struct call *call, uint32_t arg)
{
	const struct arg_desc *desc = &ops[call->op].arg[arg];
	struct value sum;

	if (desc->kind != ARG_ENUM && desc->kind != ARG_FLAGS)
		return call->arg[arg].num;
	value_sum(desc, call->arg[arg].num, &sum);
	return sum.bits;
}

void call_sys_args(const struct call *call, uint64_t ret[SYS_ARGS_MAX])
{
	const struct sys_arg *sys = ops[call->op].sys;

	for (uint32_t i = 0; i < SYS_ARGS_MAX; i++) {
		const union arg *arg = &call->arg[sys[i].arg];
		const struct range *range = &arg->range;

		ret[i] = 0;
		if (sys[i].kind == SYS_ARG_ADDR)
			ret[i] = prog_addr(range->slot, range->page);
		else if (sys[i].kind == SYS_ARG_LEN)
			ret[i] = (uint64_t)range->pages * PROG_PAGE_SIZE;
		else if (sys[i].kind == SYS_ARG_VALUE)
			ret[i] = call_bits(call, sys[i].arg) | sys[i].base;
		else if (sys[i].kind == SYS_ARG_PAGES)
			ret[i] = arg->num * PROG_PAGE_SIZE;
	}
}

uint32_t prog_threads(const struct prog *prog, uint32_t proc)
{
	uint32_t threads = 1;

	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		if (prog->call[i].proc == proc)
			threads |= 1u << prog->call[i].thread;
	}
	return threads;
}

bool result_leaks(const struct prog_result *result)
{
	for (enum leak kind = 0; kind < LEAK_KINDS; kind++)
		if (result->leaked[kind])
			return true;
	return false;
}

const char *leak_name(enum leak kind)
{
	static const char *const names[LEAK_KINDS] = {
		[LEAK_ANON_VMA] = "anon_vma",
		[LEAK_ANON_VMA_CHAIN] = "anon_vma_chain",
		[LEAK_ANON_LAZY] = "anon_lazy",
		[LEAK_MM_STRUCT] = "mm_struct",
		[LEAK_PAGES] = "pages",
		[LEAK_SWAP] = "swap",
	};

	return names[kind];
}

const char *call_state_name(uint8_t state)
{
	static const char *const names[CALL_STATES] = {
		[CALL_NOT_RUN] = "not run",
		[CALL_STARTED] = "started",
		[CALL_DONE] = "done",
		[CALL_SKIPPED] = "skipped",
	};

	return names[state < CALL_STATES ? state : CALL_NOT_RUN];
}
