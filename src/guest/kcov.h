/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kcov: the kernel's interface. Source: Documentation/dev-tools/kcov.rst
 * (v6.12); the map mode and kcov_prune: vm-images/patches/harness.
 */
#ifndef RMAPTORTURE_GUEST_KCOV_H
#define RMAPTORTURE_GUEST_KCOV_H

#include <sys/ioctl.h>

#define KCOV_PATH	"/sys/kernel/debug/kcov"
#define KCOV_PRUNE_PATH "/sys/kernel/debug/kcov_prune"
#define KCOV_INIT_TRACE _IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_DISABLE	_IO('c', 101)
#define KCOV_TRACE_PC	0
#define KCOV_TRACE_MAP	0x40

#endif
