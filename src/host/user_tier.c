/* SPDX-License-Identifier: GPL-2.0-only */
#include "user_tier.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define PREFIX	    "rmaptorture-user: "
#define EXIT_FOUND  77
#define EXIT_REPORT 1  /* a sanitizer's */
#define EXIT_LOOPS  70 /* libFuzzer's: a program that takes TIMEOUT_S */
#define TIMEOUT_S   10
#define BROKEN_MAX  5 /* ends that are nobody's finding, before we give up */

struct tier {
	const struct user_tier_options *want;
	const struct host_options *options;
	struct kernel *kernel;
	struct store *store;
	GHashTable *titles; /* title -> seconds to its first, gdouble */
	gint64 start;
	guint64 programs;
	guint runs, broken;
	char *config, *artifacts, *log; /* @log: of the latest run */
};

gboolean user_tier_is(const char *kernel)
{
	return kernel && g_str_has_suffix(kernel, ":user");
}

static double since(const struct tier *tier)
{
	return (double)(g_get_monotonic_time() - tier->start) / G_USEC_PER_SEC;
}

static GPtrArray *command(const struct tier *tier)
{
	const struct user_tier_options *want = tier->want;
	gint64 left = want->seconds - (gint64)since(tier);
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);

	host_args_add(args, "%s", tier->kernel->program);
	host_args_add(args, "-artifact_prefix=%s/", tier->artifacts);
	host_args_add(args, "-max_len=%d", PROG_TEXT_MAX);
	host_args_add(args, "-len_control=0");
	host_args_add(args, "-entropic=0");
	host_args_add(args, "-timeout=%d", TIMEOUT_S);
	host_args_add(args, "-print_final_stats=1");
	host_args_add(args, "-seed=%u",
		(guint32)(tier->options->seed * 31 + tier->runs + 1) | 1);
	host_args_add(args, "-max_total_time=%" G_GINT64_FORMAT, MAX(left, 1));
	for (char *const *own = want->engine_args; own && *own; own++)
		host_args_add(args, "%s", *own);
	host_args_add(args, "%s", store_corpus(tier->store));
	if (want->corpus)
		host_args_add(args, "%s", want->corpus);
	host_args_add(args, "-ignore_remaining_args=1");
	if (want->append)
		host_args_add(args, "--boot=%s", want->append);
	g_ptr_array_add(args, NULL);
	return args;
}

/* The rest of the last line of @log that begins with @prefix, or NULL. */
static char *last_line(const char *log, const char *prefix)
{
	g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
	const char *found = NULL;

	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, prefix))
			found = *line + strlen(prefix);
	}
	return g_strdup(found);
}

/* The first of ours is the title; a sanitizer's summary stands in for it. */
static char *find_title(const char *log)
{
	const char *ours = g_strstr_len(log, -1, PREFIX);
	char *title;

	if (!ours)
		return last_line(log, "SUMMARY: ");
	title = g_strndup(
		ours + strlen(PREFIX), strcspn(ours + strlen(PREFIX), "\n"));
	title[MIN(strlen(title), TITLE_MAX - 1)] = '\0';
	return title;
}

/* The newest artefact, moved out of the way: the program of this finding. */
static gboolean take_artifact(struct tier *tier, struct slot_flight *ret)
{
	g_autoptr(GDir) dir = g_dir_open(tier->artifacts, 0, NULL);
	gboolean found = FALSE;
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path =
			g_build_filename(tier->artifacts, name, NULL);
		g_autofree char *text = NULL;
		gsize len;

		if (!found && g_file_get_contents(path, &text, &len, NULL) &&
			!prog_parse(text, len, &ret->entry[0].prog, NULL)) {
			ret->nr = 1;
			ret->entry[0].number = 1;
			found = TRUE;
		}
		g_unlink(path);
	}
	return found;
}

static void note_title(struct tier *tier, const char *title)
{
	double *seconds;

	if (g_hash_table_contains(tier->titles, title))
		return;
	seconds = g_new(double, 1);
	*seconds = since(tier);
	g_hash_table_insert(tier->titles, g_strdup(title), seconds);
	host_progress(tier->options, FALSE, "found after %.1f s: %s", *seconds,
		title);
}

static gboolean file_finding(
	struct tier *tier, const char *title, GError **error)
{
	g_autofree struct slot_flight *flight = g_new0(struct slot_flight, 1);
	g_autofree char *detail = last_line(tier->log, PREFIX "detail: ");
	g_autofree char *machine = g_strdup_printf(
		"kernel: %s:%s\nbuild: %s\nrelease: %s\nuser append: %s\n"
		"program: %s\nrmaptorture: %s\n",
		tier->kernel->name, tier->kernel->profile,
		tier->kernel->build_id, tier->kernel->version,
		tier->want->append ? tier->want->append : "",
		tier->kernel->program, RMAPTORTURE_VERSION);
	struct finding_input input = {
		.title = title,
		.detail = detail,
		.console = tier->log,
		.console_len = strlen(tier->log),
		.report_end = strlen(tier->log),
		.flight = flight,
		.nr_lanes = 1,
		.tag = tier->kernel->build_id,
		.machine = machine,
		.config = tier->config,
	};

	if (!take_artifact(tier, flight))
		return TRUE; /* libFuzzer told of itself, not of a program */
	note_title(tier, title);
	return store_add(tier->store, &input, NULL, NULL, error);
}

static guint64 final_programs(const char *log)
{
	g_autofree char *text =
		last_line(log, "stat::number_of_executed_units:");

	return text ? g_ascii_strtoull(g_strstrip(text), NULL, 10) : 0;
}

/* One run of the program, to its end. */
static gboolean run_once(struct tier *tier, int *ret_status, GError **error)
{
	g_autoptr(GPtrArray) args = command(tier);
	g_autoptr(GSubprocess) process =
		g_subprocess_newv((const char *const *)args->pdata,
			G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
				G_SUBPROCESS_FLAGS_STDERR_PIPE,
			error);
	g_autoptr(GBytes) bytes = NULL;

	if (!process || !g_subprocess_communicate(
				process, NULL, NULL, NULL, &bytes, error))
		return FALSE;
	g_free(tier->log);
	tier->log = g_strndup(
		g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	tier->programs += final_programs(tier->log);
	tier->runs++;
	*ret_status = g_subprocess_get_if_exited(process)
			      ? g_subprocess_get_exit_status(process)
			      : -1;
	return TRUE;
}

static gboolean fuzz_until(struct tier *tier, GError **error)
{
	const struct user_tier_options *want = tier->want;
	int status;

	while (since(tier) < (double)want->seconds &&
		(!want->stop_after ||
			g_hash_table_size(tier->titles) < want->stop_after)) {
		g_autofree char *title = NULL;

		if (!run_once(tier, &status, error))
			return FALSE;
		if (status == 0)
			break;
		title = find_title(tier->log);
		if (title && (status == EXIT_FOUND || status == EXIT_REPORT ||
				     status == EXIT_LOOPS)) {
			if (!file_finding(tier, title, error))
				return FALSE;
			continue;
		}
		host_progress(tier->options, FALSE, "BROKEN: %s",
			title ? title : "the program said nothing");
		if (++tier->broken > BROKEN_MAX) {
			g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
				"'%s' ended %u times without a finding",
				tier->kernel->program, tier->broken);
			return FALSE;
		}
	}
	return TRUE;
}

/* A finding of this tier is confirmed where the real kernel shows anything. */
static guint confirm(
	struct target *target, const struct finding *finding, guint n)
{
	g_autofree struct store_log *log = store_load_programs(finding, NULL);
	g_autofree char *scratch = host_scratch(NULL);
	guint hits = 0;

	for (guint i = 0; log && scratch && i < n; i++) {
		struct candidate one = {
			.nr = {1}, .prog = {&log->flight[0].entry[0].prog}};
		struct report report;
		double seconds;

		if (replay_run(target, scratch, &one, finding->title, &seconds,
			    &report) >= 0)
			hits += report.title[0] != '\0';
		if (report.title[0] && i == 0)
			printf("    in the VM: %s\n", report.title);
	}
	host_scratch_free(g_steal_pointer(&scratch));
	return hits;
}

static struct target *open_vm(const struct tier *tier)
{
	g_autofree char *name = g_strdup_printf(
		"%s:" KERNEL_DEFAULT_PROFILE, tier->kernel->name);
	struct target_options t = {
		.kernel = name, .append = (char *)tier->want->append};
	g_autoptr(GError) error = NULL;
	struct target *target = target_open(&t, tier->options, &error);

	if (!target)
		host_progress(tier->options, FALSE, "not confirmed in a VM: %s",
			error ? error->message : "");
	return target;
}

static void print_program(const struct finding *finding)
{
	g_autofree struct store_log *log = store_load_programs(finding, NULL);
	char buf[PROG_TEXT_MAX];
	struct text text;

	if (!log || !log->flight[0].nr)
		return;
	text_init(&text, buf, sizeof(buf));
	prog_print(&log->flight[0].entry[0].prog, &text);
	host_print_program(buf);
}

static void print_findings(struct tier *tier, struct host_result *result)
{
	g_autoptr(GPtrArray) findings = store_list(tier->want->out, NULL);
	struct target *SCOPED(target_freep) target = NULL;
	guint n = tier->want->replays;

	if (n && g_hash_table_size(tier->titles))
		target = open_vm(tier);
	for (guint i = 0; findings && i < findings->len; i++) {
		const struct finding *finding = findings->pdata[i];
		const double *first =
			g_hash_table_lookup(tier->titles, finding->title);
		guint k = 0;

		if (!first)
			continue;
		printf("\n  %s\n    first seen after %.1f s, %" G_GUINT64_FORMAT
		       " times; %s\n",
			finding->title, *first, finding->count, finding->dir);
		if (target)
			k = confirm(target, finding, n);
		if (target)
			printf("    %s: %u of %u replays in a VM\n",
				k ? "confirmed" : "seen in user space only", k,
				n);
		else
			printf("    not replayed in a VM\n");
		print_program(finding);
		host_result_finding(result, finding->title, finding->dir, k,
			target ? n : 0);
	}
	if (!g_hash_table_size(tier->titles))
		printf("  none\n");
}

static void print_figures(struct tier *tier, struct host_result *result)
{
	double rate = (double)tier->programs / MAX(since(tier), 0.001);

	printf("\n%s:user  (%s, no VM, seed %" G_GUINT64_FORMAT ")\n\n"
	       "  programs     %-10" G_GUINT64_FORMAT
	       " %.1f a second, %.0f s\n\nfindings\n",
		tier->kernel->name, tier->kernel->version, tier->options->seed,
		tier->programs, rate, since(tier));
	host_result_figure(result, "programs", (double)tier->programs);
	host_result_figure(result, "programs_per_second", rate);
	host_result_figure(result, "findings", g_hash_table_size(tier->titles));
}

static gboolean open_tier(struct tier *tier, GError **error)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) spec = NULL;

	if (!kernel_spec_lookup(tier->want->kernel, &spec, error) ||
		!kernel_ensure(spec, host_kernel_progress,
			(void *)tier->options, &tier->kernel, error))
		return FALSE;
	tier->store = store_open(tier->want->out, error);
	if (!tier->store)
		return FALSE;
	tier->artifacts = g_build_filename(tier->want->out, "artifacts", NULL);
	g_mkdir_with_parents(tier->artifacts, 0755);
	tier->start = g_get_monotonic_time();
	return g_file_get_contents(
		tier->kernel->config, &tier->config, NULL, error);
}

static void close_tier(struct tier *tier)
{
	kernel_free(tier->kernel);
	if (tier->store)
		store_close(tier->store);
	g_hash_table_unref(tier->titles);
	g_free(tier->config);
	g_free(tier->artifacts);
	g_free(tier->log);
}

int user_tier_fuzz(const struct user_tier_options *want,
	const struct host_options *options)
{
	struct tier tier = {.want = want, .options = options};
	g_autoptr(GError) error = NULL;
	struct host_result *result;
	gboolean ok;
	int status;

	tier.titles =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (!open_tier(&tier, &error)) {
		close_tier(&tier);
		return host_fail("fuzz", error);
	}
	host_progress(options, FALSE, "seed %" G_GUINT64_FORMAT, options->seed);
	result = host_result_new("fuzz", options);
	host_result_kernel(result, tier.kernel->name, tier.kernel->profile,
		tier.kernel->build_id);
	ok = fuzz_until(&tier, &error);
	print_figures(&tier, result);
	print_findings(&tier, result);
	status = ok ? EXIT_CLEAN : host_fail("fuzz", error);
	if (g_hash_table_size(tier.titles))
		status = EXIT_FINDING;
	close_tier(&tier);
	return host_result_end(result, status);
}
