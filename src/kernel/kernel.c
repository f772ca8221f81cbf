// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/kernel.h"

#include "kernel/internal.h"

struct kernel *kernel_cached(const struct kernel_spec *spec)
{
	SCOPED(build_input_freep)
	struct build_input *input = build_input_new(spec, NULL);

	return input ? cache_load(spec, input->key) : NULL;
}

bool kernel_ensure(const struct kernel_spec *spec, kernel_progress_fn progress,
	void *user, struct kernel **ret_kernel, GError **error)
{
	SCOPED(build_input_freep)
	struct build_input *input = build_input_new(spec, error);
	struct kernel *kernel;

	if (!input)
		return false;
	kernel = cache_load(spec, input->key);
	if (!kernel) {
		if (!build_kernel(input, progress, user, error))
			return false;
		kernel = cache_load(spec, input->key);
	}
	if (!kernel)
		return fail(error, BROKEN,
			"kernel %s was built, and is not in the cache",
			input->key);
	cache_used(kernel);
	*ret_kernel = kernel;
	return true;
}

char **kernel_missing_features(const struct kernel *kernel, GError **error)
{
	SCOPED(config_set_freep) struct config_set *wanted = config_set_new();
	g_auto(GStrv) fragments = shipped_fragments(kernel->profile);
	g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
	g_auto(GStrv) options = NULL;

	for (char **path = fragments; *path; path++) {
		if (!config_set_add(wanted, *path, OPTION_SHIPPED, error))
			return NULL;
	}
	options = config_set_missing(wanted, kernel->config, error);
	if (!options)
		return NULL;
	g_strv_builder_addv(lines, (const char **)options);
	for (char **line = kernel->refused_patches; *line; line++) {
		g_autofree char *text = g_strconcat("left out: ", *line, NULL);

		g_strv_builder_add(lines, text);
	}
	return g_strv_builder_end(lines);
}
