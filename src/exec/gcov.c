/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gcov: how often each line of mm/ was run, in a kernel that counts (profile
 * gcov). The files of counts that the kernel makes go to the host as one stream
 * of struct slot_gcov, a map of the lane at a time.
 * Source: Documentation/dev-tools/gcov.rst (v6.12)
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"

#define GCOV_PATH "/sys/kernel/debug/gcov/"
#define GCOV_MAX  (16u << 20)

/* nftw() has no place for an argument of ours */
static struct {
	uint8_t *at;
	uint32_t len;
} stream;

static void append(const void *bytes, uint32_t len)
{
	memcpy(stream.at + stream.len, bytes, len);
	stream.len += len;
}

/* Sizes of debugfs are 0: read to the end. */
static void append_file(const char *path)
{
	struct slot_gcov head = {.name_len = (uint32_t)strlen(path)};
	uint32_t at = stream.len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return;
	if (GCOV_MAX - at < sizeof(head) + head.name_len) {
		close(fd);
		return;
	}
	append(&head, sizeof(head));
	append(path, head.name_len);
	while ((got = read(fd, stream.at + stream.len, GCOV_MAX - stream.len)) >
		0) {
		stream.len += (uint32_t)got;
		head.len += (uint32_t)got;
	}
	memcpy(stream.at + at, &head, sizeof(head));
	close(fd);
}

static int visit(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	size_t len = strlen(path);

	(void)st;
	(void)ftw;
	if (type == FTW_F && len > 5 && !strcmp(path + len - 5, ".gcda"))
		append_file(path);
	return 0;
}

uint32_t gcov_copy(uint32_t from, uint8_t *ret, uint32_t size)
{
	uint32_t rest;

	if (!stream.at)
		stream.at = malloc(GCOV_MAX);
	if (!stream.at)
		return 0;
	if (!from) {
		stream.len = 0;
		(void)nftw(GCOV_PATH, visit, 16, FTW_PHYS);
	}
	rest = from < stream.len ? stream.len - from : 0;
	memcpy(ret, stream.at + from, rest < size ? rest : size);
	return stream.len;
}
