// SPDX-License-Identifier: GPL-2.0-only
/*
 * The profile `user`: no image, but mm files of the tree in a program. Three
 * steps: the kernel's own build makes headers (prepare0) and the objects of
 * vm-images/user/files, with vm-images/user/kcflags after its own flags; then
 * vm-images/user/own.mk compiles our side and links.
 */
#include "kernel/internal.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#define OWN_OBJECTS 50 /* of own.mk, about: for the progress only */
#define POINT_FLAG  "-fsanitize-coverage=trace-pc"
#define EACH_FLAG   POINT_FLAG ",no-prune"

static const struct {
	const char *program, *package;
} needs[] = {
	{"clang", "clang"},
	{"ld", "binutils"},
	{"nm", "binutils"},
	{"objdump", "binutils"},
	{"awk", "mawk"},
};

static void phase(struct output *output, const char *name, unsigned total)
{
	output->now = (struct kernel_progress){.phase = name, .total = total};
	if (output->progress)
		output->progress(&output->now, output->user);
}

/* What makes basic blocks of @file points, or NULL: it is in
 * vm-images/user/points (@points); what is not in vm-images/user/files either,
 * the series adds. */
static const char *point_flag(
	const char *file, char *const *points, char *const *files)
{
	g_autofree char *each = g_strconcat(file, " each", NULL);

	if (g_strv_contains((const char *const *)points, each) ||
		!g_strv_contains((const char *const *)files, file))
		return EACH_FLAG;
	return g_strv_contains((const char *const *)points, file) ? POINT_FLAG
								  : NULL;
}

/* CFLAGS_NAME.o of those of @objects that have points. */
static bool add_points(GPtrArray *argv, char **objects, GError **error)
{
	g_auto(GStrv) points = user_lines("points", error);
	g_auto(GStrv) files = points ? user_lines("files", error) : NULL;

	for (; files && *objects; objects++) {
		g_autofree char *file = g_strdup(*objects);
		g_autofree char *name = g_path_get_basename(*objects);
		const char *flag;

		file[strlen(file) - 1] = 'c';
		flag = point_flag(file, points, files);
		if (flag)
			g_ptr_array_add(argv,
				g_strdup_printf("CFLAGS_%s=%s", name, flag));
	}
	return files != NULL;
}

/* The kernel's make with our compiler; @targets may be NULL. */
static bool kernel_make(const struct tree *tree, struct output *output,
	const char *target, char **targets, GError **error)
{
	g_autoptr(GPtrArray) argv = make_argv(tree);
	g_auto(GStrv) flags = user_lines("kcflags", error);
	g_autofree char *ccache = g_find_program_in_path("ccache");
	g_autofree char *joined = NULL;

	if (!flags)
		return false;
	joined = g_strjoinv(" ", flags);
	g_ptr_array_add(
		argv, g_strdup(ccache ? "CC=ccache clang" : "CC=clang"));
	g_ptr_array_add(argv, g_strconcat("KCFLAGS=", joined, NULL));
	/* It checks what is true of a kernel only. */
	g_ptr_array_add(argv, g_strdup("objtool-enabled="));
	if (!targets)
		g_ptr_array_add(argv, g_strdup(target));
	if (targets && !add_points(argv, targets, error))
		return false;
	for (; targets && *targets; targets++)
		g_ptr_array_add(argv, g_strdup(*targets));
	g_ptr_array_add(argv, NULL);
	return make_run(tree, output, argv, target, error);
}

/* Options of the kernel's row or user that this profile cannot have are told,
 * those of user.config must stick. */
static bool config_check(const struct build_input *input,
	const struct tree *tree, struct build_result *result, GError **error)
{
	g_autofree char *config = g_build_filename(tree->obj, ".config", NULL);
	SCOPED(config_set_freep) struct config_set *ours = config_set_new();
	g_autoptr(GStrvBuilder) lacks = g_strv_builder_new();
	g_auto(GStrv) unknown = NULL, missing = NULL;

	for (char **path = input->shipped; *path; path++) {
		if (!config_set_add(ours, *path, OPTION_SHIPPED, error))
			return false;
	}
	if (!config_set_check(ours, config, tree->src, &unknown, error))
		return false;
	missing = config_set_missing(input->options, config, error);
	if (!missing)
		return false;
	g_strv_builder_addv(lacks, (const char **)unknown);
	g_strv_builder_addv(lacks, (const char **)missing);
	result->lacks = g_strv_builder_end(lacks);
	return true;
}

static bool configure(const struct build_input *input, const struct tree *tree,
	struct build_result *result, struct output *output, GError **error)
{
	phase(output, "configure", 0);
	return mkdir_all(tree->obj, error) &&
	       config_set_write(input->options, tree->request, error) &&
	       kernel_make(tree, output, "allnoconfig", NULL, error) &&
	       config_check(input, tree, result, error) &&
	       kernel_make(tree, output, "prepare0", NULL, error);
}

/* The object of @file, if the tree has it and it is not there yet. */
static void object_add(
	const struct tree *tree, GPtrArray *objects, const char *file)
{
	g_autofree char *path = g_build_filename(tree->src, file, NULL);
	char *object = g_strdup(file);

	object[strlen(object) - 1] = 'o';
	if (g_file_test(path, G_FILE_TEST_IS_REGULAR) &&
		!g_ptr_array_find_with_equal_func(
			objects, object, g_str_equal, NULL))
		g_ptr_array_add(objects, object);
	else
		g_free(object);
}

/* The files that @patches add to mm/: what is patched may call them. */
static void new_objects(
	const struct tree *tree, GPtrArray *objects, GPtrArray *patches)
{
	for (guint i = 0; i < patches->len; i++) {
		const struct patch *patch = g_ptr_array_index(patches, i);
		g_autofree char *text = g_strndup(patch->text, patch->len);
		const char *at = text, *mark = "\n--- /dev/null\n+++ b/mm/";

		while ((at = strstr(at, mark))) {
			g_autofree char *file = NULL;

			at += strlen(mark) - strlen("mm/");
			file = g_strndup(at, strcspn(at, " \t\r\n"));
			if (g_str_has_suffix(file, ".c"))
				object_add(tree, objects, file);
		}
	}
}

/* Objects of vm-images/user/files, and of what the series adds to mm/. */
static char **objects_of(const struct build_input *input,
	const struct tree *tree, GError **error)
{
	g_auto(GStrv) files = user_lines("files", error);
	g_autoptr(GPtrArray) objects = g_ptr_array_new();

	if (!files)
		return NULL;
	for (char **file = files; *file; file++)
		object_add(tree, objects, *file);
	new_objects(tree, objects, input->series);
	new_objects(tree, objects, input->mutants);
	g_ptr_array_add(objects, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&objects), FALSE);
}

/* The option that the Makefile of its folder has @object built for, or NULL:
 * it says it in another way, or always. */
static char *option_of(const struct tree *tree, const char *object)
{
	g_autofree char *dir = g_path_get_dirname(object);
	g_autofree char *name = g_path_get_basename(object);
	g_autofree char *plain = g_regex_escape_string(name, -1);
	g_autofree char *path =
		g_build_filename(tree->src, dir, "Makefile", NULL);
	g_autofree char *pattern = g_strdup_printf(
		"^obj-\\$\\((CONFIG_\\w+)\\)\\s*\\+=.*(?<=\\s)%s(?=\\s|$)",
		plain);
	g_autoptr(GRegex) regex =
		g_regex_new(pattern, G_REGEX_MULTILINE, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	g_autofree char *text = NULL;

	if (!regex || !g_file_get_contents(path, &text, NULL, NULL) ||
		!g_regex_match(regex, text, 0, &match))
		return NULL;
	return g_match_info_fetch(match, 1);
}

/* Those of @objects that are part of this kernel: a file that a series adds may
 * be for an option that comes with a later patch. Owned. */
static char **enabled_objects(
	const struct tree *tree, char **objects, GError **error)
{
	g_auto(GStrv) files = user_lines("files", error);
	g_autofree char *path = g_build_filename(
		tree->obj, "include", "config", "auto.conf", NULL);
	g_autofree char *config = NULL;
	GStrvBuilder *kept;
	char **ret;

	if (!files || !g_file_get_contents(path, &config, NULL, error))
		return NULL;
	kept = g_strv_builder_new();
	for (; *objects; objects++) {
		g_autofree char *file = g_strdup(*objects);
		g_autofree char *option = option_of(tree, *objects);
		g_autofree char *on = g_strdup_printf("\n%s=y\n", option);

		file[strlen(file) - 1] = 'c';
		if (!option || strstr(config, on) ||
			g_strv_contains((const char *const *)files, file))
			g_strv_builder_add(kept, *objects);
	}
	ret = g_strv_builder_end(kept);
	g_strv_builder_unref(kept);
	return ret;
}

static bool own_make(const struct tree *tree, struct output *output,
	char **objects, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *own = g_build_filename(tree->dir, "own", NULL);
	g_autofree char *rules = images_path("user/own.mk");
	g_autofree char *joined = g_strjoinv(" ", objects);

	if (!mkdir_all(own, error))
		return false;
	g_ptr_array_add(argv, g_strdup("make"));
	g_ptr_array_add(argv, g_strdup_printf("-j%u", g_get_num_processors()));
	g_ptr_array_add(argv, g_strdup("--no-print-directory"));
	g_ptr_array_add(argv, g_strconcat("--directory=", own, NULL));
	g_ptr_array_add(argv, g_strconcat("--file=", rules, NULL));
	g_ptr_array_add(argv, g_strdup("ROOT=" RMAPTORTURE_SOURCE_DIR));
	g_ptr_array_add(argv, g_strconcat("SRC=", tree->src, NULL));
	g_ptr_array_add(argv, g_strconcat("OBJ=", tree->obj, NULL));
	g_ptr_array_add(argv, g_strconcat("OBJECTS=", joined, NULL));
	g_ptr_array_add(argv, NULL);
	return make_run(tree, output, argv, "rmaptorture-user", error);
}

/* All that the kernel's objects depend on; owned. */
static char *objects_key(const struct build_input *input,
	const struct tree *tree, char **objects, GError **error)
{
	g_autofree char *joined = g_strjoinv(" ", objects);
	g_auto(GStrv) flags = user_lines("kcflags", error);
	g_auto(GStrv) points = user_lines("points", error);
	g_autofree char *flag = flags ? g_strjoinv(" ", flags) : NULL;
	g_autofree char *point = points ? g_strjoinv(" ", points) : NULL;
	g_autofree char *request = NULL;

	if (!flags || !points ||
		!config_set_write(input->options, tree->request, error) ||
		!g_file_get_contents(tree->request, &request, NULL, error))
		return NULL;
	return g_strjoin("\n", input->source_key, input->compiler, joined, flag,
		EACH_FLAG, point, request, NULL);
}

/* The kernel's part: nothing to do while nothing of it has changed. What was
 * made of @objects goes to @ret_made, owned. */
static bool kernel_objects(const struct build_input *input,
	const struct tree *tree, struct build_result *result,
	struct output *output, char **objects, char ***ret_made, GError **error)
{
	g_autofree char *stamp = g_build_filename(tree->dir, "compiled", NULL);
	g_autofree char *key = objects_key(input, tree, objects, error);
	g_autofree char *done = NULL;

	if (!key)
		return false;
	if (g_file_get_contents(stamp, &done, NULL, NULL) &&
		g_str_equal(done, key) &&
		g_file_test(tree->obj, G_FILE_TEST_IS_DIR)) {
		phase(output, "compile", OWN_OBJECTS);
		*ret_made = enabled_objects(tree, objects, error);
		return *ret_made && config_check(input, tree, result, error);
	}
	(void)g_unlink(stamp);
	if (!configure(input, tree, result, output, error))
		return false;
	*ret_made = enabled_objects(tree, objects, error);
	if (!*ret_made)
		return false;
	phase(output, "compile", g_strv_length(*ret_made) + OWN_OBJECTS);
	return kernel_make(tree, output, "of vm-images/user/files", *ret_made,
		       error) &&
	       g_file_set_contents(stamp, key, -1, error);
}

bool user_build(const struct build_input *input, const struct tree *tree,
	struct build_result *result, struct output *output, GError **error)
{
	g_auto(GStrv) objects = NULL;
	g_auto(GStrv) made = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(needs); i++) {
		if (!run_need(needs[i].program, needs[i].package, error))
			return false;
	}
	objects = objects_of(input, tree, error);
	return objects &&
	       kernel_objects(
		       input, tree, result, output, objects, &made, error) &&
	       own_make(tree, output, made, error);
}
