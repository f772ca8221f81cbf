/* SPDX-License-Identifier: GPL-2.0-only */
/* run: one call of a program on the model, for those that make it: in turn
 * (run.c), or several at once (sched.c). */
#ifndef RMAPTORTURE_USER_RUN_H
#define RMAPTORTURE_USER_RUN_H

#include "user/user.h"

struct run {
	const struct prog *prog;
	const struct user_options *options;
	struct user_stats *stats;
	struct prog_result *result;
	struct user_view *view;
};

/** call_can() - does its actor live, and do we know the op? Else it is skipped,
 *  and the result says so */
bool call_can(const struct run *run, uint32_t index);
/** call_make() - make it, to its end */
void call_make(const struct run *run, uint32_t index);
/** call_tell() - what came of it, to stderr, where that is asked for */
void call_tell(const struct run *run, uint32_t index);
/** call_check() - the oracles behind it; no call is under way */
void call_check(const struct run *run, uint32_t index);

#endif
