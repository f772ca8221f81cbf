/* SPDX-License-Identifier: GPL-2.0-only */
/* The folder of a run: its lock, what a killed run left, new findings. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define CORPUS_FILE_MAX (1u << 20) /* longer ones are not ours to judge */

struct store {
	char *dir, *corpus, *spool, *crashes;
	int lock;
	gboolean full;
};

static gboolean take_lock(struct store *store, GError **error)
{
	g_autofree char *path = g_build_filename(store->dir, "lock", NULL);
	char pid[32];
	int len;

	store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (store->lock < 0)
		return store_fail(error, errno, "open '%s'", path);
	if (flock(store->lock, LOCK_EX | LOCK_NB)) {
		ssize_t n = read(store->lock, pid, sizeof(pid) - 1);

		pid[n > 0 ? n : 0] = '\0';
		g_set_error(error, STORE_ERROR, STORE_ERROR_LOCKED,
			"'%s' is in use by another run (process %s): wait for "
			"it or choose another --out",
			store->dir, n > 0 ? g_strstrip(pid) : "unknown");
		return FALSE;
	}
	/* who holds it is told to humans only, so a failure is no matter */
	len = g_snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(store->lock, 0) ||
		pwrite(store->lock, pid, (gsize)len, 0) < 0)
		g_clear_pointer(&path, g_free);
	return TRUE;
}

static gboolean name_is_sha1(const char *name)
{
	return strlen(name) == 40 && strspn(name, "0123456789abcdef") == 40;
}

/*
 * libFuzzer writes corpus files in place and names them by their SHA-1: one
 * that does not match was cut by a kill.
 */
static void corpus_clean(const char *corpus)
{
	g_autoptr(GDir) dir = g_dir_open(corpus, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = NULL, *bytes = NULL, *sum = NULL;
		gsize len;

		if (!name_is_sha1(name))
			continue;
		path = g_build_filename(corpus, name, NULL);
		if (!g_file_get_contents(path, &bytes, &len, NULL) ||
			len > CORPUS_FILE_MAX)
			continue;
		sum = g_compute_checksum_for_data(
			G_CHECKSUM_SHA1, (const guchar *)bytes, len);
		if (strcmp(sum, name) != 0)
			(void)g_unlink(path);
	}
}

static void crashes_clean(const char *crashes)
{
	g_autoptr(GDir) dir = g_dir_open(crashes, 0, NULL);
	const char *name;

	dir_clean(crashes);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(crashes, name, NULL);

		dir_clean(path);
	}
}

struct store *store_open(const char *dir, GError **error)
{
	SCOPED(store_closep) struct store *store = g_new0(struct store, 1);

	store->lock = -1;
	store->dir = g_strdup(dir);
	store->corpus = g_build_filename(dir, "corpus", NULL);
	store->spool = g_build_filename(dir, "spool", NULL);
	store->crashes = g_build_filename(dir, "crashes", NULL);
	if (!dir_make(dir, error) || !take_lock(store, error) ||
		!dir_make(store->corpus, error) ||
		!dir_make(store->spool, error) ||
		!dir_make(store->crashes, error))
		return NULL;
	dir_clean(dir);
	dir_clean(store->spool);
	crashes_clean(store->crashes);
	corpus_clean(store->corpus);
	return g_steal_pointer(&store);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->lock >= 0)
		(void)close(store->lock);
	g_free(store->dir);
	g_free(store->corpus);
	g_free(store->spool);
	g_free(store->crashes);
	g_free(store);
}

const char *store_corpus(const struct store *store)
{
	return store->corpus;
}

const char *store_spool(const struct store *store)
{
	return store->spool;
}

gboolean store_is_full(const struct store *store)
{
	return store->full;
}

static gboolean write_numbered(const char *dir, const char *name, guint n,
	const char *bytes, gssize len, GError **error)
{
	g_autofree char *file = g_strdup_printf("%s%u", name, n);

	return file_write(dir, file, bytes, len, error);
}

/* "config-ID" in @dir, named by its contents and so written once */
static gboolean write_config(
	const char *dir, const char *config, char **ret_name, GError **error)
{
	g_autofree char *sum =
		g_compute_checksum_for_string(G_CHECKSUM_SHA1, config, -1);
	g_autofree char *path = NULL;

	*ret_name = g_strdup_printf("config-%.12s", sum);
	path = g_build_filename(dir, *ret_name, NULL);
	return g_file_test(path, G_FILE_TEST_EXISTS) ||
	       file_write(dir, *ret_name, config, -1, error);
}

static gboolean write_machine(const char *dir, guint n,
	const struct finding_input *input, GError **error)
{
	g_autofree char *config = NULL, *text = NULL;
	const char *machine = input->machine ? input->machine : "";

	if (input->config && !write_config(dir, input->config, &config, error))
		return FALSE;
	text = g_strdup_printf("%s%s%s%s%s", machine,
		*machine && !g_str_has_suffix(machine, "\n") ? "\n" : "",
		config ? "config: " : "", config ? config : "",
		config ? "\n" : "");
	return write_numbered(dir, "machineInfo", n, text, -1, error);
}

static gboolean write_report(const char *dir, guint n,
	const struct finding_input *input, GError **error)
{
	g_autofree char *text = NULL;
	gsize end = MIN(input->report_end, input->console_len);
	gsize start = MIN(input->report_start, end);

	if (input->console && start < end)
		return write_numbered(dir, "report", n, input->console + start,
			(gssize)(end - start), error);
	text = g_strdup_printf("%s\n%s%s", input->title,
		input->detail ? input->detail : "", input->detail ? "\n" : "");
	return write_numbered(dir, "report", n, text, -1, error);
}

/* Entry @n, all but title-stat */
static gboolean write_entry(const char *dir, guint n,
	const struct finding_input *input, GError **error)
{
	g_autofree char *log = store_log_print(
		input->title, input->detail, input->flight, input->nr_lanes);

	return write_numbered(dir, "console", n,
		       input->console ? input->console : "",
		       input->console ? (gssize)input->console_len : 0,
		       error) &&
	       write_report(dir, n, input, error) &&
	       write_numbered(dir, "tag", n, input->tag ? input->tag : "", -1,
		       error) &&
	       write_machine(dir, n, input, error) &&
	       write_numbered(dir, "log", n, log, -1, error) &&
	       dir_sync(dir, error);
}

static char *time_text(gint64 seconds)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);

	return g_date_time_format_iso8601(time);
}

static gboolean write_stat(
	const char *dir, const struct finding *finding, GError **error)
{
	g_autofree char *first = time_text(finding->first);
	g_autofree char *last = time_text(finding->last);
	g_autofree char *text = g_strdup_printf("count: %" G_GUINT64_FORMAT
						"\nfirst: %s\nlast: %s\n"
						"newest: %u\n",
		finding->count, first, last, finding->newest);

	return file_write(dir, "title-stat", text, -1, error) &&
	       dir_sync(dir, error);
}

/* A new folder appears by one rename, with its first entry in it */
static gboolean add_first(const char *crashes, const char *dir,
	const struct finding_input *input, GError **error)
{
	struct finding stat = {
		.count = 1, .first = g_get_real_time() / G_USEC_PER_SEC};
	g_autofree char *tmp = g_strdup_printf(
		"%s/" TMP_PREFIX "new-%d", crashes, (int)getpid());
	g_autofree char *line = g_strdup_printf("%s\n", input->title);

	stat.last = stat.first;
	tree_remove(tmp);
	tree_remove(dir); /* not whole, or it would have been loaded */
	if (dir_make(tmp, error) &&
		file_write(tmp, "description", line, -1, error) &&
		write_entry(tmp, 0, input, error) &&
		write_stat(tmp, &stat, error)) {
		if (!rename(tmp, dir))
			return dir_sync(crashes, error);
		store_fail(error, errno, "rename to '%s'", dir);
	}
	tree_remove(tmp);
	return FALSE;
}

static gboolean add_next(struct finding *finding,
	const struct finding_input *input, GError **error)
{
	guint n = (finding->newest + 1) % STORE_LOGS_MAX;

	if (!write_entry(finding->dir, n, input, error))
		return FALSE;
	finding->count++;
	finding->newest = n;
	finding->last = g_get_real_time() / G_USEC_PER_SEC;
	return write_stat(finding->dir, finding, error);
}

gboolean store_add(struct store *store, const struct finding_input *input,
	gboolean *ret_new, char **ret_dir, GError **error)
{
	SCOPED(finding_freep) struct finding *finding = NULL;
	g_autoptr(GError) reason = NULL;
	g_autofree char *dir = NULL;
	char hash[41];
	gboolean ok;

	if (store->full)
		return store_fail(error, ENOSPC,
			"'%s' was full once, nothing is added any more",
			store->dir);
	title_hash(input->title, hash);
	dir = g_build_filename(store->crashes, hash, NULL);
	finding = finding_load(dir, NULL);
	ok = finding ? add_next(finding, input, &reason)
		     : add_first(store->crashes, dir, input, &reason);
	if (!ok) {
		store->full = reason->code == STORE_ERROR_SPACE;
		g_propagate_error(error, g_steal_pointer(&reason));
		return FALSE;
	}
	if (ret_new)
		*ret_new = finding == NULL;
	if (ret_dir)
		*ret_dir = g_steal_pointer(&dir);
	return TRUE;
}

static struct store_log *spool_load(const char *path)
{
	g_autofree struct store_log *log = NULL;
	g_autofree char *text = NULL;
	gsize len;

	if (!g_file_get_contents(path, &text, &len, NULL) ||
		len > STORE_SPOOL_MAX)
		return NULL;
	log = store_log_parse(text, len, NULL);
	if (log && !*log->title)
		return NULL;
	return g_steal_pointer(&log);
}

struct store_log *store_spool_take(struct store *store, char **ret_path)
{
	g_autoptr(GDir) dir = g_dir_open(store->spool, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = NULL, *bad = NULL;
		struct store_log *log;

		if (name[0] == '.' || g_str_has_suffix(name, ".bad"))
			continue;
		path = g_build_filename(store->spool, name, NULL);
		log = spool_load(path);
		if (log) {
			*ret_path = g_steal_pointer(&path);
			return log;
		}
		bad = g_strconcat(path, ".bad", NULL);
		(void)g_rename(path, bad);
	}
	return NULL;
}

void store_spool_done(struct store *store, const char *path)
{
	(void)g_unlink(path);
	(void)dir_sync(store->spool, NULL);
}
