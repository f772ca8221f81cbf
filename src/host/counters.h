/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a series counts of itself in /proc/vmstat, summed over the VMs of a
 * session. A transition that stays 0 has not been tested.
 */
#ifndef RMAPTORTURE_COUNTERS_H
#define RMAPTORTURE_COUNTERS_H

#include "host/host.h"

/** counters_new() - name -> guint64, in a table that owns both */
GHashTable *counters_new(void);
/**
 * counters_add() - add what rose between two texts of /proc/vmstat
 * @globs:	  of the names that count; NULL: none do
 * @first, @last: SLOT_VMSTAT bytes of a guest each, not to be trusted; nothing
 *		  is added where one is empty
 */
void counters_add(GHashTable *counters, char *const *globs, const char *first,
	const char *last);

#endif
