/* SPDX-License-Identifier: GPL-2.0-only */
/* What a selftest printed, to cases. Pure, but for GLib. */
#include "host/selftests/selftests.h"

#include <string.h>
#include <sys/wait.h>

#define KSFT_SKIP 4 /* tools/testing/selftests/kselftest.h */

static void case_free(gpointer data)
{
	struct selftest_case *test_case = data;

	g_free(test_case->name);
	g_free(test_case->why);
	g_free(test_case);
}

/* One pass over the output: the cases so far, and what was said before. */
struct parse {
	GPtrArray *cases;
	GHashTable *names; /* name -> how often */
	char *context;	   /* "[RUN] ..." that the next cases belong to */
	guint planned;
};

/* Numbers of a run, such as addresses and sizes, do not make another case. */
static char *stable_name(const char *text, gsize len)
{
	GString *out = g_string_new(NULL);

	for (gsize i = 0; i < len; i++) {
		if (!g_str_has_prefix(text + i, "0x")) {
			g_string_append_c(out, text[i]);
			continue;
		}
		g_string_append(out, "0x?");
		for (i += 2; i < len && g_ascii_isxdigit(text[i]); i++)
			continue;
		i--;
	}
	return g_strstrip(g_string_free(out, FALSE));
}

static struct selftest_case *case_add(struct parse *parse, const char *name,
	gsize len, enum selftest_outcome outcome)
{
	struct selftest_case *test_case = g_new0(struct selftest_case, 1);
	g_autofree char *stable = stable_name(name, len);
	g_autofree char *full =
		g_strdup_printf("%s%s%s", parse->context ? parse->context : "",
			parse->context && *stable ? ": " : "", stable);
	guint times;

	if (!*full) {
		g_free(full);
		full = g_strdup("(no name)");
	}
	times = GPOINTER_TO_UINT(g_hash_table_lookup(parse->names, full)) + 1;
	g_hash_table_insert(
		parse->names, g_strdup(full), GUINT_TO_POINTER(times));
	test_case->name = times == 1 ? g_strdup(full)
				     : g_strdup_printf("%s (%u)", full, times);
	test_case->outcome = outcome;
	g_ptr_array_add(parse->cases, test_case);
	return test_case;
}

/* "1 - name # SKIP why", behind "ok " or "not ok ". */
static void tap_result(struct parse *parse, const char *at, gboolean ok)
{
	const char *directive;
	struct selftest_case *test_case;
	gsize len;

	at += strspn(at, " ");
	at += strspn(at, "0123456789");
	at += strspn(at, " -");
	directive = strstr(at, "# ");
	len = directive ? (gsize)(directive - at) : strlen(at);
	test_case =
		case_add(parse, at, len, ok ? SELFTEST_PASS : SELFTEST_FAIL);
	if (!directive)
		return;
	directive += 2;
	if (!g_ascii_strncasecmp(directive, "SKIP", 4))
		test_case->outcome = SELFTEST_SKIP;
	else if (!g_ascii_strncasecmp(directive, "XFAIL", 5))
		test_case->outcome = SELFTEST_SKIP;
	test_case->why = g_strdup(directive);
}

/* Lines may be nested, and be comments that belong to the next case. */
static void tap_line(struct parse *parse, const char *line)
{
	const char *at = line + strspn(line, " "), *run;
	guint first, last;

	if (g_str_has_prefix(at, "ok "))
		tap_result(parse, at + 3, TRUE);
	else if (g_str_has_prefix(at, "not ok "))
		tap_result(parse, at + 7, FALSE);
	else if (sscanf(line, "%u..%u", &first, &last) == 2 && first <= 1)
		parse->planned = last;
	run = g_str_has_prefix(at, "# [RUN] ") ? at + 8 : NULL;
	if (run) {
		g_free(parse->context);
		parse->context = stable_name(run, strlen(run));
	}
}

/* "Testing name... done", "failed [reason: ...]", "skipped [reason: ...]" */
static void uffd_line(struct parse *parse, const char *line)
{
	static const struct {
		const char *word;
		enum selftest_outcome outcome;
	} words[] = {{"done", SELFTEST_PASS}, {"failed", SELFTEST_FAIL},
		{"skipped", SELFTEST_SKIP}};
	const char *dots = strstr(line, "... "), *reason;

	if (!g_str_has_prefix(line, "Testing ") || !dots)
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
		struct selftest_case *test_case;

		if (!g_str_has_prefix(dots + 4, words[i].word))
			continue;
		test_case = case_add(parse, line + 8, (gsize)(dots - line - 8),
			words[i].outcome);
		reason = strstr(dots, "[reason: ");
		if (reason)
			test_case->why = g_strdup(reason);
		return;
	}
	case_add(parse, line + 8, (gsize)(dots - line - 8), SELFTEST_FAIL)
		->why = g_strdup("it said neither done, failed nor skipped");
}

/* A test is a heading and steps; each step ends with a word in green, red or
 * yellow. It failed if a step did, and passed if one did. */
static void khugepaged_line(struct parse *parse, const char *line)
{
	static const char heading[] = "Run test: ";
	struct selftest_case *last =
		parse->cases->len ? parse->cases->pdata[parse->cases->len - 1]
				  : NULL;

	if (g_str_has_prefix(line, heading)) {
		line += strlen(heading);
		last = case_add(parse, line, strlen(line), SELFTEST_SKIP);
		last->why = g_strdup("no step of it passed");
		return;
	}
	if (!last || last->outcome == SELFTEST_FAIL)
		return;
	if (strstr(line, "\033[31m")) {
		last->outcome = SELFTEST_FAIL;
		g_free(last->why);
		last->why = g_strndup(line, strcspn(line, "\033"));
	} else if (strstr(line, "\033[32m")) {
		last->outcome = SELFTEST_PASS;
		g_clear_pointer(&last->why, g_free);
	}
}

static void proof_line(struct parse *parse, const char *line, const char *proof)
{
	if (!parse->cases->len && strstr(line, proof))
		case_add(parse, proof, strlen(proof), SELFTEST_PASS);
}

GPtrArray *selftests_parse(enum selftest_format format, const char *output,
	const char *proof, guint *ret_planned)
{
	struct parse parse = {
		.cases = g_ptr_array_new_with_free_func(case_free),
		.names = g_hash_table_new_full(
			g_str_hash, g_str_equal, g_free, NULL),
	};
	g_auto(GStrv) lines = g_strsplit_set(output, "\n\r", -1);

	for (char **line = lines; *line; line++) {
		switch (format) {
		case FORMAT_TAP:
			tap_line(&parse, *line);
			break;
		case FORMAT_UFFD:
			uffd_line(&parse, *line);
			break;
		case FORMAT_KHUGEPAGED:
			khugepaged_line(&parse, *line);
			break;
		case FORMAT_PROOF:
			proof_line(&parse, *line, proof);
			break;
		case FORMAT_EXIT:
			break;
		}
	}
	g_hash_table_unref(parse.names);
	g_free(parse.context);
	*ret_planned = parse.planned;
	return parse.cases;
}

static char *status_text(int status)
{
	if (WIFSIGNALED(status))
		return g_strdup_printf("killed by signal %d (%s)",
			WTERMSIG(status), g_strsignal(WTERMSIG(status)));
	return g_strdup_printf("exit status %d", WEXITSTATUS(status));
}

static guint cases_of(const struct selftest *test, enum selftest_outcome want)
{
	guint nr = 0;

	for (guint i = 0; i < test->cases->len; i++) {
		const struct selftest_case *c = test->cases->pdata[i];

		nr += c->outcome == want;
	}
	return nr;
}

char *selftest_last_line(const char *output)
{
	g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
	guint nr = g_strv_length(lines);

	while (nr && !*g_strstrip(lines[nr - 1]))
		nr--;
	return nr ? g_strndup(lines[nr - 1], 160) : g_strdup("no output");
}

/* A pass needs proof; what is left undone is no pass. */
void selftest_judge(struct selftest *test, enum selftest_format format,
	int status, guint planned)
{
	guint passed = cases_of(test, SELFTEST_PASS);
	guint failed = cases_of(test, SELFTEST_FAIL);
	gboolean clean = WIFEXITED(status) && !WEXITSTATUS(status);
	gboolean skip = WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP;
	g_autofree char *ended = status_text(status);
	g_autofree char *last = selftest_last_line(test->output);

	test->outcome = SELFTEST_FAIL;
	if (failed)
		test->why = g_strdup_printf(
			"%u of %u cases failed", failed, test->cases->len);
	else if (!clean && !skip)
		test->why = g_strdup_printf("%s: %s", ended, last);
	else if (clean && planned > test->cases->len)
		test->why = g_strdup_printf("%u of %u planned cases reported",
			test->cases->len, planned);
	else
		test->outcome = SELFTEST_PASS;
	if (test->outcome == SELFTEST_FAIL)
		return;
	if (format == FORMAT_EXIT ? clean : passed > 0)
		return;
	test->outcome = SELFTEST_SKIP;
	test->why = g_strdup_printf("%s, nothing passed: %s", ended, last);
}

static void title_add(
	GPtrArray *titles, const struct selftest *test, const char *what)
{
	char *title = g_strdup_printf("selftest %s: %s", test->name, what);

	if (strlen(title) >= TITLE_MAX)
		title[TITLE_MAX - 1] = '\0';
	g_ptr_array_add(titles, title);
}

GPtrArray *selftest_titles(const struct selftest *test, gboolean with_cases)
{
	GPtrArray *titles = g_ptr_array_new_with_free_func(g_free);
	guint failed = cases_of(test, SELFTEST_FAIL);

	if (test->outcome == SELFTEST_DIED)
		g_ptr_array_add(titles, g_strdup(test->title));
	for (guint i = 0; with_cases && i < test->cases->len; i++) {
		const struct selftest_case *c = test->cases->pdata[i];

		if (c->outcome == SELFTEST_FAIL)
			title_add(titles, test, c->name);
	}
	if (with_cases && test->outcome == SELFTEST_TIMEOUT)
		title_add(titles, test, "over its time");
	if (with_cases && test->outcome == SELFTEST_FAIL && !failed)
		title_add(titles, test, "failed, but no case of it");
	return titles;
}
