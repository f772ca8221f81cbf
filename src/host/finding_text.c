/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/finding_text.h"

#include "host/user/report.h"
#include "host/user/tier.h"
#include "kernel/symbolize.h"

#include <string.h>

char *finding_machine(const struct finding *finding, const char *key)
{
	g_autofree char *text = store_read(finding, "machineInfo", NULL, NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
	g_autofree char *prefix = g_strconcat(key, ": ", NULL);

	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, prefix))
			return g_strdup(*line + strlen(prefix));
	}
	return NULL;
}

char *finding_report(const struct finding *finding, gboolean *ret_has_lines)
{
	g_autofree char *text = store_read(finding, "report", NULL, NULL);
	g_autofree char *folder = finding_machine(finding, "kernel folder");
	g_autofree char *image =
		folder ? g_build_filename(folder, "vmlinux", NULL) : NULL;
	g_autofree char *kernel = finding_machine(finding, "kernel");
	char *lines = NULL;

	if (text && user_tier_is(kernel))
		lines = user_report_text(text);
	else if (text && image && g_file_test(image, G_FILE_TEST_EXISTS))
		lines = kernel_symbolize(image, text, NULL);
	*ret_has_lines = lines != NULL;
	return lines ? lines : g_steal_pointer(&text);
}

/* The report as people quote it: without time stamps and guesses, up to the
 * panic that only says that there was a report. */
static void add_report(GString *mail, const struct finding *finding)
{
	gboolean has_lines;
	g_autofree char *text = finding_report(finding, &has_lines);
	g_autoptr(GRegex) stamp = g_regex_new(
		"^\\[ *[0-9.]+\\](\\[ *[TC][0-9]+\\])? ?", 0, 0, NULL);
	g_auto(GStrv) lines =
		g_strsplit(text ? g_strchomp(text) : "", "\n", -1);
	g_autofree struct store_log *log =
		text ? NULL : store_load_programs(finding, NULL);

	if (log)
		g_string_append_printf(mail,
			"The kernel reported nothing; the program saw it:\n\n"
			"\t%s\n",
			log->detail);
	for (char **line = lines; *line; line++) {
		g_autofree char *plain = g_regex_replace_literal(
			stamp, *line, -1, 0, "", 0, NULL);

		if (strstr(plain, "panic_on_warn set"))
			break;
		if (g_str_has_prefix(plain, " ? "))
			continue;
		g_string_append_printf(mail, "%s\n", g_strchomp(plain));
	}
}

static void add_replays(
	GString *mail, const struct finding *finding, gboolean in_vm)
{
	g_autofree char *times =
		finding->count == 1
			? g_strdup("once")
			: g_strdup_printf("%" G_GUINT64_FORMAT " times",
				  finding->count);

	if (finding->n)
		g_string_append_printf(mail,
			"It was seen %s. Replaying the program below from a "
			"fresh %s\n"
			"shows it in %u of %u runs, after %.2f s (median).\n",
			times, in_vm ? "VM" : "process", finding->k, finding->n,
			finding->seconds);
	else
		g_string_append_printf(mail,
			"It was seen %s and has not been replayed.\n", times);
}

/* The one that replays, or the only one that ran: the user tier's */
static char *program_text(const struct finding *finding)
{
	g_autofree struct store_log *log = NULL;

	if (finding->has_repro)
		return store_read(finding, "repro.prog", NULL, NULL);
	log = store_load_programs(finding, NULL);
	if (!log || log->nr_lanes != 1 || log->flight[0].nr != 1)
		return NULL;
	return store_log_print(NULL, NULL, log->flight, 1);
}

/* " (as C: ...)", or "" */
static char *c_source_text(const struct finding *finding)
{
	if (!finding->has_repro)
		return g_strdup("");
	if (!finding->c_n)
		return g_strdup(" (as C: attached repro.c)");
	return g_strdup_printf(
		" (as C: attached\nrepro.c, which alone shows it "
		"in %u of %u VMs)",
		finding->c_k, finding->c_n);
}

static void add_program(GString *mail, const struct finding *finding)
{
	g_autofree char *source = c_source_text(finding);
	g_autofree char *text = program_text(finding);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	if (!text)
		return;
	g_string_append_printf(mail,
		"\nThe program, one call a line; pN is a process, pN.tM one of "
		"its\nthreads, vS+P:N are N pages%s:\n\n",
		source);
	for (char **line = lines; *line; line++) {
		if (**line && **line != '#')
			g_string_append_printf(mail, "\t%s\n", *line);
	}
}

char *finding_mail(const struct finding *finding)
{
	g_autofree char *release = finding_machine(finding, "release");
	g_autofree char *kernel = finding_machine(finding, "kernel");
	g_autofree char *append = finding_machine(finding, "append");
	GString *mail = g_string_new(NULL);

	g_string_append_printf(
		mail, "Subject: [BUG] %s\n\nHello,\n\n", finding->title);
	g_string_append_printf(mail,
		"rmaptorture reports, on Linux %s (%s):\n\n\t%s\n\n",
		release ? release : "?", kernel ? kernel : "?", finding->title);
	if (user_tier_is(kernel))
		g_string_append(mail,
			"The mm files of this kernel, unmodified, "
			"ran in a process.\n");
	add_replays(mail, finding, !user_tier_is(kernel));
	if (append)
		g_string_append_printf(mail, "\nCommand line: %s\n", append);
	g_string_append_c(mail, '\n');
	add_report(mail, finding);
	add_program(mail, finding);
	g_string_append_printf(mail,
		"\nAttached: the config, the whole console%s.\n"
		"\t%s/config-*\n\t%s/console%u\n",
		finding->has_repro ? ", repro.c" : "", finding->dir,
		finding->dir, finding->newest);
	if (finding->has_repro)
		g_string_append_printf(mail, "\t%s/repro.c\n", finding->dir);
	return g_string_free(mail, FALSE);
}
