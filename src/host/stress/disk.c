/* SPDX-License-Identifier: GPL-2.0-only */
/* The disk of stressors: two partitions, for I/O and for swap. */
#include "host/stress/stress.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define SECTOR	    512
#define FIRST	    2048 /* sectors before the first partition */
#define TABLE	    446	 /* of the master boot record: its partition table */
#define TYPE_LINUX  0x83
#define TYPE_SWAP   0x82
#define MIB_SECTORS ((1u << 20) / SECTOR)

/* An entry of 16 bytes; addresses by head and cylinder are left 0. */
static void put_partition(
	guint8 *entry, guint8 type, guint32 first, guint32 sectors)
{
	guint32 le_first = GUINT32_TO_LE(first);
	guint32 le_sectors = GUINT32_TO_LE(sectors);

	entry[4] = type;
	memcpy(entry + 8, &le_first, 4);
	memcpy(entry + 12, &le_sectors, 4);
}

static gboolean write_image(const char *path, GError **error)
{
	guint32 data = LOAD_DISK_DATA_MIB * MIB_SECTORS;
	guint32 swap = LOAD_DISK_SWAP_MIB * MIB_SECTORS;
	guint8 record[SECTOR] = {[510] = 0x55, [511] = 0xaa};
	int fd = g_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	gboolean ok;

	put_partition(record + TABLE, TYPE_LINUX, FIRST, data);
	put_partition(record + TABLE + 16, TYPE_SWAP, FIRST + data, swap);
	ok = fd >= 0 && !ftruncate(fd, (off_t)(FIRST + data + swap) * SECTOR) &&
	     pwrite(fd, record, sizeof(record), 0) == sizeof(record);
	if (!ok)
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot write the disk '%s': %s", path,
			g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

char *stress_disk(const char *cache_dir, GError **error)
{
	g_autofree char *dir = g_build_filename(cache_dir, "disks", NULL);
	g_autofree char *name = g_strdup_printf(
		"stress-%d-%d", LOAD_DISK_DATA_MIB, LOAD_DISK_SWAP_MIB);
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *temp = g_strdup_printf("%s.%d", path, (int)getpid());

	if (g_file_test(path, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&path);
	if (g_mkdir_with_parents(dir, 0755)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot make '%s': %s", dir, g_strerror(errno));
		return NULL;
	}
	if (!write_image(temp, error))
		return NULL;
	if (g_rename(temp, path)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot name '%s': %s", path, g_strerror(errno));
		return NULL;
	}
	return g_steal_pointer(&path);
}
