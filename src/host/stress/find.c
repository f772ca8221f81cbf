/* SPDX-License-Identifier: GPL-2.0-only */
/* A finding of stressors: to the store, smaller, and once more. */
#include "host/stress/stress.h"

#include "stress/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE	   "stress: "
#define PEER	   "peer: "
#define AGAIN_S	   20 /* of a load that is run again, at least */
#define AGAIN	   3  /* times what it took */
#define BROKEN_MAX 2  /* runs that broke, before a replay gives up */

/* What it takes to see it again needs no more time than a few times as much. */
struct load stress_again(const struct load *load, double seconds)
{
	struct load again = *load;

	again.seconds =
		MIN(load->seconds, MAX(AGAIN_S, (guint32)(seconds * AGAIN)));
	return again;
}

/* The lines of machineInfo that stress_repro() reads */
static char *about_load(const struct target *target, const struct load *load)
{
	g_autofree char *text =
		load->flags & LOAD_PEER
			? g_strdup_printf("--max-runtime %u", load->seconds)
			: stress_load_text(load);

	if (load->flags & LOAD_PEER)
		return g_strdup_printf(
			LINE "%s\n" PEER "%s\n", text, target->peer);
	return g_strdup_printf(LINE "%s\n", text);
}

gboolean stress_store(const char *out, const struct target *target,
	const struct load *load, const struct stress_run *run, char **ret_dir,
	GError **error)
{
	struct store *SCOPED(store_closep) store = store_open(out, error);
	g_autofree char *about = target_describe(target);
	g_autofree char *text = about_load(target, load);
	g_autofree char *machine = g_strconcat(about, text, NULL);
	g_autofree char *config = NULL;
	struct finding_input input = {
		.title = run->report.title,
		.detail = run->detail,
		.console = run->console->str,
		.console_len = run->console->len,
		.report_start = run->report.start,
		.report_end = run->report.end,
		.tag = target->build_id,
		.machine = machine,
	};

	if (!store ||
		!g_file_get_contents(target->config, &config, NULL, error))
		return FALSE;
	input.config = config;
	return store_add(store, &input, NULL, ret_dir, error);
}

/* 1: it showed @title, 0: not, -1: the run broke or was stopped */
static int try_load(struct target *target, const char *scratch,
	const struct load *load, const char *title, double *ret_seconds)
{
	g_autofree struct stress_run *run = g_new0(struct stress_run, 1);
	g_autoptr(GError) error = NULL;
	int got;

	if (!stress_run(target, scratch, load, NULL, NULL, run, &error)) {
		g_printerr("rmaptorture stress: %s\n", error->message);
		return -1;
	}
	got = run->end == STRESS_FOUND && !strcmp(run->report.title, title);
	if (run->end == STRESS_BROKE || run->end == STRESS_STOPPED)
		got = -1;
	*ret_seconds = run->seconds;
	stress_run_clear(run);
	return got;
}

struct shrinking {
	struct target *target;
	const char *scratch, *title;
	struct load load;
	const struct host_options *options;
	gint64 end;
};

static int still_shows(uint64_t set, void *user)
{
	struct shrinking *s = user;
	g_autofree char *text = NULL;
	double seconds;

	if (g_get_monotonic_time() >= s->end)
		return -1;
	s->load.stressors = set;
	text = stress_load_text(&s->load);
	host_progress(s->options, FALSE, "smaller? %s", text);
	return try_load(s->target, s->scratch, &s->load, s->title, &seconds);
}

guint64 stress_shrink(struct target *target, const char *scratch,
	const struct load *load, const char *title, gint64 seconds,
	const struct host_options *options)
{
	struct shrinking s = {
		.target = target,
		.scratch = scratch,
		.title = title,
		.load = *load,
		.options = options,
		.end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC,
	};

	s.load.flags = 0;
	return load_shrink(load->stressors, still_shows, &s);
}

/* The rest of the line that begins with @key; caller frees. NULL: none does */
static char *line_of(const char *machine, const char *key)
{
	g_autofree char *start = g_strconcat("\n", key, NULL);
	const char *at = machine ? strstr(machine, start) : NULL;

	at = at ? at + strlen(start) : NULL;
	return at ? g_strndup(at, strcspn(at, "\n")) : NULL;
}

gboolean stress_repro_is(const char *machine)
{
	g_autofree char *line = line_of(machine, LINE);

	return line != NULL;
}

char *stress_command(const struct target *target, const struct load *load)
{
	g_autofree char *text = NULL;

	if (load->flags & LOAD_PEER)
		return g_strdup_printf(
			"rmaptorture stress -k %s:%s --max-runtime %u --peer "
			"'%s'",
			target->name, target->profile, load->seconds,
			target->peer);
	text = stress_load_text(load);
	return g_strdup_printf("rmaptorture stress -k %s:%s %s", target->name,
		target->profile, text);
}

/* struct asked - what is asked of a fresh VM */
struct asked {
	struct target *target;
	const struct load *load;
	const char *scratch, *title;
};

static enum replay_try try_vm(void *user, double *seconds)
{
	const struct asked *asked = user;
	int got = try_load(asked->target, asked->scratch, asked->load,
		asked->title, seconds);

	if (got < 0)
		return REPLAY_BROKEN;
	return got ? REPLAY_HIT : REPLAY_CLEAN;
}

static int tell_replay(struct finding *finding, const char *text,
	const struct replay *replay, struct host_result *result, GError **error)
{
	struct repro repro = {
		.k = replay->k,
		.n = replay->n,
		.seconds = replay->seconds_median,
		.log = text,
	};

	printf("%s\n", text);
	replay_print(replay);
	replay_figures(result, finding, replay);
	if (!store_set_repro(finding, &repro, error))
		return EXIT_BROKEN;
	if (!replay->n)
		return EXIT_BROKEN;
	return replay->k ? EXIT_FINDING : EXIT_CLEAN;
}

static int repro_load(struct finding *finding, const struct load *load,
	struct target *target, const struct host_options *options, guint n)
{
	struct host_result *result = host_result_new("repro", options);
	g_autofree char *text = stress_command(target, load);
	g_autoptr(GError) error = NULL;
	char *scratch = host_scratch(&error);
	struct replay replay;
	int status = EXIT_BROKEN;

	host_result_kernel(
		result, target->name, target->profile, target->build_id);
	if (scratch) {
		struct asked asked = {target, load, scratch, finding->title};

		replay_tries(n, BROKEN_MAX, try_vm, &asked, &replay);
		status = tell_replay(finding, text, &replay, result, &error);
	}
	if (error)
		(void)host_fail("repro", error);
	host_scratch_free(scratch);
	return host_result_end(result, status);
}

int stress_repro(struct finding *finding, const char *machine,
	const struct target_options *t, const struct host_options *options,
	guint n)
{
	g_autofree char *line = line_of(machine, LINE);
	g_autofree char *peer = line_of(machine, PEER);
	struct load load = stress_load(options->seed);
	struct target *target;
	g_autoptr(GError) error = NULL;
	struct why why;
	int status;

	if (load_parse(line, stress_names(), STRESSOR_NR, &load, &why)) {
		g_printerr("rmaptorture repro: '%s' of the finding: %s\n", line,
			why.text);
		return EXIT_BROKEN;
	}
	target = peer ? stress_peer_open(peer, &load, t, options, &error)
		      : stress_target_open(t, options, &error);
	if (!target)
		return error ? host_fail("repro", error) : EXIT_CLEAN;
	printf("%s\n", finding->title);
	status = repro_load(finding, &load, target, options, n);
	target_free(target);
	return status;
}
