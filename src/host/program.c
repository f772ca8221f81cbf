/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/program.h"

#include <string.h>

#define GRACE_MS      20000 /* for the guest to kill what is over its limit */
#define REPORT_MS     1000  /* for a kernel that reported something to die */
#define LAST_LINES_MS 50    /* of the console of one that did not */
/* beside enum vm_end */
#define REPLIED	 (-1)
#define REPORTED (-2)

static void slot_start(void *slot, size_t len, void *user)
{
	struct selftest_slot *start = slot;

	(void)user;
	g_assert(len >= sizeof(*start));
	start->magic = SELFTEST_MAGIC;
}

static void told(const char *line, void *user)
{
	host_progress(user, FALSE, "%s", line);
}

struct vm_template *program_template(const struct target *target,
	const struct host_options *options, const char *cache, GError **error)
{
	struct vm_boot boot = {
		.ready = {G_STRUCT_OFFSET(struct selftest_slot, guest_state),
			GUEST_IDLE},
		.id = "selftests 2",
		.slot_init = slot_start,
		.progress = told,
		.user = (void *)options,
	};

	return vm_template_ensure(&target->machine, &boot, cache, error);
}

void program_end_clear(struct program_end *end)
{
	g_free(end->console);
	g_free(end->refused);
	g_free(end->output);
	*end = (struct program_end){0};
}

static void vm_ended(
	struct vm *vm, enum vm_end end, const char *detail, void *user)
{
	int *ended = user;

	(void)vm;
	(void)detail;
	*ended = (int)end;
}

static void slot_fill(
	struct selftest_slot *slot, const struct program *program, gint64 limit)
{
	g_auto(GStrv) words = g_strsplit(program->command, " ", -1);
	char *at = slot->argv;

	for (char **word = words; *word; word++)
		at = g_stpcpy(at, *word) + 1;
	*at = '\0';
	g_assert(at < slot->argv + sizeof(slot->argv));
	g_assert(strlen(program->settings) < sizeof(slot->settings));
	strcpy(slot->settings, program->settings);
	(void)g_strlcpy(slot->needed, program->needed, sizeof(slot->needed));
	slot->limit_ms = (guint32)limit;
	__atomic_store_n(&slot->request, 1, __ATOMIC_RELEASE);
}

/* What the guest wrote is bytes of a kernel with bugs: copied, then made text.
 */
static char *output_take(const struct selftest_slot *slot)
{
	guint32 len = __atomic_load_n(&slot->output_len, __ATOMIC_ACQUIRE);
	char *text = g_strndup("", SELFTEST_OUTPUT_MAX + 1);
	gsize at = 0;

	len = MIN(len, SELFTEST_OUTPUT_MAX);
	for (guint32 i = 0; i < len; i++) {
		char c = slot->output[i];

		if (g_ascii_isprint(c) || strchr("\n\r\033", c))
			text[at++] = c;
		else if (c != '\b')
			text[at++] = '?';
	}
	text[at] = '\0';
	return g_realloc(text, at + 1);
}

/* What a kernel that lives on says of itself; it may die of it yet. */
static gboolean console_reports(struct vm *vm, guint64 *seen)
{
	const GString *console = vm_console(vm);
	struct report report;

	if (*seen == vm_console_total(vm))
		return FALSE;
	*seen = vm_console_total(vm);
	return console_parse(console->str, console->len, &report) > 0;
}

static void serve(void)
{
	if (!g_main_context_iteration(NULL, FALSE))
		g_usleep(2000);
}

/* Its last lines may still be on their way. */
static int linger(struct vm *vm, gboolean reported, const int *ended)
{
	gint64 end = g_get_monotonic_time() +
		     (reported ? REPORT_MS : LAST_LINES_MS) * 1000;
	guint64 seen = 0;

	while (*ended < 0 && g_get_monotonic_time() < end)
		serve();
	if (*ended >= 0)
		return *ended;
	return reported || console_reports(vm, &seen) ? REPORTED : REPLIED;
}

/* Returns the VM's end, REPLIED or REPORTED. */
static int await(struct vm *vm, const struct selftest_slot *slot,
	gint64 limit_ms, const int *ended)
{
	gint64 end = g_get_monotonic_time() +
		     (limit_ms + (gint64)(GRACE_MS * vm_scale(vm))) * 1000;
	gboolean declared = FALSE;
	guint64 seen = 0;

	while (*ended < 0) {
		if (__atomic_load_n(&slot->reply, __ATOMIC_ACQUIRE) == 1)
			return linger(vm, FALSE, ended);
		if (console_reports(vm, &seen))
			return linger(vm, TRUE, ended);
		if (!declared && g_get_monotonic_time() > end) {
			vm_declare_hung(vm, "the guest did not end a program "
					    "that was over its limit");
			declared = TRUE;
		}
		serve();
	}
	return *ended;
}

static void take_end(struct vm *vm, int ended, struct program_end *ret)
{
	const struct selftest_slot *slot = vm_slot(vm).map;
	const GString *console = vm_console(vm);

	ret->output = output_take(slot);
	ret->refused = g_strndup(slot->refused, sizeof(slot->refused) - 1);
	ret->not_run = slot->not_run != 0;
	ret->timed_out = slot->timed_out != 0;
	ret->status = slot->status;
	ret->console = g_memdup2(console->str, console->len + 1);
	ret->console_len = console->len;
	ret->reported = ended != REPLIED;
	ret->broken = ended == VM_END_QEMU_DIED;
	if (ret->reported)
		vm_end_title(vm,
			ended == REPORTED ? VM_END_PANIC : (enum vm_end)ended,
			&ret->report);
}

static gint64 limit_of(const struct program *program, const struct vm *vm)
{
	gint64 left = (program->end - g_get_monotonic_time()) / 1000;

	return CLAMP(left, 1,
		(gint64)((double)program->limit_ms * MAX(1, vm_scale(vm))));
}

gboolean program_run(struct vm_template *template, const char *dir,
	const struct program *program, struct program_end *ret, GError **error)
{
	struct vm *vm = vm_clone(template, dir, error);
	gint64 start = g_get_monotonic_time(), limit_ms;
	int ended = -1;

	*ret = (struct program_end){0};
	if (!vm)
		return FALSE;
	limit_ms = limit_of(program, vm);
	vm_set_end_handler(vm, vm_ended, &ended);
	slot_fill(vm_slot(vm).map, program, limit_ms);
	if (!vm_resume(vm, error)) {
		vm_free(vm);
		return FALSE;
	}
	take_end(vm, await(vm, vm_slot(vm).map, limit_ms, &ended), ret);
	ret->seconds =
		(double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
	vm_set_end_handler(vm, NULL, NULL);
	vm_free(vm);
	return TRUE;
}
