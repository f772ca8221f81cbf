/* SPDX-License-Identifier: GPL-2.0-only */
/* Detected trials over time as SVG: time is logarithmic, for half of them are
 * found within seconds and the others take minutes. */
#include "host/bench/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH	640
#define HEIGHT	320
#define LEFT	50
#define TOP	20
#define FIRST_S 0.1 /* left end of the time axis */

static const char *const colours[] = {
	"#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00"};

static double x_of(double seconds, gint64 budget)
{
	double span = log10((double)budget / FIRST_S);

	/* checks after a run may take it over its budget */
	seconds = CLAMP(seconds, FIRST_S, (double)budget);
	return LEFT + log10(seconds / FIRST_S) / span * (double)WIDTH;
}

static double y_of(double share)
{
	return TOP + (1 - share) * (double)HEIGHT;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static gboolean counts(const struct trial *trial, const char *class)
{
	return strcmp(trial->name, UNMUTATED) &&
	       trial->status <= TRIAL_MISSED &&
	       (!class || !strcmp(trial->class, class));
}

static void add_line(GString *svg, const GPtrArray *trials, const char *class,
	guint index, gint64 budget)
{
	const char *colour = colours[index % G_N_ELEMENTS(colours)];
	g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(double));
	guint total = 0;

	for (guint i = 0; i < trials->len; i++) {
		const struct trial *trial = trials->pdata[i];

		if (!counts(trial, class))
			continue;
		total++;
		if (trial->status == TRIAL_DETECTED)
			g_array_append_val(found, trial->first->seconds);
	}
	g_array_sort(found, by_value);
	g_string_append_printf(svg,
		"<path fill=\"none\" stroke=\"%s\" stroke-width=\"%d\" "
		"d=\"M%d %.1f",
		colour, class ? 1 : 3, LEFT, y_of(0));
	for (guint i = 0; i < found->len; i++)
		g_string_append_printf(svg, " H%.1f V%.1f",
			x_of(g_array_index(found, double, i), budget),
			y_of((i + 1.0) / total));
	g_string_append_printf(svg,
		" H%d\"/>\n<text x=\"%d\" y=\"%d\" fill=\"%s\">%s %u of "
		"%u</text>\n",
		LEFT + WIDTH, LEFT + WIDTH + 10, TOP + 15 + (int)index * 18,
		colour, class ? class : "all", found->len, total);
}

static void add_axes(GString *svg, gint64 budget)
{
	for (double s = FIRST_S; s <= (double)budget; s *= 10)
		g_string_append_printf(svg,
			"<path stroke=\"#ddd\" d=\"M%.1f %d V%d\"/>"
			"<text x=\"%.1f\" y=\"%d\" "
			"text-anchor=\"middle\">%g s</text>\n",
			x_of(s, budget), TOP, TOP + HEIGHT, x_of(s, budget),
			TOP + HEIGHT + 18, s);
	for (int tenth = 0; tenth <= 10; tenth += 2)
		g_string_append_printf(svg,
			"<path stroke=\"#ddd\" d=\"M%d %.1f H%d\"/>"
			"<text x=\"%d\" y=\"%.1f\" "
			"text-anchor=\"end\">%d %%</text>\n",
			LEFT, y_of(tenth / 10.0), LEFT + WIDTH, LEFT - 6,
			y_of(tenth / 10.0) + 4, tenth * 10);
}

char *bench_curve(GPtrArray *trials, gint64 budget)
{
	g_autoptr(GHashTable) classes =
		g_hash_table_new(g_str_hash, g_str_equal);
	GString *svg = g_string_new(NULL);
	guint index = 0;

	g_string_append_printf(svg,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%d\" font-family=\"sans-serif\" "
		"font-size=\"12\">\n",
		LEFT + WIDTH + 140, TOP + HEIGHT + 30);
	add_axes(svg, budget);
	add_line(svg, trials, NULL, index++, budget);
	for (guint i = 0; i < trials->len; i++) {
		const struct trial *trial = trials->pdata[i];

		if (counts(trial, NULL) &&
			g_hash_table_add(classes, trial->class))
			add_line(svg, trials, trial->class, index++, budget);
	}
	g_string_append(svg, "</svg>\n");
	return g_string_free(svg, FALSE);
}
