/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench coverage: how much of each file of mm/ programs come to. In VMs, by
 * gcov: coverage_vm.c. Of the user tier libFuzzer itself tells, by
 * -print_coverage=1
 * (https://llvm.org/docs/LibFuzzer.html, LLVM 14): a line for each function,
 *
 *   COVERED_FUNC: hits: 88 edges: 2/7 FUNCTION PATH:LINE
 *
 * or UNCOVERED_FUNC. An edge is a basic block that the compiler counts.
 */
#include "host/bench/bench.h"
#include "host/bench/coverage_vm.h"
#include "host/child.h"
#include "host/user/tier.h"

#include <stdio.h>
#include <string.h>

#define BUDGET "10m"
#define OUT    "bench-coverage"

struct coverage {
	const struct host_options *options;
	char *kernel_name, *budget, *out;
	struct kernel *kernel;
	GHashTable *files; /* path in the kernel's tree -> struct file */
};

/* struct file - its functions and edges; @within: edges of those reached */
struct file {
	guint functions, reached, edges, within, covered;
};

/* ".../src/mm/rmap.c:123" -> "mm/rmap.c"; NULL: a header, or not of the kernel
 */
static char *file_name(const char *path)
{
	const char *name = g_strrstr(path, "/src/");
	gsize len = name ? strcspn(name, ":") : 0;

	if (len < 2 || strncmp(name + len - 2, ".c", 2) != 0 ||
		g_str_has_prefix(name, "/src/user/"))
		return NULL;
	return g_strndup(name + strlen("/src/"), len - strlen("/src/"));
}

static struct file *file_of(struct coverage *c, const char *path)
{
	g_autofree char *name = file_name(path);
	struct file *file;

	if (!name)
		return NULL;
	file = g_hash_table_lookup(c->files, name);
	if (!file) {
		file = g_new0(struct file, 1);
		g_hash_table_insert(c->files, g_steal_pointer(&name), file);
	}
	return file;
}

static void take_line(const char *line, void *user)
{
	char function[128], path[1024];
	struct file *file;
	guint covered, edges;

	if (sscanf(line, "%*[A-Z]_FUNC: hits: %*u edges: %u/%u %127s %1023s",
		    &covered, &edges, function, path) != 4)
		return;
	file = file_of(user, path);
	if (!file)
		return;
	file->functions++;
	file->edges += edges;
	file->covered += covered;
	file->reached += covered > 0;
	file->within += covered ? edges : 0;
}

static gboolean never_ends(void *user)
{
	(void)user;
	return TRUE;
}

/* All programs of the corpus, once, in one process. */
static gboolean replay(struct coverage *c, GError **error)
{
	struct child_hooks hooks = {
		.line = take_line, .look = never_ends, .user = c};
	g_autofree char *corpus = g_build_filename(c->out, "corpus", NULL);
	g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
	int status;

	host_args_add(args, "%s", c->kernel->program);
	host_args_add(args, "-runs=0");
	host_args_add(args, "-print_coverage=1");
	host_args_add(args, "-max_len=%d", PROG_TEXT_MAX);
	host_args_add(args, "%s", corpus);
	g_ptr_array_add(args, NULL);
	if (!child_run((char **)args->pdata, &hooks, &status, error))
		return FALSE;
	if (!status && g_hash_table_size(c->files))
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"'%s' on '%s' ended with status %d and told %u files",
		c->kernel->program, corpus, status,
		g_hash_table_size(c->files));
	return FALSE;
}

static void print_file(
	const char *name, const struct file *file, struct host_result *result)
{
	g_autofree char *figure = g_strdup_printf("%s edges", name);

	printf("  %-26s %4u of %-4u %6u of %-6u %3.0f %% %6.0f %%\n", name,
		file->reached, file->functions, file->covered, file->edges,
		100.0 * file->covered / MAX(file->edges, 1),
		100.0 * file->covered / MAX(file->within, 1));
	host_result_figure(result, figure,
		(double)file->covered / (double)MAX(file->edges, 1));
}

static void print_files(struct coverage *c, struct host_result *result)
{
	g_autoptr(GList) names = g_list_sort(
		g_hash_table_get_keys(c->files), (GCompareFunc)strcmp);

	printf("\n  %-26s %-12s %-16s %5s %s\n", "file", "functions", "edges",
		"", "of functions reached");
	for (const GList *at = names; at; at = at->next)
		print_file(at->data, g_hash_table_lookup(c->files, at->data),
			result);
}

static gboolean fuzz(struct coverage *c, gint64 seconds,
	struct user_tier_result *ret, GError **error)
{
	struct user_tier_options want = {.out = c->out, .seconds = seconds};

	c->kernel = host_kernel(c->kernel_name, c->options, error);
	if (!c->kernel)
		return FALSE;
	want.kernel = c->kernel;
	return user_tier_run(&want, c->options, ret, error) && replay(c, error);
}

static int run(struct coverage *c, gint64 seconds)
{
	g_autoptr(GError) error = NULL;
	struct user_tier_result got = {0};
	struct host_result *result;
	int status = EXIT_CLEAN;

	if (!fuzz(c, seconds, &got, &error)) {
		user_tier_result_clear(&got);
		return host_fail("bench coverage", error);
	}
	result = host_result_new("bench coverage", c->options);
	host_result_kernel(result, c->kernel->name, c->kernel->profile,
		c->kernel->build_id);
	printf("%s:user  (%s, seed %" G_GUINT64_FORMAT
	       ")\n\n  %" G_GUINT64_FORMAT " programs in %.0f s, %u findings\n",
		c->kernel->name, c->kernel->version, c->options->seed,
		got.programs, got.seconds, g_hash_table_size(got.titles));
	print_files(c, result);
	if (g_hash_table_size(got.titles))
		status = EXIT_FINDING;
	user_tier_result_clear(&got);
	return host_result_end(result, status);
}

/* "NAME:gcov": lines, in VMs */
static gboolean is_lines(const char *kernel)
{
	return kernel && g_str_has_suffix(kernel, ":gcov");
}

static int choose(struct coverage *c, char **corpus, gint64 seconds)
{
	if (is_lines(c->kernel_name))
		return coverage_vm(
			c->kernel_name, corpus, c->out, seconds, c->options);
	if (!corpus)
		return run(c, seconds);
	g_printerr("rmaptorture bench coverage: --corpus is for NAME:gcov; "
		   "NAME:user fuzzes its own\n");
	return EXIT_BROKEN;
}

int cmd_bench_coverage(int argc, char **argv)
{
	struct host_options SCOPED(host_options_clear) options = {0};
	struct coverage c = {.options = &options};
	g_auto(GStrv) corpus = NULL;
	GOptionEntry entries[] = {
		{"kernel", 'k', 0, G_OPTION_ARG_STRING, &c.kernel_name,
			"lines and branches in VMs, or edges in user space",
			"NAME:gcov|NAME:user"},
		{"budget", 0, 0, G_OPTION_ARG_STRING, &c.budget,
			"how long to run what is measured, or to fuzz before "
			"(default " BUDGET ")",
			"TIME"},
		{"corpus", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &corpus,
			"programs of NAME:gcov, may be given again (default: "
			"the seeds and the regress programs)",
			"DIR"},
		{"out", 0, 0, G_OPTION_ARG_FILENAME, &c.out,
			"coverage.info of lcov, or the corpus of the fuzzer "
			"(default " OUT ")",
			"DIR"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	int status = EXIT_BROKEN;
	gint64 seconds = -1;

	if (!host_parse(&argc, &argv, entries, "",
		    "How much of each file of mm/ programs come to.", &options))
		return EXIT_BROKEN;
	if (!c.out)
		c.out = g_strdup(OUT);
	c.files =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (argc > 1 ||
		(!user_tier_is(c.kernel_name) && !is_lines(c.kernel_name)))
		g_printerr("rmaptorture bench coverage: want -k NAME:gcov or "
			   "-k NAME:user\n");
	else
		seconds =
			host_seconds("--budget", c.budget ? c.budget : BUDGET);
	if (seconds > 0)
		status = choose(&c, corpus, seconds);
	kernel_free(c.kernel);
	g_hash_table_unref(c.files);
	g_free(c.kernel_name);
	g_free(c.budget);
	g_free(c.out);
	return status;
}
