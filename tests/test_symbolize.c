/* SPDX-License-Identifier: GPL-2.0-only */
/* Source lines of a report: this program is the image that is asked. */
#include "kernel/symbolize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static inline __attribute__((always_inline)) int innermost(volatile int *value)
{
	int sum = *value; /* INNERMOST */

	return sum + *value;
}
static const int innermost_line = __LINE__ - 4;

static inline __attribute__((always_inline)) int inner(volatile int *value)
{
	return innermost(value);
}
static const int inner_line = __LINE__ - 2;

int outer(volatile int *value);
static const int outer_first = __LINE__;
__attribute__((noinline)) int outer(volatile int *value)
{
	*value += 1;
	return inner(value) * *value;
}
static const int outer_last = __LINE__;

/* As nm -S has it: the size of outer(). */
static unsigned long outer_size(const char *image)
{
	g_autofree char *command = g_strdup_printf(
		"nm -S '%s' | awk '$4 == \"outer\" { print $2 }'", image);
	char line[64] = "";
	FILE *nm = popen(command, "r");

	if (!nm || !fgets(line, sizeof(line), nm) || pclose(nm))
		exit(99);
	return strtoul(line, NULL, 16);
}

static char *one(const char *image, const char *text)
{
	g_autoptr(GError) error = NULL;
	char *lines = kernel_symbolize(image, text, &error);

	if (!lines)
		printf("# %s\n", error->message);
	return lines ? lines : g_strdup("");
}

/* Is @got @head, this file's name, a line of outer() and @tail? */
static bool is_line(const char *got, const char *head, const char *tail)
{
	int line;
	char *end;

	if (!g_str_has_prefix(got, head) ||
		!g_str_has_prefix(got + strlen(head), " " __FILE__ ":"))
		return false;
	got += strlen(head) + strlen(" " __FILE__ ":");
	line = (int)strtol(got, &end, 10);
	return line > outer_first && line < outer_last && !strcmp(end, tail);
}

static void test_lines(const char *image, unsigned long size)
{
	g_autofree char *head =
		g_strdup_printf("[  1.0]  outer+0x0/0x%lx", size);
	g_autofree char *tail = g_strdup_printf("\n[  1.1]  ? outer+0x0/0x%lx\n"
						"[  1.2]  outer+0x0/0x%lx\n"
						"no call\n",
		size, size + 4096);
	g_autofree char *text = g_strconcat(head, tail, NULL);
	g_autofree char *got = one(image, text);

	test_case(is_line(got, head, tail),
		"a call gets its line; a guess, another size and other text "
		"stay as they are");
}

static void test_inlined(const char *image, unsigned long size)
{
	g_autofree char *lines = g_strdup_printf(
		"innermost %s:%d [inline]\ninner %s:%d [inline]\nouter+0x",
		__FILE__, innermost_line, __FILE__, inner_line);
	bool found = false;

	for (unsigned long at = 0; at < size; at++) {
		g_autofree char *text =
			g_strdup_printf("outer+0x%lx/0x%lx\n", at, size);
		g_autofree char *got = one(image, text);

		found |= g_str_has_prefix(got, lines);
	}
	test_case(found, "what is inlined has lines of its own above, "
			 "innermost first");
}

int main(void)
{
	g_autofree char *image = g_file_read_link("/proc/self/exe", NULL);
	g_autoptr(GError) error = NULL;
	volatile int value = 1;
	unsigned long size;

	if (!image || outer(&value) != 8)
		return 99;
	size = outer_size(image);
	test_lines(image, size);
	test_inlined(image, size);
	test_case(!kernel_symbolize("/dev/null", "x", &error) && error,
		"a file that is no image is an error");
	return test_end();
}
