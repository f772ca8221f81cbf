/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * c_repro: does the C source of a finding do by itself, in the hands of
 * somebody who has none of our guest, what the finding says?
 */
#ifndef RMAPTORTURE_C_REPRO_H
#define RMAPTORTURE_C_REPRO_H

#include "host/host.h"

#define C_REPRO_TIMES "20" /* argv[1]: the whole program so often, a VM */

/**
 * c_repro_count() - k of n VMs in which the program of @path shows @title
 * @path:   C source, as prog_c_source() makes it; compiled here, static
 * @target: the kernel and its command line
 * @n:	    fresh VMs; the program makes its calls C_REPRO_TIMES times in each
 * @ret_other: TITLE_MAX bytes: another title that was seen, the last, or ""
 *
 * What rmap_fsck says it is asked for where @title is its own.
 * Seen is what the kernel reports, and contents where the program itself looks
 * at a page (exit status 1); nobody is there to count objects. FALSE with
 * @error where the source does not compile (the compiler's words) or a VM could
 * not be had.
 */
gboolean c_repro_count(const struct target *target, const char *path,
	const char *title, guint n, const struct host_options *options,
	struct replay *ret, char *ret_other, GError **error);

#endif
