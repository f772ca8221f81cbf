/* SPDX-License-Identifier: GPL-2.0-only */
#include "fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map_points(const char *path, struct points *ret, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !st.st_size) {
		close(fd);
		return -EBADMSG;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return why_set(why, -errno, "map '%s'", path);
	return points_open(map, (size_t)st.st_size, ret, why);
}

int schedule_open(const char *control, struct schedule *ret, struct why *why)
{
	const char *slash = strrchr(control, '/');
	int dir_len = slash ? (int)(slash - control) + 1 : 0;
	char path[512];
	void *map;
	int err, fd;

	*ret = (struct schedule){0};
	snprintf(path, sizeof(path), "%.*spoints", dir_len, control);
	err = map_points(path, &ret->points, why);
	if (err)
		return err == -ENOENT ? 0 : err;
	snprintf(path, sizeof(path), "%.*swindows", dir_len, control);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, sizeof(*ret->table)))
		return why_set(why, -errno, "make '%s'", path);
	map = mmap(NULL, sizeof(*ret->table), PROT_READ | PROT_WRITE,
		MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return why_set(why, -errno, "map '%s'", path);
	ret->table = map;
	return 0;
}

void schedule_resolve(const struct schedule *schedule, const struct prog *prog,
	uint64_t ret_pc[PROG_STALLS_MAX])
{
	memset(ret_pc, 0, PROG_STALLS_MAX * sizeof(*ret_pc));
	for (uint32_t i = 0; schedule->table && i < prog->nr_stalls; i++) {
		const struct stall *stall = &prog->stall[i];

		if (points_resolve(&schedule->points, stall->symbol,
			    stall->offset, &ret_pc[i]) < 0)
			ret_pc[i] = 0;
	}
}

/* Of the program up to and with call @at */
static uint64_t traced_key(const struct prog *prog, uint32_t at)
{
	return hash_bytes(prog->call, (at + 1) * sizeof(prog->call[0])) | 1;
}

const struct traced *schedule_traced(
	const struct schedule *schedule, const struct prog *prog, uint32_t at)
{
	uint64_t key = traced_key(prog, at);
	const struct traced *traced =
		&schedule->table->traced[(key >> 32) % SCHEDULE_CALLS];

	return traced->key == key && traced->nr ? traced : NULL;
}

static void learn_call(struct schedule *schedule, const struct prog *prog,
	uint32_t i, const uint32_t *pc, uint32_t nr)
{
	struct schedule_table *table = schedule->table;
	uint8_t *seen = table->seen[prog->call[i].op];
	struct traced traced = {
		.key = traced_key(prog, i),
		.first = __atomic_fetch_add(
			&table->pool_used, nr, __ATOMIC_RELAXED),
	};

	for (uint32_t k = 0; k < nr; k++) {
		int site =
			points_site(&schedule->points, TRACE_PC_HIGH | pc[k]);

		if (site < 0 || site >= SCHEDULE_SITES)
			continue;
		seen[site / 8] |= (uint8_t)(1u << site % 8);
		table->pool[(traced.first + traced.nr++) % SCHEDULE_POOL] =
			(uint16_t)site;
	}
	table->traced[(traced.key >> 32) % SCHEDULE_CALLS] = traced;
}

void schedule_learn(struct schedule *schedule, const struct prog *prog,
	const struct slot_trace *trace)
{
	uint32_t at = 0;

	schedule->table->traces++;
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		uint32_t end = trace->end[i];

		if (end > TRACE_PCS_MAX || end < at)
			return;
		learn_call(schedule, prog, i, &trace->pc[at], end - at);
		at = end;
	}
}

enum relation schedule_relation(const struct call *a, const struct call *b)
{
	const struct range *x = &a->arg[0].range, *y = &b->arg[0].range;

	if (ops[a->op].arg[0].kind != ARG_RANGE ||
		ops[b->op].arg[0].kind != ARG_RANGE)
		return RELATION_NONE;
	if (x->slot != y->slot)
		return RELATION_FAR;
	return x->page < y->page + y->pages && y->page < x->page + x->pages
		       ? RELATION_MEETS
		       : RELATION_NEAR;
}

static void window_of(const struct schedule *schedule, const struct prog *prog,
	const struct stall *stall, uint8_t outcome, struct window *ret)
{
	const struct call *held = &prog->call[stall->call];
	const struct call *inside = &prog->call[stall->until];
	int fn = points_find(&schedule->points, stall->symbol);

	*ret = (struct window){
		.fn = fn < 0 ? 0 : (uint32_t)fn,
		.op = inside->op,
		.relation = (uint8_t)schedule_relation(held, inside),
		.same_mm = held->proc == inside->proc,
		.outcome = outcome,
	};
	ret->key = hash_bytes(ret, sizeof(*ret)) | 1;
}

/* Its place in the table: the old one, or a free one, made its own. A full
 * table counts in the places of others. */
static uint32_t window_place(struct schedule_table *table,
	const struct window *window, bool *ret_new)
{
	uint32_t first = (uint32_t)(window->key >> 32) % WINDOW_BYTES;

	for (uint32_t n = 0; n < WINDOW_BYTES; n++) {
		uint32_t i = (first + n) % WINDOW_BYTES;

		if (!table->window[i].key) {
			table->window[i] = *window;
			*ret_new = true;
			return i;
		}
		if (table->window[i].key == window->key)
			return i;
	}
	return first;
}

static void count_tried(
	struct schedule *schedule, const struct stall *stall, bool reached)
{
	uint64_t pc;
	int site = -1;

	schedule->table->stalls++;
	schedule->table->reached += reached;
	if (points_resolve(
		    &schedule->points, stall->symbol, stall->offset, &pc) >= 0)
		site = points_site(&schedule->points, pc);
	if (site >= 0 && site < SCHEDULE_SITES &&
		schedule->table->tried[site] != UINT8_MAX)
		schedule->table->tried[site]++;
}

uint32_t schedule_note(struct schedule *schedule, const struct prog *prog,
	const struct prog_result *result, uint8_t *counters)
{
	uint32_t nr_new = 0;

	for (uint32_t i = 0; schedule->table && i < prog->nr_stalls; i++) {
		uint8_t outcome = result->stall[i].outcome;
		bool reached =
			outcome != STALL_MISSED && outcome != STALL_UNARMED;
		struct window window;
		bool is_new = false;
		uint32_t place;

		if (stall_is_meeting(&prog->stall[i]))
			continue;
		count_tried(schedule, &prog->stall[i], reached);
		if (!reached)
			continue;
		window_of(schedule, prog, &prog->stall[i], outcome, &window);
		place = window_place(schedule->table, &window, &is_new);
		schedule->table->window[place].count++;
		counters[place] = 1;
		nr_new += is_new;
	}
	return nr_new;
}
