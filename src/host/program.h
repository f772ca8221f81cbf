/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * program: a program in a guest that is there for it alone: one of the kernel's
 * selftests, or the C source of a finding. src/exec/selftests.c is the other
 * end, struct selftest_slot what is between them.
 */
#ifndef RMAPTORTURE_PROGRAM_H
#define RMAPTORTURE_PROGRAM_H

#include "host/host.h"

/**
 * program_template() - a guest that waits for a program
 * @target: chosen with target_options.selftests: the folder of the programs
 * @cache:  where templates are kept; one of a folder that goes away goes with
 * it
 *
 * vm_template_free() is the caller's.
 */
struct vm_template *program_template(const struct target *target,
	const struct host_options *options, const char *cache, GError **error);

/**
 * struct program - what to run
 * @command:  its file name in the folder, and arguments, a blank between
 * @settings: lines "PATH VALUE", written before it starts; what the kernel has
 *	      not got is passed over
 * @needed:   the same, behind them; without one of these it is not run
 * @limit_ms: it and all it started are killed after so long, times the scale of
 *	      the VM
 * @end:      or at this time, monotonic us; G_MAXINT64: none
 */
struct program {
	const char *command, *settings, *needed;
	gint64 limit_ms, end;
};

/**
 * struct program_end - what came of it
 * @reported:  the kernel reported something, or the VM ended: see @report; all
 *	       that is said of the program may be missing then
 * @broken:    QEMU died, which says nothing of the kernel
 * @console:   and its length; any bytes
 * @not_run:   the kernel did not take one of @needed
 * @refused:   the first setting that it did not take, or ""
 * @status:    as of waitpid()
 * @timed_out: it was over its limit
 * @output:    what it printed, made printable, at most SELFTEST_OUTPUT_MAX
 * @seconds:   from its start to its end, by the host's clock
 */
struct program_end {
	gboolean reported, broken, not_run, timed_out;
	struct report report;
	char *console, *refused, *output;
	gsize console_len;
	int status;
	double seconds;
};
void program_end_clear(struct program_end *end);

/** program_run() - @program on a fresh clone of @template, in folder @dir;
 * FALSE with @error where there was no VM */
gboolean program_run(struct vm_template *template, const char *dir,
	const struct program *program, struct program_end *ret, GError **error);

#endif
