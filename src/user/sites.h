/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sites: the points of the kernel's code in this process, as KCOV would tell
 * them: return addresses of calls to __sanitizer_cov_trace_pc() in the files of
 * vm-images/user/points; and in the same functions those of calls to a lock or
 * an allocator (__point in src/user/kernel/stubs.h). The former cost a call
 * each, so they are patched out until they are wanted.
 */
#ifndef RMAPTORTURE_USER_SITES_H
#define RMAPTORTURE_USER_SITES_H

#include "cover/points.h"
#include "prog/prog.h"

/* libFuzzer has a function of that name, so the linker gives the kernel's code
 * this one; it is sched.c's */
#define SITES_HOOK __wrap___sanitizer_cov_trace_pc
void SITES_HOOK(void);

/** sites_init() - find all, patch them out; once */
void sites_init(void);
/** sites_points() - the table, for stalls; addresses are in their upper half
 *  (TRACE_PC_HIGH) as a kernel's are */
const struct points *sites_points(void);
/** sites_stall() - a stall at the @hit-th time that a call comes to site @site
 * of the table; which call, and until when, is left to the caller */
struct stall sites_stall(uint32_t site, uint16_t hit);
/** sites_is_lock() - is @site of the table a call to a lock or an allocator?
 * What no lock guards aside, other calls see only what is done between two of
 * them */
bool sites_is_lock(uint32_t site);
/** sites_all() - patch all in, or out */
void sites_all(bool on);
/** sites_one() - patch the point @pc in, or out; one that is no call of the
 *  hook is always in */
void sites_one(unsigned long pc, bool on);

#endif
