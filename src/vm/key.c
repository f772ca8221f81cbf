/* SPDX-License-Identifier: GPL-2.0-only */

/* The key of a template: equal keys boot to the same state. */

#include "cleanup.h"
#include "cmdline.h"
#include "error.h"
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Raise it when the folder's content or our command line changes meaning. */
#define TEMPLATE_FORMAT "rmaptorture template 1"

/* With its NUL, so that two neighbours cannot trade characters. */
static void add_text(GChecksum *sum, const char *text)
{
	if (!text)
		text = "";
	g_checksum_update(sum, (const guchar *)text, (gssize)strlen(text) + 1);
}

static gboolean add_file(
	GChecksum *sum, const char *what, const char *path, GError **error)
{
	g_autofree guchar *buf = g_malloc(1 << 18);
	int scoped(fd_closep) fd = -1;
	ssize_t got;

	if (!path)
		return fail(error, VM_ERROR_MISSING, "no %s was named", what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(
			error, errno, "cannot read %s '%s'", what, path);
	while ((got = read(fd, buf, 1 << 18)) > 0)
		g_checksum_update(sum, buf, got);
	if (got < 0)
		return fail_errno(
			error, errno, "cannot read %s '%s'", what, path);
	add_text(sum, "end of file");
	return TRUE;
}

/* A disk may be large, and is never written: name, size and time will do. */
static gboolean add_disk(GChecksum *sum, const char *path, GError **error)
{
	g_autofree char *text = NULL;
	struct stat st;

	if (!path)
		return TRUE;
	if (stat(path, &st))
		return fail_errno(error, errno, "cannot read disk '%s'", path);
	text = g_strdup_printf("%s %lld %lld", path, (long long)st.st_size,
		(long long)st.st_mtime);
	add_text(sum, text);
	return TRUE;
}

char *template_key(const struct vm_machine *machine, const struct vm_boot *boot,
	const char *version, GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *append = cmdline_append(machine);
	g_autofree char *shape =
		g_strdup_printf("%u vcpus %u MiB %zu slot %s ready %zu %u%s",
			machine->vcpus, machine->mem_mib, machine->slot_bytes,
			vm_accel_name(machine->accel), boot->ready.offset,
			boot->ready.value,
			machine->disk_writable ? " writable disk" : "");

	add_text(sum, TEMPLATE_FORMAT);
	add_text(sum, version);
	add_text(sum, shape);
	add_text(sum, append);
	add_text(sum, boot->id);
	if (!add_file(sum, "kernel", machine->bzimage, error) ||
		!add_file(sum, "initrd", machine->initrd, error) ||
		!add_disk(sum, machine->disk, error))
		return NULL;
	return g_strdup(g_checksum_get_string(sum));
}
