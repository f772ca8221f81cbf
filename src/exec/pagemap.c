/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pagemap: what the kernel has noted of writes. Raw system calls only: see
 * raw.h. Source: fs/proc/task_mmu.c (v6.12), clear_refs_write() and
 * pagemap_read(); Documentation/admin-guide/mm/{soft-dirty,pagemap}.rst.
 */
#include <fcntl.h>

#include "exec/exec.h"
#include "exec/raw.h"
#include "guest/pagemap.h"

static long proc_open(const char *path, int flags)
{
	return raw4(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, 0);
}

long soft_dirty_clear(void)
{
	long fd = proc_open(CLEAR_REFS_PATH, O_WRONLY);
	long ret;

	if (fd < 0)
		return fd;
	ret = raw3(SYS_write, fd, (long)CLEAR_REFS_SOFT_DIRTY,
		sizeof(CLEAR_REFS_SOFT_DIRTY) - 1);
	(void)raw1(SYS_close, fd);
	return ret < 0 ? ret : 0;
}

static uint64_t entry_of(long fd, uint64_t addr, enum pagemap_what what)
{
	uint64_t entry = 0;
	long got = raw4(
		SYS_pread64, fd, (long)&entry, sizeof(entry), PAGEMAP_AT(addr));

	if (got != sizeof(entry))
		return OBS_UNREAD;
	if (what == PAGEMAP_WP)
		return entry & PAGEMAP_UFFD_WP ? OBS_WP : OBS_NO_WP;
	return entry & PAGEMAP_SOFT_DIRTY ? OBS_DIRTY : OBS_CLEAN;
}

long pagemap_read(
	uint64_t addr, uint32_t nr, enum pagemap_what what, uint64_t *ret)
{
	long fd = proc_open(PAGEMAP_PATH, O_RDONLY);

	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < nr; i++)
		ret[i] = entry_of(fd, addr + i * PROG_PAGE_SIZE, what);
	(void)raw1(SYS_close, fd);
	return nr;
}
