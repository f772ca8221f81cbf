/* SPDX-License-Identifier: GPL-2.0-only */
/* ksm: wait for ksmd. Raw system calls only: see raw.h. */
#include <errno.h>
#include <time.h>

#include "exec/exec.h"
#include "exec/raw.h"

/* The first pass is under way, the next notes a page's checksum, the one after
 * it merges: mm/ksm.c, cmp_and_merge_page() */
#define PASSES	 3
#define NAP_NS	 2000000
#define NAPS_MAX 60 /* ksmd sleeps where nothing may be merged */

/* Whole passes so far, or -1 */
static long passes(const struct guest *guest)
{
	char text[24];
	long got =
		raw4(SYS_pread64, guest->ksm_fd, (long)text, sizeof(text), 0);
	long nr = 0;

	for (long i = 0; i < got && text[i] >= '0' && text[i] <= '9'; i++)
		nr = nr * 10 + (text[i] - '0');
	return got > 0 ? nr : -1;
}

long ksm_wait(const struct guest *guest)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	long first = passes(guest);

	if (first < 0)
		return -ENODEV;
	for (int i = 0; i < NAPS_MAX; i++) {
		(void)raw3(SYS_nanosleep, (long)&nap, 0, 0);
		if (passes(guest) >= first + PASSES)
			return 0;
	}
	return -EAGAIN;
}
