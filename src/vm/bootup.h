/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_BOOTUP_H
#define VM_BOOTUP_H

/* bootup - a guest that boots from its kernel; private to src/vm */

#include "cmdline.h"

/**
 * bootup_start() - start QEMU with its RAM files in @dir
 * @machine:  full and checked, its accelerator KVM or TCG
 * @boot:     for slot_init; or NULL
 * @record:   its record and rr count, or NULL
 * @slowness: from host_slowness(): scale of a vm that is not measured yet
 */
struct vm *bootup_start(const struct vm_machine *machine,
	const struct vm_boot *boot, const char *dir,
	const struct cmdline_place *record, double slowness, GError **error);

#endif
