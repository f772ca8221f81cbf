// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/internal.h"

#include <errno.h>
#include <fnmatch.h>
#include <fts.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What a source tree of the user may hold and is not source; patterns as
 * rsync reads them: with a leading slash from the top, else a name anywhere.
 */
static const char *const not_source[] = {".git", "*.o", "*.a", "*.ko", "*.cmd",
	"*.mod", "modules.order", "/.config", "/.config.old", "/vmlinux",
	"/System.map", "/Module.symvers", "/include/config",
	"/include/generated", "/arch/x86/include/generated", NULL};

static bool is_source(const char *path, const char *name)
{
	for (const char *const *p = not_source; *p; p++) {
		if (**p == '/' ? !strcmp(*p, path) : !fnmatch(*p, name, 0))
			return false;
	}
	return true;
}

static int by_name(const FTSENT **one, const FTSENT **two)
{
	return strcmp((*one)->fts_name, (*two)->fts_name);
}

static void entry_hash(GChecksum *sum, const char *path, const struct stat *st)
{
	g_autofree char *line = g_strdup_printf("%s %o %lld %lld.%09ld\n", path,
		(unsigned)st->st_mode, (long long)st->st_size,
		(long long)st->st_mtim.tv_sec, (long)st->st_mtim.tv_nsec);

	g_checksum_update(sum, (const guchar *)line, -1);
}

/* Names, sizes and times of all files: contents would take a minute. */
static char *tree_identity(const char *dir, GError **error)
{
	char *roots[] = {(char *)dir, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize root_len = strlen(dir);
	FTSENT *entry;

	while (fts && (entry = fts_read(fts))) {
		const char *path = entry->fts_path + root_len;

		if (*path && !is_source(path, entry->fts_name))
			(void)fts_set(fts, entry, FTS_SKIP);
		else if (entry->fts_info == FTS_F || entry->fts_info == FTS_SL)
			entry_hash(sum, path, entry->fts_statp);
	}
	if (!fts) {
		(void)fail(error, BROKEN, "cannot read '%s': %s", dir,
			g_strerror(errno));
		return NULL;
	}
	(void)fts_close(fts);
	return g_strdup_printf("tree %s %s", dir, g_checksum_get_string(sum));
}

static char *tarball_path(const char *base)
{
	return g_strdup_printf("/usr/src/linux-source-%s.tar.xz", base);
}

static char *file_sha256(const char *path, GError **error)
{
	g_autoptr(GMappedFile) map = g_mapped_file_new(path, FALSE, error);

	if (!map)
		return NULL;
	return g_compute_checksum_for_data(G_CHECKSUM_SHA256,
		(const guchar *)g_mapped_file_get_contents(map),
		g_mapped_file_get_length(map));
}

/* Hash of the tarball; remembered as long as its size and time stay. */
static char *tarball_sha256(const char *base, GError **error)
{
	g_autofree char *path = tarball_path(base);
	g_autofree char *dir = cache_path("bases", NULL);
	g_autofree char *memo = g_strdup_printf("%s/%s.sum", dir, base);
	g_autofree char *stamp = NULL, *known = NULL, *line = NULL;
	struct stat st;
	char *sha;

	if (stat(path, &st)) {
		(void)fail(error, MISSING,
			"base %s: '%s' is not there: apt-get install "
			"linux-source-%s",
			base, path, base);
		return NULL;
	}
	stamp = g_strdup_printf("%lld %lld ", (long long)st.st_size,
		(long long)st.st_mtim.tv_sec);
	if (g_file_get_contents(memo, &known, NULL, NULL) &&
		g_str_has_prefix(known, stamp))
		return g_strstrip(g_strdup(known + strlen(stamp)));
	sha = file_sha256(path, error);
	line = g_strdup_printf("%s%s\n", stamp, sha ? sha : "");
	if (sha && mkdir_all(dir, NULL))
		(void)g_file_set_contents(memo, line, -1, NULL);
	return sha;
}

char *source_identity(const struct kernel_spec *spec, GError **error)
{
	g_autofree char *sha = NULL;

	if (spec->src_dir && !g_file_test(spec->src_dir, G_FILE_TEST_IS_DIR)) {
		(void)fail(error, MISSING, "source tree '%s' is not there",
			spec->src_dir);
		return NULL;
	}
	if (spec->src_dir)
		return tree_identity(spec->src_dir, error);
	sha = tarball_sha256(spec->base, error);
	return sha ? g_strdup_printf("base %s %s", spec->base, sha) : NULL;
}

static bool unpack(const char *tarball, const char *dir, GError **error)
{
	g_autofree char *temp = g_strconcat(dir, ".tmp", NULL);
	const char *rm[] = {"rm", "-rf", temp, NULL};
	const char *tar[] = {"tar", "-xJf", tarball, "-C", temp,
		"--strip-components=1", NULL};

	if (!run_ok(rm, error) || !mkdir_all(temp, error) ||
		!run_ok(tar, error))
		return false;
	if (rename(temp, dir))
		return fail(error, BROKEN, "cannot rename '%s': %s", temp,
			g_strerror(errno));
	return true;
}

/*
 * Has nobody written into the unpacked tarball? Trees are hard links to it, so
 * an editor that writes in place there changes it for all. No member of a
 * tarball is younger than the tarball.
 */
static bool is_untouched(const char *dir, const char *tarball)
{
	char *const paths[] = {(char *)dir, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	bool is_same = fts != NULL;
	struct stat st;
	FTSENT *entry;

	if (stat(tarball, &st))
		is_same = false;
	while (is_same && (entry = fts_read(fts))) {
		if (entry->fts_info == FTS_F &&
			entry->fts_statp->st_mtim.tv_sec > st.st_mtim.tv_sec)
			is_same = false;
	}
	if (fts)
		(void)fts_close(fts);
	return is_same;
}

/* The unpacked tarball, in a folder named by its hash. */
static char *base_ensure(const char *base, kernel_progress_fn progress,
	void *user, GError **error)
{
	struct kernel_progress now = {.phase = "unpack"};
	g_autofree char *sha = tarball_sha256(base, error);
	g_autofree char *tarball = tarball_path(base);
	g_autofree char *top = cache_path("bases", NULL);
	g_autofree char *dir = NULL;
	const char *rm[] = {"rm", "-rf", NULL, NULL};
	bool ok;
	int fd;

	if (!sha || !mkdir_all(top, error))
		return NULL;
	rm[2] = dir = g_strdup_printf("%s/%s-%.12s", top, base, sha);
	fd = lock_take(top, NULL, NULL, error);
	if (fd < 0)
		return NULL;
	ok = g_file_test(dir, G_FILE_TEST_IS_DIR) && is_untouched(dir, tarball);
	if (!ok && progress)
		progress(&now, user);
	ok = ok || (run_ok(rm, error) && unpack(tarball, dir, error));
	close(fd);
	return ok ? g_steal_pointer(&dir) : NULL;
}

/* Hard links: patch and tree_sync() replace a file, never write into it; and
 * see is_untouched(). */
static bool stage_base(const char *dir, const char *stage, GError **error)
{
	const char *argv[] = {"cp", "-al", dir, stage, NULL};

	return run_ok(argv, error);
}

static bool stage_tree(const char *dir, const char *stage, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(argv, g_strdup("rsync"));
	g_ptr_array_add(argv, g_strdup("-a"));
	for (const char *const *p = not_source; *p; p++)
		g_ptr_array_add(argv, g_strconcat("--exclude=", *p, NULL));
	g_ptr_array_add(argv, g_strconcat(dir, "/", NULL));
	g_ptr_array_add(argv, g_strconcat(stage, "/", NULL));
	g_ptr_array_add(argv, NULL);
	return run_ok((const char *const *)argv->pdata, error);
}

bool source_stage(const struct kernel_spec *spec, const char *stage,
	kernel_progress_fn progress, void *user, GError **error)
{
	g_autofree char *base = NULL;

	if (spec->src_dir)
		return stage_tree(spec->src_dir, stage, error);
	base = base_ensure(spec->base, progress, user, error);
	return base && stage_base(base, stage, error);
}

bool source_update(const char *stage, const char *src, GError **error)
{
	const char *rm[] = {"rm", "-rf", stage, NULL};

	if (g_file_test(src, G_FILE_TEST_IS_DIR))
		return tree_sync(stage, src, error) && run_ok(rm, error);
	if (rename(stage, src))
		return fail(error, BROKEN, "cannot rename '%s': %s", stage,
			g_strerror(errno));
	return true;
}
