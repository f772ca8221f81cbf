/* SPDX-License-Identifier: GPL-2.0-only */
#include "fuzz.h"

#include "cover/cover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SPOOL_MAX      64    /* findings that one engine writes */
#define POLL_MIN_NS    20000 /* between looks at the slot: a share of the time */
#define POLL_MAX_NS    1000000 /* that the program has taken so far */
#define POLL_SHARE     16
#define PARKED_POLL_NS 1000000

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_ns(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static bool take_option(const char *arg, const char *name, const char **ret)
{
	size_t len = strlen(name);

	if (strncmp(arg, name, len))
		return false;
	*ret = arg + len;
	return true;
}

int lane_parse_options(
	int argc, char **argv, struct lane_options *ret, struct why *why)
{
	const char *lane = NULL;

	*ret = (struct lane_options){0};
	for (int i = 1; i < argc; i++) {
		(void)(take_option(argv[i], "--control=", &ret->control) ||
			take_option(argv[i], "--stats=", &ret->stats) ||
			take_option(argv[i], "--spool=", &ret->spool) ||
			take_option(argv[i], "--lane=", &lane));
	}
	if (!ret->control || !ret->stats || !lane)
		return why_set(why, -EINVAL,
			"started without --control, --stats and --lane: "
			"`rmaptorture fuzz` starts this program");
	ret->lane = (uint32_t)strtoul(lane, NULL, 10);
	if (ret->lane >= SLOT_LANES)
		return why_set(why, -EINVAL, "--lane=%s", lane);
	return 0;
}

static int map_file(const char *path, int flags, size_t len, void **ret)
{
	int prot = flags & O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ;
	int fd = open(path, flags | O_CLOEXEC, 0644);
	int err = 0;
	void *map;

	if (fd < 0)
		return -errno;
	if (flags & O_CREAT && ftruncate(fd, (off_t)len)) {
		err = -errno;
		goto out_close;
	}
	map = mmap(NULL, len, prot, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err = -errno;
	else
		*ret = map;
out_close:
	close(fd);
	return err;
}

int lane_open(
	struct lane *lane, const struct lane_options *options, struct why *why)
{
	void *control = NULL, *stats = NULL;
	int err;

	err = map_file(
		options->control, O_RDONLY, sizeof(*lane->control), &control);
	if (err)
		return why_set(why, err, "map '%s'", options->control);
	err = map_file(
		options->stats, O_RDWR | O_CREAT, sizeof(*lane->stats), &stats);
	if (err)
		return why_set(why, err, "map '%s'", options->stats);
	lane->control = control;
	lane->stats = stats;
	lane->spool = options->spool;
	lane->index = options->lane;
	return schedule_open(options->control, &lane->schedule, why);
}

/* Read the control block whole: it is odd while the host changes it. */
static uint32_t control_read(struct lane *lane, char path[256])
{
	const struct slot_control *control = lane->control;
	uint32_t before, after;

	do {
		before =
			__atomic_load_n(&control->generation, __ATOMIC_ACQUIRE);
		memcpy(path, control->path, sizeof(control->path));
		lane->death = (struct lane_death){
			.ours = control->guilty == lane->index,
			.hung = control->hung,
			.title = control->title,
		};
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(&control->generation, __ATOMIC_RELAXED);
	} while (before != after || before & 1);
	path[255] = '\0';
	return before;
}

static bool control_stop(const struct lane *lane)
{
	return __atomic_load_n(&lane->control->stop, __ATOMIC_ACQUIRE);
}

static bool vm_changed(const struct lane *lane)
{
	return __atomic_load_n(&lane->control->generation, __ATOMIC_ACQUIRE) !=
	       lane->generation;
}

/* Map the slot that serves the lane now; the old VM is gone. False: stop. */
static bool lane_attach(struct lane *lane)
{
	char path[256];
	void *map = NULL;

	while (!control_stop(lane)) {
		uint32_t generation = control_read(lane, path);

		if (path[0] && !map_file(path, O_RDWR, SLOT_BYTES, &map)) {
			if (lane->slot)
				munmap(lane->slot, SLOT_BYTES);
			lane->slot = map;
			lane->generation = generation;
			return true;
		}
		sleep_ns(PARKED_POLL_NS); /* between two VMs */
	}
	return false;
}

static long poll_pause(uint64_t elapsed_ns)
{
	uint64_t pause = elapsed_ns / POLL_SHARE;

	if (pause < POLL_MIN_NS)
		return POLL_MIN_NS;
	return pause > POLL_MAX_NS ? POLL_MAX_NS : (long)pause;
}

/* LANE_DONE: replied; LANE_LOST: the VM was replaced before it did */
static enum lane_outcome wait_reply(
	struct lane *lane, uint32_t number, uint64_t start)
{
	while (!slot_replied(lane->slot, lane->index, number)) {
		if (control_stop(lane))
			return LANE_STOP;
		if (vm_changed(lane))
			return LANE_LOST;
		sleep_ns(poll_pause(now_ns() - start));
	}
	return LANE_DONE;
}

static enum lane_outcome submit_and_wait(
	struct lane *lane, const struct prog *prog, uint32_t flags)
{
	struct slot_request request = {
		.command = SLOT_RUN,
		.flags = flags,
		.timeout_ms = lane->control->timeout_ms,
	};
	uint64_t start = now_ns();
	enum lane_outcome outcome;

	schedule_resolve(&lane->schedule, prog, request.stall_pc);
	outcome = wait_reply(lane,
		slot_submit(lane->slot, lane->index, &request, prog), start);
	lane->stats->busy_ns += now_ns() - start;
	return outcome;
}

static void spool_finding(struct lane *lane, const struct prog *prog,
	const struct prog_result *result, const struct judgment *judgment)
{
	char name[64];
	struct text text;

	lane->stats->findings++;
	if (!lane->spool || lane->spooled >= SPOOL_MAX)
		return;
	text_init(&text, name, sizeof(name));
	text_addf(&text, "lane%u-%d-%u", lane->index, (int)getpid(),
		lane->spooled++);
	(void)spool_write(lane->spool, name, prog, result, judgment);
}

/* Few programs are traced: each takes the time of one that is run. */
#define TRACE_ONE_IN 4

/* What its calls come to, learned from a run of its own. Whatever goes wrong in
 * it is no word on the program. */
static void trace(struct lane *lane, const struct prog *prog, size_t nr_new)
{
	static struct prog_result result;
	static struct slot_trace points;

	if (!lane->schedule.table || !nr_new || prog->nr_stalls ||
		++lane->untraced < TRACE_ONE_IN)
		return;
	lane->untraced = 0;
	if (submit_and_wait(lane, prog, RUN_TRACE) == LANE_DONE &&
		!slot_take(lane->slot, lane->index, prog, &result,
			(uint8_t *)&points, NULL))
		schedule_learn(&lane->schedule, prog, &points);
}

/* Does @prog leak each time? What the other lane leaks meanwhile is told by
 * this one too, but hardly twice. */
static bool leaks_twice(
	struct lane *lane, const struct prog *prog, struct prog_result *result)
{
	for (int try = 0; try < 2; try++) {
		if (submit_and_wait(lane, prog,
			    RUN_COVER | RUN_CHECK | RUN_FSCK | RUN_LEAK) !=
				LANE_DONE ||
			slot_take(lane->slot, lane->index, prog, result, NULL,
				NULL) ||
			!result_leaks(result))
			return false;
	}
	return true;
}

/* One of the last programs has left something behind: which? */
static void hunt_leak(struct lane *lane)
{
	static struct prog_result result;
	struct judgment judgment;

	while (lane->nr_recent && !vm_changed(lane)) {
		const struct prog *prog = &lane->recent[--lane->nr_recent];

		if (!leaks_twice(lane, prog, &result))
			continue;
		oracle_judge(prog, &result, &judgment);
		spool_finding(lane, prog, &result, &judgment);
		break;
	}
	lane->nr_recent = 0;
}

/* Once a program may take long since the host had other work, or since one of
 * its stalls has waited in a bad place. */
static bool spins_again(struct lane *lane, const struct prog *prog)
{
	static struct prog_result result;

	return submit_and_wait(lane, prog, RUN_CHECK) == LANE_DONE &&
	       !slot_take(lane->slot, lane->index, prog, &result, NULL, NULL) &&
	       (result.flags & RESULT_SPUN);
}

/* The flags of the next program: now and then leaks are looked for. */
static uint32_t note_recent(struct lane *lane, const struct prog *prog)
{
	uint32_t flags = RUN_COVER | RUN_CHECK | RUN_FSCK;

	if (lane->nr_recent == LANE_RECENT)
		lane->nr_recent = 0;
	lane->recent[lane->nr_recent++] = *prog;
	return lane->nr_recent == LANE_RECENT ? flags | RUN_LEAK : flags;
}

static enum lane_outcome judge(struct lane *lane, const struct prog *prog,
	uint8_t *map, struct judgment *ret)
{
	static struct prog_result result; /* too large for a fuzzer's stack */
	struct why why;
	bool leaked;
	size_t nr_new;

	lane->stats->programs++;
	if (slot_take(lane->slot, lane->index, prog, &result, map, &why)) {
		lane->stats->broken++;
		*ret = (struct judgment){.verdict = VERDICT_BROKEN};
		return LANE_DONE;
	}
	nr_new = cover_new(lane->stats->seen, map, SLOT_MAP_BYTES);
	memset(map + SLOT_MAP_BYTES, 0, WINDOW_BYTES);
	(void)schedule_note(
		&lane->schedule, prog, &result, map + SLOT_MAP_BYTES);
	lane->stats->stuck += (result.flags & RESULT_STUCK) != 0;
	leaked = result_leaks(&result);
	memset(result.leaked, 0, sizeof(result.leaked)); /* by any of several */
	if ((result.flags & RESULT_SPUN) && !spins_again(lane, prog))
		result.flags &= ~RESULT_SPUN;
	oracle_judge(prog, &result, ret);
	if (ret->verdict == VERDICT_FINDING)
		spool_finding(lane, prog, &result, ret);
	else
		trace(lane, prog, nr_new);
	if (leaked)
		hunt_leak(lane);
	return LANE_DONE;
}

enum lane_outcome lane_run(struct lane *lane, const struct prog *prog,
	uint8_t *map, struct judgment *ret)
{
	uint32_t flags = note_recent(lane, prog);
	enum lane_outcome outcome;

	for (int try = 0; try < 2; try++) {
		if ((!lane->slot || vm_changed(lane)) && !lane_attach(lane))
			return LANE_STOP;
		outcome = submit_and_wait(lane, prog, flags);
		if (outcome == LANE_DONE)
			return judge(lane, prog, map, ret);
		if (outcome == LANE_STOP || !lane_attach(lane))
			return LANE_STOP;
		if (lane->death.ours)
			break;
		lane->stats->retried++;
	}
	lane->stats->lost++;
	return LANE_LOST;
}
