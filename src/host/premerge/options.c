/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-merge: the options of the kernels. Our configurations begin with
 * allnoconfig, so what a series adds would be off, and nothing of it tested:
 * each option that it adds is on, as far as its dependencies go.
 */
#include "host/premerge/premerge.h"

#include <string.h>

#define NAME "options.config" /* in OUT; what kernel.lacks calls it */

static gboolean append_file(GString *text, const char *path, GError **error)
{
	g_autofree char *more = NULL;

	if (!g_file_get_contents(path, &more, NULL, error))
		return FALSE;
	g_string_append(text, more);
	return TRUE;
}

gboolean premerge_options(struct premerge *p, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);

	p->added = kernel_series_options(p->patches, error);
	p->counters = kernel_series_counters(p->patches, error);
	p->functions = kernel_series_functions(p->patches, error);
	if (!p->added || !p->counters || !p->functions)
		return FALSE;
	for (char **name = p->added; *name; name++)
		g_string_append_printf(text, "CONFIG_%s=y\n", *name);
	if (p->want->fragment && !append_file(text, p->want->fragment, error))
		return FALSE;
	if (!text->len)
		return TRUE;
	p->options_path = g_build_filename(p->want->out, NAME, NULL);
	return g_file_set_contents(
		p->options_path, text->str, (gssize)text->len, error);
}

char *premerge_options_text(const struct premerge *p)
{
	g_autofree char *names = g_strjoinv(", CONFIG_", p->added);

	return *names ? g_strdup_printf("; CONFIG_%s on", names) : g_strdup("");
}

void premerge_options_tell(
	struct premerge *p, const struct kernel *kernel, const char *where)
{
	g_autofree char *name = g_strdup_printf("options, %s", where);
	struct review_step *step = NULL;

	for (char **line = kernel->lacks; line && *line; line++) {
		if (!strstr(*line, NAME))
			continue;
		if (!step)
			step = review_step(p->review, name, FALSE);
		step_case(step, "off", VERDICT_SKIP, *line);
	}
	if (step)
		step_end(step, VERDICT_SKIP,
			"not as asked, so what they guard was not run; "
			"--fragment FILE sets what they depend on");
}
