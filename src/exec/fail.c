/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fail: allocations of one call that fail, by the kernel's fault injection. The
 * n-th: /proc/thread-self/fail-nth. All later ones: once that has counted down,
 * the kernel goes by the attributes of failslab and fail_page_alloc, which let
 * every allocation of a task with make-it-fail fail until `times` is used up.
 * Source: should_fail_ex() of lib/fault-inject.c (v6.12),
 * Documentation/fault-injection. After setup, raw system calls only: see raw.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "exec/exec.h"
#include "exec/raw.h"

#define FAIL_SLAB  "/sys/kernel/debug/failslab/"
#define FAIL_PAGES "/sys/kernel/debug/fail_page_alloc/"
#define NTH_PATH   "/proc/thread-self/fail-nth"
#define TASK_PATH  "/proc/thread-self/make-it-fail"

static const struct {
	const char *path, *value;
} attributes[] = {
	/* GFP_KERNEL too, of which the mm code's are */
	{FAIL_SLAB "ignore-gfp-wait", "N"},
	{FAIL_PAGES "ignore-gfp-wait", "N"},
	{FAIL_PAGES "ignore-gfp-highmem", "N"},
	{FAIL_PAGES "min-order", "0"},
	{FAIL_SLAB "verbose", "0"},
	{FAIL_PAGES "verbose", "0"},
	/* at first never, and then only in tasks with make-it-fail */
	{FAIL_SLAB "times", "0"},
	{FAIL_PAGES "times", "0"},
	{FAIL_SLAB "task-filter", "Y"},
	{FAIL_PAGES "task-filter", "Y"},
	{FAIL_SLAB "probability", "100"},
	{FAIL_PAGES "probability", "100"},
};

void setup_fail(struct guest *guest)
{
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
		(void)setup_write(attributes[i].path, attributes[i].value);
	guest->fail_fd[0] = open(FAIL_SLAB "times", O_WRONLY | O_CLOEXEC);
	guest->fail_fd[1] = open(FAIL_PAGES "times", O_WRONLY | O_CLOEXEC);
}

static void write_number(int fd, uint32_t number)
{
	char text[12], *at = text + sizeof(text);

	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	(void)raw3(SYS_write, fd, (long)at, text + sizeof(text) - at);
}

static int raw_open(const char *path)
{
	return (int)raw4(
		SYS_openat, AT_FDCWD, (long)path, O_WRONLY | O_CLOEXEC, 0);
}

/* What is opened is open before anything fails, so that only @call does. */
struct failing fail_begin(const struct actor *actor, const struct call *call)
{
	struct failing failing = {-1, -1};

	if (!call->fail)
		return failing;
	failing.nth_fd = raw_open(NTH_PATH);
	if (call->props & CALL_FAIL_FROM) {
		failing.task_fd = raw_open(TASK_PATH);
		for (size_t i = 0; i < 2; i++)
			write_number(
				actor->lane->guest->fail_fd[i], PROG_FAILS_MAX);
		write_number(failing.nth_fd, call->fail);
		write_number(failing.task_fd, 1);
	} else {
		write_number(failing.nth_fd, call->fail);
	}
	return failing;
}

void fail_end(const struct failing *failing)
{
	if (failing->task_fd >= 0) {
		write_number(failing->task_fd, 0);
		(void)raw1(SYS_close, failing->task_fd);
	}
	if (failing->nth_fd >= 0) {
		write_number(failing->nth_fd, 0);
		(void)raw1(SYS_close, failing->nth_fd);
	}
}

void fail_forget(const struct actor *actor)
{
	struct failing failing = {-1, -ENOMEM};

	if (!actor->lane->fails)
		return;
	/* to open it may fail like all else, but not for ever */
	for (int i = 0; i < 2 * PROG_FAILS_MAX && failing.task_fd == -ENOMEM;
		i++)
		failing.task_fd = raw_open(TASK_PATH);
	fail_end(&failing);
}
