/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_TEMPLATE_H
#define VM_TEMPLATE_H

/*
 * template - a saved guest in its folder; private to src/vm
 *
 * Files: ram0 ram1 slot state bzImage initrd console.log meta.json. The last
 * is written last, and the folder is renamed to its key after that.
 */

#include "vm/vm.h"

/*
 * struct vm_template
 * @machine: full, with the accelerator resolved and with the template's own
 *           copies of kernel and initrd
 * @lock:    shared lock on <key>.lock: as long as it is held nobody prunes
 * @dir, @key, @bzimage, @initrd, @version, @qemu, @append, @disk: owned; the
 *           strings that @machine and @info point to
 */
struct vm_template {
	struct vm_machine machine;
	struct vm_template_info info;
	int lock;
	char *dir, *key, *bzimage, *initrd, *version, *qemu, *append, *disk;
};

/* meta.c: <dir>/meta.json, what @info has beside key, dir and version */
gboolean meta_write(
	const char *dir, const struct vm_template_info *info, GError **error);
/* FALSE when there is none, or when it cannot be used. */
gboolean meta_read(const char *dir, struct vm_template_info *info);

static inline void vm_template_freep(struct vm_template **template)
{
	vm_template_free(*template);
}

/* key.c: SHA-256 of all that makes a template; NULL when a file is missing */
char *template_key(const struct vm_machine *machine, const struct vm_boot *boot,
	const char *version, GError **error);

/* store.c: take <key>.lock, shared or exclusive (waiting); fd, or -errno */
int store_lock(const char *templates, const char *key, gboolean exclusive,
	gboolean wait);
/* Remove folder @dir and the plain files in it. */
void store_remove(const char *dir);
/* Begins the name of a template's folder while it is made. */
#define STORE_UNFINISHED "tmp-"
/* Keep the @keep used last, and any that is open; drop unfinished ones. */
void store_prune(const char *templates, unsigned keep);
/* Sync all files in @from and the folder, rename it to @to, sync the parent. */
gboolean store_commit(const char *from, const char *to, GError **error);
/* Whether @dir's file system has @bytes left for us. */
gboolean store_has_room(const char *dir, uint64_t bytes, GError **error);

/*
 * bootup.c: boot @template->machine in folder @dir, save it there, and fill
 * boot time, save time, state bytes and BAR of @template->info.
 */
gboolean bootup_save(struct vm_template *template, const struct vm_boot *boot,
	const char *dir, GError **error);

/* Start of QEMU to idle on the reference machine: 2 cores, TCG, KASAN. */
#define VM_REFERENCE_BOOT_S 4.3

/* host.c: how much slower this host is just now than the reference, 1 to 10 */
double host_slowness(void);

#endif
