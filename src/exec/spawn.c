/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * spawn: a program is executed, which has many arguments: its stack is made at
 * the end of the address space, and moves when they are written
 * (fs/exec.c, setup_arg_pages()). Raw system calls only: see raw.h.
 */
#include <errno.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <signal.h>
#include <string.h>

#include "exec/exec.h"
#include "exec/raw.h"

static char argument[PROG_SPAWN_PAGES * PROG_PAGE_SIZE];

/* In the child, whose memory is a copy */
static void execute(void *arg)
{
	uint32_t len = *(uint32_t *)arg * PROG_PAGE_SIZE - 1;
	const char *argv[] = {SPAWN_NAME, argument, NULL};

	memset(argument, 'x', len);
	(void)raw3(SYS_execve, (long)"/proc/self/exe", (long)argv, 0);
	(void)raw1(SYS_exit_group, 1);
}

long spawn(struct lane *lane, uint32_t pages)
{
	int status = 0;
	long pid = raw_clone(SIGCHLD, lane->stack[1], NULL, execute, &pages);
	long err;

	if (pid < 0)
		return pid;
	do
		err = raw4(SYS_wait4, pid, (long)&status, 0, 0);
	while (err == -EINTR);
	/* without memory, it is killed or refused */
	return err < 0 ? err : status ? -ENOMEM : 0;
}
