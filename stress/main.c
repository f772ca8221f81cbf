/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PID 1 of a VM for stressors: makes the machine, waits for a load on the
 * board, runs it, says what came of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest/guest.h"
#include "stress/stress.h"

#define IDLE_US 5000

static void broken(struct board *board, const char *text)
	__attribute__((noreturn));
static void broken(struct board *board, const char *text)
{
	dprintf(STDERR_FILENO, "rmaptorture: BROKEN: %s\n", text);
	if (!board) {
		(void)reboot(RB_POWER_OFF);
	} else {
		snprintf(board->message, sizeof(board->message), "%s", text);
		__atomic_store_n(&board->state, BOARD_BROKEN, __ATOMIC_RELEASE);
	}
	for (;;)
		pause();
}

static int machine_make(struct board **ret, struct why *why)
{
	int err = setup_mounts(why), fd;
	void *map = NULL;

	if (!err)
		err = setup_shared(BOARD_BYTES, &map, &fd, why);
	*ret = map;
	if (!err)
		err = board_accept(*ret, stress_rows_hash(), why);
	if (!err)
		err = setup_cgroup_root(why);
	if (err)
		return err;
	setup_tunables();
	if (mkdir(LOAD_GROUP, 0700))
		return why_set(why, -errno, "make '" LOAD_GROUP "'");
	(void)setup_write(LOAD_GROUP "/cgroup.subtree_control", "+memory");
	(void)setup_write(LOAD_GROUP "/cgroup.subtree_control", "+pids");
	return 0;
}

static void report(struct board *board)
{
	struct utsname uts;

	board->caps = probe_caps();
	if (!uname(&uts))
		snprintf(board->release, sizeof(board->release), "%.63s",
			uts.release);
}

/* Rows that cannot run are told; what remains is returned. */
static uint64_t runnable(struct board *board)
{
	uint64_t want = board->load.flags & LOAD_PEER
				? 1ull << ROW_PEER
				: board->load.stressors & ~(1ull << ROW_PEER);
	uint64_t set = 0;

	for (uint32_t i = 0; i <= ROW_PEER; i++) {
		struct board_stressor *work = &board->stressor[i];
		const char *lack = needs_lack(stressors[i].needs, board->caps);

		if (!(want >> i & 1))
			continue;
		if (lack) {
			work->outcome = STRESS_SKIP;
			snprintf(
				work->reason, sizeof(work->reason), "%s", lack);
			continue;
		}
		set |= 1ull << i;
	}
	return set;
}

/* A stressor whose walk never ran has shown nothing. */
static void prove(struct board *board, uint32_t row)
{
	const struct stressor *stressor = &stressors[row];
	struct board_stressor *work = &board->stressor[row];

	for (uint32_t i = 0; i < WORK_NR; i++) {
		if (stressor->work >> i & 1 && !work->work[i]) {
			work->outcome = STRESS_BROKEN;
			snprintf(work->reason, sizeof(work->reason),
				"its walk never ran: %s stayed 0",
				work_name(i));
		}
	}
	for (uint32_t i = 0; i < VMSTAT_NR; i++) {
		if (stressor->vm >> i & 1 && !board->vmstat[i]) {
			work->outcome = STRESS_BROKEN;
			snprintf(work->reason, sizeof(work->reason),
				"its walk never ran: %s of /proc/vmstat stayed "
				"0",
				vmstat_name(i));
		}
	}
}

static void judge(struct board *board, uint64_t ran)
{
	for (uint32_t i = 0; i <= ROW_PEER; i++) {
		struct board_stressor *work = &board->stressor[i];

		if (!(ran >> i & 1) || work->outcome == STRESS_BROKEN)
			continue;
		work->outcome = STRESS_PASS;
		if (board->finding.claimed && board->finding.stressor == i)
			work->outcome = STRESS_FINDING;
		else if (!board->finding.claimed && !board->stop)
			prove(board, i);
	}
}

/* Of @set, those that prove() will not believe */
static uint64_t unproven(const struct board *board, uint64_t set)
{
	uint64_t ret = 0;

	for (uint32_t row = 0; row <= ROW_PEER; row++) {
		const uint64_t *work = board->stressor[row].work;
		bool all = true;

		for (uint32_t i = 0; i < WORK_NR; i++)
			all &= !(stressors[row].work >> i & 1) || work[i];
		for (uint32_t i = 0; i < VMSTAT_NR; i++)
			all &= !(stressors[row].vm >> i & 1) ||
			       board->vmstat[i];
		if (set >> row & 1 && !all)
			ret |= 1ull << row;
	}
	return ret;
}

static bool is_over(const struct board *board)
{
	return board->stop || board->finding.claimed;
}

static void turn(
	struct board *board, uint64_t some, uint32_t number, uint64_t end_ns)
{
	struct why why;

	board->running = some;
	if (round_run(board, some, number, end_ns, &why))
		broken(board, why.text);
}

static void load_run(struct board *board)
{
	const struct load *load = &board->load;
	uint64_t set = runnable(board), ran = 0;
	uint64_t end = now_ns() + (uint64_t)load->seconds * 1000000000;
	uint64_t length = load_round_s(load, set) * 1000000000ull;
	bool turns = load->flags & LOAD_TURNS;
	struct rng rng;
	uint32_t i;

	rng_seed(&rng, load->seed);
	quiet_begin();
	sample_begin();
	for (i = 0; set && !is_over(board); i++) {
		uint64_t stop = now_ns() + length;
		uint64_t some = load_round(load, set, i, &rng);

		/* the ends of rounds take time too: all have one turn */
		if (now_ns() >= end && (!turns || ran == set))
			break;
		if (stop > end && !turns)
			stop = end;
		ran |= some;
		turn(board, some, i, stop);
	}
	/* where a turn was too short for a walk to begin there is another */
	if (turns && !is_over(board) && unproven(board, ran))
		turn(board, unproven(board, ran), i, now_ns() + length);
	judge(board, ran);
}

int main(void)
{
	struct board *board = NULL;
	struct why why;

	if (machine_make(&board, &why))
		broken(board, why.text);
	report(board);
	__atomic_store_n(&board->state, BOARD_IDLE, __ATOMIC_RELEASE);
	for (;;) {
		uint32_t request =
			__atomic_load_n(&board->request, __ATOMIC_ACQUIRE);

		if (request != board->reply) {
			/* without it this would be another test */
			if (setup_settings(board->settings,
				    sizeof(board->settings), true, &why))
				broken(board, why.text);
			load_run(board);
			__atomic_store_n(
				&board->reply, request, __ATOMIC_RELEASE);
		}
		usleep(IDLE_US);
	}
}
