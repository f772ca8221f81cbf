/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture doctor: what this machine, and a kernel, can do. A cause and a
 * fix a line. */
#include "host/host.h"

#include <gio/gio.h>
#include <stdio.h>
#include <sys/statvfs.h>

#define CACHE_WANT_GIB 8 /* a build tree and a few kernels */
#define SHM_WANT_MIB   64

struct doctor {
	const struct host_options *options;
	struct host_result *result;
	guint lacking;
	guint broken;
};

static void ok(const char *what, const char *detail)
{
	printf("ok     %-14s %s\n", what, detail);
}

static void lacks(struct doctor *doctor, const char *what, const char *why)
{
	printf("lacks  %-14s %s\n", what, why);
	host_result_skip(doctor->result, what, why);
	doctor->lacking++;
}

static void check_programs(struct doctor *doctor)
{
	static const struct {
		const char *name, *fix;
	} programs[] = {
		{"qemu-system-x86_64", "apt install qemu-system-x86"},
		{"gcc", "apt install gcc"},
		{"make", "apt install make"},
		{"flex", "apt install flex"},
		{"bison", "apt install bison"},
		{"bc", "apt install bc"},
		{"patch", "apt install patch"},
		{"rsync", "apt install rsync"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
		g_autofree char *path =
			g_find_program_in_path(programs[i].name);

		if (path) {
			ok(programs[i].name, path);
			continue;
		}
		lacks(doctor, programs[i].name, programs[i].fix);
		doctor->broken++;
	}
}

static void check_room(struct doctor *doctor, const char *what,
	const char *path, guint64 want_mib)
{
	g_autofree char *text = NULL;
	struct statvfs fs;
	guint64 mib;

	if (statvfs(path, &fs)) {
		lacks(doctor, what, g_strerror(errno));
		return;
	}
	mib = (guint64)fs.f_bavail * fs.f_frsize >> 20;
	text = g_strdup_printf("%s: %" G_GUINT64_FORMAT
			       " MiB free, %" G_GUINT64_FORMAT " wanted",
		path, mib, want_mib);
	if (mib >= want_mib)
		ok(what, text);
	else
		lacks(doctor, what, text);
}

static void check_kernel(struct doctor *doctor, const struct target *target,
	const char *name, GError **error)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) spec = NULL;
	struct kernel *SCOPED(kernel_freep) kernel = NULL;
	g_auto(GStrv) missing = NULL;

	if (!kernel_spec_lookup(name, &spec, error))
		return;
	kernel = kernel_cached(spec);
	if (!kernel)
		return;
	missing = kernel_missing_features(kernel, error);
	for (char **line = missing; line && *line; line++)
		lacks(doctor, "config", *line);
	for (unsigned int bit = 0; bit < CAP_COUNT; bit++) {
		if (target->caps & 1u << bit)
			ok(cap_name(bit), "seen by the guest");
		else
			lacks(doctor, cap_name(bit), cap_lack(bit));
	}
}

static void print_target(const struct target *target)
{
	const struct vm_template_info *info =
		vm_template_info(target->template);
	g_autofree char *boot = g_strdup_printf(
		"%.1f s to idle, %s", info->boot_seconds, info->qemu_version);
	g_autofree char *kcov =
		g_strdup_printf("%u call sites, %u of them patched out",
			target->kcov_sites, target->kcov_pruned);
	g_autofree char *time = g_strdup_printf(
		"%.1f times the reference; %.1f s for one program",
		target->calib, target->timeout_ms / 1000.0);

	ok("kernel", target->release);
	ok("boot", boot);
	ok("coverage", kcov);
	ok("time scale", time);
}

static int doctor_run(
	struct doctor *doctor, struct target_options *t, GError **error)
{
	struct target *SCOPED(target_freep) target = NULL;
	const char *name = t->kernel ? t->kernel : "vanilla:kasan";

	g_mkdir_with_parents(doctor->options->cache, 0755);
	check_programs(doctor);
	check_room(
		doctor, "cache", doctor->options->cache, CACHE_WANT_GIB * 1024);
	check_room(doctor, "/dev/shm", "/dev/shm", SHM_WANT_MIB);
	if (doctor->broken)
		return EXIT_BROKEN;
	target = target_open(t, doctor->options, error);
	if (!target)
		return *error ? EXIT_BROKEN : EXIT_CLEAN;
	ok("accelerator", vm_accel_name(target->machine.accel));
	print_target(target);
	check_kernel(doctor, target, name, error);
	host_result_kernel(doctor->result, target->name, target->profile,
		target->build_id);
	return *error ? EXIT_BROKEN : EXIT_CLEAN;
}

int cmd_doctor(int argc, char **argv)
{
	struct host_options SCOPED(host_options_clear) options = {0};
	struct target_options target = {0};
	g_autoptr(GError) error = NULL;
	struct doctor doctor = {.options = &options};
	GOptionEntry entries[] = {
		TARGET_OPTIONS(&target),
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	int status;

	if (!host_parse(&argc, &argv, entries, NULL,
		    "What this machine, and a kernel, can do.", &options))
		return EXIT_BROKEN;
	doctor.result = host_result_new("doctor", &options);
	status = doctor_run(&doctor, &target, &error);
	if (error)
		(void)host_fail("doctor", error);
	printf("%u lacking\n", doctor.lacking);
	return host_result_end(doctor.result, status);
}
