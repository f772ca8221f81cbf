/* SPDX-License-Identifier: GPL-2.0-only */
/* main: what libFuzzer calls. Its own flags:
 * https://llvm.org/docs/LibFuzzer.html (LLVM 14). Coverage is the kernel's
 * code's own, by inline counters. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "oracle/oracle.h"
#include "user/sched.h"

/* So often a mutation may overlap calls; the others find more a second. */
#define OVERLAPS_ONE_IN 4
/* and of those, so many are other calls and not another stall */
#define NEW_CALLS_ONE_IN 4
/* Of the others, so many are the next schedule of a pair: short programs */
#define SWEEPS_ONE_IN 2

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(
	uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1,
	const uint8_t *data2, size_t size2, uint8_t *out, size_t max_out,
	unsigned int seed);

static struct user_options options = {
	.checks = CHECK_WALK | CHECK_COUNTS | CHECK_CHAINS,
	.end_checks = CHECK_WALK | CHECK_ALL | CHECK_YOUNG,
};
static struct user_stats stats;

static const struct {
	const char *name;
	unsigned int bits;
} checks[] = {
	{"none", 0},
	{"walk", CHECK_WALK},
	{"all", CHECK_WALK | CHECK_ALL},
	{"young", CHECK_WALK | CHECK_YOUNG},
	{"counts", CHECK_COUNTS},
	{"chains", CHECK_CHAINS},
};

static unsigned int parse_checks(const char *list)
{
	unsigned int bits = 0;

	while (*list) {
		size_t len = strcspn(list, ","), i;

		for (i = 0; i < ARRAY_SIZE(checks); i++) {
			if (strlen(checks[i].name) == len &&
				!strncmp(checks[i].name, list, len))
				break;
		}
		if (i == ARRAY_SIZE(checks))
			broken("'%s' is no list of checks", list);
		bits |= checks[i].bits;
		list += len + (list[len] == ',');
	}
	return bits;
}

static void add_boot(const char *prefix, const char *words)
{
	size_t len = strlen(options.boot);
	int more = snprintf(options.boot + len, sizeof(options.boot) - len,
		" %s%s", prefix, words);

	if (more < 0 || (size_t)more >= sizeof(options.boot) - len)
		broken("the kernel's command line is too long");
}

static const char *value_of(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return strncmp(arg, name, len) ? NULL : arg + len;
}

static unsigned int parse_number(const char *text, unsigned long max)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (!*text || *end || !number || number > max)
		broken("'%s' is no number from 1 to %lu", text, max);
	return (unsigned int)number;
}

static void read_known(const char *path)
{
	FILE *file = fopen(path, "re");
	size_t size = 0;
	ssize_t len;

	if (!file)
		broken("cannot read '%s'", path);
	len = getdelim(&options.known, &size, '\0', file);
	(void)fclose(file);
	options.known_len = len < 0 ? 0 : (size_t)len;
}

static void parse_option(const char *arg)
{
	const char *value;

	if ((value = value_of(arg, "--boot=")))
		add_boot("", value);
	else if ((value = value_of(arg, "--mutant=")))
		add_boot("rmap_mutant=", value);
	else if ((value = value_of(arg, "--checks=")))
		options.checks = parse_checks(value);
	else if ((value = value_of(arg, "--end=")))
		options.end_checks = parse_checks(value);
	else if ((value = value_of(arg, "--against=")))
		options.against = value;
	else if ((value = value_of(arg, "--preemptions=")))
		options.preemptions = parse_number(value, 2);
	else if ((value = value_of(arg, "--at-locks=")))
		options.at_locks = parse_number(value, 2);
	else if ((value = value_of(arg, "--budget=")))
		options.budget = parse_number(value, 1000000);
	else if ((value = value_of(arg, "--known=")))
		read_known(value);
	else if (!strcmp(arg, "--results"))
		options.results = true;
	else if (!strcmp(arg, "--serve"))
		options.serves = true;
	else if (!strncmp(arg, "--", 2))
		broken("unknown option '%s'", arg);
}

static void print_stats(void)
{
	fprintf(stderr, USER_PREFIX "%llu programs, %llu calls, %llu skipped\n",
		(unsigned long long)stats.programs,
		(unsigned long long)stats.calls,
		(unsigned long long)stats.skipped);
	windows_print();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *word;

	report_init();
	for (int i = 1; i < *argc; i++)
		parse_option((*argv)[i]);
	if (model_init(options.boot, &word))
		broken("no file that is compiled knows the boot parameter '%s'",
			word);
	if (!model_has_counts())
		fputs(USER_PREFIX "struct anon_vma is another one than "
				  "counts.c knows: no counts, no chains\n",
			stderr);
	/* what is resized may go on behind its slot, by as much again */
	for (uint32_t slot = 0; slot < PROG_SLOTS; slot++)
		model_watch(prog_addr(slot, 0),
			prog_addr(slot, 0) +
				2ul * PROG_SLOT_PAGES * PROG_PAGE_SIZE);
	sched_init();
	windows_init();
	if (options.serves)
		peer_serve(&options, &stats);
	if (options.against)
		peer_start(&options);
	(void)atexit(print_stats);
	return 0;
}

static void judge(const struct prog *prog, const struct prog_result *result)
{
	struct judgment judgment;

	oracle_judge(prog, result, &judgment);
	if (judgment.verdict != VERDICT_FINDING)
		return;
	if (title_is_listed(options.known, options.known_len, judgment.title))
		return;
	finding(title_bare(judgment.title), "%s", judgment.detail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct user_view view; /* too large for a stack */
	struct prog prog;

	/* Without any coverage libFuzzer refuses to start from an empty
	 * corpus: what is no program is the empty one. */
	if (prog_parse((const char *)data, size, &prog, NULL))
		prog.nr_calls = prog.nr_stalls = 0;
	if (options.preemptions) {
		search_run(&prog, &options, &stats, &view, judge);
		return 0;
	}
	user_run(&prog, &options, &stats, &view);
	windows_note(&prog, &view.result);
	judge(&prog, &view.result);
	if (options.against)
		peer_compare(&prog, &view);
	return 0;
}

/* The text of @data as this tier can run it; 0 if nothing is left of it. */
static size_t adapt(uint8_t *data, size_t size, size_t max_size, bool overlaps)
{
	char buf[PROG_TEXT_MAX];
	struct prog prog;
	struct text text;

	if (prog_parse((const char *)data, size, &prog, NULL))
		return 0;
	user_adapt(&prog, overlaps);
	text_init(&text, buf, sizeof(buf));
	prog_print(&prog, &text);
	if (!prog.nr_calls || text.full || text.len > max_size)
		return 0;
	memcpy(data, buf, text.len);
	return text.len;
}

/* Calls of @data with a stall that @choose takes; 0: there is no place for one.
 */
static size_t stall(uint8_t *data, size_t size, size_t max_size, uint64_t seed,
	bool (*choose)(struct prog *prog, const struct user_options *options,
		struct rng *rng))
{
	struct prog prog;
	struct rng rng;

	rng_seed(&rng, seed);
	if (prog_parse((const char *)data, size, &prog, NULL) ||
		!prog.nr_calls || !choose(&prog, &options, &rng))
		return 0;
	size = engine_print(&prog, data, max_size);
	return adapt(data, size, max_size, true);
}

size_t LLVMFuzzerCustomMutator(
	uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	bool overlaps = seed % OVERLAPS_ONE_IN == 0;
	uint32_t rest = seed / OVERLAPS_ONE_IN;
	size_t stalled = 0;

	if (overlaps ? rest % NEW_CALLS_ONE_IN : rest % SWEEPS_ONE_IN == 0)
		stalled = stall(data, size, max_size, seed,
			overlaps ? windows_stall : windows_sweep);
	if (stalled)
		return stalled;
	size = engine_mutate(data, size, max_size, NULL, 0, user_caps(), seed);
	return adapt(data, size, max_size, overlaps);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1,
	const uint8_t *data2, size_t size2, uint8_t *out, size_t max_out,
	unsigned int seed)
{
	size_t size =
		engine_cross(data1, size1, data2, size2, out, max_out, seed);

	return adapt(out, size, max_out, seed % OVERLAPS_ONE_IN == 0);
}
