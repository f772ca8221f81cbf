/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_RUNDIR_H
#define VM_RUNDIR_H

/*
 * rundir - the folder of one vm: lock, pid of QEMU, links, console, slot file
 *
 * Private to src/vm. The lock is held while the vm lives, so whoever gets it
 * knows that what lies there belongs to nobody.
 */

#include <glib.h>

/*
 * struct rundir
 * @path:      absolute
 * @slot_path: on tmpfs: in @path if that is one, else in /dev/shm
 * @remove:    the folder itself goes with rundir_close()
 */
struct rundir {
	char *path, *slot_path;
	int lock;
	gboolean remove;
};

/**
 * rundir_open() - make or take over a folder
 *
 * Kills the QEMU that a dead process left, once /proc/PID/cmdline has shown
 * that it is one of this folder, and removes its files. VM_ERROR_BUSY when the
 * folder is locked. Returns what rundir_close() frees, or NULL.
 */
struct rundir *rundir_open(const char *path, GError **error);
void rundir_close(struct rundir *dir);

static inline void rundir_freep(struct rundir **rundir)
{
	rundir_close(*rundir);
}

/* Free; caller owns. */
char *rundir_file(const struct rundir *dir, const char *name);

gboolean rundir_write_pid(const struct rundir *dir, GPid pid, GError **error);

/**
 * rundir_make_slot() - the slot file, @len bytes, all of them allocated
 * @from: file to copy, holes stay zero; or NULL for zeros
 *
 * VM_ERROR_SPACE when tmpfs has no room: better here than SIGBUS later.
 */
gboolean rundir_make_slot(const struct rundir *dir, size_t len,
	const char *from, void **ret_map, GError **error);

/**
 * rundir_sweep() - open and close each leftover folder "vm-*" in @path
 *
 * Folders that are locked are left alone; others are removed.
 */
void rundir_sweep(const char *path);

#endif
