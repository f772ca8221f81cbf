/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pipe: references to pages that are no pins (FOLL_GET), as vmsplice() takes
 * them: a pipe has the pages themselves. Raw system calls only: see raw.h.
 * Source: fs/splice.c, vmsplice_to_pipe(); vmsplice(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

#include "exec/exec.h"
#include "exec/raw.h"

/* As many as there is room for; who reads is all that is needed of a pipe */
static long fill(const int fds[2], uint64_t addr, uint64_t len)
{
	struct iovec pages = {(void *)addr, len};
	long got;

	(void)raw3(SYS_fcntl, fds[1], F_SETPIPE_SZ, (long)len);
	got = raw4(SYS_vmsplice, fds[1], (long)&pages, 1, SPLICE_F_NONBLOCK);
	(void)raw1(SYS_close, fds[1]);
	return got;
}

long pipe_take(const struct actor *actor, uint64_t addr, uint64_t len)
{
	int fds[2];
	long got = raw3(SYS_pipe2, (long)fds, O_CLOEXEC, 0);

	if (got)
		return got;
	got = fill(fds, addr, len);
	if (got >= 0 && !pin_place(actor->lane->pipe_fd, fds[0]))
		got = -EMFILE;
	if (got < 0)
		(void)raw1(SYS_close, fds[0]);
	return got < 0 ? got : got / PROG_PAGE_SIZE;
}

static void pipe_close(int fd)
{
	(void)raw1(SYS_close, fd);
}

long pipe_drop(const struct actor *actor)
{
	return pin_clear(actor->lane->pipe_fd, pipe_close);
}
