/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sched: a program whose calls overlap. What struct stall and CALL_ASYNC say of
 * a program (prog/prog.h) holds here too, with these differences:
 *
 * - What a VM leaves to chance is drawn from the program's text: an async call,
 *   and a stall at a function that this kernel does not have, goes on for a
 *   random number of points at a time, in turn with what else can.
 * - A stall may wait for an earlier call, which waits for this one: "the first
 *   waits at its point, the second at its own until the first has returned".
 */
#ifndef RMAPTORTURE_USER_SCHED_H
#define RMAPTORTURE_USER_SCHED_H

#include "user/run.h"

/** sched_init() - once a process */
void sched_init(void);

/** sched_wants() - do calls of @prog overlap? */
bool sched_wants(const struct prog *prog);

/**
 * sched_run() - the calls of a program, between model_begin() and the end
 *
 * Fills the results of its stalls. The oracles run whenever no call is under
 * way.
 */
void sched_run(const struct run *run);

/** sched_watch() - from now on tell @point of each point that a call comes to;
 *  NULL: no more. Calls are made as if they overlapped. */
void sched_watch(
	void (*point)(uint32_t call, unsigned long pc, void *user), void *user);

#endif
