/* SPDX-License-Identifier: GPL-2.0-only */
/* rmaptorture bench: figures of this machine, as commands. */
#include "host/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEEDS_FOLDER  RMAPTORTURE_SOURCE_DIR "/corpus/seeds"
#define BENCH_PROGRAM SEEDS_FOLDER "/bench.prog"
#define ANSWER_MS     60000

struct bench {
	const struct host_options *options;
	struct host_result *result;
	struct target *target;
	char *scratch;
	int rounds;
	int programs; /* of one round, on each lane */
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(double *values, guint nr, double q)
{
	qsort(values, nr, sizeof(*values), by_value);
	return nr ? values[MIN(nr - 1, (guint)(q * nr))] : 0;
}

static void figure(
	struct bench *bench, const char *name, double value, const char *unit)
{
	printf("  %-26s %10.3f %s\n", name, value, unit);
	host_result_figure(bench->result, name, value);
}

/* QEMU's CPU time so far, all threads: fields 14 and 15 of /proc/PID/stat,
 * in clock ticks (proc(5)). */
static double cpu_seconds(GPid pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
	g_autofree char *text = NULL;
	unsigned long user, system;
	const char *rest;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	rest = strrchr(text, ')');
	if (!rest ||
		sscanf(rest + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			&user, &system) != 2)
		return 0;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* --- speed -----------------------------------------------------------------
 */

struct sample {
	double seconds, cpu, wait;
};

static gboolean take_reply(struct guest *guest, guint lane,
	const struct prog *prog, struct prog_result *ret, GError **error)
{
	struct why why = {"the guest died"};

	if (guest_finish(guest, lane, prog, ret, NULL, ANSWER_MS, &why) ==
		GUEST_DONE)
		return TRUE;
	g_set_error(
		error, HOST_ERROR, HOST_ERROR_BROKEN, "bench: %s", why.text);
	return FALSE;
}

static double waited(const struct guest *guest, guint lanes)
{
	double ns = 0;

	for (guint lane = 0; lane < lanes; lane++)
		ns += (double)guest->slot->lane[lane].wait_ns;
	return ns / 1e9;
}

static const struct prog *prog_start(struct guest *guest, guint lane,
	const struct slot_request *request, GPtrArray *progs, guint i)
{
	const struct named_prog *named = progs->pdata[i % progs->len];

	guest_start(guest, lane, request, &named->prog);
	return &named->prog;
}

/* The harness: every lane is kept busy with one program after the other, of
 * @progs in turn. @flags: RUN_* */
static gboolean measure_harness(struct bench *bench, struct guest *guest,
	GPtrArray *progs, guint32 flags, struct sample *ret, GError **error)
{
	static struct prog_result result;
	const struct prog *running[SLOT_LANES];
	struct slot_request request = {
		.command = SLOT_RUN,
		.flags = flags,
		.timeout_ms = bench->target->timeout_ms,
	};
	guint lanes = bench->target->nr_lanes;
	guint todo = (guint)bench->programs * lanes, sent = 0, done = 0;
	double cpu = cpu_seconds(vm_pid(guest->vm));
	double wait = waited(guest, lanes);
	gint64 start = g_get_monotonic_time();

	for (; sent < lanes; sent++)
		running[sent] = prog_start(guest, sent, &request, progs, sent);
	while (done < todo && !guest->ended) {
		gboolean any = FALSE;

		for (guint lane = 0; lane < lanes; lane++) {
			if (!guest->expected[lane] ||
				!slot_replied(guest->slot, lane,
					guest->expected[lane]))
				continue;
			if (!take_reply(
				    guest, lane, running[lane], &result, error))
				return FALSE;
			any = TRUE;
			done++;
			if (sent++ < todo)
				running[lane] = prog_start(
					guest, lane, &request, progs, sent);
		}
		if (!any && !g_main_context_iteration(NULL, FALSE))
			g_usleep(50);
	}
	ret->seconds = (double)(g_get_monotonic_time() - start) / 1e6;
	ret->cpu = cpu_seconds(vm_pid(guest->vm)) - cpu;
	ret->wait = waited(guest, lanes) - wait;
	return !guest->ended;
}

/* The bare loop: the same calls, straight C in the guest, on every lane. */
static gboolean measure_bare(struct bench *bench, struct guest *guest,
	struct sample *ret, GError **error)
{
	static const struct prog none; /* it has its calls of its own */
	static struct prog_result result;
	struct slot_request request = {
		.command = SLOT_BARE,
		.number = (guint32)bench->programs,
		.timeout_ms = ANSWER_MS,
	};
	guint lanes = bench->target->nr_lanes;
	double cpu = cpu_seconds(vm_pid(guest->vm));
	gint64 start = g_get_monotonic_time();

	for (guint lane = 0; lane < lanes; lane++)
		guest_start(guest, lane, &request, &none);
	for (guint lane = 0; lane < lanes; lane++) {
		if (!take_reply(guest, lane, &none, &result, error))
			return FALSE;
	}
	ret->seconds = (double)(g_get_monotonic_time() - start) / 1e6;
	ret->cpu = cpu_seconds(vm_pid(guest->vm)) - cpu;
	return TRUE;
}

static void print_speed(struct bench *bench, double *rates, double *ratios,
	double *shares, double *per_cpu)
{
	guint n = (guint)bench->rounds;

	figure(bench, "programs_per_second", quantile(rates, n, 0.5),
		"median of the rounds");
	figure(bench, "ratio_to_bare_loop", quantile(ratios, n, 0.5),
		"harness to bare loop, in pairs");
	figure(bench, "ratio_to_bare_loop_min", quantile(ratios, n, 0), "");
	figure(bench, "ratio_to_bare_loop_max", quantile(ratios, n, 1), "");
	figure(bench, "guest_wait_share", quantile(shares, n, 0.5),
		"of the lanes' time, waiting for the host");
	figure(bench, "programs_per_cpu_second", quantile(per_cpu, n, 0.5),
		"of QEMU's CPU time");
}

#define RUN_AS_FUZZED (RUN_COVER | RUN_CHECK)

/* What rmap_fsck at the end of each program takes from the rate: the seeds with
 * it and without, in pairs. */
static gboolean bench_fsck(struct bench *bench, struct guest *guest,
	GPtrArray *seeds, GError **error)
{
	guint n = (guint)bench->rounds;
	g_autofree double *ratios = g_new0(double, n);
	struct sample with, without;

	if (!(bench->target->caps & CAP_RMAP_FSCK))
		return TRUE;
	if (!measure_harness(bench, guest, seeds, RUN_AS_FUZZED | RUN_FSCK,
		    &with, error))
		return FALSE;
	for (guint i = 0; i < n; i++) {
		if (!measure_harness(bench, guest, seeds, RUN_AS_FUZZED,
			    &without, error) ||
			!measure_harness(bench, guest, seeds,
				RUN_AS_FUZZED | RUN_FSCK, &with, error))
			return FALSE;
		ratios[i] = without.seconds / with.seconds;
	}
	figure(bench, "rmap_fsck_ratio", quantile(ratios, n, 0.5),
		"the seeds with rmap_fsck to without, in pairs");
	return TRUE;
}

static gboolean bench_speed(struct bench *bench, struct guest *guest,
	GPtrArray *progs, GError **error)
{
	guint n = (guint)bench->rounds;
	g_autofree double *rates = g_new0(double, n);
	g_autofree double *ratios = g_new0(double, n);
	g_autofree double *shares = g_new0(double, n);
	g_autofree double *per_cpu = g_new0(double, n);
	double done = (double)bench->programs * bench->target->nr_lanes;
	struct sample ours, bare;

	/* one round of each to warm the translator up */
	if (!measure_harness(
		    bench, guest, progs, RUN_AS_FUZZED, &ours, error) ||
		!measure_bare(bench, guest, &bare, error))
		return FALSE;
	for (guint i = 0; i < n; i++) {
		if (!measure_harness(
			    bench, guest, progs, RUN_AS_FUZZED, &ours, error) ||
			!measure_bare(bench, guest, &bare, error))
			return FALSE;
		rates[i] = done / ours.seconds;
		ratios[i] = (bare.seconds / ours.seconds);
		shares[i] =
			ours.wait / (ours.seconds * bench->target->nr_lanes);
		per_cpu[i] = done / MAX(ours.cpu, 0.01);
		host_progress(bench->options, TRUE,
			"round %u of %u: %.1f/s, ratio %.2f", i + 1, n,
			rates[i], ratios[i]);
	}
	print_speed(bench, rates, ratios, shares, per_cpu);
	return TRUE;
}

static gboolean speed(struct bench *bench, GError **error)
{
	const char *const paths[] = {BENCH_PROGRAM, NULL};
	const char *const folders[] = {SEEDS_FOLDER, NULL};
	g_autoptr(GPtrArray) progs = programs_load(paths, error);
	g_autoptr(GPtrArray) seeds =
		progs ? programs_load(folders, error) : NULL;
	struct guest *SCOPED(guest_freep) guest = NULL;

	if (!seeds)
		return FALSE;
	guest = guest_fresh(bench->target, bench->scratch, error);
	return guest && bench_speed(bench, guest, progs, error) &&
	       bench_fsck(bench, guest, seeds, error);
}

/* --- restore ---------------------------------------------------------------
 */

/* From the moment that QEMU reports the panic to the reply of the next program,
 * and to the moment its VM runs. */
static gboolean crash_once(struct bench *bench, struct vm_pool *pool,
	struct guest **guest, const struct prog *prog, double *ret_next_ms,
	double *ret_reply_ms, GError **error)
{
	static struct prog_result result;
	struct slot_request crash = {.command = SLOT_CRASH};
	struct slot_request run = {.command = SLOT_RUN,
		.flags = RUN_COVER,
		.timeout_ms = bench->target->timeout_ms};
	gint64 death;
	struct vm *vm;

	guest_start(*guest, 0, &crash, NULL);
	while (!(*guest)->ended)
		g_main_context_iteration(NULL, TRUE);
	death = vm_death_time_us((*guest)->vm);
	vm = vm_pool_take(pool, error);
	if (!vm)
		return FALSE;
	guest_free(*guest);
	*guest = guest_open(vm);
	guest_start(*guest, 0, &run, prog);
	while (!(*guest)->ended &&
		(*guest)->slot->lane[0].progress[0][0] == CALL_NOT_RUN &&
		!slot_replied((*guest)->slot, 0, (*guest)->expected[0]))
		g_usleep(20);
	*ret_next_ms = (double)(g_get_monotonic_time() - death) / 1000;
	if (!take_reply(*guest, 0, prog, &result, error))
		return FALSE;
	*ret_reply_ms = (double)(g_get_monotonic_time() - death) / 1000;
	return TRUE;
}

static void print_restore(
	struct bench *bench, double *next, double *reply, guint n)
{
	figure(bench, "crash_to_next_ms_p50", quantile(next, n, 0.5),
		"ms from the panic until the next program runs");
	figure(bench, "crash_to_next_ms_p95", quantile(next, n, 0.95), "ms");
	figure(bench, "crash_to_reply_ms_p50", quantile(reply, n, 0.5),
		"ms until it has replied");
	figure(bench, "crash_to_reply_ms_p95", quantile(reply, n, 0.95), "ms");
}

static gboolean crash_often(
	struct bench *bench, struct vm_pool *pool, GError **error)
{
	static const char text[] = "p0 mmap v0:1 rw anon\np0 touch v0:1\n";
	guint n = (guint)bench->rounds;
	g_autofree double *next = g_new0(double, n);
	g_autofree double *reply = g_new0(double, n);
	struct guest *SCOPED(guest_freep) guest = NULL;
	struct vm *vm = vm_pool_take(pool, error);
	struct prog prog;

	if (!vm)
		return FALSE;
	guest = guest_open(vm);
	g_assert(!prog_parse(text, strlen(text), &prog, NULL));
	for (guint i = 0; i < n; i++) {
		while (!vm_pool_nr_ready(pool))
			g_main_context_iteration(NULL, TRUE);
		if (!crash_once(bench, pool, &guest, &prog, &next[i], &reply[i],
			    error))
			return FALSE;
		host_progress(bench->options, TRUE,
			"crash %u of %u: %.0f ms, reply after %.0f ms", i + 1,
			n, next[i], reply[i]);
	}
	print_restore(bench, next, reply, n);
	return TRUE;
}

static gboolean restore(struct bench *bench, GError **error)
{
	g_autofree char *dir = g_build_filename(bench->scratch, "pool", NULL);
	struct vm_pool *pool =
		vm_pool_new(bench->target->template, dir, 1, error);
	gboolean good = pool && crash_often(bench, pool, error);

	vm_pool_free(pool);
	return good;
}

static const struct {
	const char *name;
	gboolean (*run)(struct bench *bench, GError **error);
	int rounds;
} benches[] = {
	{"speed", speed, 7},
	{"restore", restore, 50},
};

static int bench_named(
	struct bench *bench, guint which, const struct target_options *t)
{
	g_autofree char *command =
		g_strdup_printf("bench %s", benches[which].name);
	g_autoptr(GError) error = NULL;
	int status = EXIT_BROKEN;

	if (!bench->rounds)
		bench->rounds = benches[which].rounds;
	bench->target = target_open(t, bench->options, &error);
	if (!bench->target)
		return error ? host_fail("bench", error) : EXIT_CLEAN;
	bench->result = host_result_new(command, bench->options);
	host_result_kernel(bench->result, bench->target->name,
		bench->target->profile, bench->target->build_id);
	bench->scratch = host_scratch(&error);
	printf("%s on %s:%s, %s, %u lanes, %d rounds\n", command,
		bench->target->name, bench->target->profile,
		vm_accel_name(bench->target->machine.accel),
		bench->target->nr_lanes, bench->rounds);
	if (bench->scratch && benches[which].run(bench, &error))
		status = EXIT_CLEAN;
	if (error)
		(void)host_fail("bench", error);
	host_scratch_free(bench->scratch);
	target_free(bench->target);
	return host_result_end(bench->result, status);
}

int cmd_bench(int argc, char **argv)
{
	struct host_options SCOPED(host_options_clear) options = {0};
	struct target_options target = {0};
	struct bench bench = {.options = &options, .programs = 200};
	GOptionEntry entries[] = {
		TARGET_OPTIONS(&target),
		{"rounds", 0, 0, G_OPTION_ARG_INT, &bench.rounds,
			"rounds of speed (7), crashes of restore (50)", "N"},
		{"programs", 0, 0, G_OPTION_ARG_INT, &bench.programs,
			"programs of a round and lane (default 200)", "N"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	if (argc > 1 && !strcmp(argv[1], "mutants")) {
		argv[1] = (char *)"bench mutants";
		return cmd_bench_mutants(argc - 1, argv + 1);
	}
	if (argc > 1 && !strcmp(argv[1], "coverage")) {
		argv[1] = (char *)"bench coverage";
		return cmd_bench_coverage(argc - 1, argv + 1);
	}
	if (argc > 1 && !strcmp(argv[1], "litmus")) {
		argv[1] = (char *)"bench litmus";
		return cmd_bench_litmus(argc - 1, argv + 1);
	}
	if (!host_parse(&argc, &argv, entries,
		    "speed|restore|mutants|coverage|litmus",
		    "Figures of this machine.", &options))
		return EXIT_BROKEN;
	for (guint i = 0; argc == 2 && i < G_N_ELEMENTS(benches); i++) {
		if (!strcmp(argv[1], benches[i].name) && bench.rounds >= 0 &&
			bench.programs > 0)
			return bench_named(&bench, i, &target);
	}
	g_printerr("rmaptorture bench: want speed, restore, mutants, coverage "
		   "or litmus\n");
	return EXIT_BROKEN;
}
