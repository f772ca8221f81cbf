/* SPDX-License-Identifier: GPL-2.0-only */
#include "exec/raw.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

/*
 * r8 and r9 survive a system call and are not arguments of these two (clone
 * takes a TLS in r8 only with CLONE_SETTLS), so the entry and its argument
 * reach the child in registers: nothing is written to its stack, which may
 * still be that of the parent.
 */
__asm__(".pushsection .text\n"
	".globl raw_clone\n"
	".type raw_clone, @function\n"
	"raw_clone:\n"
	"	movq %rcx, %r9\n"
	"	xorl %r10d, %r10d\n"
	"	movl $56, %eax\n"
	"	syscall\n"
	"	jmp .Lcloned\n"
	".globl raw_clone3\n"
	".type raw_clone3, @function\n"
	"raw_clone3:\n"
	"	movq %rdx, %r9\n"
	"	movq %rcx, %r8\n"
	"	movl $435, %eax\n"
	"	syscall\n"
	".Lcloned:\n"
	"	testq %rax, %rax\n"
	"	jz 1f\n"
	"	ret\n"
	"1:	xorl %ebp, %ebp\n"
	"	movq %r8, %rdi\n"
	"	call *%r9\n"
	"	ud2\n"
	/* page_store(rdi: page, rsi: stamp), page_load(rdi: page, rsi: ret) */
	".globl page_store, page_load, page_access_begin, page_access_end\n"
	".globl page_faulted\n"
	".type page_store, @function\n"
	".type page_load, @function\n"
	"page_access_begin:\n"
	"page_store:\n"
	"	movq %rsi, (%rdi)\n"
	"	movq %rsi, 2048(%rdi)\n"
	"	movq %rsi, 4088(%rdi)\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	"page_load:\n"
	"	movq (%rdi), %rax\n"
	"	movq 2048(%rdi), %rcx\n"
	"	movq 4088(%rdi), %rdx\n"
	"page_access_end:\n"
	"	movq %rax, (%rsi)\n"
	"	movq %rcx, 8(%rsi)\n"
	"	movq %rdx, 16(%rsi)\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	"page_faulted:\n"
	"	movl $1, %eax\n"
	"	ret\n"
	".popsection\n");

extern const char page_access_begin[], page_access_end[], page_faulted[];

static void fault_caught(int signal_nr, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint64_t rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	/* the kernel's struct sigaction, not libc's: this may be a thread
	 * without a TLS */
	struct {
		uint64_t handler, flags, restorer, mask;
	} dfl = {0};

	(void)info;
	if (rip >= (uint64_t)page_access_begin &&
		rip < (uint64_t)page_access_end) {
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uint64_t)page_faulted;
		return;
	}
	(void)raw4(SYS_rt_sigaction, signal_nr, (long)&dfl, 0, 8);
}

int raw_catch_faults(void)
{
	struct sigaction action = {.sa_sigaction = fault_caught,
		.sa_flags = SA_SIGINFO | SA_NODEFER};

	if (sigaction(SIGSEGV, &action, NULL) ||
		sigaction(SIGBUS, &action, NULL))
		return -errno;
	return 0;
}
