/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linked into each selftest: what it has printed must be out when the kernel
 * dies, and must not be printed again by its children. Output to a pipe is
 * buffered in blocks otherwise.
 */
#include <stdio.h>

static void __attribute__((constructor)) line_buffered(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}
