/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pin: long-term pins of pages (FOLL_PIN | FOLL_LONGTERM), as drivers and
 * io_uring take them. Raw system calls only: see raw.h.
 * Source: io_uring/rsrc.c, io_pin_pages(); io_uring_register(2).
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <sys/uio.h>

#include "exec/exec.h"
#include "exec/raw.h"

/* 0 is never one of ours: an actor has files open */
static int ring_open(void)
{
	struct io_uring_params params = {0};

	return (int)raw3(SYS_io_uring_setup, 1, (long)&params, 0);
}

bool pin_place(int *places, int fd)
{
	for (uint32_t i = 0; i < PINS_MAX; i++) {
		int none = 0;

		if (__atomic_compare_exchange_n(&places[i], &none, fd, false,
			    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	}
	return false;
}

long pin_clear(int *places, void (*drop)(int fd))
{
	long nr = 0;

	for (uint32_t i = 0; i < PINS_MAX; i++) {
		int fd = __atomic_exchange_n(&places[i], 0, __ATOMIC_SEQ_CST);

		if (!fd)
			continue;
		drop(fd);
		nr++;
	}
	return nr;
}

long pin_take(const struct actor *actor, uint64_t addr, uint64_t len)
{
	struct iovec buffer = {(void *)addr, len};
	int fd = ring_open();
	long err;

	if (fd < 0)
		return fd;
	err = raw4(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS,
		(long)&buffer, 1);
	if (!err && !pin_place(actor->lane->pin_fd, fd))
		err = -EMFILE;
	if (err)
		(void)raw1(SYS_close, fd);
	return err;
}

static void ring_drop(int fd)
{
	/* at once: a ring that is only closed dies later */
	(void)raw4(SYS_io_uring_register, fd, IORING_UNREGISTER_BUFFERS, 0, 0);
	(void)raw1(SYS_close, fd);
}

long pin_drop(const struct actor *actor)
{
	return pin_clear(actor->lane->pin_fd, ring_drop);
}
