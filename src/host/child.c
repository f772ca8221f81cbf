/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/child.h"

#include <errno.h>
#include <gio/gunixinputstream.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LOOK_MS	  500
#define PIECE_MAX (64 * 1024)

void child_dies_with_us(gpointer parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != GPOINTER_TO_INT(parent))
		_exit(1);
}

/* Hand over what is whole of @text; the rest stays. */
static void take_lines(GString *text, const struct child_hooks *hooks)
{
	char *at = text->str, *end;

	while ((end = memchr(at, '\n', text->len - (gsize)(at - text->str)))) {
		*end = '\0';
		hooks->line(at, hooks->user);
		at = end + 1;
	}
	g_string_erase(text, 0, at - text->str);
	if (text->len >= PIECE_MAX) {
		hooks->line(text->str, hooks->user);
		g_string_truncate(text, 0);
	}
}

static void watch(GSubprocess *child, int fd, const struct child_hooks *hooks)
{
	g_autoptr(GString) text = g_string_new(NULL);
	gboolean asked = FALSE;
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char buf[4096];
	ssize_t len = 1;

	while (len > 0) {
		if (poll(&ready, 1, LOOK_MS) > 0) {
			len = read(fd, buf, sizeof(buf));
			if (len < 0 && errno == EINTR)
				len = 1;
			else if (len > 0)
				g_string_append_len(text, buf, len);
			take_lines(text, hooks);
		}
		if (!hooks->look(hooks->user))
			g_subprocess_force_exit(child);
		if (!asked && hooks->enough && hooks->enough(hooks->user)) {
			g_subprocess_send_signal(child, SIGTERM);
			asked = TRUE;
		}
	}
	if (text->len)
		hooks->line(text->str, hooks->user);
}

gboolean child_run(char *const *argv, const struct child_hooks *hooks,
	int *ret_status, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE |
					  G_SUBPROCESS_FLAGS_STDERR_MERGE);
	g_autoptr(GSubprocess) child = NULL;
	GInputStream *out;

	g_subprocess_launcher_set_child_setup(
		launcher, child_dies_with_us, GINT_TO_POINTER(getpid()), NULL);
	child = g_subprocess_launcher_spawnv(
		launcher, (const char *const *)argv, error);
	if (!child)
		return FALSE;
	out = g_subprocess_get_stdout_pipe(child);
	watch(child, g_unix_input_stream_get_fd(G_UNIX_INPUT_STREAM(out)),
		hooks);
	if (!g_subprocess_wait(child, NULL, error))
		return FALSE;
	*ret_status = g_subprocess_get_if_exited(child)
			      ? g_subprocess_get_exit_status(child)
			      : -1;
	return TRUE;
}
