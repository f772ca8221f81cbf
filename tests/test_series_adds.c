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

#define HUNK(context) "--- a/mm/x.c\n+++ b/mm/x.c\n@@ -1,9 +1,9 @@" context "\n"

static const struct names_case functions[] = {
	{"the function that a hunk begins in",
		HUNK(" static int old(struct vma *vma,") " \t{\n+\treturn 0;\n",
		"old"},
	{"one that begins in the hunk, with its arguments on two lines",
		HUNK("") " }\n \n static bool new(struct vma *vma,\n"
			 "+\t\t\tunsigned long nr)\n {\n",
		"new"},
	{"a new one, and one that a line went from",
		HUNK(" int old(void)") "-\treturn 1;\n }\n+\n+void "
				       "new(void)\n+{\n+\tnew2();\n+}\n",
		"new old"},
	{"a label ends none, a struct does",
		HUNK(" int a(void)") " out:\n+\tput();\n }\n struct s "
				     "{\n+\tint x;\n };\n",
		"a"},
	{"a system call has another name",
		HUNK("") " SYSCALL_DEFINE5(mremap, unsigned long, addr)\n "
			 "{\n+\tx();\n",
		"__do_sys_mremap"},
	{"a prototype or a table is none",
		HUNK("") "+int f(void);\n+static int x = F(1);\n+\t1,\n", ""},
	{"a header or a text has none",
		IN("mm/x.h") " int f(void)\n {\n+\tg();\n", ""},
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
	test_names(path, patches, functions, G_N_ELEMENTS(functions),
		kernel_series_functions);
	(void)g_unlink(path);
	test_case(!kernel_series_options(patches, NULL),
		"a patch that cannot be read is an error");
	(void)g_rmdir(dir);
	return test_end();
}
