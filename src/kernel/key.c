// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/internal.h"

#include <gio/gio.h>
#include <string.h>

/* Raise it when the meaning of an input changes. */
#define KEY_FORMAT "rmaptorture kernel 1"

/* Nothing of the day or of the machine gets into the image. */
static const char *const make_args[] = {"ARCH=x86_64",
	"KBUILD_BUILD_USER=rmaptorture", "KBUILD_BUILD_HOST=rmaptorture",
	"KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
	"KBUILD_BUILD_VERSION=1", "LOCALVERSION=", NULL};

const char *const *make_arguments(void)
{
	return make_args;
}

static void key_bytes(
	GChecksum *sum, const char *label, const char *bytes, gsize len)
{
	g_autofree char *head =
		g_strdup_printf("%s %" G_GSIZE_FORMAT "\n", label, len);

	g_checksum_update(sum, (const guchar *)head, -1);
	g_checksum_update(sum, (const guchar *)bytes, len);
}

static void key_text(GChecksum *sum, const char *label, const char *text)
{
	key_bytes(sum, label, text, strlen(text));
}

static void key_patches(GChecksum *sum, const char *label, GPtrArray *patches)
{
	for (guint i = 0; i < patches->len; i++) {
		struct patch *patch = g_ptr_array_index(patches, i);
		g_autofree char *head =
			g_strdup_printf("%s -p%u", label, patch->strip);

		key_bytes(sum, head, patch->text, patch->len);
	}
}

static bool key_files(
	GChecksum *sum, const char *label, char **paths, GError **error)
{
	for (; *paths; paths++) {
		g_autofree char *text = NULL;
		gsize len;

		if (!g_file_get_contents(*paths, &text, &len, error))
			return false;
		key_bytes(sum, label, text, len);
	}
	return true;
}

/* In the profile `user` we are part of what is built. */
static bool key_sources(GChecksum *sum, GError **error)
{
	g_auto(GStrv) paths = user_sources(error);

	return paths && key_files(sum, "source", paths, error);
}

static char *key_of_source(const struct build_input *input)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	key_text(sum, "source", input->identity);
	key_patches(sum, "series", input->series);
	key_patches(sum, "harness", input->harness);
	key_patches(sum, "mutants", input->mutants);
	return g_strdup(g_checksum_get_string(sum));
}

static char *key_make(const struct build_input *input, GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	key_text(sum, "format", KEY_FORMAT);
	key_text(sum, "source", input->source_key);
	key_text(sum, "compiler", input->compiler);
	key_text(sum, "profile", input->spec->profile);
	for (const char *const *arg = make_args; *arg; arg++)
		key_text(sum, "make", *arg);
	if (!key_files(sum, "fragment", input->shipped, error) ||
		!key_files(sum, "fragment", input->spec->fragments, error) ||
		(input->spec->options && !key_files(sum, "options",
						 input->spec->options, error)))
		return NULL;
	if (is_user(input->spec) && !key_sources(sum, error))
		return NULL;
	return g_strndup(g_checksum_get_string(sum), 16);
}

char **shipped_fragments(const char *profile)
{
	g_autofree char *name = g_strconcat(profile, ".config", NULL);
	char **paths = g_new0(char *, 3);

	if (g_str_equal(profile, "user")) {
		paths[0] = images_path("user/user.config");
		return paths;
	}
	paths[0] = images_path("base.config");
	paths[1] = images_path(name);
	return paths;
}

static bool options_add(struct config_set *to, char **paths,
	enum option_need need, GError **error)
{
	for (; paths && *paths; paths++) {
		if (!config_set_add(to, *paths, need, error))
			return false;
	}
	return true;
}

/* Later ones win: the kernel's, but in the profile `user` ours, without which
 * nothing there works. */
static bool options_load(struct build_input *input, GError **error)
{
	const struct kernel_spec *spec = input->spec;

	input->options = config_set_new();
	if (!options_add(
		    input->options, input->shipped, OPTION_SHIPPED, error) ||
		!options_add(input->options, spec->fragments,
			spec->is_own ? OPTION_MUST : OPTION_SHIPPED, error) ||
		!options_add(input->options, spec->options, OPTION_MAY, error))
		return false;
	return !is_user(spec) || options_add(input->options, input->shipped,
					 OPTION_SHIPPED, error);
}

static bool patches_load(struct build_input *input, GError **error)
{
	const struct kernel_spec *spec = input->spec;
	g_autofree char *harness = images_path("patches/harness");
	g_autofree char *chooser = images_path("mutants/rmap_mutant.patch");

	input->series = series_new();
	input->harness = series_new();
	input->mutants = series_new();
	for (char **path = spec->series; path && *path; path++) {
		if (!series_load(*path, input->series, error))
			return false;
	}
	if (spec->harness && !is_user(spec) &&
		!series_load(harness, input->harness, error))
		return false;
	return !spec->mutants ||
	       (series_load(chooser, input->mutants, error) &&
		       series_load(spec->mutants, input->mutants, error));
}

static char *compiler_version(const char *compiler, GError **error)
{
	const char *argv[] = {compiler, "--version", NULL};
	g_autofree char *out = NULL;
	int status;

	if (!run_need(compiler, compiler, error) ||
		!run_capture(argv, &out, &status, error))
		return NULL;
	return g_strndup(out, strcspn(out, "\n"));
}

struct build_input *build_input_new(
	const struct kernel_spec *spec, GError **error)
{
	SCOPED(build_input_freep)
	struct build_input *input = g_new0(struct build_input, 1);

	input->spec = spec;
	input->shipped = shipped_fragments(spec->profile);
	if (!patches_load(input, error) || !options_load(input, error))
		return NULL;
	input->compiler =
		compiler_version(is_user(spec) ? "clang" : "gcc", error);
	if (!input->compiler)
		return NULL;
	input->identity = source_identity(spec, error);
	if (!input->identity)
		return NULL;
	input->source_key = key_of_source(input);
	input->key = key_make(input, error);
	return input->key ? g_steal_pointer(&input) : NULL;
}

void build_input_free(struct build_input *input)
{
	if (!input)
		return;
	g_free(input->identity);
	g_free(input->compiler);
	g_clear_pointer(&input->series, g_ptr_array_unref);
	g_clear_pointer(&input->harness, g_ptr_array_unref);
	g_clear_pointer(&input->mutants, g_ptr_array_unref);
	g_strfreev(input->shipped);
	config_set_free(input->options);
	g_free(input->source_key);
	g_free(input->key);
	g_free(input);
}
