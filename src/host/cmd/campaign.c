/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture campaign: an overnight run from a file. */
#include "host/campaign/run.h"
#include "host/known.h"

#include <stdio.h>
#include <string.h>

static void print_entries(const struct campaign *c)
{
	printf("\n  %-20s %8s %7s %10s %8s %8s %8s\n", "kernel", "seconds",
		"rounds", "programs", "edges", "corpus", "restarts");
	for (guint i = 0; i < c->conf->entries->len; i++) {
		const struct campaign_entry *entry = c->conf->entries->pdata[i];
		const struct campaign_used *used =
			campaign_used(c->state, entry->name);

		printf("  %-20s %8.0f %7u %10" G_GUINT64_FORMAT
		       " %8" G_GUINT64_FORMAT " %8u %8" G_GUINT64_FORMAT "\n",
			entry->name, used->seconds, used->rounds,
			used->programs, used->edges, corpus_count_all(c, entry),
			used->deaths);
	}
}

static void print_findings(const struct campaign *c, struct host_result *result)
{
	printf("\nfindings\n");
	for (guint i = 0; i < c->conf->entries->len; i++) {
		const struct campaign_entry *entry = c->conf->entries->pdata[i];
		g_autofree char *folder = campaign_folder(c, entry);
		g_autoptr(GPtrArray) list = store_list(folder, NULL);

		for (guint f = 0; list && f < list->len; f++) {
			const struct finding *finding = list->pdata[f];

			printf("\n  %s\n    %s: %" G_GUINT64_FORMAT
			       " times; %u of %u replays; %s\n",
				finding->title, entry->name, finding->count,
				finding->k, finding->n, finding->dir);
			host_result_finding(result, finding->title,
				finding->dir, finding->k, finding->n);
		}
	}
	if (!campaign_findings(c))
		printf("  none\n");
}

static void add_figures(const struct campaign *c, struct host_result *result)
{
	guint64 programs = 0, operations = 0, restarts = 0, broken = 0;

	for (guint i = 0; i < c->conf->entries->len; i++) {
		const struct campaign_entry *entry = c->conf->entries->pdata[i];
		const struct campaign_used *used =
			campaign_used(c->state, entry->name);

		if (entry->stressor)
			operations += used->programs;
		else
			programs += used->programs;
		restarts += used->deaths;
		broken += used->broken;
	}
	host_result_figure(result, "programs", (double)programs);
	host_result_figure(result, "operations", (double)operations);
	host_result_figure(result, "restarts", (double)restarts);
	host_result_figure(result, "broken", (double)broken);
	host_result_figure(result, "findings", campaign_findings(c));
	host_result_figure(result, "seconds", c->state->seconds);
	host_result_figure(result, "starts", c->state->starts);
	host_result_figure(result, "disk_mib", disk_mib(c->conf->out));
}

static int run(struct campaign *c, struct host_result *result)
{
	g_autoptr(GError) error = NULL;
	gboolean ok = campaign_run(c, &error);

	if (c->state) {
		printf("%s: %.0f s, start %u, %u MiB; %s\n", c->conf->out,
			c->state->seconds, c->state->starts,
			disk_mib(c->conf->out), c->end);
		print_entries(c);
		print_findings(c, result);
		known_print(c->known);
		add_figures(c, result);
	}
	if (!ok)
		return host_fail("campaign", error);
	if (campaign_findings(c))
		return EXIT_FINDING;
	return c->full ? EXIT_BROKEN : EXIT_CLEAN;
}

int cmd_campaign(int argc, char **argv)
{
	struct host_options SCOPED(host_options_clear) options = {0};
	struct campaign_conf *SCOPED(campaign_conf_freep) conf = NULL;
	struct campaign c = {.options = &options};
	g_autoptr(GError) error = NULL;
	struct host_result *result;
	GOptionEntry entries[] = {{NULL, 0, 0, 0, NULL, NULL, NULL}};
	int status;

	if (!host_parse(&argc, &argv, entries, "FILE",
		    "Fuzz kernels by turns, as FILE says (docs/campaign.md); "
		    "started again, it goes on where it was.",
		    &options))
		return EXIT_BROKEN;
	if (argc != 2) {
		fprintf(stderr, "rmaptorture campaign: want one file: "
				"docs/campaign.md has an example\n");
		return EXIT_BROKEN;
	}
	conf = campaign_conf_load(argv[1], &error);
	if (!conf)
		return host_fail("campaign", error);
	c.conf = conf;
	result = host_result_new("campaign", &options);
	status = run(&c, result);
	campaign_clear(&c);
	return host_result_end(result, status);
}
