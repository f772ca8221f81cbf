/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_ACCEL_H
#define VM_ACCEL_H

/* accel - the remembered verdict, as a file; private to src/vm */

#include "vm/vm.h"

/* Caller frees. Same host, CPU model and QEMU: same file. */
char *verdict_path(const char *cache_dir, const char *qemu_version);

/* Written whole or not at all. */
gboolean verdict_write(const char *path, const struct vm_accel_verdict *verdict,
	GError **error);

/* FALSE when there is none or it makes no sense; @ret_verdict untouched. */
gboolean verdict_read(const char *path, struct vm_accel_verdict *ret_verdict);

#endif
