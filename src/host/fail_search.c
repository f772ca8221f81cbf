/* SPDX-License-Identifier: GPL-2.0-only */
/* Which allocation is to fail? */
#include "host/fail_search.h"

#define NEAR_MAX 8

int fail_search(struct target *target, const char *run_dir,
	const struct host_options *options, const char *title,
	struct candidate *candidate)
{
	struct prog *prog = candidate_single(candidate);
	const struct prog given = *prog;

	for (int try = 2; try < 2 * (NEAR_MAX + 1); try++) {
		int by = try % 2 ? -try / 2 : try / 2;

		if (!prog_move_fails(&given, by, prog))
			continue;
		host_progress(options, TRUE, "fail_nth: %+d", by);
		if (replay_run(target, run_dir, candidate, title, NULL) > 0)
			return by;
	}
	*prog = given;
	return 0;
}
