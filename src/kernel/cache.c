// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* What a complete kernel consists of: its name here, its name in the build
 * tree, and where struct kernel has its path. */
struct file {
	const char *name, *built;
	glong at;
};
#define FILE_ROW(name, built, member)                                          \
	{                                                                      \
		name, built, G_STRUCT_OFFSET(struct kernel, member)            \
	}

static const struct file images[] = {
	FILE_ROW("bzImage", "arch/x86/boot/bzImage", bzimage),
	FILE_ROW("vmlinux", "vmlinux", vmlinux),
	FILE_ROW("config", ".config", config),
	FILE_ROW("System.map", "System.map", system_map),
	{0},
};
static const struct file user_files[] = {
	FILE_ROW("rmaptorture-user", "../own/rmaptorture-user", program),
	FILE_ROW("config", ".config", config),
	{0},
};

static const struct file *files_of(const struct kernel_spec *spec)
{
	return is_user(spec) ? user_files : images;
}

char *cache_path(const char *first, ...)
{
	GPtrArray *parts = g_ptr_array_new();
	const char *part;
	char *path;
	va_list ap;

	g_ptr_array_add(parts, (char *)g_get_user_cache_dir());
	g_ptr_array_add(parts, (char *)"rmaptorture");
	va_start(ap, first);
	for (part = first; part; part = va_arg(ap, const char *))
		g_ptr_array_add(parts, (char *)part);
	va_end(ap);
	g_ptr_array_add(parts, NULL);
	path = g_build_filenamev((char **)parts->pdata);
	g_ptr_array_unref(parts);
	return path;
}

bool mkdir_all(const char *dir, GError **error)
{
	if (!g_mkdir_with_parents(dir, 0755))
		return true;
	return fail(error, BROKEN, "cannot make folder '%s': %s", dir,
		g_strerror(errno));
}

int lock_take(const char *dir, void (*is_busy)(void *user), void *user,
	GError **error)
{
	g_autofree char *path = g_build_filename(dir, "lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	int err;

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	if (fd >= 0 && errno == EWOULDBLOCK) {
		if (is_busy)
			is_busy(user);
		do {
			err = flock(fd, LOCK_EX);
		} while (err && errno == EINTR);
		if (!err)
			return fd;
	}
	(void)fail(
		error, BROKEN, "cannot lock '%s': %s", path, g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- reading ---- */

static char **strings_get(JsonObject *object, const char *name)
{
	g_autoptr(GStrvBuilder) list = g_strv_builder_new();
	JsonArray *array = NULL;

	if (json_object_has_member(object, name))
		array = json_object_get_array_member(object, name);
	for (guint i = 0; array && i < json_array_get_length(array); i++) {
		const char *text = json_array_get_string_element(array, i);

		if (text)
			g_strv_builder_add(list, text);
	}
	return g_strv_builder_end(list);
}

static void meta_fill(struct kernel *kernel, JsonObject *object)
{
	kernel->version = g_strdup(json_object_get_string_member_with_default(
		object, "version", "?"));
	kernel->refused_patches = strings_get(object, "refused");
	kernel->lacks = strings_get(object, "lacks");
	kernel->warnings = strings_get(object, "warnings");
}

static bool meta_read(struct kernel *kernel)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autofree char *path =
		g_build_filename(kernel->dir, "kernel.json", NULL);
	JsonNode *root;

	if (!json_parser_load_from_file(parser, path, NULL))
		return false;
	root = json_parser_get_root(parser);
	if (!root || !JSON_NODE_HOLDS_OBJECT(root))
		return false;
	meta_fill(kernel, json_node_get_object(root));
	return true;
}

struct kernel *cache_load(const struct kernel_spec *spec, const char *key)
{
	SCOPED(kernel_freep) struct kernel *kernel = g_new0(struct kernel, 1);

	kernel->dir = cache_path("kernels", key, NULL);
	for (const struct file *file = files_of(spec); file->name; file++) {
		char *path = g_build_filename(kernel->dir, file->name, NULL);

		G_STRUCT_MEMBER(char *, kernel, file->at) = path;
		if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
			return NULL;
	}
	if (!meta_read(kernel))
		return NULL;
	kernel->name = g_strdup(spec->name);
	kernel->profile = g_strdup(spec->profile);
	kernel->build_id = g_strdup(key);
	return g_steal_pointer(&kernel);
}

void kernel_free(struct kernel *kernel)
{
	if (!kernel)
		return;
	g_free(kernel->name);
	g_free(kernel->profile);
	g_free(kernel->dir);
	g_free(kernel->bzimage);
	g_free(kernel->vmlinux);
	g_free(kernel->config);
	g_free(kernel->system_map);
	g_free(kernel->program);
	g_free(kernel->version);
	g_free(kernel->build_id);
	g_strfreev(kernel->refused_patches);
	g_strfreev(kernel->lacks);
	g_strfreev(kernel->warnings);
	g_free(kernel);
}

/* ---- writing ---- */

static void put_string(JsonBuilder *json, const char *name, const char *value)
{
	json_builder_set_member_name(json, name);
	json_builder_add_string_value(json, value);
}

static void put_strings(JsonBuilder *json, const char *name, char **values)
{
	json_builder_set_member_name(json, name);
	json_builder_begin_array(json);
	for (; values && *values; values++)
		json_builder_add_string_value(json, *values);
	json_builder_end_array(json);
}

static void put_patches(JsonBuilder *json, const char *name, GPtrArray *patches)
{
	json_builder_set_member_name(json, name);
	json_builder_begin_array(json);
	for (guint i = 0; i < patches->len; i++) {
		struct patch *patch = g_ptr_array_index(patches, i);
		g_autofree char *sha =
			g_compute_checksum_for_data(G_CHECKSUM_SHA256,
				(const guchar *)patch->text, patch->len);

		json_builder_begin_object(json);
		put_string(json, "name", patch->name);
		put_string(json, "sha256", sha);
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
}

static char *meta_text(
	const struct build_input *input, const struct build_result *result)
{
	g_autoptr(JsonBuilder) json = json_builder_new();
	g_autoptr(JsonNode) root = NULL;

	json_builder_begin_object(json);
	put_string(json, "build_id", input->key);
	put_string(json, "version", result->version);
	put_string(json, "name", input->spec->name);
	put_string(json, "profile", input->spec->profile);
	put_string(json, "source", input->identity);
	put_string(json, "compiler", input->compiler);
	put_strings(json, "make", (char **)make_arguments());
	put_strings(json, "fragments", input->spec->fragments);
	put_patches(json, "series", input->series);
	put_patches(json, "harness", input->harness);
	put_patches(json, "mutants", input->mutants);
	put_strings(json, "refused", result->refused);
	put_strings(json, "lacks", result->lacks);
	put_strings(json, "warnings", result->warnings);
	json_builder_set_member_name(json, "seconds");
	json_builder_add_double_value(json, result->seconds);
	json_builder_end_object(json);
	root = json_builder_get_root(json);
	return json_to_string(root, TRUE);
}

static bool path_sync(const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && !fsync(fd);
	int err = errno;

	if (fd >= 0)
		close(fd);
	if (ok)
		return true;
	if (err == ENOSPC || err == EDQUOT)
		return fail(error, SPACE, "no space left to write '%s'", path);
	return fail(
		error, BROKEN, "cannot write '%s': %s", path, g_strerror(err));
}

static bool file_copy(const char *from, const char *to, GError **error)
{
	g_autoptr(GFile) source = g_file_new_for_path(from);
	g_autoptr(GFile) target = g_file_new_for_path(to);
	g_autoptr(GError) cause = NULL;

	if (g_file_copy(source, target, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL,
		    &cause))
		return path_sync(to, error);
	if (g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_NO_SPACE))
		return fail(error, SPACE, "no space left to write '%s'", to);
	return fail(
		error, BROKEN, "cannot copy '%s': %s", from, cause->message);
}

/* gcc's notes of what its counts mean, by their paths in the build tree */
static bool notes_copy(const char *obj, const char *dir, GError **error)
{
	g_autofree char *from = g_strconcat(obj, "/", NULL);
	g_autofree char *to = g_build_filename(dir, KERNEL_NOTES, NULL);
	const char *rsync[] = {"rsync", "-am", "--include=*/",
		"--include=*.gcno", "--exclude=*", from, to, NULL};

	return run_ok(rsync, error);
}

static bool fill(const char *dir, const struct build_input *input,
	const char *obj, const struct build_result *result, GError **error)
{
	g_autofree char *meta = g_build_filename(dir, "kernel.json", NULL);
	g_autofree char *text = meta_text(input, result);

	for (const struct file *file = files_of(input->spec); file->name;
		file++) {
		g_autofree char *from =
			g_build_filename(obj, file->built, NULL);
		g_autofree char *to = g_build_filename(dir, file->name, NULL);

		if (!file_copy(from, to, error))
			return false;
	}
	if (g_str_equal(input->spec->profile, "gcov") &&
		!notes_copy(obj, dir, error))
		return false;
	if (!g_file_set_contents(meta, text, -1, error))
		return false;
	return path_sync(meta, error) && path_sync(dir, error);
}

bool cache_save(const struct build_input *input, const char *obj,
	const struct build_result *result, GError **error)
{
	g_autofree char *top = cache_path("kernels", NULL);
	g_autofree char *dir = g_build_filename(top, input->key, NULL);
	g_autofree char *temp = g_strdup_printf("%s/.tmp-%s", top, input->key);
	const char *rm[] = {"rm", "-rf", temp, NULL};
	const char *rm_old[] = {"rm", "-rf", dir, NULL};

	if (!run_ok(rm, error) || !mkdir_all(temp, error))
		return false;
	if (!fill(temp, input, obj, result, error)) {
		(void)run_ok(rm, NULL);
		return false;
	}
	/* What is there and does not load, is not complete. */
	if (!run_ok(rm_old, error))
		return false;
	if (g_rename(temp, dir))
		return fail(error, BROKEN, "cannot rename '%s': %s", temp,
			g_strerror(errno));
	return path_sync(top, error);
}
