/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/calibrate.h"
#include "host/host.h"
#include "host/points.h"
#include "host/settings.h"

#include <stdio.h>
#include <string.h>

#define LANES_DEFAULT  2
#define MEMORY_DEFAULT 1024 /* MiB */

/* The reference program (src/exec/init.c) on the reference machine; timeouts
 * of programs scale with what the guest measured against it. */
#define REFERENCE_NS	   3000000
#define PROGRAM_TIMEOUT_MS 400
#define TIMEOUT_MAX_MS	   30000

/* The kernel's own detectors, in seconds without emulation: each fires before
 * the next coarser one, and a silent lane comes last. */
#define HUNG_TASK_S	15
#define SILENT_LANE_S	25
#define EMULATION_TIMES 3

guint32 target_patience(const struct target *target)
{
	return target->machine.accel == VM_ACCEL_TCG ? EMULATION_TIMES : 1;
}

static void told_progress(const char *line, void *user)
{
	host_progress(user, FALSE, "%s", line);
}

void host_kernel_progress(const struct kernel_progress *progress, void *user)
{
	const struct host_options *options = user;

	if (progress->done && progress->total)
		host_progress(options, TRUE, "kernel: %s, object %u of %u",
			progress->phase, progress->done,
			MAX(progress->done, progress->total));
	else if (!progress->done) /* objects of the configuration are no news */
		host_progress(options, FALSE, "kernel: %s", progress->phase);
}

struct kernel *host_kernel(
	const char *name, const struct host_options *options, GError **error)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) spec = NULL;
	struct kernel *kernel;

	if (!kernel_spec_lookup(name, &spec, error) ||
		!kernel_ensure(spec, host_kernel_progress, (void *)options,
			&kernel, error))
		return NULL;
	return kernel;
}

static gboolean open_kernel(struct target *target,
	const struct target_options *t, const struct host_options *options,
	GError **error)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) found = NULL;
	struct kernel *SCOPED(kernel_freep) kernel = NULL;

	if (!t->spec &&
		!kernel_spec_lookup(
			t->kernel ? t->kernel : "vanilla:kasan", &found, error))
		return FALSE;
	if (!kernel_ensure(t->spec ? t->spec : found, host_kernel_progress,
		    (void *)options, &kernel, error))
		return FALSE;
	if (!kernel->bzimage) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"'%s:%s' has no kernel to boot: only `fuzz` takes the "
			"profile user",
			kernel->name, kernel->profile);
		return FALSE;
	}
	target->name = g_strdup(kernel->name);
	target->profile = g_strdup(kernel->profile);
	target->build_id = g_strdup(kernel->build_id);
	target->kernel_dir = g_strdup(kernel->dir);
	target->config = g_strdup(kernel->config);
	target->machine.bzimage = g_strdup(kernel->bzimage);
	target->vmlinux = g_strdup(kernel->vmlinux);
	target->counters = g_strdupv((t->spec ? t->spec : found)->counters);
	return TRUE;
}

static gboolean choose_accel(struct target *target, const char *name,
	const struct host_options *options, GError **error)
{
	struct vm_accel_verdict SCOPED(vm_accel_verdict_clear) verdict = {0};

	if (name && strcmp(name, "auto")) {
		gboolean kvm = !strcmp(name, "kvm");

		if (!kvm && strcmp(name, "tcg")) {
			g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
				"--accel '%s': want auto, kvm or tcg", name);
			return FALSE;
		}
		target->machine.accel = kvm ? VM_ACCEL_KVM : VM_ACCEL_TCG;
		return TRUE;
	}
	if (!vm_accel_probe(&target->machine, options->cache, &verdict, error))
		return FALSE;
	target->machine.accel = verdict.accel;
	host_progress(options, FALSE, "accelerator: %s (%s)",
		vm_accel_name(verdict.accel), verdict.reason);
	return TRUE;
}

static void init_slot(void *slot, size_t len, void *user)
{
	const struct calibration *calibration = user;

	g_assert(len >= sizeof(struct slot));
	slot_init(slot, calibration->nr_lanes);
}

static void read_header(struct target *target, const struct slot *slot)
{
	target->caps = slot->caps;
	target->kcov_sites = slot->kcov_sites;
	target->kcov_pruned = slot->kcov_pruned;
	memcpy(target->release, slot->release, sizeof(target->release) - 1);
	target->calib = CLAMP((double)slot->calib_ns / REFERENCE_NS, 1,
		TIMEOUT_MAX_MS / PROGRAM_TIMEOUT_MS);
	target->timeout_ms = (guint32)(PROGRAM_TIMEOUT_MS * target->calib);
	target->lost_ms =
		target->timeout_ms +
		(guint32)(SILENT_LANE_S * 1000 * target_patience(target));
}

/* One file for a kernel, our init and the seeds. */
static char *sites_path(const struct target *target, const char *id,
	const struct host_options *options)
{
	g_autofree char *init = g_path_get_basename(target->initrd);
	g_autofree char *name =
		g_strdup_printf("%s-%s-%016" G_GINT64_MODIFIER "x",
			target->build_id, init, hash_bytes(id, strlen(id)));

	return g_build_filename(options->cache, "sites", name, NULL);
}

static struct vm_template *ensure(const struct target *target,
	const char *append, struct calibration *calibration, GError **error)
{
	g_autofree char *id = calibration_id(calibration);
	const struct host_options *options = calibration->user;
	struct vm_machine machine = target->machine;
	struct vm_boot boot = {
		.ready = {G_STRUCT_OFFSET(struct slot, guest_state),
			GUEST_IDLE},
		.id = id,
		.slot_init = init_slot,
		.prepare = calibrate,
		.died = calibration_died,
		.progress = calibration_progress,
		.user = calibration,
	};
	struct vm_template *template;

	machine.append = append;
	template = vm_template_ensure(&machine, &boot, options->cache, error);
	if (!template && *calibration->died.title) {
		g_clear_error(error);
		g_set_error(error, HOST_ERROR, HOST_ERROR_BOOT,
			HOST_BOOT_DIED "%s", calibration->died.title);
	}
	return template;
}

/* A kernel that the seeds kill is still to be fuzzed: it boots once more. */
static struct vm_template *ensure_patiently(const struct target *target,
	const char *append, struct calibration *calibration, GError **error)
{
	g_autoptr(GError) first = NULL;
	struct vm_template *template;

	template = ensure(target, append, calibration, &first);
	if (template)
		return template;
	if (!g_error_matches(first, HOST_ERROR, HOST_ERROR_SEEDS)) {
		g_propagate_error(error, g_steal_pointer(&first));
		return NULL;
	}
	host_progress(calibration->user, FALSE,
		"%s: booting again, no KCOV site is patched out",
		first->message);
	if (!calibration_give_up(calibration->sites_path, error))
		return NULL;
	return ensure(target, append, calibration, error);
}

/* Sites are measured without what the user appends, which may plant a bug. */
static gboolean measure_first(
	struct target *target, struct calibration *calibration, GError **error)
{
	struct vm_template *template;

	if (calibration->all_sites || !target->user_append[0] ||
		g_file_test(calibration->sites_path, G_FILE_TEST_EXISTS))
		return TRUE;
	template = ensure_patiently(
		target, target->plain_append, calibration, error);
	vm_template_free(template);
	return template != NULL;
}

/* The header that the guest wrote is in the template's copy of the slot. */
static gboolean read_template(struct target *target, GError **error)
{
	g_autofree char *path = g_build_filename(
		vm_template_info(target->template)->dir, "slot", NULL);
	g_autofree char *bytes = NULL;
	gsize len;

	if (!g_file_get_contents(path, &bytes, &len, error))
		return FALSE;
	if (len < sizeof(struct slot)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"'%s' is short: remove its folder and run again", path);
		return FALSE;
	}
	read_header(target, (const struct slot *)bytes);
	return TRUE;
}

static gboolean open_template(struct target *target, gboolean all_sites,
	const struct host_options *options, GError **error)
{
	struct calibration calibration = {
		.nr_lanes = target->nr_lanes,
		.all_sites = all_sites,
		.vmlinux = target->vmlinux,
		.progress = told_progress,
		.user = (void *)options,
	};
	g_autofree char *id = calibration_id(&calibration);
	g_autofree char *path = sites_path(target, id, options);

	calibration.sites_path = path;
	if (!measure_first(target, &calibration, error))
		return FALSE;
	if (!all_sites)
		target->sites_path = g_strdup(path);
	target->template =
		ensure_patiently(target, target->append, &calibration, error);
	return target->template && read_template(target, error);
}

static char *kernel_arguments(const struct target *target, const char *append)
{
	guint32 factor = target_patience(target);

	return g_strdup_printf("kasan_depth=0 sysctl.kernel.hung_task_panic=1 "
			       "sysctl.kernel.hung_task_timeout_secs=%u "
			       "sysctl.kernel.softlockup_panic=1%s%s",
		HUNG_TASK_S * factor, append ? " " : "", append ? append : "");
}

static void print_command_line(const struct target *target)
{
	g_auto(GStrv) command = vm_command_line(&target->machine, "DIR");
	g_autofree char *line = g_strjoinv(" ", command);

	printf("%s\n", line);
}

static gboolean fill(struct target *target, const struct target_options *t,
	const struct host_options *options, GError **error)
{
	target->nr_lanes = t->lanes ? (guint32)t->lanes : LANES_DEFAULT;
	if (t->lanes < 0 || target->nr_lanes > SLOT_LANES) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"--lanes: 1 to %d", SLOT_LANES);
		return FALSE;
	}
	target->settings = settings_text(t->set, error);
	if (!target->settings)
		return FALSE;
	target->machine.vcpus = MAX(target->nr_lanes, 2);
	target->machine.mem_mib =
		t->mem_mib ? (unsigned)t->mem_mib : MEMORY_DEFAULT;
	target->machine.slot_bytes = t->slot_bytes ? t->slot_bytes : SLOT_BYTES;
	target->machine.disk = g_strdup(t->disk);
	target->machine.disk_writable = t->disk != NULL;
	if (!open_kernel(target, t, options, error))
		return FALSE;
	target->initrd = initrd_ensure(options->cache,
		t->init ? t->init : "init", t->selftests, error);
	if (!target->initrd)
		return FALSE;
	target->machine.initrd = target->initrd;
	if (!choose_accel(target, t->accel, options, error))
		return FALSE;
	target->user_append = g_strdup(t->append ? t->append : "");
	target->plain_append = kernel_arguments(target, NULL);
	target->append = kernel_arguments(target, t->append);
	target->machine.append = target->append;
	return TRUE;
}

struct target *target_choose(const struct target_options *t,
	const struct host_options *options, GError **error)
{
	struct target *SCOPED(target_freep) target = g_new0(struct target, 1);

	if (!fill(target, t, options, error))
		return NULL;
	if (options->dry_run) {
		print_command_line(target);
		return NULL;
	}
	return g_steal_pointer(&target);
}

struct target *target_open(const struct target_options *t,
	const struct host_options *options, GError **error)
{
	struct target *SCOPED(target_freep) target =
		target_choose(t, options, error);

	g_autoptr(GError) bad = NULL;

	if (!target || !open_template(target, t->all_sites, options, error) ||
		!append_holds(target, options, error))
		return NULL;
	if (target->settings[0] && !settings_hold(target, &bad)) {
		g_propagate_error(error, g_steal_pointer(&bad));
		return NULL;
	}
	return g_steal_pointer(&target);
}

void target_free(struct target *target)
{
	if (!target)
		return;
	g_clear_pointer(&target->template, vm_template_free);
	g_free(target->name);
	g_free(target->profile);
	g_free(target->build_id);
	g_free(target->kernel_dir);
	g_free(target->vmlinux);
	g_free(target->sites_path);
	g_clear_pointer(&target->points, g_bytes_unref);
	g_free(target->initrd);
	g_free(target->append);
	g_free(target->plain_append);
	g_free(target->user_append);
	g_free(target->settings);
	g_free(target->peer);
	g_free(target->config);
	g_strfreev(target->counters);
	g_free((char *)target->machine.bzimage);
	g_free((char *)target->machine.disk);
	g_free(target);
}

GBytes *target_points(struct target *target, GError **error)
{
	g_autofree char *gone = NULL;
	gsize len = 0;

	if (target->points)
		return target->points;
	if (target->kcov_pruned && target->sites_path &&
		!g_file_get_contents(target->sites_path, &gone, &len, error))
		return NULL;
	target->points = points_build(
		target->vmlinux, (guint64 *)gone, len / sizeof(guint64), error);
	return target->points;
}

static gboolean waits_inside(const struct prog *prog)
{
	for (guint32 i = 0; i < prog->nr_stalls; i++) {
		if (!stall_is_meeting(&prog->stall[i]))
			return TRUE;
	}
	return FALSE;
}

void target_stalls(struct target *target, const struct prog *prog,
	guint64 ret_pc[PROG_STALLS_MAX], GString *notes)
{
	g_autoptr(GError) error = NULL;
	struct points points;
	const void *bytes;
	gsize len;

	memset(ret_pc, 0, PROG_STALLS_MAX * sizeof(*ret_pc));
	if (!waits_inside(prog))
		return;
	if (!(target->caps & CAP_KCOV_STALL)) {
		if (notes)
			g_string_append_printf(notes, "%s\n",
				cap_lack((unsigned)__builtin_ctz(
					CAP_KCOV_STALL)));
		return;
	}
	if (!target_points(target, &error)) {
		if (notes)
			g_string_append_printf(notes,
				"stalled calls only race: %s\n",
				error->message);
		return;
	}
	bytes = g_bytes_get_data(target->points, &len);
	if (!points_open(bytes, len, &points, NULL))
		points_resolve_stalls(&points, prog, ret_pc, notes);
}

char *target_describe(const struct target *target)
{
	g_autoptr(GString) set = settings_describe(target);
	g_auto(GStrv) command = vm_command_line(&target->machine, "DIR");
	g_autofree char *line = g_strjoinv(" ", command);

	return g_strdup_printf(
		"kernel: %s:%s\nbuild: %s\nrelease: %s\nkernel folder: %s\n"
		"append: %s\nuser append: %s\n%saccelerator: %s\nlanes: "
		"%u\nrmaptorture: %s\n"
		"qemu: %s\ncommand: %s\n",
		target->name, target->profile, target->build_id,
		target->release, target->kernel_dir, target->append,
		target->user_append, set->str,
		vm_accel_name(target->machine.accel), target->nr_lanes,
		RMAPTORTURE_VERSION,
		vm_template_info(target->template)->qemu_version, line);
}

void target_skips(const struct target *target,
	const struct host_options *options, struct host_result *result)
{
	for (unsigned int bit = 0; bit < CAP_COUNT; bit++) {
		if (target->caps & 1u << bit)
			continue;
		host_progress(options, FALSE, "lacks %s: %s", cap_name(bit),
			cap_lack(bit));
		host_result_skip(result, cap_name(bit), cap_lack(bit));
	}
}
