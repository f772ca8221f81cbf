/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * holes: where compaction takes pages to. It fills pageblocks that are partly
 * free from the end of a zone on, and passes over those that are all free
 * (mm/compaction.c, suitable_migration_target(), v6.12). In a machine that has
 * just booted only the blocks that programs' pages are in are partly free, and
 * those pages stay. Here some blocks behind, on the node of each CPU, keep one
 * page that cannot move: the references of a pipe hold it.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest/guest.h"
#include "guest/pagemap.h"

#define BLOCK_PAGES                                                            \
	512 /* pageblock_nr_pages, include/linux/pageblock-flags.h */
#define PAGES (8 * BLOCK_PAGES) /* on each node */

struct held {
	char *page;
	uint64_t frame;
};

static int last_frame_first(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return (x->frame < y->frame) - (x->frame > y->frame);
}

/* False: nobody may know where they are */
static bool find_frames(struct held *held, char *base)
{
	int fd = open(PAGEMAP_PATH, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0;

	for (size_t i = 0; good && i < PAGES; i++) {
		uint64_t entry = 0;

		held[i].page = base + i * PROG_PAGE_SIZE;
		good = pread(fd, &entry, sizeof(entry),
			       PAGEMAP_AT((uintptr_t)held[i].page)) ==
		       sizeof(entry);
		held[i].frame = entry & PAGEMAP_FRAME;
		good = good && held[i].frame;
	}
	if (fd >= 0)
		close(fd);
	return good;
}

/* One page a block stays. The last blocks are freed first, so that programs get
 * pages of the first ones. */
static void free_most(struct held *held, int pipe_end)
{
	qsort(held, PAGES, sizeof(*held), last_frame_first);
	for (size_t i = 0; i < PAGES; i++) {
		struct iovec page = {held[i].page, PROG_PAGE_SIZE};

		if (held[i].frame % BLOCK_PAGES ||
			vmsplice(pipe_end, &page, 1, SPLICE_F_NONBLOCK) < 0)
			(void)munmap(held[i].page, PROG_PAGE_SIZE);
	}
}

static void make_holes(int pipe_end)
{
	struct held *held = calloc(PAGES, sizeof(*held));
	size_t bytes = (size_t)PAGES * PROG_PAGE_SIZE;
	char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (held && base != MAP_FAILED &&
		!madvise(base, bytes, MADV_POPULATE_WRITE)) {
		if (find_frames(held, base))
			free_most(held, pipe_end);
		else
			(void)munmap(base, bytes);
	}
	free(held);
}

void setup_holes(void)
{
	long nr = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t before, one;
	int ends[2]; /* for as long as the machine runs */

	if (sched_getaffinity(0, sizeof(before), &before) ||
		pipe2(ends, O_CLOEXEC))
		return;
	for (int cpu = 0; cpu < nr && cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!sched_setaffinity(0, sizeof(one), &one))
			make_holes(ends[1]);
	}
	(void)sched_setaffinity(0, sizeof(before), &before);
}
