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

void schedule_learn(struct schedule *schedule, const struct prog *prog,
	const struct slot_trace *trace)
{
	uint32_t at = 0;

	schedule->table->traces++;
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		uint8_t *seen = schedule->table->seen[prog->call[i].op];
		uint32_t end = trace->end[i];

		if (end > TRACE_PCS_MAX)
			return;
		for (; at < end; at++) {
			int site = points_site(&schedule->points,
				TRACE_PC_HIGH | trace->pc[at]);

			if (site >= 0 && site < SCHEDULE_SITES)
				seen[site / 8] |= (uint8_t)(1u << site % 8);
		}
	}
}

static enum relation relation(const struct call *a, const struct call *b)
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
		.relation = (uint8_t)relation(held, inside),
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

#define TASTES 24 /* points looked at for one stall */

/* The next site from @from on that a call of @op came to; -1: none */
static int next_seen(const struct schedule *schedule, uint8_t op, uint32_t from)
{
	const uint8_t *seen = schedule->table->seen[op];
	uint32_t nr =
		(uint32_t)min_size(schedule->points.nr_sites, SCHEDULE_SITES);

	for (uint32_t n = 0; n < nr; n++) {
		uint32_t i = (from + n) % nr;

		if (!seen[i / 8] && i % 8 == 0 && nr - n > 8)
			n += 7;
		else if (seen[i / 8] >> i % 8 & 1)
			return (int)i;
	}
	return -1;
}

uint32_t schedule_score(const struct schedule *schedule, uint32_t site)
{
	uint32_t fresh = 1024u >> min_size(schedule->table->tried[site], 10);

	return fresh * points_weight(&schedule->points, site);
}

static bool pick_point(const struct schedule *schedule, uint8_t op,
	struct rng *rng, struct stall *ret)
{
	const struct points *points = &schedule->points;
	uint32_t best_score = 0, best = 0, fn;

	for (int n = 0; n < TASTES; n++) {
		int site = next_seen(
			schedule, op, rng_below(rng, points->nr_sites));
		uint32_t score;

		if (site < 0)
			return false;
		score = schedule_score(schedule, (uint32_t)site);
		if (score <= best_score)
			continue;
		best_score = score;
		best = (uint32_t)site;
	}
	fn = points_owner(points, best);
	snprintf(ret->symbol, sizeof(ret->symbol), "%s",
		points_name(points, fn));
	ret->offset = (uint32_t)(points->site[best] - points->fn[fn].addr);
	ret->hit = rng_one_in(rng, 4) ? (uint16_t)rng_range(rng, 2, 4) : 1;
	return points_find(points, ret->symbol) == (int)fn &&
	       ret->offset <= STALL_OFFSET_MAX;
}

/* A call of another actor that shares pages with call @at; -1: none */
static int find_rival(const struct prog *prog, uint32_t at, struct rng *rng)
{
	const struct call *call = &prog->call[at];
	uint32_t from = rng_below(rng, prog->nr_calls);

	for (uint32_t n = 0; n < prog->nr_calls; n++) {
		uint32_t i = (from + n) % prog->nr_calls;
		const struct call *other = &prog->call[i];

		if (i > at + 1 &&
			(other->proc != call->proc ||
				other->thread != call->thread) &&
			relation(call, other) == RELATION_MEETS)
			return (int)i;
	}
	return -1;
}

bool schedule_rival(
	struct prog *prog, uint32_t at, uint32_t caps, struct rng *rng)
{
	struct call rival;
	int from;

	if (at + 1 < prog->nr_calls && !rng_one_in(rng, 3) &&
		(prog->call[at + 1].proc != prog->call[at].proc ||
			prog->call[at + 1].thread != prog->call[at].thread))
		return true;
	from = rng_one_in(rng, 2) ? find_rival(prog, at, rng) : -1;
	if (from < 0)
		return prog_rival(prog, at, caps, rng);
	rival = prog->call[from];
	prog_cut(prog, (uint32_t)from, 1);
	(void)prog_gap(prog, at + 1, 1);
	prog->call[at + 1] = rival;
	prog_fix_stalls(prog);
	return true;
}

bool schedule_add(
	struct prog *prog, uint32_t at, struct stall *stall, struct rng *rng)
{
	if (prog->nr_stalls == PROG_STALLS_MAX)
		prog_drop_stall(prog, rng_below(rng, PROG_STALLS_MAX));
	stall->call = (uint8_t)at;
	stall->until = (uint8_t)(at + 1);
	while (rng_one_in(rng, 3) && stall->until + 1u < prog->nr_calls)
		stall->until++;
	if (prog_add_stall(prog, stall))
		return true;
	stall->until = (uint8_t)(at + 1);
	return prog_add_stall(prog, stall);
}

bool schedule_stall(const struct schedule *schedule, struct prog *prog,
	uint32_t caps, struct rng *rng)
{
	struct stall stall = {0};
	uint32_t at;

	if (!schedule->table || !schedule->points.nr_sites)
		return false;
	at = rng_below(rng, prog->nr_calls);
	return pick_point(schedule, prog->call[at].op, rng, &stall) &&
	       schedule_rival(prog, at, caps, rng) &&
	       schedule_add(prog, at, &stall, rng);
}

size_t engine_stall(const struct schedule *schedule, uint8_t *data, size_t len,
	size_t max_len, uint32_t caps, uint64_t seed)
{
	struct prog prog, before;
	struct rng rng;
	size_t stalled;

	rng_seed(&rng, ~seed);
	if (!schedule->table || rng_one_in(&rng, 2) ||
		prog_parse((const char *)data, len, &prog, NULL) ||
		!prog.nr_calls || prog.nr_calls >= PROG_CALLS_MAX)
		return len;
	before = prog;
	if (!schedule_stall(schedule, &prog, caps, &rng))
		return len;
	stalled = engine_print(&prog, data, max_len);
	return stalled ? stalled : engine_print(&before, data, max_len);
}
