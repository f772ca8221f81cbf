/* SPDX-License-Identifier: GPL-2.0-only */
/* csource: a program as C, for a mail to somebody who has no rmaptorture. */
#ifndef RMAPTORTURE_CSOURCE_CSOURCE_H
#define RMAPTORTURE_CSOURCE_CSOURCE_H

#include "prog/prog.h"
#include "prog/result.h"

/**
 * prog_c_source() - a C program that makes the same calls, for a mail
 * @bad: a page that held what it may not, when the program was run, or NULL:
 *	 the C program looks whether it does, and exits with 1 then
 *
 * Stands alone (gcc -static -pthread); prints each call with its errno; runs
 * the whole program argv[1] times (default 1); each process asks for rmap_fsck
 * at its end where argv[2] is "check". Returns 0 or -ENOSPC.
 */
int prog_c_source(
	const struct prog *prog, const struct mismatch *bad, struct text *out);

#endif
