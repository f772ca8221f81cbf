// SPDX-License-Identifier: GPL-2.0-only
/*
 * RCU: a grace period ends with each call, and at each point of a call that is
 * one of several under way, as soon as no fiber is in a read section.
 */
#include <linux/rcupdate.h>

#include "stubs.h"

static struct rcu_head *first, **last = &first;

void call_rcu(struct rcu_head *head, rcu_callback_t func)
{
	head->func = func;
	head->next = NULL;
	*last = head;
	last = &head->next;
}

void rcu_flush(void)
{
	if (rcu_has_readers())
		return;
	slab_settle();
	while (first) {
		struct rcu_head *head = first;

		first = head->next;
		if (!first)
			last = &first;
		head->func(head);
	}
}
