/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture fuzz: engines on the host, the kernel under test in VMs. */
#include "host/counters.h"
#include "host/known.h"
#include "host/session.h"
#include "host/user/tier.h"
#include "host/windows.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#define REPLAYS_DEFAULT 5

struct fuzz_options {
	struct target_options target;
	char *engine, *max_runtime, *corpus, *out, *against, *known_path;
	struct known *known; /* what is in that file */
	int vms, replays, stop_after;
	gboolean no_stalls;
};

static gboolean parse(int *argc, char ***argv, struct fuzz_options *fuzz,
	struct host_options *options)
{
	GOptionEntry entries[] = {
		TARGET_OPTIONS(&fuzz->target),
		TARGET_SET(&fuzz->target),
		{"engine", 0, 0, G_OPTION_ARG_STRING, &fuzz->engine,
			"libfuzzer (default), afl, or both by turns: "
			"libfuzzer,afl",
			"NAME"},
		{"max-runtime", 0, 0, G_OPTION_ARG_STRING, &fuzz->max_runtime,
			"how long to fuzz (default 10m)", "TIME"},
		{"vms", 0, 0, G_OPTION_ARG_INT, &fuzz->vms,
			"VMs at once (default: one for two processors)", "N"},
		{"corpus", 0, 0, G_OPTION_ARG_FILENAME, &fuzz->corpus,
			"also start from the programs in this folder", "DIR"},
		{"against", 0, 0, G_OPTION_ARG_STRING, &fuzz->against,
			"with -k NAME:user: what differs from this kernel is a "
			"finding",
			"NAME:user"},
		{"out", 0, 0, G_OPTION_ARG_FILENAME, &fuzz->out,
			"corpus, crashes and logs (default out)", "DIR"},
		{"replays", 0, 0, G_OPTION_ARG_INT, &fuzz->replays,
			"replay each finding so often at the end (default 5)",
			"N"},
		{"stop-after", 0, 0, G_OPTION_ARG_INT, &fuzz->stop_after,
			"end when so many titles were found", "N"},
		{"known", 0, 0, G_OPTION_ARG_FILENAME, &fuzz->known_path,
			"titles, one a line, that are no findings any more",
			"FILE"},
		{"no-stalls", 0, 0, G_OPTION_ARG_NONE, &fuzz->no_stalls,
			"stall no call inside the kernel, to compare", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	fuzz->replays = REPLAYS_DEFAULT;
	if (!host_parse(argc, argv, entries, "[-- ENGINE'S ARGUMENTS]",
		    "Fuzz a kernel in VMs until the time is over.", options))
		return FALSE;
	return TRUE;
}

static guint default_vms(void)
{
	return MAX(1, g_get_num_processors() / 2);
}

/* Replays a finding on fresh clones and stores what was seen. */
static void replay_finding(struct session *session, struct finding *finding,
	guint n, struct replay *ret)
{
	g_autofree char *dir =
		g_build_filename(session->scratch, "replays", NULL);
	struct candidate SCOPED(candidate_clear) candidate = {0};
	g_autoptr(GError) error = NULL;

	*ret = (struct replay){.n = n};
	host_progress(session->options, TRUE, "replaying: %s", finding->title);
	if (!replay_find(session->target, dir, finding, session->options,
		    &candidate))
		return;
	replay_count(session->target, dir, &candidate, finding->title, n, ret);
	if (!replay_store(finding, NULL, &candidate, ret, &error))
		host_progress(session->options, FALSE, "%s", error->message);
}

static void print_finding(struct session *session, struct finding *finding,
	guint replays, struct host_result *result)
{
	const double *first =
		g_hash_table_lookup(session->titles, finding->title);
	g_autofree char *path =
		g_build_filename(finding->dir, "repro.prog", NULL);
	g_autofree char *text = NULL;
	struct replay replay = {0};

	if (replays)
		replay_finding(session, finding, replays, &replay);
	printf("\n  %s\n    first seen after %.1f s, %" G_GUINT64_FORMAT
	       " times; %s\n",
		finding->title, first ? *first : 0.0, finding->count,
		finding->dir);
	if (replays) {
		printf("    ");
		replay_print(&replay);
	}
	if (g_file_get_contents(path, &text, NULL, NULL))
		host_print_program("program", text);
	host_result_finding(
		result, finding->title, finding->dir, replay.k, replay.n);
	host_result_seen(result, first ? *first : 0);
}

/* Findings of this session only, oldest first. */
static void print_findings(
	struct session *session, guint replays, struct host_result *result)
{
	g_autoptr(GPtrArray) findings = store_list(session->want->out, NULL);

	for (guint i = 0; findings && i < findings->len; i++) {
		struct finding *finding = findings->pdata[i];

		if (g_hash_table_contains(session->titles, finding->title))
			print_finding(session, finding, replays, result);
	}
	if (!g_hash_table_size(session->titles))
		printf("  none\n");
}

static void print_counters(GHashTable *counters, struct host_result *result)
{
	g_autoptr(GList) names = g_list_sort(
		g_hash_table_get_keys(counters), (GCompareFunc)strcmp);

	if (names)
		printf("what the series counts\n");
	for (GList *name = names; name; name = name->next) {
		const guint64 *sum = g_hash_table_lookup(counters, name->data);

		printf("  %-26s %" G_GUINT64_FORMAT "%s\n", (char *)name->data,
			*sum, *sum ? "" : "  (not tested)");
		host_result_figure(result, name->data, (double)*sum);
	}
	if (names)
		printf("\n");
}

static void print_figures(
	const struct session *session, struct host_result *result)
{
	struct session_figures f;
	struct windows_figures windows;
	double rate;

	session_figures(session, &f);
	rate = (double)f.programs / MAX(f.seconds, 0.001);
	printf("\n%s:%s  (%s, %s, seed %" G_GUINT64_FORMAT ")\n\n",
		session->target->name, session->target->profile,
		session->target->release,
		vm_accel_name(session->target->machine.accel),
		session->options->seed);
	printf("  programs     %-10" G_GUINT64_FORMAT
	       " %.1f a second, %.0f s\n",
		f.programs, rate, f.seconds);
	printf("  edges        %-10" G_GUINT64_FORMAT
	       " corpus of %" G_GUINT64_FORMAT " programs\n",
		f.edges, f.corpus);
	windows_figures(session->scratch, &windows);
	printf("  windows      %-10u in %u functions; %" G_GUINT64_FORMAT
	       " of %" G_GUINT64_FORMAT " stalls came to their point\n",
		windows.windows, windows.functions, windows.reached,
		windows.stalls);
	printf("  VMs          %-10" G_GUINT64_FORMAT
	       " died, %" G_GUINT64_FORMAT " of them hung; %" G_GUINT64_FORMAT
	       " broken, %" G_GUINT64_FORMAT " engines restarted\n\n",
		session->deaths, session->hung, session->broken, f.restarts);
	print_counters(session->counters, result);
	host_result_figure(result, "programs", (double)f.programs);
	host_result_figure(result, "programs_per_second", rate);
	host_result_figure(result, "edges", (double)f.edges);
	host_result_figure(result, "windows", windows.windows);
	host_result_figure(result, "stalls", (double)windows.stalls);
	host_result_figure(result, "stalls_reached", (double)windows.reached);
	host_result_figure(
		result, "findings", g_hash_table_size(session->titles));
	host_result_figure(result, "vm_deaths", (double)session->deaths);
	host_result_figure(result, "broken", (double)session->broken);
}

static int fuzz_target(struct session *session, guint replays,
	struct host_result *result, GError **error)
{
	gboolean ok;

	ok = session_run(session, error);
	if (session->titles && session->machines) {
		print_figures(session, result);
		printf("findings\n");
		print_findings(
			session, session->interrupted ? 0 : replays, result);
		known_print(session->want->known);
	}
	if (session->titles && g_hash_table_size(session->titles))
		return EXIT_FINDING;
	return ok ? EXIT_CLEAN : EXIT_BROKEN;
}

static int fuzz_in_process(const struct fuzz_options *fuzz,
	const struct session_options *want, const struct host_options *options)
{
	struct user_tier_options tier = {
		.append = fuzz->target.append,
		.out = want->out,
		.corpus = want->corpus,
		.engine_args = want->engine_args,
		.seconds = want->seconds,
		.stop_after = want->stop_after,
		.known = fuzz->known,
	};

	return user_tier_fuzz(fuzz->target.kernel, fuzz->against, &tier,
		(guint)MAX(fuzz->replays, 0), options);
}

/* The first option that has no meaning without a VM, or NULL */
static const char *vm_only(const struct fuzz_options *fuzz)
{
	if (fuzz->engine)
		return "--engine";
	return fuzz->vms ? "--vms" : user_tier_refuses(&fuzz->target);
}

/* FALSE, told: an option asks for what the tier of the kernel cannot do */
static gboolean fits(const struct fuzz_options *fuzz)
{
	gboolean is_user = user_tier_is(fuzz->target.kernel);

	if (fuzz->against && (!is_user || !user_tier_is(fuzz->against)))
		g_printerr("rmaptorture fuzz: --against compares two kernels "
			   "of the user tier: -k NAME:user --against "
			   "NAME:user\n");
	else if (is_user && fuzz->no_stalls)
		g_printerr("rmaptorture fuzz: --no-stalls: the profile user "
			   "has one thread, in which nothing races without "
			   "stalls\n");
	else if (is_user && vm_only(fuzz))
		g_printerr("rmaptorture fuzz: %s is for VMs: the profile user "
			   "has none\n",
			vm_only(fuzz));
	else
		return TRUE;
	return FALSE;
}

static int fuzz(struct fuzz_options *fuzz, char **engine_args,
	const struct host_options *options)
{
	struct session_options want = {
		.out = fuzz->out ? fuzz->out : "out",
		.corpus = fuzz->corpus,
		.engine_args = engine_args,
		.nr_vms = fuzz->vms > 0 ? (guint)fuzz->vms : default_vms(),
		.stop_after = (guint)MAX(fuzz->stop_after, 0),
		.no_stalls = fuzz->no_stalls,
		.known = fuzz->known,
	};
	struct session session = {.options = options, .want = &want};
	struct target *SCOPED(target_freep) target = NULL;
	g_autoptr(GError) error = NULL;
	struct host_result *result;
	int status;

	if (!engines_choose(fuzz->engine, want.engines)) {
		fprintf(stderr,
			"rmaptorture fuzz: --engine '%s': want libfuzzer, afl "
			"or libfuzzer,afl\n",
			fuzz->engine);
		return EXIT_BROKEN;
	}
	want.seconds = host_seconds(
		"--max-runtime", fuzz->max_runtime ? fuzz->max_runtime : "10m");
	if (want.seconds < 0)
		return EXIT_BROKEN;
	if (!fits(fuzz))
		return EXIT_BROKEN;
	if (user_tier_is(fuzz->target.kernel))
		return fuzz_in_process(fuzz, &want, options);
	target = target_open(&fuzz->target, options, &error);
	if (!target)
		return error ? host_fail("fuzz", error) : EXIT_CLEAN;
	session.target = target;
	host_progress(options, FALSE, "seed %" G_GUINT64_FORMAT, options->seed);
	result = host_result_new("fuzz", options);
	host_result_figure(result, "seed_programs",
		programs_at_start(want.out, want.corpus));
	host_result_kernel(
		result, target->name, target->profile, target->build_id);
	target_skips(target, options, result);
	status = fuzz_target(
		&session, (guint)MAX(fuzz->replays, 0), result, &error);
	if (error)
		(void)host_fail("fuzz", error);
	session_clear(&session);
	return host_result_end(result, status);
}

int cmd_fuzz(int argc, char **argv)
{
	struct fuzz_options options = {0};
	struct host_options SCOPED(host_options_clear) host = {0};
	g_autoptr(GError) error = NULL;
	char **engine_args = NULL;
	int status;

	if (!parse(&argc, &argv, &options, &host))
		return EXIT_BROKEN;
	if (argc > 1 && strcmp(argv[1], "--")) {
		fprintf(stderr,
			"rmaptorture fuzz: '%s'? The engine's own arguments "
			"come after --\n",
			argv[1]);
		return EXIT_BROKEN;
	}
	if (argc > 2)
		engine_args = argv + 2;
	if (options.known_path) {
		options.known = known_load(options.known_path, &error);
		if (!options.known)
			return host_fail("fuzz", error);
	}
	status = fuzz(&options, engine_args, &host);
	known_free(options.known);
	return status;
}
