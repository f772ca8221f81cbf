/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture premerge: does a series bring a bug, and which patch does? */
#include "host/premerge/premerge.h"

#include <stdio.h>
#include <string.h>

struct command {
	struct premerge_options want;
	char *max_runtime, *ktap, *junit;
};

static gboolean parse(int *argc, char ***argv, struct command *c,
	struct host_options *options)
{
	struct premerge_options *want = &c->want;
	GOptionEntry entries[] = {
		{"base", 0, 0, G_OPTION_ARG_STRING, &want->base,
			"kernel that the series is for (default vanilla)",
			"NAME"},
		{"series", 0, 0, G_OPTION_ARG_FILENAME, &want->series,
			"patches: an mbox, a folder, a quilt series",
			"FILE|DIR"},
		{"fragment", 0, 0, G_OPTION_ARG_FILENAME, &want->fragment,
			"more kernel options, base and patched (those that the "
			"series adds are on)",
			"FILE"},
		{"max-runtime", 0, 0, G_OPTION_ARG_STRING, &c->max_runtime,
			"how long, builds included (default 1h)", "TIME"},
		{"every", 0, 0, G_OPTION_ARG_NONE, &want->every,
			"build and boot the kasan kernel after each patch",
			NULL},
		{"no-vm", 0, 0, G_OPTION_ARG_NONE, &want->no_vm,
			"user space only: minutes, and no races", NULL},
		{"stop-after", 0, 0, G_OPTION_ARG_INT, &want->stop_after,
			"each fuzzer ends at so many titles (default 0: when "
			"its time is over)",
			"N"},
		{"ktap", 0, 0, G_OPTION_ARG_FILENAME, &c->ktap,
			"write the steps there as KTAP", "FILE"},
		{"junit", 0, 0, G_OPTION_ARG_FILENAME, &c->junit,
			"write the steps there as JUnit XML", "FILE"},
		{"out", 0, 0, G_OPTION_ARG_FILENAME, &want->out,
			"patches, findings, corpora (default premerge)", "DIR"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	if (!host_parse(argc, argv, entries, "",
		    "Test a series against its base; the verdict is a page "
		    "for a reply mail.",
		    options))
		return FALSE;
	want->base = want->base ? want->base : "vanilla";
	want->out = want->out ? want->out : "premerge";
	want->stop_after = MAX(want->stop_after, 0);
	if (*argc > 1 || !want->series || strchr(want->base, ':')) {
		fprintf(stderr, "rmaptorture premerge: want --series FILE|DIR "
				"and --base NAME without a profile\n");
		return FALSE;
	}
	want->seconds = host_seconds(
		"--max-runtime", c->max_runtime ? c->max_runtime : "1h");
	return want->seconds > 0;
}

static gboolean write_text(const char *path, char *text, GError **error)
{
	gboolean ok = !path || g_file_set_contents(path, text, -1, error);

	g_free(text);
	return ok;
}

static void fill_result(const struct review *review, struct host_result *result)
{
	guint new = 0;

	for (guint i = 0; i < review->steps->len; i++) {
		const struct review_step *step = review->steps->pdata[i];

		if (step->outcome == VERDICT_SKIP)
			host_result_skip(result, step->name, step->text);
	}
	for (guint i = 0; i < review->findings->len; i++) {
		const struct review_finding *finding =
			review->findings->pdata[i];

		if (finding->weight != REVIEW_NEW)
			continue;
		new ++;
		host_result_finding(result, finding->title, finding->dir,
			finding->patched_k, finding->patched_n);
	}
	host_result_figure(result, "patches", review->nr_patches);
	host_result_figure(result, "findings", new);
	host_result_figure(result, "seconds", review->seconds);
}

static int exit_status(const struct review *review)
{
	static const int status[] = {
		[REVIEW_CLEAN] = EXIT_CLEAN,
		[REVIEW_FINDINGS] = EXIT_FINDING,
		[REVIEW_UNDECIDED] = EXIT_TIME,
		[REVIEW_NOT_TESTED] = EXIT_TIME,
		[REVIEW_BROKEN] = EXIT_BROKEN,
	};

	return status[review_verdict(review)];
}

static gboolean write_out(
	const struct command *c, const struct review *review, GError **error)
{
	g_autofree char *path =
		g_build_filename(c->want.out, "verdict.txt", NULL);
	g_autofree char *text = review_text(review);

	fputs(text, stdout);
	return g_file_set_contents(path, text, -1, error) &&
	       write_text(c->ktap, review_ktap(review), error) &&
	       write_text(c->junit, review_junit(review), error);
}

int cmd_premerge(int argc, char **argv)
{
	struct host_options SCOPED(host_options_clear) options = {0};
	struct review *SCOPED(review_freep) review = NULL;
	g_autoptr(GError) error = NULL;
	struct host_result *result;
	struct command c = {0};
	int status;

	if (!parse(&argc, &argv, &c, &options))
		return EXIT_BROKEN;
	result = host_result_new("premerge", &options);
	if (!premerge_run(&c.want, &options, result, &review, &error))
		return host_result_end(result, host_fail("premerge", error));
	fill_result(review, result);
	status = exit_status(review);
	if (!write_out(&c, review, &error))
		status = host_fail("premerge", error);
	return host_result_end(result, status);
}
