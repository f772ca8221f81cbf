/* SPDX-License-Identifier: GPL-2.0-only */
/* A finding of the user tier, replayed in VMs: what is told and kept of it. */
#include "host/user/tier.h"

#include <stdio.h>
#include <string.h>

#include "host/user/report.h"

char *user_tier_about(const struct finding *finding, const char *key)
{
	g_autofree char *machine =
		store_read(finding, "machineInfo", NULL, NULL);

	return machine ? user_report_line(machine, key) : NULL;
}

static void tell(const struct user_confirmed *got, const struct prog *prog)
{
	char buf[PROG_TEXT_MAX];
	struct text text;

	if (got->title[0])
		printf("    in the VM: %s\n", got->title);
	if (got->later)
		printf("    where the allocation is %u later\n", got->later);
	/* with points of its own, or with what the tier does by itself */
	if (!got->k || !memcmp(&got->prog, prog, sizeof(*prog)))
		return;
	text_init(&text, buf, sizeof(buf));
	prog_print(&got->prog, &text);
	host_print_program("vm.prog", buf);
}

guint user_tier_in_vm(struct target *target, const struct finding *finding,
	const struct prog *prog, guint n, const struct host_options *options)
{
	g_autofree char *build = user_tier_about(finding, "program: ");
	struct user_confirming how = {target, build, n, options};
	g_autoptr(GError) error = NULL;
	struct user_confirmed got;

	if (!user_tier_confirm(&how, prog, finding->title, &got, &error) ||
		(got.k && !store_set_vm_prog(finding, &got.prog, got.title,
				  got.k, got.n, &error)))
		g_printerr("rmaptorture: %s\n", error->message);
	tell(&got, prog);
	printf("    %s: %u of %u replays in a VM\n",
		got.k ? "confirmed" : "seen in user space only", got.k, n);
	return got.k;
}

gboolean user_tier_found(const struct finding *finding)
{
	g_autofree char *kernel = user_tier_about(finding, "kernel: ");

	return user_tier_is(kernel);
}

int user_tier_repro(struct finding *finding, struct target_options *t,
	const struct host_options *options, guint n)
{
	g_autoptr(GError) error = NULL;
	struct target *SCOPED(target_freep) target = NULL;
	struct host_result *result;
	struct prog prog;
	guint k = 0;

	target = target_open(t, options, &error);
	if (!target)
		return error ? host_fail("repro", error) : EXIT_CLEAN;
	result = host_result_new("repro", options);
	host_result_kernel(
		result, target->name, target->profile, target->build_id);
	printf("%s\n", finding->title);
	if (!user_tier_program(finding, &prog)) {
		printf("no program on record\n");
		return host_result_end(result, EXIT_TIME);
	}
	k = user_tier_in_vm(target, finding, &prog, n, options);
	host_result_finding(result, finding->title, finding->dir, k, n);
	return host_result_end(result, k ? EXIT_FINDING : EXIT_CLEAN);
}
