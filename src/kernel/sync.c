// SPDX-License-Identifier: GPL-2.0-only
/*
 * One tree made equal to another, for make: a file that is the same stays, with
 * its time; one that differs becomes new. Most files of both are hard links of
 * one base, and need no look at their contents.
 */
#include "kernel/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static bool fail_at(const char *what, const char *path, GError **error)
{
	return fail(error, BROKEN, "cannot %s '%s': %s", what, path,
		g_strerror(errno));
}

static bool links_are_equal(const char *one, const char *two)
{
	g_autofree char *a = g_file_read_link(one, NULL);
	g_autofree char *b = g_file_read_link(two, NULL);

	return a && b && g_str_equal(a, b);
}

static bool texts_are_equal(const char *one, const char *two)
{
	g_autofree char *a = NULL, *b = NULL;
	gsize a_len, b_len;

	return g_file_get_contents(one, &a, &a_len, NULL) &&
	       g_file_get_contents(two, &b, &b_len, NULL) && a_len == b_len &&
	       !memcmp(a, b, a_len);
}

static bool entry_is_same(
	const char *from, const struct stat *st, const char *to)
{
	struct stat old;

	if (lstat(to, &old) || (old.st_mode & S_IFMT) != (st->st_mode & S_IFMT))
		return false;
	if (old.st_dev == st->st_dev && old.st_ino == st->st_ino)
		return true;
	if (S_ISLNK(st->st_mode))
		return links_are_equal(from, to);
	return old.st_mode == st->st_mode && old.st_size == st->st_size &&
	       texts_are_equal(from, to);
}

/* A file of its own, and of now: the links of a base keep the base's time. */
static bool entry_take(
	const char *from, const struct stat *st, const char *to, GError **error)
{
	g_autoptr(GFile) source = g_file_new_for_path(from);
	g_autoptr(GFile) target = g_file_new_for_path(to);

	if (g_unlink(to) && errno != ENOENT)
		return fail_at("remove", to, error);
	if (!g_file_copy(source, target, G_FILE_COPY_NOFOLLOW_SYMLINKS, NULL,
		    NULL, NULL, error))
		return false;
	if (S_ISREG(st->st_mode) && (g_chmod(to, st->st_mode & 07777) ||
					    utimensat(AT_FDCWD, to, NULL, 0)))
		return fail_at("date", to, error);
	return true;
}

static bool entry_sync(const FTSENT *entry, const char *to, GError **error)
{
	switch (entry->fts_info) {
	case FTS_D:
		if (g_mkdir(to, 0755) && errno != EEXIST)
			return fail_at("make folder", to, error);
		return true;
	case FTS_F:
	case FTS_SL:
	case FTS_SLNONE:
		return entry_is_same(entry->fts_path, entry->fts_statp, to) ||
		       entry_take(entry->fts_path, entry->fts_statp, to, error);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		errno = entry->fts_errno;
		return fail_at("read", entry->fts_path, error);
	default:
		return true;
	}
}

/* What @dir has and @other has not goes. */
static bool entry_prune(const FTSENT *entry, const char *other, GError **error)
{
	struct stat st;

	if (entry->fts_info == FTS_D || !lstat(other, &st))
		return true;
	if (entry->fts_info == FTS_DP ? g_rmdir(entry->fts_path)
				      : g_unlink(entry->fts_path))
		return fail_at("remove", entry->fts_path, error);
	return true;
}

/* @step with each entry below @dir, and the path of the same name in @other */
static bool walk(const char *dir, const char *other,
	bool (*step)(const FTSENT *entry, const char *other, GError **error),
	GError **error)
{
	char *roots[] = {(char *)dir, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;
	bool ok = fts;

	while (ok && (entry = fts_read(fts))) {
		g_autofree char *path =
			g_strconcat(other, entry->fts_path + strlen(dir), NULL);

		ok = step(entry, path, error);
	}
	if (!fts)
		return fail_at("read", dir, error);
	(void)fts_close(fts);
	return ok;
}

bool tree_sync(const char *from, const char *to, GError **error)
{
	return walk(from, to, entry_sync, error) &&
	       walk(to, from, entry_prune, error);
}
