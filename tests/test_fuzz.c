/* SPDX-License-Identifier: GPL-2.0-only */
/* An engine's end of a lane against a guest that is a thread of this test, and
 * the mutator that is behind every engine. */
#include "fuzz/fuzz.h"
#include "store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared.h"
#include "test.h"

#define PROGRAM	   "p0 mmap v0:1 rw anon\np0 touch v0:1\n"
#define OTHER_LANE 1

enum guest_kind { GUEST_ANSWERS, GUEST_LIES, GUEST_IS_REPLACED, GUEST_STOPS };

struct world {
	char dir[64];
	struct slot_control *control;
	struct slot *slot[2];
	struct prog prog;
	enum guest_kind kind;
	uint32_t guilty; /* lane of which the first VM dies */
};

static void publish(struct world *w, const char *slot)
{
	__atomic_add_fetch(&w->control->generation, 1, __ATOMIC_ACQ_REL);
	w->control->guilty = w->guilty;
	snprintf(w->control->path, sizeof(w->control->path), "%s/%s", w->dir,
		slot);
	__atomic_add_fetch(&w->control->generation, 1, __ATOMIC_ACQ_REL);
}

static void answer(
	struct slot *slot, uint32_t number, const struct prog *prog, bool lies)
{
	struct slot_lane *lane = &slot->lane[0];

	lane->map_bytes = SLOT_MAP_BYTES;
	lane->map[77] = 3;
	lane->result.nr_obs = lies ? RESULT_OBS_MAX + 1 : 0;
	for (uint32_t i = 0; i < prog->nr_calls; i++)
		lane->result.call[i].state = CALL_DONE;
	lane->result.call[1].ret = 1;
	slot_answer(slot, 0, number);
}

/* Waits for one request on @slot and returns its number. */
static uint32_t await(struct slot *slot, struct prog *prog)
{
	struct slot_request request;
	uint32_t number;

	while (!(number = slot_pending(slot, 0, &request, prog)))
		usleep(100);
	return number;
}

static void *guest_main(void *user)
{
	struct world *w = user;
	struct prog prog;
	uint32_t number = await(w->slot[0], &prog);

	if (w->kind == GUEST_STOPS) {
		__atomic_store_n(&w->control->stop, 1, __ATOMIC_RELEASE);
		return NULL;
	}
	if (w->kind != GUEST_IS_REPLACED) {
		answer(w->slot[0], number, &prog, w->kind == GUEST_LIES);
		return NULL;
	}
	publish(w, "slot1");
	if (w->guilty == OTHER_LANE) {
		number = await(w->slot[1], &prog);
		answer(w->slot[1], number, &prog, false);
	}
	return NULL;
}

static void world_open(struct world *w, enum guest_kind kind, uint32_t guilty)
{
	*w = (struct world){.kind = kind, .guilty = guilty};
	strcpy(w->dir, "/tmp/test_fuzz-XXXXXX");
	if (!mkdtemp(w->dir))
		exit(99);
	w->control = map_shared(w->dir, "control", sizeof(*w->control));
	w->control->timeout_ms = 1000;
	w->slot[0] = map_shared(w->dir, "slot0", SLOT_BYTES);
	w->slot[1] = map_shared(w->dir, "slot1", SLOT_BYTES);
	slot_init(w->slot[0], 1);
	slot_init(w->slot[1], 1);
	if (prog_parse(PROGRAM, strlen(PROGRAM), &w->prog, NULL))
		exit(99);
	publish(w, "slot0");
}

static void world_close(struct world *w)
{
	munmap(w->control, sizeof(*w->control));
	munmap(w->slot[0], SLOT_BYTES);
	munmap(w->slot[1], SLOT_BYTES);
	dir_remove(w->dir);
}

static enum lane_outcome run_world(struct world *w, struct lane *lane,
	uint8_t *map, struct judgment *judgment)
{
	char control[128], stats[128];
	struct lane_options options = {.control = control, .stats = stats};
	enum lane_outcome outcome;
	pthread_t guest;
	struct why why;

	snprintf(control, sizeof(control), "%s/control", w->dir);
	snprintf(stats, sizeof(stats), "%s/stats", w->dir);
	*lane = (struct lane){0};
	if (lane_open(lane, &options, &why) ||
		pthread_create(&guest, NULL, guest_main, w))
		exit(99);
	outcome = lane_run(lane, &w->prog, map, judgment);
	pthread_join(guest, NULL);
	return outcome;
}

static const struct {
	const char *why;
	enum guest_kind kind;
	uint32_t guilty;
	enum lane_outcome outcome;
	enum verdict verdict;
	uint64_t programs, retried, lost, broken;
} lane_cases[] = {
	{"a reply is taken with its coverage", GUEST_ANSWERS, SLOT_LANES,
		LANE_DONE, VERDICT_PASS, 1, 0, 0, 0},
	{"a guest that lies is BROKEN, and no finding", GUEST_LIES, SLOT_LANES,
		LANE_DONE, VERDICT_BROKEN, 1, 0, 0, 1},
	{"the VM died of another lane: the program runs once more",
		GUEST_IS_REPLACED, OTHER_LANE, LANE_DONE, VERDICT_PASS, 1, 1, 0,
		0},
	{"the VM died of this lane: it does not", GUEST_IS_REPLACED, 0,
		LANE_LOST, VERDICT_PASS, 0, 0, 1, 0},
	{"the host says stop", GUEST_STOPS, SLOT_LANES, LANE_STOP, VERDICT_PASS,
		0, 0, 0, 0},
};

static void test_lane(void)
{
	static uint8_t map[LANE_MAP_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(lane_cases); i++) {
		struct judgment judgment = {0};
		struct lane lane;
		struct world w;
		bool ok;

		world_open(&w, lane_cases[i].kind, lane_cases[i].guilty);
		memset(map, 0, sizeof(map));
		ok = run_world(&w, &lane, map, &judgment) ==
		     lane_cases[i].outcome;
		ok &= judgment.verdict == lane_cases[i].verdict;
		ok &= lane.stats->programs == lane_cases[i].programs;
		ok &= lane.stats->retried == lane_cases[i].retried;
		ok &= lane.stats->lost == lane_cases[i].lost;
		ok &= lane.stats->broken == lane_cases[i].broken;
		if (lane_cases[i].outcome == LANE_DONE &&
			lane_cases[i].verdict == VERDICT_PASS)
			ok &= map[77] == 3;
		test_case(ok, lane_cases[i].why);
		world_close(&w);
	}
}

static bool is_program(const uint8_t *data, size_t len)
{
	struct prog prog;

	return !prog_parse((const char *)data, len, &prog, NULL) &&
	       prog.nr_calls;
}

static void test_mutator(void)
{
	uint8_t data[PROG_TEXT_MAX] = "\xff not a program";
	uint8_t again[PROG_TEXT_MAX], crossed[PROG_TEXT_MAX];
	size_t len, len2;
	bool good = true;

	len = engine_mutate(data, 17, sizeof(data), NULL, 0, ~0u, 1);
	test_case(is_program(data, len), "garbage becomes a program");
	memcpy(again, data, len);
	len2 = engine_mutate(again, len, sizeof(again), NULL, 0, ~0u, 2);
	for (uint64_t seed = 3; seed < 2003; seed++) {
		len = engine_mutate(
			data, len, sizeof(data), again, len2, ~0u, seed);
		good &= is_program(data, len);
	}
	test_case(good, "2000 mutations in a row stay programs");
	len = engine_mutate(data, len, 100, NULL, 0, ~0u, 9);
	test_case(len <= 100, "a mutation fits the room it is given");
	len = engine_cross(
		again, len2, again, len2, crossed, sizeof(crossed), 4);
	test_case(is_program(crossed, len), "crossing gives a program");
	test_case(!engine_cross(again, len2, (const uint8_t *)"?", 1, crossed,
			  sizeof(crossed), 4),
		"crossing with garbage gives nothing");
}

/* What an engine spools is what the store reads. */
static void test_spool(void)
{
	static struct prog_result result;
	struct judgment judgment = {.verdict = VERDICT_FINDING,
		.title = "rmaptorture: lost write after mremap",
		.detail = "p0 in call 1"};
	g_autofree char *dir = g_dir_make_tmp("test_fuzz-XXXXXX", NULL);
	struct store *store = store_open(dir, NULL);
	g_autofree struct store_log *log = NULL;
	g_autofree char *path = NULL;
	struct prog prog;

	if (!store || prog_parse(PROGRAM, strlen(PROGRAM), &prog, NULL))
		exit(99);
	result.call[1].state = CALL_STARTED;
	test_case(!spool_write(
			  store_spool(store), "x", &prog, &result, &judgment),
		"a finding is spooled");
	log = store_spool_take(store, &path);
	test_case(log && !strcmp(log->title, judgment.title) &&
			  !strcmp(log->detail, judgment.detail),
		"the store reads its title and detail");
	test_case(log && log->flight[0].nr == 1 &&
			  !memcmp(&log->flight[0].entry[0].prog, &prog,
				  sizeof(prog)),
		"and its program");
	test_case(log && log->flight[0].entry[0].progress[1] == CALL_STARTED,
		"and how far each call got");
	if (log)
		store_spool_done(store, path);
	store_close(store);
	dir_remove(dir);
}

static struct prog prog_of(const char *text)
{
	struct prog prog = {0};

	if (prog_parse(text, strlen(text), &prog, NULL))
		test_case(false, text);
	return prog;
}

/* One function with two points, the second next to a lock. */
static const struct {
	struct points_head head;
	struct point_fn fn[1];
	uint64_t site[2];
	uint32_t site_fn[2];
	char names[8];
} point_table = {
	.head = {POINTS_MAGIC, 1, 2, sizeof("rmap_w")},
	.fn = {{.addr = TRACE_PC_HIGH | 0x100, .nr = 2}},
	.site = {TRACE_PC_HIGH | 0x110, TRACE_PC_HIGH | 0x120},
	.site_fn = {0, POINT_EDGE},
	.names = "rmap_w",
};

static struct schedule schedule_of(struct schedule_table *table)
{
	struct schedule schedule = {.table = table};

	memset(table, 0, sizeof(*table));
	if (points_open(&point_table,
		    offsetof(__typeof__(point_table), names) + sizeof("rmap_w"),
		    &schedule.points, NULL))
		test_case(false, "the table of points is one");
	return schedule;
}

static void test_windows(void)
{
	static struct schedule_table table;
	static struct prog_result result;
	struct schedule schedule = schedule_of(&table);
	struct prog prog = prog_of("p0 touch v0:4 stall=rmap_w+0x10 until=1\n"
				   "p1 munmap v0:1\n");
	uint8_t counters[WINDOW_BYTES] = {0};
	uint64_t pc[PROG_STALLS_MAX];
	uint32_t marked = 0;

	schedule_resolve(&schedule, &prog, pc);
	test_case(pc[0] == (TRACE_PC_HIGH | 0x110) && !pc[1],
		"a stall's address is found");
	result.stall[0].outcome = STALL_MISSED;
	test_case(!schedule_note(&schedule, &prog, &result, counters) &&
			  table.stalls == 1 && !table.reached &&
			  table.tried[0] == 1,
		"a stall that missed opens no window, but was tried");
	result.stall[0].outcome = STALL_INSIDE;
	test_case(schedule_note(&schedule, &prog, &result, counters) == 1 &&
			  !schedule_note(&schedule, &prog, &result, counters),
		"a window is new once");
	prog.call[1].arg[0].range.page = 100;
	test_case(schedule_note(&schedule, &prog, &result, counters) == 1,
		"pages elsewhere make another one");
	for (uint32_t i = 0; i < WINDOW_BYTES; i++)
		marked += counters[i];
	test_case(marked == 2, "each has its counter");
}

static void test_learning(uint64_t seed)
{
	static struct schedule_table table;
	static struct slot_trace trace;
	struct schedule schedule = schedule_of(&table);
	struct prog prog = prog_of("p0 touch v0:4\n"), stalled;
	uint32_t given = 0, edges = 0, meetings = 0;
	struct why why;
	struct rng rng;

	rng_seed(&rng, seed);
	stalled = prog;
	test_case(!schedule_stall(&schedule, &stalled, ~0u, &rng),
		"nothing is known of an op that was never traced");
	trace.pc[0] = 0x110;
	trace.pc[1] = 0x120;
	trace.pc[2] = 0x121;
	trace.end[0] = 3;
	schedule_learn(&schedule, &prog, &trace);
	for (int n = 0; n < 500; n++) {
		stalled = prog;
		if (!schedule_stall(&schedule, &stalled, ~0u, &rng) ||
			prog_check(&stalled, &why))
			continue;
		given += stalled.nr_stalls == 1 && stalled.nr_calls == 2;
		if (stall_is_meeting(&stalled.stall[0]))
			meetings++;
		else
			edges += stalled.stall[0].offset == 0x20;
	}
	test_case(given > 450, "a call that was traced gets a stall, and a "
			       "rival inside");
	test_case(edges + meetings == given,
		"next to a lock rather than elsewhere");
	test_case(meetings > 30 && meetings < given / 4, "some calls meet");
	schedule.table = NULL;
	stalled = prog;
	test_case(!schedule_stall(&schedule, &stalled, ~0u, &rng),
		"without stalls, where there could be, none");
	test_case(schedule_stall(&schedule, &stalled, ~CAP_KCOV_STALL, &rng) &&
			  stall_is_meeting(&stalled.stall[0]),
		"a kernel that has none has meetings");
	schedule.table = &table;
	for (int n = 0; n < 200; n++) {
		for (size_t i = 0; i < sizeof(trace); i += 3)
			((uint8_t *)&trace)[i] = (uint8_t)rng_next(&rng);
		if (n & 1)
			trace.end[0] %= TRACE_PCS_MAX;
		schedule_learn(&schedule, &prog, &trace);
	}
	test_case(true, "any bytes can be a trace");
}

int main(void)
{
	test_lane();
	test_mutator();
	test_spool();
	test_windows();
	test_learning(1);
	return test_end();
}
