/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * raw: system calls for actors. An actor may be a thread that was cloned
 * without a TLS of its own, so it must not meet errno, locks or any libc
 * function but those of string.h: these return the negative errno.
 * x86-64 only, as the machine that the slots are made for.
 */
#ifndef RMAPTORTURE_EXEC_RAW_H
#define RMAPTORTURE_EXEC_RAW_H

#include <stdint.h>
#include <sys/syscall.h>

static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile(
		"syscall"
		: "=a"(ret)
		: "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		: "rcx", "r11", "memory");
	return ret;
}

static inline long raw4(long nr, long a, long b, long c, long d)
{
	return raw6(nr, a, b, c, d, 0, 0);
}

static inline long raw3(long nr, long a, long b, long c)
{
	return raw6(nr, a, b, c, 0, 0, 0);
}

static inline long raw1(long nr, long a)
{
	return raw6(nr, a, 0, 0, 0, 0, 0);
}

/** raw_clone() - clone(2); the child runs @entry(@arg) from @stack_top down and
 *  must not return. Returns the child's pid, or negative errno. */
long raw_clone(unsigned long flags, void *stack_top, int32_t *parent_tid,
	void (*entry)(void *), void *arg);

/** raw_clone3() - the same by clone3(2); @args holds the stack */
long raw_clone3(
	void *args, unsigned long args_len, void (*entry)(void *), void *arg);

/** page_store() - write @stamp to the first, middle and last 8 bytes of a page.
 *  Returns 0, or 1 when a store faulted. */
long page_store(uint64_t addr, uint64_t stamp);

/** page_load() - read the same three; returns 0, or 1 when a load faulted */
long page_load(uint64_t addr, uint64_t ret[3]);

/** raw_catch_faults() - install the handlers that make page_store() and
 *  page_load() return 1; any other fault kills as usual. 0 or negative errno */
int raw_catch_faults(void);

/** raw_tsc() - time stamp counter, for durations */
static inline uint64_t raw_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

#endif
