/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's counters: /proc/vmstat, and what is computed beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stress/stress.h"

#define KSM_SHARING "/sys/kernel/mm/ksm/pages_sharing"

static uint64_t last[VMSTAT_NR];

uint64_t sample_key(const char *path, const char *key)
{
	size_t len = strlen(key);
	FILE *file = fopen(path, "re");
	uint64_t value = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, key, len) && line[len] == ' ')
			value = strtoull(line + len + 1, NULL, 10);
	}
	if (file)
		fclose(file);
	return value;
}

static uint64_t read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned long long value = 0;

	if (file && fscanf(file, "%llu", &value) != 1)
		value = 0;
	if (file)
		fclose(file);
	return value;
}

static void read_vmstat(uint64_t ret[VMSTAT_NR])
{
	FILE *file = fopen("/proc/vmstat", "re");
	char key[64];
	unsigned long long value;

	while (file && fscanf(file, "%63s %llu", key, &value) == 2) {
		for (uint32_t i = 0; i < VMSTAT_NR; i++) {
			if (!strcmp(key, vmstat_name(i)))
				ret[i] = value;
		}
	}
	if (file)
		fclose(file);
	ret[VMSTAT_forks] = sample_key("/proc/stat", "processes");
	ret[VMSTAT_ksm_merges] = read_number(KSM_SHARING);
}

void sample_begin(void)
{
	read_vmstat(last);
}

/* pages_sharing rises by merges and falls by what un-merges: rises are merges,
 * at the least so many. */
void sample_take(struct board *board)
{
	uint64_t now[VMSTAT_NR] = {0};

	read_vmstat(now);
	for (uint32_t i = 0; i < VMSTAT_NR; i++) {
		if (now[i] > last[i])
			board->vmstat[i] += now[i] - last[i];
		last[i] = now[i];
	}
}

uint64_t sample_cgroup(const struct job *job)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/memory.stat", job->cgroup);
	return sample_key(path, "pgsteal");
}
