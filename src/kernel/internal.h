/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of this module share. Contracts as in kernel.h. */
#ifndef RMAPTORTURE_KERNEL_INTERNAL_H
#define RMAPTORTURE_KERNEL_INTERNAL_H

#include "base/base.h"
#include "kernel/kernel.h"

#define fail(error, code, ...)                                                 \
	(g_set_error(error, KERNEL_ERROR, KERNEL_ERROR_##code, __VA_ARGS__),   \
		false)

/* ---- run.c: other programs ---- */

/** run_line_fn - one line of output, without its newline */
typedef void (*run_line_fn)(const char *line, void *user);

/**
 * run_lines() - run @argv in LC_ALL=C and hand over what it prints
 * @keep_fd:    inherited, so that a lock lives as long as its last process;
 *              -1 for none
 * @ret_status: exit status; 128 plus the number if a signal ended it
 *
 * stdout and stderr come in one stream. It dies with the calling thread.
 */
bool run_lines(const char *const *argv, int keep_fd, run_line_fn fn, void *user,
	int *ret_status, GError **error);
/** run_capture() - the same, with all output in *@ret_out; may be NULL */
bool run_capture(const char *const *argv, char **ret_out, int *ret_status,
	GError **error);
/** run_ok() - run @argv; a status other than 0 is an error with its output */
bool run_ok(const char *const *argv, GError **error);
/** run_need() - an error that names the package if @program is not there */
bool run_need(const char *program, const char *package, GError **error);

/* ---- kernels_conf.c: rows ---- */

/**
 * conf_parse() - rows of a file as an array of struct kernel_spec
 * @is_own: the rows are the user's
 */
GPtrArray *conf_parse(const char *path, bool is_own, GError **error);

/* ---- series.c: patches ---- */

/**
 * struct patch - one patch of a series
 * @name:  for people: file, or file and number in it
 * @text:  @len bytes, with its headers, as `patch` reads it
 * @strip: the N of -pN
 */
struct patch {
	char *name, *text;
	gsize len;
	unsigned strip;
};

/**
 * series_load() - the patches at @path, in the order of their application
 *
 * @path is one patch, an mbox (ordered by "[PATCH n/m]", cover letters
 * skipped, quoted-printable and base64 decoded), a quilt folder (with a file
 * "series") or a folder of *.patch and *.diff, by name. Appends to @patches.
 */
bool series_load(const char *path, GPtrArray *patches, GError **error);
GPtrArray *series_new(void);

/** header_get() - the value of header @name of a mail, with its folded lines,
 *  or NULL; owned by the caller */
char *header_get(const char *text, const char *name);

/** patch_apply() - apply to @tree; the error names patch, file and hunk */
bool patch_apply(const struct patch *patch, const char *tree, GError **error);
/** patch_applies() - would it? With @error if not; @tree is not changed */
bool patch_applies(const struct patch *patch, const char *tree, GError **error);

/* ---- config.c: fragments ---- */

/** enum option_need - is it an error where an option is not as it was asked? */
enum option_need {
	OPTION_MUST,	/* it is */
	OPTION_SHIPPED, /* ours: not where the tree does not know it */
	OPTION_MAY,	/* it is told */
};

struct config_set;
struct config_set *config_set_new(void);
void config_set_free(struct config_set *set);
static inline void config_set_freep(struct config_set **ret)
{
	config_set_free(*ret);
}

/** config_set_add() - merge a fragment; later ones win */
bool config_set_add(struct config_set *set, const char *path,
	enum option_need need, GError **error);
/** config_set_write() - as KCONFIG_ALLCONFIG wants it */
bool config_set_write(
	const struct config_set *set, const char *path, GError **error);
/**
 * config_set_check() - did every option stick?
 * @dot_config: path of the result of make
 * @src:        the tree, for the dependencies of those that did not
 * @ret_lacks:  options that are not as asked, and need not be: a line each
 */
bool config_set_check(const struct config_set *set, const char *dot_config,
	const char *src, char ***ret_lacks, GError **error);
/** config_set_missing() - lines for options that @dot_config does not have */
char **config_set_missing(
	const struct config_set *set, const char *dot_config, GError **error);

/* ---- source.c: where the source comes from ---- */

/** source_identity() - a string that changes when the source does; owned */
char *source_identity(const struct kernel_spec *spec, GError **error);
/** source_stage() - a fresh tree at @stage, which does not exist */
bool source_stage(const struct kernel_spec *spec, const char *stage,
	kernel_progress_fn progress, void *user, GError **error);
/** source_update() - make @src equal to @stage, touching only what differs */
bool source_update(const char *stage, const char *src, GError **error);

/* ---- sync.c ---- */

/** tree_sync() - make folder @to equal to @from; what is the same stays, what
 *  differs is dated now. An entry that was a folder and is none any more (or
 *  the other way round) is an error. */
bool tree_sync(const char *from, const char *to, GError **error);

/* ---- key.c, cache.c ---- */

/** struct build_input - all that goes into one kernel, read once */
struct build_input {
	const struct kernel_spec *spec;
	char *identity, *compiler;
	GPtrArray *series, *harness, *mutants; /* struct patch */
	char **shipped;			       /* fragments, paths */
	struct config_set *options;
	char *source_key; /* of the patched source alone */
	char *key;
};
struct build_input *build_input_new(
	const struct kernel_spec *spec, GError **error);
void build_input_free(struct build_input *input);
static inline void build_input_freep(struct build_input **ret)
{
	build_input_free(*ret);
}

/** shipped_fragments() - paths of our fragments of a profile, in order */
char **shipped_fragments(const char *profile);
/** make_arguments() - what every make gets; part of the key; static */
const char *const *make_arguments(void);

char *cache_path(const char *first, ...) G_GNUC_NULL_TERMINATED;
/** cache_load() - the complete kernel of @key, or NULL */
struct kernel *cache_load(const struct kernel_spec *spec, const char *key);

/** cache_used() - now, for kernel_prune() */
void cache_used(const struct kernel *kernel);

/** struct build_result - what kernel.json says beyond the inputs */
struct build_result {
	char *version;
	char **refused, **lacks, **warnings;
	double seconds;
};
/** cache_save() - copy from @obj, sync, rename: complete or not at all */
bool cache_save(const struct build_input *input, const char *obj,
	const struct build_result *result, GError **error);

/**
 * lock_take() - wait for the lock of folder @dir
 * @is_busy: called once if somebody else has it; may be NULL
 *
 * Returns a descriptor; the lock ends when its last copy is closed. -1 with
 * @error set.
 */
int lock_take(const char *dir, void (*is_busy)(void *user), void *user,
	GError **error);

/* ---- build.c ---- */

/**
 * struct tree - a build tree
 * @building: file that exists while make may be at work in @obj
 * @prepared: file: source_key of what is in @src, then patches that were
 * refused
 * @objects:  file with the number of objects of the last full build
 * @lock:     descriptor, held while we live and while make does
 */
struct tree {
	char *dir, *stage, *src, *obj, *request, *building, *prepared, *objects;
	int lock;
};

/** struct output - what make printed */
struct output {
	kernel_progress_fn progress;
	void *user;
	struct kernel_progress now;
	GQueue tail; /* the last lines that are no progress */
	const char *src;
	GPtrArray *warnings;  /* see struct kernel */
	GHashTable *compiled; /* objects that this build made */
	bool has_no_space;
};

bool build_kernel(const struct build_input *input, kernel_progress_fn progress,
	void *user, GError **error);
/** make_argv() - `make` for the kernel in @tree, without compiler and target;
 *  a NULL is still to be added */
GPtrArray *make_argv(const struct tree *tree);
/**
 * make_run() - run @argv, which ends with NULL
 * @target: what it makes, for the error
 *
 * When it has ended by itself, its tree is in order, whatever the outcome; if
 * it was killed, or we are, objects may be cut short.
 */
bool make_run(const struct tree *tree, struct output *output, GPtrArray *argv,
	const char *target, GError **error);

/* ---- warnings.c: what a compiler says of a kernel ---- */

/** warning_take() - keep @line of make's output if it is a warning */
void warning_take(struct output *output, const char *line);
/**
 * warnings_carry() - the same for what was not compiled this time
 *
 * A build that compiles a few objects hears nothing of the others, and would
 * be told from one that compiled all by their warnings. What is known of each
 * object is kept in @obj.
 */
void warnings_carry(struct output *output, const char *obj);

/* ---- user_build.c, user_source.c: the profile `user` ---- */

static inline bool is_user(const struct kernel_spec *spec)
{
	return g_str_equal(spec->profile, "user");
}
/** user_build() - from the source in @tree to @tree/own/rmaptorture-user */
bool user_build(const struct build_input *input, const struct tree *tree,
	struct build_result *result, struct output *output, GError **error);
/** user_sources() - our files that go into it, sorted paths; a strv */
char **user_sources(GError **error);
/** user_lines() - lines of vm-images/user/@name without comments; a strv */
char **user_lines(const char *name, GError **error);

/** images_path() - a path below vm-images; owned by the caller */
char *images_path(const char *name);
bool mkdir_all(const char *dir, GError **error);

#endif
