/* SPDX-License-Identifier: GPL-2.0-only */

/* A vm from start to free, and what its owner may ask. */

#include "internal.h"

#include "cleanup.h"
#include "error.h"

#include <string.h>
#include <sys/mman.h>

/* After SIGKILL the kernel needs time to take down a guest's memory. */
#define KILLED_MS 10000

static void channels_take(struct vm *vm, const struct spawn *spawn)
{
	vm->pid = spawn->pid;
	vm->fd[VM_FD_CONSOLE] = spawn->console_out;
	vm->fd[VM_FD_QMP] = spawn->qmp;
	vm->fd[VM_FD_QTEST] = spawn->qtest;
	vm->fd[VM_FD_ERR] = spawn->err;
	vm->console_in = spawn->console_in;
}

static struct vm *vm_new(struct rundir *dir, struct vm_slot slot, double scale)
{
	struct vm *vm = g_new0(struct vm, 1);
	int i;

	vm->dir = dir;
	vm->slot = slot;
	vm->scale = scale;
	vm->console_in = -1;
	for (i = 0; i < VM_NR_FDS; i++)
		vm->fd[i] = -1;
	vm->qmp_part = g_string_new(NULL);
	vm->qtest_part = g_string_new(NULL);
	vm->err_text = g_string_new(NULL);
	return vm;
}

static void send_greetings(struct vm *vm)
{
	(void)vm_send(vm, "qmp_capabilities", NULL);
	(void)vm_send(vm, "migrate-set-capabilities",
		g_variant_new_parsed(
			"{'capabilities': <["
			"{'capability': <'x-ignore-shared'>,"
			" 'state': <true>},"
			"{'capability': <'events'>, 'state': <true>}]>}"));
}

struct vm *vm_start(struct rundir *dir, char **argv, int state_fd,
	struct vm_slot slot, double scale, GError **error)
{
	struct vm *scoped(vm_freep) vm = vm_new(dir, slot, scale);
	g_autofree char *links = rundir_file(dir, "console");
	g_autofree char *log = rundir_file(dir, "console.log");
	struct spawn spawn;

	vm->console = console_new(log, error);
	if (!vm->console)
		return NULL;
	vm->started_us = now_us();
	if (!spawn_qemu(argv, links, state_fd, &spawn, error))
		return NULL;
	channels_take(vm, &spawn);
	if (!rundir_write_pid(dir, vm->pid, error))
		return NULL;
	send_greetings(vm);
	return g_steal_pointer(&vm);
}

void vm_wait_end(struct vm *vm)
{
	int64_t until = now_us() + KILLED_MS * (int64_t)1000;

	while (!vm->ended && now_us() < until)
		vm_io_step(vm, 20);
}

static void buffers_free(struct vm *vm)
{
	g_string_free(vm->qmp_part, TRUE);
	g_string_free(vm->qtest_part, TRUE);
	g_string_free(vm->err_text, TRUE);
	g_clear_pointer(&vm->call.value, json_node_unref);
	g_free(vm->call.failure);
	g_free(vm->migration);
	g_free(vm->shutdown_reason);
	g_free(vm->broken);
	g_free(vm->hung);
	g_free(vm->end_detail);
}

void vm_free(struct vm *vm)
{
	int i;

	if (!vm)
		return;
	vm->on_end = NULL;
	if (vm->source)
		g_source_destroy(vm->source);
	g_clear_pointer(&vm->source, g_source_unref);
	if (vm->pid && !vm->ended) {
		g_clear_pointer(&vm->stats, g_rc_box_release);
		vm_kill(vm);
		vm_wait_end(vm);
	}
	for (i = 0; i < VM_NR_FDS; i++)
		fd_closep(&vm->fd[i]);
	fd_closep(&vm->console_in);
	if (vm->slot.map)
		(void)munmap(vm->slot.map, vm->slot.len);
	console_free(vm->console);
	rundir_close(vm->dir);
	g_clear_pointer(&vm->stats, g_rc_box_release);
	buffers_free(vm);
	g_free(vm);
}

gboolean vm_resume(struct vm *vm, GError **error)
{
	vm->may_stop = FALSE;
	if (!vm_qmp(vm, "cont", NULL, NULL, error))
		return FALSE;
	if (!vm->started_us)
		vm->started_us = now_us();
	return TRUE;
}

gboolean vm_pause(struct vm *vm, GError **error)
{
	vm->may_stop = TRUE;
	return vm_qmp(vm, "stop", NULL, NULL, error);
}

gboolean vm_pump(struct vm *vm, int timeout_ms)
{
	vm_io_step(vm, timeout_ms);
	return !vm->ended;
}

static uint32_t slot_word(const struct vm *vm, size_t offset)
{
	const char *at = (const char *)vm->slot.map + offset;

	return __atomic_load_n(
		(const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

gboolean vm_wait_word(
	struct vm *vm, struct vm_ready word, int timeout_ms, GError **error)
{
	int64_t until = now_us() + timeout_ms * (int64_t)1000;

	if (word.offset % 4 || word.offset >= vm->slot.len)
		return fail(error, VM_ERROR_BROKEN, "no word at %zu in a slot",
			word.offset);
	while (slot_word(vm, word.offset) != word.value) {
		if (vm->ended)
			return vm_fail_ended(
				vm, "waiting for the guest", error);
		if (now_us() >= until)
			return fail(error, VM_ERROR_TIMEOUT,
				"the slot's word at %zu did not become "
				"%u in %d ms",
				word.offset, word.value, timeout_ms);
		vm_io_step(vm, 1);
	}
	return TRUE;
}

struct vm_slot vm_slot(const struct vm *vm)
{
	return vm->slot;
}

const char *vm_slot_path(const struct vm *vm)
{
	return vm->dir->slot_path;
}

const GString *vm_console(const struct vm *vm)
{
	return console_text(vm->console);
}

uint64_t vm_console_total(const struct vm *vm)
{
	return console_total(vm->console);
}

GPid vm_pid(const struct vm *vm)
{
	return vm->pid;
}

double vm_scale(const struct vm *vm)
{
	return vm->scale;
}

int64_t vm_uptime_ms(const struct vm *vm)
{
	int64_t end = vm->ended ? vm->death_us : now_us();

	return vm->started_us ? (end - vm->started_us) / 1000 : 0;
}

int64_t vm_death_time_us(const struct vm *vm)
{
	return vm->death_us;
}
