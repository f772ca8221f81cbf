/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kcov: the kernel's interface. Source: Documentation/dev-tools/kcov.rst
 * (v6.12); the map mode, kcov_prune and the stalls: vm-images/patches/harness.
 */
#ifndef RMAPTORTURE_GUEST_KCOV_H
#define RMAPTORTURE_GUEST_KCOV_H

#include <stdint.h>
#include <sys/ioctl.h>

#define KCOV_PATH	"/sys/kernel/debug/kcov"
#define KCOV_PRUNE_PATH "/sys/kernel/debug/kcov_prune"
#define KCOV_INIT_TRACE _IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_DISABLE	_IO('c', 101)
#define KCOV_TRACE_PC	0
#define KCOV_TRACE_MAP	0x40

/* struct kcov_stall_arm - times in ns; see the patch */
struct kcov_stall_arm {
	uint64_t pc;
	uint64_t words; /* address of a struct kcov_stall_words */
	uint64_t budget_ns, atomic_ns, quiet_ns;
	uint32_t hit;
	uint32_t pad;
};

/* Shared with the kernel while a stall is armed; @release and @watch are ours.
 */
struct kcov_stall_words {
	uint32_t state; /* KCOV_STALL_* */
	uint32_t hits;
	uint32_t atomic;
	uint32_t release;
	uint32_t watch; /* TID of who acts meanwhile */
	uint32_t pad;
	uint64_t ns;
} __attribute__((aligned(64)));

enum {
	KCOV_STALL_NONE,
	KCOV_STALL_ARMED,
	KCOV_STALL_REACHED,
	KCOV_STALL_RELEASED,
	KCOV_STALL_BLOCKED,
	KCOV_STALL_TIMED_OUT,
	KCOV_STALL_KILLED,
	KCOV_STALL_IRQS_OFF,
};

#define KCOV_STALL_ARM	  _IOW('c', 0x80, struct kcov_stall_arm)
#define KCOV_STALL_DISARM _IO('c', 0x81)

#endif
