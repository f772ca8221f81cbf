// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/internal.h"

#include <gio/gio.h>
#include <string.h>

/*
 * struct option - one requested option
 * @name:  without CONFIG_
 * @value: NULL for "is not set"
 * @from:  file name of the fragment
 */
struct option {
	char *name, *value, *from;
	enum option_need need;
};

struct config_set {
	GPtrArray *options;  /* struct option, in order of first mention */
	GHashTable *by_name; /* name to its struct option */
};

static void option_free(gpointer data)
{
	struct option *option = data;

	g_free(option->name);
	g_free(option->value);
	g_free(option->from);
	g_free(option);
}

struct config_set *config_set_new(void)
{
	struct config_set *set = g_new0(struct config_set, 1);

	set->options = g_ptr_array_new_with_free_func(option_free);
	set->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	return set;
}

void config_set_free(struct config_set *set)
{
	if (!set)
		return;
	g_hash_table_unref(set->by_name);
	g_ptr_array_unref(set->options);
	g_free(set);
}

/*
 * "CONFIG_X=value" or "# CONFIG_X is not set". False for any other line;
 * *@ret_value is NULL for the second form.
 */
static bool line_parse(const char *line, char **ret_name, char **ret_value)
{
	const char *prefix = "CONFIG_", *off = " is not set";
	bool is_off = g_str_has_prefix(line, "# CONFIG_") &&
		      g_str_has_suffix(line, off);
	gsize len;

	if (is_off)
		line += 2;
	if (!g_str_has_prefix(line, prefix))
		return false;
	line += strlen(prefix);
	len = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "abcdefghijklmnopqrstuvwxyz0123456789_");
	if (!len || (!is_off && (line[len] != '=' || !line[len + 1])) ||
		(is_off && strcmp(line + len, off)))
		return false;
	*ret_name = g_strndup(line, len);
	*ret_value = is_off ? NULL : g_strdup(line + len + 1);
	return true;
}

static void set_put(struct config_set *set, char *name, char *value,
	const char *from, enum option_need need)
{
	struct option *option = g_hash_table_lookup(set->by_name, name);

	if (!option) {
		option = g_new0(struct option, 1);
		option->name = name;
		g_ptr_array_add(set->options, option);
		g_hash_table_insert(set->by_name, option->name, option);
	} else {
		g_free(name);
		g_free(option->value);
		g_free(option->from);
	}
	option->value = value;
	option->from = g_strdup(from);
	option->need = need;
}

bool config_set_add(struct config_set *set, const char *path,
	enum option_need need, GError **error)
{
	g_autofree char *text = NULL, *from = g_path_get_basename(path);
	g_autoptr(GError) cause = NULL;
	g_auto(GStrv) lines = NULL;
	char *name, *value;

	if (!g_file_get_contents(path, &text, NULL, &cause))
		return fail(error, CONFIG, "fragment: %s", cause->message);
	lines = g_strsplit(text, "\n", 0);
	for (guint i = 0; lines[i]; i++) {
		g_strchomp(lines[i]);
		if (line_parse(lines[i], &name, &value))
			set_put(set, name, value, from, need);
		else if (*lines[i] && *lines[i] != '#')
			return fail(error, CONFIG,
				"%s:%u: '%s' is not a line of a config", path,
				i + 1, lines[i]);
	}
	return true;
}

bool config_set_write(
	const struct config_set *set, const char *path, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < set->options->len; i++) {
		struct option *option = g_ptr_array_index(set->options, i);

		if (option->value)
			g_string_append_printf(text, "CONFIG_%s=%s\n",
				option->name, option->value);
		else
			g_string_append_printf(
				text, "# CONFIG_%s is not set\n", option->name);
	}
	return g_file_set_contents(path, text->str, text->len, error);
}

/* Options that are set in @path: name to value. */
static GHashTable *dot_config_read(const char *path, GError **error)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	g_autoptr(GError) cause = NULL;
	GHashTable *set;
	char *name, *value;

	if (!g_file_get_contents(path, &text, NULL, &cause)) {
		(void)fail(error, CONFIG, "%s", cause->message);
		return NULL;
	}
	set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	lines = g_strsplit(text, "\n", 0);
	for (char **line = lines; *line; line++) {
		if (!line_parse(*line, &name, &value))
			continue;
		if (value)
			g_hash_table_insert(set, name, value);
		else
			g_free(name);
	}
	return set;
}

/* Requested options that @actual does not have as requested. */
static GPtrArray *not_stuck(const struct config_set *set, GHashTable *actual)
{
	GPtrArray *left = g_ptr_array_new();

	for (guint i = 0; i < set->options->len; i++) {
		struct option *option = g_ptr_array_index(set->options, i);
		const char *value = g_hash_table_lookup(actual, option->name);

		if (g_strcmp0(value, option->value))
			g_ptr_array_add(left, option);
	}
	return left;
}

/* ---- Kconfig: on what does an option depend? ---- */

/*
 * struct kconfig_scan - what the tree's Kconfig files say of some options
 * @depends: name of a wanted option to its dependencies (GString); an option
 *           that no file defines stays without a value
 */
struct kconfig_scan {
	GHashTable *depends;
	GPtrArray *ifs; /* open "if" expressions of the current file */
	GString *at;	/* of the definition we are in, or NULL */
};

static void expression_add(GString *to, const char *expression)
{
	g_autofree char *text = g_strstrip(g_strdup(expression));

	if (*text && !strstr(to->str, text))
		g_string_append_printf(to, "%s%s", to->len ? " && " : "", text);
}

/* The text behind @word if @line starts with it, else NULL. */
static const char *behind(const char *line, const char *word)
{
	gsize len = strlen(word);

	if (strncmp(line, word, len) || !g_ascii_isspace(line[len]))
		return NULL;
	return line + len + 1;
}

static void definition_start(struct kconfig_scan *scan, const char *name)
{
	g_autofree char *key = g_strstrip(g_strdup(name));
	gpointer known = NULL;

	scan->at = NULL;
	if (!g_hash_table_lookup_extended(scan->depends, key, NULL, &known))
		return;
	scan->at = known;
	if (!scan->at) {
		scan->at = g_string_new(NULL);
		g_hash_table_insert(
			scan->depends, g_steal_pointer(&key), scan->at);
	}
	for (guint i = 0; i < scan->ifs->len; i++)
		expression_add(scan->at, g_ptr_array_index(scan->ifs, i));
}

static void kconfig_line(struct kconfig_scan *scan, const char *line)
{
	const char *rest;

	if ((rest = behind(line, "config")) ||
		(rest = behind(line, "menuconfig"))) {
		definition_start(scan, rest);
	} else if ((rest = behind(line, "if"))) {
		g_ptr_array_add(scan->ifs, g_strdup(rest));
		scan->at = NULL;
	} else if (g_str_has_prefix(line, "endif")) {
		if (scan->ifs->len)
			g_ptr_array_remove_index(scan->ifs, scan->ifs->len - 1);
		scan->at = NULL;
	} else if (scan->at && (*line == '\t' || *line == ' ')) {
		while (g_ascii_isspace(*line))
			line++;
		if ((rest = behind(line, "depends on")))
			expression_add(scan->at, rest);
	} else if (*line && *line != '#') {
		scan->at = NULL;
	}
}

static void kconfig_file(struct kconfig_scan *scan, const char *path)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return;
	lines = g_strsplit(text, "\n", 0);
	scan->ifs = g_ptr_array_new_with_free_func(g_free);
	scan->at = NULL;
	for (char **line = lines; *line; line++) {
		g_autoptr(GString) whole = g_string_new(*line);

		while (g_str_has_suffix(whole->str, "\\") && line[1]) {
			g_string_truncate(whole, whole->len - 1);
			g_string_append(whole, g_strchug(*++line));
		}
		kconfig_line(scan, whole->str);
	}
	g_clear_pointer(&scan->ifs, g_ptr_array_unref);
}

/* Folders of sources only, and other machines, hold nothing of interest. */
static void kconfig_folder(
	struct kconfig_scan *scan, const char *path, unsigned depth)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *full = g_build_filename(path, name, NULL);

		if (g_str_has_prefix(name, "Kconfig"))
			kconfig_file(scan, full);
		else if (depth && name[0] != '.' &&
			 !g_file_test(full, G_FILE_TEST_IS_SYMLINK) &&
			 g_file_test(full, G_FILE_TEST_IS_DIR) &&
			 (!g_str_has_suffix(path, "/arch") ||
				 !strcmp(name, "x86")))
			kconfig_folder(scan, full, depth - 1);
	}
}

static GHashTable *kconfig_depends(GPtrArray *options, const char *src)
{
	struct kconfig_scan scan = {0};

	scan.depends =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < options->len; i++) {
		struct option *option = g_ptr_array_index(options, i);

		g_hash_table_insert(scan.depends, g_strdup(option->name), NULL);
	}
	kconfig_folder(&scan, src, 6);
	return scan.depends;
}

static void list_add(GString *list, const char *item)
{
	g_auto(GStrv) items = g_strsplit(list->str, ", ", 0);

	if (!g_strv_contains((const char *const *)items, item))
		g_string_append_printf(
			list, "%s%s", list->len ? ", " : "", item);
}

/*
 * Which names in @expression stand in the way: "A" that is off, "!B" that is
 * on. Alternatives (||) are all listed. "" if there is none.
 */
static char *unmet(const char *expression, GHashTable *actual)
{
	g_autoptr(GString) off = g_string_new(NULL);
	g_autoptr(GString) on = g_string_new(NULL);
	const char *at = expression;

	while (*(at += strcspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789"))) {
		gsize len = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789_");
		g_autofree char *name = g_strndup(at, len);
		bool is_not = at > expression && at[-1] == '!';
		bool is_on = g_hash_table_lookup(actual, name);

		if (is_not == is_on)
			list_add(is_on ? on : off, name);
		at += len;
	}
	return g_strdup_printf("%s%s%s%s", off->len ? "; not set: " : "",
		off->str, on->len ? "; set: " : "", on->str);
}

/* @depends: NULL where the source has no such option */
static void explain(GString *text, const struct option *option,
	const GString *depends, GHashTable *actual)
{
	const char *value = g_hash_table_lookup(actual, option->name);
	g_autofree char *blockers =
		depends ? unmet(depends->str, actual) : NULL;

	g_string_append_printf(text, "%sCONFIG_%s=%s of %s",
		text->len ? "; " : "", option->name,
		option->value ? option->value : "n", option->from);
	if (!depends) {
		g_string_append(text, ": this source has no such option");
		return;
	}
	g_string_append_printf(text, " is %s", value ? value : "n");
	if (!option->value)
		return;
	if (depends->len)
		g_string_append_printf(
			text, " (depends on %s%s)", depends->str, blockers);
	else
		g_string_append(
			text, " (another option selects or forbids it)");
}

static void add_lack(GStrvBuilder *lacks, const struct option *option,
	const GString *depends, GHashTable *actual)
{
	g_autoptr(GString) line = g_string_new(NULL);

	explain(line, option, depends, actual);
	g_strv_builder_add(lacks, line->str);
}

static void depends_free(gpointer key, gpointer value, gpointer user)
{
	(void)key;
	(void)user;
	if (value)
		g_string_free(value, TRUE);
}

bool config_set_check(const struct config_set *set, const char *dot_config,
	const char *src, char ***ret_lacks, GError **error)
{
	g_autoptr(GHashTable) actual = dot_config_read(dot_config, error);
	g_autoptr(GHashTable) depends = NULL;
	g_autoptr(GPtrArray) left = NULL;
	g_autoptr(GStrvBuilder) lacks = g_strv_builder_new();
	g_autoptr(GString) wrong = g_string_new(NULL);

	if (!actual)
		return false;
	left = not_stuck(set, actual);
	depends = left->len ? kconfig_depends(left, src) : NULL;
	for (guint i = 0; i < left->len; i++) {
		struct option *option = g_ptr_array_index(left, i);
		GString *on = g_hash_table_lookup(depends, option->name);

		if (option->need == OPTION_MAY ||
			(option->need == OPTION_SHIPPED && !on))
			add_lack(lacks, option, on, actual);
		else
			explain(wrong, option, on, actual);
	}
	if (depends)
		g_hash_table_foreach(depends, depends_free, NULL);
	if (wrong->len)
		return fail(error, CONFIG, "options that did not stick: %s",
			wrong->str);
	*ret_lacks = g_strv_builder_end(lacks);
	return true;
}

char **config_set_missing(
	const struct config_set *set, const char *dot_config, GError **error)
{
	g_autoptr(GHashTable) actual = dot_config_read(dot_config, error);
	g_autoptr(GPtrArray) left = NULL;
	g_autoptr(GStrvBuilder) lines = g_strv_builder_new();

	if (!actual)
		return NULL;
	left = not_stuck(set, actual);
	for (guint i = 0; i < left->len; i++) {
		struct option *option = g_ptr_array_index(left, i);
		const char *value = g_hash_table_lookup(actual, option->name);
		g_autofree char *line = g_strdup_printf(
			"CONFIG_%s is %s, wanted %s (%s)", option->name,
			value ? value : "n",
			option->value ? option->value : "n", option->from);

		g_strv_builder_add(lines, line);
	}
	return g_strv_builder_end(lines);
}
