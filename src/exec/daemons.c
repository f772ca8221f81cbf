/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * daemons: wait for what ksmd and khugepaged do. Each counts its passes over
 * all that it has to look at. Raw system calls only: see raw.h.
 */
#include <errno.h>
#include <time.h>

#include "exec/exec.h"
#include "exec/raw.h"

/* The first pass is under way, the next notes a page's checksum, the one after
 * it merges: mm/ksm.c, cmp_and_merge_page() */
#define KSM_PASSES 3
/* The first is under way, the next sees all */
#define KHUGEPAGED_PASSES 2
#define NAP_NS		  2000000
/* Who has nothing to look at sleeps; a huge page takes its time to be copied */
#define KSM_NAPS	60
#define KHUGEPAGED_NAPS 200

/* Whole passes so far by the counter @fd, or -1 */
static long passes(int fd)
{
	char text[24];
	long got = raw4(SYS_pread64, fd, (long)text, sizeof(text), 0);
	long nr = 0;

	for (long i = 0; i < got && text[i] >= '0' && text[i] <= '9'; i++)
		nr = nr * 10 + (text[i] - '0');
	return got > 0 ? nr : -1;
}

/* Until there are @nr more, at most @naps long; @wake: what is written to ends
 * a sleep, or -1 */
static long passes_wait(int fd, int wake, long nr, int naps)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	long first = passes(fd);

	if (first < 0)
		return -ENODEV;
	for (int i = 0; i < naps; i++) {
		if (wake >= 0)
			(void)raw3(SYS_write, wake, (long)KHUGEPAGED_SLEEP,
				sizeof(KHUGEPAGED_SLEEP) - 1);
		(void)raw3(SYS_nanosleep, (long)&nap, 0, 0);
		if (passes(fd) >= first + nr)
			return 0;
	}
	return -EAGAIN;
}

long ksm_wait(const struct guest *guest)
{
	return passes_wait(guest->ksm_fd, -1, KSM_PASSES, KSM_NAPS);
}

long khugepaged_wait(const struct guest *guest)
{
	return passes_wait(guest->khugepaged_fd, guest->khugepaged_wake_fd,
		KHUGEPAGED_PASSES, KHUGEPAGED_NAPS);
}
