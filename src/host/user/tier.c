/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/user/tier.h"

#include "host/child.h"
#include "host/known.h"
#include "host/user/report.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#define BROKEN_MAX 5 /* ends that are nobody's finding, before we give up */
#define LOG_MAX	   (1 << 20)
#define STATUS_US  (2 * G_USEC_PER_SEC)

struct tier {
	const struct user_tier_options *want;
	const struct host_options *options;
	struct user_tier_result *result;
	struct store *store;
	gint64 start, status; /* of the next status line */
	guint64 before;	      /* programs of the runs before */
	gboolean stopped;
	guint broken;
	char *config, *artifacts;
	GString *log; /* of the latest run, without libFuzzer's progress */
};

gboolean user_tier_is(const char *kernel)
{
	return kernel && g_str_has_suffix(kernel, ":user");
}

const char *user_tier_refuses(const struct target_options *t)
{
	if (t->set)
		return "--set";
	if (t->accel)
		return "--accel";
	if (t->lanes)
		return "--lanes";
	if (t->mem_mib)
		return "--memory";
	return t->all_sites ? "--all-sites" : NULL;
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

	host_args_add(args, "%s", want->kernel->program);
	host_args_add(args, "-artifact_prefix=%s/", tier->artifacts);
	host_args_add(args, "-max_len=%d", PROG_TEXT_MAX);
	host_args_add(args, "-len_control=0");
	host_args_add(args, "-entropic=0");
	host_args_add(args, "-timeout=%d", USER_TIER_TIMEOUT_S);
	host_args_add(args, "-print_final_stats=1");
	host_args_add(args, "-seed=%u",
		(guint32)(tier->options->seed * 31 + tier->result->runs + 1) |
			1);
	host_args_add(args, "-max_total_time=%" G_GINT64_FORMAT, MAX(left, 1));
	for (char *const *own = want->engine_args; own && *own; own++)
		host_args_add(args, "%s", *own);
	host_args_add(args, "%s", store_corpus(tier->store));
	host_args_add(args, "-ignore_remaining_args=1");
	if (want->append)
		host_args_add(args, "--boot=%s", want->append);
	if (want->against)
		host_args_add(args, "--against=%s", want->against->program);
	if (want->known)
		host_args_add(args, "--known=%s", known_path(want->known));
	g_ptr_array_add(args, NULL);
	return args;
}

/* A corpus with a program that ends each run comes no further: what is to begin
 * with is copied, so that such a one can go. */
static gboolean fill_corpus(const struct tier *tier, GError **error)
{
	const char *paths[] = {tier->want->corpus, NULL};
	g_autoptr(GPtrArray) progs = programs_load(paths, error);

	return progs && programs_copy(progs, store_corpus(tier->store), error);
}

static void drop_from_corpus(
	const struct tier *tier, const char *text, gsize len)
{
	g_autofree char *sum = g_compute_checksum_for_data(
		G_CHECKSUM_SHA1, (const guchar *)text, len);
	g_autofree char *path =
		g_build_filename(store_corpus(tier->store), sum, NULL);

	(void)g_unlink(path);
}

/* The program that the log names: it was run to learn its points, while another
 * one was about to be changed. */
static gboolean take_named(const struct tier *tier, struct slot_flight *ret)
{
	g_autofree char *text = user_report_program(tier->log->str);

	if (!text || prog_parse(text, strlen(text), &ret->entry[0].prog, NULL))
		return FALSE;
	ret->nr = 1;
	ret->entry[0].number = 1;
	return TRUE;
}

/* The program of this finding, moved out of the way. */
static gboolean take_artifact(struct tier *tier, struct slot_flight *ret)
{
	gboolean is_named = take_named(tier, ret);
	g_autoptr(GDir) dir = g_dir_open(tier->artifacts, 0, NULL);
	gboolean found = FALSE;
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path =
			g_build_filename(tier->artifacts, name, NULL);
		g_autofree char *text = NULL;
		gsize len;

		if (!is_named && !found &&
			g_file_get_contents(path, &text, &len, NULL) &&
			!prog_parse(text, len, &ret->entry[0].prog, NULL)) {
			ret->nr = 1;
			ret->entry[0].number = 1;
			found = TRUE;
			drop_from_corpus(tier, text, len);
		}
		g_unlink(path);
	}
	return found || is_named;
}

static void note_title(struct tier *tier, const char *title)
{
	double *seconds;

	if (g_hash_table_contains(tier->result->titles, title))
		return;
	seconds = g_new(double, 1);
	*seconds = since(tier);
	g_hash_table_insert(tier->result->titles, g_strdup(title), seconds);
	host_progress(tier->options, FALSE, "found after %.1f s: %s", *seconds,
		title);
}

/* A full disk ends the adding, not the run. */
static gboolean add(
	struct tier *tier, const struct finding_input *input, GError **error)
{
	g_autoptr(GError) why = NULL;

	if (tier->result->full ||
		store_add(tier->store, input, NULL, NULL, &why))
		return TRUE;
	if (!g_error_matches(why, STORE_ERROR, STORE_ERROR_SPACE)) {
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	tier->result->full = TRUE;
	host_progress(tier->options, FALSE,
		"%s; nothing is added from here on, what is stored stays",
		why->message);
	return TRUE;
}

static gboolean file_finding(
	struct tier *tier, const char *title, GError **error)
{
	const struct kernel *kernel = tier->want->kernel;
	const char *append = tier->want->append;
	g_autofree struct slot_flight *flight = g_new0(struct slot_flight, 1);
	g_autofree char *detail = user_report_detail(tier->log->str);
	const struct kernel *other = tier->want->against;
	g_autofree char *against = other ? g_strdup_printf("against: %s:%s\n",
						   other->name, other->profile)
					 : g_strdup("");
	g_autofree char *machine = g_strdup_printf(
		"kernel: %s:%s\nbuild: %s\nrelease: %s\nuser append: %s\n"
		"%sprogram: %s\nrmaptorture: %s\n",
		kernel->name, kernel->profile, kernel->build_id,
		kernel->version, append ? append : "", against, kernel->program,
		RMAPTORTURE_VERSION);
	struct finding_input input = {
		.title = title,
		.detail = detail,
		.console = tier->log->str,
		.console_len = tier->log->len,
		.flight = flight,
		.nr_lanes = 1,
		.tag = kernel->build_id,
		.machine = machine,
		.config = tier->config,
	};

	if (!take_artifact(tier, flight))
		return TRUE; /* libFuzzer told of itself, not of a program */
	if (known_take(tier->want->known, title))
		return TRUE;
	(void)user_report_find(
		tier->log->str, &input.report_start, &input.report_end);
	note_title(tier, title);
	return add(tier, &input, error);
}

static void print_status(struct tier *tier)
{
	guint s = (guint)since(tier);
	guint64 programs = tier->result->programs;

	if (g_get_monotonic_time() < tier->status)
		return;
	tier->status = g_get_monotonic_time() + STATUS_US;
	host_progress(tier->options, TRUE,
		"%02u:%02u:%02u  programs %" G_GUINT64_FORMAT
		" (%.0f/s)  edges %" G_GUINT64_FORMAT "  findings %u",
		s / 3600, s / 60 % 60, s % 60, programs,
		(double)programs / MAX(since(tier), 0.001), tier->result->edges,
		g_hash_table_size(tier->result->titles));
}

/* libFuzzer's "#123 NEW    cov: 45 ft: ..." is progress; the rest is the log,
 * of which the last LOG_MAX bytes are kept. */
static void take_line(const char *line, void *user)
{
	struct tier *tier = user;
	const char *cov = strstr(line, "cov: ");

	if (line[0] != '#' || !g_ascii_isdigit(line[1])) {
		g_string_append_printf(tier->log, "%s\n", line);
		if (tier->log->len > LOG_MAX)
			g_string_erase(tier->log, 0,
				(gssize)(tier->log->len - LOG_MAX));
		return;
	}
	tier->result->programs =
		tier->before + g_ascii_strtoull(line + 1, NULL, 10);
	if (cov)
		tier->result->edges = MAX(tier->result->edges,
			g_ascii_strtoull(cov + strlen("cov: "), NULL, 10));
}

static gboolean look(void *user)
{
	struct tier *tier = user;

	while (g_main_context_iteration(NULL, FALSE))
		;
	tier->result->seconds = since(tier);
	if (!tier->want->look)
		print_status(tier);
	else if (!tier->want->look(tier->result, tier->want->user))
		tier->stopped = TRUE;
	if (tier->want->stop && *tier->want->stop)
		tier->stopped = TRUE;
	return !tier->stopped;
}

static void count_programs(struct tier *tier)
{
	g_autofree char *text = user_report_line(
		tier->log->str, "stat::number_of_executed_units:");

	if (text)
		tier->result->programs =
			tier->before +
			g_ascii_strtoull(g_strstrip(text), NULL, 10);
	tier->before = tier->result->programs;
}

/* One run of the program, to its end. */
static gboolean run_once(struct tier *tier, int *ret_status, GError **error)
{
	g_autoptr(GPtrArray) args = command(tier);
	struct child_hooks hooks = {
		.line = take_line, .look = look, .user = tier};

	g_string_truncate(tier->log, 0);
	if (!child_run((char **)args->pdata, &hooks, ret_status, error))
		return FALSE;
	count_programs(tier);
	tier->result->runs++;
	return TRUE;
}

static gboolean judge_end(struct tier *tier, int status, GError **error)
{
	g_autofree char *title = user_report_title(tier->log->str);

	if (title && user_report_is(status))
		return file_finding(tier, title, error);
	host_progress(tier->options, FALSE, "BROKEN: %s",
		title ? title : "the program said nothing");
	if (++tier->broken <= BROKEN_MAX)
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"'%s' ended %u times without a finding",
		tier->want->kernel->program, tier->broken);
	return FALSE;
}

static gboolean fuzz_until(struct tier *tier, GError **error)
{
	const struct user_tier_options *want = tier->want;
	GHashTable *titles = tier->result->titles;
	int status;

	while (since(tier) < (double)want->seconds &&
		(!want->stop_after ||
			g_hash_table_size(titles) < want->stop_after)) {
		if (!run_once(tier, &status, error))
			return FALSE;
		if (status == 0 || tier->stopped)
			return TRUE;
		if (!judge_end(tier, status, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean open_tier(struct tier *tier, GError **error)
{
	tier->store = store_open(tier->want->out, error);
	if (!tier->store)
		return FALSE;
	/* not in @out: a finding's program is had though its disk is full */
	tier->artifacts = host_scratch(error);
	return tier->artifacts && fill_corpus(tier, error) &&
	       g_file_get_contents(
		       tier->want->kernel->config, &tier->config, NULL, error);
}

gboolean user_tier_run(const struct user_tier_options *want,
	const struct host_options *options, struct user_tier_result *ret,
	GError **error)
{
	struct tier tier = {
		.want = want,
		.options = options,
		.result = ret,
		.start = g_get_monotonic_time(),
		.log = g_string_new(NULL),
	};
	gboolean ok;

	*ret = (struct user_tier_result){0};
	ret->titles =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	ok = open_tier(&tier, error) && fuzz_until(&tier, error);
	ret->seconds = since(&tier);
	g_clear_pointer(&tier.store, store_close);
	host_scratch_free(tier.artifacts);
	g_free(tier.config);
	g_string_free(tier.log, TRUE);
	return ok;
}

void user_tier_result_clear(struct user_tier_result *result)
{
	g_clear_pointer(&result->titles, g_hash_table_unref);
}
