/* SPDX-License-Identifier: GPL-2.0-only */
/* Another stress tool of this machine, made ready to run in a VM: the program,
 * the libraries that ldd(1) names, and its arguments. */
#include "host/stress/stress.h"

#include <gio/gio.h>
#include <string.h>

#define ROUND_S 60 /* it takes a while to come to speed */

/* Classes vm and numa and those that swap, fork, mremap and share. Its memory
 * is bounded by the cgroup, as ours is; vm workers ask for more than that. */
#define STRESS_NG                                                              \
	"stress-ng --vm 2 --vm-bytes 200m --vm-madvise mergeable "             \
	"--vm-method inc-nybble --page-in --thrash --fork 2 --fork-vm "        \
	"--mmapfork 1 --mremap 1 --numa 1 --pagemove 1 --swap 1 --pageswap 1 " \
	"--userfaultfd 1 --madvise 1 --oomable --temp-path /tmp"

static gboolean copy_file(
	const char *from, const char *dir, const char *name, GError **error)
{
	g_autofree char *to = g_build_filename(dir, name, NULL);
	g_autofree char *bytes = NULL;
	gsize len;

	return g_file_get_contents(from, &bytes, &len, error) &&
	       g_file_set_contents(to, bytes, (gssize)len, error);
}

/* "libz.so.1 => /lib/libz.so.1 (0x...)", "/lib64/ld-linux.so.2 (0x...)" */
static gboolean copy_libraries(
	const char *program, const char *dir, GError **error)
{
	const char *argv[] = {"ldd", program, NULL};
	g_autofree char *out = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
		    NULL, &out, NULL, NULL, error))
		return FALSE;
	lines = g_strsplit(out, "\n", -1);
	for (char **line = lines; *line; line++) {
		char *path = strchr(*line, '/'), *end;
		g_autofree char *name = NULL;
		gboolean loader = path && !strstr(*line, "=>");

		end = path ? strstr(path, " (") : NULL;
		if (!end)
			continue;
		*end = '\0';
		name = g_path_get_basename(path);
		if (!copy_file(path, dir, loader ? "loader" : name, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean fill(
	const char *dir, char **words, const char *program, GError **error)
{
	g_autofree char *args = g_strjoinv("\n", words + 1);
	g_autofree char *path = g_build_filename(dir, "args", NULL);

	return copy_file(program, dir, "program", error) &&
	       copy_libraries(program, dir, error) &&
	       g_file_set_contents(path, args, -1, error);
}

/* A scratch folder with the tool of @command, which the initramfs is made of.
 */
static char *folder_of(const char *command, GError **error)
{
	g_auto(GStrv) words = NULL;
	g_autofree char *program = NULL;
	char *dir;

	if (!g_shell_parse_argv(command, NULL, &words, error))
		return NULL;
	program = g_find_program_in_path(words[0]);
	if (!program) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"--peer: no program '%s' on this machine", words[0]);
		return NULL;
	}
	dir = host_scratch(error);
	if (!dir)
		return NULL;
	if (!fill(dir, words, program, error)) {
		host_scratch_free(dir);
		return NULL;
	}
	return dir;
}

struct target *stress_peer_open(const char *command, struct load *load,
	const struct target_options *t, const struct host_options *options,
	GError **error)
{
	const char *full = strcmp(command, "stress-ng") ? command : STRESS_NG;
	struct target_options own = *t;
	struct target *target;
	char *dir = folder_of(full, error);

	if (!dir)
		return NULL;
	load->stressors = 0;
	load->flags = LOAD_PEER;
	load->round_s = ROUND_S;
	own.selftests = dir;
	target = stress_target_open(&own, options, error);
	host_scratch_free(dir);
	if (target)
		target->peer = g_strdup(full);
	return target;
}
