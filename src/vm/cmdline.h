/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_CMDLINE_H
#define VM_CMDLINE_H

/* cmdline - arguments of QEMU; pure, private to src/vm */

#include "vm/vm.h"

/* Descriptors that QEMU inherits, by number: see spawn.h. */
enum child_fd {
	CHILD_QMP = 3,
	CHILD_CONSOLE_OUT,
	CHILD_CONSOLE_IN,
	CHILD_QTEST,
	CHILD_STATE,
};

/* Slots on the PCI bus: a template and its clones must agree. */
enum pci_slot { PCI_IVSHMEM = 3, PCI_PVPANIC, PCI_DISK };

/*
 * struct cmdline_place - which files a QEMU uses
 * @ram:      prefix of the two RAM files, "0" and "1" are appended
 * @slot:     file of the slot
 * @console:  prefix of the links "<prefix>.in" and "<prefix>.out"
 * @clone:    RAM is private, and QEMU waits for the device state
 * @record:   folder of the record that is written or read, or NULL
 * @rr:       which of the two; one vCPU in one thread, RAM without a file
 *
 * Without @console it is for people: the console is stdout, and a debugger
 * finds QEMU at the socket "gdb" of @record.
 */
struct cmdline_place {
	const char *ram, *slot, *console, *record;
	gboolean clone;
	enum vm_rr rr;
};

/* @machine with every 0 replaced by its default. */
struct vm_machine machine_with_defaults(const struct vm_machine *machine);

/* FALSE with VM_ERROR_BROKEN when a value is out of range. */
gboolean machine_check(const struct vm_machine *machine, GError **error);

/* @machine must have passed machine_check(). Caller frees the strv. */
char **cmdline_build(
	const struct vm_machine *machine, const struct cmdline_place *place);

/* The kernel's command line, ours and then the caller's. Caller frees. */
char *cmdline_append(const struct vm_machine *machine);

/* @text as one value of a QEMU option: commas doubled. Caller frees. */
char *cmdline_escape(const char *text);

#endif
