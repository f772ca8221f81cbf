/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replay: every try starts from a fresh clone of the template, so that all
 * tries start from the same state, and only the same title counts.
 */
#include "host/host.h"

#include <stdio.h>
#include <string.h>

#define FIND_TRIES 3 /* of each candidate, while the guilty one is sought */

void candidate_clear(struct candidate *candidate)
{
	for (guint i = 0; i < SLOT_LANES; i++)
		g_free(candidate->prog[i]);
	*candidate = (struct candidate){0};
}

static void candidate_set(struct candidate *candidate, guint lane,
	const struct prog *prog, guint32 nr)
{
	g_free(candidate->prog[lane]);
	candidate->prog[lane] = g_memdup2(prog, nr * sizeof(*prog));
	candidate->nr[lane] = nr;
}

/* The last @nr programs of a flight. */
static void candidate_take(struct candidate *candidate, guint lane,
	const struct slot_flight *flight, guint32 nr)
{
	g_autofree struct prog *progs = g_new(struct prog, MAX(nr, 1));

	for (guint32 i = 0; i < nr; i++)
		progs[i] = flight->entry[flight->nr - nr + i].prog;
	candidate_set(candidate, lane, progs, nr);
}

/* One step of all lanes: the next program of each, started at once. Returns 1
 * on a hit by contents, 0 when all replied, -1 on BROKEN, 2 when the VM ended.
 * @ret_title is what was seen by contents, @title rather than another.
 */
static int replay_step(struct target *target, struct guest *guest,
	const struct candidate *candidate, guint step, guint32 flags,
	const char *title, char *ret_title)
{
	static struct prog_result result;
	struct slot_request request = {
		.command = SLOT_RUN,
		.flags = flags,
		.timeout_ms = target->timeout_ms,
	};
	gboolean hit = FALSE;

	for (guint lane = 0; lane < target->nr_lanes; lane++) {
		if (step < candidate->nr[lane])
			guest_start(guest, lane, &request,
				&candidate->prog[lane][step]);
	}
	for (guint lane = 0; lane < target->nr_lanes; lane++) {
		const struct prog *prog = &candidate->prog[lane][step];
		struct judgment judgment;
		enum guest_outcome outcome;
		struct why why;

		if (step >= candidate->nr[lane])
			continue;
		outcome = guest_finish(guest, lane, prog, &result, NULL,
			target->lost_ms, &why);
		if (outcome == GUEST_LIED)
			return -1;
		if (outcome != GUEST_DONE)
			return 2;
		oracle_judge(prog, &result, &judgment);
		if (judgment.verdict != VERDICT_FINDING || hit)
			continue;
		hit = !strcmp(judgment.title, title);
		(void)g_strlcpy(ret_title, judgment.title, TITLE_MAX);
	}
	return hit;
}

static int replay_all(struct target *target, struct guest *guest,
	const struct candidate *candidate, guint32 flags, const char *title,
	struct report *ret_report)
{
	guint steps = 0;
	int got = 0;

	for (guint lane = 0; lane < target->nr_lanes; lane++)
		steps = MAX(steps, candidate->nr[lane]);
	for (guint step = 0; step < steps && !got; step++)
		got = replay_step(target, guest, candidate, step, flags, title,
			ret_report->title);
	if (got != 2)
		return got;
	guest_title(guest, ret_report);
	if (guest->end == VM_END_QEMU_DIED)
		return -1;
	return !strcmp(ret_report->title, title);
}

static int try_flags(struct target *target, const char *run_dir,
	const struct candidate *candidate, guint32 flags, const char *title,
	struct replayed *ret)
{
	g_autoptr(GError) error = NULL;
	struct guest *SCOPED(guest_freep) guest = NULL;
	gint64 start;
	int hit;

	*ret = (struct replayed){.no_fsck = !(flags & RUN_FSCK)};
	guest = guest_fresh(target, run_dir, &error);
	if (!guest) {
		g_printerr("rmaptorture: replay: %s\n", error->message);
		return -1;
	}
	start = g_get_monotonic_time();
	hit = replay_all(target, guest, candidate, flags, title, &ret->report);
	ret->seconds =
		(double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
	return hit;
}

int replay_run(struct target *target, const char *run_dir,
	const struct candidate *candidate, const char *title,
	struct replayed *ret)
{
	const guint32 flags = RUN_COVER | RUN_CHECK | RUN_LEAK;
	struct replayed own, without;
	int hit;

	if (!ret)
		ret = &own;
	hit = try_flags(
		target, run_dir, candidate, flags | RUN_FSCK, title, ret);

	if (hit || g_str_has_prefix(title, TITLE_OURS) ||
		!g_str_has_prefix(ret->report.title, TITLE_OURS))
		return hit;
	hit = try_flags(target, run_dir, candidate, flags, title, &without);
	if (hit || without.report.title[0])
		*ret = without;
	return hit;
}

static gboolean shows(struct target *target, const char *run_dir,
	const struct candidate *candidate, const char *title)
{
	for (int try = 0; try < FIND_TRIES; try++)
		if (replay_run(target, run_dir, candidate, title, NULL) > 0)
			return TRUE;
	return FALSE;
}

/* Halve the suffix of one lane while it still shows the title. */
static void shrink_suffix(struct target *target, const char *run_dir,
	const char *title, guint lane, struct candidate *candidate)
{
	for (guint32 drop = candidate->nr[lane] / 2; drop; drop /= 2) {
		struct candidate SCOPED(candidate_clear) less = {0};

		while (candidate->nr[lane] > drop) {
			guint32 nr = candidate->nr[lane] - drop;

			candidate_set(
				&less, lane, candidate->prog[lane] + drop, nr);
			if (!shows(target, run_dir, &less, title))
				break;
			candidate_set(candidate, lane, less.prog[lane], nr);
		}
	}
}

/* The last program of one lane alone, or a suffix of what it ran. */
static gboolean find_in_lane(struct target *target, const char *run_dir,
	const char *title, const struct slot_flight *flight, guint lane,
	struct candidate *ret)
{
	if (!flight->nr)
		return FALSE;
	candidate_take(ret, lane, flight, 1);
	if (shows(target, run_dir, ret, title))
		return TRUE;
	candidate_take(ret, lane, flight, flight->nr);
	if (flight->nr > 1 && shows(target, run_dir, ret, title)) {
		shrink_suffix(target, run_dir, title, lane, ret);
		return TRUE;
	}
	candidate_clear(ret);
	return FALSE;
}

static gboolean find_together(struct target *target, const char *run_dir,
	const char *title, const struct store_log *log, gboolean all,
	struct candidate *ret)
{
	for (guint lane = 0; lane < target->nr_lanes; lane++) {
		guint32 nr = log->flight[lane].nr;

		candidate_take(
			ret, lane, &log->flight[lane], all ? nr : MIN(nr, 1));
	}
	if (shows(target, run_dir, ret, title))
		return TRUE;
	candidate_clear(ret);
	return FALSE;
}

guint32 guilty_lane(const struct report *report)
{
	unsigned int lane, proc;

	/* actors are named l<lane>p<process>t<thread> */
	if (sscanf(report->comm, "l%up%u", &lane, &proc) == 2 &&
		lane < SLOT_LANES)
		return lane;
	return SLOT_LANES;
}

/* The lane that the report names, else the first. */
static guint first_lane(const struct finding *finding)
{
	g_autofree char *console = NULL;
	struct report report;
	gsize len;
	guint lane;

	console = store_read(finding, "console", &len, NULL);
	if (!console || console_parse(console, len, &report) <= 0)
		return 0;
	lane = guilty_lane(&report);
	return lane < SLOT_LANES ? lane : 0;
}

gboolean replay_find(struct target *target, const char *run_dir,
	struct finding *finding, const struct host_options *options,
	struct candidate *ret)
{
	guint first = first_lane(finding) % target->nr_lanes;
	g_autofree struct store_log *log = NULL;
	g_autoptr(GError) error = NULL;
	const char *title = finding->title;

	log = store_load_programs(finding, &error);
	if (!log) {
		g_printerr("rmaptorture: %s\n", error->message);
		return FALSE;
	}
	for (guint i = 0; i < target->nr_lanes; i++) {
		guint lane = (first + i) % target->nr_lanes;

		host_progress(options, TRUE,
			"repro: the %u programs of lane %u",
			log->flight[lane].nr, lane);
		if (find_in_lane(target, run_dir, title, &log->flight[lane],
			    lane, ret))
			return TRUE;
	}
	host_progress(options, TRUE, "repro: all lanes together");
	return find_together(target, run_dir, title, log, FALSE, ret) ||
	       find_together(target, run_dir, title, log, TRUE, ret);
}

gboolean replay_last(
	struct finding *finding, guint32 nr_lanes, struct candidate *ret)
{
	guint lane = first_lane(finding) % nr_lanes;
	g_autofree struct store_log *log = store_load_programs(finding, NULL);

	if (!log || !log->flight[lane].nr)
		return FALSE;
	candidate_take(ret, lane, &log->flight[lane], 1);
	return TRUE;
}

struct prog *candidate_single(const struct candidate *candidate)
{
	struct prog *prog = NULL;
	guint total = 0;

	for (guint lane = 0; lane < SLOT_LANES; lane++) {
		total += candidate->nr[lane];
		if (candidate->nr[lane])
			prog = candidate->prog[lane];
	}
	return total == 1 ? prog : NULL;
}

struct candidate candidate_with(
	const struct candidate *single, const struct prog *prog)
{
	struct candidate ret = {0};

	for (guint lane = 0; lane < SLOT_LANES; lane++) {
		if (!single->nr[lane])
			continue;
		ret.nr[lane] = 1;
		ret.prog[lane] = (struct prog *)prog;
	}
	return ret;
}

char *candidate_text(const struct candidate *candidate)
{
	GString *out = g_string_new(NULL);
	char buf[PROG_TEXT_MAX];
	struct text text;

	for (guint lane = 0; lane < SLOT_LANES; lane++) {
		for (guint i = 0; i < candidate->nr[lane]; i++) {
			text_init(&text, buf, sizeof(buf));
			prog_print(&candidate->prog[lane][i], &text);
			g_string_append_printf(out, "# lane %u program %u\n%s",
				lane, i + 1, buf);
		}
	}
	return g_string_free(out, FALSE);
}

gboolean replay_store(struct finding *finding, const struct mismatch *bad,
	const struct candidate *candidate, const struct replay *replay,
	GError **error)
{
	g_autofree char *text = candidate_text(candidate);
	g_autofree char *log = g_strdup_printf(
		"%s# %u of %u, %u of them without rmap_fsck; %u showed another "
		"title, %u broken\n",
		text, replay->k, replay->n, replay->no_fsck, replay->other,
		replay->broken);
	struct repro repro = {
		.prog = candidate_single(candidate),
		.bad = bad,
		.k = replay->k,
		.n = replay->n,
		.seconds = replay->seconds_median,
		.log = log,
	};

	return store_set_repro(finding, &repro, error);
}
