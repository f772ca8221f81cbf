/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_CLEANUP_H
#define VM_CLEANUP_H

/*
 * Resources that go with their scope; private to src/vm. The macro is not
 * called cleanup(), because GLib spells the attribute by that name.
 */

#include <unistd.h>

#define scoped(fn) __attribute__((__cleanup__(fn)))

static inline void fd_closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
