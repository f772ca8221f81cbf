// SPDX-License-Identifier: GPL-2.0-only
/* The options and counters that a series adds: what premerge turns on, and
 * looks at. */
#include "kernel/kernel.h"

#include "test.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#define IN(file) "--- a/" file "\n+++ b/" file "\n@@ -1,9 +1,9 @@\n"

typedef char **names_fn(GPtrArray *patches, GError **error);

/* struct names_case - @want: names with blanks between */
struct names_case {
	const char *why, *text, *want;
};

static const struct names_case options[] = {
	{"an option with a prompt",
		IN("mm/Kconfig") "+config LAZY\n+\tbool \"lazy\"\n", "LAZY"},
	{"tristate, menuconfig, other folders",
		IN("lib/Kconfig.debug") "+menuconfig A\n+\ttristate \"a\"\n" IN(
			"drivers/x/Kconfig") "+config B\n+\tbool 'b'\n",
		"A B"},
	{"none without a prompt, and no number",
		IN("mm/Kconfig") "+config HAVE\n+\tbool\n"
				 "+config AUTO\n+\tdef_bool y\n"
				 "+config NR\n+\tint \"number\"\n",
		""},
	{"none that was there: its text changed",
		IN("mm/Kconfig") " config OLD\n+\tbool \"new words\"\n", ""},
	{"none that only moved",
		IN("mm/Kconfig") "-config OLD\n-\tbool \"old\"\n" IN(
			"mm/Kconfig.debug") "+config OLD\n+\tbool \"old\"\n",
		""},
	{"only Kconfig files have options",
		IN("Documentation/x.rst") "+config X\n+\tbool \"x\"\n", ""},
};

static const struct names_case counters[] = {
	{"names of vmstat_text[]",
		IN("mm/vmstat.c") " \t\"pgfault\",\n+\t\"x_made\",\n+\t\"x_"
				  "put\",\n",
		"x_made x_put"},
	{"none that only moved, no other strings",
		IN("mm/vmstat.c") "-\t\"old\",\n+\t\"old\",\n"
				  "+\tseq_puts(m, \"x\");\n+\t\"two words\",\n",
		""},
	{"no other file has them", IN("mm/rmap.c") "+\t\"x_made\",\n", ""},
};

static void test_names(const char *path, GPtrArray *patches,
	const struct names_case *cases, size_t nr, names_fn *fn)
{
	for (size_t i = 0; i < nr; i++) {
		g_auto(GStrv) names = NULL;
		g_autofree char *got = NULL;

		if (!g_file_set_contents(path, cases[i].text, -1, NULL))
			exit(99);
		names = fn(patches, NULL);
		got = names ? g_strjoinv(" ", names) : g_strdup("error");
		test_case(!strcmp(got, cases[i].want), cases[i].why);
	}
}

int main(void)
{
	g_autofree char *dir = g_dir_make_tmp("series-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "1.patch", NULL);
	struct kernel_patch patch = {.subject = (char *)"x", .path = path};
	g_autoptr(GPtrArray) patches = g_ptr_array_new();

	g_ptr_array_add(patches, &patch);
	test_names(path, patches, options, G_N_ELEMENTS(options),
		kernel_series_options);
	test_names(path, patches, counters, G_N_ELEMENTS(counters),
		kernel_series_counters);
	(void)g_unlink(path);
	test_case(!kernel_series_options(patches, NULL),
		"a patch that cannot be read is an error");
	(void)g_rmdir(dir);
	return test_end();
}
