// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/internal.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Between fork and exec. */
static void die_with_parent(gpointer user)
{
	(void)user;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/*
 * Trees of one source differ in little, so what was compiled in one of them
 * serves the others: paths below the trees must not count as a difference.
 */
static void ccache_share(GSubprocessLauncher *launcher)
{
	g_autofree char *trees = cache_path("trees", NULL);

	g_subprocess_launcher_setenv(launcher, "CCACHE_BASEDIR", trees, FALSE);
	g_subprocess_launcher_setenv(launcher, "CCACHE_NOHASHDIR", "1", FALSE);
	g_subprocess_launcher_setenv(launcher, "CCACHE_MAXSIZE", "10G", FALSE);
}

static GSubprocess *spawn(const char *const *argv, int keep_fd, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE |
					  G_SUBPROCESS_FLAGS_STDERR_MERGE);
	g_autoptr(GError) cause = NULL;
	GSubprocess *child;
	int fd;

	g_subprocess_launcher_setenv(launcher, "LC_ALL", "C", TRUE);
	/* An outer make must not hand us its job server. */
	g_subprocess_launcher_unsetenv(launcher, "MAKEFLAGS");
	g_subprocess_launcher_unsetenv(launcher, "MFLAGS");
	ccache_share(launcher);
	g_subprocess_launcher_set_child_setup(
		launcher, die_with_parent, NULL, NULL);
	if (keep_fd >= 0) {
		fd = fcntl(keep_fd, F_DUPFD_CLOEXEC, 10);
		if (fd >= 0)
			g_subprocess_launcher_take_fd(launcher, fd, 9);
	}
	child = g_subprocess_launcher_spawnv(launcher, argv, &cause);
	if (!child)
		(void)fail(error, BROKEN, "cannot start '%s': %s", argv[0],
			cause->message);
	return child;
}

static int exit_status(GSubprocess *child)
{
	if (g_subprocess_get_if_exited(child))
		return g_subprocess_get_exit_status(child);
	return 128 + g_subprocess_get_term_sig(child);
}

bool run_lines(const char *const *argv, int keep_fd, run_line_fn fn, void *user,
	int *ret_status, GError **error)
{
	g_autoptr(GSubprocess) child = spawn(argv, keep_fd, error);
	g_autoptr(GDataInputStream) in = NULL;
	char *line;

	if (!child)
		return false;
	in = g_data_input_stream_new(g_subprocess_get_stdout_pipe(child));
	while ((line = g_data_input_stream_read_line(in, NULL, NULL, NULL))) {
		fn(line, user);
		g_free(line);
	}
	if (!g_subprocess_wait(child, NULL, error))
		return false;
	*ret_status = exit_status(child);
	return true;
}

static void append_line(const char *line, void *user)
{
	g_string_append_printf(user, "%s\n", line);
}

bool run_capture(const char *const *argv, char **ret_out, int *ret_status,
	GError **error)
{
	GString *out = g_string_new(NULL);

	if (!run_lines(argv, -1, append_line, out, ret_status, error)) {
		g_string_free(out, TRUE);
		return false;
	}
	if (ret_out)
		*ret_out = g_string_free(out, FALSE);
	else
		g_string_free(out, TRUE);
	return true;
}

bool run_ok(const char *const *argv, GError **error)
{
	g_autofree char *out = NULL, *command = NULL;
	int status;

	if (!run_capture(argv, &out, &status, error))
		return false;
	if (!status)
		return true;
	command = g_strjoinv(" ", (char **)argv);
	if (strstr(out, "No space left on device"))
		return fail(
			error, SPACE, "no space left on device: '%s'", command);
	return fail(error, BROKEN, "'%s' ended with status %d: %s", command,
		status, g_strstrip(out));
}

bool run_need(const char *program, const char *package, GError **error)
{
	g_autofree char *path = g_find_program_in_path(program);

	if (path)
		return true;
	return fail(error, MISSING, "'%s' is not installed: apt-get install %s",
		program, package);
}
