/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/premerge/premerge.h"

#include <glib/gstdio.h>
#include <string.h>

/*
 * struct shares - of the whole budget
 * @fuzz: in user space
 * @each: builds of each patch
 * @keep: for replays and bisection of what is found
 * The fuzzer in VMs has what these and the builds leave, and, as long as
 * nothing is found, all.
 */
static const struct shares {
	double schedules, fuzz, each, selftests, stress, keep;
} with_vm = {0.05, 0.15, 0.10, 0.10, 0.10, 0.20},
  without_vm = {0.05, 0.45, 1, 0, 0, 0.20};

double premerge_left(const struct premerge *p)
{
	gint64 left = p->end - g_get_monotonic_time();

	return p->stop ? 0 : (double)MAX(left, 0) / G_USEC_PER_SEC;
}

struct review_step *premerge_begin(
	struct premerge *p, const char *name, gboolean tests)
{
	struct review_step *step = review_step(p->review, name, tests);

	step->seconds = (double)g_get_monotonic_time() / G_USEC_PER_SEC;
	host_progress(p->options, FALSE, "== %s (%.0f s left)", name,
		premerge_left(p));
	return step;
}

void premerge_done(struct review_step *step)
{
	step->seconds =
		(double)g_get_monotonic_time() / G_USEC_PER_SEC - step->seconds;
}

char *premerge_patch(const struct premerge *p, guint prefix)
{
	const struct kernel_patch *patch = p->patches->pdata[prefix - 1];

	return g_strdup_printf(
		"patch %u of %u, \"%s\"", prefix, p->nr, patch->subject);
}

/* ---- beginning ---- */

/* Kernel names take few characters; a folder is named by what it holds. */
static char *derived_name(const struct premerge_options *want)
{
	g_autofree char *full = g_canonicalize_filename(want->series, NULL);
	g_autofree char *file = g_path_get_basename(full);
	char *dot = strrchr(file, '.');
	char *name;

	if (dot && dot != file)
		*dot = '\0';
	name = g_strdup_printf("%s+%s", want->base, file);
	for (char *at = name; *at; at++) {
		if (!g_ascii_isalnum(*at) && !strchr("._+-", *at))
			*at = '_';
	}
	name[MIN(strlen(name), 64)] = '\0';
	return name;
}

/* What an --out is for: what is found in it belongs to one series. */
static gboolean claim_out(const struct premerge *p, GError **error)
{
	g_autofree char *path = g_build_filename(p->want->out, "of", NULL);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *known = NULL;
	const char *now;

	g_checksum_update(sum, (const guchar *)p->want->base, -1);
	for (guint i = 0; i < p->nr; i++) {
		const struct kernel_patch *patch = p->patches->pdata[i];
		g_autofree char *text = NULL;
		gsize len;

		if (!g_file_get_contents(patch->path, &text, &len, error))
			return FALSE;
		g_checksum_update(sum, (const guchar *)text, (gssize)len);
	}
	if (p->options_path) {
		g_autofree char *text = NULL;

		if (!g_file_get_contents(p->options_path, &text, NULL, error))
			return FALSE;
		g_checksum_update(sum, (const guchar *)text, -1);
	}
	now = g_checksum_get_string(sum);
	if (!g_file_get_contents(path, &known, NULL, NULL))
		return g_file_set_contents(path, now, -1, error);
	if (!strcmp(known, now))
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"'%s' is of another series, base or --fragment: choose another "
		"--out, or "
		"remove it",
		p->want->out);
	return FALSE;
}

static void copy_programs(const char *from, const char *to)
{
	g_autoptr(GDir) dir = g_dir_open(from, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(from, name, NULL);
		g_autofree char *copy = g_build_filename(to, name, NULL);
		g_autofree char *text = NULL;
		gsize len;

		if (g_str_has_suffix(name, ".prog") &&
			g_file_get_contents(path, &text, &len, NULL))
			(void)g_file_set_contents(
				copy, text, (gssize)len, NULL);
	}
}

/* Before anything is built: what is wrong with a name is not the series'. */
static gboolean knows_base(const char *base, GError **error)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) spec = NULL;

	return kernel_spec_lookup(base, &spec, error);
}

static gboolean begin(struct premerge *p, GError **error)
{
	const char *corpus = RMAPTORTURE_SOURCE_DIR "/corpus";
	g_autofree char *seeds = g_build_filename(corpus, "seeds", NULL);
	g_autofree char *pairs = g_build_filename(corpus, "pairs", NULL);
	g_autofree char *dir = g_build_filename(p->want->out, "patches", NULL);

	if (!knows_base(p->want->base, error))
		return FALSE;
	p->patches = kernel_series_split(p->want->series, dir, error);
	if (!p->patches)
		return FALSE;
	p->nr = p->patches->len;
	p->review->nr_patches = p->nr;
	p->kernel.user = g_new0(struct kernel *, p->nr + 1);
	p->kernel.kasan = g_new0(struct kernel *, p->nr + 1);
	p->kernel.vm = g_new0(struct target *, p->nr + 1);
	p->name = derived_name(p->want);
	p->start = g_build_filename(p->want->out, "start", NULL);
	p->scratch = host_scratch(error);
	if (!p->scratch || !premerge_options(p, error) || !claim_out(p, error))
		return FALSE;
	g_mkdir_with_parents(p->start, 0755);
	copy_programs(seeds, p->start);
	copy_programs(pairs, p->start);
	return TRUE;
}

/* So that `repro` and `fuzz -k` know the patched kernel by its name. */
static void register_kernel(struct premerge *p)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) spec =
		premerge_spec(p, p->nr, KERNEL_DEFAULT_PROFILE, NULL);
	g_autoptr(GError) error = NULL;

	if (!spec || !kernel_spec_register(spec, &error))
		host_progress(p->options, FALSE, "not registered: %s",
			error ? error->message : "");
}

/* ---- the steps ---- */

static const struct shares *shares(const struct premerge *p)
{
	return p->want->no_vm ? &without_vm : &with_vm;
}

double premerge_keep(const struct premerge *p)
{
	return p->review->budget * shares(p)->keep;
}

/* @share of the budget, but not what is to be kept */
static double part(const struct premerge *p, double share)
{
	return MIN(
		premerge_left(p) - premerge_keep(p), p->review->budget * share);
}

static void test_user(struct premerge *p)
{
	struct review_step *step;

	if (p->kernel.user[0] && p->kernel.user[p->nr]) {
		premerge_programs_user(p);
		premerge_schedules(p, part(p, shares(p)->schedules));
		premerge_fuzz_user(p, part(p, shares(p)->fuzz));
		premerge_judge_user(p);
		premerge_build_each(p, part(p, shares(p)->each));
		return;
	}
	step = premerge_begin(p, "user space", TRUE);
	step_end(step, VERDICT_SKIP, "there is no such kernel: see the build");
	premerge_done(step);
}

static void test_vm(struct premerge *p)
{
	premerge_programs_vm(p);
	premerge_selftests(p, part(p, shares(p)->selftests));
	premerge_stress(p, part(p, shares(p)->stress));
	premerge_fuzz_vm(p);
}

static void no_vm(struct premerge *p, const char *why)
{
	struct review_step *step = premerge_begin(p, "VM", TRUE);

	step_end(step, VERDICT_SKIP,
		"programs, selftests, stressors and fuzzing on the booted "
		"kernel: %s",
		why);
	premerge_done(step);
}

static void run(struct premerge *p)
{
	if (!premerge_build_user(p))
		return;
	register_kernel(p);
	if (!p->want->no_vm)
		premerge_build_early(p);
	test_user(p);
	if (p->want->no_vm || !premerge_build_vm(p)) {
		no_vm(p, p->want->no_vm ? "--no-vm" : "it was not built");
		return;
	}
	if (premerge_boot(p)) {
		premerge_boot_each(p);
		test_vm(p);
	} else {
		no_vm(p, "it does not boot");
	}
	premerge_judge(p);
}

static void describe(struct premerge *p, struct host_result *result)
{
	const struct kernel *kernel = p->kernel.kasan[p->nr];

	if (!kernel)
		kernel = p->kernel.user[p->nr];
	if (!kernel)
		return;
	p->review->release = g_strdup(kernel->version);
	host_result_kernel(
		result, kernel->name, kernel->profile, kernel->build_id);
	host_result_figure(result, "programs_user", (double)p->programs_user);
	host_result_figure(result, "programs_vm", (double)p->programs_vm);
}

static void clear(struct premerge *p)
{
	premerge_build_clear(p);
	for (guint i = 0; p->patches && i <= p->nr; i++) {
		kernel_free(p->kernel.user[i]);
		kernel_free(p->kernel.kasan[i]);
		target_free(p->kernel.vm[i]);
	}
	g_free(p->kernel.user);
	g_free(p->kernel.kasan);
	g_free(p->kernel.vm);
	g_clear_pointer(&p->patches, g_ptr_array_unref);
	host_scratch_free(p->scratch);
	g_free(p->load);
	g_free(p->load_title);
	g_free(p->load_dir);
	g_free(p->name);
	g_strfreev(p->added);
	g_strfreev(p->counters);
	g_strfreev(p->functions);
	g_free(p->boot_title);
	premerge_selftest_clear(&p->selftest);
	g_free(p->options_path);
	g_free(p->start);
	review_free(p->review);
}

gboolean premerge_run(const struct premerge_options *want,
	const struct host_options *options, struct host_result *result,
	struct review **ret_review, GError **error)
{
	struct premerge p = {
		.options = options,
		.want = want,
		.review = review_new(),
		.begin = g_get_monotonic_time(),
	};
	gboolean ok;

	host_stop_begin(&p.stop);
	p.end = p.begin + want->seconds * G_USEC_PER_SEC;
	p.review->base = g_strdup(want->base);
	p.review->series = g_path_get_basename(want->series);
	p.review->version = g_strdup(RMAPTORTURE_VERSION);
	p.review->seed = options->seed;
	p.review->budget = (double)want->seconds;
	ok = begin(&p, error);
	if (ok) {
		run(&p);
		describe(&p, result);
		p.review->seconds = (double)(g_get_monotonic_time() - p.begin) /
				    G_USEC_PER_SEC;
		*ret_review = g_steal_pointer(&p.review);
	}
	host_stop_end();
	clear(&p);
	return ok;
}
