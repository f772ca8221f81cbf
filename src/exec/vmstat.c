/* SPDX-License-Identifier: GPL-2.0-only */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "exec.h"

#define PERIOD_S 1

static void vmstat_read(char ret[SLOT_VMSTAT])
{
	int fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t more;

	while (fd >= 0 &&
		(more = read(fd, ret + len, SLOT_VMSTAT - 1 - len)) > 0)
		len += (size_t)more;
	ret[len] = '\0';
	if (fd >= 0)
		close(fd);
}

void vmstat_publish(struct lane *lane)
{
	struct slot *slot = lane->guest->slot;
	bool is_first = !slot->vmstat_first[0];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!is_first && now.tv_sec - lane->vmstat_s < PERIOD_S)
		return;
	lane->vmstat_s = now.tv_sec;
	vmstat_read(is_first ? slot->vmstat_first : slot->vmstat_last);
}
