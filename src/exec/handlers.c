/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handlers: how an actor makes a call of each kind. A handler returns the
 * call's value or a negative errno. Raw system calls only: see raw.h.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "exec/handlers.h"
#include "exec/raw.h"

#define MOVE_CHUNK 256 /* pages of one move_pages(2): they are on the stack */

static long run_syscall(const struct making *m)
{
	uint64_t arg[SYS_ARGS_MAX];

	call_sys_args(m->call, arg);
	return raw6(ops[m->call->op].nr, (long)arg[0], (long)arg[1],
		(long)arg[2], (long)arg[3], (long)arg[4], (long)arg[5]);
}

static const struct {
	int flags;
	bool file, memfd;
} backings[] = {
	[BACKING_ANON] = {.flags = MAP_PRIVATE | MAP_ANONYMOUS},
	[BACKING_SHARED] = {.flags = MAP_SHARED | MAP_ANONYMOUS},
	[BACKING_FILE] = {.flags = MAP_PRIVATE, .file = true},
	[BACKING_MEMFD] = {.flags = MAP_SHARED, .memfd = true},
	[BACKING_MEMFD_PRIVATE] = {.flags = MAP_PRIVATE, .memfd = true},
	[BACKING_STACK] = {.flags =
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN},
};

static long run_mmap(const struct making *m)
{
	const struct lane *lane = m->actor->lane;
	const struct range *range = &m->call->arg[0].range;
	uint64_t backing = call_bits(m->call, 2);
	int fd = -1;

	if (backing >= ARRAY_SIZE(backings))
		return -EINVAL;
	if (backings[backing].file)
		fd = lane->guest->file_fd;
	if (backings[backing].memfd)
		fd = lane->memfd;
	return raw6(SYS_mmap, (long)range_addr(range), (long)range_len(range),
		(long)call_bits(m->call, 1),
		MAP_FIXED | backings[backing].flags, fd,
		fd < 0 ? 0 : range->page * PROG_PAGE_SIZE);
}

/* The heap begins with the range, where it then grows over it. The kernel wants
 * its start not behind its end, so the end goes there first, and last. */
static long run_brk(const struct making *m)
{
	static const int what[] = {
		PR_SET_MM_BRK, PR_SET_MM_START_BRK, PR_SET_MM_BRK};
	const struct range *range = &m->call->arg[0].range;
	uint64_t addr = range_addr(range), end = addr + range_len(range);
	long ret = 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(what); i++)
		ret = raw6(SYS_prctl, PR_SET_MM, what[i], (long)addr, 0, 0, 0);
	if (ret)
		return ret;
	return (uint64_t)raw1(SYS_brk, (long)end) == end ? 0 : -ENOMEM;
}

/* The child is the worker's, not the actor's: the worker buries all. That it
 * lives was said by call_prepare(). */
static long run_fork(const struct making *m)
{
	struct lane *lane = m->actor->lane;
	uint32_t child = (uint32_t)m->call->arg[0].num;
	long pid;

	if (m->result->err)
		return m->result->err;
	pid = raw_clone(CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD,
		lane->stack[1], &lane->baton->proc[child].pid, actor_start,
		&lane->actor[child][0]);
	if (pid < 0)
		life_fail(lane, child);
	return pid < 0 ? pid : 0;
}

static long run_spawn(const struct making *m)
{
	return spawn(m->actor->lane, (uint32_t)m->call->arg[0].num);
}

static long run_exit(const struct making *m)
{
	__atomic_store_n(&m->actor->lane->baton->proc[m->actor->proc].exiting,
		1, __ATOMIC_SEQ_CST);
	actor_exit();
}

static long run_wait(const struct making *m)
{
	struct lane *lane = m->actor->lane;
	uint32_t child = (uint32_t)m->call->arg[0].num;
	uint32_t life = __atomic_load_n(
		&lane->baton->proc[child].life, __ATOMIC_SEQ_CST);

	if (life == LIFE_NONE || child == m->actor->proc)
		return -ECHILD;
	if (life == LIFE_LIVES && !lane->baton->proc[child].exiting)
		return -EAGAIN;
	life_wait(lane, child);
	return 0;
}

static long run_barrier(const struct making *m)
{
	flight_wait(m->actor);
	return 0;
}

static long move_flags(const struct making *m, uint32_t arg)
{
	long flags = (long)call_bits(m->call, arg);

	return flags ? flags : MPOL_MF_MOVE;
}

/* Returns how many of @nr pages are on the node now, or negative errno. */
static long move_chunk(const struct making *m, uint32_t from, uint32_t nr)
{
	uint64_t addr[MOVE_CHUNK];
	int node[MOVE_CHUNK], status[MOVE_CHUNK];
	long err, moved = 0;

	for (uint32_t i = 0; i < nr; i++) {
		addr[i] = range_addr(&m->call->arg[0].range) +
			  (uint64_t)(from + i) * PROG_PAGE_SIZE;
		node[i] = (int)m->call->arg[1].num;
		status[i] = -1;
	}
	err = raw6(SYS_move_pages, 0, nr, (long)addr, (long)node, (long)status,
		move_flags(m, 2));
	if (err < 0)
		return err;
	for (uint32_t i = 0; i < nr; i++)
		moved += status[i] == node[i];
	return moved;
}

static long run_move_pages(const struct making *m)
{
	uint32_t pages = m->call->arg[0].range.pages, nr;
	long moved = 0;

	for (uint32_t from = 0; from < pages; from += nr) {
		long ret;

		nr = pages - from < MOVE_CHUNK ? pages - from : MOVE_CHUNK;
		ret = move_chunk(m, from, nr);
		if (ret < 0)
			return ret;
		moved += ret;
	}
	return moved;
}

/* maxnode counts one bit more than are read: mm/mempolicy.c, get_nodes() */
#define NODE_BITS 3

static long run_migrate_pages(const struct making *m)
{
	unsigned long to = 1ul << m->call->arg[0].num;
	unsigned long from = to ^ 3;

	return raw4(SYS_migrate_pages, 0, NODE_BITS, (long)&from, (long)&to);
}

static long run_mbind(const struct making *m)
{
	const struct range *range = &m->call->arg[0].range;
	unsigned long mask = 1ul << m->call->arg[1].num;

	return raw6(SYS_mbind, (long)range_addr(range), (long)range_len(range),
		MPOL_BIND, (long)&mask, NODE_BITS, move_flags(m, 2));
}

/* No snprintf(): it may want a TLS. */
static char *put_number(char *to, uint64_t value, uint32_t base)
{
	char digits[24];
	uint32_t nr = 0;

	do
		digits[nr++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (nr)
		*to++ = digits[--nr];
	return to;
}

static char *put_address(char *to, uint64_t addr)
{
	*to++ = ',';
	*to++ = '0';
	*to++ = 'x';
	return put_number(to, addr, 16);
}

static long run_split(const struct making *m)
{
	const struct guest *guest = m->actor->lane->guest;
	const struct range *range = &m->call->arg[0].range;
	uint64_t order = m->call->arg[1].num;
	char text[96], *end;

	if (order && !(guest->caps & CAP_SPLIT_ORDER))
		return -EOPNOTSUPP;
	/* Anonymous folios have no order 1: refused, and with a WARN. */
	if (order == 1)
		return -EINVAL;
	end = put_number(text, (uint64_t)raw1(SYS_getpid, 0), 10);
	end = put_address(end, range_addr(range));
	end = put_address(end, range_addr(range) + range_len(range));
	if (order) {
		*end++ = ',';
		end = put_number(end, order, 10);
	}
	return raw3(SYS_write, guest->split_fd, (long)text, end - text);
}

static long run_reclaim(const struct making *m)
{
	char text[32], *end;

	end = put_number(text, m->call->arg[0].num * PROG_PAGE_SIZE, 10);
	return raw3(SYS_write, m->actor->lane->cgroup.reclaim_fd, (long)text,
		end - text);
}

long rmap_fsck(const struct guest *guest)
{
	long ret = raw3(SYS_write, guest->fsck_fd, (long)guest->fsck_text,
		(long)strlen(guest->fsck_text));

	return ret < 0 ? ret : 0;
}

static long run_compact(const struct making *m)
{
	return raw3(SYS_write, m->actor->lane->guest->compact_fd, (long)"1", 1);
}

static long run_swapoff(const struct making *m)
{
	(void)m;
	return swap_empty();
}

static long run_rmap_fsck(const struct making *m)
{
	return rmap_fsck(m->actor->lane->guest);
}

static long run_ksm(const struct making *m)
{
	return ksm_wait(m->actor->lane->guest);
}

static long run_khugepaged(const struct making *m)
{
	return khugepaged_wait(m->actor->lane->guest);
}

static long run_merge_any(const struct making *m)
{
	return raw6(SYS_prctl, PR_SET_MEMORY_MERGE, (long)m->call->arg[0].num,
		0, 0, 0, 0);
}

static long run_pin(const struct making *m)
{
	const struct range *range = &m->call->arg[0].range;
	long err = pin_take(m->actor, range_addr(range), range_len(range));

	return err ? err : range->pages;
}

static long run_unpin(const struct making *m)
{
	return pin_drop(m->actor);
}

static long run_vmsplice(const struct making *m)
{
	const struct range *range = &m->call->arg[0].range;

	return pipe_take(m->actor, range_addr(range), range_len(range));
}

static long run_drain(const struct making *m)
{
	return pipe_drop(m->actor);
}

static long run_uffd_move(const struct making *m)
{
	const struct range *from = &m->call->arg[0].range;
	const struct range *to = &m->call->arg[1].range;
	long err;

	if (!ranges_fit(from, to))
		return -EINVAL;
	err = uffd_move(range_addr(to), range_addr(from), range_len(from));
	return err ? err : from->pages;
}

static long run_uffd_wp(const struct making *m)
{
	const struct range *range = &m->call->arg[0].range;

	return uffd_track(m->actor, range_addr(range), range_len(range));
}

static long run_clear_refs(const struct making *m)
{
	(void)m;
	return soft_dirty_clear();
}

static long (*const handlers[])(const struct making *m) = {
	[RUN_SYSCALL] = run_syscall,
	[RUN_MMAP] = run_mmap,
	[RUN_BRK] = run_brk,
	[RUN_TOUCH] = run_touch,
	[RUN_POKE] = run_poke,
	[RUN_EXPECT] = run_expect,
	[RUN_FORK] = run_fork,
	[RUN_SPAWN] = run_spawn,
	[RUN_EXIT] = run_exit,
	[RUN_WAIT] = run_wait,
	[RUN_BARRIER] = run_barrier,
	[RUN_MOVE_PAGES] = run_move_pages,
	[RUN_MIGRATE_PAGES] = run_migrate_pages,
	[RUN_MBIND] = run_mbind,
	[RUN_SPLIT] = run_split,
	[RUN_RECLAIM] = run_reclaim,
	[RUN_COMPACT] = run_compact,
	[RUN_SWAPOFF] = run_swapoff,
	[RUN_RMAP_FSCK] = run_rmap_fsck,
	[RUN_PIN] = run_pin,
	[RUN_UNPIN] = run_unpin,
	[RUN_VMSPLICE] = run_vmsplice,
	[RUN_DRAIN] = run_drain,
	[RUN_UFFD_MOVE] = run_uffd_move,
	[RUN_UFFD_COPY] = run_uffd_copy,
	[RUN_UFFD_WP] = run_uffd_wp,
	[RUN_EXPECT_WP] = run_expect_wp,
	[RUN_CLEAR_REFS] = run_clear_refs,
	[RUN_EXPECT_DIRTY] = run_expect_dirty,
	[RUN_KSM] = run_ksm,
	[RUN_KHUGEPAGED] = run_khugepaged,
	[RUN_MERGE_ANY] = run_merge_any,
};

void call_prepare(const struct actor *actor, uint32_t i)
{
	const struct call *call = &actor->lane->prog.call[i];

	if (ops[call->op].run == RUN_FORK &&
		!life_begin(actor->lane, (uint32_t)call->arg[0].num))
		actor->lane->result->call[i].err = -EEXIST;
	if (ops[call->op].run == RUN_RECLAIM)
		lru_drain();
}

void call_make(const struct actor *actor, uint32_t i)
{
	const struct call *call = &actor->lane->prog.call[i];
	struct call_result *result = &actor->lane->result->call[i];
	struct making making = {actor, call, i, result};
	struct failing failing = fail_begin(actor, call);
	long ret = handlers[ops[call->op].run](&making);

	fail_end(&failing);
	result->err = ret < 0 ? (int32_t)ret : 0;
	if (ret >= 0)
		result->ret = ret;
}
