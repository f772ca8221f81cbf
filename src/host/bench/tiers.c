/* SPDX-License-Identifier: GPL-2.0-only */
/* Which tiers search: what -k of bench mutants says. */
#include "host/bench/bench.h"

#include "host/user/tier.h"

#include <string.h>

static gboolean open_user(struct search *search, GError **error)
{
	g_autofree char *kernel = g_strconcat(search->name, ":user", NULL);

	struct kernel *SCOPED(kernel_freep) tier =
		host_kernel(kernel, search->options, error);

	if (!tier)
		return FALSE;
	search->tier_sources = program_sources(tier->program, error);
	if (search->tier_sources)
		search->tier = g_steal_pointer(&tier);
	return search->tier_sources != NULL;
}

static gboolean wrong(const char *kernels, GError **error)
{
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"-k '%s': want NAME, NAME:PROFILE or NAME:user,NAME:PROFILE",
		kernels);
	return FALSE;
}

/* One of the words of -k; they must be of the same kernel, and of two tiers. */
static gboolean add_kernel(struct search *search, const char *word,
	gboolean *is_user, const char *kernels, GError **error)
{
	g_autofree char *name = g_strndup(word, strcspn(word, ":"));
	gboolean user = user_tier_is(word);

	if (!*name || (search->name && strcmp(search->name, name)) ||
		(user ? *is_user : search->vm != NULL))
		return wrong(kernels, error);
	if (!search->name)
		search->name = g_strdup(name);
	if (user)
		*is_user = TRUE;
	else
		search->vm = g_strdup(word);
	return TRUE;
}

/* "NAME": the user tier is asked for, too, where the kernel has one. */
static void try_user(struct search *search)
{
	g_autoptr(GError) why = NULL;

	if (open_user(search, &why))
		return;
	search->note =
		g_strdup_printf("no user tier, VMs only: %s", why->message);
	host_progress(search->options, FALSE, "%s", search->note);
}

/* The option that leaves out the user tier, or NULL */
static const char *vm_only(const struct search *search)
{
	if (search->peer)
		return "--peer";
	return search->no_stalls ? "--no-stalls" : NULL;
}

gboolean search_open(struct search *search, const char *kernels, GError **error)
{
	g_auto(GStrv) words = g_strsplit(kernels, ",", -1);
	gboolean is_user = FALSE, is_name = !strpbrk(kernels, ":,");

	for (char **word = words; *word; word++) {
		if (!add_kernel(search, *word, &is_user, kernels, error))
			return FALSE;
	}
	if (!search->name)
		return wrong(kernels, error);
	if (is_user && vm_only(search)) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"%s is for VMs: give -k %s:%s", vm_only(search),
			search->name, KERNEL_DEFAULT_PROFILE);
		return FALSE;
	}
	if (is_name) {
		g_free(search->vm);
		search->vm = g_strdup_printf(
			"%s:" KERNEL_DEFAULT_PROFILE, search->name);
	}
	if (is_name && !vm_only(search))
		try_user(search);
	return !is_user || open_user(search, error);
}

void search_clear(struct search *search)
{
	g_free(search->name);
	g_free(search->vm);
	g_free(search->note);
	g_strfreev(search->tier_sources);
	kernel_free(search->tier);
	target_free(search->target);
}

char *search_describe(const struct search *search)
{
	if (!search->tier)
		return g_strdup(search->vm);
	return g_strdup_printf("%s:user%s%s", search->name,
		search->vm ? ", then " : "", search->vm ? search->vm : "");
}
