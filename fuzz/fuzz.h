/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz: what an engine needs to run programs on a lane of a VM that it never
 * sees. An engine is a process of its own, started by the host with
 * --control=FILE (struct slot_control), --lane=N, --stats=FILE, --spool=DIR.
 *
 * No GLib here: it lives inside libFuzzer and AFL++.
 */
#ifndef RMAPTORTURE_FUZZ_H
#define RMAPTORTURE_FUZZ_H

#include "base/base.h"
#include "fuzz/schedule.h"
#include "oracle/oracle.h"
#include "prog/prog.h"
#include "slot/slot.h"

/** struct engine_stats - written by one engine, read by the host; a file of
 *  this size, mapped by both. Counters since the engine's start. */
struct engine_stats {
	uint64_t programs; /* answered */
	uint64_t retried;  /* run once more: their VM died of another lane */
	uint64_t lost;	   /* given up: the VM died with them */
	uint64_t findings; /* judged FINDING */
	uint64_t stuck;	   /* whose tasks did not die: the VM is to go */
	uint64_t broken;   /* replies that were no replies */
	uint64_t busy_ns;  /* between submission and reply */
	uint8_t seen[SLOT_MAP_BYTES]; /* as cover_new() keeps it */
};

struct lane_options {
	const char *control; /* file of struct slot_control */
	const char *stats;   /* file of struct engine_stats; made if missing */
	const char *spool;   /* folder for findings; NULL: none are written */
	uint32_t lane;
};

/** struct lane_death - how the VM of the last LANE_LOST ended */
struct lane_death {
	bool ours, hung; /* of the program that was lost; no word of it */
	uint64_t title;	 /* hash of the title it has in the store */
};

/* Coverage of a run: the kernel's edges, then the windows */
#define LANE_MAP_BYTES (SLOT_MAP_BYTES + WINDOW_BYTES)

/* Programs between two looks for leaks */
#define LANE_RECENT 32

/** struct lane - this engine's end of a lane; zeroed before lane_open() */
struct lane {
	const struct slot_control *control;
	struct engine_stats *stats;
	struct slot *slot;
	const char *spool;
	uint32_t index;
	uint32_t generation; /* of @slot */
	uint32_t spooled;
	struct lane_death death;
	struct schedule schedule;
	uint32_t untraced; /* programs since one was traced */
	/* those since leaks were last looked for */
	struct prog recent[LANE_RECENT];
	uint32_t nr_recent;
};

/** lane_parse_options() - pick our --name=value arguments out of @argv.
 *  Returns 0, or -EINVAL with the missing one in @why */
int lane_parse_options(
	int argc, char **argv, struct lane_options *ret, struct why *why);

/** lane_open() - map the files. Returns 0 or a negative errno */
int lane_open(
	struct lane *lane, const struct lane_options *options, struct why *why);

enum lane_outcome {
	LANE_DONE, /* ran; coverage is in the caller's map */
	LANE_LOST, /* its VM died; the host has what is to be known */
	LANE_STOP, /* the host wants the engine to end */
};

/**
 * lane_run() - run a program and judge it
 * @map: LANE_MAP_BYTES, overwritten on LANE_DONE
 *
 * A program with new edges is run once more, now and then, to learn the points
 * that its calls come to.
 * Waits as long as it takes: the host decides when a VM is dead, and then this
 * lane gets another VM. A program whose VM died of another lane is run once
 * more. A finding is written to the spool (at most 64 by one engine).
 */
enum lane_outcome lane_run(struct lane *lane, const struct prog *prog,
	uint8_t *map, struct judgment *ret);

/** spool_write() - one finding to a file in @dir (text as in store/store.h):
 *  temporary name, fsync, rename. Returns 0 or a negative errno */
int spool_write(const char *dir, const char *name, const struct prog *prog,
	const struct prog_result *result, const struct judgment *judgment);

/**
 * engine_mutate() - text to text: the mutator behind every engine
 * @data: @len bytes holding a program's text, or anything; rewritten in place
 * @other: another text to splice with, or NULL
 * @max_len: room in @data
 *
 * What does not parse is replaced by a generated program. Returns the new
 * length, never above @max_len; 0 only if nothing fits.
 */
size_t engine_mutate(uint8_t *data, size_t len, size_t max_len,
	const uint8_t *other, size_t other_len, uint32_t caps, uint64_t seed);

/** engine_print() - @prog's text to @out; calls are dropped from the end until
 *  it fits. Returns its length, 0 when nothing fits */
size_t engine_print(struct prog *prog, uint8_t *out, size_t max_len);

/**
 * engine_vary() - engine_mutate() with stalls: most texts get one more, some
 * nothing but that
 *
 * Without a table of windows it is engine_mutate().
 */
size_t engine_vary(const struct schedule *schedule, uint8_t *data, size_t len,
	size_t max_len, const uint8_t *other, size_t other_len, uint32_t caps,
	uint64_t seed);

/** engine_cross() - two texts to one in @out. Returns its length, 0 when
 *  one of them is no program or the result does not fit */
size_t engine_cross(const uint8_t *a, size_t a_len, const uint8_t *b,
	size_t b_len, uint8_t *out, size_t max_out, uint64_t seed);

#endif
