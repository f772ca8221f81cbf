/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/host.h"

#include <stdio.h>
#include <string.h>

#define REPORT_US 1000000

static void note_end(
	struct vm *vm, enum vm_end end, const char *detail, void *user)
{
	struct guest *guest = user;

	(void)vm;
	guest->ended = TRUE;
	guest->end = end;
	guest->end_detail = g_strdup(detail);
}

struct guest *guest_open(struct vm *vm)
{
	struct guest *guest = g_new0(struct guest, 1);

	guest->vm = vm;
	guest->slot = vm_slot(vm).map;
	vm_set_end_handler(vm, note_end, guest);
	return guest;
}

void guest_free(struct guest *guest)
{
	if (!guest)
		return;
	vm_set_end_handler(guest->vm, NULL, NULL);
	vm_free(guest->vm);
	g_free(guest->end_detail);
	g_free(guest);
}

struct guest *guest_fresh(
	struct target *target, const char *scratch, GError **error)
{
	g_autofree char *dir = g_build_filename(scratch, "guest", NULL);
	struct vm *vm = vm_clone(target->template, dir, error);
	struct guest *guest;

	if (!vm)
		return NULL;
	guest = guest_open(vm);
	guest->target = target;
	target_set(target, vm);
	if (vm_resume(vm, error))
		return guest;
	guest_free(guest);
	return NULL;
}

void guest_start(struct guest *guest, guint32 lane,
	const struct slot_request *request, const struct prog *prog)
{
	struct slot_request resolved = *request;

	if (guest->target && prog)
		target_stalls(guest->target, prog, resolved.stall_pc, NULL);
	guest->expected[lane] = slot_submit(guest->slot, lane, &resolved, prog);
}

/* Serve the VM for a moment: shorter waits while a reply is near. */
static void serve(guint round)
{
	if (!g_main_context_iteration(NULL, FALSE))
		g_usleep(round < 64 ? 50 : 200);
}

/* Has the kernel reported something? It may die of it a moment later; one that
 * lives on (Bad page state, Bad rss-counter) is of no more use. */
static gboolean has_reported(struct guest *guest)
{
	const GString *console = vm_console(guest->vm);
	gint64 end = g_get_monotonic_time() + REPORT_US;
	struct report report;

	while (g_main_context_iteration(NULL, FALSE))
		;
	if (guest->ended || guest->console_seen == vm_console_total(guest->vm))
		return guest->ended;
	guest->console_seen = vm_console_total(guest->vm);
	if (console_parse(console->str, console->len, &report) <= 0)
		return FALSE;
	while (!guest->ended && g_get_monotonic_time() < end)
		serve(G_MAXUINT);
	if (!guest->ended)
		note_end(guest->vm, VM_END_PANIC, "the kernel lives on", guest);
	return TRUE;
}

enum guest_outcome guest_finish(struct guest *guest, guint32 lane,
	const struct prog *prog, struct prog_result *ret, guint8 *map,
	gint64 deadline_ms, struct why *why)
{
	gint64 end = g_get_monotonic_time() + deadline_ms * 1000;
	guint32 number = guest->expected[lane];

	for (guint round = 0; !guest->ended; round++) {
		if (slot_replied(guest->slot, lane, number)) {
			guest->expected[lane] = 0;
			if (slot_take(guest->slot, lane, prog, ret, map, why))
				return GUEST_LIED;
			return has_reported(guest) ? GUEST_DIED : GUEST_DONE;
		}
		if (g_get_monotonic_time() > end) {
			(void)why_set(why, 0, "lane %u gave no reply in %.1f s",
				lane, (double)deadline_ms / 1000);
			vm_declare_hung(guest->vm, why->text);
			while (!guest->ended)
				g_main_context_iteration(NULL, TRUE);
			return GUEST_SILENT;
		}
		serve(round);
	}
	return GUEST_DIED;
}

enum guest_outcome guest_run(struct guest *guest, guint32 lane,
	const struct slot_request *request, const struct prog *prog,
	struct prog_result *ret, guint8 *map, gint64 deadline_ms,
	struct why *why)
{
	guest_start(guest, lane, request, prog);
	return guest_finish(guest, lane, prog, ret, map, deadline_ms, why);
}

/* What a VM's end is called when its kernel said nothing. */
static const char *end_title(enum vm_end end)
{
	switch (end) {
	case VM_END_PANIC:
		return "lost connection to test machine";
	case VM_END_SHUTDOWN:
		return "unexpected shutdown of test machine";
	case VM_END_QEMU_DIED:
		return "rmaptorture: QEMU died";
	case VM_END_HUNG:
		break;
	}
	return "no output from test machine";
}

void vm_end_title(struct vm *vm, enum vm_end end, struct report *ret)
{
	const GString *console = vm_console(vm);

	if (console_parse(console->str, console->len, ret) > 0)
		return;
	*ret = (struct report){.start = 0, .end = console->len};
	(void)g_strlcpy(ret->title, end_title(end), sizeof(ret->title));
}

void guest_title(const struct guest *guest, struct report *ret)
{
	vm_end_title(guest->vm, guest->end, ret);
}
