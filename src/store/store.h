/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * store: what a run keeps on disk. The layout is that of syzkaller's workdir,
 * so that people and tools that know it find their way:
 *
 *   DIR/lock                held while a run uses DIR
 *   DIR/corpus/             programs, a file each (libFuzzer's own layout)
 *   DIR/spool/              findings that an engine hands to the host
 *   DIR/crashes/HASH/       one finding; HASH is the SHA-1 of its title
 *     description           the title, one line
 *     title-stat            count, first, last, newest ("key: value" lines)
 *     logN                  the flight recorder's programs, as text
 *     consoleN reportN      the whole console; the part that made the title
 *     tagN machineInfoN     kernel id; QEMU, kernel and command line
 *     config-ID             the kernel's config; machineInfoN names it
 *     repro.prog repro.c repro.stats repro.log repro.c.stats
 *
 * N is below STORE_LOGS_MAX; when all are used the oldest is overwritten. A
 * finding's folder alone suffices to reproduce it.
 *
 * Safety: a file appears whole or not at all (written as .tmp-*, fsync, rename,
 * fsync of the folder); a new folder appears with all of its first entry. In
 * a later entry title-stat is written last: the entry it names as newest is
 * always of one piece. What a killed process left is removed by the next
 * store_open(). Nothing here is ever deleted otherwise.
 *
 * Text of a log and of a spool file, re-parsable because notes are comments:
 *
 *   # title: KASAN: slab-use-after-free Read in rmap_walk_anon
 *   # detail: one line, content findings only
 *   # lane 0 program 1041
 *   p0 mmap v1+8:16 rw anon  # done
 *   p0 touch v1+8:16  # started
 *   # lane 1 program 977
 *   ...
 *
 * Programs of a lane are in the order they ran. Calls before the first "# lane"
 * line belong to program 0 of lane 0, so an engine may spool just the notes
 * and one program.
 */
#ifndef RMAPTORTURE_STORE_H
#define RMAPTORTURE_STORE_H

#include <glib.h>

#include "oracle/oracle.h"
#include "prog/prog.h"
#include "slot/slot.h"

#define STORE_LOGS_MAX	100
#define STORE_SPOOL_MAX (4u << 20) /* no spool file or log is larger */

#define STORE_ERROR (store_error_quark())
GQuark store_error_quark(void);

enum store_error {
	STORE_ERROR_IO,	     /* the system refused; the text says what */
	STORE_ERROR_LOCKED,  /* another run uses the folder */
	STORE_ERROR_SPACE,   /* no space left: nothing is added any more */
	STORE_ERROR_MISSING, /* no such finding */
	STORE_ERROR_MANY,    /* the name fits several findings */
	STORE_ERROR_FORMAT,  /* a file of ours that does not parse */
};

struct store;

/** store_open() - create what is missing of @dir, take its lock, clean up what
 * a killed run left (half-written files; corpus entries whose bytes are not
 * those that their name, a SHA-1, promises). Returns NULL with @error. */
struct store *store_open(const char *dir, GError **error);
void store_close(struct store *store);
DEFINE_FREEP(store, store_close)

/** store_corpus(), store_spool() - DIR/corpus, DIR/spool; owned by @store */
const char *store_corpus(const struct store *store);
const char *store_spool(const struct store *store);
/** store_is_full() - no space was left once: nothing is added any more */
gboolean store_is_full(const struct store *store);

/**
 * struct finding_input - all that is known of one occurrence
 * @title:   at most TITLE_MAX - 1 bytes, one line
 * @detail:  one line, or NULL
 * @console: @console_len bytes, any bytes, the report at @report_start up to
 *	     @report_end; NULL where the kernel survived
 * @flight:  what each lane ran last, @nr_lanes <= SLOT_LANES of them
 * @tag:     kernel id
 * @machine: "key: value" lines: QEMU and kernel command lines, versions
 * @config:  the kernel's config, NULL where unknown
 */
struct finding_input {
	const char *title;
	const char *detail;
	const char *console;
	gsize console_len, report_start, report_end;
	const struct slot_flight *flight;
	guint nr_lanes;
	const char *tag;
	const char *machine;
	const char *config;
};

/**
 * store_add() - keep one occurrence of a finding
 * @ret_new: set to whether the title is the first of its kind here; may be NULL
 * @ret_dir: folder of the finding, caller frees; may be NULL
 *
 * Returns FALSE with @error, and then has changed no entry that was there.
 */
gboolean store_add(struct store *store, const struct finding_input *input,
	gboolean *ret_new, char **ret_dir, GError **error);

/**
 * struct finding - a folder of DIR/crashes, as read from disk
 * @first, @last: seconds since 1970
 * @newest:       N of its newest entry
 * @k, @n:        replays that hit, of how many; @n is 0 before any
 * @seconds:      median seconds to the crash in those that hit
 * @c_k, @c_n:    the same of repro.c by itself
 */
struct finding {
	char *title;
	char *dir;
	char hash[41];
	guint64 count;
	gint64 first, last;
	guint newest;
	guint k, n, c_k, c_n;
	double seconds;
	gboolean has_repro;
};
void finding_free(struct finding *finding);
DEFINE_FREEP(finding, finding_free)

/** store_list() - findings of the out folder @dir and of the stores right below
 *  it (a campaign has one for each kernel), and of campaigns there, latest
 *  first; elements are struct finding, freed with the array. Folders that are
 *  not whole are left out. No lock is needed. An empty @dir is an empty list.
 */
GPtrArray *store_list(const char *dir, GError **error);

/** store_find() - the one finding that @name means: path of its folder, the
 *  first digits of its hash (4 or more), or a part of its title, in @dir */
struct finding *store_find(const char *dir, const char *name, GError **error);

/** store_read() - contents of a finding's file: "console", "report", "log",
 *  "machineInfo", "tag" (of its newest entry), or a full name such as
 *  "repro.prog". Caller frees. NULL with @error where there is none. */
char *store_read(const struct finding *finding, const char *file,
	gsize *ret_len, GError **error);

/** struct store_log - a log or spool file, parsed. Large: on the heap only */
struct store_log {
	char title[TITLE_MAX];
	char detail[512];
	guint nr_lanes; /* highest lane named, plus one */
	struct slot_flight flight[SLOT_LANES];
};

/** store_log_parse() - @len bytes, any bytes; a record that is no program is
 *  counted in flight[].bad and passed over. NULL where no record is good.
 *  Caller frees with g_free(). */
struct store_log *store_log_parse(const char *text, gsize len, GError **error);

/** store_log_print() - the text of @nr_lanes flights; caller frees */
char *store_log_print(const char *title, const char *detail,
	const struct slot_flight *flight, guint nr_lanes);

/** store_load_programs() - the newest log of a finding: what each lane ran,
 *  oldest first. Caller frees with g_free(). */
struct store_log *store_load_programs(
	const struct finding *finding, GError **error);

/** struct repro - what `repro` found out */
struct repro {
	const struct prog *prog;    /* NULL: replayed, but not by one program */
	const struct mismatch *bad; /* what it shows, where that is a page */
	guint k, n;
	double seconds;	 /* median, of those that hit */
	const char *log; /* what the tries showed, or NULL */
};

/** store_set_repro() - write repro.prog, repro.c, repro.log and repro.stats
 *  into the finding's folder, and update @finding. No lock is needed. */
gboolean store_set_repro(
	struct finding *finding, const struct repro *repro, GError **error);

/** store_set_c_repro() - repro.c alone showed it in @k of @n VMs; forgotten
 * when there is another repro.c. Updates @finding */
gboolean store_set_c_repro(
	struct finding *finding, guint k, guint n, GError **error);

/** store_set_vm_prog() - write vm.prog: what user space found shows @title in
 *  VMs by @prog, @k of @n times */
gboolean store_set_vm_prog(const struct finding *finding,
	const struct prog *prog, const char *title, guint k, guint n,
	GError **error);

/**
 * store_spool_take() - the next finding that an engine spooled
 *
 * Engines write DIR/spool/.tmp-NAME, fsync, and rename to NAME. Returns NULL
 * when there is none (a file that does not parse is moved to NAME.bad, so that
 * it is seen once). Caller frees log and @ret_path with g_free(), and calls
 * store_spool_done() in between, once the finding is added: if the host is
 * killed before that, the finding is added twice rather than lost.
 */
struct store_log *store_spool_take(struct store *store, char **ret_path);
void store_spool_done(struct store *store, const char *path);

#endif
