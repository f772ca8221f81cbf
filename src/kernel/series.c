// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/internal.h"

#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Larger than any series; what is larger is not one. */
#define SERIES_MAX_BYTES (64u << 20)

static void patch_free(gpointer data)
{
	struct patch *patch = data;

	g_free(patch->name);
	g_free(patch->text);
	g_free(patch);
}

GPtrArray *series_new(void)
{
	return g_ptr_array_new_with_free_func(patch_free);
}

static void series_take(
	GPtrArray *patches, char *name, char *text, gsize len, unsigned strip)
{
	struct patch *patch = g_new0(struct patch, 1);

	patch->name = name;
	patch->text = text;
	patch->len = len;
	patch->strip = strip;
	g_ptr_array_add(patches, patch);
}

static bool file_read(
	const char *path, char **ret_text, gsize *ret_len, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (!g_file_get_contents(path, ret_text, ret_len, &cause))
		return fail(error, PATCH, "%s", cause->message);
	if (*ret_len <= SERIES_MAX_BYTES)
		return true;
	g_clear_pointer(ret_text, g_free);
	return fail(
		error, PATCH, "'%s' is larger than 64 MiB: not a patch", path);
}

/* ---- mbox ---- */

/*
 * struct mail - one message of an mbox
 * @number: n of "[PATCH n/m]", or -1
 */
struct mail {
	char *text;
	gsize len;
	int number;
	unsigned place;
};

static void mail_clear(gpointer data)
{
	struct mail *mail = data;

	g_free(mail->text);
}

char *header_get(const char *text, const char *name)
{
	g_autoptr(GString) value = NULL;
	gsize name_len = strlen(name);
	const char *line, *end;

	for (line = text; line && *line && *line != '\n'; line = end) {
		end = strchr(line, '\n');
		end = end ? end + 1 : line + strlen(line);
		if (value && *line != ' ' && *line != '\t')
			break;
		if (value)
			g_string_append_len(value, line, end - line);
		else if (!g_ascii_strncasecmp(line, name, name_len) &&
			 line[name_len] == ':')
			value = g_string_new_len(
				line + name_len + 1, end - line - name_len - 1);
	}
	return value ? g_strdup(g_strdelimit(value->str, "\n", ' ')) : NULL;
}

/* n of "[PATCH v2 n/m]" in the subject of @text; -1 if there is none. */
static int mail_number(const char *text)
{
	g_autofree char *subject = header_get(text, "Subject");
	const char *at = subject ? strchr(subject, '[') : NULL;
	const char *close = at ? strchr(at, ']') : NULL;
	const char *slash;

	for (slash = close; slash && slash > at; slash--) {
		if (*slash != '/')
			continue;
		while (slash > at && g_ascii_isdigit(slash[-1]))
			slash--;
		return g_ascii_isdigit(*slash) ? atoi(slash) : -1;
	}
	return -1;
}

static void quoted_printable_decode(char *text, gsize *len)
{
	char *out = text;

	for (gsize i = 0; i < *len; i++) {
		int hi, lo;

		if (text[i] != '=') {
			*out++ = text[i];
			continue;
		}
		if (i + 1 < *len && text[i + 1] == '\n') {
			i++;
			continue;
		}
		hi = i + 2 < *len ? g_ascii_xdigit_value(text[i + 1]) : -1;
		lo = i + 2 < *len ? g_ascii_xdigit_value(text[i + 2]) : -1;
		if (hi < 0 || lo < 0) {
			*out++ = '=';
			continue;
		}
		*out++ = hi * 16 + lo;
		i += 2;
	}
	*out = '\0';
	*len = out - text;
}

/* Undo the transfer encoding of the body, in place. */
static void mail_decode(struct mail *mail)
{
	g_autofree char *how =
		header_get(mail->text, "Content-Transfer-Encoding");
	char *body = strstr(mail->text, "\n\n");
	gsize head, len;

	if (!how || !body)
		return;
	head = body + 2 - mail->text;
	len = mail->len - head;
	g_strstrip(how);
	if (!g_ascii_strcasecmp(how, "base64") && len)
		g_base64_decode_inplace(mail->text + head, &len);
	else if (!g_ascii_strcasecmp(how, "quoted-printable"))
		quoted_printable_decode(mail->text + head, &len);
	mail->len = head + len;
	mail->text[mail->len] = '\0';
}

static bool has_diff(const char *text)
{
	const char *at = strstr(text, "\n--- ");

	return (at && strstr(at, "\n+++ ")) || strstr(text, "\ndiff --git ") ||
	       !strncmp(text, "--- ", 4) || !strncmp(text, "diff ", 5);
}

static void mails_add(GArray *mails, const char *from, gsize len)
{
	struct mail mail = {.text = g_strndup(from, len), .len = len};

	mail.len = strlen(mail.text);
	mail.place = mails->len;
	mail.number = mail_number(mail.text);
	mail_decode(&mail);
	if (mail.number != 0 && has_diff(mail.text))
		g_array_append_val(mails, mail);
	else
		g_free(mail.text);
}

/* "From <word> <date with hh:mm:ss>" starts a message; prose does not. */
static bool is_separator(const char *line)
{
	const char *end = strchr(line, '\n');
	g_autofree char *text = NULL;

	if (strncmp(line, "From ", 5))
		return false;
	text = end ? g_strndup(line, end - line) : g_strdup(line);
	return g_regex_match_simple(
		"^From \\S+ .*\\d\\d?:\\d\\d:\\d\\d", text, 0, 0);
}

static GArray *mails_split(const char *text)
{
	GArray *mails = g_array_new(FALSE, FALSE, sizeof(struct mail));
	const char *start = text, *at = text;

	g_array_set_clear_func(mails, mail_clear);
	while ((at = strstr(at, "\nFrom "))) {
		at++;
		if (!is_separator(at))
			continue;
		mails_add(mails, start, at - start);
		start = at;
	}
	mails_add(mails, start, strlen(start));
	return mails;
}

static gint mail_order(gconstpointer one, gconstpointer two)
{
	const struct mail *a = one, *b = two;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

static bool series_from_file(
	const char *path, unsigned strip, GPtrArray *patches, GError **error)
{
	g_autofree char *text = NULL, *base = g_path_get_basename(path);
	g_autoptr(GArray) mails = NULL;
	gsize len;

	if (!file_read(path, &text, &len, error))
		return false;
	mails = mails_split(text);
	if (!mails->len)
		return fail(error, PATCH, "'%s' has no patch in it", path);
	g_array_sort(mails, mail_order);
	for (guint i = 0; i < mails->len; i++) {
		struct mail *mail = &g_array_index(mails, struct mail, i);
		char *name = mails->len == 1 ? g_strdup(base)
					     : g_strdup_printf("%s (%u of %u)",
						       base, i + 1, mails->len);

		series_take(patches, name, g_steal_pointer(&mail->text),
			mail->len, strip);
	}
	return true;
}

/* ---- folders ---- */

/* One line of a quilt series: "file [-pN]", "#" starts a comment. */
static bool quilt_line(
	const char *dir, char *line, GPtrArray *patches, GError **error)
{
	g_auto(GStrv) words = NULL;
	g_autofree char *path = NULL;
	unsigned strip = 1;
	char *hash = strchr(line, '#');

	if (hash && (hash == line || g_ascii_isspace(hash[-1])))
		*hash = '\0';
	words = g_strsplit_set(g_strstrip(line), " \t", 0);
	if (!words[0] || !*words[0])
		return true;
	for (char **word = words + 1; *word; word++) {
		if (!**word)
			continue;
		if (strncmp(*word, "-p", 2) || !g_ascii_isdigit((*word)[2]))
			return fail(error, PATCH,
				"%s/series: '%s' after '%s' is not -pN", dir,
				*word, words[0]);
		strip = atoi(*word + 2);
	}
	path = g_build_filename(dir, words[0], NULL);
	return series_from_file(path, strip, patches, error);
}

static bool series_from_quilt(
	const char *dir, GPtrArray *patches, GError **error)
{
	g_autofree char *path = g_build_filename(dir, "series", NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	gsize len;

	if (!file_read(path, &text, &len, error))
		return false;
	lines = g_strsplit(text, "\n", 0);
	for (char **line = lines; *line; line++) {
		if (!quilt_line(dir, *line, patches, error))
			return false;
	}
	return true;
}

static gint name_order(gconstpointer one, gconstpointer two)
{
	return strcmp(*(const char *const *)one, *(const char *const *)two);
}

static bool series_from_folder(
	const char *path, GPtrArray *patches, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) cause = NULL;
	g_autoptr(GDir) dir = g_dir_open(path, 0, &cause);
	const char *name;

	if (!dir)
		return fail(error, PATCH, "%s", cause->message);
	while ((name = g_dir_read_name(dir))) {
		if (g_str_has_suffix(name, ".patch") ||
			g_str_has_suffix(name, ".diff"))
			g_ptr_array_add(
				names, g_build_filename(path, name, NULL));
	}
	if (!names->len)
		return fail(error, PATCH,
			"'%s' has neither a series file nor *.patch", path);
	g_ptr_array_sort(names, name_order);
	for (guint i = 0; i < names->len; i++) {
		if (!series_from_file(
			    g_ptr_array_index(names, i), 1, patches, error))
			return false;
	}
	return true;
}

bool series_load(const char *path, GPtrArray *patches, GError **error)
{
	g_autofree char *quilt = g_build_filename(path, "series", NULL);
	g_autofree char *below = g_build_filename(path, "patches", NULL);
	g_autofree char *deep = g_build_filename(below, "series", NULL);

	if (!g_file_test(path, G_FILE_TEST_IS_DIR))
		return series_from_file(path, 1, patches, error);
	if (g_file_test(quilt, G_FILE_TEST_IS_REGULAR))
		return series_from_quilt(path, patches, error);
	if (g_file_test(deep, G_FILE_TEST_IS_REGULAR))
		return series_from_quilt(below, patches, error);
	return series_from_folder(path, patches, error);
}

/* ---- application ---- */

/* What `patch` said, as one line: which file, which hunk. */
static char *refusal(const char *output)
{
	g_auto(GStrv) lines = g_strsplit(output, "\n", 0);
	const char *file = "?";

	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, "patching file ") ||
			g_str_has_prefix(*line, "checking file "))
			file = *line + strlen("patching file ");
		else if (g_str_has_prefix(*line, "Reversed"))
			return g_strdup_printf(
				"%s: it is applied already", file);
		else if (g_str_has_prefix(*line, "Hunk #") &&
			 strstr(*line, " FAILED at "))
			return g_strdup_printf("%s: hunk #%d does not apply "
					       "(line %d)",
				file, atoi(*line + 6),
				atoi(strstr(*line, " FAILED at ") + 11));
		else if (strstr(*line, "can't find file to patch"))
			return g_strdup("it changes a file that this tree "
					"does not have");
	}
	return g_strstrip(g_strdup(output));
}

/* The file that a hunk wants and the tree has not: its "+++" line. */
static char *missing_file(const char *output)
{
	const char *at = strstr(output, "can't find file to patch");
	const char *name = at ? strstr(at, "|+++ ") : NULL;

	if (!name)
		return NULL;
	name += strlen("|+++ ");
	return g_strndup(name, strcspn(name, "\t\n"));
}

static bool patch_run(const struct patch *patch, const char *tree, bool is_dry,
	GError **error)
{
	g_autofree char *file = NULL, *out = NULL, *cause = NULL;
	g_autofree char *strip = g_strdup_printf("-p%u", patch->strip);
	g_autofree char *absent = NULL;
	int status, fd;
	bool ok;

	fd = g_file_open_tmp("rmaptorture-XXXXXX.patch", &file, error);
	if (fd < 0)
		return false;
	close(fd);
	ok = g_file_set_contents(file, patch->text, patch->len, error);
	if (ok) {
		const char *argv[] = {"patch", strip, "--batch", "--forward",
			"--no-backup-if-mismatch", "--reject-file=-", "-d",
			tree, "-i", file, is_dry ? "--dry-run" : NULL, NULL};

		ok = run_capture(argv, &out, &status, error);
	}
	(void)remove(file);
	if (!ok || !status)
		return ok;
	absent = missing_file(out);
	cause = refusal(out);
	return fail(error, PATCH, "patch '%s': %s%s%s", patch->name, cause,
		absent ? ": " : "", absent ? absent : "");
}

bool patch_apply(const struct patch *patch, const char *tree, GError **error)
{
	return patch_run(patch, tree, false, error);
}

bool patch_applies(const struct patch *patch, const char *tree, GError **error)
{
	return patch_run(patch, tree, true, error);
}
