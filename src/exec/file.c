/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "exec/exec.h"

#define FILE_PATH "/tmp/stamps"

int file_make(struct why *why)
{
	uint64_t page[PROG_PAGE_SIZE / sizeof(uint64_t)] = {0};
	int fd = open(FILE_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return why_set(why, -errno, "open '" FILE_PATH "'");
	for (uint32_t i = 0; i < PROG_SLOT_PAGES; i++) {
		page[0] = page[2048 / 8] = page[4088 / 8] = prog_file_stamp(i);
		if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page)) {
			int err = errno ? -errno : -EIO;

			close(fd);
			return why_set(why, err, "write '" FILE_PATH "'");
		}
	}
	return fd;
}
