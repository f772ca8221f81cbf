/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * settings: what --set says is to be written to files of a guest. It is told to
 * clones, so that one template serves all values.
 */
#ifndef RMAPTORTURE_SETTINGS_H
#define RMAPTORTURE_SETTINGS_H

#include "host/host.h"

/** settings_text() - @set, "PATH=VALUE" each or NULL, as lines for slot_set().
 *  Caller frees; NULL with @error where one is no such pair */
char *settings_text(char **set, GError **error);

/** settings_describe() - those of @target, a line "set: PATH=VALUE" each */
GString *settings_describe(const struct target *target);

/** append_holds() - did the kernel take what --append says? A word that it does
 *  not know is told; FALSE with @error where there is no such mutant. Of a
 *  target with its template */
gboolean append_holds(const struct target *target,
	const struct host_options *options, GError **error);

/** settings_hold() - does the guest take them? FALSE with @error, which must
 *  not be NULL, that says which it does not */
gboolean settings_hold(struct target *target, GError **error);

#endif
