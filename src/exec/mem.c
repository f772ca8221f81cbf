/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mem: a page is written as a debugger does it, which may where the process
 * itself may not. Raw system calls only: see raw.h. Source: fs/proc/base.c,
 * mem_rw() (FOLL_FORCE); mm/memory.c, __access_remote_vm(); mm/gup.c,
 * check_vma_flags() (v6.12).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "exec/exec.h"
#include "exec/raw.h"
#include "guest/guest.h"

long mem_open(void)
{
	return raw4(
		SYS_openat, AT_FDCWD, (long)MEM_PATH, O_RDWR | O_CLOEXEC, 0);
}

void mem_close(long fd)
{
	(void)raw1(SYS_close, fd);
}

void page_fill(uint64_t page[PAGE_WORDS], uint64_t stamp)
{
	memset(page, 0, PROG_PAGE_SIZE);
	page[0] = page[PAGE_WORDS / 2] = page[PAGE_WORDS - 1] = stamp;
}

long mem_store(long fd, uint64_t addr, uint64_t stamp)
{
	uint64_t page[PAGE_WORDS];
	long put;

	page_fill(page, stamp);
	put = raw4(SYS_pwrite64, fd, (long)page, sizeof(page), (long)addr);
	if (put == sizeof(page))
		return 0;
	return put < 0 ? put : -EIO;
}
