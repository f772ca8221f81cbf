/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/calibrate.h"
#include "host/points.h"

#include <string.h>

/* KCOV call sites patched out. They are the hottest ones that every seed hits:
 * the first 400 take about 60 % of all hits, and none is news. */
#define PRUNE_SITES 400

#define PROGRAM_MS 20000
#define PRUNE_MS   60000
#define POLL_MS	   1

static GPtrArray *load_seeds(GError **error)
{
	const char *const paths[] = {
		RMAPTORTURE_SOURCE_DIR "/corpus/seeds", NULL};

	return programs_load(paths, error);
}

char *calibration_id(const struct calibration *calibration)
{
	g_autoptr(GPtrArray) seeds = load_seeds(NULL);
	guint64 hash = 0;

	for (guint i = 0; seeds && i < seeds->len; i++) {
		const struct named_prog *seed = seeds->pdata[i];

		hash = hash * 31 + hash_bytes(&seed->prog, sizeof(seed->prog));
	}
	return g_strdup_printf(
		"slot %d ops %08x lanes %u seeds %016" G_GINT64_MODIFIER
		"x prune %d but entries",
		SLOT_VERSION, ops_hash(), calibration->nr_lanes, hash,
		calibration->all_sites ? 0 : PRUNE_SITES);
}

void calibration_progress(const char *line, void *user)
{
	const struct calibration *calibration = user;

	calibration->progress(line, calibration->user);
}

void calibration_died(const char *console, size_t len, void *user)
{
	struct calibration *calibration = user;

	(void)console_parse(console, len, &calibration->died);
}

/* Not in the main loop: the VM is served by vm_pump(). */
static gboolean run_request(struct vm *vm, const struct slot_request *request,
	const struct prog *prog, int timeout_ms, GError **error)
{
	struct slot *slot = vm_slot(vm).map;
	guint32 number = slot_submit(slot, 0, request, prog);
	gint64 end = g_get_monotonic_time() +
		     (gint64)(timeout_ms * vm_scale(vm)) * 1000;

	while (!slot_replied(slot, 0, number)) {
		if (!vm_pump(vm, POLL_MS)) {
			g_set_error(error, HOST_ERROR, HOST_ERROR_SEEDS,
				"the guest died while it ran the seeds");
			return FALSE;
		}
		if (g_get_monotonic_time() > end) {
			g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
				"the guest did not answer within %d s while it "
				"ran the seeds",
				timeout_ms / 1000);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean sites_write(
	const char *path, const char *pcs, guint32 nr, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(path);

	g_mkdir_with_parents(dir, 0755);
	return g_file_set_contents(path, pcs, nr * sizeof(guint64), error);
}

gboolean calibration_give_up(const char *path, GError **error)
{
	return sites_write(path, "", 0, error);
}

/* Run the seeds and keep the sites that they rank highest. */
static gboolean measure_sites(
	struct vm *vm, const struct calibration *calibration, GError **error)
{
	struct slot_lane *lane = &((struct slot *)vm_slot(vm).map)->lane[0];
	const char *path = calibration->sites_path;
	struct slot_request run = {
		.command = SLOT_RUN,
		.flags = RUN_COVER | RUN_COUNT,
		.timeout_ms = PROGRAM_MS,
	};
	struct slot_request rank = {
		.command = SLOT_RANK,
		.number = PRUNE_SITES,
	};
	g_autoptr(GPtrArray) seeds = load_seeds(error);
	guint32 nr;

	if (!seeds)
		return FALSE;
	for (guint i = 0; i < seeds->len; i++) {
		const struct named_prog *seed = seeds->pdata[i];

		if (!run_request(vm, &run, &seed->prog, PROGRAM_MS, error))
			return FALSE;
	}
	if (!run_request(vm, &rank, NULL, PRUNE_MS, error))
		return FALSE;
	nr = points_keep_entries(calibration->vmlinux, (guint64 *)lane->map,
		MIN(lane->number, PRUNE_SITES));
	return sites_write(path, (const char *)lane->map, nr, error);
}

static gboolean prune_sites(struct vm *vm, const char *path, GError **error)
{
	struct slot_lane *lane = &((struct slot *)vm_slot(vm).map)->lane[0];
	struct slot_request prune = {.command = SLOT_PRUNE};
	g_autofree char *sites = NULL;
	gsize len;

	if (!g_file_get_contents(path, &sites, &len, error))
		return FALSE;
	len = MIN(len, PRUNE_SITES * sizeof(guint64));
	memcpy(lane->map, sites, len);
	prune.number = (guint32)(len / sizeof(guint64));
	return run_request(vm, &prune, NULL, PRUNE_MS, error);
}

gboolean calibrate(struct vm *vm, void *user, GError **error)
{
	const struct calibration *calibration = user;
	const struct slot *slot = vm_slot(vm).map;
	const char *path = calibration->sites_path;
	g_autofree char *line = NULL;

	if (calibration->all_sites || !(slot->caps & CAP_KCOV_PRUNE))
		return TRUE;
	if (!g_file_test(path, G_FILE_TEST_EXISTS) &&
		!measure_sites(vm, calibration, error))
		return FALSE;
	if (!prune_sites(vm, path, error))
		return FALSE;
	line = g_strdup_printf("%u of %u KCOV sites patched out",
		slot->kcov_pruned, slot->kcov_sites);
	calibration_progress(line, user);
	return TRUE;
}
