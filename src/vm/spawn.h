/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_SPAWN_H
#define VM_SPAWN_H

/* spawn - start QEMU with its channels, none of them on the network; private */

#include <glib.h>

/*
 * struct spawn - a started QEMU and our ends of its channels
 * @qmp, @qtest:  socket ends; @qtest is -1 unless asked for
 * @console_out:  what the guest prints; 1 MiB fits before the guest waits
 * @console_in:   to the guest's serial port
 * @err:          stdout and stderr of QEMU
 * All are non-blocking and close-on-exec.
 */
struct spawn {
	GPid pid;
	int qmp, qtest, console_out, console_in, err;
};

void spawn_close(struct spawn *spawn);

/**
 * spawn_qemu() - start it
 * @argv:       from cmdline_build()
 * @console:    prefix of the two links to make, as in struct cmdline_place
 * @state_fd:   the file of the device state, inherited; or -1
 * @ret_spawn:  caller closes with spawn_close() and reaps the process
 *
 * The child is killed when the calling thread ends, leads its own session, and
 * has no signal blocked.
 */
gboolean spawn_qemu(char **argv, const char *console, int state_fd,
	struct spawn *ret_spawn, GError **error);

/* First line of "<qemu> --version"; NULL with VM_ERROR_MISSING without it. */
char *qemu_version(const char *qemu, GError **error);

#endif
