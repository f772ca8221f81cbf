/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One VM after the other. When a VM dies its lanes get the paused spare at
 * once; only then is the finding written, since that waits for the disk.
 */
#include "host/counters.h"
#include "host/session.h"

#include <string.h>
#include <sys/mman.h>

#define REPORTED_LOOKS 3 /* that a kernel may take to die of its report */

/* Point the engines to the machine's VM. @death: how the one before it ended;
 * NULL: there was none */
static void control_publish(
	struct machine *machine, const struct report *death, gboolean hung)
{
	guint32 guilty = death ? guilty_lane(death) : SLOT_LANES;
	struct slot_control *control = machine->control;

	__atomic_add_fetch(&control->generation, 1, __ATOMIC_ACQ_REL);
	control->guilty = hung ? machine->silent : guilty;
	machine->silent = SLOT_LANES;
	control->hung = hung;
	control->title =
		death ? hash_bytes(death->title, strlen(death->title)) : 0;
	(void)g_strlcpy(control->path,
		machine->vm ? vm_slot_path(machine->vm) : "",
		sizeof(control->path));
	__atomic_add_fetch(&control->generation, 1, __ATOMIC_ACQ_REL);
}

static gboolean machine_take_vm(struct machine *machine, GError **error);

static void vm_count(struct session *session, struct vm *vm)
{
	const struct slot *slot = vm_slot(vm).map;

	counters_add(session->counters, session->target->counters,
		slot->vmstat_first, slot->vmstat_last);
}

void machine_count(const struct machine *machine)
{
	if (machine->vm)
		vm_count(machine->session, machine->vm);
}

static void file_death(struct session *session, struct vm *vm, enum vm_end end,
	const char *detail, struct report *report)
{
	const GString *console = vm_console(vm);
	g_autofree struct slot_flight *flight =
		g_new0(struct slot_flight, SLOT_LANES);
	struct finding_input input = {
		.title = report->title,
		.detail = detail,
		.console = console->str,
		.console_len = console->len,
		.report_start = report->start,
		.report_end = report->end,
		.flight = flight,
		.nr_lanes = session->target->nr_lanes,
		.tag = session->target->build_id,
		.machine = session->machine,
		.config = session->config,
	};

	for (guint lane = 0; lane < input.nr_lanes; lane++)
		slot_flight(vm_slot(vm).map, lane, &flight[lane]);
	session->deaths++;
	session->hung += end == VM_END_HUNG;
	session_note(session, &input);
}

static void machine_died(
	struct vm *vm, enum vm_end end, const char *detail, void *user)
{
	struct machine *machine = user;
	struct session *session = machine->session;
	g_autoptr(GError) error = NULL;
	struct report report;

	vm_end_title(vm, end, &report);
	machine->vm = NULL;
	if (!session->stopping && machine_take_vm(machine, &error))
		control_publish(machine, &report, end == VM_END_HUNG);
	if (end == VM_END_QEMU_DIED) {
		session->broken++;
		host_progress(session->options, FALSE, "BROKEN: %s", detail);
	} else {
		file_death(session, vm, end, detail, &report);
	}
	vm_count(session, vm);
	vm_free(vm);
	if (error)
		session_fail(session, error->message);
}

static gboolean machine_take_vm(struct machine *machine, GError **error)
{
	machine->vm = vm_pool_take(machine->session->pool, error);
	if (!machine->vm)
		return FALSE;
	target_set(machine->session->target, machine->vm);
	vm_set_end_handler(machine->vm, machine_died, machine);
	machine->console_seen = vm_console_total(machine->vm);
	machine->reported = 0;
	for (guint lane = 0; lane < SLOT_LANES; lane++)
		machine->watch[lane].since = g_get_monotonic_time();
	return TRUE;
}

struct machine *machine_new(
	struct session *session, guint index, GError **error)
{
	struct machine *machine = g_new0(struct machine, 1);

	machine->session = session;
	machine->index = index;
	machine->control_path =
		g_strdup_printf("%s/control-%u", session->scratch, index);
	for (guint lane = 0; lane < SLOT_LANES; lane++) {
		struct engine *engine = &machine->engine[lane];

		engine->machine = machine;
		engine->lane = lane;
		engine->stats_path = g_strdup_printf(
			"%s/stats-%u-%u", session->scratch, index, lane);
	}
	machine->control = host_map_file(machine->control_path,
		sizeof(*machine->control), PROT_READ | PROT_WRITE, error);
	if (!machine->control || !machine_take_vm(machine, error)) {
		machine_free(machine);
		return NULL;
	}
	machine->control->magic = SLOT_MAGIC;
	machine->control->caps = session->target->caps;
	machine->control->timeout_ms = session->target->timeout_ms;
	control_publish(machine, NULL, FALSE);
	return machine;
}

void machine_free(struct machine *machine)
{
	for (guint lane = 0; lane < SLOT_LANES; lane++)
		engine_clear(&machine->engine[lane]);
	if (machine->vm) {
		vm_set_end_handler(machine->vm, NULL, NULL);
		vm_free(machine->vm);
	}
	if (machine->control)
		munmap(machine->control, sizeof(*machine->control));
	g_free(machine->control_path);
	g_free(machine);
}

/* A VM whose kernel has reported something is of no more use, though it runs.
 */
static void machine_retire(struct machine *machine, struct report *report)
{
	struct vm *vm = g_steal_pointer(&machine->vm);
	struct session *session = machine->session;
	g_autoptr(GError) error = NULL;

	vm_set_end_handler(vm, NULL, NULL);
	if (machine_take_vm(machine, &error))
		control_publish(machine, report, FALSE);
	file_death(session, vm, VM_END_PANIC, "the kernel lives on", report);
	vm_count(session, vm);
	vm_free(vm);
	if (error)
		session_fail(session, error->message);
}

/* Reports that stop the kernel are followed by its end; the others are not. */
static void watch_console(struct machine *machine)
{
	const GString *console = vm_console(machine->vm);
	struct report report;

	if (!machine->reported &&
		machine->console_seen == vm_console_total(machine->vm))
		return;
	machine->console_seen = vm_console_total(machine->vm);
	if (console_parse(console->str, console->len, &report) <= 0)
		return;
	if (++machine->reported > REPORTED_LOOKS)
		machine_retire(machine, &report);
}

static void watch_lanes(struct machine *machine)
{
	struct session *session = machine->session;
	gint64 limit = (gint64)session->target->lost_ms * 1000;
	gint64 now = g_get_monotonic_time();

	for (guint i = 0; machine->vm && i < session->target->nr_lanes; i++) {
		const struct slot *slot = vm_slot(machine->vm).map;
		guint32 request = slot->lane[i].request;
		guint32 reply = slot->lane[i].reply;

		if (request == reply || request != machine->watch[i].request ||
			reply != machine->watch[i].reply)
			machine->watch[i].since = now;
		machine->watch[i].request = request;
		machine->watch[i].reply = reply;
		if (now - machine->watch[i].since > limit) {
			g_autofree char *why = g_strdup_printf(
				"lane %u gave no reply in %.1f s", i,
				(double)limit / G_USEC_PER_SEC);

			machine->watch[i].since = now;
			machine->silent = i;
			vm_declare_hung(machine->vm, why);
			return;
		}
	}
}

/* Tasks that outlive their program disturb all that come after it. */
static void watch_stuck(struct machine *machine)
{
	guint64 stuck = 0;

	for (guint i = 0; i < machine->session->target->nr_lanes; i++) {
		if (machine->engine[i].stats)
			stuck += machine->engine[i].stats->stuck;
	}
	if (stuck > machine->stuck_seen)
		vm_declare_hung(machine->vm,
			"tasks did not die after their program was killed");
	machine->stuck_seen = stuck;
}

/* No finding, and no program's fault: each is run once more. */
static void watch_age(struct machine *machine)
{
	struct session *session = machine->session;
	struct vm *vm = machine->vm;
	g_autoptr(GError) error = NULL;

	if (!session->want->vm_age ||
		vm_uptime_ms(vm) < session->want->vm_age * 1000)
		return;
	vm_set_end_handler(vm, NULL, NULL);
	machine->vm = NULL;
	if (machine_take_vm(machine, &error))
		control_publish(machine, NULL, FALSE);
	session->renewed++;
	vm_count(session, vm);
	vm_free(vm);
	if (error)
		session_fail(session, error->message);
}

void machine_watch(struct machine *machine)
{
	watch_lanes(machine);
	if (machine->vm)
		watch_stuck(machine);
	if (machine->vm)
		watch_console(machine);
	if (machine->vm)
		watch_age(machine);
}
