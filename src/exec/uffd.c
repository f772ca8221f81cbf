/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uffd: pages that another mapping gets by UFFDIO_MOVE, or that are brought by
 * UFFDIO_COPY, and pages of which the kernel notes that they were written. Raw
 * system calls only: see raw.h.
 *
 * The target of a move or a copy is registered for the time of the call: who
 * touches a page of it meanwhile sleeps until then. It is unregistered before
 * the file is closed, since a fork beside it may have left the file open in a
 * child. What is tracked is registered with a file of the process' own, until
 * it ends: nobody reads the file, since of UFFD_FEATURE_WP_ASYNC nobody is
 * told.
 *
 * Source: mm/userfaultfd.c, move_pages(), mfill_atomic() and
 * mwriteprotect_range() (v6.12); ioctl_userfaultfd(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "exec/exec.h"
#include "exec/raw.h"
#include "guest/uffd.h"

#define MOVES_MAX  16 /* each goes on where the last one was interrupted */
#define COPIES_MAX 16 /* while what is mapped there changes */

static long uffd_open(uint64_t features)
{
	struct uffdio_api api = {.api = UFFD_API, .features = features};
	long fd = raw1(SYS_userfaultfd, O_CLOEXEC);
	long err;

	if (fd < 0)
		return fd;
	err = raw3(SYS_ioctl, fd, (long)UFFDIO_API, (long)&api);
	if (err)
		(void)raw1(SYS_close, fd);
	return err ? err : fd;
}

static long move_all(long fd, uint64_t to, uint64_t from, uint64_t len)
{
	long err = -EAGAIN;

	for (int i = 0; err == -EAGAIN && i < MOVES_MAX; i++) {
		struct uffdio_move move = {
			to, from, len, UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES, 0};

		err = raw3(SYS_ioctl, fd, (long)UFFDIO_MOVE, (long)&move);
		if (err && move.move > 0) {
			to += (uint64_t)move.move;
			from += (uint64_t)move.move;
			len -= (uint64_t)move.move;
		}
	}
	return err;
}

/* What cannot be registered may be another's, who is not asked. */
static long take(uint64_t features, uint64_t addr, uint64_t len)
{
	struct uffdio_register range = {
		.range = {addr, len}, .mode = UFFDIO_REGISTER_MODE_MISSING};
	long fd = uffd_open(features);
	long err;

	if (fd < 0)
		return fd;
	err = raw3(SYS_ioctl, fd, (long)UFFDIO_REGISTER, (long)&range);
	if (err)
		(void)raw1(SYS_close, fd);
	return err ? err : fd;
}

long uffd_take(uint64_t addr, uint64_t len)
{
	return take(0, addr, len);
}

void uffd_let(long fd, uint64_t addr, uint64_t len)
{
	struct uffdio_range range = {addr, len};

	(void)raw3(SYS_ioctl, fd, (long)UFFDIO_UNREGISTER, (long)&range);
	(void)raw1(SYS_close, fd);
}

long uffd_move(uint64_t to, uint64_t from, uint64_t len)
{
	long fd = take(UFFD_FEATURE_MOVE, to, len);
	long err;

	if (fd < 0)
		return fd;
	err = raw3(SYS_madvise, (long)to, (long)len, MADV_DONTNEED);
	if (!err)
		err = move_all(fd, to, from, len);
	uffd_let(fd, to, len);
	return err;
}

long uffd_copy(long fd, uint64_t addr, uint64_t stamp)
{
	uint64_t page[PAGE_WORDS];
	long err;

	page_fill(page, stamp);
	err = raw3(SYS_madvise, (long)addr, PROG_PAGE_SIZE, MADV_DONTNEED);
	if (err)
		return err;
	err = -EAGAIN;
	for (int i = 0; err == -EAGAIN && i < COPIES_MAX; i++) {
		struct uffdio_copy copy = {
			addr, (uint64_t)page, PROG_PAGE_SIZE, 0, 0};

		err = raw3(SYS_ioctl, fd, (long)UFFDIO_COPY, (long)&copy);
	}
	return err;
}

/* Two threads may open one each: the second has come too late. */
static long tracker_of(int *place)
{
	long fd = __atomic_load_n(place, __ATOMIC_SEQ_CST);
	int none = 0;

	if (fd)
		return fd;
	fd = uffd_open(UFFD_FEATURE_WP_ASYNC);
	if (fd < 0 || __atomic_compare_exchange_n(place, &none, (int)fd, false,
			      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return fd;
	(void)raw1(SYS_close, fd);
	return none;
}

long uffd_track(const struct actor *actor, uint64_t addr, uint64_t len)
{
	struct uffdio_register range = {
		.range = {addr, len}, .mode = UFFDIO_REGISTER_MODE_WP};
	struct uffdio_writeprotect protect = {
		.range = {addr, len}, .mode = UFFDIO_WRITEPROTECT_MODE_WP};
	long fd = tracker_of(&actor->lane->uffd_fd);
	long err;

	if (fd < 0)
		return fd;
	err = raw3(SYS_ioctl, fd, (long)UFFDIO_REGISTER, (long)&range);
	if (!err)
		err = raw3(SYS_ioctl, fd, (long)UFFDIO_WRITEPROTECT,
			(long)&protect);
	return err;
}

void uffd_forget(const struct actor *actor)
{
	actor->lane->uffd_fd = 0;
}
