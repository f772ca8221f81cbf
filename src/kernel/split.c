// SPDX-License-Identifier: GPL-2.0-only
/* A series as files of one patch each, so that parts of it can be built. */
#include "kernel/internal.h"

#include <string.h>
#include <sys/stat.h>

static void kernel_patch_free(gpointer data)
{
	struct kernel_patch *patch = data;

	g_free(patch->subject);
	g_free(patch->path);
	g_free(patch);
}

/* What follows the brackets: "Re: [PATCH v2 1/3] mm: x" is "mm: x". */
static char *subject_of(const struct patch *patch)
{
	g_autofree char *text = g_strndup(patch->text, patch->len);
	g_autofree char *subject = header_get(text, "Subject");
	const char *at = subject ? subject : "";

	while (*(at += strspn(at, " \t\r")) == '[') {
		const char *close = strchr(at, ']');

		if (!close)
			break;
		at = close + 1;
	}
	if (!*at)
		return g_strdup(patch->name);
	g_clear_pointer(&text, g_free);
	text = g_strdup(at);
	/* folded lines have left runs of blanks */
	for (char *to = text, *from = text; (*to = *from); from++) {
		if (!g_ascii_isspace(*from))
			to++;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	return g_strdup(g_strchomp(text));
}

static bool write_patch(const struct patch *patch, const char *dir, guint nr,
	GPtrArray *patches, GError **error)
{
	struct kernel_patch *one = g_new0(struct kernel_patch, 1);

	g_ptr_array_add(patches, one);
	one->path = g_strdup_printf("%s/%04u.patch", dir, nr);
	one->subject = subject_of(patch);
	if (patch->strip != 1)
		return fail(error, PATCH,
			"patch '%s' is -p%u: only -p1 can be tested patch by "
			"patch; `quilt refresh -p1` makes it so",
			patch->name, patch->strip);
	return g_file_set_contents(one->path, patch->text, patch->len, error);
}

static bool is_empty_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISDIR(st.st_mode) && !st.st_size;
}

GPtrArray *kernel_series_split(
	const char *path, const char *dir, GError **error)
{
	g_autoptr(GPtrArray) from = series_new();
	g_autoptr(GPtrArray) to =
		g_ptr_array_new_with_free_func(kernel_patch_free);

	if (!mkdir_all(dir, error) ||
		(!is_empty_file(path) && !series_load(path, from, error)))
		return NULL;
	for (guint i = 0; i < from->len; i++) {
		if (!write_patch(from->pdata[i], dir, i + 1, to, error))
			return NULL;
	}
	return g_steal_pointer(&to);
}
