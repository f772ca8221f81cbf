// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/internal.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TAIL_LINES 20
/* Debian's source, its objects with line numbers, and some air. */
#define TREE_MIB  3072
#define RERUN_MIB 512

/* Programs that a build runs, and Debian's packages of them. */
static const struct {
	const char *program, *package;
} needs[] = {
	{"make", "make"},
	{"gcc", "gcc"},
	{"ld", "binutils"},
	{"flex", "flex"},
	{"bison", "bison"},
	{"bc", "bc"},
	{"perl", "perl"},
	{"patch", "patch"},
	{"rsync", "rsync"},
	{"xz", "xz-utils"},
};

static void tree_clear(struct tree *tree)
{
	g_free(tree->dir);
	g_free(tree->stage);
	g_free(tree->src);
	g_free(tree->obj);
	g_free(tree->request);
	g_free(tree->building);
	g_free(tree->prepared);
	g_free(tree->objects);
	if (tree->lock >= 0)
		close(tree->lock);
}

static void output_clear(struct output *output)
{
	g_queue_clear_full(&output->tail, g_free);
}

static void phase(kernel_progress_fn progress, void *user, const char *name)
{
	struct kernel_progress now = {.phase = name};

	if (progress)
		progress(&now, user);
}

/*
 * One tree a kernel and profile, so that the next build is incremental; what
 * is derived of a kernel shares it. The
 * source is in the name too: a user may give an old name to another source.
 */
static char *tree_name(const struct kernel_spec *spec)
{
	const char *source = spec->base ? spec->base : spec->src_dir;
	g_autofree char *sha =
		g_compute_checksum_for_string(G_CHECKSUM_SHA256, source, -1);

	return g_strdup_printf("%s-%s-%.8s",
		spec->tree ? spec->tree : spec->name, spec->profile, sha);
}

static void tree_init(struct tree *tree, const struct kernel_spec *spec)
{
	g_autofree char *name = tree_name(spec);

	tree->dir = cache_path("trees", name, NULL);
	tree->stage = g_build_filename(tree->dir, "stage", NULL);
	tree->src = g_build_filename(tree->dir, "src", NULL);
	tree->obj = g_build_filename(tree->dir, "obj", NULL);
	tree->request = g_build_filename(tree->dir, "request.config", NULL);
	tree->building = g_build_filename(tree->dir, "building", NULL);
	tree->prepared = g_build_filename(tree->dir, "prepared", NULL);
	tree->objects = g_build_filename(tree->dir, "objects", NULL);
	tree->lock = -1;
}

static bool tools_check(GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(needs); i++) {
		if (!run_need(needs[i].program, needs[i].package, error))
			return false;
	}
	return true;
}

static bool space_check(const struct tree *tree, GError **error)
{
	bool is_new = !g_file_test(tree->obj, G_FILE_TEST_IS_DIR);
	unsigned need = is_new ? TREE_MIB : RERUN_MIB;
	struct statvfs fs;
	guint64 mib;

	if (statvfs(tree->dir, &fs))
		return true;
	mib = (guint64)fs.f_bavail * fs.f_frsize >> 20;
	if (mib >= need)
		return true;
	return fail(error, SPACE,
		"'%s' has %u MiB left, a build needs %u: make room, or delete "
		"folders beside it (they are only caches)",
		tree->dir, (unsigned)mib, need);
}

/* ---- source ---- */

static bool apply_all(GPtrArray *patches, const char *stage, GError **error)
{
	for (guint i = 0; i < patches->len; i++) {
		if (!patch_apply(g_ptr_array_index(patches, i), stage, error))
			return false;
	}
	return true;
}

/* Each harness patch that applies; a line of *@ret_refused for the others. */
static bool apply_harness(GPtrArray *patches, const char *stage,
	char ***ret_refused, GError **error)
{
	g_autoptr(GStrvBuilder) refused = g_strv_builder_new();

	for (guint i = 0; i < patches->len; i++) {
		struct patch *patch = g_ptr_array_index(patches, i);
		g_autoptr(GError) why = NULL;

		if (patch_applies(patch, stage, &why)) {
			if (!patch_apply(patch, stage, error))
				return false;
			continue;
		}
		if (!g_error_matches(why, KERNEL_ERROR, KERNEL_ERROR_PATCH)) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
		g_strv_builder_add(refused, why->message);
	}
	*ret_refused = g_strv_builder_end(refused);
	return true;
}

/* Is just this source there, from a build before? */
static bool source_is_prepared(const struct build_input *input,
	const struct tree *tree, struct build_result *result)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(tree->prepared, &text, NULL, NULL))
		return false;
	lines = g_strsplit(g_strchomp(text), "\n", 0);
	if (!lines[0] || !g_str_equal(lines[0], input->source_key))
		return false;
	result->refused = g_strdupv(lines + 1);
	return true;
}

static bool source_remember(const struct build_input *input,
	const struct tree *tree, char **refused, GError **error)
{
	g_autofree char *lines = refused ? g_strjoinv("\n", refused) : NULL;
	g_autofree char *text = g_strdup_printf(
		"%s\n%s\n", input->source_key, lines ? lines : "");

	return g_file_set_contents(tree->prepared, text, -1, error);
}

static bool source_prepare(const struct build_input *input, struct tree *tree,
	struct build_result *result, struct output *output, GError **error)
{
	const char *rm[] = {"rm", "-rf", tree->stage, NULL};

	if (source_is_prepared(input, tree, result))
		return true;
	(void)g_unlink(tree->prepared);
	if (!run_ok(rm, error))
		return false;
	phase(output->progress, output->user, "patch");
	if (!source_stage(input->spec, tree->stage, output->progress,
		    output->user, error))
		return false;
	if (!apply_all(input->series, tree->stage, error) ||
		!apply_harness(
			input->harness, tree->stage, &result->refused, error) ||
		!apply_all(input->mutants, tree->stage, error)) {
		(void)run_ok(rm, NULL);
		return false;
	}
	return source_update(tree->stage, tree->src, error) &&
	       source_remember(input, tree, result->refused, error);
}

/* ---- make ---- */

static bool is_progress(const char *line)
{
	return g_str_has_prefix(line, "  ") && g_ascii_isupper(line[2]);
}

static void make_line(const char *line, void *user)
{
	struct output *output = user;

	if (g_str_has_prefix(line, "  CC  ") ||
		g_str_has_prefix(line, "  AS  ")) {
		output->now.done++;
		g_hash_table_add(
			output->compiled, g_strdup(strrchr(line, ' ') + 1));
		if (output->progress)
			output->progress(&output->now, output->user);
	}
	if (is_progress(line))
		return;
	if (strstr(line, "No space left on device"))
		output->has_no_space = true;
	warning_take(output, line);
	g_queue_push_tail(&output->tail, g_strdup(line));
	if (output->tail.length > TAIL_LINES)
		g_free(g_queue_pop_head(&output->tail));
}

static bool make_failed(const struct tree *tree, struct output *output,
	const char *target, int status, GError **error)
{
	g_autoptr(GString) lines = g_string_new(NULL);

	if (output->has_no_space)
		return fail(error, SPACE,
			"no space left in '%s': make room and start again",
			tree->dir);
	for (GList *line = output->tail.head; line; line = line->next)
		g_string_append_printf(lines, "\n%s", (char *)line->data);
	return fail(error, BUILD,
		"'make %s' in '%s' ended with status %d; its last lines:%s",
		target, tree->obj, status, lines->str);
}

GPtrArray *make_argv(const struct tree *tree)
{
	GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(argv, g_strdup("make"));
	g_ptr_array_add(argv, g_strdup_printf("-j%u", g_get_num_processors()));
	g_ptr_array_add(argv, g_strdup("--no-print-directory"));
	g_ptr_array_add(argv, g_strdup("-C"));
	g_ptr_array_add(argv, g_strdup(tree->src));
	g_ptr_array_add(argv, g_strdup_printf("O=%s", tree->obj));
	for (const char *const *arg = make_arguments(); *arg; arg++)
		g_ptr_array_add(argv, g_strdup(*arg));
	g_ptr_array_add(
		argv, g_strdup_printf("KCONFIG_ALLCONFIG=%s", tree->request));
	return argv;
}

bool make_run(const struct tree *tree, struct output *output, GPtrArray *argv,
	const char *target, GError **error)
{
	int status;

	output_clear(output);
	if (!g_file_set_contents(tree->building, "", 0, error))
		return false;
	if (!run_lines((const char *const *)argv->pdata, tree->lock, make_line,
		    output, &status, error))
		return false;
	if (status < 128)
		(void)g_unlink(tree->building);
	return !status || make_failed(tree, output, target, status, error);
}

static bool make(const struct tree *tree, struct output *output,
	const char *target, GError **error)
{
	g_autoptr(GPtrArray) argv = make_argv(tree);
	g_autofree char *ccache = g_find_program_in_path("ccache");

	if (ccache)
		g_ptr_array_add(argv, g_strdup("CC=ccache gcc"));
	g_ptr_array_add(argv, g_strdup(target));
	g_ptr_array_add(argv, NULL);
	return make_run(tree, output, argv, target, error);
}

static bool configure(const struct build_input *input, struct tree *tree,
	struct build_result *result, struct output *output, GError **error)
{
	g_autofree char *config = g_build_filename(tree->obj, ".config", NULL);

	phase(output->progress, output->user, "configure");
	if (!mkdir_all(tree->obj, error) ||
		!config_set_write(input->options, tree->request, error) ||
		!make(tree, output, "allnoconfig", error))
		return false;
	return config_set_check(
		input->options, config, tree->src, &result->lacks, error);
}

/* ---- how many objects will it be? ---- */

static unsigned number_in(const char *path)
{
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	return strtoul(text, NULL, 10);
}

/* A kernel of ours has about 1.75 objects for each option that is on. */
static unsigned objects_guess(const struct tree *tree)
{
	g_autofree char *config = g_build_filename(tree->obj, ".config", NULL);
	g_autofree char *text = NULL;
	unsigned nr = 0;

	if (!g_file_get_contents(config, &text, NULL, NULL))
		return 0;
	for (const char *at = text; (at = strstr(at, "=y\n")); at++)
		nr++;
	return nr * 7 / 4;
}

static unsigned objects_expected(const struct tree *tree)
{
	g_autofree char *trees = cache_path("trees", NULL);
	g_autoptr(GDir) dir = NULL;
	unsigned nr = number_in(tree->objects), most = 0;
	const char *name;

	if (nr)
		return nr;
	dir = g_dir_open(trees, 0, NULL);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path =
			g_build_filename(trees, name, "objects", NULL);

		nr = number_in(path);
		most = MAX(most, nr);
	}
	return most ? most : objects_guess(tree);
}

static void objects_remember(const struct tree *tree, unsigned nr)
{
	g_autofree char *text = g_strdup_printf("%u\n", nr);

	(void)g_file_set_contents(tree->objects, text, -1, NULL);
}

static bool compile(
	struct tree *tree, struct output *output, bool is_full, GError **error)
{
	output->now.phase = "compile";
	output->now.done = 0;
	output->now.total = objects_expected(tree);
	if (output->progress)
		output->progress(&output->now, output->user);
	if (!make(tree, output, "bzImage", error))
		return false;
	if (is_full)
		objects_remember(tree, output->now.done);
	return true;
}

/* ---- all of it ---- */

static char *release_read(const struct tree *tree)
{
	g_autofree char *path = g_build_filename(
		tree->obj, "include", "config", "kernel.release", NULL);
	char *text;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return g_strdup("?");
	return g_strstrip(text);
}

/* An interrupted make may have left half an object: start over, by ccache. */
static bool tree_recover(const struct tree *tree, GError **error)
{
	const char *rm[] = {"rm", "-rf", tree->obj, NULL};

	if (!g_file_test(tree->building, G_FILE_TEST_EXISTS))
		return true;
	if (!run_ok(rm, error))
		return false;
	(void)g_unlink(tree->building);
	return true;
}

static void tell_wait(void *user)
{
	struct output *output = user;

	phase(output->progress, output->user, "wait");
}

static bool build_images(const struct build_input *input, struct tree *tree,
	struct build_result *result, struct output *output, GError **error)
{
	bool is_full = !g_file_test(tree->obj, G_FILE_TEST_IS_DIR);

	return configure(input, tree, result, output, error) &&
	       compile(tree, output, is_full, error);
}

static bool build_locked(const struct build_input *input, struct tree *tree,
	struct build_result *result, struct output *output, GError **error)
{
	gint64 start = g_get_monotonic_time();
	bool ok;

	if (!tree_recover(tree, error) || !space_check(tree, error))
		return false;
	if (!source_prepare(input, tree, result, output, error))
		return false;
	ok = is_user(input->spec)
		     ? user_build(input, tree, result, output, error)
		     : build_images(input, tree, result, output, error);
	warnings_carry(output, tree->obj);
	if (!ok)
		return false;
	phase(output->progress, output->user, "save");
	result->version = release_read(tree);
	g_ptr_array_add(output->warnings, NULL);
	result->warnings = (char **)output->warnings->pdata;
	result->seconds = (g_get_monotonic_time() - start) / 1e6;
	return cache_save(input, tree->obj, result, error);
}

bool build_kernel(const struct build_input *input, kernel_progress_fn progress,
	void *user, GError **error)
{
	struct output output = {.progress = progress, .user = user};
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) compiled =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct build_result result = {0};
	SCOPED(tree_clear) struct tree tree;
	SCOPED(kernel_freep) struct kernel *other = NULL;
	bool ok;

	tree_init(&tree, input->spec);
	if (!tools_check(error) || !mkdir_all(tree.dir, error))
		return false;
	tree.lock = lock_take(tree.dir, tell_wait, &output, error);
	if (tree.lock < 0)
		return false;
	output.src = tree.src;
	output.warnings = warnings;
	output.compiled = compiled;
	/* Whoever had the lock may have built just this. */
	other = cache_load(input->spec, input->key);
	ok = other || build_locked(input, &tree, &result, &output, error);
	output_clear(&output);
	g_free(result.version);
	g_strfreev(result.refused);
	g_strfreev(result.lacks);
	return ok;
}
