/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * init: PID 1. Makes the machine, reports what it can do, starts a worker a
 * lane and then only reaps. It never asserts: what it cannot do is told to the
 * host, as GUEST_BROKEN with the reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec.h"

static void guest_publish(struct slot *slot, enum guest_state state)
{
	__atomic_store_n(&slot->guest_state, state, __ATOMIC_RELEASE);
}

/* The host reads the slot, or, before there is one, the console. */
static void broken(struct guest *guest, const char *text)
	__attribute__((noreturn));
static void broken(struct guest *guest, const char *text)
{
	dprintf(STDERR_FILENO, "rmaptorture: BROKEN: %s\n", text);
	if (!guest->slot) {
		(void)reboot(RB_POWER_OFF);
	} else {
		snprintf(guest->slot->message, sizeof(guest->slot->message),
			"%s", text);
		guest_publish(guest->slot, GUEST_BROKEN);
	}
	for (;;)
		pause();
}

static int guest_setup(struct guest *guest, struct why *why)
{
	int err = setup_mounts(why);
	void *map = NULL;

	if (!err)
		err = setup_shared(SLOT_BYTES, &map, &guest->slot_fd, why);
	guest->slot = map;
	if (!err)
		err = slot_accept(guest->slot, why);
	if (!err)
		err = setup_cgroup_root(why);
	if (!err) {
		guest->file_fd = file_make(why);
		err = guest->file_fd < 0 ? guest->file_fd : 0;
	}
	if (!err && madvise(guest->slot, SLOT_BYTES, MADV_DONTFORK))
		err = why_set(why, -errno, "MADV_DONTFORK on the slot");
	if (err)
		return err;
	setup_tunables();
	setup_holes();
	setup_fail(guest);
	guest->nr_lanes = guest->slot->nr_lanes;
	guest->nr_cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	guest->split_fd = open(SPLIT_PATH, O_WRONLY | O_CLOEXEC);
	guest->fsck_fd = open(FSCK_PATH, O_WRONLY | O_CLOEXEC);
	guest->compact_fd = open(COMPACT_PATH, O_WRONLY | O_CLOEXEC);
	guest->ksm_fd = open(KSM_PATH, O_RDONLY | O_CLOEXEC);
	guest->khugepaged_fd =
		open(KHUGEPAGED_PATH "full_scans", O_RDONLY | O_CLOEXEC);
	guest->khugepaged_wake_fd = open(
		KHUGEPAGED_PATH "scan_sleep_millisecs", O_WRONLY | O_CLOEXEC);
	snprintf(guest->fsck_text, sizeof(guest->fsck_text), "self %lx %lx",
		(unsigned long)prog_addr(0, 0),
		(unsigned long)prog_addr(PROG_SLOTS, 0));
	guest->tsc_mhz = probe_tsc_mhz();
	guest->caps = probe_caps();
	return 0;
}

static void guest_report(const struct guest *guest)
{
	struct slot *slot = guest->slot;
	struct utsname uts;

	if (!uname(&uts))
		snprintf(slot->release, sizeof(slot->release), "%.63s",
			uts.release);
	kcov_sites(&slot->kcov_sites, &slot->kcov_pruned);
	slot->caps = guest->caps;
}

/* A worker is a child that maps the slot again: PID 1 keeps it out of forks. */
static pid_t worker_start(struct guest *guest, uint32_t index, uint32_t *idle)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	guest->slot = mmap(NULL, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		guest->slot_fd, 0);
	if (guest->slot == MAP_FAILED ||
		madvise(guest->slot, SLOT_BYTES, MADV_DONTFORK))
		_exit(1);
	worker_main(guest, index, idle);
}

static void workers_await(struct guest *guest, uint32_t *idle)
{
	while (__atomic_load_n(idle, __ATOMIC_SEQ_CST) < guest->nr_lanes) {
		if (waitpid(-1, NULL, WNOHANG) > 0)
			broken(guest, "a worker ended as it started: the lane "
				      "or the slot could not be mapped");
		usleep(1000);
	}
}

static void orphans_reap(struct guest *guest, const pid_t *workers)
	__attribute__((noreturn));
static void orphans_reap(struct guest *guest, const pid_t *workers)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);
		char text[128];

		for (uint32_t i = 0; i < guest->nr_lanes; i++) {
			if (pid != workers[i])
				continue;
			snprintf(text, sizeof(text),
				"the worker of lane %u died: wait status 0x%x",
				i, (unsigned int)status);
			broken(guest, text);
		}
	}
}

int main(int argc, char **argv)
{
	struct guest guest = {.slot_fd = -1,
		.file_fd = -1,
		.split_fd = -1,
		.fsck_fd = -1,
		.compact_fd = -1,
		.ksm_fd = -1,
		.khugepaged_fd = -1,
		.khugepaged_wake_fd = -1};
	pid_t workers[SLOT_LANES];
	uint32_t *idle = mmap(NULL, sizeof(*idle), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct why why;

	if (argc && !strcmp(argv[0], SPAWN_NAME)) {
		(void)setup_write(FSCK_PATH, "self");
		return 0;
	}
	if (idle == MAP_FAILED)
		broken(&guest, "no memory");
	if (!access("/selftests", F_OK) && selftests_main(&why))
		broken(&guest, why.text);
	if (guest_setup(&guest, &why))
		broken(&guest, why.text);
	guest_report(&guest);
	for (uint32_t i = 0; i < guest.nr_lanes; i++) {
		workers[i] = worker_start(&guest, i, idle);
		if (workers[i] < 0)
			broken(&guest, "fork of a worker failed");
	}
	workers_await(&guest, idle);
	guest_publish(guest.slot, GUEST_IDLE);
	orphans_reap(&guest, workers);
}
