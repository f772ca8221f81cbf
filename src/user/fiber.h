/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fiber: calls with stacks of their own, so that several are in the kernel at
 * once. Fiber 0 is the stack that the process began with; it alone starts and
 * resumes the others, each of which comes back to it when it is done or cannot
 * go on. One thread of the host.
 */
#ifndef RMAPTORTURE_USER_FIBER_H
#define RMAPTORTURE_USER_FIBER_H

#include "base/base.h"
#include "user/model.h"

enum fiber_state {
	FIBER_DONE,   /* free, too */
	FIBER_READY,  /* can go on */
	FIBER_WAITS,  /* can when the epoch changes; else would wait for ever */
	FIBER_SLEEPS, /* can when nobody else can */
	FIBER_STALLED, /* at its point, until it is made ready */
};

/**
 * struct fiber - one of them
 * @epoch: when it began to wait or sleep
 * @alone: nobody else can go on: what waits is to be told so
 */
struct fiber {
	enum fiber_state state;
	unsigned long epoch;
	bool alone;
	void (*work)(void *user);
	void *user;
	/* fiber.c's own */
	void *sp, *fake;
	const void *bottom;
	size_t size;
};
extern struct fiber fibers[MODEL_FIBERS];

/** fiber_start() - @fiber, which is done, is ready to do @work */
void fiber_start(unsigned int fiber, void (*work)(void *user), void *user);
/** fiber_resume() - from fiber 0: let @fiber go on until it is not any more */
void fiber_resume(unsigned int fiber);
/** fiber_leave() - from any other: back to fiber 0, in this state */
void fiber_leave(enum fiber_state state);
/** fiber_can_go() - is there any use in resuming it? */
bool fiber_can_go(const struct fiber *fiber);

/** fiber_hears() - the CPU of this fiber takes interrupts, or none */
void fiber_hears(bool on);

#endif
