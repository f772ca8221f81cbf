/* SPDX-License-Identifier: GPL-2.0-only */
#include "rundir.h"

#include "cleanup.h"
#include "cmdline.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define KILL_WAIT_MS 5000

char *rundir_file(const struct rundir *dir, const char *name)
{
	return g_build_filename(dir->path, name, NULL);
}

static void remove_file(const struct rundir *dir, const char *name)
{
	g_autofree char *path = rundir_file(dir, name);

	(void)unlink(path);
}

/* Not "slot": where a template is made, that is what it keeps. */
static char *slot_path_choose(const char *dir)
{
	g_autofree char *hash = NULL;
	struct statfs fs;

	if (statfs(dir, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		return g_build_filename(dir, "live-slot", NULL);
	hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, dir, -1);
	return g_strdup_printf("/dev/shm/rmaptorture-%.16s.slot", hash);
}

/* A QEMU of this folder has the console links in its arguments. */
static gboolean pid_is_ours(const struct rundir *dir, pid_t pid)
{
	g_autofree char *proc = g_strdup_printf("/proc/%d/cmdline", (int)pid);
	g_autofree char *path = rundir_file(dir, "console");
	g_autofree char *console = cmdline_escape(path);
	g_autofree char *needle = g_strconcat("path=", console, NULL);
	g_autofree char *cmdline = NULL;
	gsize len = 0;

	if (!g_file_get_contents(proc, &cmdline, &len, NULL))
		return FALSE;
	/* The argument ends there, so compare with its NUL. */
	return memmem(cmdline, len, needle, strlen(needle) + 1) != NULL;
}

/* The pidfd comes first, so the process that is checked is the one killed. */
static void kill_stale(const struct rundir *dir, pid_t pid)
{
	int scoped(fd_closep) fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd gone = {.fd = fd, .events = POLLIN};

	if (fd < 0 || !pid_is_ours(dir, pid))
		return;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0)
		(void)poll(&gone, 1, KILL_WAIT_MS);
}

static void remove_stale(const struct rundir *dir)
{
	g_autofree char *path = rundir_file(dir, "pid");
	g_autofree char *text = NULL;
	gint64 pid = 0;

	if (g_file_get_contents(path, &text, NULL, NULL))
		pid = g_ascii_strtoll(text, NULL, 10);
	if (pid > 1 && pid <= G_MAXINT32)
		kill_stale(dir, (pid_t)pid);
	remove_file(dir, "pid");
	remove_file(dir, "console.in");
	remove_file(dir, "console.out");
	(void)unlink(dir->slot_path);
}

static int lock_take(const char *path)
{
	int scoped(fd_closep) fd =
		open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	return fd_take(&fd);
}

struct rundir *rundir_open(const char *path, GError **error)
{
	struct rundir *scoped(rundir_freep) dir = g_new0(struct rundir, 1);
	g_autofree char *lock = NULL;

	dir->lock = -1;
	dir->path = g_canonicalize_filename(path, NULL);
	if (g_mkdir_with_parents(dir->path, 0755)) {
		fail_errno(error, errno, "cannot make '%s'", dir->path);
		return NULL;
	}
	lock = rundir_file(dir, "lock");
	dir->lock = lock_take(lock);
	if (dir->lock == -EWOULDBLOCK) {
		fail(error, VM_ERROR_BUSY, "'%s' is in use by another process",
			dir->path);
		return NULL;
	}
	if (dir->lock < 0) {
		fail_errno(error, -dir->lock, "cannot lock '%s'", lock);
		return NULL;
	}
	dir->slot_path = slot_path_choose(dir->path);
	remove_stale(dir);
	return g_steal_pointer(&dir);
}

void rundir_close(struct rundir *dir)
{
	if (!dir)
		return;
	if (dir->lock >= 0) {
		if (dir->slot_path)
			remove_stale(dir);
		if (dir->remove) {
			remove_file(dir, "console.log");
			remove_file(dir, "lock");
			(void)rmdir(dir->path);
		}
		fd_closep(&dir->lock);
	}
	g_free(dir->path);
	g_free(dir->slot_path);
	g_free(dir);
}

gboolean rundir_write_pid(const struct rundir *dir, GPid pid, GError **error)
{
	g_autofree char *path = rundir_file(dir, "pid");
	g_autofree char *text = g_strdup_printf("%d\n", (int)pid);
	g_autoptr(GError) why = NULL;

	if (g_file_set_contents_full(
		    path, text, -1, G_FILE_SET_CONTENTS_NONE, 0644, &why))
		return TRUE;
	return fail(error, VM_ERROR_BROKEN, "%s", why->message);
}

/* Copy what is not a hole; both files have the same length. */
static int copy_data(int from, int to, size_t len)
{
	off_t at = 0;

	while ((size_t)at < len) {
		off_t end, data = lseek(from, at, SEEK_DATA);

		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		end = lseek(from, data, SEEK_HOLE);
		if (end < 0)
			return -errno;
		for (at = data; at < end;) {
			g_autofree char *buf = g_malloc(1 << 16);
			ssize_t got = pread(
				from, buf, (size_t)MIN(end - at, 1 << 16), at);

			if (got <= 0 || pwrite(to, buf, (size_t)got, at) != got)
				return -EIO;
			at += got;
		}
	}
	return 0;
}

static int slot_fill(int fd, size_t len, const char *from)
{
	int scoped(fd_closep) source = -1;
	int err = posix_fallocate(fd, 0, (off_t)len);

	if (err)
		return -err;
	if (!from)
		return 0;
	source = open(from, O_RDONLY | O_CLOEXEC);
	if (source < 0)
		return -errno;
	return copy_data(source, fd, len);
}

gboolean rundir_make_slot(const struct rundir *dir, size_t len,
	const char *from, void **ret_map, GError **error)
{
	int scoped(fd_closep) fd = -1;
	void *map;
	int err;

	fd = open(dir->slot_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(
			error, errno, "cannot make slot '%s'", dir->slot_path);
	err = slot_fill(fd, len, from);
	if (err)
		return fail_errno(
			error, -err, "cannot fill slot '%s'", dir->slot_path);
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fail_errno(
			error, errno, "cannot map slot '%s'", dir->slot_path);
	*ret_map = map;
	return TRUE;
}

void rundir_sweep(const char *path)
{
	g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
	const char *name;

	while (entries && (name = g_dir_read_name(entries))) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		struct rundir *dir;

		if (!g_str_has_prefix(name, "vm-"))
			continue;
		dir = rundir_open(child, NULL);
		if (dir) {
			dir->remove = TRUE;
			rundir_close(dir);
		}
	}
}
