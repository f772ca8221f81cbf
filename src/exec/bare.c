/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bare: the calls of corpus/seeds/bench.prog, written down by hand in a process
 * and a cgroup of their own, with KCOV on. What the harness takes longer than
 * this is the price of transport, decoding, recording and oracles.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "exec/exec.h"
#include "exec/raw.h"

#define PAGES(n) ((n)*PROG_PAGE_SIZE)

static void touch(uint64_t addr, uint32_t pages)
{
	for (uint32_t i = 0; i < pages; i++)
		(void)page_store(addr + PAGES(i), 1);
}

static void look(uint64_t addr, uint32_t pages)
{
	uint64_t stamp[3];

	for (uint32_t i = 0; i < pages; i++)
		(void)page_load(addr + PAGES(i), stamp);
}

static void map(uint64_t addr, uint32_t pages, int flags)
{
	(void)raw6(SYS_mmap, (long)addr, PAGES(pages), PROT_READ | PROT_WRITE,
		MAP_FIXED | MAP_ANONYMOUS | flags, -1, 0);
}

static void bare_child(void *arg)
{
	uint64_t v0 = prog_addr(0, 0);

	kcov_enable(arg);
	touch(v0 + PAGES(4), 2);
	(void)raw3(SYS_munmap, (long)v0, PAGES(8), 0);
	actor_exit();
}

static void bare_fork(struct lane *lane)
{
	int32_t pid;

	if (raw_clone(CLONE_PARENT_SETTID | SIGCHLD, lane->stack[1], &pid,
		    bare_child, &lane->actor[1][0]) > 0)
		(void)raw4(SYS_wait4, pid, 0, 0, 0);
}

static void bare_move(uint64_t addr)
{
	uint64_t pages[4];
	int nodes[4] = {1, 1, 1, 1}, status[4];

	for (uint32_t i = 0; i < 4; i++)
		pages[i] = addr + PAGES(i);
	(void)raw6(SYS_move_pages, 0, 4, (long)pages, (long)nodes, (long)status,
		MPOL_MF_MOVE);
}

static void bare_start(void *arg)
{
	struct actor *actor = arg;
	uint64_t v0 = prog_addr(0, 0), v1 = prog_addr(1, 0);
	uint64_t v2 = prog_addr(2, 0);

	kcov_enable(actor);
	map(v0, 16, MAP_PRIVATE);
	touch(v0, 16);
	(void)raw3(SYS_madvise, (long)v0, PAGES(4), MADV_PAGEOUT);
	look(v0, 1);
	touch(v0 + PAGES(1), 1);
	(void)raw3(SYS_madvise, (long)v0 + PAGES(12), PAGES(4), MADV_DONTNEED);
	(void)raw6(SYS_mremap, (long)v0 + PAGES(8), PAGES(4), PAGES(4),
		MREMAP_MAYMOVE | MREMAP_FIXED, (long)v1 + PAGES(8), 0);
	(void)raw3(SYS_mprotect, (long)v0 + PAGES(4), PAGES(2), PROT_READ);
	(void)raw3(SYS_mprotect, (long)v0 + PAGES(4), PAGES(2),
		PROT_READ | PROT_WRITE);
	bare_fork(actor->lane);
	touch(v0 + PAGES(6), 2);
	bare_move(v0);
	(void)raw3(SYS_madvise, (long)v0, PAGES(4), MADV_FREE);
	map(v2, 2, MAP_SHARED);
	touch(v2, 2);
	(void)raw3(SYS_munmap, (long)v0, PAGES(16), 0);
	actor_exit();
}

int64_t bare_run(struct lane *lane, uint32_t times, struct why *why)
{
	uint64_t start;
	int err;

	memset(lane->threads, 0, sizeof(lane->threads));
	lane->threads[0] = lane->threads[1] = 1;
	err = kcov_prepare(lane, why);
	if (err)
		return err;
	start = raw_tsc();
	for (uint32_t i = 0; i < times; i++) {
		int32_t pid;
		long ret = worker_clone(
			lane, &pid, bare_start, &lane->actor[0][0]);

		if (ret < 0)
			return why_set(why, (int)ret, "clone the bare loop");
		while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
			continue;
	}
	return (int64_t)((raw_tsc() - start) / lane->guest->tsc_mhz);
}
