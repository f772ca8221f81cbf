/* SPDX-License-Identifier: GPL-2.0-only */
/* Folders and shared files of tests that play the host and the guest. */
#ifndef RMAPTORTURE_TEST_SHARED_H
#define RMAPTORTURE_TEST_SHARED_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/** map_shared() - map @len bytes of the file @dir/@name, made where missing.
 *  Whatever fails ends the test as broken */
static inline void *map_shared(const char *dir, const char *name, size_t len)
{
	char path[128];
	void *map;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)len))
		exit(99);
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		exit(99);
	return map;
}

/** dir_remove() - remove a folder and what is in it */
static inline void dir_remove(const char *dir)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command))
		exit(99);
}

#endif
