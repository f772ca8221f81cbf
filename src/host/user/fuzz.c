/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture fuzz -k NAME:user: what a session of that tier found, and what a
 * VM of the same kernel says to it. */
#include "host/known.h"
#include "host/user/tier.h"

#include <stdio.h>

static void print_program(const struct prog *prog)
{
	char buf[PROG_TEXT_MAX];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	prog_print(prog, &text);
	host_print_program("program", buf);
}

static struct target *open_vm(const struct user_tier_options *want,
	const struct host_options *options)
{
	g_autofree char *name = g_strdup_printf(
		"%s:" KERNEL_DEFAULT_PROFILE, want->kernel->name);
	struct target_options t = {
		.kernel = name, .append = (char *)want->append};
	g_autoptr(GError) error = NULL;
	struct target *target = target_open(&t, options, &error);

	if (!target)
		host_progress(options, FALSE, "not confirmed in a VM: %s",
			error ? error->message : "");
	return target;
}

static void shrink(
	const struct user_tier_options *want, struct finding *finding, guint n)
{
	struct user_trial trial = {
		.kernel = want->kernel,
		.against = want->against,
		.append = want->append,
	};
	g_autoptr(GError) error = NULL;

	if (!user_tier_shrink(&trial, finding, n, &error))
		g_printerr("rmaptorture: %s\n", error->message);
	else
		printf("    replays %u of %u\n", finding->k, finding->n);
}

static void print_finding(const struct user_tier_options *want,
	struct finding *finding, double first, struct target *target, guint n,
	const struct host_options *options, struct host_result *result)
{
	struct prog prog;
	guint k = 0;

	printf("\n  %s\n    first seen after %.1f s, %" G_GUINT64_FORMAT
	       " times; %s\n",
		finding->title, first, finding->count, finding->dir);
	if (n)
		shrink(want, finding, n);
	if (user_tier_program(finding, &prog)) {
		print_program(&prog);
		if (target)
			k = user_tier_in_vm(target, finding, &prog, n, options);
	}
	if (!target)
		printf("    not replayed in a VM\n");
	host_result_finding(
		result, finding->title, finding->dir, k, target ? n : 0);
	host_result_seen(result, first);
}

static void print_findings(const struct user_tier_options *want,
	const struct user_tier_result *got, guint replays,
	const struct host_options *options, struct host_result *result)
{
	g_autoptr(GPtrArray) findings = store_list(want->out, NULL);
	struct target *SCOPED(target_freep) target = NULL;

	if (replays && g_hash_table_size(got->titles))
		target = open_vm(want, options);
	for (guint i = 0; findings && i < findings->len; i++) {
		struct finding *finding = findings->pdata[i];
		const double *first =
			g_hash_table_lookup(got->titles, finding->title);

		if (first)
			print_finding(want, finding, *first, target, replays,
				options, result);
	}
	if (!g_hash_table_size(got->titles))
		printf("  none\n");
}

static void print_figures(const struct kernel *kernel,
	const struct user_tier_result *got, const struct host_options *options,
	struct host_result *result)
{
	double rate = (double)got->programs / MAX(got->seconds, 0.001);

	printf("\n%s:user  (%s, no VM, seed %" G_GUINT64_FORMAT ")\n\n"
	       "  programs     %-10" G_GUINT64_FORMAT
	       " %.1f a second, %.0f s\n\nfindings\n",
		kernel->name, kernel->version, options->seed, got->programs,
		rate, got->seconds);
	host_result_figure(result, "programs", (double)got->programs);
	host_result_figure(result, "programs_per_second", rate);
	host_result_figure(result, "findings", g_hash_table_size(got->titles));
}

int user_tier_fuzz(const char *kernel, const char *against,
	const struct user_tier_options *want, guint replays,
	const struct host_options *options)
{
	g_autoptr(GError) error = NULL;
	struct kernel *SCOPED(kernel_freep) built =
		host_kernel(kernel, options, &error);
	struct kernel *SCOPED(kernel_freep) other = NULL;
	struct user_tier_options with_kernel = *want;
	struct user_tier_result got;
	struct host_result *result;
	gboolean stopped = FALSE;
	int status = EXIT_CLEAN;

	if (built && against)
		other = host_kernel(against, options, &error);
	if (!built || (against && !other))
		return host_fail("fuzz", error);
	with_kernel.kernel = built;
	with_kernel.against = other;
	host_progress(options, FALSE, "seed %" G_GUINT64_FORMAT, options->seed);
	result = host_result_new("fuzz", options);
	host_result_figure(result, "seed_programs",
		programs_at_start(want->out, want->corpus));
	host_result_kernel(
		result, built->name, built->profile, built->build_id);
	with_kernel.stop = &stopped;
	host_stop_begin(&stopped);
	if (!user_tier_run(&with_kernel, options, &got, &error))
		status = host_fail("fuzz", error);
	host_stop_end();
	print_figures(built, &got, options, result);
	print_findings(
		&with_kernel, &got, stopped ? 0 : replays, options, result);
	known_print(want->known);
	if (g_hash_table_size(got.titles))
		status = EXIT_FINDING;
	user_tier_result_clear(&got);
	return host_result_end(result, status);
}
