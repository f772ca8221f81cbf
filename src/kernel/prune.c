// SPDX-License-Identifier: GPL-2.0-only
/* What the cache need not keep: a kernel is of use when kernel_ensure() gives
 * it to somebody, which its kernel.json's time of change says. */
#include "kernel/internal.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <utime.h>

void cache_used(const struct kernel *kernel)
{
	g_autofree char *path =
		g_build_filename(kernel->dir, "kernel.json", NULL);

	(void)g_utime(path, NULL);
}

/* One whose kernel.json cannot be read was not completed: of no use. */
static bool is_unused(const char *dir, gint64 before)
{
	g_autofree char *path = g_build_filename(dir, "kernel.json", NULL);
	GStatBuf st;

	return g_stat(path, &st) || st.st_mtime < before;
}

static guint64 bytes_of(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	guint64 bytes = 0;
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		GStatBuf st;

		if (!g_stat(file, &st))
			bytes += (guint64)st.st_blocks * 512;
	}
	return bytes;
}

/* Out of sight first: who looks meanwhile finds all of it or nothing. */
static bool drop(const char *top, const char *key, GError **error)
{
	g_autofree char *dir = g_build_filename(top, key, NULL);
	g_autofree char *temp = g_strdup_printf("%s/.tmp-%s", top, key);
	const char *rm[] = {"rm", "-rf", temp, NULL};

	if (!run_ok(rm, error))
		return false;
	if (g_rename(dir, temp))
		return fail(error, BROKEN, "cannot rename '%s': %s", dir,
			g_strerror(errno));
	return run_ok(rm, error);
}

bool kernel_prune(
	gint64 seconds, guint *ret_nr, guint64 *ret_bytes, GError **error)
{
	gint64 before = g_get_real_time() / G_USEC_PER_SEC - seconds;
	g_autofree char *top = cache_path("kernels", NULL);
	g_autoptr(GDir) dir = g_dir_open(top, 0, NULL);
	const char *key;

	*ret_nr = 0;
	*ret_bytes = 0;
	while (dir && (key = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(top, key, NULL);
		guint64 bytes = bytes_of(path);

		if (g_str_has_prefix(key, ".tmp-") || !is_unused(path, before))
			continue;
		if (!drop(top, key, error))
			return false;
		++*ret_nr;
		*ret_bytes += bytes;
	}
	return true;
}
