/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/bench/lines.h"

#include <errno.h>
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_ 512
#define LINE_MAX_ 100000 /* no file of the kernel is longer */

/* struct line - @count: -1: no code; @branch: counts, or NULL */
struct line {
	gint64 count;
	GArray *branch;
};

struct lines {
	char *notes, *dir;
	char *source; /* folder that it was built from, as gcc noted it */
	GTree *files; /* "mm/rmap.c" -> GArray of struct line, by number */
};

static void line_clear(gpointer item)
{
	struct line *line = item;

	g_clear_pointer(&line->branch, g_array_unref);
}

static int by_name(gconstpointer a, gconstpointer b, gpointer user)
{
	(void)user;
	return strcmp(a, b);
}

struct lines *lines_new(const char *kernel_dir, const char *scratch)
{
	struct lines *lines = g_new0(struct lines, 1);

	lines->notes = g_build_filename(kernel_dir, KERNEL_NOTES, NULL);
	lines->dir = g_build_filename(scratch, "counts", NULL);
	lines->files = g_tree_new_full(
		by_name, NULL, g_free, (GDestroyNotify)g_array_unref);
	return lines;
}

void lines_free(struct lines *lines)
{
	if (!lines)
		return;
	g_tree_unref(lines->files);
	g_free(lines->notes);
	g_free(lines->dir);
	g_free(lines->source);
	g_free(lines);
}

/* --- from the stream to files --------------------------------------------- */

static gboolean fail(GError **error, const char *what, const char *why)
{
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN, "%s: %s", what, why);
	return FALSE;
}

/* ".../obj/mm/rmap.gcda" -> "mm/rmap"; NULL where a guest lies */
static char *object_name(const char *path)
{
	const char *name = g_strrstr(path, "/obj/");

	if (!name || strstr(name, "..") || !g_str_has_suffix(path, ".gcda"))
		return NULL;
	name += strlen("/obj/");
	return g_strndup(name, strlen(name) - strlen(".gcda"));
}

/* The counts of @object, with its notes beside it, as gcov wants them */
static gboolean put_counts(const struct lines *lines, const char *object,
	const guint8 *bytes, guint32 len, GError **error)
{
	g_autofree char *stem = g_build_filename(lines->dir, object, NULL);
	g_autofree char *dir = g_path_get_dirname(stem);
	g_autofree char *counts = g_strconcat(stem, ".gcda", NULL);
	g_autofree char *link = g_strconcat(stem, ".gcno", NULL);
	g_autofree char *notes =
		g_strdup_printf("%s/%s.gcno", lines->notes, object);

	if (g_mkdir_with_parents(dir, 0700))
		return fail(error, dir, g_strerror(errno));
	if (symlink(notes, link) && errno != EEXIST)
		return fail(error, link, g_strerror(errno));
	return g_file_set_contents_full(counts, (const char *)bytes, len,
		G_FILE_SET_CONTENTS_NONE, 0600, error);
}

/* --- what gcov says of one object ----------------------------------------- */

static GArray *file_of(struct lines *lines, const char *name)
{
	GArray *file = g_tree_lookup(lines->files, name);

	if (file)
		return file;
	file = g_array_new(FALSE, TRUE, sizeof(struct line));
	g_array_set_clear_func(file, line_clear);
	g_tree_insert(lines->files, g_strdup(name), file);
	return file;
}

static struct line *line_of(GArray *file, gint64 number)
{
	guint had = file->len;

	if (number < 1 || number > LINE_MAX_)
		return NULL;
	if (number >= had)
		g_array_set_size(file, (guint)number + 1);
	for (guint i = had; i < file->len; i++)
		g_array_index(file, struct line, i).count = -1;
	return &g_array_index(file, struct line, number);
}

static gint64 member(JsonObject *object, const char *name)
{
	return json_object_get_int_member_with_default(object, name, 0);
}

static void add_branches(struct line *line, JsonArray *branches)
{
	guint nr = json_array_get_length(branches);

	if (!nr)
		return;
	if (!line->branch)
		line->branch = g_array_new(FALSE, TRUE, sizeof(gint64));
	if (line->branch->len < nr)
		g_array_set_size(line->branch, nr);
	for (guint i = 0; i < nr; i++)
		g_array_index(line->branch, gint64, i) += member(
			json_array_get_object_element(branches, i), "count");
}

/* A line has an entry for each function that its code came into. */
static void add_lines(GArray *file, JsonArray *list)
{
	for (guint i = 0; i < json_array_get_length(list); i++) {
		JsonObject *entry = json_array_get_object_element(list, i);
		struct line *line = line_of(file, member(entry, "line_number"));

		if (!line)
			continue;
		line->count = MAX(line->count, 0) + member(entry, "count");
		if (json_object_has_member(entry, "branches"))
			add_branches(line, json_object_get_array_member(
						   entry, "branches"));
	}
}

/* Only of @object's own file: headers come with each that includes them. */
static gboolean add_object(struct lines *lines, const char *object,
	const char *json, GError **error)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autofree char *name = g_strconcat(object, ".c", NULL);
	g_autofree char *suffix = g_strconcat("/", name, NULL);
	JsonObject *root;
	JsonArray *files;

	if (!json_parser_load_from_data(parser, json, -1, error))
		return FALSE;
	root = json_node_get_object(json_parser_get_root(parser));
	if (!lines->source)
		lines->source = g_build_filename(
			json_object_get_string_member_with_default(
				root, "current_working_directory", ""),
			"..", "src", NULL);
	files = json_object_get_array_member(root, "files");
	for (guint i = 0; files && i < json_array_get_length(files); i++) {
		JsonObject *file = json_array_get_object_element(files, i);

		if (g_str_has_suffix(json_object_get_string_member_with_default(
					     file, "file", ""),
			    suffix))
			add_lines(file_of(lines, name),
				json_object_get_array_member(file, "lines"));
	}
	return TRUE;
}

/* gcov(1), "JSON intermediate format"; a broken kernel cannot make it say what
 * json-glib does not take as JSON. */
static gboolean ask_gcov(
	struct lines *lines, const char *object, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE |
					  G_SUBPROCESS_FLAGS_STDERR_SILENCE);
	g_autofree char *counts = g_strconcat(object, ".gcda", NULL);
	g_autofree char *json = NULL;
	g_autoptr(GSubprocess) gcov = NULL;

	g_subprocess_launcher_set_cwd(launcher, lines->dir);
	gcov = g_subprocess_launcher_spawn(launcher, error, "gcov",
		"--json-format", "--stdout", "--branch-probabilities", counts,
		NULL);
	if (!gcov || !g_subprocess_communicate_utf8(
			     gcov, NULL, NULL, &json, NULL, error))
		return FALSE;
	if (!g_subprocess_get_successful(gcov))
		return fail(error, counts, "gcov does not take it");
	return add_object(lines, object, json, error);
}

/* One file of the stream; how many bytes it took, 0 with @error */
static gsize take_file(
	struct lines *lines, const guint8 *at, gsize len, GError **error)
{
	g_autofree char *path = NULL, *object = NULL;
	struct slot_gcov head;

	if (len < sizeof(head))
		return fail(error, "counts of gcov", "cut short");
	memcpy(&head, at, sizeof(head));
	if (head.name_len > NAME_MAX_ ||
		len - sizeof(head) < (gsize)head.name_len + head.len)
		return fail(error, "counts of gcov", "no such length");
	at += sizeof(head);
	path = g_strndup((const char *)at, head.name_len);
	object = object_name(path);
	if (!object)
		return fail(error, "counts of gcov", "no such name");
	if (!put_counts(lines, object, at + head.name_len, head.len, error) ||
		!ask_gcov(lines, object, error))
		return 0;
	return sizeof(head) + head.name_len + head.len;
}

gboolean lines_add(
	struct lines *lines, const guint8 *stream, gsize len, GError **error)
{
	gsize at = 0, took;

	for (; at < len; at += took) {
		took = take_file(lines, stream + at, len - at, error);
		if (!took)
			return FALSE;
	}
	return TRUE;
}

/* --- what is known -------------------------------------------------------- */

static gboolean sum_up(gpointer name, gpointer value, gpointer user)
{
	struct lines_file sum = {.name = name};
	const GArray *file = value;

	for (guint i = 0; i < file->len; i++) {
		const struct line *line = &g_array_index(file, struct line, i);

		sum.lines += line->count >= 0;
		sum.lines_hit += line->count > 0;
		for (guint b = 0; line->branch && b < line->branch->len; b++) {
			sum.branches++;
			sum.branches_hit +=
				g_array_index(line->branch, gint64, b) > 0;
		}
	}
	g_array_append_val((GArray *)user, sum);
	return FALSE;
}

GArray *lines_files(const struct lines *lines)
{
	GArray *ret = g_array_new(FALSE, FALSE, sizeof(struct lines_file));

	g_tree_foreach(lines->files, sum_up, ret);
	return ret;
}

struct trace {
	GString *text;
	const char *source;
};

static void trace_line(GString *text, guint number, const struct line *line)
{
	if (line->count < 0)
		return;
	g_string_append_printf(
		text, "DA:%u,%" G_GINT64_FORMAT "\n", number, line->count);
	for (guint b = 0; line->branch && b < line->branch->len; b++)
		g_string_append_printf(text,
			"BRDA:%u,0,%u,%" G_GINT64_FORMAT "\n", number, b,
			g_array_index(line->branch, gint64, b));
}

static gboolean trace_file(gpointer name, gpointer value, gpointer user)
{
	const struct trace *trace = user;
	const GArray *file = value;

	g_string_append_printf(trace->text, "TN:\nSF:%s/%s\n", trace->source,
		(const char *)name);
	for (guint i = 0; i < file->len; i++)
		trace_line(
			trace->text, i, &g_array_index(file, struct line, i));
	g_string_append(trace->text, "end_of_record\n");
	return FALSE;
}

gboolean lines_write(
	const struct lines *lines, const char *path, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct trace trace = {text, lines->source ? lines->source : "."};

	g_tree_foreach(lines->files, trace_file, &trace);
	return g_file_set_contents(path, text->str, (gssize)text->len, error);
}
