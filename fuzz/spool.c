/* SPDX-License-Identifier: GPL-2.0-only */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_synced(const char *path, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int err = 0;

	if (fd < 0)
		return -errno;
	while (len && !err) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			err = -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

int spool_write(const char *dir, const char *name, const struct prog *prog,
	const struct prog_result *result, const struct judgment *judgment)
{
	char buf[2 * PROG_TEXT_MAX + sizeof(*judgment)];
	char temp[512], path[512];
	struct text text;
	int err;

	text_init(&text, buf, sizeof(buf));
	text_addf(&text, "# title: %s\n# detail: %s\n", judgment->title,
		judgment->detail);
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		call_print(prog, i, &text);
		text_addf(&text, "  # %s\n",
			call_state_name(result->call[i].state));
	}
	snprintf(temp, sizeof(temp), "%s/.tmp-%s", dir, name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	err = write_synced(temp, buf, text.len);
	if (!err && rename(temp, path))
		err = -errno;
	if (err)
		unlink(temp);
	return err;
}
