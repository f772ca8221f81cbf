/* SPDX-License-Identifier: GPL-2.0-only */
/* What stressors are made of: time, counts, processes, findings. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/pagemap.h"
#include "stress/stress.h"

/* For the handler of faults, which gets no argument of ours */
static struct job *this_job;

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

bool job_on(const struct job *job)
{
	return !__atomic_load_n(job->halt, __ATOMIC_RELAXED) &&
	       now_ns() < job->end_ns;
}

void job_did(struct job *job, enum work work, uint64_t n)
{
	__atomic_add_fetch(&job->work->work[work], n, __ATOMIC_RELAXED);
}

void job_took(struct job *job, enum latency latency, uint64_t start_ns)
{
	uint32_t bucket = histogram_bucket(now_ns() - start_ns);

	__atomic_add_fetch(
		&job->work->latency[latency][bucket], 1, __ATOMIC_RELAXED);
}

void job_note(struct job *job, const char *op, const void *addr, uint32_t pages)
{
	struct journal *journal = job->journal;
	uint32_t i = __atomic_fetch_add(&journal->next, 1, __ATOMIC_RELAXED) %
		     JOURNAL_ENTRIES;

	journal->entry[i].ms = (now_ns() - job->start_ns) / 1000000;
	journal->entry[i].owner = job->owner;
	journal->entry[i].addr = (uintptr_t)addr;
	journal->entry[i].pages = pages;
	snprintf(journal->entry[i].op, sizeof(journal->entry[i].op), "%s", op);
}

static void owner_renew(struct job *job)
{
	uint32_t serial = __atomic_add_fetch(job->serial, 1, __ATOMIC_RELAXED);

	job->owner =
		job->id << OWNER_SHIFT | (serial & ((1u << OWNER_SHIFT) - 1));
}

void job_born(struct job *job, uint64_t seed)
{
	owner_renew(job);
	rng_seed(&job->rng, seed);
	job_note(job, "born", NULL, 0);
}

pid_t job_fork(struct job *job)
{
	uint64_t start = now_ns(), seed = rng_next(&job->rng);
	pid_t pid = fork();

	if (pid > 0) {
		job_took(job, LATENCY_fork, start);
		job_did(job, WORK_FORKS, 1);
	}
	if (!pid)
		job_born(job, seed);
	return pid < 0 ? -errno : pid;
}

pid_t job_spawn(struct job *job, void (*fn)(struct job *, void *), void *arg)
{
	pid_t pid = job_fork(job);

	if (pid)
		return pid;
	fn(job, arg);
	_exit(0);
}

void job_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0) {
		if (errno != EINTR)
			return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
}

void job_kill(struct job *job, pid_t pid)
{
	if (pid > 0 && !kill(pid, SIGKILL))
		job_did(job, WORK_KILLED, 1);
}

void job_broken(struct job *job, const char *fmt, ...)
{
	char text[sizeof(job->work->reason)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	memcpy(job->work->reason, text, sizeof(text));
	_exit(JOB_EXIT_BROKEN);
}

static uint64_t pagemap_entry(const void *addr)
{
	int fd = open(PAGEMAP_PATH, O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry),
		    (off_t)((uintptr_t)addr / LOAD_PAGE * 8)) != 8)
		entry = 0;
	close(fd);
	return entry;
}

uint64_t job_frame(const void *addr)
{
	uint64_t entry = pagemap_entry(addr);

	return entry & PAGEMAP_PRESENT ? entry & PAGEMAP_FRAME : 0;
}

/* The journal's lines that name the page at @addr or no page, oldest first */
static void tell_journal(
	const struct journal *journal, const void *addr, struct text *out)
{
	uint32_t next = journal->next;
	uint64_t at = (uintptr_t)addr;

	for (uint32_t k = 0; k < JOURNAL_ENTRIES; k++) {
		uint32_t i = (next + k) % JOURNAL_ENTRIES;
		uint64_t from = journal->entry[i].addr;
		uint64_t len = (uint64_t)journal->entry[i].pages * LOAD_PAGE;

		if (!journal->entry[i].op[0] ||
			(at && from && (at < from || at >= from + len)))
			continue;
		text_addf(out, "%6llu ms  owner %x  %s",
			(unsigned long long)journal->entry[i].ms,
			journal->entry[i].owner, journal->entry[i].op);
		if (from)
			text_addf(out, " 0x%llx %u pages",
				(unsigned long long)from,
				journal->entry[i].pages);
		text_addf(out, "\n");
	}
}

/* The first to find something tells it; the others just end. */
static struct board_finding *finding_claim(struct board *board)
{
	uint32_t none = 0;

	return __atomic_compare_exchange_n(&board->finding.claimed, &none, 1,
		       false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)
		       ? &board->finding
		       : NULL;
}

static void finding_publish(struct board_finding *finding)
{
	__atomic_store_n(&finding->claimed, 2, __ATOMIC_RELEASE);
}

void job_found(struct job *job, const char *kind, const void *addr,
	const char *fmt, ...)
{
	struct board_finding *finding = finding_claim(job->board);
	struct text text;
	va_list args;
	int len;

	if (!finding)
		_exit(JOB_EXIT_FOUND);
	finding->stressor = job->id;
	snprintf(finding->kind, sizeof(finding->kind), "%s", kind);
	va_start(args, fmt);
	len = vsnprintf(finding->detail, sizeof(finding->detail), fmt, args);
	va_end(args);
	if (addr && len >= 0 && (size_t)len < sizeof(finding->detail))
		snprintf(finding->detail + len,
			sizeof(finding->detail) - (size_t)len,
			"; pagemap 0x%016llx, pid %d, owner %x",
			(unsigned long long)pagemap_entry(addr), getpid(),
			job->owner);
	text_init(&text, finding->history, sizeof(finding->history));
	tell_journal(job->journal, addr, &text);
	finding_publish(finding);
	__atomic_store_n(job->halt, 1, __ATOMIC_RELEASE);
	_exit(JOB_EXIT_FOUND);
}

void board_found(struct board *board, uint32_t stressor, const char *kind,
	const char *fmt, ...)
{
	struct board_finding *finding = finding_claim(board);
	va_list args;

	if (!finding)
		return;
	finding->stressor = stressor;
	snprintf(finding->kind, sizeof(finding->kind), "%s", kind);
	va_start(args, fmt);
	vsnprintf(finding->detail, sizeof(finding->detail), fmt, args);
	va_end(args);
	finding->history[0] = '\0';
	finding_publish(finding);
}

/* No stressor touches what it has not mapped. */
static void on_fault(int signal_nr, siginfo_t *info, void *context)
{
	(void)context;
	job_found(this_job, "lost mapping", info->si_addr,
		"signal %d (code %d) at address %p", signal_nr, info->si_code,
		info->si_addr);
}

static void catch_faults(struct job *job)
{
	static uint8_t stack[32768];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	this_job = job;
	if (sigaltstack(&alternate, NULL) ||
		sigaction(SIGSEGV, &action, NULL) ||
		sigaction(SIGBUS, &action, NULL))
		job_broken(job, "sigaction: %s", strerror(errno));
}

void job_enter(struct job *job)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/memory.reclaim", job->cgroup);
	job->reclaim_fd = open(path, O_WRONLY | O_CLOEXEC);
	(void)prctl(PR_SET_NAME, job->stressor->name);
	owner_renew(job);
	catch_faults(job);
	job->stressor->run(job);
	_exit(0);
}
