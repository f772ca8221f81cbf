/* SPDX-License-Identifier: GPL-2.0-only */
/* What is told of a finding, from the files in its folder. */
#ifndef RMAPTORTURE_FINDING_TEXT_H
#define RMAPTORTURE_FINDING_TEXT_H

#include "store/store.h"

/** finding_machine() - the value of @key ("release", "append") in its
 *  machineInfo; caller frees. NULL: it has none */
char *finding_machine(const struct finding *finding, const char *key);

/** finding_report() - the report of its newest entry, with source lines where
 *  the kernel is still in the cache (*@ret_has_lines). Caller frees. NULL: its
 *  kernel reported nothing */
char *finding_report(const struct finding *finding, gboolean *ret_has_lines);

/**
 * finding_mail() - a finding as a mail, with its Subject line; caller frees
 *
 * One bug, plain text, all that a maintainer asks for: kernel, rate of replay,
 * trace, program, and what to attach. Lines of ours are wrapped at 72; those of
 * the kernel are not. Source: Documentation/admin-guide/reporting-issues.rst
 */
char *finding_mail(const struct finding *finding);

#endif
