/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/settings.h"

#include <string.h>

char *settings_text(char **set, GError **error)
{
	GString *lines = g_string_new(NULL);

	for (char **one = set; one && *one; one++) {
		const char *sign = strchr(*one, '=');

		if (**one == '/' && sign && sign[1]) {
			g_string_append_printf(lines, "%.*s %s\n",
				(int)(sign - *one), *one, sign + 1);
			continue;
		}
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"--set '%s': want /PATH=VALUE", *one);
		g_string_free(lines, TRUE);
		return NULL;
	}
	if (lines->len < SLOT_SETTINGS)
		return g_string_free(lines, FALSE);
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"--set: more than %d characters in all", SLOT_SETTINGS - 1);
	g_string_free(lines, TRUE);
	return NULL;
}

void target_set(const struct target *target, struct vm *vm)
{
	if (!target->settings[0])
		return;
	if (target->tell)
		target->tell(vm_slot(vm).map, target->settings);
	else
		slot_set(vm_slot(vm).map, target->settings);
}

GString *settings_describe(const struct target *target)
{
	g_auto(GStrv) lines = g_strsplit(target->settings, "\n", -1);
	GString *text = g_string_new(NULL);

	for (char **line = lines; *line && **line; line++) {
		*strchr(*line, ' ') = '=';
		g_string_append_printf(text, "set: %s\n", *line);
	}
	return text;
}

/* ---- what the kernel said of --append as it booted ---- */

/* From @begin on, up to one of @ends; NULL: it did not say so */
static char *said(const char *console, const char *begin, const char *ends)
{
	const char *at = strstr(console, begin);

	return at ? g_strndup(at, strcspn(at, ends)) : NULL;
}

#define NO_MUTANT "rmap_mutant: no mutant"
#define UNKNOWN	  "Unknown kernel command line parameters"

/* Those words of --append that it hands to user space, where nobody reads them;
 * some of ours are such, too. */
static void tell_unknown(const struct target *target, const char *list,
	const struct host_options *options)
{
	g_auto(GStrv) all = g_strsplit_set(list, "\" ", -1);
	g_auto(GStrv) words = g_strsplit(target->user_append, " ", -1);

	for (char **word = words; *word; word++) {
		if (**word && g_strv_contains((const char *const *)all, *word))
			host_progress(options, FALSE,
				"--append: this kernel knows no '%s'", *word);
	}
}

gboolean append_holds(const struct target *target,
	const struct host_options *options, GError **error)
{
	g_autofree char *path = g_build_filename(
		vm_template_info(target->template)->dir, "console.log", NULL);
	g_autofree char *console = NULL, *mutant = NULL, *list = NULL;

	if (!target->user_append[0])
		return TRUE;
	if (!g_file_get_contents(path, &console, NULL, error))
		return FALSE;
	list = said(console, UNKNOWN, "\r\n");
	if (list)
		tell_unknown(target, list, options);
	mutant = said(console, NO_MUTANT, "\r\n");
	if (!mutant)
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"%s; vm-images/mutants/mutants.tsv lists them", mutant);
	return FALSE;
}

/* ---- --set ---- */

/* A program that does nothing shows whether the guest takes what is set. */
gboolean settings_hold(struct target *target, GError **error)
{
	static struct prog_result result;
	struct prog nothing = {.nr_calls = 1, .call = {{.op = OP_BARRIER}}};
	g_autofree char *scratch = host_scratch(error);
	struct guest *SCOPED(guest_freep) guest = NULL;
	struct judgment judgment;

	guest = scratch ? guest_fresh(target, scratch, error) : NULL;
	if (guest)
		(void)guest_judge(target, guest, &nothing, &result, &judgment);
	g_clear_pointer(&guest, guest_free);
	if (scratch)
		host_dir_remove(scratch);
	if (*error || judgment.verdict == VERDICT_PASS)
		return !*error;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"the guest does not take what --set says: %s", judgment.detail);
	return FALSE;
}
