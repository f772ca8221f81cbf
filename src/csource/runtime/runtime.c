/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The runtime of csource.c's programs, in pieces: a program has the first, the
 * last, and of the others those that it needs.
 */

/* === begin === */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* .late: it is earlier by a share of the time that it took the last time, in
 * each of 20 runs by another one */
#define SWEEP  1000000000
#define SHARES 20

enum state { NOT_RUN, STARTED, DONE, SKIPPED };
enum life { NONE, LIVES, DEAD };

struct call {
	int proc, thread, async;
	int fail, fail_all; /* which allocation; and all later ones */
	int meet;  /* number of a later call that begins with it, or 0 */
	long late; /* ns by which it is the later one then; below 0: earlier */
	long (*make)(int i);
	long nr; /* of the system call (x86-64) */
	unsigned long arg[6];
	const char *text;
};

/* What all processes share */
struct shared {
	int turn; /* number of the call whose turn it is */
	int life[8], exiting[8], pid[8];
	int state[NR_CALLS + 1];
	int soon[NR_CALLS + 1], here[NR_CALLS + 1], met[NR_CALLS + 1];
	int wrong; /* pages that held what they must not, in all runs */
	int run;
	long took[NR_CALLS + 1];
};
static struct shared *shared;

struct wrong {
	int proc, call;
	unsigned long at, seen;
	const char *text;
};

static const struct call calls[NR_CALLS + 1];
static int memfd = -1, file = -1;
static __thread sigjmp_buf fault;
static void process(int proc);
static void check(int proc);

#define GET(x)	  __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define SET(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(fault, 1);
}

/* Who, when, where; and a hash of it */
static unsigned long stamp(unsigned int low)
{
	unsigned long z = (low + 1) * 0x9e3779b97f4a7c15ul;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ul;
	z ^= z >> 27;
	return (z << 33 >> 1) | 1ul << 32 | low;
}

static long file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	long ret = fd < 0 ? -1 : write(fd, text, strlen(text));
	int err = errno;

	if (fd >= 0)
		close(fd);
	return ret < 0 ? -err : ret;
}

/* === pagemap === */
static int pagemap_bit(unsigned long at, int bit)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	unsigned long entry = 0;
	int got = (int)pread(fd, &entry, 8, (long)(at / 4096 * 8));

	close(fd);
	return got == 8 && entry >> bit & 1;
}

static long pagemap_print(int i, int bit, const char *set, const char *clear)
{
	const unsigned long *a = calls[i].arg;
	unsigned long page;

	for (page = 0; page < a[1] / 4096; page++)
		printf("    p%d sees +%lu: %s\n", calls[i].proc, a[2] + page,
			pagemap_bit(a[0] + page * 4096, bit) ? set : clear);
	return (long)page;
}

/* === syscall === */
static long make_syscall(int i)
{
	const unsigned long *a = calls[i].arg;
	long ret = syscall(calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);

	return ret == -1 ? -errno : ret;
}

/* === mmap === */
/* address, bytes, protection, flags, file, offset */
static long make_mmap(int i)
{
	const unsigned long *a = calls[i].arg;
	int fd = a[4] == 1 ? file : a[4] == 2 ? memfd : -1;
	void *map = mmap((void *)a[0], a[1], a[2], a[3], fd, a[5]);

	return map == MAP_FAILED ? -errno : 0;
}

/* === brk === */
/* address, bytes; needs root */
static long make_brk(int i)
{
	static const int what[] = {
		PR_SET_MM_BRK, PR_SET_MM_START_BRK, PR_SET_MM_BRK};
	const unsigned long *a = calls[i].arg;
	long ret = 0;

	for (int k = 0; k < 3; k++)
		ret = syscall(SYS_prctl, PR_SET_MM, what[k], a[0], 0, 0);
	if (ret)
		return -errno;
	ret = syscall(SYS_brk, a[0] + a[1]);
	return (unsigned long)ret == a[0] + a[1] ? 0 : -ENOMEM;
}

/* === touch === */
/* address, pages, stamp of the first page, how it grows; three words each page
 */
static long make_touch(int i)
{
	const unsigned long *a = calls[i].arg;
	volatile unsigned long page = 0;

	if (sigsetjmp(fault, 1))
		return -EFAULT;
	for (; page < a[1]; page++) {
		volatile unsigned long *at = (void *)(a[0] + page * 4096);

		at[0] = at[256] = at[511] = stamp(a[2] + page * a[3]);
	}
	return page;
}

/* === poke === */
/* as touch, but as a debugger does it */
static long make_poke(int i)
{
	const unsigned long *a = calls[i].arg;
	int fd = open("/proc/self/mem", O_RDWR);
	unsigned long page;

	if (fd < 0)
		return -errno;
	for (page = 0; page < a[1]; page++) {
		unsigned long data[512] = {0};

		data[0] = data[256] = data[511] = stamp(a[2] + page * a[3]);
		if (pwrite(fd, data, sizeof(data),
			    (long)(a[0] + page * 4096)) != sizeof(data))
			break;
	}
	close(fd);
	return page < a[1] ? -EFAULT : (long)page;
}

/* === expect === */
static void stamp_print(unsigned long s)
{
	unsigned int low = s & 0x7fffff;

	if (!s)
		printf("zeros");
	else if (s != stamp(low))
		printf("0x%016lx: nobody wrote this", s);
	else if ((low >> 13 & 127) == 64)
		printf("page %u of the file", low & 1023);
	else if ((low >> 13 & 127) == 65)
		printf("a fill with value %u", low & 1023);
	else
		printf("p%u's touch in call %u of v%u+%u", low >> 20 & 7,
			low >> 13 & 127, low >> 10 & 7, low & 1023);
}

/* address, pages, number of the first page */
static long make_expect(int i)
{
	const unsigned long *a = calls[i].arg;
	volatile unsigned long page, bad = 0;

	for (page = 0; page < a[1]; page++) {
		volatile unsigned long *at = (void *)(a[0] + page * 4096);
		unsigned long s;

		if (sigsetjmp(fault, 1)) {
			printf("    p%d reads +%lu: no mapping\n",
				calls[i].proc, a[2] + page);
			bad = bad + 1;
			continue;
		}
		s = at[0];
		printf("    p%d reads +%lu: ", calls[i].proc, a[2] + page);
		stamp_print(s);
		puts(s != at[256] || s != at[511] ? ", TORN" : "");
	}
	return bad ? -EFAULT : (long)page;
}

/* === fork === */
static long make_fork(int i)
{
	int child = calls[i].arg[0], old = GET(shared->life[child]);
	long pid;

	if (old == LIVES)
		return -EEXIST;
	SET(shared->exiting[child], 0);
	SET(shared->life[child], LIVES);
	pid = syscall(SYS_clone, 0x00108000 | SIGCHLD, 0, &shared->pid[child],
		0, 0); /* PARENT, PARENT_SETTID */
	if (pid == 0)
		process(child);
	if (pid < 0)
		SET(shared->life[child], old);
	return pid < 0 ? -errno : 0;
}

/* === exit === */
static long make_exit(int i)
{
	printf("%2d  %s\n", i, calls[i].text);
	SET(shared->exiting[calls[i].proc], 1);
	check(calls[i].proc);
	_exit(0);
}

/* === wait === */
static long make_wait(int i)
{
	int child = calls[i].arg[0];

	if (GET(shared->life[child]) == NONE || child == calls[i].proc)
		return -ECHILD;
	if (GET(shared->life[child]) == LIVES && !GET(shared->exiting[child]))
		return -EAGAIN;
	while (GET(shared->life[child]) == LIVES)
		sched_yield();
	return 0;
}

/* === barrier === */
static long make_barrier(int i)
{
	(void)i;
	return 0; /* the conductor has waited */
}

/* === move_pages === */
/* address, pages, node, flags */
static long make_move_pages(int i)
{
	const unsigned long *a = calls[i].arg;
	void *at[1024];
	int node[1024], status[1024];
	long ret;

	for (unsigned long k = 0; k < a[1]; k++) {
		at[k] = (void *)(a[0] + k * 4096);
		node[k] = a[2];
	}
	ret = syscall(SYS_move_pages, 0, a[1], at, node, status, a[3]);
	return ret < 0 ? -errno : ret;
}

/* === migrate_pages === */
static long make_migrate_pages(int i)
{
	unsigned long to = 1ul << calls[i].arg[0], from = to ^ 3;
	long ret = syscall(SYS_migrate_pages, 0, 3, &from, &to);

	return ret < 0 ? -errno : ret;
}

/* === mbind === */
/* address, bytes, node, flags; MPOL_BIND */
static long make_mbind(int i)
{
	const unsigned long *a = calls[i].arg;
	unsigned long mask = 1ul << a[2];
	long ret = syscall(SYS_mbind, a[0], a[1], 2, &mask, 3, a[3]);

	return ret < 0 ? -errno : ret;
}

/* === split === */
/* address, bytes, order */
static long make_split(int i)
{
	const unsigned long *a = calls[i].arg;
	char text[96];

	snprintf(text, sizeof(text),
		a[2] ? "%d,0x%lx,0x%lx,%lu" : "%d,0x%lx,0x%lx", getpid(), a[0],
		a[0] + a[1], a[2]);
	return file_write("/sys/kernel/debug/split_huge_pages", text);
}

/* === reclaim === */
/* bytes, from the cgroup that we are in; what other CPUs have just touched,
 * too: a move of no page brings that to the LRU lists first */
static long make_reclaim(int i)
{
	char line[256] = "", path[400], text[32];
	FILE *f = fopen("/proc/self/cgroup", "r");
	int node = 0, status = 0;
	void *page = NULL;

	(void)syscall(SYS_move_pages, 0, 0, &page, &node, &status, 0);
	if (f && !fgets(line, sizeof(line), f))
		line[0] = 0;
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = 0;
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.reclaim",
		strncmp(line, "0::", 3) ? "" : line + 3);
	snprintf(text, sizeof(text), "%lu", calls[i].arg[0]);
	return file_write(path, text);
}

/* === merge_any === */
/* 1: all that the process has may be merged by KSM; 0: nothing */
static long make_merge_any(int i)
{
	return prctl(67, calls[i].arg[0], 0, 0, 0); /* PR_SET_MEMORY_MERGE */
}

/* === compact === */
/* What can be of the pages of all processes is migrated */
static long make_compact(int i)
{
	(void)i;
	return file_write("/proc/sys/vm/compact_memory", "1");
}

/* === swapoff === */
/* All that is swapped out, of whomever, comes back: each device off and on */
static long make_swapoff(int i)
{
	char line[256], path[256];
	FILE *f = fopen("/proc/swaps", "r");
	long ret = f ? 0 : -errno;

	(void)i;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%255s", path) != 1 || path[0] != '/')
			continue;
		if (swapoff(path))
			ret = -errno;
		if (swapon(path, 0) && errno != EBUSY)
			ret = -errno;
	}
	if (f)
		fclose(f);
	return ret;
}

/* === rmap_fsck === */
static long make_rmap_fsck(int i)
{
	(void)i;
	return file_write("/sys/kernel/debug/rmap_fsck", "self");
}

/* === daemon === */
/* Until the daemon that counts its passes in @path has made @nr more; what is
 * written to @wake ends its sleep */
static long daemon_wait(const char *path, const char *wake, long nr)
{
	long first = -1, now = 0;

	for (int nap = 0; nap < 100; nap++) {
		FILE *f = fopen(path, "r");
		int got = f ? fscanf(f, "%ld", &now) : 0;

		if (f)
			fclose(f);
		if (got != 1)
			return -1;
		if (first < 0)
			first = now;
		if (now >= first + nr)
			return 0;
		if (wake)
			file_write(wake, "10000");
		usleep(20000);
	}
	return -EAGAIN;
}

/* === ksm === */
/* ksmd notes a page's checksum in one pass and merges it in the next */
static long make_ksm(int i)
{
	(void)i;
	return daemon_wait("/sys/kernel/mm/ksm/full_scans", NULL, 3);
}

/* === spawn === */
/* A child executes this program with so many pages of arguments, and ends */
static long make_spawn(int i)
{
	size_t len = calls[i].arg[0] * 4096 - 1;
	char *text = malloc(len + 1);
	int status = 0, pid;

	if (!text)
		return -1;
	memset(text, 'x', len);
	text[len] = 0;
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "spawned", text, (char *)0);
		_exit(1);
	}
	free(text);
	return pid < 0 || waitpid(pid, &status, 0) < 0 ? -1 : 0;
}

/* === khugepaged === */
#define KHUGEPAGED "/sys/kernel/mm/transparent_hugepage/khugepaged/"

static long make_khugepaged(int i)
{
	(void)i;
	return daemon_wait(
		KHUGEPAGED "full_scans", KHUGEPAGED "scan_sleep_millisecs", 2);
}

/* === uffd === */
/* A file; until uffd_let() who touches what is missing there waits */
static int uffd_take(
	unsigned long features, unsigned long addr, unsigned long bytes)
{
	struct uffdio_api api = {.api = UFFD_API, .features = features};
	struct uffdio_register range = {
		.range = {addr, bytes}, .mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC), err;

	if (fd >= 0 && !ioctl(fd, UFFDIO_API, &api) &&
		!ioctl(fd, UFFDIO_REGISTER, &range))
		return fd;
	err = errno;
	if (fd >= 0)
		close(fd);
	return -err;
}

/* @ret, or the error that a negative one had */
static long uffd_let(int fd, unsigned long addr, unsigned long bytes, long ret)
{
	struct uffdio_range range = {addr, bytes};
	int err = errno;

	ioctl(fd, UFFDIO_UNREGISTER, &range);
	close(fd);
	return ret < 0 ? -err : ret;
}

/* === uffd_move === */
/* address, bytes, address and bytes of where they go */
static long make_uffd_move(int i)
{
	const unsigned long *a = calls[i].arg;
	struct {
		__u64 dst, src, len, mode;
		__s64 move;
	} move = {a[2], a[0], a[1], 2, 0}; /* holes are allowed */
	long ret;
	int fd;

	if (a[1] != a[3] || (a[0] < a[2] + a[3] && a[2] < a[0] + a[1]))
		return -EINVAL;
	fd = uffd_take(1 << 16, a[2], a[3]);
	if (fd < 0)
		return fd;
	ret = madvise((void *)a[2], a[3], MADV_DONTNEED);
	while (!ret) {
		ret = ioctl(fd, _IOWR(UFFDIO, 0x05, move), &move);
		if (!ret || errno != EAGAIN || move.move <= 0)
			break;
		move.dst += move.move;
		move.src += move.move;
		move.len -= move.move;
		ret = 0;
	}
	return uffd_let(fd, a[2], a[3], ret);
}

/* === uffd_copy === */
/* as touch, but the pages are dropped and brought anew, without a fault */
static long make_uffd_copy(int i)
{
	const unsigned long *a = calls[i].arg;
	int fd = uffd_take(0, a[0], a[1] * 4096);
	unsigned long page;

	if (fd < 0)
		return fd;
	for (page = 0; page < a[1]; page++) {
		unsigned long data[512] = {0}, at = a[0] + page * 4096;
		struct uffdio_copy copy = {at, (unsigned long)data, 4096, 0, 0};

		data[0] = data[256] = data[511] = stamp(a[2] + page * a[3]);
		if (madvise((void *)at, 4096, MADV_DONTNEED) ||
			ioctl(fd, UFFDIO_COPY, &copy))
			break;
	}
	return uffd_let(fd, a[0], a[1] * 4096, page < a[1] ? -1 : (long)page);
}

/* === uffd_wp === */
/* address, bytes: from now on the kernel notes which pages are written */
static long make_uffd_wp(int i)
{
	static int fd, pid; /* of this process */
	const unsigned long *a = calls[i].arg;
	struct uffdio_api api = {.api = UFFD_API, .features = 1 << 15};
	struct uffdio_register range = {
		.range = {a[0], a[1]}, .mode = UFFDIO_REGISTER_MODE_WP};
	struct uffdio_writeprotect protect = {
		.range = {a[0], a[1]}, .mode = UFFDIO_WRITEPROTECT_MODE_WP};

	if (pid != getpid()) {
		fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
		pid = getpid();
		if (ioctl(fd, UFFDIO_API, &api))
			return -errno;
	}
	if (ioctl(fd, UFFDIO_REGISTER, &range) ||
		ioctl(fd, UFFDIO_WRITEPROTECT, &protect))
		return -errno;
	return 0;
}

/* === expect_wp === */
/* address, bytes, number of the first page */
static long make_expect_wp(int i)
{
	return pagemap_print(i, 57, "a uffd-wp bit: it was not written",
		"no uffd-wp bit: it was written");
}

/* === clear_refs === */
/* what is written from now on has a soft-dirty bit */
static long make_clear_refs(int i)
{
	(void)i;
	return file_write("/proc/self/clear_refs", "4");
}

/* === expect_dirty === */
/* address, bytes, number of the first page */
static long make_expect_dirty(int i)
{
	return pagemap_print(i, 55, "a soft-dirty bit: it was written",
		"no soft-dirty bit: it was not written");
}

/* === pin === */
/* address, bytes: a buffer that is registered with io_uring is pinned */
static long make_pin(int i)
{
	const unsigned long *a = calls[i].arg;
	struct iovec buffer = {(void *)a[0], a[1]};
	struct io_uring_params params = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0)
		return -1;
	return syscall(
		SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &buffer, 1);
}

/* === unpin === */
/* Descriptors that are no ring refuse */
static long make_unpin(int i)
{
	(void)i;
	for (int fd = 3; fd < 64; fd++)
		syscall(SYS_io_uring_register, fd, IORING_UNREGISTER_BUFFERS,
			NULL, 0);
	return 0;
}

/* === vmsplice === */
/* address, bytes: a pipe has the pages; what does not fit is left out */
static long make_vmsplice(int i)
{
	const unsigned long *a = calls[i].arg;
	struct iovec pages = {(void *)a[0], a[1]};
	int fds[2];

	if (pipe(fds))
		return -1;
	fcntl(fds[1], F_SETPIPE_SZ, a[1]);
	return vmsplice(fds[1], &pages, 1, SPLICE_F_NONBLOCK);
}

/* === drain === */
/* Descriptors that are no pipe refuse */
static long make_drain(int i)
{
	(void)i;
	for (int fd = 3; fd < 64; fd++) {
		if (fcntl(fd, F_GETPIPE_SZ) > 0)
			close(fd);
	}
	return 0;
}

/* === fails === */
#define PROC  "/proc/thread-self/"
#define DEBUG "/sys/kernel/debug/"
static __thread int nth_fd, task_fd;

static void fail_setup(void)
{
	static const char *const names[] = {"failslab", "fail_page_alloc"};
	static const char *const values[][2] = {
		{"ignore-gfp-wait", "N"},
		{"ignore-gfp-highmem", "N"},
		{"min-order", "0"},
		{"times", "0"},
		{"task-filter", "Y"},
		{"probability", "100"},
	};
	char path[96];

	for (int i = 0; i < 12; i++) {
		snprintf(path, sizeof(path), DEBUG "%s/%s", names[i & 1],
			values[i / 2][0]);
		file_write(path, values[i / 2][1]);
	}
}

static void fail_begin(int i)
{
	char text[16];

	nth_fd = task_fd = -1;
	if (!calls[i].fail)
		return;
	nth_fd = open(PROC "fail-nth", O_WRONLY);
	if (nth_fd < 0)
		perror("no allocation fails: " PROC "fail-nth");
	if (calls[i].fail_all) {
		file_write(DEBUG "failslab/times", "64");
		file_write(DEBUG "fail_page_alloc/times", "64");
		task_fd = open(PROC "make-it-fail", O_WRONLY);
	}
	snprintf(text, sizeof(text), "%d", calls[i].fail);
	if (write(nth_fd, text, strlen(text)) > 0 && task_fd >= 0)
		(void)!write(task_fd, "1", 1);
}

static void fail_end(void)
{
	if (task_fd >= 0 && write(task_fd, "0", 1) > 0)
		close(task_fd);
	if (nth_fd >= 0 && write(nth_fd, "0", 1) > 0)
		close(nth_fd);
}

/* A new process is not to fail as its parent did */
static void fail_forget(void)
{
	for (int i = 0; i < 128; i++)
		if (file_write(PROC "make-it-fail", "0") != -ENOMEM)
			return;
}

/* === no fails === */
#define fail_setup()  ((void)0)
#define fail_begin(i) ((void)0)
#define fail_end()    ((void)0)
#define fail_forget() ((void)0)

/* === locks === */
/* What is not the program's stays in memory: reclaim is to come to its pages,
 * and what is wrong with them is not to happen to ours. A child locks anew. */
static void own_lock(void)
{
	unsigned long from, to;
	char line[256];
	FILE *f = fopen("/proc/self/maps", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 &&
			(to <= 1ul << 44 || from >= 1ul << 46))
			(void)syscall(SYS_mlock2, from, to - from,
				1); /* MLOCK_ONFAULT */
	if (f)
		fclose(f);
}

/* === no locks === */
#define own_lock() ((void)0)

/* === meets === */
static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

static int spin(int *flag)
{
	long end = now_ns() + 10000000;

	while (!GET(*flag))
		if (now_ns() > end)
			return 0;
	return 1;
}

static void be_late(long ns)
{
	for (long end = now_ns() + ns; now_ns() < end;)
		;
}

static long lateness(int i)
{
	if (calls[i].late != SWEEP)
		return calls[i].late;
	return -(shared->took[i] * (shared->run % SHARES) / SHARES);
}

static __thread long began;

/* The earlier call waits until the later one is about to be made */
static void meet(int i)
{
	int with = calls[i].meet;
	long late = 0;

	while (with && !GET(shared->soon[with]) &&
		GET(shared->state[with]) == NOT_RUN)
		sched_yield();
	SET(shared->here[i], 1);
	if (with && spin(&shared->met[i]))
		late = lateness(i);
	SET(shared->soon[i], 1);
	for (int k = 0; k < i; k++) {
		if (calls[k].meet != i || GET(shared->state[k]) != STARTED ||
			!spin(&shared->here[k]))
			continue;
		late = -lateness(k) > late ? -lateness(k) : late;
	}
	for (int k = 0; k < i; k++)
		if (calls[k].meet == i)
			SET(shared->met[k], 1);
	be_late(late);
	began = now_ns();
}

static void met(int i)
{
	SET(shared->took[i], now_ns() - began);
}

/* === no meets === */
#define meet(i) ((void)(i))
#define met(i)	((void)(i))

/* === wrong uffd-wp bit === */
/* 0xfffffffffffffffc: it has a uffd-wp bit; ...b: it has none */
static unsigned long page_seen(unsigned long at)
{
	return pagemap_bit(at, 57) ? 0xfffffffffffffffc : 0xfffffffffffffffb;
}

/* === wrong soft-dirty bit === */
/* 0xfffffffffffffffa: it has a soft-dirty bit; ...9: it has none */
static unsigned long page_seen(unsigned long at)
{
	return pagemap_bit(at, 55) ? 0xfffffffffffffffa : 0xfffffffffffffff9;
}

/* === wrong contents === */
#define NO_MAPPING 0xffffffffffffffff
#define TORN	   0xfffffffffffffffe /* parts of different writes */

static unsigned long page_seen(unsigned long at)
{
	volatile unsigned long *page = (void *)at;

	if (sigsetjmp(fault, 1))
		return NO_MAPPING;
	return page[0] != page[256] || page[0] != page[511] ? TORN : page[0];
}

/* === wrong === */
/* Behind call @call of @proc, or at its end */
static void look(int proc, int call)
{
	if (proc != wrong.proc || call != wrong.call ||
		page_seen(wrong.at) != wrong.seen)
		return;
	printf("WRONG: %s\n", wrong.text);
	__atomic_add_fetch(&shared->wrong, 1, __ATOMIC_SEQ_CST);
}

/* === nothing wrong === */
#define look(proc, call) ((void)(proc), (void)(call))

/* === end === */
/* argv[2] is "check": a kernel with rmaptorture's patch compares page tables
 * with what walks find */
static int checks;

/* What is asked of a process at its end */
static void check(int proc)
{
	if (checks)
		file_write("/sys/kernel/debug/rmap_fsck", "self");
	look(proc, -1);
}

static void make(int i)
{
	long ret;

	SET(shared->state[i], STARTED);
	meet(i);
	fail_begin(i);
	ret = calls[i].make(i);
	met(i);
	fail_end();
	printf("%2d  %-44s %s\n", i, calls[i].text,
		ret < 0 ? strerror(-ret) : "ok");
	look(calls[i].proc, i);
	SET(shared->state[i], DONE);
}

/* The calls of one thread, each in its turn */
static void actor(int proc, int thread)
{
	for (int i = 0; i < NR_CALLS; i++) {
		if (calls[i].proc != proc || calls[i].thread != thread)
			continue;
		while (GET(shared->turn) < i)
			sched_yield();
		if (GET(shared->turn) == i && GET(shared->state[i]) == NOT_RUN)
			make(i);
	}
}

static void *thread_main(void *arg)
{
	long number = (long)arg;

	actor(number / 4, number % 4);
	for (;;)
		pause();
	return NULL;
}

static void process(int proc)
{
	int threads = 1;
	pthread_t thread;

	own_lock();
	fail_forget();
	for (int i = 0; i < NR_CALLS; i++)
		if (calls[i].proc == proc)
			threads |= 1 << calls[i].thread;
	for (long t = 1; t < 4; t++)
		if (threads >> t & 1)
			pthread_create(&thread, NULL, thread_main,
				(void *)(proc * 4 + t));
	actor(proc, 0);
	while (GET(shared->turn) < NR_CALLS + proc)
		sched_yield();
	check(proc);
	_exit(0);
}

static void bury(void)
{
	int status, pid = waitpid(-1, &status, WNOHANG);

	for (int p = 0; pid > 0 && p < 8; p++) {
		if (GET(shared->pid[p]) != pid || GET(shared->life[p]) != LIVES)
			continue;
		if (WIFSIGNALED(status))
			printf("p%d: killed by signal %d\n", p,
				WTERMSIG(status));
		for (int i = 0; i < NR_CALLS; i++)
			if (calls[i].proc == p &&
				GET(shared->state[i]) == STARTED)
				SET(shared->state[i], DONE);
		SET(shared->life[p], DEAD);
	}
	if (pid <= 0)
		sched_yield();
}

static void wait_flights(int nr)
{
	for (int i = 0; i < nr; i++)
		while (GET(shared->state[i]) == STARTED)
			bury();
}

static int made(int i)
{
	int state = GET(shared->state[i]);

	return state == DONE || (calls[i].async && state == STARTED) ||
	       GET(shared->life[calls[i].proc]) != LIVES;
}

static void conduct(void)
{
	int pid;

	memset(shared, 0, offsetof(struct shared, wrong));
	SET(shared->turn, -1);
	shared->life[0] = LIVES;
	pid = fork();
	if (pid == 0)
		process(0);
	SET(shared->pid[0], pid);
	for (int i = 0; i < NR_CALLS; i++) {
		if (calls[i].make == make_barrier)
			wait_flights(i);
		if (GET(shared->life[calls[i].proc]) != LIVES) {
			SET(shared->state[i], SKIPPED);
			continue;
		}
		SET(shared->turn, i);
		while (!made(i))
			bury();
	}
	wait_flights(NR_CALLS);
	for (int p = 0; p < 8; p++) {
		SET(shared->turn, NR_CALLS + p);
		while (GET(shared->life[p]) == LIVES)
			bury();
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_fault};
	int times = argc > 1 ? atoi(argv[1]) : 1;

	if (!strcmp(argv[0], "spawned"))
		return 0;
	checks = argc > 2 && !strcmp(argv[2], "check");
	setvbuf(stdout, NULL, _IONBF, 0);
	fail_setup();
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	file = memfd_create("file", 0);
	if (shared == MAP_FAILED || file < 0)
		return 2;
	own_lock();
	for (int page = 0; page < FILE_PAGES; page++) {
		unsigned long data[512] = {0};

		data[0] = data[256] = data[511] = stamp(page | 64 << 13);
		if (write(file, data, sizeof(data)) != sizeof(data))
			return 2;
	}
	for (; shared->run < times && !GET(shared->wrong); shared->run++) {
		memfd = memfd_create("memfd", 0);
		if (memfd < 0 || ftruncate(memfd, 1024 * 4096))
			return 2;
		conduct();
		close(memfd);
	}
	return GET(shared->wrong) ? 1 : 0;
}
