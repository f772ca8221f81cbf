/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's own mm selftests, run in VMs of a kernel under test: each
 * program (a row of selftests.def) on a fresh clone of one template. For
 * `rmaptorture selftests` and for the pre-merge run.
 *
 *   run both:   before = selftests_run(&base, ...); after = selftests_run(...)
 *   compare:    selftests_compare(before, after)
 */
#ifndef RMAPTORTURE_SELFTESTS_H
#define RMAPTORTURE_SELFTESTS_H

#include "host/program.h"

#include <stdio.h>

/*
 * TIMEOUT: over its limit, killed: a hang of the kernel or a slow machine.
 * DIED:    the VM ended, or its kernel reported something and lives on; for
 *	    the case that ran, as far as it is known.
 * BROKEN:  QEMU or we did not do our part; says nothing of the kernel.
 */
enum selftest_outcome {
	SELFTEST_PASS,
	SELFTEST_FAIL,
	SELFTEST_SKIP,
	SELFTEST_TIMEOUT,
	SELFTEST_DIED,
	SELFTEST_BROKEN,
};
/** "PASS", "FAIL", ...; static */
const char *selftest_outcome_name(enum selftest_outcome outcome);

/**
 * struct selftest_case - one line of a program's own report
 * @name: unique in its program: what the program calls it, with a number
 *	  where it says the same twice
 * @why:  what it said beside that, or NULL
 */
struct selftest_case {
	char *name, *why;
	enum selftest_outcome outcome;
};

/** struct selftest_found - what a program showed to be wrong; @dir: folder of
 *  the finding in the store, or NULL */
struct selftest_found {
	char *title, *dir;
};

/**
 * struct selftest - one program
 * @name:    of the row; static
 * @outcome: PASS only if it exited with 0, some case passed, and none failed
 * @why:     one line for every outcome but PASS, else NULL
 * @cases:   struct selftest_case, in the order printed; may be empty
 * @output:  what it printed, made printable, at most SELFTEST_OUTPUT_MAX
 * @title:   of the kernel's report where it DIED, else NULL
 * @found:   struct selftest_found, as selftest_titles() has them
 * @seconds: as the host's clock saw it
 * @ended:   seconds from the start of the run's first program to its end
 */
struct selftest {
	const char *name;
	enum selftest_outcome outcome;
	char *why, *output, *title;
	GPtrArray *cases, *found;
	double seconds, ended;
};

/** struct selftests - a run. @tests: struct selftest, in the rows' order */
struct selftests {
	char *kernel, *profile, *build_id, *append;
	GPtrArray *tests;
};
void selftests_free(struct selftests *run);
DEFINE_FREEP(selftests, selftests_free)

/**
 * struct selftests_options - what to run, where
 * @target: kernel, append and accel count; 4 vCPUs and 2 GiB otherwise
 * @names:  rows, NULL-terminated; NULL for all
 * @store:  where findings go, or NULL: they are only told
 * @file_cases: failures are findings too, not only what the kernel reports
 * @limit_times: multiplies each row's time limit; 0 means 1
 * @seconds: from the start of the first program: one that has not ended by then
 *	     is killed, and those behind it are not begun; 0: no end
 * @stop_after: different titles of findings, after which no program is begun;
 *	     0: no end
 *
 * A program that was not begun, or killed before a case of it failed, is a SKIP
 * that says so.
 */
struct selftests_options {
	struct target_options target;
	const char *const *names;
	struct store *store;
	gboolean file_cases;
	double limit_times;
	gint64 seconds;
	guint stop_after;
};

/** selftests_names() - every row, quick ones first, NULL-terminated; static
 * strings, the caller frees the array with g_free() */
const char **selftests_names(void);

/** selftests_limit() - seconds that a row may take on the reference machine; 0:
 *  there is none of that name */
unsigned int selftests_limit(const char *name);

/**
 * selftests_run() - build programs and kernel if need be, run, judge
 *
 * Blocks, minutes. NULL with @error where nothing could be run; NULL without
 * under --dry-run, when the QEMU command line is printed. Caller frees.
 */
struct selftests *selftests_run(const struct selftests_options *want,
	const struct host_options *options, GError **error);

/** selftests_status() - EXIT_FINDING if any FAIL, TIMEOUT or DIED; else
 *  EXIT_BROKEN if any is BROKEN; else EXIT_SKIP if none passed; else 0 */
int selftests_status(const struct selftests *run);

/** struct selftest_difference - a case that two runs do not agree on.
 *  @test_case: NULL for the program as a whole; strings live with the runs */
struct selftest_difference {
	const char *test, *test_case;
	enum selftest_outcome before, after;
	const char *before_why, *after_why;
	gboolean before_absent, after_absent; /* it was not reported at all */
	gboolean worse; /* passed before, and does not after */
};

/** selftests_compare() - every case with another outcome, programs of the same
 *  name only. Elements are struct selftest_difference, freed with the array */
GPtrArray *selftests_compare(
	const struct selftests *before, const struct selftests *after);

/** selftests_ktap() - KTAP version 1, one test a program, its cases nested */
void selftests_ktap(const struct selftests *run, FILE *out);
/** selftests_junit() - one testsuite a program */
void selftests_junit(const struct selftests *run, FILE *out);
/** selftests_table() - differences, one line each */
void selftests_table(const struct selftests *before,
	const struct selftests *after, const GPtrArray *differences, FILE *out);

/* --- selftests/parse.c ---------------------------------------------------- */

/* How a program reports its cases. TAP: "ok 1 name"; UFFD: "Testing name...
 * done"; KHUGEPAGED: "Run test: name" and words in colour; PROOF: one case,
 * which passes if a line of the output has the row's proof; EXIT: one case,
 * which is the exit status: for programs whose every skip exits with 4. */
enum selftest_format {
	FORMAT_TAP,
	FORMAT_UFFD,
	FORMAT_KHUGEPAGED,
	FORMAT_PROOF,
	FORMAT_EXIT,
};

/** selftests_parse() - cases from the output of a program
 *  @output: any bytes, NUL-terminated
 *  @ret_planned: what TAP's plan promised, or 0
 *
 *  Returns struct selftest_case, which the array owns. Total, linear. */
GPtrArray *selftests_parse(enum selftest_format format, const char *output,
	const char *proof, guint *ret_planned);

/** selftest_judge() - outcome and why of a program that ended by itself, from
 *  its cases and output. @status: as of waitpid(); @planned: of the parser */
void selftest_judge(struct selftest *test, enum selftest_format format,
	int status, guint planned);

/** selftest_titles() - what @test showed to be wrong, one line each: the
 *  kernel's report; and where @with_cases "selftest NAME: CASE" for each case
 *  that failed, or that the program did where no case of it did. Elements are
 *  strings, shorter than TITLE_MAX, owned by the array; none for a PASS. */
GPtrArray *selftest_titles(const struct selftest *test, gboolean with_cases);

/** selftest_last_line() - the last one that is not empty; caller frees */
char *selftest_last_line(const char *output);

/* --- selftests/found.c ---------------------------------------------------- */

/** struct selftest_filing - where findings of a run go
 *  @end:     of the program
 *  @machine: what target_describe() says; @config: of the kernel, or NULL */
struct selftest_filing {
	const struct selftests_options *want;
	const struct host_options *options;
	const struct program_end *end;
	const char *tag, *machine, *config;
};
/** selftest_file() - fill @test->found, each filed in the store, if there is
 *  one and they are not too many. @titles: of the run so far, a set that gets
 *  those of @test; those that were there are not found again, and none is
 *  when it has as many as are wanted */
void selftest_file(const struct selftest_filing *filing, struct selftest *test,
	GHashTable *titles);

/** selftests_repro() - `repro` of a finding that @machine, its machineInfo,
 * says came from a selftest: k of @n. Exit status. */
int selftests_repro(struct finding *finding, const char *machine,
	const struct target_options *t, const struct host_options *options,
	guint n);
/** selftests_repro_is() - does it say so? */
gboolean selftests_repro_is(const char *machine);

#endif
