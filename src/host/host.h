/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host: the command line. One file a subcommand (cmd_*.c), one row each in
 * main.c; what several share is declared here.
 */
#ifndef RMAPTORTURE_HOST_H
#define RMAPTORTURE_HOST_H

#include <glib.h>

#include "kernel/kernel.h"
#include "oracle/oracle.h"
#include "prog/prog.h"
#include "slot/slot.h"
#include "store/store.h"
#include "vm/vm.h"

/* Exit status, for every subcommand */
enum host_exit {
	EXIT_CLEAN = 0,
	EXIT_FINDING = 1, /* the kernel is wrong */
	EXIT_BROKEN = 2,  /* usage, or we are wrong */
	EXIT_SKIP = 4,	  /* this machine or kernel lacks something */
	EXIT_TIME = 124,  /* the budget ran out before any verdict */
};

#define HOST_ERROR (host_error_quark())
GQuark host_error_quark(void);

enum host_error {
	HOST_ERROR_BROKEN,
	HOST_ERROR_SEEDS, /* the kernel died while it ran the seeds */
	HOST_ERROR_BOOT,  /* it died before that: HOST_BOOT_DIED TITLE */
};

#define HOST_BOOT_DIED "the kernel died while it booted: "

/* --- options.c: what every subcommand takes ------------------------------- */

/**
 * struct host_options - the options of every subcommand
 * @seed: as given, or chosen and printed
 * @json: file for the result object, or NULL
 * @cache: folder of kernels (kernel/kernel.h), templates and initramfs
 */
struct host_options {
	guint64 seed;
	char *json;
	gboolean quiet, dry_run;
	char *cache; /* $XDG_CACHE_HOME/rmaptorture; never NULL */
};

/**
 * host_parse() - parse a subcommand's arguments
 * @extra:   its own options, ended by a NULL row
 * @usage:   of the arguments that remain, "PROGRAM|DIR..."
 * @summary: one line for --help
 *
 * What follows "--" is left in place, with it. Returns FALSE after it printed
 * what was wrong: the caller returns EXIT_BROKEN. @argv[0] stays.
 */
gboolean host_parse(int *argc, char ***argv, GOptionEntry *extra,
	const char *usage, const char *summary, struct host_options *ret);
void host_options_clear(struct host_options *options);

/** host_seconds() - "90s", "30m", "8h", "2d" or a bare number of seconds.
 *  Returns -1 and prints what is wrong with @option */
gint64 host_seconds(const char *option, const char *text);

/** host_progress() - a line to stderr; on a terminal @transient lines are
 *  overwritten by the next, elsewhere shown every 15 s. Silent under --quiet.
 */
void host_progress(const struct host_options *options, gboolean transient,
	const char *format, ...) G_GNUC_PRINTF(3, 4);

/** host_fail() - print @error as one line to stderr; returns EXIT_BROKEN */
int host_fail(const char *command, const GError *error);

/** host_stop_begin() - from now on SIGINT and SIGTERM set @stop, when the main
 *  context is iterated, until host_stop_end(): then they end us again. Not
 *  nested */
void host_stop_begin(gboolean *stop);
void host_stop_end(void);

/** host_scratch() - a fresh folder of this process for slots and sockets, in
 *  /dev/shm. The caller removes it with host_scratch_free() */
char *host_scratch(GError **error);
void host_scratch_free(char *dir);

/** host_dir_remove() - remove a folder and what is in it */
void host_dir_remove(const char *dir);

/** host_dir_bytes() - what a folder and all in it take on the disk; of a file
 *  that has more names, here or elsewhere, the part of one */
guint64 host_dir_bytes(const char *dir);

/** host_count_files() - how many a folder has; 0 where it is not there */
guint host_count_files(const char *dir);

/** host_print_program() - "@label:" and the calls of @text, indented for the
 *  list of findings */
void host_print_program(const char *label, const char *text);

/** host_args_add() - one more argument of a command; @args owns strings */
void host_args_add(GPtrArray *args, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

/** host_map_file() - map @len bytes of a file, made where missing, shared.
 *  @prot: PROT_READ, PROT_WRITE. Caller munmap()s. NULL with @error. */
void *host_map_file(const char *path, gsize len, int prot, GError **error);

/** host_executable_dir() - where our own programs are. Caller frees. */
char *host_executable_dir(void);

/* --- result.c: the one JSON object of --json ------------------------------ */

struct host_result;
struct host_result *host_result_new(
	const char *command, const struct host_options *options);
void host_result_figure(
	struct host_result *result, const char *name, double value);
void host_result_skip(
	struct host_result *result, const char *what, const char *why);
void host_result_finding(struct host_result *result, const char *title,
	const char *dir, unsigned int k, unsigned int n);
/** host_result_seen() - when the finding that was added last was first seen,
 *  in seconds since the search began */
void host_result_seen(struct host_result *result, double seconds);
void host_result_kernel(struct host_result *result, const char *name,
	const char *profile, const char *build_id);
/** host_result_end() - writes the file if --json was given, frees @result.
 *  Returns @status, or EXIT_BROKEN where the file cannot be written. */
int host_result_end(struct host_result *result, int status);

/* --- target.c: a kernel, built, booted, ready to be cloned ---------------- */

/** struct target_options - the options that choose it; parsed by TARGET_OPTIONS
 */
struct target_options {
	char *kernel;			/* -k NAME[:PROFILE] */
	const struct kernel_spec *spec; /* not NULL: instead of @kernel */
	char *append; /* added to the kernel command line, or NULL */
	char **set;   /* "PATH=VALUE" each, see target_set(), or NULL */
	char *accel;  /* auto, kvm, tcg */
	int lanes;    /* workers in the guest, one a vCPU */
	int mem_mib;
	gboolean all_sites;    /* patch no KCOV call site out */
	const char *selftests; /* see initrd_ensure() */
	const char *init;      /* program that is PID 1; NULL: "init" */
	const char *disk;      /* image that it may write to, or NULL */
	gsize slot_bytes;      /* 0: SLOT_BYTES */
};
/* "[KERNEL]" rows for GOption; @t points to a struct target_options */
#define TARGET_OPTIONS(t)                                                      \
	{"kernel", 'k', 0, G_OPTION_ARG_STRING, &(t)->kernel,                  \
		"kernel under test (default vanilla:kasan)",                   \
		"NAME[:PROFILE]"},                                             \
		{"append", 0, 0, G_OPTION_ARG_STRING, &(t)->append,            \
			"add to the kernel command line", "'ARGS'"},           \
		{"accel", 0, 0, G_OPTION_ARG_STRING, &(t)->accel,              \
			"auto (default), kvm or tcg", "NAME"},                 \
		{"lanes", 0, 0, G_OPTION_ARG_INT, &(t)->lanes,                 \
			"workers and vCPUs of a VM (default 2)", "N"},         \
		{"memory", 0, 0, G_OPTION_ARG_INT, &(t)->mem_mib,              \
			"memory of a VM (default 1024)", "MIB"},               \
	{                                                                      \
		"all-sites", 0, 0, G_OPTION_ARG_NONE, &(t)->all_sites,         \
			"keep every KCOV call site: slower, sees more", NULL   \
	}

/* A row more where programs are run in clones */
#define TARGET_SET(t)                                                          \
	{                                                                      \
		"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &(t)->set,             \
			"write VALUE to a file of the guest before its "       \
			"first program; may be given again",                   \
			"PATH=VALUE"                                           \
	}

/**
 * struct target - what a command runs its programs on
 *
 * @caps and @release are what the guest itself reported; @calib is how many
 * times slower than the reference machine (KVM, see target.c) it ran the
 * reference program: timeouts of programs are multiples of it.
 */
struct target {
	char *name, *profile, *build_id, *kernel_dir;
	char *initrd, *append, *user_append, *plain_append, *config;
	char **counters; /* as in struct kernel_spec; may be NULL */
	char *settings;	 /* lines for slot_set() */
	/* puts @settings in a slot; NULL: slot_set() */
	void (*tell)(void *slot, const char *settings);
	char *peer; /* the tool that LOAD_PEER runs (stress/stress.h), or NULL
		     */
	struct vm_machine machine;
	struct vm_template *template;
	guint32 caps, nr_lanes;
	guint32 kcov_sites, kcov_pruned;
	char *vmlinux;
	char *sites_path; /* of the sites that are patched out */
	GBytes *points;	  /* target_points() */
	double calib;
	char release[64];
	guint32 timeout_ms; /* of one program */
	guint32 lost_ms;    /* after which a lane counts as hung */
};

/**
 * target_open() - build the kernel if need be, boot it, save the template
 *
 * Progress goes to stderr: objects compiled, the probe of the accelerator,
 * boot. Under --dry-run the QEMU command line is printed and NULL returned
 * with no error. Caller frees with target_free().
 */
struct target *target_open(const struct target_options *t,
	const struct host_options *options, GError **error);
/** target_choose() - the same, but nothing is booted: no template, and nothing
 *  that a guest would report */
struct target *target_choose(const struct target_options *t,
	const struct host_options *options, GError **error);
void target_free(struct target *target);
DEFINE_FREEP(target, target_free)

/** host_kernel_progress() - a kernel_progress_fn; @options: host_options */
void host_kernel_progress(
	const struct kernel_progress *progress, void *options);

/** host_kernel() - the kernel NAME[:PROFILE] of the command line, built if need
 *  be. Caller frees with kernel_free(). NULL with @error. */
struct kernel *host_kernel(
	const char *name, const struct host_options *options, GError **error);

/** target_points() - the table of cover/points.h; made when first asked for.
 *  NULL with @error. Belongs to @target. */
GBytes *target_points(struct target *target, GError **error);

/** target_stalls() - the addresses of @prog's stalls; all 0 where there are
 *  none. @notes: lines to be told, where a stall is not what its program says;
 *  may be NULL */
void target_stalls(struct target *target, const struct prog *prog,
	guint64 ret_pc[PROG_STALLS_MAX], GString *notes);

/** target_set() - tell a clone of @target, which runs no program yet, what is
 *  to be written to its files */
void target_set(const struct target *target, struct vm *vm);

/** target_describe() - lines "key: value" that let a finding stand alone;
 *  "kernel", "user append" and each "set" are what -k, --append and --set were
 */
char *target_describe(const struct target *target);
/** target_skips() - tell what this kernel lacks, to stderr and the result */
void target_skips(const struct target *target,
	const struct host_options *options, struct host_result *result);

/** target_patience() - how many times slower than natively this kernel may
 *  run: what its own detectors are multiplied with */
guint32 target_patience(const struct target *target);

/**
 * initrd_ensure() - an initramfs with a guest program of ours as its init in
 * @cache_dir, named by its contents
 * @program:   "init", "stress-init"
 * @selftests: folder of programs that come along in /selftests (the init runs
 *	       them then: see struct selftest_slot), or NULL
 *
 * Returns its path, which the caller frees, or NULL.
 */
char *initrd_ensure(const char *cache_dir, const char *program,
	const char *selftests, GError **error);

/* --- guest.c: programs on one VM, one after the other --------------------- */

/** struct guest - a VM taken from a template, and how it ended */
struct guest {
	struct target *target; /* NULL: its programs have no stalls */
	struct vm *vm;
	struct slot *slot;
	gboolean ended;
	enum vm_end end;
	char *end_detail;
	guint32 expected[SLOT_LANES]; /* request not yet taken, 0: idle */
	guint64 console_seen;	      /* bytes that had no report */
};

/** guest_open() - take over @vm, which is running. Caller: guest_free() */
struct guest *guest_open(struct vm *vm);
void guest_free(struct guest *guest);
DEFINE_FREEP(guest, guest_free)

/** guest_fresh() - a guest on a new clone of the template, running. Its folder
 *  is in @scratch: one such guest of a scratch folder at a time. */
struct guest *guest_fresh(
	struct target *target, const char *scratch, GError **error);

enum guest_outcome {
	GUEST_DONE,   /* the reply is in @ret */
	GUEST_DIED,   /* the VM ended: see end, console and recorder */
	GUEST_SILENT, /* no reply in time; the VM was declared hung */
	GUEST_LIED,   /* the reply was no reply: BROKEN */
};

/**
 * guest_run() - run one request to its end
 * @deadline_ms: from now, already scaled
 * @ret, @map:   the result and SLOT_MAP_BYTES of coverage; @map may be NULL
 * @why:	 with GUEST_LIED and GUEST_SILENT, one line
 */
enum guest_outcome guest_run(struct guest *guest, guint32 lane,
	const struct slot_request *request, const struct prog *prog,
	struct prog_result *ret, guint8 *map, gint64 deadline_ms,
	struct why *why);

/** guest_start(), guest_finish() - the halves of guest_run(), so that several
 *  lanes run at once */
void guest_start(struct guest *guest, guint32 lane,
	const struct slot_request *request, const struct prog *prog);
enum guest_outcome guest_finish(struct guest *guest, guint32 lane,
	const struct prog *prog, struct prog_result *ret, guint8 *map,
	gint64 deadline_ms, struct why *why);

/**
 * guest_judge() - run one program on lane 0, alone, and judge it
 * @ret_result: filled where it returns GUEST_DONE
 *
 * SKIP where a call needs what this guest lacks: @ret->detail says what. A
 * guest that died of it has ended: the next program needs another one.
 */
enum guest_outcome guest_judge(const struct target *target, struct guest *guest,
	const struct prog *prog, struct prog_result *ret_result,
	struct judgment *ret);

/** guest_title() - the title of a VM's end: that of the first report on its
 *  console, or what the end itself says ("no output from test machine") */
void guest_title(const struct guest *guest, struct report *ret);

/** vm_end_title() - the same for a VM without a guest around it */
void vm_end_title(struct vm *vm, enum vm_end end, struct report *ret);

/* --- replay.c, replay_count.c: does a candidate show a title? ------------- */

/** struct candidate - programs for each lane, run in order, lanes at once */
struct candidate {
	guint32 nr[SLOT_LANES];
	struct prog *prog[SLOT_LANES]; /* owned */
};
void candidate_clear(struct candidate *candidate);

/** candidate_single() - its program, if it is one alone, else NULL */
struct prog *candidate_single(const struct candidate *candidate);
/** candidate_with() - @single, but with @prog, on the same lane: each has a
 * CPU, and that slabs of its own. @prog is not owned */
struct candidate candidate_with(
	const struct candidate *single, const struct prog *prog);
/** candidate_text() - all its programs, as store/store.h has logs; caller frees
 */
char *candidate_text(const struct candidate *candidate);

/** struct replay - k of n of a candidate against a title */
struct replay {
	guint32 k, n;
	double seconds_median; /* to the crash, of those that hit */
	guint32 other;	       /* runs that showed a different title */
	guint32 broken;	       /* runs that did not count: BROKEN VMs */
	guint32 no_fsck;       /* hits without rmap_fsck: see struct replayed */
};

/** enum replay_try - what one try of a replay came to */
enum replay_try { REPLAY_CLEAN, REPLAY_HIT, REPLAY_OTHER, REPLAY_BROKEN };

/** replay_tries() - try until @n tries counted, or more than @broken_max did
 *  not. @try tells what one came to, and its seconds up to there */
void replay_tries(guint32 n, guint32 broken_max,
	enum replay_try (*try)(void *user, double *seconds), void *user,
	struct replay *ret);

/**
 * struct replayed - what one try came to
 * @report:  its title is the one asked for, another, or empty
 * @seconds: from the first program to the end of the VM
 * @no_fsck: rmap_fsck was left out: it looks at the end of each process, and
 *	     where it finds what is wrong, the VM ends before the kernel comes
 *	     to it
 */
struct replayed {
	struct report report;
	double seconds;
	gboolean no_fsck;
};

/** replay_run() - one try on a fresh clone. 1: hit, 0: not, -1: BROKEN. Where
 *  @title is the kernel's own and a title of ours came first, one more try on
 *  another clone, without rmap_fsck, is what counts. @ret may be NULL. */
int replay_run(struct target *target, const char *run_dir,
	const struct candidate *candidate, const char *title,
	struct replayed *ret);

/** replay_count() - @n tries that count (each broken one is replaced, at most
 *  @n times) */
void replay_count(struct target *target, const char *run_dir,
	const struct candidate *candidate, const char *title, guint32 n,
	struct replay *ret);

/** replay_find() - the smallest candidate in the records of a finding that
 *  shows its title. Returns TRUE with @ret filled (caller clears). */
gboolean replay_find(struct target *target, const char *run_dir,
	struct finding *finding, const struct host_options *options,
	struct candidate *ret);

/** replay_last() - the program that the lane of a finding ran when it was seen,
 *  alone. FALSE: there is none on record */
gboolean replay_last(
	struct finding *finding, guint32 nr_lanes, struct candidate *ret);

/** replay_store() - write what was found out into the finding's folder; @bad: a
 *  page that is wrong, for its C source, or NULL */
gboolean replay_store(struct finding *finding, const struct mismatch *bad,
	const struct candidate *candidate, const struct replay *replay,
	GError **error);

/** guilty_lane() - the lane that a report's Comm: names, or SLOT_LANES */
guint32 guilty_lane(const struct report *report);

/** replay_print() - the line "replays k of n ...", with Wilson's interval
 *  (1927) */
void replay_print(const struct replay *replay);
/** replay_figures() - the same for --json */
void replay_figures(struct host_result *result, const struct finding *finding,
	const struct replay *replay);

/* --- programs.c: files of programs ---------------------------------------- */

/** struct named_prog - a program and the file it came from */
struct named_prog {
	char *name;
	struct prog prog;
};

/** programs_load() - files and folders to programs, sorted by name. A file that
 *  is no program is an error that names file, line and word. Elements are
 *  struct named_prog; free with g_ptr_array_unref(). */
GPtrArray *programs_load(const char *const *paths, GError **error);

/** programs_ours() - the same of what the project brings: corpus/seeds and
 *  corpus/regress */
GPtrArray *programs_ours(GError **error);

/** programs_copy() - to the folder @to, each as a file that its SHA-1 names, as
 *  libFuzzer does; one that is there stays as it is */
gboolean programs_copy(const GPtrArray *progs, const char *to, GError **error);

/** programs_draw() - the names of @max files of @dir, or of all where it has no
 *  more, drawn by @rng: an engine runs all that it begins with first, which
 *  takes a VM without KVM a second for a few. Caller frees the array. */
GPtrArray *programs_draw(const char *dir, guint max, struct rng *rng);
/** programs_hand_over() - @max programs of @from, drawn by @seed, are in @to as
 *  well, as links where that can be. What fails is left out. */
void programs_hand_over(
	const char *from, const char *to, guint max, guint64 seed);

/** programs_at_start() - what a search that begins now starts from: the files
 *  of @out/corpus and, where it is not NULL, of @corpus */
guint programs_at_start(const char *out, const char *corpus);

/* --- the subcommands ------------------------------------------------------ */

int cmd_bench(int argc, char **argv);
int cmd_campaign(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_findings(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_fuzz(int argc, char **argv);
int cmd_kernel(int argc, char **argv);
int cmd_premerge(int argc, char **argv);
int cmd_repro(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_selftests(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_stress(int argc, char **argv);
int cmd_triage(int argc, char **argv);

#endif
