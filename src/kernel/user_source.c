// SPDX-License-Identifier: GPL-2.0-only
/* What the profile `user` is made of, on our side. */
#include "kernel/internal.h"

#include <gio/gio.h>
#include <string.h>

/* Folders of which all files count, and files; below rmaptorture's source.
 * What own.mk compiles and what that includes. */
static const char *const inputs[] = {"src/base", "src/prog", "src/user",
	"src/user/kernel", "vm-images/user", NULL};
static const char *const more_inputs[] = {"src/cover/cover.h",
	"src/oracle/internal.h", "src/oracle/judge.c", "src/oracle/oracle.h",
	"src/slot/slot.h", "src/cover/points.h", "src/cover/points.c",
	"fuzz/fuzz.h", "fuzz/schedule.h", "fuzz/schedule.c", "fuzz/mutator.c",
	"src/kernel/user_build.c", NULL};

static int by_path(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *in_source(const char *name)
{
	return g_build_filename(RMAPTORTURE_SOURCE_DIR, name, NULL);
}

static bool add_folder(GPtrArray *paths, const char *name, GError **error)
{
	g_autofree char *folder = in_source(name);
	g_autoptr(GError) cause = NULL;
	g_autoptr(GDir) dir = g_dir_open(folder, 0, &cause);
	const char *entry;

	if (!dir)
		return fail(error, MISSING, "%s", cause->message);
	while ((entry = g_dir_read_name(dir))) {
		char *path = g_build_filename(folder, entry, NULL);

		if (entry[0] != '.' &&
			g_file_test(path, G_FILE_TEST_IS_REGULAR))
			g_ptr_array_add(paths, path);
		else
			g_free(path);
	}
	return true;
}

char **user_sources(GError **error)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);

	for (const char *const *name = inputs; *name; name++) {
		if (!add_folder(paths, *name, error))
			return NULL;
	}
	for (const char *const *name = more_inputs; *name; name++)
		g_ptr_array_add(paths, in_source(*name));
	g_ptr_array_sort(paths, by_path);
	g_ptr_array_add(paths, NULL);
	g_ptr_array_set_free_func(paths, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&paths), FALSE);
}

char **user_lines(const char *name, GError **error)
{
	g_autofree char *below = g_build_filename("user", name, NULL);
	g_autofree char *path = images_path(below);
	g_autoptr(GStrvBuilder) kept = g_strv_builder_new();
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, error))
		return NULL;
	lines = g_strsplit(text, "\n", 0);
	for (char **line = lines; *line; line++) {
		g_strstrip(*line);
		if (**line && **line != '#')
			g_strv_builder_add(kept, *line);
	}
	return g_strv_builder_end(kept);
}
