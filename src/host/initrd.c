/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's initramfs: our static init, the kernel's selftests where asked
 * for, and nothing else; written by libarchive in the newc format that the
 * kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#include "host/host.h"

#include <archive.h>
#include <archive_entry.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

static gboolean add_entry(struct archive *archive, const char *path,
	mode_t mode, const char *bytes, gsize len)
{
	struct archive_entry *entry = archive_entry_new();
	gboolean ok;

	archive_entry_set_pathname(entry, path);
	archive_entry_set_mode(entry, mode);
	archive_entry_set_size(entry, (la_int64_t)len);
	ok = archive_write_header(archive, entry) == ARCHIVE_OK &&
	     (!len || archive_write_data(archive, bytes, len) ==
			      (la_ssize_t)len);
	archive_entry_free(entry);
	return ok;
}

static gboolean add_file(struct archive *archive, const char *path,
	const char *source, GError **error)
{
	g_autofree char *bytes = NULL;
	gsize len;

	if (!g_file_get_contents(source, &bytes, &len, error))
		return FALSE;
	if (add_entry(archive, path, S_IFREG | 0755, bytes, len))
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"cannot add '%s' to the initramfs: %s", path,
		archive_error_string(archive));
	return FALSE;
}

/* The files of @folder, which has no folders in it. */
static gboolean add_folder(struct archive *archive, const char *name,
	const char *folder, GError **error)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
	const char *file;

	if (!dir || !add_entry(archive, name, S_IFDIR | 0755, NULL, 0))
		return FALSE;
	while ((file = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(name, file, NULL);
		g_autofree char *source = g_build_filename(folder, file, NULL);

		if (!add_file(archive, path, source, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean write_initrd(const char *path, const char *init,
	const char *selftests, GError **error)
{
	static const char *const dirs[] = {"dev", "proc", "sys", "tmp"};
	struct archive *archive = archive_write_new();
	gboolean ok;

	ok = archive_write_set_format_cpio_newc(archive) == ARCHIVE_OK &&
	     archive_write_open_filename(archive, path) == ARCHIVE_OK;
	for (size_t i = 0; ok && i < G_N_ELEMENTS(dirs); i++)
		ok = add_entry(archive, dirs[i], S_IFDIR | 0755, NULL, 0);
	ok = ok && add_file(archive, "init", init, error) &&
	     (!selftests ||
		     add_folder(archive, "selftests", selftests, error)) &&
	     archive_write_close(archive) == ARCHIVE_OK;
	if (!ok && error && !*error)
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot write the initramfs '%s': %s", path,
			archive_error_string(archive));
	archive_write_free(archive);
	return ok;
}

/* @selftests is named by its contents already. */
static char *initrd_name(
	const char *init, const char *selftests, GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *bytes = NULL;
	gsize len;

	if (!g_file_get_contents(init, &bytes, &len, error)) {
		g_prefix_error(error, "the guest's program is not built: ");
		return NULL;
	}
	g_checksum_update(sum, (const guchar *)bytes, (gssize)len);
	if (selftests)
		g_checksum_update(sum, (const guchar *)selftests, -1);
	return g_strdup_printf("%.16s.cpio", g_checksum_get_string(sum));
}

char *initrd_ensure(const char *cache_dir, const char *program,
	const char *selftests, GError **error)
{
	g_autofree char *bin = host_executable_dir();
	g_autofree char *init = g_build_filename(bin, program, NULL);
	g_autofree char *name = initrd_name(init, selftests, error);
	g_autofree char *dir = NULL, *path = NULL, *temp = NULL;

	if (!name)
		return NULL;
	dir = g_build_filename(cache_dir, "initrd", NULL);
	path = g_build_filename(dir, name, NULL);
	if (g_file_test(path, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&path);
	if (g_mkdir_with_parents(dir, 0755)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot make '%s': %s", dir, g_strerror(errno));
		return NULL;
	}
	temp = g_strdup_printf("%s.%d", path, (int)getpid());
	if (!write_initrd(temp, init, selftests, error))
		return NULL;
	if (g_rename(temp, path)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot name '%s': %s", path, g_strerror(errno));
		return NULL;
	}
	return g_steal_pointer(&path);
}
