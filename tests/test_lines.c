/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines and branches from a stream of counts: of a small program that gcc
 * instruments as it does a kernel, in a tree that looks like a kernel's.
 */
#include "host/bench/lines.h"

#include <glib/gstdio.h>
#include <string.h>

#include "shared.h"
#include "test.h"

G_DEFINE_QUARK(rmaptorture - host - error - quark, host_error)

static const char source[] = "int main(int argc, char **argv)\n"
			     "{\n"
			     "	(void)argv;\n"
			     "	if (argc > 1)\n"
			     "		return 7;\n"
			     "	return 0;\n"
			     "}\n";

/* A tree, and a kernel's folder with the notes; the program has run once. */
static void make_tree(const char *dir)
{
	g_autofree char *file = g_build_filename(dir, "src/mm/walk.c", NULL);
	g_autofree char *command = g_strdup_printf(
		"cd '%s' && mkdir -p obj/mm kernel/notes/mm && cd obj && "
		"gcc --coverage -c ../src/mm/walk.c -o mm/walk.o && "
		"gcc --coverage mm/walk.o -o walk && ./walk && "
		"mv mm/walk.gcno ../kernel/notes/mm",
		dir);
	g_autofree char *mm = g_path_get_dirname(file);

	g_assert(!g_mkdir_with_parents(mm, 0700));
	g_assert(g_file_set_contents(file, source, -1, NULL));
	if (system(command))
		exit(99);
}

static void put(GByteArray *stream, const char *name, const char *bytes,
	gsize len, gsize claimed)
{
	struct slot_gcov head = {(uint32_t)strlen(name), (uint32_t)claimed};

	g_byte_array_append(stream, (const guint8 *)&head, sizeof(head));
	g_byte_array_append(stream, (const guint8 *)name, head.name_len);
	g_byte_array_append(stream, (const guint8 *)bytes, (guint)len);
}

static void test_counts(
	struct lines *lines, const char *dir, const char *counts, gsize len)
{
	g_autofree char *info = g_build_filename(dir, "coverage.info", NULL);
	g_autoptr(GByteArray) stream = g_byte_array_new();
	g_autoptr(GArray) files = NULL;
	g_autofree char *text = NULL;
	struct lines_file *file;

	put(stream, "/root/trees/x/obj/mm/walk.gcda", counts, len, len);
	test_case(lines_add(lines, stream->data, stream->len, NULL) &&
			  lines_add(lines, stream->data, stream->len, NULL),
		"counts of two machines are added");
	files = lines_files(lines);
	file = &g_array_index(files, struct lines_file, 0);
	test_case(files->len == 1 && !strcmp(file->name, "mm/walk.c"),
		"a file has the name that it has in the kernel's source");
	test_case(file->lines == 4 && file->lines_hit == 3,
		"lines that were run are told from those that were not");
	test_case(file->branches == 2 && file->branches_hit == 1,
		"and so are the two ways out of a condition");
	test_case(lines_write(lines, info, NULL) &&
			  g_file_get_contents(info, &text, NULL, NULL) &&
			  strstr(text, "/src/mm/walk.c\n") &&
			  strstr(text, "DA:6,2\n") &&
			  strstr(text, "DA:5,0\n") && strstr(text, "BRDA:4,0,"),
		"the tracefile has the sums, line by line");
}

static gboolean refused(struct lines *lines, const char *name,
	const char *counts, gsize len, gsize claimed)
{
	g_autoptr(GByteArray) stream = g_byte_array_new();
	g_autoptr(GError) error = NULL;

	put(stream, name, counts, len, claimed);
	return !lines_add(lines, stream->data, stream->len, &error) && error;
}

static void test_lies(struct lines *lines, const char *counts, gsize len)
{
	test_case(refused(lines, "/x/obj/mm/walk.gcda", counts, len, len + 1),
		"a length beyond the stream is refused");
	test_case(refused(lines, "/x/obj/../../etc/x.gcda", counts, len, len),
		"a name that leaves the folder is refused");
	test_case(refused(lines, "/x/mm/walk.gcda", counts, len, len),
		"a name that is of no build tree is refused");
	test_case(refused(lines, "/x/obj/mm/none.gcda", counts, len, len),
		"counts without notes are an error");
	test_case(refused(lines, "/x/obj/mm/walk.gcda", "junk", 4, 4),
		"bytes that are no counts are an error");
}

int main(void)
{
	g_autofree char *dir = g_dir_make_tmp("lines-XXXXXX", NULL);
	g_autofree char *kernel = g_build_filename(dir, "kernel", NULL);
	g_autofree char *path = g_build_filename(dir, "obj/mm/walk.gcda", NULL);
	g_autofree char *counts = NULL;
	struct lines *lines = lines_new(kernel, dir);
	gsize len;

	make_tree(dir);
	if (!g_file_get_contents(path, &counts, &len, NULL))
		return 99;
	test_counts(lines, dir, counts, len);
	test_lies(lines, counts, len);
	lines_free(lines);
	dir_remove(dir);
	return test_end();
}
