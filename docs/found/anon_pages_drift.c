// SPDX-License-Identifier: GPL-2.0-only
/*
 * AnonPages drifts: one process zaps the PTEs of a huge page while another one
 * splits its PMD of the same page (docs/found.md). Needs two CPUs, and root
 * for /proc/sys/vm/stat_refresh, which sums up what the CPUs have counted.
 *
 *	cc -O2 -o anon_pages_drift anon_pages_drift.c && ./anon_pages_drift 200
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE (2ul << 20)
#define NR   16
#define REST (64ul << 20) /* of our own: a sum below zero is shown as zero */

static struct {
	atomic_int ready;
	unsigned int delay; /* loops of the child's, before it splits */
} * shared;

static long anon_pages(void)
{
	char line[128];
	long pages = -1;
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY);
	FILE *file;

	if (fd >= 0 && write(fd, "1", 1) != 1)
		perror("stat_refresh");
	if (fd >= 0)
		close(fd);
	file = fopen("/proc/vmstat", "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "nr_anon_pages %ld", &pages);
	if (file)
		fclose(file);
	return pages;
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Both are here now. */
static void meet(void)
{
	atomic_fetch_add(&shared->ready, 1);
	while (atomic_load(&shared->ready) < 2)
		;
}

/* Takes a page away from each huge page: splits the PMDs of this process. */
static void split(char *huge)
{
	for (int i = 0; i < NR; i++)
		madvise(huge + i * HUGE, 4096, MADV_DONTNEED);
}

static void once(void)
{
	char *area = mmap(NULL, (NR + 1) * HUGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *huge = (char *)(((unsigned long)area + HUGE - 1) & -HUGE);
	pid_t child;

	madvise(huge, NR * HUGE, MADV_HUGEPAGE);
	for (int i = 0; i < NR; i++)
		huge[i * HUGE] = 1;
	atomic_store(&shared->ready, 0);
	child = fork();
	if (!child) {
		run_on(1);
		meet();
		for (volatile unsigned int i = 0; i < shared->delay; i++)
			;
		split(huge);
		_exit(0);
	}
	split(huge);
	meet();
	madvise(huge, NR * HUGE, MADV_DONTNEED); /* zaps 511 PTEs of each */
	waitpid(child, NULL, 0);
	munmap(area, (NR + 1) * HUGE);
}

int main(int argc, char **argv)
{
	int runs = argc > 1 ? atoi(argv[1]) : 1000;
	unsigned int most = argc > 2 ? (unsigned int)atoi(argv[2]) : 2000;
	long before, after;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(mmap(NULL, REST, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		1, REST);
	run_on(0);
	srand(1);
	once();
	before = anon_pages();
	for (int i = 0; i < runs; i++) {
		shared->delay = (unsigned int)rand() % most;
		once();
	}
	after = anon_pages();
	printf("AnonPages before %ld, after %d runs %ld: %+ld pages\n", before,
		runs, after, after - before);
	return 0;
}
