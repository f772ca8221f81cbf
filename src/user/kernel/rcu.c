// SPDX-License-Identifier: GPL-2.0-only
/*
 * RCU: no reader runs between two calls of a program, so a grace period ends
 * with each call and not within one.
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
	while (first) {
		struct rcu_head *head = first;

		first = head->next;
		if (!first)
			last = &first;
		head->func(head);
	}
}
