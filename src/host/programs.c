/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void named_prog_free(gpointer item)
{
	struct named_prog *named = item;

	g_free(named->name);
	g_free(named);
}

static gboolean load_file(GPtrArray *progs, const char *path, GError **error)
{
	g_autofree char *text = NULL;
	struct named_prog *named;
	struct why why;
	gsize len;

	if (!g_file_get_contents(path, &text, &len, error))
		return FALSE;
	named = g_new0(struct named_prog, 1);
	named->name = g_strdup(path);
	g_ptr_array_add(progs, named);
	if (prog_parse(text, len, &named->prog, &why)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"'%s' is no program: %s", path, why.text);
		return FALSE;
	}
	return TRUE;
}

static gint by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static gboolean load_dir(GPtrArray *progs, const char *path, GError **error)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(path, 0, error);
	const char *name;

	if (!dir)
		return FALSE;
	while ((name = g_dir_read_name(dir))) {
		char *file = g_build_filename(path, name, NULL);

		g_ptr_array_add(files, file);
	}
	g_ptr_array_sort(files, by_text);
	for (guint i = 0; i < files->len; i++) {
		const char *file = g_ptr_array_index(files, i);

		if (g_file_test(file, G_FILE_TEST_IS_REGULAR) &&
			!load_file(progs, file, error))
			return FALSE;
	}
	return TRUE;
}

void host_print_program(const char *label, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	printf("    %s:\n", label);
	for (char **line = lines; *line; line++) {
		if (**line && **line != '#')
			printf("      %s\n", *line);
	}
}

GPtrArray *programs_load(const char *const *paths, GError **error)
{
	g_autoptr(GPtrArray) progs =
		g_ptr_array_new_with_free_func(named_prog_free);

	for (; *paths; paths++) {
		gboolean dir = g_file_test(*paths, G_FILE_TEST_IS_DIR);

		if (!(dir ? load_dir(progs, *paths, error)
			  : load_file(progs, *paths, error)))
			return NULL;
	}
	return g_steal_pointer(&progs);
}

static gboolean copy_one(
	const struct named_prog *named, const char *to, GError **error)
{
	g_autofree char *buf = g_malloc(PROG_TEXT_MAX);
	g_autofree char *path = NULL, *sum = NULL;
	struct text text;

	text_init(&text, buf, PROG_TEXT_MAX);
	prog_print(&named->prog, &text);
	sum = g_compute_checksum_for_data(
		G_CHECKSUM_SHA1, (const guchar *)buf, text.len);
	path = g_build_filename(to, sum, NULL);
	return g_file_test(path, G_FILE_TEST_EXISTS) ||
	       g_file_set_contents(path, buf, (gssize)text.len, error);
}

GPtrArray *programs_ours(GError **error)
{
	const char *paths[] = {RMAPTORTURE_SOURCE_DIR "/corpus/seeds",
		RMAPTORTURE_SOURCE_DIR "/corpus/regress", NULL};

	return programs_load(paths, error);
}

gboolean programs_copy(const GPtrArray *progs, const char *to, GError **error)
{
	for (guint i = 0; i < progs->len; i++) {
		if (!copy_one(progs->pdata[i], to, error))
			return FALSE;
	}
	return TRUE;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that a seed draws the same ones again; names with a dot are of
 * files that are being written. */
static GPtrArray *names_in(const char *path)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		if (name[0] != '.')
			g_ptr_array_add(names, g_strdup(name));
	}
	g_ptr_array_sort(names, by_name);
	return names;
}

GPtrArray *programs_draw(const char *dir, guint max, struct rng *rng)
{
	GPtrArray *drawn = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) names = names_in(dir);

	while (names->len && drawn->len < max) {
		guint at = rng_below(rng, names->len);

		g_ptr_array_add(drawn, g_ptr_array_steal_index_fast(names, at));
	}
	return drawn;
}

static void give(const char *from, const char *to, const char *name)
{
	g_autofree char *old = g_build_filename(from, name, NULL);
	g_autofree char *new = g_build_filename(to, name, NULL);
	g_autofree char *bytes = NULL;
	gsize len;

	if (!link(old, new) || errno == EEXIST)
		return;
	/* another file system */
	if (g_file_get_contents(old, &bytes, &len, NULL))
		(void)g_file_set_contents(new, bytes, (gssize)len, NULL);
}

void programs_hand_over(
	const char *from, const char *to, guint max, guint64 seed)
{
	g_autoptr(GPtrArray) names = NULL;
	struct rng rng;

	rng_seed(&rng, seed);
	names = programs_draw(from, max, &rng);
	for (guint i = 0; i < names->len; i++)
		give(from, to, names->pdata[i]);
}

guint programs_at_start(const char *out, const char *corpus)
{
	g_autofree char *own = g_build_filename(out, "corpus", NULL);

	return host_count_files(own) + (corpus ? host_count_files(corpus) : 0);
}
