// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread of mm/khugepaged.c, which is compiled as it is: who asks for it
 * runs it for one round, until it would sleep.
 */
#include <linux/khugepaged.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "stubs.h"

static struct task_struct thread;
static int (*khugepaged_run)(void *data);
static bool round_is_over;

struct task_struct *kthread_create_on_node(
	int (*run)(void *data), void *data, int node, const char format[], ...)
{
	khugepaged_run = run;
	return &thread;
}

int wake_up_process(struct task_struct *task)
{
	return 0;
}

void set_user_nice(struct task_struct *task, long nice)
{
}

bool kthread_should_stop(void)
{
	return round_is_over;
}

/* ---- what it waits for does not come: its round is over ---- */

void init_wait_entry(struct wait_queue_entry *entry, int flags)
{
}

long prepare_to_wait_event(
	struct wait_queue_head *head, struct wait_queue_entry *entry, int state)
{
	round_is_over = true;
	return 0;
}

void finish_wait(struct wait_queue_head *head, struct wait_queue_entry *entry)
{
}

/* ---- no huge page to be had: it tries once more, later ---- */

signed long schedule_timeout(signed long timeout)
{
	fiber_sleep();
	return 0;
}

/* There is one such thread: who asks meanwhile waits for its round. */
void model_khugepaged(unsigned int proc)
{
	static DEFINE_MUTEX(one);

	act_as(proc);
	if (!khugepaged_run)
		broken("khugepaged was not started");
	mutex_lock(&one);
	model_fail_nth(0, 0); /* its allocations are not those of the call */
	round_is_over = false;
	(void)khugepaged_run(NULL);
	mutex_unlock(&one);
	copies_dirty();
	call_done("khugepaged");
}
