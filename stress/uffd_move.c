/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uffd_move: pages change their place by UFFDIO_MOVE, holes are filled by
 * UFFDIO_COPY, pages are write-protected and freed again by a thread that
 * serves the faults, under reclaim and migration. Wrong to see: a page that
 * was not moved whole, its old contents at the old place, a lost write.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/uffd.h"
#include "stress/stress.h"

#define PAGES 256
#define RUN   16

struct uffd {
	struct job *job;
	struct region from, to; /* faults of @to are served by a thread */
	int fd;
};

static void serve_fault(int fd, const struct uffd_msg *msg)
{
	struct uffdio_range range = {
		.start = msg->arg.pagefault.address & ~(LOAD_PAGE - 1ull),
		.len = LOAD_PAGE,
	};
	struct uffdio_writeprotect open_up = {.range = range};
	struct uffdio_zeropage zero = {.range = range};

	if (msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
		(void)ioctl(fd, UFFDIO_WRITEPROTECT, &open_up);
	else if (ioctl(fd, UFFDIO_ZEROPAGE, &zero) && errno == EEXIST)
		(void)ioctl(fd, UFFDIO_WAKE, &range);
}

/* Until the process ends: faults of its last check are served as well */
static void *serve(void *arg)
{
	int fd = *(int *)arg;
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	struct uffd_msg msg;

	for (;;) {
		if (poll(&poll_fd, 1, -1) < 0)
			continue;
		if (read(fd, &msg, sizeof(msg)) == sizeof(msg) &&
			msg.event == UFFD_EVENT_PAGEFAULT)
			serve_fault(fd, &msg);
	}
	return NULL;
}

/* EAGAIN: a race with a walk; EBUSY: shared or pinned; ENOENT: a hole */
static void move(struct uffd *u, struct region *from, struct region *to)
{
	struct job *job = u->job;
	uint32_t nr, page = region_range(job, from, RUN, &nr);
	uint32_t at = rng_below(&job->rng, to->pages - nr + 1), done;
	struct uffdio_move arg = {
		.dst = (uintptr_t)region_at(to, at),
		.src = (uintptr_t)region_at(from, page),
		.len = (uint64_t)nr * LOAD_PAGE,
		.mode = UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
	};

	if (madvise(region_at(to, at), arg.len, MADV_DONTNEED))
		return;
	region_mark(to, at, nr, MARK_ZERO);
	job_note(job, "MOVE from", region_at(from, page), nr);
	job_note(job, "MOVE to", region_at(to, at), nr);
	(void)ioctl(u->fd, UFFDIO_MOVE, &arg);
	done = arg.move > 0 ? (uint32_t)(arg.move / LOAD_PAGE) : 0;
	for (uint32_t i = 0; i < done; i++) {
		to->mark[at + i] = from->mark[page + i];
		from->mark[page + i].state = MARK_ZERO;
	}
	region_check(job, to, at, nr);
	region_check(job, from, page, nr);
	job_did(job, WORK_MOVED, done);
}

static void copy(struct uffd *u)
{
	static uint8_t page[LOAD_PAGE] __attribute__((aligned(LOAD_PAGE)));
	struct region *to = &u->to;
	uint32_t at = rng_below(&u->job->rng, to->pages);
	struct page_id id = {
		.owner = u->job->owner,
		.generation = ++to->generation,
		.home = to->home + at,
	};
	struct uffdio_copy arg = {
		.dst = (uintptr_t)region_at(to, at),
		.src = (uintptr_t)page,
		.len = LOAD_PAGE,
		.mode = rng_one_in(&u->job->rng, 2) ? UFFDIO_COPY_MODE_WP : 0,
	};

	if (madvise(region_at(to, at), LOAD_PAGE, MADV_DONTNEED))
		return;
	region_mark(to, at, 1, MARK_ZERO);
	page_fill(page, &id);
	job_note(u->job, "COPY", region_at(to, at), 1);
	if (!ioctl(u->fd, UFFDIO_COPY, &arg))
		to->mark[at] = (struct mark){id, MARK_DATA};
	region_check(u->job, to, at, 1);
}

static void protect(struct uffd *u)
{
	uint32_t nr, page = region_range(u->job, &u->to, RUN, &nr);
	struct uffdio_writeprotect arg = {
		.range = {(uintptr_t)region_at(&u->to, page),
			(uint64_t)nr * LOAD_PAGE},
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	job_note(u->job, "WP", region_at(&u->to, page), nr);
	(void)ioctl(u->fd, UFFDIO_WRITEPROTECT, &arg);
}

static void uffd_open(struct uffd *u)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register arg = {
		.range = {(uintptr_t)u->to.base,
			(uint64_t)u->to.pages * LOAD_PAGE},
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
	};

	u->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (u->fd < 0 || ioctl(u->fd, UFFDIO_API, &api) ||
		ioctl(u->fd, UFFDIO_REGISTER, &arg))
		job_broken(u->job, "userfaultfd: %s", strerror(errno));
}

static void child_looks(struct job *job, void *arg)
{
	struct uffd *u = arg;

	region_check(job, &u->from, 0, u->from.pages);
	region_check(job, &u->to, 0, u->to.pages);
}

void stress_uffd_move(struct job *job)
{
	struct uffd u = {.job = job};
	pthread_t thread;

	region_map(job, &u.from, PAGES, true);
	region_map(job, &u.to, PAGES, true);
	uffd_open(&u);
	if (pthread_create(&thread, NULL, serve, &u.fd))
		job_broken(job, "no thread");
	(void)walker_reclaim(job);
	(void)walker_migrate(job, &u.to);
	for (uint32_t round = 0; job_on(job); round++) {
		uint32_t nr, page = region_range(job, &u.from, 32, &nr);

		region_write(job, &u.from, page, nr);
		move(&u, &u.from, &u.to);
		copy(&u);
		protect(&u);
		page = region_range(job, &u.to, 8, &nr);
		region_write(job, &u.to, page, nr);
		if (round % 32 == 0) {
			pid_t pid = job_spawn(job, child_looks, &u);

			move(&u, &u.from, &u.to);
			job_wait(pid);
			region_check(job, &u.to, 0, u.to.pages);
		}
		job_did(job, WORK_OPS, 1);
	}
}
