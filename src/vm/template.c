/* SPDX-License-Identifier: GPL-2.0-only */

/* Open a template, or make it. */

#include "template.h"

#include "cleanup.h"
#include "cmdline.h"
#include "error.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#define TEMPLATES_KEPT 6
/* Beside RAM: kernel, initrd, device state, console. */
#define ROOM_BESIDE_RAM (64u << 20)

const struct vm_template_info *vm_template_info(
	const struct vm_template *template)
{
	return &template->info;
}

void vm_template_free(struct vm_template *template)
{
	if (!template)
		return;
	fd_closep(&template->lock);
	g_free(template->dir);
	g_free(template->key);
	g_free(template->bzimage);
	g_free(template->initrd);
	g_free(template->version);
	g_free(template->qemu);
	g_free(template->append);
	g_free(template->disk);
	g_free(template);
}

static gboolean resolve_accel(struct vm_machine *machine,
	const struct vm_boot *boot, const char *cache_dir, GError **error)
{
	struct vm_accel_verdict scoped(vm_accel_verdict_clear) verdict = {0};

	if (machine->accel != VM_ACCEL_AUTO)
		return TRUE;
	if (!vm_accel_probe(machine, cache_dir, &verdict, error))
		return FALSE;
	machine->accel = verdict.accel;
	if (boot->progress && !verdict.remembered)
		boot->progress(verdict.reason, boot->user);
	return TRUE;
}

/* The template owns every string that its machine points to. */
static void machine_own(struct vm_template *t)
{
	struct vm_machine *m = &t->machine;

	m->qemu = t->qemu = g_strdup(m->qemu);
	m->append = t->append = g_strdup(m->append);
	m->disk = t->disk = g_strdup(m->disk);
}

static struct vm_template *template_new(const struct vm_machine *machine,
	const struct vm_boot *boot, const char *cache_dir, GError **error)
{
	struct vm_template *scoped(vm_template_freep) t =
		g_new0(struct vm_template, 1);

	t->lock = -1;
	t->machine = machine_with_defaults(machine);
	if (!machine_check(&t->machine, error))
		return NULL;
	t->version = qemu_version(t->machine.qemu, error);
	if (!t->version)
		return NULL;
	if (!resolve_accel(&t->machine, boot, cache_dir, error))
		return NULL;
	t->key = template_key(&t->machine, boot, t->version, error);
	if (!t->key)
		return NULL;
	machine_own(t);
	t->info.key = t->key;
	t->info.accel = t->machine.accel;
	t->info.qemu_version = t->version;
	return g_steal_pointer(&t);
}

static gboolean copy_in(
	const char *from, const char *dir, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autoptr(GFile) source = g_file_new_for_path(from);
	g_autoptr(GFile) target = g_file_new_for_path(path);
	g_autoptr(GError) why = NULL;

	if (g_file_copy(source, target, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL,
		    &why))
		return TRUE;
	return fail(error,
		g_error_matches(why, G_IO_ERROR, G_IO_ERROR_NO_SPACE)
			? VM_ERROR_SPACE
			: VM_ERROR_BROKEN,
		"cannot copy '%s' to '%s': %s", from, path, why->message);
}

/* The key is that of our copies, or kernel and key could differ for ever. */
static gboolean copies_match(struct vm_template *t, const struct vm_boot *boot,
	const char *dir, GError **error)
{
	g_autofree char *bzimage = g_build_filename(dir, "bzImage", NULL);
	g_autofree char *initrd = g_build_filename(dir, "initrd", NULL);
	struct vm_machine copied = t->machine;
	g_autofree char *key = NULL;

	copied.bzimage = bzimage;
	copied.initrd = initrd;
	key = template_key(&copied, boot, t->version, error);
	if (!key)
		return FALSE;
	if (g_str_equal(key, t->key))
		return TRUE;
	return fail(error, VM_ERROR_BROKEN,
		"'%s' or '%s' changed while it was read", t->machine.bzimage,
		t->machine.initrd);
}

static gboolean make_in(struct vm_template *t, const struct vm_boot *boot,
	const char *dir, GError **error)
{
	uint64_t ram = (uint64_t)t->machine.mem_mib << 20;

	if (g_mkdir_with_parents(dir, 0755))
		return fail_errno(error, errno, "cannot make '%s'", dir);
	if (!store_has_room(dir, ram + ROOM_BESIDE_RAM, error))
		return FALSE;
	return copy_in(t->machine.bzimage, dir, "bzImage", error) &&
	       copy_in(t->machine.initrd, dir, "initrd", error) &&
	       copies_match(t, boot, dir, error) &&
	       bootup_save(t, boot, dir, error) &&
	       meta_write(dir, &t->info, error);
}

static gboolean make(struct vm_template *t, const struct vm_boot *boot,
	const char *templates, GError **error)
{
	g_autofree char *name = g_strconcat(STORE_UNFINISHED, t->key, NULL);
	g_autofree char *dir = g_build_filename(templates, name, NULL);

	/* Ours by the lock: what lies here was interrupted. */
	store_remove(dir);
	store_remove(t->dir);
	if (make_in(t, boot, dir, error) && store_commit(dir, t->dir, error))
		return TRUE;
	store_remove(dir);
	return FALSE;
}

static gboolean lock_for_use(struct vm_template *t, const char *templates,
	gboolean exclusive, GError **error)
{
	fd_closep(&t->lock);
	t->lock = store_lock(templates, t->key, exclusive, TRUE);
	if (t->lock >= 0)
		return TRUE;
	return fail_errno(
		error, -t->lock, "cannot lock a template in '%s'", templates);
}

/*
 * A cached template needs the shared lock only. Between making it under the
 * exclusive one and taking the shared one somebody may prune it: try again.
 */
static gboolean open_or_make(struct vm_template *t, const struct vm_boot *boot,
	const char *templates, GError **error)
{
	int tries;

	t->info.was_cached = TRUE;
	for (tries = 0; tries < 3; tries++) {
		if (!lock_for_use(t, templates, FALSE, error))
			return FALSE;
		if (meta_read(t->dir, &t->info))
			return TRUE;
		if (!lock_for_use(t, templates, TRUE, error))
			return FALSE;
		if (meta_read(t->dir, &t->info))
			continue;
		if (!make(t, boot, templates, error))
			return FALSE;
		t->info.was_cached = FALSE;
	}
	return fail(error, VM_ERROR_BROKEN,
		"template '%s' vanishes as soon as it is made", t->dir);
}

static void template_ready(struct vm_template *t)
{
	g_autofree char *meta = g_build_filename(t->dir, "meta.json", NULL);

	t->info.dir = t->dir;
	t->info.scale =
		CLAMP(t->info.boot_seconds / VM_REFERENCE_BOOT_S, 0.1, 100.0);
	t->machine.bzimage = t->bzimage =
		g_build_filename(t->dir, "bzImage", NULL);
	t->machine.initrd = t->initrd =
		g_build_filename(t->dir, "initrd", NULL);
	/* Its time says when it was used last. */
	(void)utimensat(AT_FDCWD, meta, NULL, 0);
}

struct vm_template *vm_template_ensure(const struct vm_machine *machine,
	const struct vm_boot *boot, const char *cache_dir, GError **error)
{
	g_autofree char *absolute = g_canonicalize_filename(cache_dir, NULL);
	g_autofree char *templates =
		g_build_filename(absolute, "templates", NULL);
	struct vm_template *scoped(vm_template_freep) t = NULL;

	if (g_mkdir_with_parents(templates, 0755)) {
		fail_errno(error, errno, "cannot make '%s'", templates);
		return NULL;
	}
	t = template_new(machine, boot, absolute, error);
	if (!t)
		return NULL;
	t->dir = g_build_filename(templates, t->key, NULL);
	if (!open_or_make(t, boot, templates, error))
		return NULL;
	template_ready(t);
	store_prune(templates, TEMPLATES_KEPT);
	return g_steal_pointer(&t);
}
