/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz -k NAME:user: the kernel's mm files in a process under libFuzzer, no VM.
 * The program ends at each finding (user/user.h tells how it says so); it is
 * filed and the program started again, until the time is over.
 */
#ifndef RMAPTORTURE_USER_TIER_H
#define RMAPTORTURE_USER_TIER_H

#include "host.h"

struct user_tier_options {
	const char *kernel; /* NAME:user */
	const char *append; /* boot words, or NULL */
	const char *out;
	const char *corpus;	  /* extra folder to read, or NULL */
	char *const *engine_args; /* libFuzzer's own, or NULL */
	gint64 seconds;
	guint stop_after; /* titles; 0: run to the end */
	guint replays;	  /* in a VM of NAME:kasan, 0: none */
};

/** user_tier_is() - does "NAME:PROFILE" name this tier? */
gboolean user_tier_is(const char *kernel);

/** user_tier_fuzz() - returns an exit status; the result object is written */
int user_tier_fuzz(const struct user_tier_options *want,
	const struct host_options *options);

#endif
