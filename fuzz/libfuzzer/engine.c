/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libFuzzer as an engine: inputs are texts of programs, coverage is the
 * kernel's, by extra counters. All of libFuzzer's own flags work; our
 * arguments come after -ignore_remaining_args=1.
 * Source: https://llvm.org/docs/LibFuzzer.html (LLVM 14).
 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(
	uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1,
	const uint8_t *data2, size_t size2, uint8_t *out, size_t max_out,
	unsigned int seed);

/* Global, or clang 14 drops the array as write-only at -O1. libFuzzer clears
 * it before each input. */
__attribute__((section("__libfuzzer_extra_counters")))
uint8_t kernel_counters[LANE_MAP_BYTES];

static struct lane lane;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct lane_options options;
	struct why why;

	if (lane_parse_options(*argc, *argv, &options, &why) ||
		lane_open(&lane, &options, &why)) {
		fprintf(stderr, "rmaptorture-libfuzzer: %s\n", why.text);
		exit(2);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct judgment judgment;
	struct prog prog;

	if (prog_parse((const char *)data, size, &prog, NULL) ||
		!prog.nr_calls) {
		/* A feature of its own, or libFuzzer refuses to start from
		 * an empty corpus. */
		kernel_counters[0] = 1;
		return 0;
	}
	/* exit() would count as a crash; the corpus is saved file by file. */
	if (lane_run(&lane, &prog, kernel_counters, &judgment) == LANE_STOP)
		_exit(0);
	return 0;
}

size_t LLVMFuzzerCustomMutator(
	uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	return engine_vary(&lane.schedule, data, size, max_size, NULL, 0,
		lane.control->caps, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1,
	const uint8_t *data2, size_t size2, uint8_t *out, size_t max_out,
	unsigned int seed)
{
	return engine_cross(data1, size1, data2, size2, out, max_out, seed);
}
