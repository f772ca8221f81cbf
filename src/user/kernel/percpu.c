// SPDX-License-Identifier: GPL-2.0-only
/*
 * Per-CPU data. The base of %gs is 0 in a process, so that an access to a
 * per-CPU variable meets the variable itself: there is one CPU.
 */
#include <linux/mman.h>
#include <linux/percpu.h>
#include <linux/percpu_counter.h>

#include "stubs.h"

static s32 __percpu *const no_counters = (s32 __percpu *)8;
static s64 committed_before;
static bool is_excused;

#ifdef HAVE_PERCPU_COUNTER_MANY
int __percpu_counter_init_many(struct percpu_counter *fbc, s64 amount,
	gfp_t gfp, u32 nr_counters, struct lock_class_key *key)
{
	if (should_fail(gfp))
		return -ENOMEM;
	for (u32 i = 0; i < nr_counters; i++) {
		fbc[i].count = amount;
		fbc[i].counters = no_counters;
	}
	return 0;
}

void percpu_counter_destroy_many(struct percpu_counter *fbc, u32 nr_counters)
{
	for (u32 i = 0; i < nr_counters; i++)
		fbc[i].counters = NULL;
}

#else
int __percpu_counter_init(struct percpu_counter *fbc, s64 amount, gfp_t gfp,
	struct lock_class_key *key)
{
	if (should_fail(gfp))
		return -ENOMEM;
	fbc->count = amount;
	fbc->counters = no_counters;
	return 0;
}

void percpu_counter_destroy(struct percpu_counter *fbc)
{
	fbc->counters = NULL;
}
#endif

void percpu_counter_add_batch(struct percpu_counter *fbc, s64 amount, s32 batch)
{
	fbc->count += amount;
}

s64 __percpu_counter_sum(struct percpu_counter *fbc)
{
	return fbc->count;
}

void percpu_begin(void)
{
	committed_before = vm_committed_as.count;
	is_excused = false;
}

void percpu_excuse(void)
{
	is_excused = true;
}

void percpu_check(void)
{
	/* Calls that run out of memory lose some of what they committed. */
	if (is_excused || has_failed())
		return;
	if (vm_committed_as.count != committed_before)
		finding("committed memory leaked at exit", "%lld pages",
			vm_committed_as.count - committed_before);
}
