/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/host.h"

#include <fcntl.h>
#include <fts.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SCRATCH_NAME "rmaptorture-pid" /* and the pid, and a dash */
#define LOG_EVERY_S  15 /* lines of progress where no terminal shows them */

G_DEFINE_QUARK(rmaptorture - host - error - quark, host_error)

static guint64 choose_seed(void)
{
	return ((guint64)g_random_int() << 32 | g_random_int()) >> 1;
}

static void finish_options(struct host_options *ret)
{
	if (!ret->seed)
		ret->seed = choose_seed();
	ret->cache =
		g_build_filename(g_get_user_cache_dir(), "rmaptorture", NULL);
}

gboolean host_parse(int *argc, char ***argv, GOptionEntry *extra,
	const char *usage, const char *summary, struct host_options *ret)
{
	GOptionEntry common[] = {
		{"seed", 0, 0, G_OPTION_ARG_INT64, &ret->seed,
			"seed of everything random (0: choose and print)", "N"},
		{"json", 0, 0, G_OPTION_ARG_FILENAME, &ret->json,
			"write the result there as one object", "FILE"},
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &ret->quiet,
			"no progress on stderr", NULL},
		{"dry-run", 0, 0, G_OPTION_ARG_NONE, &ret->dry_run,
			"print the QEMU command line and stop", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	g_autoptr(GOptionContext) context = g_option_context_new(usage);
	g_autoptr(GError) error = NULL;
	g_autofree char *name = g_strdup_printf("rmaptorture %s", (*argv)[0]);

	*ret = (struct host_options){0};
	g_set_prgname(name);
	g_option_context_set_summary(context, summary);
	g_option_context_add_main_entries(context, extra, NULL);
	g_option_context_add_main_entries(context, common, NULL);
	if (!g_option_context_parse(context, argc, argv, &error)) {
		fprintf(stderr, "%s: %s; see `%s --help`\n", name,
			error->message, name);
		return FALSE;
	}
	finish_options(ret);
	return TRUE;
}

void host_options_clear(struct host_options *options)
{
	g_clear_pointer(&options->json, g_free);
	g_clear_pointer(&options->cache, g_free);
}

gint64 host_seconds(const char *option, const char *text)
{
	static const struct {
		char unit;
		gint64 seconds;
	} units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	gint64 n = g_ascii_strtoll(text, &end, 10);

	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		if (end != text && n > 0 && n < G_MAXINT32 &&
			*end == units[i].unit && (!*end || !end[1]))
			return n * units[i].seconds;
	}
	fprintf(stderr,
		"rmaptorture: %s '%s': want a time such as 90s, 30m or 8h\n",
		option, text);
	return -1;
}

void host_progress(const struct host_options *options, gboolean transient,
	const char *format, ...)
{
	gboolean terminal = isatty(STDERR_FILENO);
	static gint64 next_transient;
	gint64 now = g_get_monotonic_time();
	g_autofree char *line = NULL;
	va_list args;

	if (options->quiet || (!terminal && transient && now < next_transient))
		return;
	if (transient)
		next_transient = now + LOG_EVERY_S * G_USEC_PER_SEC;
	va_start(args, format);
	line = g_strdup_vprintf(format, args);
	va_end(args);
	if (terminal)
		fprintf(stderr, "\r\033[K%s%s", line, transient ? "" : "\n");
	else
		fprintf(stderr, "%s\n", line);
	fflush(stderr);
}

int host_fail(const char *command, const GError *error)
{
	fprintf(stderr, "rmaptorture %s: %s\n", command, error->message);
	return EXIT_BROKEN;
}

/* What killed processes have left: the name says whose it was. */
static void scratch_clean(void)
{
	g_autoptr(GDir) shm = g_dir_open("/dev/shm", 0, NULL);
	const char *name;

	while (shm && (name = g_dir_read_name(shm))) {
		g_autofree char *dir = g_build_filename("/dev/shm", name, NULL);
		int pid;

		if (sscanf(name, SCRATCH_NAME "%d-", &pid) == 1 && pid > 0 &&
			kill(pid, 0) && errno == ESRCH)
			host_dir_remove(dir);
	}
}

char *host_scratch(GError **error)
{
	g_autofree char *dir = g_strdup_printf(
		"/dev/shm/" SCRATCH_NAME "%d-XXXXXX", (int)getpid());

	scratch_clean();
	if (g_mkdtemp(dir))
		return g_steal_pointer(&dir);
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"cannot make a folder in /dev/shm: %s; it must be a writable "
		"tmpfs",
		g_strerror(errno));
	return NULL;
}

void host_dir_remove(const char *dir)
{
	g_autoptr(GDir) open = g_dir_open(dir, 0, NULL);
	const char *name;

	while (open && (name = g_dir_read_name(open))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);

		if (g_file_test(path, G_FILE_TEST_IS_DIR) &&
			!g_file_test(path, G_FILE_TEST_IS_SYMLINK))
			host_dir_remove(path);
		else
			g_unlink(path);
	}
	g_rmdir(dir);
}

guint64 host_dir_bytes(const char *dir)
{
	char *roots[] = {(char *)dir, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	guint64 blocks = 0;
	FTSENT *entry;

	while (fts && (entry = fts_read(fts))) {
		/* a file that has several names counts in part */
		if (entry->fts_info == FTS_F)
			blocks += (guint64)entry->fts_statp->st_blocks /
				  MAX(entry->fts_statp->st_nlink, 1);
	}
	if (fts)
		(void)fts_close(fts);
	return blocks * 512;
}

guint host_count_files(const char *dir)
{
	g_autoptr(GDir) open = g_dir_open(dir, 0, NULL);
	guint nr = 0;

	while (open && g_dir_read_name(open))
		nr++;
	return nr;
}

void host_scratch_free(char *dir)
{
	if (dir)
		host_dir_remove(dir);
	g_free(dir);
}

void *host_map_file(const char *path, gsize len, int prot, GError **error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	void *map = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, (off_t)len))
		map = mmap(NULL, len, prot, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"cannot map '%s': %s", path, g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return map == MAP_FAILED ? NULL : map;
}

char *host_executable_dir(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);

	return self ? g_path_get_dirname(self)
		    : g_strdup(RMAPTORTURE_BINARY_DIR);
}
