/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel: kernels under test, from a row in vm-images/kernels.conf to a
 * bzImage in the cache
 *
 * A spec says what to build, a kernel is what was built. The cache is
 * <user cache>/rmaptorture ($XDG_CACHE_HOME or ~/.cache):
 *
 *	kernels/<key>/	bzImage, vmlinux, config, System.map, kernel.json;
 *			profile `user`: rmaptorture-user, config, kernel.json
 *	kernels.d/	specs that `kernel build --name` registered
 *	selftests/	programs of kernel_selftests_ensure()
 *	bases/		unpacked Debian sources, never written after that
 *	trees/		build trees, one a base and profile; safe to delete
 *
 * The key covers every input: source, patches in order, fragments, compiler,
 * profile, arguments of make. A folder below kernels/ appears complete or not
 * at all. Two processes that want the same build tree wait for each other.
 *
 * Errors: GError in the domain KERNEL_ERROR: what, where, what to do, on one
 * line; only KERNEL_ERROR_BUILD carries the compiler's last lines below it.
 */
#ifndef RMAPTORTURE_KERNEL_H
#define RMAPTORTURE_KERNEL_H

#include <glib.h>
#include <stdbool.h>

#define KERNEL_ERROR (kernel_error_quark())
GQuark kernel_error_quark(void);

enum kernel_error {
	KERNEL_ERROR_BROKEN, /* the file system or a tool did not do its part */
	KERNEL_ERROR_USAGE,  /* a name, a row or an argument is wrong */
	KERNEL_ERROR_MISSING, /* a tool or a source package is not installed */
	KERNEL_ERROR_PATCH,   /* a patch cannot be read or does not apply */
	KERNEL_ERROR_CONFIG,  /* an option did not stick */
	KERNEL_ERROR_BUILD,   /* the compiler or the linker refused */
	KERNEL_ERROR_SPACE,   /* no space left on the cache's file system */
};

#define KERNEL_DEFAULT_PROFILE "kasan"

/**
 * struct kernel_spec - what to build
 * @name:      as in kernels.conf, or as `kernel build --name` gave it
 * @profile:   one of kernel_profiles()
 * @base:      "6.12": Debian's linux-source-6.12; or NULL
 * @src_dir:   absolute path of a source tree, used if @base is NULL
 * @series:    absolute paths, applied in this order
 * @fragments: absolute paths, merged after base.config and the profile
 * @options:   absolute paths of fragments, merged after those: set as far as
 *	       the source goes; the rest is in struct kernel's @lacks
 * @harness:   apply patches/harness, each only if it applies
 * @mutants:   absolute path of the mutants' patch, or NULL; before it comes
 *	       mutants/rmap_mutant.patch, which is the same for all kernels
 * @counters:  globs: names of /proc/vmstat that tell what the series does
 * @about:     one line for people, or NULL
 * @tree:      name of the build tree, of all that share it; NULL: @name
 * @is_own:    registered by the user, not a row of kernels.conf
 */
struct kernel_spec {
	char *name, *profile, *base, *src_dir, *tree;
	char **series, **fragments, **options, **counters;
	bool harness;
	char *mutants, *about;
	bool is_own;
};

/**
 * kernel_spec_lookup() - find "NAME" or "NAME:PROFILE"
 *
 * Looks at registered kernels and at the rows of kernels.conf. Without
 * PROFILE it is KERNEL_DEFAULT_PROFILE. The caller frees *@ret_spec.
 */
bool kernel_spec_lookup(
	const char *name, struct kernel_spec **ret_spec, GError **error);

/**
 * kernel_spec_new() - a spec from the command line
 * @name:      "NAME" or "NAME:PROFILE"
 * @base:      NULL if @src_dir is given; exactly one of the two
 * @src_dir:   may be relative to the working directory, as the next two
 * @series:    NULL-terminated, or NULL
 * @fragments: NULL-terminated, or NULL
 *
 * Checks that every path is there. Returns NULL with @error set.
 */
struct kernel_spec *kernel_spec_new(const char *name, const char *base,
	const char *src_dir, const char *const *series,
	const char *const *fragments, GError **error);

/**
 * kernel_spec_derive() - @spec with @series on top of its own, named @name
 * @series:  NULL-terminated; may be empty, or NULL
 * @options: path of a fragment, see struct kernel_spec; may be NULL
 *
 * What a pre-merge run compares: @spec with none, with some, with all patches
 * of a series. They are built one after the other in the tree of @spec, so
 * that each build is a small one, and without its mutants.
 */
struct kernel_spec *kernel_spec_derive(const struct kernel_spec *spec,
	const char *name, const char *const *series, const char *options,
	GError **error);

/**
 * struct kernel_patch - one patch of a series, as a file of its own
 * @subject: without "[PATCH n/m]"; the name of its file where it has none
 */
struct kernel_patch {
	char *subject, *path;
};

/**
 * kernel_series_split() - write each patch of the series at @path to @dir
 * @path: as in struct kernel_spec; an empty file is an empty series
 * @dir:  made where missing; gets 0001.patch, 0002.patch, ...
 *
 * In the order of their application. Returns an array of struct kernel_patch
 * that owns them. One of a quilt series that is not -p1 is an error.
 */
GPtrArray *kernel_series_split(
	const char *path, const char *dir, GError **error);

/** kernel_series_options() - names, without CONFIG_, of the options with a
 *  prompt that @patches (struct kernel_patch) add and that are y or n; a strv,
 *  NULL with @error */
char **kernel_series_options(GPtrArray *patches, GError **error);
/** kernel_series_counters() - the same of the names that they add to
 *  /proc/vmstat */
char **kernel_series_counters(GPtrArray *patches, GError **error);
/** kernel_series_functions() - of the functions of its .c files that lines are
 *  added to or taken from; some may be gone, or inlined, when it is built */
char **kernel_series_functions(GPtrArray *patches, GError **error);

/**
 * kernel_spec_register() - make @spec known by its name from now on
 *
 * Replaces an earlier one of that name; a name of kernels.conf is refused.
 */
bool kernel_spec_register(const struct kernel_spec *spec, GError **error);
/** kernel_spec_forget() - @name, without a profile, is no longer known; what
 * was built for it stays in the cache. A name that was never registered is an
 *  error. */
bool kernel_spec_forget(const char *name, GError **error);
void kernel_spec_free(struct kernel_spec *spec);
static inline void kernel_spec_freep(struct kernel_spec **ret)
{
	kernel_spec_free(*ret);
}

/**
 * kernel_list() - every known kernel, in the default profile
 *
 * Returns an array of struct kernel_spec that owns them, or NULL.
 */
GPtrArray *kernel_list(GError **error);
/** kernel_profiles() - names that may follow the colon; static */
const char *const *kernel_profiles(void);

#define KERNEL_NOTES "notes"

/**
 * struct kernel - what was built
 * @dir:             folder in the cache; the next four are files in it, and
 *		     of profile `gcov` KERNEL_NOTES a folder: gcc's notes, by
 *		     the paths of the build tree ("mm/rmap.gcno")
 * @system_map:      System.map
 * @program:         profile `user`: rmaptorture-user (user/user.h), and there
 *		     are no images; NULL in the others
 * @version:         release, as `uname -r` shows it
 * @build_id:        the key, 16 hexadecimal digits
 * @refused_patches: of patches/harness, those left out and why, one line each
 * @lacks:           options that were asked for and are not so, one line each:
 *		     this source does not know them, or see struct kernel_spec
 * @warnings:        of the compiler, in the files that the build compiled, one
 *                   line each, paths from the top of the source
 */
struct kernel {
	char *name, *profile, *dir;
	char *bzimage, *vmlinux, *config, *system_map, *program;
	char *version, *build_id;
	char **refused_patches, **lacks, **warnings;
};

/**
 * struct kernel_progress - where a build is
 * @phase: "wait" (for another build in the same tree), "unpack", "patch",
 *         "configure", "compile", "save", "selftests"; static
 * @done:  objects compiled so far; 0 outside of "compile"
 * @total: objects that a full build had the last time in this tree, or in
 *         any tree; an estimate from the configuration if there is none.
 *         An incremental build ends far below it.
 */
struct kernel_progress {
	const char *phase;
	unsigned done, total;
};
typedef void (*kernel_progress_fn)(
	const struct kernel_progress *progress, void *user);

/**
 * kernel_ensure() - take @spec's kernel from the cache, or build it
 * @progress: called from this thread, may be NULL
 *
 * Blocks, minutes for a cold build. The caller frees *@ret_kernel.
 */
bool kernel_ensure(const struct kernel_spec *spec, kernel_progress_fn progress,
	void *user, struct kernel **ret_kernel, GError **error);

/**
 * kernel_prune() - remove the kernels that kernel_ensure() gave to nobody in
 * the last @seconds
 * @ret_nr:    how many
 * @ret_bytes: what they took on the disk
 *
 * Who runs one for longer than that keeps the files that it has open, no more.
 * false with @error: what could be removed before is.
 */
bool kernel_prune(
	gint64 seconds, guint *ret_nr, guint64 *ret_bytes, GError **error);

/** kernel_cached() - @spec's kernel if it is built already, else NULL */
struct kernel *kernel_cached(const struct kernel_spec *spec);
void kernel_free(struct kernel *kernel);
static inline void kernel_freep(struct kernel **ret)
{
	kernel_free(*ret);
}

/**
 * kernel_selftests_ensure() - the mm selftests of @spec's source, from the
 * cache or built: static programs
 * @programs: their names, NULL-terminated
 *
 * Base or source tree as they are: what a series changes in the selftests is
 * not in them, so that a kernel and its base run the same programs. Returns
 * the folder of the programs, named by its inputs, which the caller frees; one
 * that does not build is not in it, and ../build.log says why. Blocks.
 */
char *kernel_selftests_ensure(const struct kernel_spec *spec,
	const char *const *programs, kernel_progress_fn progress, void *user,
	GError **error);

/**
 * kernel_missing_features() - what @kernel lacks of what its profile wants
 *
 * Compares its config with base.config and the profile as they are now, and
 * adds the harness patches that it refused. Returns a strv of one line each,
 * cause and consequence; empty if nothing is missing; NULL with @error set.
 */
char **kernel_missing_features(const struct kernel *kernel, GError **error);

#endif
