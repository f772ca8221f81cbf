/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * record: a run of a program that a debugger can make again, as often as it
 * takes. Use-after-free is a question about the past: who freed this, and why?
 */
#ifndef RMAPTORTURE_RECORD_H
#define RMAPTORTURE_RECORD_H

#include "host/host.h"

/**
 * struct recording - what came of it
 * @tries:   runs until one showed the title; one vCPU races less than two
 * @shown:   whether one did; only then is there a record
 * @seconds: that the run took, its boot included
 * @mib:     of the record, kernel and initrd included
 * @console: bytes of console; a replay gave the same
 */
struct recording {
	guint tries;
	gboolean shown;
	double seconds, mib;
	gsize console;
};

/**
 * record_finding() - boot, run @prog, record all of it, and replay it once
 * @no_fsck: leave rmap_fsck out
 * @tries:   at most so many
 *
 * The record is FINDING/record: QEMU's files (vm/vm.h), copies of kernel and
 * initrd, and "replay", a shell script: by itself it plays the run to its end,
 * with -S it waits for gdb. It is there whole or not at all; an older one is
 * replaced. FALSE with @error where a VM, the disk or the replay, which must
 * give the same console, did not do its part.
 */
gboolean record_finding(struct target *target, const struct finding *finding,
	const struct prog *prog, gboolean no_fsck, guint tries,
	const struct host_options *options, struct recording *ret,
	GError **error);

#endif
