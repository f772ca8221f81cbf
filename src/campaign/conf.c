/* SPDX-License-Identifier: GPL-2.0-only */
#include "campaign.h"

#include <string.h>

#define KERNEL_GROUP "kernel "
#define STRESS_GROUP "stress "
#define SHARE_MAX    1000

G_DEFINE_QUARK(rmaptorture - campaign - error - quark, campaign_error)

/* struct source - a file, for its errors */
struct source {
	const char *path;
	GKeyFile *file;
	char **lines;
};

/* ---- where ---- */

/* The line of "[group]", or of "key=" below it; 0 where there is none. */
static guint line_of(
	const struct source *source, const char *group, const char *key)
{
	g_autofree char *head = g_strdup_printf("[%s]", group);
	gboolean inside = FALSE;

	for (guint i = 0; source->lines[i]; i++) {
		const char *line = source->lines[i];
		gsize len = key ? strlen(key) : 0;

		line += strspn(line, " \t");
		if (*line == '[') {
			inside = g_str_has_prefix(line, head);
			if (inside && !key)
				return i + 1;
		} else if (inside && key && !strncmp(line, key, len) &&
			   line[len + strspn(line + len, " \t")] == '=') {
			return i + 1;
		}
	}
	return 0;
}

static gboolean complain(const struct source *source, const char *group,
	const char *key, GError **error, const char *format, ...)
	G_GNUC_PRINTF(5, 6);
static gboolean complain(const struct source *source, const char *group,
	const char *key, GError **error, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, CAMPAIGN_ERROR, 0, "%s:%u: %s", source->path,
		line_of(source, group, key), what);
	return FALSE;
}

/* ---- values ---- */

enum kind { TEXT, COUNT, SECONDS, MIB };

/* struct key - a key, what it is, and where its value goes */
struct key {
	const char *name;
	enum kind kind;
	gsize at;
};

#define KEY(name, kind, type, member)                                          \
	{                                                                      \
		name, kind, G_STRUCT_OFFSET(struct type, member)               \
	}
static const struct key campaign_keys[] = {
	KEY("out", TEXT, campaign_conf, out),
	KEY("corpus", TEXT, campaign_conf, corpus),
	KEY("exchange", TEXT, campaign_conf, exchange),
	KEY("known", TEXT, campaign_conf, known),
	KEY("engine", TEXT, campaign_conf, engine),
	KEY("max-runtime", SECONDS, campaign_conf, seconds),
	KEY("round", SECONDS, campaign_conf, round),
	KEY("vm-age", SECONDS, campaign_conf, vm_age),
	KEY("vms", COUNT, campaign_conf, vms),
	KEY("lanes", COUNT, campaign_conf, lanes),
	KEY("memory", COUNT, campaign_conf, memory),
	KEY("replays", COUNT, campaign_conf, replays),
	KEY("disk", MIB, campaign_conf, disk_mib),
	KEY("findings", COUNT, campaign_conf, findings),
	{0},
};
static const struct key kernel_keys[] = {
	KEY("share", COUNT, campaign_entry, share),
	KEY("append", TEXT, campaign_entry, append),
	{0},
};
static const struct key stress_keys[] = {
	KEY("share", COUNT, campaign_entry, share),
	KEY("append", TEXT, campaign_entry, append),
	KEY("stressor", TEXT, campaign_entry, stressor),
	{0},
};

/* A number and one of @units, a letter each; -1 where it is none. */
static gint64 number(const char *text, const char *units, const gint64 *factors)
{
	char *end;
	gint64 n = g_ascii_strtoll(text, &end, 10);
	const char *unit;

	if (end == text || n < 0 || n > G_MAXINT32)
		return -1;
	if (!*end)
		return n;
	unit = strchr(units, *end);
	return unit && !end[1] ? n * factors[unit - units] : -1;
}

static gboolean take_value(const struct source *source, const char *group,
	const struct key *key, void *to, GError **error)
{
	static const gint64 seconds[] = {1, 60, 3600, 86400};
	static const gint64 mib[] = {1, 1024, 1024 * 1024};
	g_autofree char *text =
		g_key_file_get_string(source->file, group, key->name, error);
	gint64 n;

	if (!text)
		return FALSE;
	switch (key->kind) {
	case TEXT:
		g_free(G_STRUCT_MEMBER(char *, to, key->at));
		G_STRUCT_MEMBER(char *, to, key->at) = g_steal_pointer(&text);
		return TRUE;
	case SECONDS:
		n = number(text, "smhd", seconds);
		if (n <= 0)
			return complain(source, group, key->name, error,
				"%s=%s: want a time such as 90s, 30m or 8h",
				key->name, text);
		G_STRUCT_MEMBER(gint64, to, key->at) = n;
		return TRUE;
	case MIB:
		n = number(text, "MGT", mib);
		break;
	default:
		n = number(text, "", NULL);
	}
	if (n < 0 || n > G_MAXINT32)
		return complain(source, group, key->name, error,
			"%s=%s: want a number%s", key->name, text,
			key->kind == MIB ? " of MiB, or such as 4G" : "");
	G_STRUCT_MEMBER(guint, to, key->at) = (guint)n;
	return TRUE;
}

static char *names_of(const struct key *keys)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (const struct key *key = keys; key->name; key++)
		g_string_append_printf(
			names, "%s%s", names->len ? ", " : "", key->name);
	return g_string_free(g_steal_pointer(&names), FALSE);
}

static gboolean take_group(const struct source *source, const char *group,
	const struct key *keys, void *to, GError **error)
{
	g_auto(GStrv) names =
		g_key_file_get_keys(source->file, group, NULL, error);

	for (char **name = names; name && *name; name++) {
		const struct key *key = keys;

		while (key->name && strcmp(key->name, *name) != 0)
			key++;
		if (!key->name) {
			g_autofree char *known = names_of(keys);

			return complain(source, group, *name, error,
				"no key '%s' in [%s]: one of %s", *name, group,
				known);
		}
		if (!take_value(source, group, key, to, error))
			return FALSE;
	}
	return names != NULL;
}

/* ---- groups ---- */

static void entry_free(gpointer data)
{
	struct campaign_entry *entry = data;

	g_free(entry->name);
	g_free(entry->kernel);
	g_free(entry->stressor);
	g_free(entry->append);
	g_free(entry->folder);
	g_free(entry);
}

static gboolean take_entry(const struct source *source, const char *group,
	struct campaign_conf *conf, GError **error)
{
	gboolean stress = g_str_has_prefix(group, STRESS_GROUP);
	struct campaign_entry *entry = g_new0(struct campaign_entry, 1);
	const char *kernel = strchr(group, ' ') + 1;

	g_ptr_array_add(conf->entries, entry);
	entry->share = 1;
	entry->kernel = g_strdup(kernel);
	entry->name = g_strconcat(kernel, stress ? " stress" : "", NULL);
	entry->stressor = stress ? g_strdup("all") : NULL;
	entry->folder = g_strdelimit(g_strdup(entry->name), ":/ ", '-');
	if (!strchr(kernel, ':') ||
		(stress && g_str_has_suffix(kernel, ":user")))
		return complain(source, group, NULL, error,
			"[%s]: want NAME:PROFILE%s, as in vanilla:kasan", group,
			stress ? " of a kernel that boots" : "");
	if (!take_group(source, group, stress ? stress_keys : kernel_keys,
		    entry, error))
		return FALSE;
	if (!entry->share || entry->share > SHARE_MAX)
		return complain(source, group, "share", error,
			"share=%u: 1 to %d", entry->share, SHARE_MAX);
	return TRUE;
}

static gboolean take_groups(
	const struct source *source, struct campaign_conf *conf, GError **error)
{
	g_auto(GStrv) groups = g_key_file_get_groups(source->file, NULL);

	for (char **group = groups; *group; group++) {
		gboolean ok;

		if (!strcmp(*group, "campaign"))
			ok = take_group(
				source, *group, campaign_keys, conf, error);
		else if (g_str_has_prefix(*group, KERNEL_GROUP) ||
			 g_str_has_prefix(*group, STRESS_GROUP))
			ok = take_entry(source, *group, conf, error);
		else
			ok = complain(source, *group, NULL, error,
				"no group [%s]: [campaign], [kernel "
				"NAME:PROFILE] or [stress NAME:PROFILE]",
				*group);
		if (!ok)
			return FALSE;
	}
	if (conf->entries->len)
		return TRUE;
	g_set_error(error, CAMPAIGN_ERROR, 0,
		"%s: no kernel to fuzz: add a group [kernel vanilla:user]",
		source->path);
	return FALSE;
}

static char *default_out(const char *path)
{
	g_autofree char *name = g_path_get_basename(path);
	char *dot = strrchr(name, '.');

	if (dot && dot != name)
		*dot = '\0';
	else
		return g_strconcat(name, ".out", NULL);
	return g_steal_pointer(&name);
}

struct campaign_conf *campaign_conf_load(const char *path, GError **error)
{
	struct campaign_conf *SCOPED(campaign_conf_freep) conf =
		g_new0(struct campaign_conf, 1);
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	struct source source = {.path = path, .file = file};

	conf->entries = g_ptr_array_new_with_free_func(entry_free);
	conf->seconds = 8 * 3600;
	conf->round = 10 * 60;
	conf->vm_age = 30 * 60;
	conf->replays = 5;
	conf->disk_mib = 4096;
	conf->out = default_out(path);
	if (!g_file_get_contents(path, &text, NULL, error))
		return NULL;
	lines = g_strsplit(text, "\n", -1);
	source.lines = lines;
	if (!g_key_file_load_from_data(file, text, -1, 0, error)) {
		g_prefix_error(error, "%s: ", path);
		return NULL;
	}
	if (!take_groups(&source, conf, error))
		return NULL;
	return g_steal_pointer(&conf);
}

void campaign_conf_free(struct campaign_conf *conf)
{
	if (!conf)
		return;
	g_free(conf->out);
	g_free(conf->corpus);
	g_free(conf->exchange);
	g_free(conf->known);
	g_free(conf->engine);
	g_clear_pointer(&conf->entries, g_ptr_array_unref);
	g_free(conf);
}
