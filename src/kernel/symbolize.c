/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/symbolize.h"

#include <string.h>

#include "base/base.h"
#include "kernel/lines.h"

/* Not what the unwinder guesses, "? function+...". */
#define CALL_PATTERN                                                           \
	"(?<!\\? )\\b([A-Za-z_][\\w.]*)\\+0x([0-9a-f]+)/0x([0-9a-f]+)"

/* kallsyms counts what fills the gap to the next function to the first. */
#define ALIGNED_TO 64

struct function {
	guint64 start, size;
};

struct image {
	struct code *code;
	GHashTable *functions; /* name -> GArray of struct function */
	GRegex *call;
};

static void image_clear(struct image *image)
{
	code_close(image->code);
	g_clear_pointer(&image->functions, g_hash_table_unref);
	g_clear_pointer(&image->call, g_regex_unref);
}

static void functions_add(
	const char *name, guint64 start, guint64 size, void *user)
{
	struct image *image = user;
	struct function function = {start, size};
	GArray *same = g_hash_table_lookup(image->functions, name);

	if (!same) {
		same = g_array_new(FALSE, FALSE, sizeof(function));
		g_hash_table_insert(image->functions, g_strdup(name), same);
	}
	g_array_append_val(same, function);
}

/* Static functions may share a name: the size tells which one is meant. */
static const struct function *function_find(
	const struct image *image, const char *name, guint64 size)
{
	const GArray *same = g_hash_table_lookup(image->functions, name);

	for (guint i = 0; same && i < same->len; i++) {
		const struct function *function =
			&g_array_index(same, struct function, i);

		if (function->size <= size &&
			size - function->size < ALIGNED_TO)
			return function;
	}
	return NULL;
}

static gboolean image_open(
	struct image *image, const char *path, GError **error)
{
	image->call = g_regex_new(CALL_PATTERN, G_REGEX_OPTIMIZE, 0, error);
	if (image->call)
		image->code = code_open(path, error);
	if (!image->code)
		return FALSE;
	image->functions = g_hash_table_new_full(
		g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
	code_functions(image->code, functions_add, image);
	return TRUE;
}

/* The address that a call on @text stands for; 0: the image has no such. */
static guint64 call_address(
	const struct image *image, const GMatchInfo *match, bool is_exact)
{
	g_autofree char *name = g_match_info_fetch(match, 1);
	g_autofree char *offset = g_match_info_fetch(match, 2);
	g_autofree char *size = g_match_info_fetch(match, 3);
	guint64 at = g_ascii_strtoull(offset, NULL, 16);
	const struct function *function =
		function_find(image, name, g_ascii_strtoull(size, NULL, 16));

	if (!function)
		return 0;
	return function->start + at - (at && !is_exact ? 1 : 0);
}

static void add_line(const struct image *image, const char *text, GString *out)
{
	g_autoptr(GMatchInfo) match = NULL;
	struct code_frame frames[CODE_FRAMES_MAX];
	guint64 address = 0;
	guint nr = 0;
	int start, end;

	if (g_regex_match(image->call, text, 0, &match))
		address =
			call_address(image, match, strstr(text, "RIP") != NULL);
	if (address)
		nr = code_frames(image->code, address, frames);
	if (!nr) {
		g_string_append_printf(out, "%s\n", text);
		return;
	}
	g_match_info_fetch_pos(match, 0, &start, &end);
	for (guint i = 0; i + 1 < nr; i++)
		g_string_append_printf(out, "%.*s%s %s:%d [inline]\n", start,
			text, frames[i].function, frames[i].file,
			frames[i].line);
	g_string_append_len(out, text, end);
	g_string_append_printf(out, " %s:%d%s\n", frames[nr - 1].file,
		frames[nr - 1].line, text + end);
}

char *kernel_symbolize(const char *vmlinux, const char *report, GError **error)
{
	struct image SCOPED(image_clear) image = {0};
	g_auto(GStrv) lines = NULL;
	GString *out;

	if (!image_open(&image, vmlinux, error))
		return NULL;
	out = g_string_new(NULL);
	lines = g_strsplit(report, "\n", -1);
	for (char **line = lines; *line; line++) {
		if (line[1] || **line)
			add_line(&image, *line, out);
	}
	return g_string_free(out, FALSE);
}
