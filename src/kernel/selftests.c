// SPDX-License-Identifier: GPL-2.0-only
/* The mm selftests of a kernel's source, built for the guest. */
#include "kernel/internal.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_NAME "build.log"

/* Rules and helper are inputs as the source is. */
static char *selftests_key(const struct kernel_spec *spec,
	const char *const *programs, GError **error)
{
	static const char *const ours[] = {
		"selftests/selftests.mk", "selftests/line_buffered.c"};
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *identity = source_identity(spec, error);

	if (!identity)
		return NULL;
	g_checksum_update(sum, (const guchar *)identity, -1);
	for (gsize i = 0; i < G_N_ELEMENTS(ours); i++) {
		g_autofree char *path = images_path(ours[i]);
		g_autofree char *text = NULL;

		if (!g_file_get_contents(path, &text, NULL, error))
			return NULL;
		g_checksum_update(sum, (const guchar *)text, -1);
	}
	for (; *programs; programs++)
		g_checksum_update(
			sum, (const guchar *)*programs, strlen(*programs) + 1);
	return g_strndup(g_checksum_get_string(sum), 16);
}

static void log_line(const char *line, void *user)
{
	fprintf(user, "%s\n", line);
}

/* A program that does not build is told in the log and missing in the folder:
 * that the others are there counts. */
static bool selftests_make(
	const char *dir, const char *const *programs, int lock, GError **error)
{
	g_autofree char *rules = images_path("selftests/selftests.mk");
	g_autofree char *names = g_strjoinv(" ", (char **)programs);
	g_autofree char *src = g_strconcat("SRC=", dir, "/src", NULL);
	g_autofree char *list = g_strconcat("PROGRAMS=", names, NULL);
	g_autofree char *jobs = g_strdup_printf("-j%u", g_get_num_processors());
	g_autofree char *log_path = g_build_filename(dir, LOG_NAME, NULL);
	const char *argv[] = {"make", "-k", jobs, "--no-print-directory", "-C",
		dir, "-f", rules, "ROOT=" RMAPTORTURE_SOURCE_DIR, src, list,
		NULL};
	g_autofree char *built = g_build_filename(dir, "programs", NULL);
	FILE *log = fopen(log_path, "we");
	int status;
	bool ok;

	if (!log)
		return fail(error, BROKEN, "cannot write '%s': %s", log_path,
			g_strerror(errno));
	ok = run_lines(argv, lock, log_line, log, &status, error);
	fclose(log);
	if (!ok)
		return false;
	if (status >= 128)
		return fail(error, BROKEN, "make was killed in '%s'", dir);
	if (!g_file_test(built, G_FILE_TEST_IS_DIR))
		return fail(
			error, BUILD, "no selftest builds: see '%s'", log_path);
	return true;
}

static bool selftests_build(const struct kernel_spec *spec,
	const char *const *programs, const char *dir, int lock,
	kernel_progress_fn progress, void *user, GError **error)
{
	struct kernel_progress now = {.phase = "selftests"};
	g_autofree char *temp = g_strconcat(dir, ".tmp", NULL);
	g_autofree char *src = g_build_filename(temp, "src", NULL);
	g_autofree char *headers = g_build_filename(temp, "headers", NULL);
	const char *rm[] = {"rm", "-rf", temp, NULL};
	const char *rm_inputs[] = {"rm", "-rf", src, headers, NULL};

	if (!run_ok(rm, error) || !mkdir_all(temp, error) ||
		!source_stage(spec, src, progress, user, error))
		return false;
	if (progress)
		progress(&now, user);
	if (!selftests_make(temp, programs, lock, error) ||
		!run_ok(rm_inputs, error))
		return false;
	if (g_rename(temp, dir))
		return fail(error, BROKEN, "cannot rename '%s': %s", temp,
			g_strerror(errno));
	return true;
}

char *kernel_selftests_ensure(const struct kernel_spec *spec,
	const char *const *programs, kernel_progress_fn progress, void *user,
	GError **error)
{
	g_autofree char *key = selftests_key(spec, programs, error);
	g_autofree char *top = cache_path("selftests", NULL);
	g_autofree char *dir = NULL;
	bool ok;
	int lock;

	if (!key || !mkdir_all(top, error))
		return NULL;
	dir = g_build_filename(top, key, NULL);
	lock = lock_take(top, NULL, NULL, error);
	if (lock < 0)
		return NULL;
	ok = g_file_test(dir, G_FILE_TEST_IS_DIR) ||
	     selftests_build(spec, programs, dir, lock, progress, user, error);
	close(lock);
	return ok ? g_build_filename(dir, "programs", NULL) : NULL;
}
