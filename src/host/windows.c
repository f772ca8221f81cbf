/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/windows.h"

#include "cover/points.h"
#include "fuzz/schedule.h"

#include <string.h>
#include <sys/mman.h>

gboolean windows_begin(
	struct target *target, const char *scratch, GError **error)
{
	g_autofree char *path = g_build_filename(scratch, "points", NULL);
	const char *bytes;
	GBytes *points;
	gsize len;

	if (!(target->caps & CAP_KCOV_STALL))
		return TRUE;
	points = target_points(target, error);
	if (!points)
		return FALSE;
	bytes = g_bytes_get_data(points, &len);
	return g_file_set_contents(path, bytes, (gssize)len, error);
}

static struct schedule_table *table_map(const char *scratch)
{
	g_autofree char *path = g_build_filename(scratch, "windows", NULL);

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return NULL;
	return host_map_file(
		path, sizeof(struct schedule_table), PROT_READ, NULL);
}

static void table_unmap(struct schedule_table *table)
{
	if (table)
		munmap(table, sizeof(*table));
}

void windows_figures(const char *scratch, struct windows_figures *ret)
{
	struct schedule_table *table = table_map(scratch);
	g_autoptr(GHashTable) fns =
		g_hash_table_new(g_direct_hash, g_direct_equal);

	*ret = (struct windows_figures){0};
	if (!table)
		return;
	ret->stalls = table->stalls;
	ret->reached = table->reached;
	for (guint i = 0; i < WINDOW_BYTES; i++) {
		if (!table->window[i].key)
			continue;
		ret->windows++;
		g_hash_table_add(fns, GUINT_TO_POINTER(table->window[i].fn));
	}
	ret->functions = g_hash_table_size(fns);
	table_unmap(table);
}

/** struct fn_row - what is told of a function */
struct fn_row {
	guint32 points, seen, tried;
	guint32 windows, count[STALL_OUTCOMES];
	guint64 ops; /* bit: an op ran inside */
};

static void count_sites(const struct points *points,
	const struct schedule_table *table, struct fn_row *rows)
{
	for (guint32 i = 0; i < points->nr_sites && i < SCHEDULE_SITES; i++) {
		struct fn_row *row = &rows[points_owner(points, i)];
		gboolean seen = FALSE;

		for (guint op = 0; op < OP_COUNT; op++)
			seen |= table->seen[op][i / 8] >> i % 8 & 1;
		row->points++;
		row->seen += (guint)seen;
		row->tried += table->tried[i] != 0;
	}
}

static void count_windows(const struct points *points,
	const struct schedule_table *table, struct fn_row *rows)
{
	for (guint i = 0; i < WINDOW_BYTES; i++) {
		const struct window *window = &table->window[i];
		struct fn_row *row;

		if (!window->key || window->fn >= points->nr_fns ||
			window->outcome >= STALL_OUTCOMES ||
			window->op >= OP_COUNT)
			continue;
		row = &rows[window->fn];
		row->windows++;
		row->count[window->outcome] += window->count;
		row->ops |= 1ull << window->op;
	}
}

static void print_row(const char *name, const struct fn_row *row, GString *text)
{
	const char *before = "";

	g_string_append_printf(text, "%s\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t", name,
		row->points, row->seen, row->tried, row->windows,
		row->count[STALL_INSIDE], row->count[STALL_BLOCKED],
		row->count[STALL_TIMED_OUT]);
	for (guint op = 0; op < OP_COUNT; op++) {
		if (!(row->ops >> op & 1))
			continue;
		g_string_append_printf(text, "%s%s", before, ops[op].name);
		before = ",";
	}
	g_string_append_c(text, '\n');
}

gboolean windows_write(struct target *target, const char *scratch,
	const char *out, GError **error)
{
	g_autofree char *path = g_build_filename(out, "windows.tsv", NULL);
	g_autoptr(GString) text = g_string_new(
		"function\tpoints\tseen\ttried\twindows\tfinished_inside\t"
		"blocked\ttimed_out\tops_inside\n");
	struct schedule_table *table = table_map(scratch);
	g_autofree struct fn_row *rows = NULL;
	struct points points;
	const void *bytes;
	gsize len;

	if (!table)
		return TRUE;
	bytes = g_bytes_get_data(target->points, &len);
	if (!points_open(bytes, len, &points, NULL)) {
		rows = g_new0(struct fn_row, points.nr_fns);
		count_sites(&points, table, rows);
		count_windows(&points, table, rows);
		for (guint32 i = 0; i < points.nr_fns; i++)
			if (rows[i].seen || rows[i].windows)
				print_row(points_name(&points, i), &rows[i],
					text);
	}
	table_unmap(table);
	return g_file_set_contents(path, text->str, (gssize)text->len, error);
}
