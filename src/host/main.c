/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/host.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"doctor", cmd_doctor, "what this machine, and a kernel, can do"},
	{"kernel", cmd_kernel, "list, show or build kernels"},
	{"run", cmd_run, "run programs and judge them"},
	{"fuzz", cmd_fuzz, "fuzz a kernel"},
	{"stress", cmd_stress, "reclaim and migration at full force"},
	{"findings", cmd_findings, "what was found, one line each"},
	{"show", cmd_show, "one finding in full"},
	{"repro", cmd_repro, "replay a finding: k of n"},
	{"report", cmd_report, "an out folder as a page of HTML"},
	{"triage", cmd_triage, "titles for a folder of logs or programs"},
	{"selftests", cmd_selftests, "run the kernel's own mm selftests"},
	{"premerge", cmd_premerge, "test a series of patches against its base"},
	{"campaign", cmd_campaign, "fuzz kernels by turns, overnight"},
	{"bench", cmd_bench, "figures: speed, restore, and planted bugs found"},
};

static int usage(FILE *to, int status)
{
	fprintf(to, "usage: rmaptorture COMMAND [OPTION...]\n\n");
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\nEach command has --help. Exit status: 0 clean, "
		    "1 a finding, 2 usage or harness broken,\n4 skipped, "
		    "124 the budget ran out before any verdict.\n");
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr, EXIT_BROKEN);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		return usage(stdout, EXIT_CLEAN);
	if (!strcmp(argv[1], "--version")) {
		printf("rmaptorture %s\n", RMAPTORTURE_VERSION);
		return EXIT_CLEAN;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr,
		"rmaptorture: no command '%s': `rmaptorture --help` lists "
		"them\n",
		argv[1]);
	return EXIT_BROKEN;
}
