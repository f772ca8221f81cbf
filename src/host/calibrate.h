/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is done to a guest between its boot and the saving of its template:
 * KCOV call sites that tell nothing, since every program hits them, and hits
 * them often, are patched out. Which ones they are is measured once for each
 * kernel, by running the seeds without the user's additions to the kernel
 * command line, and kept in a file.
 */
#ifndef RMAPTORTURE_CALIBRATE_H
#define RMAPTORTURE_CALIBRATE_H

#include "host/host.h"
#include "oracle/oracle.h"

/** struct calibration - the user pointer of the hooks in struct vm_boot */
struct calibration {
	guint32 nr_lanes;
	gboolean all_sites;	/* patch none out */
	const char *sites_path; /* u64 addresses; written where missing */
	const char *vmlinux;
	void (*progress)(const char *line, void *user);
	void *user;
	struct report died; /* of a kernel that did not boot */
};

/** calibration_id() - names the layout, the ops, the seeds and the number of
 *  sites: a change of any makes a new template. Caller frees. */
char *calibration_id(const struct calibration *calibration);

/** calibrate() - struct vm_boot's prepare */
gboolean calibrate(struct vm *vm, void *calibration, GError **error);

/** calibration_died() - struct vm_boot's died */
void calibration_died(const char *console, size_t len, void *calibration);

/** calibration_give_up() - note that the kernel does not survive the seeds: no
 *  site is patched out */
gboolean calibration_give_up(const char *path, GError **error);

/** calibration_progress() - struct vm_boot's progress */
void calibration_progress(const char *line, void *calibration);

#endif
