/* SPDX-License-Identifier: GPL-2.0-only */
/* A program that we start, watch and end. */
#ifndef RMAPTORTURE_CHILD_H
#define RMAPTORTURE_CHILD_H

#include <gio/gio.h>

/** child_dies_with_us() - for g_subprocess_launcher_set_child_setup(): the
 *  child is killed when we die. @parent: our pid */
void child_dies_with_us(gpointer parent);

/**
 * struct child_hooks - what child_run() calls
 * @line: each line of stdout and stderr, without its newline; lines longer
 *	  than 64 KiB come in pieces
 * @look: at least every half second; FALSE: kill it
 * @enough: behind @look; TRUE: ask it to end, once, by SIGTERM. May be NULL
 */
struct child_hooks {
	void (*line)(const char *line, void *user);
	gboolean (*look)(void *user);
	gboolean (*enough)(void *user);
	void *user;
};

/**
 * child_run() - run @argv to its end
 * @ret_status: its exit status; -1 where a signal ended it, ours included
 */
gboolean child_run(char *const *argv, const struct child_hooks *hooks,
	int *ret_status, GError **error);

#endif
