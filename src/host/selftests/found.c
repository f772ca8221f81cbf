/* SPDX-License-Identifier: GPL-2.0-only */
/* What selftests found: to the store, and once more. */
#include "host/selftests/selftests.h"

#include <stdio.h>
#include <string.h>

#define LINE	   "selftest: "
#define FILED_MAX  16 /* of a program; the rest is told only */
#define BROKEN_MAX 2  /* runs that broke, before a replay gives up */

/* --- to the store -----------------------------------------------------------
 */

/* A failed case is told by the program, not by the kernel. */
static GString *printed(const struct selftest_filing *filing,
	const struct selftest *test, gsize *ret_start)
{
	const struct program_end *end = filing->end;
	GString *text =
		g_string_new_len(end->console, (gssize)end->console_len);

	*ret_start = text->len;
	g_string_append_printf(text, "selftest %s: %s\n%s", test->name,
		test->why, test->output);
	return text;
}

static char *file_one(const struct selftest_filing *filing,
	const struct selftest *test, const char *title)
{
	const struct report *report = &filing->end->report;
	gboolean of_kernel = test->title && !strcmp(title, test->title);
	g_autofree char *detail = g_strdup_printf("selftest %s", test->name);
	g_autofree char *machine =
		g_strdup_printf("%s" LINE "%s\n", filing->machine, test->name);
	gsize start;
	g_autoptr(GString) text = printed(filing, test, &start);
	struct finding_input input = {
		.title = title,
		.detail = detail,
		.console = text->str,
		.console_len = of_kernel ? start : text->len,
		.report_start = of_kernel ? report->start : start,
		.report_end = of_kernel ? report->end : text->len,
		.tag = filing->tag,
		.machine = machine,
		.config = filing->config,
	};
	g_autoptr(GError) error = NULL;
	char *dir = NULL;

	if (!store_add(filing->want->store, &input, NULL, &dir, &error))
		host_progress(filing->options, FALSE, "%s", error->message);
	return dir;
}

void selftest_file(const struct selftest_filing *filing, struct selftest *test,
	GHashTable *titles)
{
	const struct selftests_options *want = filing->want;
	g_autoptr(GPtrArray) all = selftest_titles(test, want->file_cases);

	for (guint i = 0; i < all->len; i++) {
		struct selftest_found *found;

		if (want->stop_after &&
			g_hash_table_size(titles) >= want->stop_after)
			return;
		if (!g_hash_table_add(titles, g_strdup(all->pdata[i])))
			continue;
		found = g_new0(struct selftest_found, 1);
		found->title = g_strdup(all->pdata[i]);
		if (want->store && test->found->len < FILED_MAX)
			found->dir = file_one(filing, test, found->title);
		g_ptr_array_add(test->found, found);
	}
}

/* --- once more --------------------------------------------------------------
 */

/* The program of a finding; caller frees. NULL: it is none of a selftest */
static char *program_of(const char *machine)
{
	const char *at = machine ? strstr(machine, "\n" LINE) : NULL;

	at = at ? at + 1 + strlen(LINE) : NULL;
	return at ? g_strndup(at, strcspn(at, "\n")) : NULL;
}

gboolean selftests_repro_is(const char *machine)
{
	g_autofree char *name = program_of(machine);

	return name != NULL;
}

/* struct asked - what is asked of a fresh VM */
struct asked {
	const struct selftests_options *want;
	const struct host_options *options;
	const char *title;
};

static enum replay_try shown(const struct selftest *test, const char *title)
{
	for (guint i = 0; i < test->found->len; i++) {
		const struct selftest_found *found = test->found->pdata[i];

		if (!strcmp(found->title, title))
			return REPLAY_HIT;
	}
	if (test->outcome == SELFTEST_BROKEN || test->outcome == SELFTEST_SKIP)
		return REPLAY_BROKEN;
	return test->found->len ? REPLAY_OTHER : REPLAY_CLEAN;
}

static enum replay_try try_program(void *user, double *seconds)
{
	const struct asked *asked = user;
	g_autoptr(GError) error = NULL;
	struct selftests *SCOPED(selftests_freep) run =
		selftests_run(asked->want, asked->options, &error);
	const struct selftest *test;

	if (!run || !run->tests->len) {
		if (error)
			(void)host_fail("repro", error);
		return REPLAY_BROKEN;
	}
	test = run->tests->pdata[0];
	*seconds = test->seconds;
	return shown(test, asked->title);
}

int selftests_repro(struct finding *finding, const char *machine,
	const struct target_options *t, const struct host_options *options,
	guint n)
{
	struct host_result *result = host_result_new("repro", options);
	g_autofree char *name = program_of(machine);
	const char *names[] = {name, NULL};
	struct selftests_options want = {
		.target = *t, .names = names, .file_cases = TRUE};
	struct asked asked = {&want, options, finding->title};
	struct repro repro = {0};
	struct replay replay;
	g_autoptr(GError) error = NULL;
	int status = EXIT_BROKEN;

	printf("%s\nrmaptorture selftests -k %s --case %s\n", finding->title,
		t->kernel, name);
	replay_tries(n, BROKEN_MAX, try_program, &asked, &replay);
	replay_print(&replay);
	replay_figures(result, finding, &replay);
	repro.k = replay.k;
	repro.n = replay.n;
	repro.seconds = replay.seconds_median;
	if (!store_set_repro(finding, &repro, &error))
		(void)host_fail("repro", error);
	else if (replay.n)
		status = replay.k ? EXIT_FINDING : EXIT_CLEAN;
	return host_result_end(result, status);
}
