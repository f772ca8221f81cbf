/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lines: which lines of the source the code of an image comes from, as its
 * debug information (DWARF) says
 */
#ifndef RMAPTORTURE_KERNEL_LINES_H
#define RMAPTORTURE_KERNEL_LINES_H

#include <glib.h>

#define CODE_FRAMES_MAX 16 /* functions inlined into each other */

/** struct code - an image, open */
struct code;

/**
 * struct code_frame - a function that code is of, or that it was inlined into
 * @function: its name in the source
 * @file:     of @line, below the root of the source
 * @line:     of the code; of the next frame: where this one is called
 * @first:    the line on which @function is declared, 0: not known
 *
 * The strings belong to the image.
 */
struct code_frame {
	const char *function, *file;
	int line, first;
};

/** code_open() - @path: an ELF file with symbols and DWARF; NULL with @error */
struct code *code_open(const char *path, GError **error);
/** code_close() - @code may be NULL */
void code_close(struct code *code);

/** code_functions() - @each function of the symbol table; sizes in bytes */
void code_functions(const struct code *code,
	void (*each)(const char *name, guint64 start, guint64 size, void *user),
	void *user);

/** code_line() - the file of the code at @address, and its line; NULL: the
 *  image does not say */
const char *code_line(const struct code *code, guint64 address, int *ret_line);

/** code_frames() - what the code at @address is of, innermost first. Returns
 *  the number of frames, 0 where the image does not say */
guint code_frames(const struct code *code, guint64 address,
	struct code_frame ret[CODE_FRAMES_MAX]);

#endif
