// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/internal.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

static const char *const profiles[] = {
	"kasan", "recycle", "locks", "races", "fast", "gcov", "user", NULL};

static const char *const keys[] = {"base", "src", "series", "fragments",
	"options", "harness", "mutants", "counters", "about", NULL};

G_DEFINE_QUARK(rmaptorture - kernel - error - quark, kernel_error)

const char *const *kernel_profiles(void)
{
	return profiles;
}

char *images_path(const char *name)
{
	return g_build_filename(
		RMAPTORTURE_SOURCE_DIR, "vm-images", name, NULL);
}

void kernel_spec_free(struct kernel_spec *spec)
{
	if (!spec)
		return;
	g_free(spec->name);
	g_free(spec->profile);
	g_free(spec->base);
	g_free(spec->src_dir);
	g_free(spec->tree);
	g_strfreev(spec->series);
	g_strfreev(spec->fragments);
	g_strfreev(spec->options);
	g_strfreev(spec->counters);
	g_free(spec->mutants);
	g_free(spec->about);
	g_free(spec);
}

/* Names become folder names: no separators, no leading dot. */
static bool name_is_valid(const char *name)
{
	if (!g_ascii_isalnum(name[0]) || strlen(name) > 64)
		return false;
	for (; *name; name++) {
		if (!g_ascii_isalnum(*name) && !strchr("._+-", *name))
			return false;
	}
	return true;
}

static bool profile_check(const char *profile, GError **error)
{
	g_autofree char *all = g_strjoinv(", ", (char **)profiles);

	if (g_strv_contains(profiles, profile))
		return true;
	return fail(error, USAGE, "no profile '%s': one of %s", profile, all);
}

/* Split "NAME[:PROFILE]". */
static bool name_split(
	const char *text, char **ret_name, char **ret_profile, GError **error)
{
	const char *colon = strchr(text, ':');
	g_autofree char *name = NULL;
	const char *profile = colon ? colon + 1 : KERNEL_DEFAULT_PROFILE;

	name = colon ? g_strndup(text, colon - text) : g_strdup(text);
	if (!name_is_valid(name))
		return fail(error, USAGE,
			"'%s' is not a kernel name: letters, digits and "
			"'._+-', at most 64",
			text);
	if (!profile_check(profile, error))
		return false;
	*ret_name = g_steal_pointer(&name);
	*ret_profile = g_strdup(profile);
	return true;
}

static bool keys_check(
	GKeyFile *file, const char *group, const char *path, GError **error)
{
	g_auto(GStrv) found = g_key_file_get_keys(file, group, NULL, NULL);
	g_autofree char *known = g_strjoinv(", ", (char **)keys);

	for (char **key = found; key && *key; key++) {
		if (!g_strv_contains(keys, *key))
			return fail(error, USAGE,
				"%s: [%s]: no key '%s': one of %s", path, group,
				*key, known);
	}
	return true;
}

/* Lists are of paths, relative to the file that names them. */
static char **path_list(
	GKeyFile *file, const char *group, const char *key, const char *dir)
{
	char **list = g_key_file_get_string_list(file, group, key, NULL, NULL);

	for (char **path = list; path && *path; path++) {
		char *full = g_canonicalize_filename(*path, dir);

		g_free(*path);
		*path = full;
	}
	return list ? list : g_new0(char *, 1);
}

static bool harness_parse(GKeyFile *file, const char *path,
	struct kernel_spec *spec, GError **error)
{
	g_autofree char *word =
		g_key_file_get_string(file, spec->name, "harness", NULL);

	if (word && strcmp(word, "yes") && strcmp(word, "no"))
		return fail(error, USAGE,
			"%s: [%s]: harness is 'yes' or 'no', not '%s'", path,
			spec->name, word);
	spec->harness = word && !strcmp(word, "yes");
	return true;
}

static struct kernel_spec *row_parse(
	GKeyFile *file, const char *group, const char *path, GError **error)
{
	SCOPED(kernel_spec_freep)
	struct kernel_spec *spec = g_new0(struct kernel_spec, 1);
	g_autofree char *dir = g_path_get_dirname(path);
	g_autofree char *src = NULL, *mutants = NULL;

	if (!keys_check(file, group, path, error))
		return NULL;
	spec->name = g_strdup(group);
	spec->profile = g_strdup(KERNEL_DEFAULT_PROFILE);
	spec->base = g_key_file_get_string(file, group, "base", NULL);
	src = g_key_file_get_string(file, group, "src", NULL);
	if (src)
		spec->src_dir = g_canonicalize_filename(src, dir);
	spec->series = path_list(file, group, "series", dir);
	spec->fragments = path_list(file, group, "fragments", dir);
	spec->options = path_list(file, group, "options", dir);
	spec->counters =
		g_key_file_get_string_list(file, group, "counters", NULL, NULL);
	spec->about = g_key_file_get_string(file, group, "about", NULL);
	mutants = g_key_file_get_string(file, group, "mutants", NULL);
	if (mutants)
		spec->mutants =
			g_strdup_printf("%s/mutants/%s.patch", dir, mutants);

	if (!name_is_valid(group)) {
		(void)fail(error, USAGE, "%s: '%s' is not a kernel name", path,
			group);
		return NULL;
	}
	if (!spec->base == !spec->src_dir) {
		(void)fail(error, USAGE, "%s: [%s]: give either base or src",
			path, group);
		return NULL;
	}
	if (!harness_parse(file, path, spec, error))
		return NULL;
	return g_steal_pointer(&spec);
}

GPtrArray *conf_parse(const char *path, bool is_own, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(
		(GDestroyNotify)kernel_spec_free);
	g_autoptr(GError) cause = NULL;
	g_auto(GStrv) groups = NULL;
	struct kernel_spec *spec;

	if (!g_key_file_load_from_file(file, path, 0, &cause)) {
		(void)fail(error, USAGE, "%s: %s", path, cause->message);
		return NULL;
	}
	groups = g_key_file_get_groups(file, NULL);
	for (char **group = groups; *group; group++) {
		spec = row_parse(file, *group, path, error);
		if (!spec)
			return NULL;
		spec->is_own = is_own;
		g_ptr_array_add(rows, spec);
	}
	return g_steal_pointer(&rows);
}

/* Append the registered kernels. A file that cannot be read is an error. */
static bool own_rows(GPtrArray *rows, GError **error)
{
	g_autofree char *path = cache_path("kernels.d", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		g_autoptr(GPtrArray) more = NULL;

		if (name[0] == '.' || !g_str_has_suffix(name, ".conf"))
			continue;
		more = conf_parse(file, true, error);
		if (!more)
			return false;
		g_ptr_array_extend_and_steal(rows, g_steal_pointer(&more));
	}
	return true;
}

GPtrArray *kernel_list(GError **error)
{
	g_autofree char *path = images_path("kernels.conf");
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(
		(GDestroyNotify)kernel_spec_free);
	GPtrArray *shipped;

	if (!own_rows(rows, error))
		return NULL;
	shipped = conf_parse(path, false, error);
	if (!shipped)
		return NULL;
	g_ptr_array_extend_and_steal(rows, shipped);
	return g_steal_pointer(&rows);
}

static bool no_such_kernel(const char *name, GPtrArray *rows, GError **error)
{
	g_autoptr(GString) known = g_string_new(NULL);

	for (guint i = 0; i < rows->len; i++) {
		struct kernel_spec *spec = g_ptr_array_index(rows, i);

		g_string_append_printf(
			known, "%s%s", i ? ", " : "", spec->name);
	}
	return fail(
		error, USAGE, "no kernel '%s': known are %s", name, known->str);
}

bool kernel_spec_lookup(
	const char *text, struct kernel_spec **ret_spec, GError **error)
{
	g_autofree char *name = NULL, *profile = NULL;
	g_autoptr(GPtrArray) rows = NULL;

	if (!name_split(text, &name, &profile, error))
		return false;
	rows = kernel_list(error);
	if (!rows)
		return false;
	for (guint i = 0; i < rows->len; i++) {
		struct kernel_spec *spec = g_ptr_array_index(rows, i);

		if (strcmp(spec->name, name))
			continue;
		spec = g_ptr_array_steal_index(rows, i);
		g_free(spec->profile);
		spec->profile = g_steal_pointer(&profile);
		*ret_spec = spec;
		return true;
	}
	return no_such_kernel(name, rows, error);
}

/* Full paths of @paths behind those of @first; each must be there. */
static char **paths_resolve(char **first, const char *const *paths,
	const char *what, GError **error)
{
	g_autoptr(GStrvBuilder) list = g_strv_builder_new();

	if (first)
		g_strv_builder_addv(list, (const char **)first);
	for (; paths && *paths; paths++) {
		g_autofree char *full = g_canonicalize_filename(*paths, NULL);

		if (!g_file_test(full, G_FILE_TEST_EXISTS)) {
			(void)fail(error, USAGE, "%s '%s' is not there", what,
				*paths);
			return NULL;
		}
		g_strv_builder_add(list, full);
	}
	return g_strv_builder_end(list);
}

static bool src_resolve(
	struct kernel_spec *spec, const char *src_dir, GError **error)
{
	g_autofree char *kbuild = g_build_filename(src_dir, "Makefile", NULL);

	if (!g_file_test(kbuild, G_FILE_TEST_EXISTS))
		return fail(error, USAGE,
			"'%s' is not a kernel source tree: it has no Makefile",
			src_dir);
	spec->src_dir = g_canonicalize_filename(src_dir, NULL);
	return true;
}

struct kernel_spec *kernel_spec_new(const char *name, const char *base,
	const char *src_dir, const char *const *series,
	const char *const *fragments, GError **error)
{
	SCOPED(kernel_spec_freep)
	struct kernel_spec *spec = g_new0(struct kernel_spec, 1);

	if (!name_split(name, &spec->name, &spec->profile, error))
		return NULL;
	if (!base == !src_dir) {
		(void)fail(error, USAGE, "give either --base or --src");
		return NULL;
	}
	spec->base = g_strdup(base);
	if (src_dir && !src_resolve(spec, src_dir, error))
		return NULL;
	spec->series = paths_resolve(NULL, series, "series", error);
	if (!spec->series)
		return NULL;
	spec->fragments = paths_resolve(NULL, fragments, "fragment", error);
	if (!spec->fragments)
		return NULL;
	spec->harness = true;
	spec->is_own = true;
	return g_steal_pointer(&spec);
}

struct kernel_spec *kernel_spec_derive(const struct kernel_spec *spec,
	const char *name, const char *const *series, const char *options,
	GError **error)
{
	const char *more[] = {options, NULL};
	SCOPED(kernel_spec_freep)
	struct kernel_spec *made = g_new0(struct kernel_spec, 1);

	if (!name_is_valid(name)) {
		(void)fail(error, USAGE, "'%s' is not a kernel name", name);
		return NULL;
	}
	made->series = paths_resolve(spec->series, series, "series", error);
	if (!made->series)
		return NULL;
	made->options = paths_resolve(spec->options, more, "options", error);
	if (!made->options)
		return NULL;
	made->name = g_strdup(name);
	made->tree = g_strdup(spec->tree ? spec->tree : spec->name);
	made->profile = g_strdup(spec->profile);
	made->base = g_strdup(spec->base);
	made->src_dir = g_strdup(spec->src_dir);
	made->fragments = g_strdupv(spec->fragments);
	made->counters = g_strdupv(spec->counters);
	made->harness = spec->harness;
	made->is_own = spec->is_own;
	return g_steal_pointer(&made);
}

static void set_list(
	GKeyFile *file, const char *group, const char *key, char **list)
{
	guint nr = list ? g_strv_length(list) : 0;

	if (nr)
		g_key_file_set_string_list(
			file, group, key, (const char *const *)list, nr);
}

static bool name_is_shipped(const char *name)
{
	g_autofree char *path = images_path("kernels.conf");
	g_autoptr(GPtrArray) rows = conf_parse(path, false, NULL);

	for (guint i = 0; rows && i < rows->len; i++) {
		struct kernel_spec *spec = g_ptr_array_index(rows, i);

		if (!strcmp(spec->name, name))
			return true;
	}
	return false;
}

static char *own_path(const char *name)
{
	g_autofree char *file = g_strdup_printf("%s.conf", name);

	return cache_path("kernels.d", file, NULL);
}

bool kernel_spec_register(const struct kernel_spec *spec, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autofree char *dir = cache_path("kernels.d", NULL);
	g_autofree char *path = own_path(spec->name);

	if (name_is_shipped(spec->name))
		return fail(error, USAGE,
			"'%s' is a kernel of kernels.conf: choose another name",
			spec->name);
	if (!mkdir_all(dir, error))
		return false;
	if (spec->base)
		g_key_file_set_string(file, spec->name, "base", spec->base);
	if (spec->src_dir)
		g_key_file_set_string(file, spec->name, "src", spec->src_dir);
	set_list(file, spec->name, "series", spec->series);
	set_list(file, spec->name, "fragments", spec->fragments);
	set_list(file, spec->name, "options", spec->options);
	set_list(file, spec->name, "counters", spec->counters);
	g_key_file_set_string(
		file, spec->name, "harness", spec->harness ? "yes" : "no");
	if (spec->about)
		g_key_file_set_string(file, spec->name, "about", spec->about);
	return g_key_file_save_to_file(file, path, error);
}

bool kernel_spec_forget(const char *name, GError **error)
{
	g_autofree char *path = own_path(name);

	if (strchr(name, '/') || unlink(path))
		return fail(error, USAGE,
			"no kernel '%s' was registered: kernel list has their "
			"names",
			name);
	return true;
}
