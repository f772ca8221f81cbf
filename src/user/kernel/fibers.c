// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is a fiber's own in the kernel: its task, and how deep it is in sections
 * that hold up a grace period. There is one CPU, so what is per-CPU must not be
 * in the middle of a change at a point: no file that has such data has points.
 */
#include <linux/preempt.h>
#include <linux/sched.h>

#include "stubs.h"

#ifdef HAVE_PCPU_HOT
#define CURRENT_TASK pcpu_hot.current_task
#define CURRENT_CPU  pcpu_hot.cpu_number
#else
DECLARE_PER_CPU(int, cpu_number);
#define CURRENT_TASK current_task
#define CURRENT_CPU  cpu_number
#endif

struct task_struct tasks[MODEL_FIBERS];

static int depths[MODEL_FIBERS]; /* preempt_count() of those that do not run */
static unsigned int cpus[MODEL_FIBERS]; /* that they make calls on */
static unsigned int running;

void model_fiber(unsigned int fiber)
{
	depths[running] = preempt_count();
	running = fiber;
	preempt_count_set(depths[fiber]);
	this_cpu_write(CURRENT_TASK, &tasks[fiber]);
	this_cpu_write(CURRENT_CPU, cpus[fiber]);
}

bool rcu_has_readers(void)
{
	for (unsigned int i = 0; i < MODEL_FIBERS; i++) {
		if (i == running ? preempt_count() : depths[i])
			return true;
	}
	return false;
}

void settle(unsigned long pc)
{
	if (!fiber_now)
		return;
	rcu_flush();
	fiber_point(pc);
}

/* ---- the scheduler ---- */

/* No loop that gets on comes here so often. One that tries again and again for
 * what another call holds, as move_pages() does, lets that go on; then it is to
 * end. */
#define RESCHEDS_PATIENT 4096
#define RESCHEDS_MAX	 131072

static unsigned int rescheds[MODEL_FIBERS]; /* of the call under way */

int __point __cond_resched(void)
{
	unsigned int nr;

	settle(HERE);
	if (!current->mm) /* an oracle, or exit */
		return 0;
	nr = ++rescheds[fiber_now];
	if (fiber_now && !(nr % RESCHEDS_PATIENT))
		fiber_sleep();
	if (nr == RESCHEDS_MAX)
		finding("a call does not end",
			"it called cond_resched() %u times", nr);
	return 0;
}

void fiber_call(unsigned int proc)
{
	rescheds[fiber_now] = 0;
	cpus[running] = CPU_OF(proc);
	this_cpu_write(CURRENT_CPU, cpus[running]);
}

/* What is slept for is done by others, or by time. */
signed long schedule_timeout_uninterruptible(signed long timeout)
{
	fiber_sleep();
	return 0;
}

void __might_resched(const char *file, int line, unsigned int offsets)
{
	if (preempt_count() > (offsets & MIGHT_RESCHED_PREEMPT_MASK))
		finding("sleeping function called from invalid context",
			"at %s:%d: in an RCU read section, or with a spinlock",
			file, line);
}

void __might_sleep(const char *file, int line)
{
	__might_resched(file, line, 0);
}
