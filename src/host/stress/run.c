/* SPDX-License-Identifier: GPL-2.0-only */
/* One load on one fresh VM. */
#include "host/stress/stress.h"

#include "stress/rows.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>

#define ROUND_S	    20
#define MIX_ROUND_S 10
#define LOOK_MS	    500
#define SILENT_S    25 /* without a beat of PID 1; times the patience */
#define ENDING_S    90 /* of a load whose time is over; times the patience */

static void init_board(void *slot, size_t len, void *user)
{
	(void)user;
	g_assert(len >= sizeof(struct board));
	board_init(slot, stress_rows_hash());
}

static void told_progress(const char *line, void *user)
{
	host_progress(user, FALSE, "%s", line);
}

_Static_assert(SLOT_SETTINGS <= BOARD_SETTINGS, "what --set says fits a board");
static void tell_board(void *slot, const char *settings)
{
	board_set(slot, settings);
}

static gboolean make_template(struct target *target,
	const struct host_options *options, GError **error)
{
	struct vm_boot boot = {
		.ready = {G_STRUCT_OFFSET(struct board, state), BOARD_IDLE},
		.id = "stress",
		.slot_init = init_board,
		.progress = told_progress,
		.user = (void *)options,
	};

	target->template = vm_template_ensure(
		&target->machine, &boot, options->cache, error);
	return target->template != NULL;
}

/* What the guest wrote before it was saved. */
static gboolean read_board(struct target *target, GError **error)
{
	g_autofree char *path = g_build_filename(
		vm_template_info(target->template)->dir, "slot", NULL);
	g_autofree struct board *board = g_new0(struct board, 1);
	g_autofree char *bytes = NULL;
	gsize len;

	if (!g_file_get_contents(path, &bytes, &len, error))
		return FALSE;
	if (len < sizeof(*board)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"'%s' is short: remove its folder and run again", path);
		return FALSE;
	}
	board_take((const struct board *)(void *)bytes, board);
	target->caps = board->caps;
	(void)g_strlcpy(
		target->release, board->release, sizeof(target->release));
	target->lost_ms = SILENT_S * 1000 * target_patience(target);
	return TRUE;
}

struct target *stress_target_open(const struct target_options *t,
	const struct host_options *options, GError **error)
{
	g_autofree char *disk = stress_disk(options->cache, error);
	struct target_options own = *t;
	struct target *SCOPED(target_freep) target = NULL;

	if (!disk)
		return NULL;
	own.init = "stress-init";
	own.disk = disk;
	own.slot_bytes = BOARD_BYTES;
	target = target_choose(&own, options, error);
	if (!target)
		return NULL;
	target->tell = tell_board;
	if (!make_template(target, options, error) ||
		!read_board(target, error))
		return NULL;
	return g_steal_pointer(&target);
}

struct load stress_load(guint64 seed)
{
	return (struct load){
		.stressors = (1ull << STRESSOR_NR) - 1,
		.seed = seed,
		.jobs = 1,
		.seconds = 60,
		.flags = LOAD_TURNS,
	};
}

const char *const *stress_names(void)
{
	static const char *names[STRESSOR_NR];

	for (guint i = 0; i < STRESSOR_NR; i++)
		names[i] = stress_rows[i].name;
	return names;
}

char *stress_load_text(const struct load *load)
{
	char buf[1024];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	load_print(load, stress_names(), STRESSOR_NR, &text);
	return g_strdup(buf);
}

void stress_run_clear(struct stress_run *run)
{
	if (run->console)
		g_string_free(run->console, TRUE);
	g_free(run->detail);
	run->console = NULL;
	run->detail = NULL;
}

/** struct runner - a run that is going on */
struct runner {
	struct target *target;
	struct guest *guest;
	struct board *shared, now, before;
	stress_watch *watch;
	void *user;
	gint64 start, looked, beat_at, end; /* monotonic us */
	guint64 beat, console_seen;
	gboolean stopped;
};

static gboolean on_stop(gpointer user)
{
	struct runner *runner = user;

	runner->stopped = TRUE;
	__atomic_store_n(&runner->shared->stop, 1, __ATOMIC_RELEASE);
	return G_SOURCE_CONTINUE;
}

static gboolean wake(gpointer user)
{
	(void)user;
	return G_SOURCE_CONTINUE;
}

/* A report that did not stop the kernel ends the run all the same. */
static gboolean console_reports(struct runner *runner)
{
	const GString *console = vm_console(runner->guest->vm);
	struct report report;

	if (runner->console_seen == vm_console_total(runner->guest->vm))
		return FALSE;
	runner->console_seen = vm_console_total(runner->guest->vm);
	return console_parse(console->str, console->len, &report) > 0;
}

/* Why the guest is to be given up, or NULL */
static const char *silence(struct runner *runner, gint64 now)
{
	gint64 lost = (gint64)runner->target->lost_ms * 1000;

	if (runner->now.beat != runner->beat) {
		runner->beat = runner->now.beat;
		runner->beat_at = now;
	}
	if (now - runner->beat_at > lost)
		return "PID 1 of the guest shows no sign of life";
	if (now > runner->end)
		return "the guest did not come to an end";
	return NULL;
}

/* FALSE: the run is over */
static gboolean look(struct runner *runner)
{
	gint64 now = g_get_monotonic_time();
	const char *silent;

	runner->before = runner->now;
	board_take(runner->shared, &runner->now);
	if (runner->watch)
		runner->watch(&runner->now, &runner->before,
			(double)(now - runner->looked) / G_USEC_PER_SEC,
			runner->user);
	runner->looked = now;
	if (runner->now.reply == runner->shared->request ||
		runner->now.state == BOARD_BROKEN || console_reports(runner))
		return FALSE;
	silent = silence(runner, now);
	if (silent) {
		vm_declare_hung(runner->guest->vm, silent);
		while (!runner->guest->ended)
			g_main_context_iteration(NULL, TRUE);
	}
	return !silent;
}

static void serve(struct runner *runner)
{
	guint ids[] = {
		g_timeout_add(50, wake, NULL),
		g_unix_signal_add(SIGINT, on_stop, runner),
		g_unix_signal_add(SIGTERM, on_stop, runner),
	};
	gint64 next = 0;

	while (!runner->guest->ended) {
		g_main_context_iteration(NULL, TRUE);
		if (g_get_monotonic_time() < next)
			continue;
		next = g_get_monotonic_time() + LOOK_MS * 1000;
		if (!look(runner))
			break;
	}
	/* a report goes on: a kernel that dies of it says more */
	for (guint i = 0; i < 20 && !runner->guest->ended; i++)
		g_main_context_iteration(NULL, TRUE);
	for (gsize i = 0; i < G_N_ELEMENTS(ids); i++)
		g_source_remove(ids[i]);
	board_take(runner->shared, &runner->now);
}

static const char *row_name(guint32 row)
{
	return row < STRESSOR_NR ? stress_rows[row].name : NULL;
}

/* What the guest found, as a report behind its console. */
static void tell_finding(struct stress_run *run)
{
	const struct board_finding *finding = &run->board.finding;
	struct text title;

	text_init(&title, run->report.title, sizeof(run->report.title));
	board_title(finding, row_name(finding->stressor), &title);
	run->report.start = run->console->len;
	g_string_append_printf(run->console, "%s\n%s\n%s", run->report.title,
		finding->detail, finding->history);
	run->report.end = run->console->len;
	run->detail = g_strdup(finding->detail);
}

static void conclude(struct runner *runner, struct stress_run *run)
{
	const GString *console = vm_console(runner->guest->vm);
	gboolean reported =
		console_parse(console->str, console->len, &run->report) > 0;

	run->console = g_string_new_len(console->str, (gssize)console->len);
	run->board = runner->now;
	run->seconds = (double)(g_get_monotonic_time() - runner->start) /
		       G_USEC_PER_SEC;
	run->end = runner->stopped ? STRESS_STOPPED : STRESS_ENDED;
	if (reported) {
		run->end = STRESS_FOUND;
	} else if (run->board.finding.claimed) {
		run->end = STRESS_FOUND;
		tell_finding(run);
	} else if (runner->guest->ended) {
		guest_title(runner->guest, &run->report);
		run->end = runner->guest->end == VM_END_QEMU_DIED
				   ? STRESS_BROKE
				   : STRESS_FOUND;
		run->detail = g_strdup(runner->guest->end_detail);
	} else if (run->board.state == BOARD_BROKEN) {
		run->end = STRESS_BROKE;
		run->detail = g_strdup(run->board.message);
	}
}

static void order(struct runner *runner, const struct load *load)
{
	struct board *board = runner->shared;

	board->load = *load;
	board->load.scale = target_patience(runner->target);
	if (!load->round_s)
		board->load.round_s =
			load->flags & LOAD_MIX ? MIX_ROUND_S : ROUND_S;
	runner->start = runner->looked = runner->beat_at =
		g_get_monotonic_time();
	runner->end = runner->start +
		      ((gint64)load->seconds + ENDING_S * board->load.scale) *
			      G_USEC_PER_SEC;
	__atomic_store_n(&board->request, board->reply + 1, __ATOMIC_RELEASE);
}

gboolean stress_run(struct target *target, const char *scratch,
	const struct load *load, stress_watch *watch, void *user,
	struct stress_run *ret, GError **error)
{
	g_autofree struct runner *runner = g_new0(struct runner, 1);
	struct guest *SCOPED(guest_freep) guest =
		guest_fresh(target, scratch, error);

	if (!guest)
		return FALSE;
	runner->target = target;
	runner->guest = guest;
	runner->shared = vm_slot(guest->vm).map;
	runner->watch = watch;
	runner->user = user;
	*ret = (struct stress_run){0};
	order(runner, load);
	serve(runner);
	conclude(runner, ret);
	return TRUE;
}
