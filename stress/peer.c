/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * peer: another stress tool in the place of ours, so that the kernel's counters
 * can be compared: the same kernel, machine, time, and bound on memory. Its
 * folder in the initramfs holds program, libraries, their loader, and "args", a
 * word a line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stress/stress.h"

#define ARGS_MAX 128

void stress_peer(struct job *job)
{
	static char words[8192];
	char *arg[ARGS_MAX + 5] = {(char *)PEER_DIR "/loader",
		(char *)"--library-path", (char *)PEER_DIR,
		(char *)PEER_DIR "/program"};
	FILE *file = fopen(PEER_DIR "/args", "re");
	size_t len = file ? fread(words, 1, sizeof(words) - 1, file) : 0;
	char *rest = words;
	uint32_t nr = 4;

	words[len] = '\0';
	while (nr < ARGS_MAX + 4 && (arg[nr] = strsep(&rest, "\n")))
		nr += arg[nr][0] != '\0';
	arg[nr] = NULL;
	if (chdir("/tmp"))
		job_broken(job, "no /tmp");
	execv(arg[0], arg);
	job_broken(job, "exec of '%s': %s", arg[0], strerror(errno));
}
