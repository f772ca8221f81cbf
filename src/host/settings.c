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
