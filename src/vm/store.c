/* SPDX-License-Identifier: GPL-2.0-only */

/* Template folders on disk: locks, pruning, and never half a template. */

#include "cleanup.h"
#include "error.h"
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define KEY_LEN 64

int store_lock(const char *templates, const char *key, gboolean exclusive,
	gboolean wait)
{
	g_autofree char *path = g_strdup_printf("%s/%s.lock", templates, key);
	int how = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB);
	int scoped(fd_closep) fd =
		open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	while (flock(fd, how))
		if (errno != EINTR)
			return -errno;
	return fd_take(&fd);
}

void store_remove(const char *dir)
{
	g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
	const char *name;

	while (entries && (name = g_dir_read_name(entries))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);

		(void)g_unlink(path);
	}
	(void)g_rmdir(dir);
}

struct aged {
	char *key;
	int64_t used_ns;
};

static void aged_clear(gpointer data)
{
	g_free(((struct aged *)data)->key);
}

static gint by_use(gconstpointer a, gconstpointer b)
{
	int64_t x = ((const struct aged *)a)->used_ns;
	int64_t y = ((const struct aged *)b)->used_ns;

	return (x < y) - (x > y);
}

/* The time of meta.json is when the template was opened last. */
static GArray *list_by_use(const char *templates)
{
	g_autoptr(GDir) entries = g_dir_open(templates, 0, NULL);
	GArray *list = g_array_new(FALSE, FALSE, sizeof(struct aged));
	const char *name;

	g_array_set_clear_func(list, aged_clear);
	while (entries && (name = g_dir_read_name(entries))) {
		g_autofree char *meta =
			g_build_filename(templates, name, "meta.json", NULL);
		struct aged aged = {0};
		struct stat st;

		if (strlen(name) != KEY_LEN || stat(meta, &st))
			continue;
		aged.key = g_strdup(name);
		aged.used_ns =
			st.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) +
			st.st_mtim.tv_nsec;
		g_array_append_val(list, aged);
	}
	g_array_sort(list, by_use);
	return list;
}

/* Remove folder @name of template @key unless somebody has it open. */
static void remove_unused(
	const char *templates, const char *name, const char *key)
{
	g_autofree char *dir = g_build_filename(templates, name, NULL);
	int scoped(fd_closep) lock = store_lock(templates, key, TRUE, FALSE);

	if (lock >= 0)
		store_remove(dir);
}

/* Templates whose making was interrupted: each may hold all of a RAM. */
static void prune_unfinished(const char *templates)
{
	g_autoptr(GDir) entries = g_dir_open(templates, 0, NULL);
	const char *name;

	while (entries && (name = g_dir_read_name(entries)))
		if (g_str_has_prefix(name, STORE_UNFINISHED) &&
			strlen(name) == strlen(STORE_UNFINISHED) + KEY_LEN)
			remove_unused(templates, name,
				name + strlen(STORE_UNFINISHED));
}

void store_prune(const char *templates, unsigned keep)
{
	g_autoptr(GArray) list = list_by_use(templates);
	guint i;

	prune_unfinished(templates);
	for (i = keep; i < list->len; i++) {
		const char *key = g_array_index(list, struct aged, i).key;

		remove_unused(templates, key, key);
	}
}

static int sync_path(const char *path, int flags)
{
	int scoped(fd_closep) fd = open(path, flags | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		return -errno;
	return 0;
}

gboolean store_commit(const char *from, const char *to, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(to);
	g_autoptr(GDir) entries = g_dir_open(from, 0, NULL);
	const char *name;
	int err = 0;

	while (entries && !err && (name = g_dir_read_name(entries))) {
		g_autofree char *path = g_build_filename(from, name, NULL);

		err = sync_path(path, O_RDONLY);
	}
	if (!err)
		err = sync_path(from, O_RDONLY | O_DIRECTORY);
	if (err)
		return fail_errno(error, -err, "cannot sync '%s'", from);
	if (rename(from, to))
		return fail_errno(error, errno, "cannot make '%s'", to);
	err = sync_path(parent, O_RDONLY | O_DIRECTORY);
	if (err)
		return fail_errno(error, -err, "cannot sync '%s'", parent);
	return TRUE;
}

gboolean store_has_room(const char *dir, uint64_t bytes, GError **error)
{
	struct statvfs fs;
	uint64_t left;

	if (statvfs(dir, &fs))
		return fail_errno(error, errno, "cannot look at '%s'", dir);
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (left >= bytes)
		return TRUE;
	return fail(error, VM_ERROR_SPACE,
		"'%s' has %" G_GUINT64_FORMAT " MiB left, a template may "
		"need %" G_GUINT64_FORMAT " MiB",
		dir, left >> 20, bytes >> 20);
}
