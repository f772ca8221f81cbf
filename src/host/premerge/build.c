/* SPDX-License-Identifier: GPL-2.0-only */
/* Pre-merge: every patch is applied and built in turn. */
#include "host/premerge/premerge.h"

#include <stdio.h>
#include <string.h>

#define CACHED_S 1 /* what takes less was not built */

struct kernel_spec *premerge_spec(const struct premerge *p, guint prefix,
	const char *profile, GError **error)
{
	g_autofree char *base =
		g_strdup_printf("%s:%s", p->want->base, profile);
	struct kernel_spec *SCOPED(kernel_spec_freep) spec = NULL;
	g_autoptr(GPtrArray) paths = g_ptr_array_new();
	struct kernel_spec *made;

	if (!kernel_spec_lookup(base, &spec, error))
		return NULL;
	for (guint i = 0; i < prefix; i++) {
		const struct kernel_patch *patch = p->patches->pdata[i];

		g_ptr_array_add(paths, patch->path);
	}
	g_ptr_array_add(paths, NULL);
	made = kernel_spec_derive(spec, p->name,
		(const char *const *)paths->pdata, p->options_path, error);
	if (made) {
		g_strfreev(made->counters);
		made->counters = g_strdupv(p->counters);
	}
	return made;
}

struct kernel *premerge_build(
	struct premerge *p, guint prefix, const char *profile, GError **error)
{
	struct kernel_spec *SCOPED(kernel_spec_freep) spec =
		premerge_spec(p, prefix, profile, error);
	gint64 start = g_get_monotonic_time();
	struct kernel *kernel;
	double took;

	host_progress(p->options, FALSE, "%s kernel of %u of %u patches",
		profile, prefix, p->nr);
	if (!spec || !kernel_ensure(spec, host_kernel_progress,
			     (void *)p->options, &kernel, error))
		return NULL;
	took = (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
	if (!strcmp(profile, "user") && took >= CACHED_S)
		p->user_seconds = took;
	return kernel;
}

/* ---- what was wrong ---- */

/* The compiler's first error, from the top of the source; NULL where the lines
 * below the message have none. */
static char *compiler_error(const char *message)
{
	g_auto(GStrv) lines = g_strsplit(message, "\n", -1);

	for (char **line = lines; *line; line++) {
		const char *top = strstr(*line, "/src/");

		if (!strstr(*line, "error: "))
			continue;
		if (g_str_has_prefix(*line, "../src/"))
			return g_strdup(*line + strlen("../src/"));
		return g_strdup(
			top && !g_str_has_prefix(*line, RMAPTORTURE_SOURCE_DIR)
				? top + strlen("/src/")
				: *line);
	}
	return NULL;
}

/* Did our side of the user tier refuse, and not the kernel's files? */
static gboolean is_tier_fault(const char *message)
{
	g_autofree char *line = compiler_error(message);

	return !line || g_str_has_prefix(line, RMAPTORTURE_SOURCE_DIR);
}

static char *first_line(const char *text)
{
	return g_strndup(text, strcspn(text, "\n"));
}

/* What make ends with: the linker's or a script's own words are above it */
static const char *last_line(const char *text)
{
	const char *at = strrchr(text, '\n');

	return at ? at + 1 : text;
}

/* The number of the patch that did not apply; 0: it is none of ours. */
static guint refused_patch(const struct premerge *p, const GError *error)
{
	guint number;

	if (sscanf(error->message, "patch '%u.patch'", &number) == 1 &&
		number <= p->nr)
		return number;
	return 0;
}

gboolean premerge_build_failed(struct premerge *p, struct review_step *step,
	guint prefix, const char *profile, const GError *error)
{
	gboolean refused =
		g_error_matches(error, KERNEL_ERROR, KERNEL_ERROR_PATCH);
	guint number = refused ? refused_patch(p, error) : prefix;
	g_autofree char *patch = number ? premerge_patch(p, number) : NULL;
	g_autofree char *line = compiler_error(error->message);
	g_autofree char *head = first_line(error->message);

	if (patch && refused) {
		const char *cause = strstr(head, "': ");

		step_case(step, patch, VERDICT_BROKEN, head);
		step_end(step, VERDICT_BROKEN,
			"%s does not apply to %s: %s. Rebase the series, or "
			"name the base that it was made for with --base",
			patch, p->want->base, cause ? cause + 3 : head);
		return FALSE;
	}
	if (patch && g_error_matches(error, KERNEL_ERROR, KERNEL_ERROR_BUILD)) {
		step_case(step, patch, VERDICT_FINDING, line ? line : head);
		if (step->outcome != VERDICT_FINDING)
			step_end(step, VERDICT_FINDING,
				"%s does not build (%s): %s. Fix it in this "
				"patch: a series is to build after each",
				patch, profile, line ? line : error->message);
		return TRUE;
	}
	step_case(step, patch ? patch : "base", VERDICT_BROKEN, head);
	step_end(step, VERDICT_BROKEN, "%s does not build (%s): %s",
		patch ? patch : "the base", profile, head);
	return FALSE;
}

/* ---- warnings ---- */

/* Without line and column, which a patch above it moves. */
static char *warning_key(const char *warning)
{
	g_autoptr(GRegex) digits = g_regex_new(":[0-9]+", 0, 0, NULL);

	return g_regex_replace_literal(digits, warning, -1, 0, "", 0, NULL);
}

/* Paths of the kernel's files begin at the top of its source. */
static gboolean is_ours(const char *warning)
{
	return g_path_is_absolute(warning);
}

static void compare_warnings(
	struct premerge *p, struct kernel **kernels, GPtrArray *ret)
{
	g_autoptr(GHashTable) seen =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint prefix = 0; prefix <= p->nr; prefix++) {
		char **line =
			kernels[prefix] ? kernels[prefix]->warnings : NULL;

		for (; line && *line; line++) {
			if (!is_ours(*line) &&
				g_hash_table_add(seen, warning_key(*line)) &&
				prefix)
				g_ptr_array_add(
					ret, g_strdup_printf("patch %u: %s",
						     prefix, *line));
		}
	}
}

void premerge_build_end(struct premerge *p, struct review_step *step,
	struct kernel **kernels, guint first, guint last)
{
	g_autoptr(GPtrArray) new = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *list = NULL, *options = premerge_options_text(p);

	if (step->outcome != VERDICT_PASS)
		return;
	compare_warnings(p, kernels, new);
	g_ptr_array_add(new, NULL);
	list = g_strjoinv("; ", (char **)new->pdata);
	if (first)
		step_end(step, VERDICT_PASS,
			"patches %u to %u of %u build%s; new compiler "
			"warnings: %s",
			first, last, p->nr,
			step->cut ? ", there was no time for the others" : "",
			*list ? list : "none");
	else
		step_end(step, VERDICT_PASS,
			"base%s%s%s; new compiler warnings: %s",
			last ? " and the whole series" : "", options,
			last ? "" : ", which is the series: it is empty",
			*list ? list : "none");
}

/* ---- the steps ---- */

/* One that failed; returns whether the others are to be tried. */
static gboolean note_user(struct premerge *p, struct review_step *step,
	guint prefix, const GError *error)
{
	g_autofree char *line = NULL;

	if (!g_error_matches(error, KERNEL_ERROR, KERNEL_ERROR_BUILD) ||
		!is_tier_fault(error->message))
		return premerge_build_failed(p, step, prefix, "user", error);
	line = compiler_error(error->message);
	step_end(step, VERDICT_SKIP,
		"the user-space tier does not know this code "
		"(docs/user-tier.md): %s",
		line ? line : last_line(error->message));
	return FALSE;
}

/* The kernels between base and the whole series, as long as there is time for
 * one more than @until: they differ in less than those two, which have shown
 * how long one takes. Returns the first that there was none for. */
static guint build_between(struct premerge *p, struct review_step *step,
	double until, gboolean *ret_go_on)
{
	guint prefix;

	for (prefix = 1; *ret_go_on && prefix < p->nr; prefix++) {
		g_autoptr(GError) error = NULL;

		if (until && premerge_left(p) - until < p->user_seconds / 2)
			break;
		p->kernel.user[prefix] =
			premerge_build(p, prefix, "user", &error);
		if (!p->kernel.user[prefix])
			*ret_go_on = note_user(p, step, prefix, error);
	}
	return prefix;
}

/* The whole series first: whether it applies is then known within seconds.
 * Where it does not build, the first patch that does not is sought. */
gboolean premerge_build_user(struct premerge *p)
{
	struct review_step *step =
		premerge_begin(p, "build, user space", FALSE);
	g_autoptr(GError) last = NULL, error = NULL;
	gboolean go_on = TRUE;

	p->kernel.user[p->nr] = premerge_build(p, p->nr, "user", &last);
	if (last && !g_error_matches(last, KERNEL_ERROR, KERNEL_ERROR_BUILD))
		go_on = note_user(p, step, p->nr, last);
	if (go_on && p->nr)
		p->kernel.user[0] = premerge_build(p, 0, "user", &error);
	if (error)
		go_on = note_user(p, step, 0, error);
	if (go_on && last) {
		(void)build_between(p, step, 0, &go_on);
		if (go_on)
			go_on = note_user(p, step, p->nr, last);
	}
	premerge_build_end(p, step, p->kernel.user, 0, p->nr);
	premerge_done(step);
	if (p->kernel.user[p->nr])
		premerge_options_tell(p, p->kernel.user[p->nr], "user space");
	return step->outcome == VERDICT_SKIP ||
	       (step->outcome != VERDICT_BROKEN && p->kernel.user[p->nr]);
}

void premerge_build_each(struct premerge *p, double seconds)
{
	struct review_step *step;
	gboolean go_on = TRUE;
	guint end;

	if (p->nr < 2 || !p->kernel.user[0] || !p->kernel.user[p->nr])
		return;
	step = premerge_begin(p, "build of each patch, user space", FALSE);
	end = build_between(
		p, step, MAX(premerge_left(p) - seconds, 1), &go_on);
	premerge_done(step);
	step->cut = go_on && end < p->nr;
	if (step->cut && end == 1)
		step_no_time(step);
	else
		premerge_build_end(p, step, p->kernel.user, 1, end - 1);
}

struct kernel *premerge_user(struct premerge *p, guint prefix)
{
	if (!p->kernel.user[prefix])
		p->kernel.user[prefix] =
			premerge_build(p, prefix, "user", NULL);
	return p->kernel.user[prefix];
}
