/* SPDX-License-Identifier: GPL-2.0-only */
/* fiber: stacks and the change from one to another; x86-64, System V ABI. */
#include "user/fiber.h"

#include <errno.h>
#include <sanitizer/common_interface_defs.h>
#include <string.h>
#include <sys/mman.h>

#define STACK_SIZE (1ul << 20) /* reports are made on it too */
#define GUARD_SIZE 4096ul

struct fiber fibers[MODEL_FIBERS];
unsigned int fiber_now;
unsigned long fiber_epoch;
unsigned int fibers_deaf;
int fiber_used;

void fiber_swap(void **ret_sp, void *sp);

/* What a called function keeps goes to the stack that is left. */
asm(".text\n"
    ".globl fiber_swap\n"
    ".type fiber_swap, @function\n"
    "fiber_swap:\n"
    "	push %rbp\n"
    "	push %rbx\n"
    "	push %r12\n"
    "	push %r13\n"
    "	push %r14\n"
    "	push %r15\n"
    "	mov %rsp, (%rdi)\n"
    "	mov %rsi, %rsp\n"
    "	pop %r15\n"
    "	pop %r14\n"
    "	pop %r13\n"
    "	pop %r12\n"
    "	pop %rbx\n"
    "	pop %rbp\n"
    "	ret\n"
    ".size fiber_swap, . - fiber_swap\n");
#define SWAP_WORDS 6

static void change_to(unsigned int next)
{
	struct fiber *from = &fibers[fiber_now], *to = &fibers[next];

	fiber_now = next;
	model_fiber(next);
	__sanitizer_start_switch_fiber(&from->fake, to->bottom, to->size);
	fiber_swap(&from->sp, to->sp);
	__sanitizer_finish_switch_fiber(from->fake, NULL, NULL);
}

static void begin(void)
{
	__sanitizer_finish_switch_fiber(
		NULL, &fibers[0].bottom, &fibers[0].size);
	for (;;) {
		struct fiber *fiber = &fibers[fiber_now];

		fiber->work(fiber->user);
		fiber_leave(FIBER_DONE);
	}
}

static void make_stack(struct fiber *fiber)
{
	char *stack = mmap(NULL, GUARD_SIZE + STACK_SIZE,
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void **top;

	if (stack == MAP_FAILED || mprotect(stack, GUARD_SIZE, PROT_NONE))
		broken("no memory for a stack: %s", strerror(errno));
	fiber->bottom = stack + GUARD_SIZE;
	fiber->size = STACK_SIZE;
	/* begin() is entered as if called: the stack is 8 off 16 */
	top = (void **)(stack + GUARD_SIZE + STACK_SIZE);
	top[-2] = (void *)begin;
	fiber->sp = top - 2 - SWAP_WORDS;
}

void fiber_start(unsigned int i, void (*work)(void *user), void *user)
{
	struct fiber *fiber = &fibers[i];

	if (!fiber->sp)
		make_stack(fiber);
	fiber->work = work;
	fiber->user = user;
	fiber->state = FIBER_READY;
	fiber->alone = false;
	fiber_used = 1;
}

void fiber_resume(unsigned int fiber)
{
	change_to(fiber);
}

void fiber_leave(enum fiber_state state)
{
	struct fiber *fiber = &fibers[fiber_now];

	if (state == FIBER_DONE)
		fiber_epoch++;
	fiber->state = state;
	fiber->epoch = fiber_epoch;
	change_to(0);
	fiber->state = FIBER_READY;
}

bool fiber_can_go(const struct fiber *fiber)
{
	if (fiber->state == FIBER_WAITS)
		return fiber->epoch != fiber_epoch;
	return fiber->state == FIBER_READY;
}

void fiber_hears(bool on)
{
	if (!on) {
		fibers_deaf |= 1u << fiber_now;
	} else if (fibers_deaf >> fiber_now & 1) {
		fibers_deaf &= ~(1u << fiber_now);
		fiber_epoch++;
	}
}

int fiber_wait(void)
{
	struct fiber *fiber = &fibers[fiber_now];

	if (!fiber_now)
		return 0;
	fiber_leave(FIBER_WAITS);
	return !fiber->alone;
}

void fiber_sleep(void)
{
	if (fiber_now)
		fiber_leave(FIBER_SLEEPS);
}
