/* SPDX-License-Identifier: GPL-2.0-only */

/* The last words of a vm that does not answer any more. */

#include "internal.h"

#include <string.h>
#include <unistd.h>

/* A kernel that still takes interrupts starts to print well within this. */
#define QUIET_MS 300
/* A task dump at full length, on the reference machine. */
#define DUMP_MS 4000

/* Pump until the console is silent for a while, or for DUMP_MS at most. */
static void drain(struct vm *vm)
{
	int64_t factor = (int64_t)(MAX(vm->scale, 1.0) * 1000);
	int64_t until = now_us() + DUMP_MS * factor;
	int64_t quiet_since = now_us();
	guint64 seen = console_total(vm->console);

	while (!vm->ended && now_us() < until &&
		now_us() - quiet_since < QUIET_MS * factor) {
		vm_io_step(vm, 20);
		if (console_total(vm->console) == seen)
			continue;
		seen = console_total(vm->console);
		quiet_since = now_us();
	}
}

/*
 * A serial break makes the kernel take the next byte as a sysrq, where it has
 * CONFIG_MAGIC_SYSRQ_SERIAL. Returns FALSE when it did not.
 */
static gboolean sysrq(struct vm *vm, char key)
{
	guint64 before = console_total(vm->console);

	if (!vm_qmp(vm, "chardev-send-break",
		    g_variant_new_parsed("{'id': <'con'>}"), NULL, NULL))
		return FALSE;
	if (write(vm->console_in, &key, 1) != 1)
		return FALSE;
	drain(vm);
	/* A terminal may echo the key: only the kernel's words count. */
	if (console_has(vm->console,
		    "sysrq: ", (gsize)(console_total(vm->console) - before)))
		return TRUE;
	console_note(vm->console, "no answer to sysrq %c by serial break", key);
	return FALSE;
}

static void registers(struct vm *vm)
{
	g_autoptr(JsonNode) text = NULL;
	const char *value;

	if (!vm_qmp(vm, "human-monitor-command",
		    g_variant_new_parsed(
			    "{'command-line': <'info registers -a'>}"),
		    &text, NULL))
		return;
	if (!text || json_node_get_value_type(text) != G_TYPE_STRING)
		return;
	value = json_node_get_string(text);
	console_note(vm->console, "registers of all vCPUs");
	console_add(vm->console, value, strlen(value));
}

void vm_declare_hung(struct vm *vm, const char *why)
{
	const char *key = "lwt";

	if (vm->ended || vm->hung || vm->panicked || vm->shutdown_reason)
		return;
	vm->hung = g_strdup(why);
	vm->death_us = now_us();
	/* What follows may panic the guest or stop it: still hung. */
	vm->may_stop = TRUE;
	console_note(vm->console, "declared hung: %s", why);
	while (*key && !vm->ended && sysrq(vm, *key))
		key++;
	if (!vm->ended && vm_qmp(vm, "inject-nmi", NULL, NULL, NULL))
		drain(vm);
	if (!vm->ended)
		registers(vm);
	vm_kill(vm);
	/* The source, not this function, tells the owner. */
	vm_set_end_handler(vm, vm->on_end, vm->end_user);
}
