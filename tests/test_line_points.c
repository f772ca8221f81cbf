/* SPDX-License-Identifier: GPL-2.0-only */
/* The same lines in other code: this program has inner() twice, by itself and
 * inlined. */
#include "host/line_points.h"

#include <stdio.h>
#include <string.h>

#include "kernel/lines.h"
#include "test.h"

#define SITES_MAX 4096

static const int inner_first = __LINE__ + 1;
static int inner(volatile int *value)
{
	int sum = *value;

	*value += 3;
	if (*value > 4)
		*value *= 7;
	return sum + *value;
}
static const int inner_last = __LINE__;

int outer(volatile int *value);
__attribute__((noinline, flatten)) int outer(volatile int *value)
{
	*value += 1;
	return inner(value) * *value;
}

int apart(volatile int *value);
__attribute__((noinline)) int apart(volatile int *value)
{
	*value -= 5;
	return *value;
}

/* So that inner() is there by itself, too */
static int (*volatile by_itself)(volatile int *) = inner;

/* struct function - where the image has it */
struct function {
	const char *name;
	guint64 start, size;
};

static void find(const char *name, guint64 start, guint64 size, void *user)
{
	struct function *function = user;

	if (strcmp(name, function->name) || !size)
		return;
	function->start = start;
	function->size = size;
}

static struct function function_of(const struct code *code, const char *name)
{
	struct function function = {.name = name};

	code_functions(code, find, &function);
	return function;
}

/* Every byte of outer() is a point. */
static struct points all_of(const struct function *outer)
{
	static uint64_t sites[SITES_MAX];
	static uint32_t site_fn[SITES_MAX];
	static struct point_fn fn;
	uint32_t nr = (uint32_t)MIN(outer->size, SITES_MAX);

	for (uint32_t i = 0; i < nr; i++)
		sites[i] = outer->start + 1 + i;
	fn = (struct point_fn){.addr = outer->start, .nr = nr};
	return (struct points){&fn, sites, site_fn, outer->name, 1, nr};
}

static struct stall stall_at(const struct function *function, guint64 at)
{
	struct stall stall = {
		.hit = 1, .offset = (uint32_t)(at + 1 - function->start)};

	(void)g_strlcpy(stall.symbol, function->name, sizeof(stall.symbol));
	return stall;
}

/* How many lines of inner() are found in outer(); -1: a wrong one was */
static int found(const struct code *code, struct line_points *lines,
	const struct points *points, const struct function *inner_fn)
{
	int nr = 0, seen = 0;

	for (guint64 at = inner_fn->start;
		at < inner_fn->start + inner_fn->size; at++) {
		struct stall stall = stall_at(inner_fn, at);
		int want, got;
		guint32 site;

		/* the first and last lines are of the frame as well */
		if (!code_line(code, at, &want) || want == seen ||
			want <= inner_first + 1 || want >= inner_last - 1)
			continue;
		seen = want;
		if (!line_points_find(lines, &stall, &site, 1) ||
			!code_line(code, points->site[site] - 1, &got))
			continue;
		if (want != got)
			return -1;
		nr++;
	}
	return nr;
}

int main(void)
{
	g_autofree char *image = g_file_read_link("/proc/self/exe", NULL);
	g_autoptr(GError) error = NULL;
	struct code *code = code_open(image, &error);
	struct function inner_fn, outer_fn, apart_fn;
	struct line_points *lines;
	volatile int value = 1;
	struct points points;
	struct stall stall;
	guint32 site;

	if (!code || by_itself(&value) + outer(&value) + apart(&value) == 0)
		return 99;
	inner_fn = function_of(code, "inner");
	outer_fn = function_of(code, "outer");
	apart_fn = function_of(code, "apart");
	points = all_of(&outer_fn);
	lines = line_points_open(image, image, &points, &error);
	if (!lines)
		return 99;
	test_case(found(code, lines, &points, &inner_fn) >= 3,
		"a line of a function is found where that is inlined");
	stall = stall_at(&apart_fn, apart_fn.start + 8);
	test_case(!line_points_find(lines, &stall, &site, 1),
		"a function that is nowhere near has no point");
	stall = stall_at(&inner_fn, inner_fn.start);
	(void)g_strlcpy(stall.symbol, "gone", sizeof(stall.symbol));
	test_case(!line_points_find(lines, &stall, &site, 1),
		"nor has one that the build lacks");
	line_points_close(lines);
	code_close(code);
	test_case(
		!line_points_open(image, "/dev/null", &points, &error) && error,
		"a file that is no image is an error");
	return test_end();
}
