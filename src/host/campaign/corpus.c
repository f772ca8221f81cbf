/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Corpora are folders of files that are named by the SHA-1 of what they hold:
 * to give a program to another kernel is to link it, to minimize a corpus is
 * to unlink. Both can be cut short at any time. A corpus has two parts: an
 * engine runs all of its own before it makes anything new, so a round gets no
 * more than it has time for, and the rest is on the shelf.
 */
#include "host/campaign/run.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE_BYTES (1 << 20)

static gboolean is_sha1(const char *name)
{
	return strlen(name) == 40 && strspn(name, "0123456789abcdef") == 40;
}

/* What the engines work with, and what waits for another round */
#define CORPUS "corpus"
#define SHELF  "shelf"

static char *corpus_path(const struct campaign *c,
	const struct campaign_entry *entry, const char *part)
{
	return g_build_filename(c->conf->out, entry->folder, part, NULL);
}

guint corpus_count(const struct campaign *c, const struct campaign_entry *entry)
{
	g_autofree char *corpus = corpus_path(c, entry, CORPUS);

	return host_count_files(corpus);
}

guint corpus_count_all(
	const struct campaign *c, const struct campaign_entry *entry)
{
	g_autofree char *shelf = corpus_path(c, entry, SHELF);

	return corpus_count(c, entry) + host_count_files(shelf);
}

/* ---- from the others ---- */

static GHashTable *seen_load(const char *path)
{
	GHashTable *seen =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return seen;
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		if (is_sha1(*line))
			g_hash_table_add(seen, g_strdup(*line));
	}
	return seen;
}

/* Another machine's folder may be on another file system. */
static gboolean bring(const char *from, const char *to)
{
	g_autofree char *text = NULL;
	gsize len;

	if (!link(from, to) || errno == EEXIST)
		return TRUE;
	return errno == EXDEV && g_file_get_contents(from, &text, &len, NULL) &&
	       g_file_set_contents(to, text, (gssize)len, NULL);
}

static void bring_new(
	const char *from, const char *to, GHashTable *seen, FILE *seen_file)
{
	g_autoptr(GDir) dir = g_dir_open(from, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *old = g_build_filename(from, name, NULL);
		g_autofree char *new = g_build_filename(to, name, NULL);

		if (!is_sha1(name) || g_hash_table_contains(seen, name))
			continue;
		if (!bring(old, new))
			return;
		g_hash_table_add(seen, g_strdup(name));
		fprintf(seen_file, "%s\n", name);
	}
}

/* A new one is both in the set and in the file, which may be NULL: then none
 * can be brought */
static FILE *seen_open(const struct campaign *c,
	const struct campaign_entry *entry, GHashTable **ret_seen)
{
	g_autofree char *folder = campaign_folder(c, entry);
	g_autofree char *path = g_build_filename(folder, "seen", NULL);

	*ret_seen = seen_load(path);
	return fopen(path, "ae");
}

static void seen_close(GHashTable *seen, FILE *file)
{
	g_hash_table_unref(seen);
	if (file)
		fclose(file);
}

void corpus_take(struct campaign *c, const struct campaign_entry *entry)
{
	const char *const parts[] = {CORPUS, SHELF};
	g_autofree char *to = corpus_path(c, entry, SHELF);
	GHashTable *seen;
	FILE *file;

	g_mkdir_with_parents(to, 0755);
	file = seen_open(c, entry, &seen);
	for (guint i = 0; file && i < c->conf->entries->len; i++) {
		const struct campaign_entry *other = c->conf->entries->pdata[i];

		for (guint k = 0; other != entry && k < 2; k++) {
			g_autofree char *from = corpus_path(c, other, parts[k]);

			bring_new(from, to, seen, file);
		}
	}
	if (file && c->conf->exchange)
		bring_new(c->conf->exchange, to, seen, file);
	seen_close(seen, file);
}

void corpus_give(const struct campaign *c, const struct campaign_entry *entry)
{
	g_autofree char *corpus = corpus_path(c, entry, CORPUS);
	GHashTable *seen;
	FILE *file;

	if (!c->conf->exchange)
		return;
	file = seen_open(c, entry, &seen);
	if (file)
		bring_new(corpus, c->conf->exchange, seen, file);
	seen_close(seen, file);
}

/* ---- what a round begins with ---- */

static void move_name(const char *from, const char *to, const char *name)
{
	g_autofree char *old = g_build_filename(from, name, NULL);
	g_autofree char *new = g_build_filename(to, name, NULL);

	/* two links of one file: rename() would leave both */
	if (g_file_test(new, G_FILE_TEST_EXISTS))
		(void)g_unlink(old);
	else
		(void)g_rename(old, new);
}

/* @max of them, drawn by @rng */
static void move_some(
	const char *from, const char *to, guint max, struct rng *rng)
{
	g_autoptr(GPtrArray) names = programs_draw(from, max, rng);

	for (guint i = 0; i < names->len; i++)
		move_name(from, to, names->pdata[i]);
}

void corpus_deal(struct campaign *c, const struct campaign_entry *entry,
	guint max, struct rng *rng)
{
	g_autofree char *corpus = corpus_path(c, entry, CORPUS);
	g_autofree char *shelf = corpus_path(c, entry, SHELF);

	g_mkdir_with_parents(corpus, 0755);
	g_mkdir_with_parents(shelf, 0755);
	if (corpus_count_all(c, entry) > max)
		move_some(corpus, shelf, G_MAXUINT, rng);
	move_some(shelf, corpus, max, rng);
}

/* ---- what is kept ---- */

guint corpus_keep(const struct campaign *c, const struct campaign_entry *entry,
	const char *kept)
{
	g_autofree char *path = corpus_path(c, entry, CORPUS);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	guint nr = 0;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		g_autofree char *same = g_build_filename(kept, name, NULL);

		if (is_sha1(name) && !g_file_test(same, G_FILE_TEST_EXISTS))
			nr += !g_unlink(file);
	}
	return nr;
}

/* ---- to begin with ---- */

static gboolean exchange_make(const char *dir, GError **error)
{
	if (!dir || !g_mkdir_with_parents(dir, 0755))
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"exchange '%s': %s; make the folder, or leave out the key", dir,
		g_strerror(errno));
	return FALSE;
}

gboolean corpus_start(struct campaign *c, GError **error)
{
	const char *paths[] = {RMAPTORTURE_SOURCE_DIR "/corpus/seeds",
		RMAPTORTURE_SOURCE_DIR "/corpus/pairs", c->conf->corpus, NULL};
	g_autoptr(GPtrArray) progs = programs_load(paths, error);

	if (!progs || !exchange_make(c->conf->exchange, error))
		return FALSE;
	g_mkdir_with_parents(c->start, 0755);
	return programs_copy(progs, c->start, error);
}

/* ---- room ---- */

guint disk_mib(const char *dir)
{
	return (guint)(host_dir_bytes(dir) >> 20);
}

gboolean disk_has_room(const struct campaign *c)
{
	g_autofree char *path =
		g_build_filename(c->conf->out, ".tmp-room", NULL);
	g_autofree char *bytes = g_malloc0(PROBE_BYTES);
	gboolean ok;

	if (disk_mib(c->conf->out) >= c->conf->disk_mib)
		return FALSE;
	ok = g_file_set_contents_full(path, bytes, PROBE_BYTES,
		G_FILE_SET_CONTENTS_DURABLE, 0644, NULL);
	(void)g_unlink(path);
	return ok;
}
