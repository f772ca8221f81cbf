/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AFL++ as an engine: the fork server's end of its protocol, with a lane of a
 * VM where other targets have a child. afl-fuzz writes a program's text into
 * shared memory, this process runs it on the lane and answers with a wait
 * status: 0, SIGABRT for a finding, and for a hang none at all until afl-fuzz
 * has killed the child, as it does with any target that hangs.
 *
 * The protocol, as AFL++ 4.04c speaks it (src/afl-forkserver.c there,
 * afl_fsrv_start and afl_fsrv_run_target): words of 32 bits, requests on
 * descriptor 198, answers on 199. Hello with the options; afl-fuzz answers it,
 * as shared memory for test cases is among them. Then, for each run, a word
 * from afl-fuzz, the child's pid and its wait status from us.
 */
#include "fuzz/fuzz.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUEST_FD 198
#define ANSWER_FD  199

#define OPTION_ENABLED	   0x80000001u
#define OPTION_MAP_SIZE	   0x40000000u
#define OPTION_SHARED_CASE 0x01000000u
#define OPTION_SIZE(bytes) (((bytes)-1u) << 1)

/*
 * The last run. afl-fuzz runs what is new eight times over, to see what of its
 * coverage is stable; a kernel's never is, and libFuzzer runs a program once.
 * So the same text again at once gets the same answer.
 */
struct last_run {
	uint32_t len; /* 0: none */
	uint32_t status;
	uint8_t text[PROG_TEXT_MAX];
	uint8_t map[LANE_MAP_BYTES];
};

struct server {
	struct lane lane;
	struct last_run last;
	uint8_t *map;	       /* LANE_MAP_BYTES, afl-fuzz's */
	const uint32_t *input; /* length, then the text */
	pid_t child;	       /* what afl-fuzz kills when time is over */
};

static bool word_get(uint32_t *ret)
{
	ssize_t n;

	do
		n = read(REQUEST_FD, ret, sizeof(*ret));
	while (n < 0 && errno == EINTR);
	return n == sizeof(*ret);
}

static bool word_put(uint32_t word)
{
	ssize_t n;

	do
		n = write(ANSWER_FD, &word, sizeof(word));
	while (n < 0 && errno == EINTR);
	return n == sizeof(word);
}

static void *attach(const char *variable)
{
	const char *id = getenv(variable);
	void *memory = id ? shmat(atoi(id), NULL, 0) : (void *)-1;

	if (memory != (void *)-1)
		return memory;
	fprintf(stderr,
		"rmaptorture-afl: no shared memory in %s: afl-fuzz starts this "
		"program, and `rmaptorture fuzz --engine afl` starts "
		"afl-fuzz\n",
		variable);
	exit(2);
}

static bool hello(void)
{
	uint32_t answer;

	return word_put(OPTION_ENABLED | OPTION_MAP_SIZE | OPTION_SHARED_CASE |
			OPTION_SIZE(LANE_MAP_BYTES)) &&
	       word_get(&answer) && answer & OPTION_SHARED_CASE;
}

/* It holds no pipe of anybody, or who waits for the end of one waits for it. */
static pid_t child_start(void)
{
	pid_t server = getpid(), child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != server)
		_exit(0);
	close_range(0, ~0u, 0);
	for (;;)
		pause();
}

/* A finding has the place of its title, so that afl-fuzz keeps one crash a
 * title: it keeps those whose map has something that no other crash had. */
static uint32_t crash(struct server *server, uint64_t title)
{
	memset(server->map, 0, LANE_MAP_BYTES);
	server->map[title % LANE_MAP_BYTES] = 1;
	return SIGABRT;
}

/* The wait status of a child that ran @prog. */
static uint32_t run(struct server *server, const struct prog *prog)
{
	struct judgment judgment;

	switch (lane_run(&server->lane, prog, server->map, &judgment)) {
	case LANE_DONE:
		if (judgment.verdict != VERDICT_FINDING)
			return 0;
		return crash(server,
			hash_bytes(judgment.title, strlen(judgment.title)));
	case LANE_LOST:
		if (!server->lane.death.ours)
			return 0;
		if (!server->lane.death.hung)
			return crash(server, server->lane.death.title);
		waitpid(server->child, NULL, 0);
		server->child = child_start();
		return SIGKILL;
	default: /* the host ends afl-fuzz, and that ends us */
		pause();
		return 0;
	}
}

static uint32_t run_text(struct server *server, const void *text, size_t len)
{
	struct prog prog;
	uint32_t status = 0;

	if (!prog_parse(text, len, &prog, NULL) && prog.nr_calls)
		status = run(server, &prog);
	/* An empty map is a target without instrumentation to afl-fuzz. */
	server->map[0] |= 1;
	return status;
}

static uint32_t run_input(struct server *server)
{
	uint32_t len = (uint32_t)min_size(server->input[0], PROG_TEXT_MAX);
	const void *text = server->input + 1;
	struct last_run *last = &server->last;

	if (len && len == last->len && !memcmp(text, last->text, len)) {
		memcpy(server->map, last->map, sizeof(last->map));
		return last->status;
	}
	last->status = run_text(server, text, len);
	memcpy(last->text, text, len);
	last->len = len;
	memcpy(last->map, server->map, sizeof(last->map));
	return last->status;
}

int main(int argc, char **argv)
{
	struct lane_options options;
	static struct server server; /* too large for a stack */
	uint32_t was_killed;
	struct why why;

	/* afl-fuzz may be killed while a VM that is gone is waited for */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (lane_parse_options(argc, argv, &options, &why) ||
		lane_open(&server.lane, &options, &why)) {
		fprintf(stderr, "rmaptorture-afl: %s\n", why.text);
		return 2;
	}
	server.map = attach("__AFL_SHM_ID");
	server.input = attach("__AFL_SHM_FUZZ_ID");
	server.child = child_start();
	if (server.child < 0 || !hello())
		return 2;
	while (word_get(&was_killed)) {
		if (!word_put((uint32_t)server.child) ||
			!word_put(run_input(&server)))
			break;
	}
	return 0;
}
