/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture kernel: the kernels under test, listed, shown, built. */
#include "host/host.h"

#include <stdio.h>
#include <string.h>

struct kernel_options {
	char *src, *base, *name;
	char **series, **fragments;
	char *unused;
};

/* The profiles in which a kernel is in the cache. */
static char *built_profiles(const char *name)
{
	g_autoptr(GString) built = g_string_new(NULL);

	for (const char *const *p = kernel_profiles(); *p; p++) {
		g_autofree char *full = g_strdup_printf("%s:%s", name, *p);
		struct kernel_spec *SCOPED(kernel_spec_freep) spec = NULL;
		struct kernel *SCOPED(kernel_freep) kernel = NULL;

		if (!kernel_spec_lookup(full, &spec, NULL))
			continue;
		kernel = kernel_cached(spec);
		if (kernel)
			g_string_append_printf(
				built, "%s%s", built->len ? "," : "", *p);
	}
	return g_string_free(g_steal_pointer(&built), FALSE);
}

static int list_kernels(GError **error)
{
	GPtrArray *specs = kernel_list(error);

	if (!specs)
		return EXIT_BROKEN;
	printf("%-12s %-20s %s\n", "kernel", "built", "about");
	for (guint i = 0; i < specs->len; i++) {
		const struct kernel_spec *spec = specs->pdata[i];
		g_autofree char *built = built_profiles(spec->name);

		printf("%-12s %-20s %s\n", spec->name, *built ? built : "-",
			spec->about ? spec->about : "");
	}
	printf("profiles:");
	for (const char *const *p = kernel_profiles(); *p; p++)
		printf(" %s", *p);
	printf("  (NAME is NAME:%s)\n", KERNEL_DEFAULT_PROFILE);
	g_ptr_array_unref(specs);
	return EXIT_CLEAN;
}

static void print_lines(const char *title, char **lines)
{
	for (; lines && *lines; lines++)
		printf("%s%s\n", title, *lines);
}

static void print_kernel(const struct kernel *kernel)
{
	printf("kernel   %s:%s\nrelease  %s\nbuild    %s\nfolder   %s\n",
		kernel->name, kernel->profile, kernel->version,
		kernel->build_id, kernel->dir);
	print_lines("refused  ", kernel->refused_patches);
	print_lines("lacks    ", kernel->lacks);
}

static int show_kernel(const char *name, GError **error)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) spec = NULL;
	struct kernel *SCOPED(kernel_freep) kernel = NULL;

	if (!kernel_spec_lookup(name, &spec, error))
		return EXIT_BROKEN;
	kernel = kernel_cached(spec);
	if (kernel) {
		print_kernel(kernel);
		return EXIT_CLEAN;
	}
	printf("kernel   %s:%s\nbase     %s\nnot built: `rmaptorture kernel "
	       "build %s`\n",
		spec->name, spec->profile,
		spec->base ? spec->base : spec->src_dir, name);
	return EXIT_CLEAN;
}

/* From options where a source is given, and then known by its name from now
 * on; else a row. */
static gboolean find_spec(const struct kernel_options *k, const char *name,
	struct kernel_spec **ret, GError **error)
{
	if (!k->src && !k->base)
		return kernel_spec_lookup(name, ret, error);
	*ret = kernel_spec_new(name, k->base, k->src,
		(const char *const *)k->series,
		(const char *const *)k->fragments, error);
	return *ret && kernel_spec_register(*ret, error);
}

static int build_kernel(const struct kernel_options *k, const char *name,
	const struct host_options *options, GError **error)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) spec = NULL;
	struct kernel *SCOPED(kernel_freep) kernel = NULL;

	if (!name) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"build what? a row of `kernel list`, or --name with "
			"--src or --base");
		return EXIT_BROKEN;
	}
	if (!find_spec(k, name, &spec, error) ||
		!kernel_ensure(spec, host_kernel_progress, (void *)options,
			&kernel, error))
		return EXIT_BROKEN;
	print_kernel(kernel);
	return EXIT_CLEAN;
}

static int prune_kernels(const struct kernel_options *k, GError **error)
{
	gint64 seconds =
		host_seconds("--unused", k->unused ? k->unused : "30d");
	guint64 bytes;
	guint nr;

	if (seconds < 0 || !kernel_prune(seconds, &nr, &bytes, error))
		return EXIT_BROKEN;
	printf("%u kernels removed, %" G_GUINT64_FORMAT
	       " MiB; they are built again when they are asked for\n",
		nr, bytes >> 20);
	return EXIT_CLEAN;
}

static int forget_kernel(const char *name, GError **error)
{
	if (!kernel_spec_forget(name, error))
		return EXIT_BROKEN;
	printf("%s is forgotten; what was built for it goes with prune\n",
		name);
	return EXIT_CLEAN;
}

int cmd_kernel(int argc, char **argv)
{
	struct host_options SCOPED(host_options_clear) options = {0};
	g_autoptr(GError) error = NULL;
	struct kernel_options k = {0};
	GOptionEntry entries[] = {
		{"src", 0, 0, G_OPTION_ARG_FILENAME, &k.src,
			"build from this tree, which is not written to", "DIR"},
		{"base", 0, 0, G_OPTION_ARG_STRING, &k.base,
			"build from Debian's linux-source package", "6.12"},
		{"series", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &k.series,
			"patches: an mbox, a folder, a quilt series; again "
			"for more",
			"FILE|DIR"},
		{"fragment", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &k.fragments,
			"config options after the profile's", "FILE"},
		{"name", 0, 0, G_OPTION_ARG_STRING, &k.name,
			"name of the result, for -k", "NAME[:PROFILE]"},
		{"unused", 0, 0, G_OPTION_ARG_STRING, &k.unused,
			"prune: what nothing has used for so long (30d)",
			"TIME"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	int status = EXIT_BROKEN;

	if (!host_parse(&argc, &argv, entries,
		    "list | show NAME | build [NAME[:PROFILE]] | forget NAME | "
		    "prune",
		    "The kernels under test.", &options))
		return EXIT_BROKEN;
	if (argc == 2 && !strcmp(argv[1], "list"))
		status = list_kernels(&error);
	else if (argc == 3 && !strcmp(argv[1], "show"))
		status = show_kernel(argv[2], &error);
	else if (argc >= 2 && argc <= 3 && !strcmp(argv[1], "build"))
		status = build_kernel(
			&k, argc == 3 ? argv[2] : k.name, &options, &error);
	else if (argc == 3 && !strcmp(argv[1], "forget"))
		status = forget_kernel(argv[2], &error);
	else if (argc == 2 && !strcmp(argv[1], "prune"))
		status = prune_kernels(&k, &error);
	else
		g_set_error(&error, HOST_ERROR, HOST_ERROR_BROKEN,
			"want list, show NAME, build NAME, forget NAME, or "
			"prune");
	return error ? host_fail("kernel", error) : status;
}
