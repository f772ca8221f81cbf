/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RMAPTORTURE_BENCH_COVERAGE_VM_H
#define RMAPTORTURE_BENCH_COVERAGE_VM_H

#include "host/host.h"

/**
 * coverage_vm() - bench coverage -k NAME:gcov: lines and branches of mm/
 * @corpus: folders or files of programs; NULL: seeds and regress programs
 * @out:    gets coverage.info, an lcov tracefile
 * @seconds: no program is begun later
 *
 * Figures: lines_hit, lines_total, branches_hit, branches_total, and the same
 * with _FILE behind them for each file ("lines_hit_rmap.c"). Exit status: of
 * the command; 1 where a program killed the kernel: it is told, and left out.
 */
int coverage_vm(const char *kernel, char **corpus, const char *out,
	gint64 seconds, const struct host_options *options);

#endif
