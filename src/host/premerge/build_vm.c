/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-merge: kernels for VMs. Those of base and the whole series are built by a
 * thread while the tests in user space, which take one core, are run.
 */
#include "host/premerge/premerge.h"

#define BUILD_MIN_S 60 /* less is not enough for a kernel to boot */

/* struct premerge_early - builds of the thread: of base, of the whole series;
 * its own until it has ended */
struct premerge_early {
	GThread *thread;
	struct early_build {
		struct kernel_spec *spec;
		struct kernel *kernel;
		GError *error;
		double seconds;
	} build[2];
};

static gpointer build_both(gpointer user)
{
	struct premerge_early *early = user;

	for (guint i = 0; i < G_N_ELEMENTS(early->build); i++) {
		struct early_build *one = &early->build[i];
		gint64 start = g_get_monotonic_time();

		if (one->spec && !kernel_ensure(one->spec, NULL, NULL,
					 &one->kernel, &one->error))
			break;
		one->seconds = (double)(g_get_monotonic_time() - start) /
			       G_USEC_PER_SEC;
	}
	return NULL;
}

void premerge_build_early(struct premerge *p)
{
	struct premerge_early *early;

	if (premerge_left(p) < BUILD_MIN_S)
		return;
	early = p->early = g_new0(struct premerge_early, 1);
	early->build[0].spec =
		premerge_spec(p, 0, KERNEL_DEFAULT_PROFILE, NULL);
	if (p->nr)
		early->build[1].spec =
			premerge_spec(p, p->nr, KERNEL_DEFAULT_PROFILE, NULL);
	early->thread = g_thread_new("build", build_both, early);
}

static void join(struct premerge_early *early)
{
	if (early->thread)
		(void)g_thread_join(g_steal_pointer(&early->thread));
}

void premerge_build_clear(struct premerge *p)
{
	struct premerge_early *early = g_steal_pointer(&p->early);

	if (!early)
		return;
	join(early);
	for (guint i = 0; i < G_N_ELEMENTS(early->build); i++) {
		kernel_spec_free(early->build[i].spec);
		kernel_free(early->build[i].kernel);
		g_clear_error(&early->build[i].error);
	}
	g_free(early);
}

/* What the thread has built of base or the whole series. */
static struct kernel *take(struct premerge *p, guint prefix, GError **error)
{
	struct early_build *one = &p->early->build[prefix ? 1 : 0];

	p->vm_seconds = MAX(p->vm_seconds, one->seconds);
	if (one->error)
		g_propagate_error(error, g_steal_pointer(&one->error));
	return g_steal_pointer(&one->kernel);
}

static gboolean build_prefix(
	struct premerge *p, struct review_step *step, guint prefix)
{
	g_autoptr(GError) error = NULL;

	if (!prefix || prefix == p->nr)
		p->kernel.kasan[prefix] = take(p, prefix, &error);
	else
		p->kernel.kasan[prefix] = premerge_build(
			p, prefix, KERNEL_DEFAULT_PROFILE, &error);
	return p->kernel.kasan[prefix] ||
	       premerge_build_failed(
		       p, step, prefix, KERNEL_DEFAULT_PROFILE, error);
}

gboolean premerge_build_vm(struct premerge *p)
{
	struct review_step *step =
		premerge_begin(p, "build, kernel for VMs", FALSE);
	gboolean go_on = p->early != NULL;

	if (go_on)
		join(p->early);
	else
		step_no_time(step);
	for (guint prefix = 0; go_on && prefix <= p->nr; prefix++) {
		if (!prefix || prefix == p->nr || p->want->every)
			go_on = build_prefix(p, step, prefix);
	}
	premerge_build_end(p, step, p->kernel.kasan, 0, p->nr);
	premerge_done(step);
	if (p->kernel.kasan[p->nr])
		premerge_options_tell(p, p->kernel.kasan[p->nr], "VM");
	return p->kernel.kasan[0] && p->kernel.kasan[p->nr];
}

struct target *premerge_vm(struct premerge *p, guint prefix, GError **error)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) spec = NULL;
	struct target_options t = {0};

	if (p->kernel.vm[prefix])
		return p->kernel.vm[prefix];
	spec = premerge_spec(p, prefix, KERNEL_DEFAULT_PROFILE, error);
	if (!spec)
		return NULL;
	host_progress(
		p->options, FALSE, "VM of %u of %u patches", prefix, p->nr);
	t.spec = spec;
	p->kernel.vm[prefix] = target_open(&t, p->options, error);
	return p->kernel.vm[prefix];
}
