/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report: what is wrong goes to stderr, with a title that is the same for the
 * same bug, and ends the process; libFuzzer then keeps the input.
 */
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "user/fiber.h"
#include "user/model.h"
#include "user/user.h"

#define NAME_MAX_LEN 128

const char *__asan_default_options(void);
void __ubsan_on_report(void);
void __ubsan_get_current_report_data(const char **ret_kind,
	const char **ret_text, const char **ret_file, unsigned int *ret_line,
	unsigned int *ret_column, char **ret_addr);

/* The kernel's objects have frame pointers and no unwind tables. Our own
 * count of objects is exact, so the leak checker is not needed. */
const char *__asan_default_options(void)
{
	return "detect_leaks=0:handle_sigill=0:fast_unwind_on_fatal=1:"
	       "malloc_context_size=12:quarantine_size_mb=8:"
	       "detect_stack_use_after_return=0";
}

static const struct prog *running;

void user_running(const struct prog *prog)
{
	running = prog;
}

static void title(const char *text)
{
	fprintf(stderr, USER_PREFIX "%s\n", text);
	for (uint32_t i = 0; running && i < running->nr_calls; i++) {
		char line[512];
		struct text call;

		text_init(&call, line, sizeof(line));
		call_print(running, i, &call);
		fprintf(stderr, USER_PREFIX "program: %s\n", line);
	}
}

void finding(const char *text, const char *detail, ...)
{
	va_list args;

	title(text);
	fputs(USER_PREFIX "detail: ", stderr);
	va_start(args, detail);
	vfprintf(stderr, detail, args);
	va_end(args);
	fputc('\n', stderr);
	__sanitizer_print_stack_trace();
	abort();
}

void broken(const char *text, ...)
{
	va_list args;

	fputs(USER_PREFIX "BROKEN: ", stderr);
	va_start(args, text);
	vfprintf(stderr, text, args);
	va_end(args);
	fputc('\n', stderr);
	__sanitizer_print_stack_trace();
	_exit(USER_EXIT_BROKEN);
}

void unimplemented(const char *symbol)
{
	broken("%s() is called, and no file that is compiled has it: add its "
	       "file to vm-images/user/files, or a stub to src/user/kernel",
		symbol);
}

/* ---- messages of the kernel ---- */

static bool is_bug(const char *line)
{
	return strstr(line, "BUG: ") || strstr(line, "BUG at ");
}

void log_line(const char *format, va_list args)
{
	char line[512], *at = line, *end;

	(void)vsnprintf(line, sizeof(line), format, args);
	while (*at == '\001') /* the level: a mark and a digit */
		at += at[1] ? 2 : 1;
	fputs(at, stderr);
	/* of our own patch, vm-images/mutants, which tells the name */
	if (strstr(at, "rmap_mutant: no mutant"))
		broken("%.*s; vm-images/mutants/mutants.tsv lists them",
			(int)strcspn(at, "\n"), at);
	if (!is_bug(at))
		return;
	/* the title is the words before the first number or name */
	end = at + strcspn(at, "\n0123456789");
	while (end > at && strchr(" :", end[-1]))
		end--;
	*end = '\0';
	finding(strstr(at, "BUG"), "a message of the kernel");
}

/* ---- BUG() and WARN() are ud2 ---- */

#define UD2_LEN 2

static unsigned long trap_pc;

static void function_at(unsigned long pc, char *ret, size_t len)
{
	__sanitizer_symbolize_pc((void *)pc, "%f", ret, len);
}

__attribute__((noreturn, force_align_arg_pointer)) static void trapped(void)
{
	char function[NAME_MAX_LEN], text[NAME_MAX_LEN + 32];
	const char *file = "?", *what = "invalid opcode";
	unsigned int line = 0;
	int is_warning;

	function_at(trap_pc, function, sizeof(function));
	if (model_bug_at(trap_pc, &file, &line, &is_warning))
		what = is_warning ? "WARNING" : "kernel BUG";
	snprintf(text, sizeof(text), "%s in %s", what, function);
	finding(text, "at %s:%u", file, line);
}

/* The flags of a process always say that interrupts are on: where they are off
 * the kernel warns of that (mm/gup.c, try_grab_folio_fast()). */
static bool is_of_flags(unsigned long pc)
{
	const char *file;
	unsigned int line;
	int is_warning;

	return (fibers_deaf >> fiber_now & 1) &&
	       model_bug_at(pc, &file, &line, &is_warning) && is_warning;
}

/* Goes on in trapped() as if the trap had been a call, so that the stack is
 * whole. The kernel's code uses no red zone. */
static void on_trap(int signal, siginfo_t *info, void *user)
{
	ucontext_t *context = user;
	greg_t *regs = context->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	trap_pc = (unsigned long)regs[REG_RIP];
	if (is_of_flags(trap_pc)) {
		regs[REG_RIP] += UD2_LEN;
		return;
	}
	regs[REG_RSP] -= (greg_t)sizeof(long);
	*(unsigned long *)regs[REG_RSP] = trap_pc + UD2_LEN;
	regs[REG_RIP] = (greg_t)trapped;
}

/* ---- cli and sti are not for a process ---- */

#define OPCODE_CLI 0xfa
#define OPCODE_STI 0xfb

static struct sigaction sanitizers;

/* Who forbids interrupts is noted, and goes on behind that. All else is the
 * sanitizer's to report. */
static void on_fault(int signal, siginfo_t *info, void *user)
{
	ucontext_t *context = user;
	greg_t *regs = context->uc_mcontext.gregs;
	unsigned long pc = (unsigned long)regs[REG_RIP];

	/* a jump to nowhere has its own address as the one that faults */
	if (info->si_code == SI_KERNEL && pc < 1ul << 47) {
		uint8_t opcode = *(const uint8_t *)pc;

		if (opcode == OPCODE_CLI || opcode == OPCODE_STI) {
			fiber_hears(opcode == OPCODE_STI);
			regs[REG_RIP]++;
			return;
		}
	}
	sanitizers.sa_sigaction(signal, info, user);
}

/* ---- sanitizers ---- */

static bool is_helper(const char *function)
{
	return !strncmp(function, "__", 2) || !strncmp(function, "mem", 3) ||
	       !strcmp(function, "kmem_cache_free") ||
	       !strcmp(function, "kfree");
}

/* The first frame of the report ("#N ADDRESS in FUNCTION FILE") that is neither
 * the sanitizer's own, nor what frees for others, nor an inline function of a
 * header. */
static void report_function(const char *report, char ret[NAME_MAX_LEN])
{
	const char *at = strstr(report, "\n    #0 "), *end;

	strcpy(ret, "?");
	while (at && (at = strstr(at, " in "))) {
		at += 4;
		snprintf(
			ret, NAME_MAX_LEN, "%.*s", (int)strcspn(at, " \n"), at);
		end = at + strcspn(at, "\n");
		if (!is_helper(ret) &&
			!memmem(at, (size_t)(end - at), "/include/", 9))
			return;
	}
}

static void on_asan_report(const char *report)
{
	const char *mark = "AddressSanitizer: ";
	const char *kind = strstr(report, mark);
	char function[NAME_MAX_LEN], text[2 * NAME_MAX_LEN];
	int len;

	if (!kind)
		return;
	kind += strlen(mark);
	if (!strncmp(kind, "attempting ", 11)) /* double-free, bad-free */
		kind += 11;
	len = (int)strcspn(kind, " \n");
	report_function(report, function);
	snprintf(text, sizeof(text), "%.*s in %s", len > 60 ? 60 : len, kind,
		function);
	title(text);
}

void __ubsan_on_report(void)
{
	const char *kind, *message, *file;
	unsigned int line, column;
	char text[2 * NAME_MAX_LEN], *addr;

	__ubsan_get_current_report_data(
		&kind, &message, &file, &line, &column, &addr);
	snprintf(text, sizeof(text), "%s in %s", kind, file);
	title(text);
}

void report_init(void)
{
	struct sigaction action = {
		.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

	struct sigaction fault = {
		.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigaction(SIGILL, &action, NULL);
	sigaction(SIGSEGV, &fault, &sanitizers);
	__asan_set_error_report_callback(on_asan_report);
}
