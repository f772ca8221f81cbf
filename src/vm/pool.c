/* SPDX-License-Identifier: GPL-2.0-only */

/*
 * A pool: clones restored and paused before they are needed.
 *
 * A spare goes RESTORING -> (WARMING ->) READY, driven by its vm's source; a
 * timer looks after spares that are under way. One that ends on the way is
 * counted and dropped, and the next is started after a pause that doubles.
 */

#include "cleanup.h"
#include "error.h"
#include "internal.h"
#include "template.h"

#include <string.h>

#define TAKE_TRIES     3
#define NR_SPARE_MAX   16
#define LOOK_MS	       5
#define WARM_MS	       20000
#define BACKOFF_MAX_MS 60000

enum spare_stage { SPARE_RESTORING, SPARE_WARMING, SPARE_READY };

struct spare {
	struct vm_pool *pool;
	struct vm *vm;
	enum spare_stage stage;
	gboolean wanted; /* somebody waits: no warm-up unless it has begun */
	int64_t warm_until_us;
};

struct vm_pool {
	struct vm_template *template;
	struct rundir *dir;
	GPtrArray *spares; /* in the order of their start */
	unsigned nr_spare, serial, failures_in_row;
	struct vm_warm warm;
	struct vm_pool_stats *stats;
	GSource *refill, *look;
};

static void refill_later(struct vm_pool *pool);

static void spare_free(gpointer data)
{
	struct spare *spare = data;

	vm_free(spare->vm);
	g_free(spare);
}

static void source_stop(GSource **source)
{
	if (*source)
		g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}

static void spare_failed(struct spare *spare)
{
	struct vm_pool *pool = spare->pool;

	if (!spare->vm->restore.done)
		pool->stats->restore_failures++;
	pool->failures_in_row++;
	(void)g_ptr_array_remove(pool->spares, spare);
	refill_later(pool);
}

static void spare_ended(
	struct vm *vm, enum vm_end end, const char *detail, void *user)
{
	(void)vm;
	(void)end;
	(void)detail;
	spare_failed(user);
}

static gboolean spare_warm(struct spare *spare, GError **error)
{
	const struct vm_warm *warm = &spare->pool->warm;
	double limit_us = WARM_MS * 1000.0 * MAX(spare->vm->scale, 1.0);

	if (!vm_resume(spare->vm, error))
		return FALSE;
	spare->stage = SPARE_WARMING;
	spare->warm_until_us = now_us() + (int64_t)limit_us;
	warm->begin(spare->vm, warm->user);
	return TRUE;
}

/* Returns FALSE when the spare has failed; it is then broken or ended. */
static gboolean spare_advance(struct spare *spare, GError **error)
{
	struct vm_pool *pool = spare->pool;
	struct vm *vm = spare->vm;

	if (vm->ended)
		return vm_fail_ended(vm, "preparing a spare", error);
	if (spare->stage == SPARE_RESTORING && vm->restore.done) {
		if (!pool->warm.begin || spare->wanted) {
			spare->stage = SPARE_READY;
			return TRUE;
		}
		return spare_warm(spare, error);
	}
	if (spare->stage != SPARE_WARMING)
		return TRUE;
	if (pool->warm.done(vm, pool->warm.user)) {
		spare->stage = SPARE_READY;
		return vm_pause(vm, error);
	}
	if (now_us() < spare->warm_until_us)
		return TRUE;
	vm_break(vm, "a spare did not finish its warm-up");
	return fail(error, VM_ERROR_TIMEOUT, "%s", vm->broken);
}

static gboolean is_underway(const struct vm_pool *pool)
{
	guint i;

	for (i = 0; i < pool->spares->len; i++) {
		const struct spare *spare = pool->spares->pdata[i];

		if (spare->stage != SPARE_READY)
			return TRUE;
	}
	return FALSE;
}

static gboolean look(gpointer user)
{
	struct vm_pool *pool = user;
	guint i;

	/* From the end, as one that failed is taken out of the array. */
	for (i = pool->spares->len; i-- > 0;) {
		struct spare *spare = pool->spares->pdata[i];

		if (!spare_advance(spare, NULL))
			vm_kill(spare->vm);
		else if (spare->stage == SPARE_READY)
			pool->failures_in_row = 0;
	}
	if (is_underway(pool))
		return G_SOURCE_CONTINUE;
	source_stop(&pool->look);
	return G_SOURCE_REMOVE;
}

static void look_soon(struct vm_pool *pool)
{
	if (pool->look)
		return;
	pool->look = g_timeout_source_new(LOOK_MS);
	g_source_set_callback(pool->look, look, pool, NULL);
	g_source_attach(pool->look, g_main_context_get_thread_default());
}

static struct vm *clone_new(struct vm_pool *pool, GError **error)
{
	g_autofree char *name = g_strdup_printf("vm-%06u", pool->serial++);
	g_autofree char *path = rundir_file(pool->dir, name);
	struct rundir *dir = rundir_open(path, error);
	struct vm *vm;

	if (!dir)
		return NULL;
	dir->remove = TRUE;
	pool->stats->clones++;
	vm = vm_clone_start(pool->template, dir, error);
	if (!vm) {
		pool->stats->restore_failures++;
		return NULL;
	}
	vm->stats = g_rc_box_acquire(pool->stats);
	vm_attach(vm);
	return vm;
}

static gboolean spare_start(struct vm_pool *pool, GError **error)
{
	struct vm *vm = clone_new(pool, error);
	struct spare *spare;

	if (!vm)
		return FALSE;
	spare = g_new0(struct spare, 1);
	spare->pool = pool;
	spare->vm = vm;
	g_ptr_array_add(pool->spares, spare);
	vm_set_end_handler(vm, spare_ended, spare);
	look_soon(pool);
	return TRUE;
}

static gboolean refill(gpointer user)
{
	struct vm_pool *pool = user;

	source_stop(&pool->refill);
	if (pool->spares->len < pool->nr_spare) {
		if (!spare_start(pool, NULL))
			pool->failures_in_row++;
		refill_later(pool);
	}
	return G_SOURCE_REMOVE;
}

/* Idle at first; a host that fails again and again is given time. */
static void refill_later(struct vm_pool *pool)
{
	unsigned shift = MIN(pool->failures_in_row, 8u);
	unsigned pause_ms = MIN(250u << shift, (unsigned)BACKOFF_MAX_MS);

	if (pool->refill || pool->spares->len >= pool->nr_spare)
		return;
	pool->refill = pool->failures_in_row ? g_timeout_source_new(pause_ms)
					     : g_idle_source_new();
	g_source_set_callback(pool->refill, refill, pool, NULL);
	g_source_attach(pool->refill, g_main_context_get_thread_default());
}

struct vm_pool *vm_pool_new(struct vm_template *template, const char *run_dir,
	unsigned nr_spare, GError **error)
{
	struct rundir *dir = rundir_open(run_dir, error);
	struct vm_pool *pool;

	if (!dir)
		return NULL;
	rundir_sweep(dir->path);
	pool = g_new0(struct vm_pool, 1);
	pool->template = template;
	pool->dir = dir;
	pool->nr_spare = MIN(nr_spare, (unsigned)NR_SPARE_MAX);
	pool->spares = g_ptr_array_new_with_free_func(spare_free);
	pool->stats = g_rc_box_new0(struct vm_pool_stats);
	refill_later(pool);
	return pool;
}

void vm_pool_free(struct vm_pool *pool)
{
	if (!pool)
		return;
	source_stop(&pool->refill);
	source_stop(&pool->look);
	g_ptr_array_unref(pool->spares);
	rundir_close(pool->dir);
	g_rc_box_release(pool->stats);
	g_free(pool);
}

void vm_pool_set_warm(struct vm_pool *pool, const struct vm_warm *warm)
{
	pool->warm = *warm;
}

/* The spare that is furthest; pumped until it is ready. */
static struct vm *take_spare(struct vm_pool *pool, GError **error)
{
	struct spare *spare = pool->spares->pdata[0];
	struct vm *vm;

	spare->wanted = TRUE;
	while (spare->stage != SPARE_READY) {
		if (!spare_advance(spare, error)) {
			vm_wait_end(spare->vm);
			vm_set_end_handler(spare->vm, NULL, NULL);
			spare_failed(spare);
			return NULL;
		}
		if (spare->stage != SPARE_READY)
			(void)vm_pump(spare->vm, LOOK_MS);
	}
	vm = g_steal_pointer(&spare->vm);
	vm_set_end_handler(vm, NULL, NULL);
	(void)g_ptr_array_remove(pool->spares, spare);
	return vm;
}

static struct vm *take_once(struct vm_pool *pool, GError **error)
{
	struct vm *scoped(vm_freep) vm = NULL;

	if (!pool->spares->len && !spare_start(pool, error))
		return NULL;
	vm = take_spare(pool, error);
	if (!vm)
		return NULL;
	if (!vm_resume(vm, error)) {
		/* Wait, so that it is counted as a death of QEMU. */
		vm_break(vm, "a spare could not be resumed");
		vm_wait_end(vm);
		return NULL;
	}
	return g_steal_pointer(&vm);
}

struct vm *vm_pool_take(struct vm_pool *pool, GError **error)
{
	g_autoptr(GError) why = NULL;
	struct vm *vm = NULL;
	int tries;

	for (tries = 0; tries < TAKE_TRIES && !vm; tries++) {
		g_clear_error(&why);
		vm = take_once(pool, &why);
	}
	refill_later(pool);
	if (vm) {
		pool->failures_in_row = 0;
		return vm;
	}
	g_propagate_prefixed_error(error, g_steal_pointer(&why),
		"no clone in %d tries; the last: ", TAKE_TRIES);
	return NULL;
}

unsigned vm_pool_nr_ready(const struct vm_pool *pool)
{
	unsigned nr = 0;
	guint i;

	for (i = 0; i < pool->spares->len; i++) {
		const struct spare *spare = pool->spares->pdata[i];

		nr += spare->stage == SPARE_READY && !spare->vm->ended;
	}
	return nr;
}

struct vm_pool_stats vm_pool_stats(const struct vm_pool *pool)
{
	return *pool->stats;
}
