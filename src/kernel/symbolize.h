/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * symbolize: source lines for the calls of a kernel's report, from the debug
 * information of the very image that printed it.
 */
#ifndef RMAPTORTURE_KERNEL_SYMBOLIZE_H
#define RMAPTORTURE_KERNEL_SYMBOLIZE_H

#include <glib.h>

/**
 * kernel_symbolize() - a report with the source line of each call
 * @vmlinux: an ELF file with symbols and DWARF
 * @report:  any text; "function+0xOFFSET/0xSIZE" in it is a call, as the
 *	     kernel prints one (lib/vsprintf.c, %pS; kernel/kallsyms.c)
 *
 * Behind the first call of a line comes " file:line". Functions that were
 * inlined there are lines of their own above it, innermost first, marked
 * "[inline]". A return address is that of the next instruction, so the line
 * is looked up one byte before it; not where the line says RIP. Calls that
 * the image does not know, by name and size, and those that the kernel itself
 * marks as guesses ("? function+...") are left as they are.
 *
 * Returns the text, which the caller frees, or NULL with @error.
 */
char *kernel_symbolize(const char *vmlinux, const char *report, GError **error);

#endif
