/* SPDX-License-Identifier: GPL-2.0-only */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

G_DEFINE_QUARK(rmaptorture - store - error - quark, store_error)

gboolean store_fail(GError **error, int err, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, STORE_ERROR,
		err == ENOSPC || err == EDQUOT || err == EFBIG
			? STORE_ERROR_SPACE
			: STORE_ERROR_IO,
		"%s: %s", what, g_strerror(err));
	return FALSE;
}

/* 0 or a positive errno */
static int write_all(int fd, const char *bytes, gsize len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		bytes += n;
		len -= (gsize)n;
	}
	return 0;
}

/* A file on disk for sure; 0 or a positive errno, and then there is none */
static int write_new(const char *path, const char *bytes, gsize len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int err;

	if (fd < 0)
		return errno;
	err = write_all(fd, bytes, len);
	if (!err && fsync(fd))
		err = errno;
	if (close(fd) && !err)
		err = errno;
	if (err)
		(void)unlink(path);
	return err;
}

gboolean file_write(const char *dir, const char *name, const char *bytes,
	gssize len, GError **error)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *tmp = g_strdup_printf(
		"%s/" TMP_PREFIX "%s-%d", dir, name, (int)getpid());
	int err;

	err = write_new(tmp, bytes, len < 0 ? strlen(bytes) : (gsize)len);
	if (!err && rename(tmp, path)) {
		err = errno;
		(void)unlink(tmp);
	}
	return err ? store_fail(error, err, "write '%s'", path) : TRUE;
}

gboolean dir_sync(const char *dir, GError **error)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0 || fsync(fd))
		err = errno;
	if (fd >= 0)
		(void)close(fd);
	return err ? store_fail(error, err, "sync '%s'", dir) : TRUE;
}

gboolean dir_make(const char *dir, GError **error)
{
	if (g_mkdir_with_parents(dir, 0777))
		return store_fail(error, errno, "create '%s'", dir);
	return TRUE;
}

void tree_remove(const char *path)
{
	g_autoptr(GDir) dir = NULL;
	const char *name;

	if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK))
		dir = g_dir_open(path, 0, NULL);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *child = g_build_filename(path, name, NULL);

		tree_remove(child);
	}
	(void)g_remove(path);
}

void dir_clean(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *child = g_build_filename(path, name, NULL);

		if (g_str_has_prefix(name, TMP_PREFIX))
			tree_remove(child);
	}
}
