/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * peer: the same program on two kernels, each in a process of its own. One
 * fuzzes and has the other, its child, run each program too. Over two pipes:
 * struct prog there, struct user_view back.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/sched.h"

/* What is made once a program or visited by one walk: a few more are no
 * matter. */
#define POLICY_TIMES	2
#define ANON_VMAS_SLACK 64
#define VISITS_SLACK	8

static int to_peer = -1, from_peer = -1;

static bool read_all(int fd, void *to, size_t len)
{
	while (len) {
		ssize_t nr = read(fd, to, len);

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr <= 0)
			return false;
		to = (char *)to + nr;
		len -= (size_t)nr;
	}
	return true;
}

static bool write_all(int fd, const void *from, size_t len)
{
	while (len) {
		ssize_t nr = write(fd, from, len);

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr <= 0)
			return false;
		from = (const char *)from + nr;
		len -= (size_t)nr;
	}
	return true;
}

/* ---- the one that is asked ---- */

void peer_serve(const struct user_options *options, struct user_stats *stats)
{
	static struct user_view view;
	struct prog prog;
	struct why why;

	while (read_all(STDIN_FILENO, &prog, sizeof(prog))) {
		if (prog_check(&prog, &why))
			broken("what is to be run is no program: %s", why.text);
		memset(&view, 0, sizeof(view));
		user_run(&prog, options, stats, &view);
		if (!write_all(STDOUT_FILENO, &view, sizeof(view)))
			break;
	}
	_exit(0);
}

/* ---- the one that asks ---- */

static void peer_exec(const char *program, int in, int out)
{
	(void)dup2(in, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	execl(program, program, "-ignore_remaining_args=1", "--serve",
		"--checks=walk", "--end=walk,all", (char *)NULL);
	fprintf(stderr, USER_PREFIX "BROKEN: cannot run '%s': %s\n", program,
		strerror(errno));
	_exit(USER_EXIT_BROKEN);
}

void peer_start(const struct user_options *options)
{
	int there[2], back[2];
	pid_t pid;

	/* its end is told where we read */
	(void)signal(SIGPIPE, SIG_IGN);
	if (pipe(there) || pipe(back))
		broken("no pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		broken("no fork: %s", strerror(errno));
	if (!pid) {
		close(there[1]);
		close(back[0]);
		peer_exec(options->against, there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	to_peer = there[1];
	from_peer = back[0];
}

static void compare_call(const struct prog *prog, uint32_t i,
	const struct user_view *ours, const struct user_view *theirs)
{
	const struct call_result *one = &ours->result.call[i];
	const struct call_result *two = &theirs->result.call[i];
	const char *name = ops[prog->call[i].op].name;
	char title[96];

	snprintf(title, sizeof(title), "%s has another result", name);
	if (one->state != two->state || one->err != two->err)
		finding(title, "call %u: errno %d here, %d there", i, -one->err,
			-two->err);
	snprintf(title, sizeof(title), "another layout after %s", name);
	if (ours->layout[i] != theirs->layout[i])
		finding(title, "call %u: what is mapped differs", i);
}

static void compare_contents(
	const struct prog_result *one, const struct prog_result *two)
{
	for (uint32_t i = 0; i < one->nr_obs; i++) {
		if (one->obs[i] != two->obs[i])
			finding("other contents",
				"an expect reads %#llx here, "
				"%#llx there",
				(unsigned long long)one->obs[i],
				(unsigned long long)two->obs[i]);
	}
	if (one->live != two->live)
		finding("other processes live at the end",
			"%#x here, %#x there", one->live, two->live);
}

static void compare_end(const struct prog *prog, const struct prog_result *one,
	const struct prog_result *two)
{
	struct page_at pages[PROG_END_PAGES];
	uint32_t nr = prog_end_pages(prog, pages);

	for (uint32_t proc = 0; proc < PROG_PROCS; proc++) {
		for (uint32_t i = 0; one->live >> proc & 1 && i < nr; i++) {
			if (one->end[proc][i] == two->end[proc][i])
				continue;
			finding("other contents",
				"p%u at the end: page v%u+%u holds %#llx here, "
				"%#llx there",
				proc, pages[i].slot, pages[i].page,
				(unsigned long long)one->end[proc][i],
				(unsigned long long)two->end[proc][i]);
		}
	}
}

static void compare_policy(
	const struct model_policy *one, const struct model_policy *two)
{
	if (one->anon_vmas > two->anon_vmas * POLICY_TIMES + ANON_VMAS_SLACK)
		finding("many more anon_vmas", "%lu here, %lu there",
			one->anon_vmas, two->anon_vmas);
	if (one->visits > two->visits * POLICY_TIMES + VISITS_SLACK)
		finding("a walk visits many more places", "%lu here, %lu there",
			one->visits, two->visits);
}

/* Which allocation is the n-th, and where a call can be stopped, is the
 * business of each kernel. */
static bool is_comparable(const struct prog *prog)
{
	if (sched_wants(prog))
		return false;
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		if (prog->call[i].fail)
			return false;
	}
	return true;
}

void peer_compare(const struct prog *prog, const struct user_view *ours)
{
	static struct user_view theirs;

	if (!is_comparable(prog))
		return;
	if (!write_all(to_peer, prog, sizeof(*prog)) ||
		!read_all(from_peer, &theirs, sizeof(theirs)))
		broken("the other kernel has ended: the lines above say why");
	for (uint32_t i = 0; i < prog->nr_calls; i++)
		compare_call(prog, i, ours, &theirs);
	compare_contents(&ours->result, &theirs.result);
	compare_end(prog, &ours->result, &theirs.result);
	compare_policy(&ours->policy, &theirs.policy);
}
