/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * campaign: what an overnight run is told, how it divides its time, and what
 * it remembers of itself. No kernel and no VM is touched here.
 *
 * The file is a GKeyFile:
 *
 *	[campaign]
 *	max-runtime=8h
 *	[kernel vanilla:user]
 *	share=2
 *	[kernel vanilla:kasan]
 *	share=3
 *	append=anon_vma_lazy=on
 *
 *	[stress vanilla:kasan]
 *	stressor=mix
 *
 * One [kernel NAME:PROFILE] for each that is to be fuzzed, one [stress ...] for
 * each that stressors are to run on. A key that is not
 * known is an error with its line. The keys are the options of `fuzz`, and
 * those of struct campaign_conf.
 */
#ifndef RMAPTORTURE_CAMPAIGN_H
#define RMAPTORTURE_CAMPAIGN_H

#include <glib.h>

#include "base/base.h"

#define CAMPAIGN_ERROR (campaign_error_quark())
GQuark campaign_error_quark(void);

/* --- conf.c -----------------------------------------------------------------
 */

/**
 * struct campaign_entry - a kernel of a campaign, and what is done to it
 * @name:   unique: NAME:PROFILE, with " stress" behind it
 * @kernel: NAME:PROFILE
 * @stressor: as `stress --stressor`; NULL: it is fuzzed
 * @share:  of the time, against the shares of the others; 1 to 1000
 * @append: to its command line, or NULL
 * @folder: its part of the out folder, "vanilla-kasan"
 */
struct campaign_entry {
	char *name, *kernel, *stressor, *append, *folder;
	guint share;
};

/**
 * struct campaign_conf - [campaign]
 * @out:	 out; default: the file's name without its suffix
 * @corpus:	 programs to begin with, beside the seeds; or NULL
 * @exchange:	 programs that campaigns on other machines share; or NULL
 * @known:	 file of titles that are no findings any more; or NULL
 * @engine:	 libfuzzer (default) or another that `fuzz` has
 * @seconds:	 max-runtime (8h)
 * @round:	 seconds of one kernel before the next (10m)
 * @vm_age:	 vm-age, seconds after which a VM is replaced (30m)
 * @vms, @lanes, @memory: as `fuzz`; 0: its default
 * @replays:	 of each title (5); 0: none
 * @disk_mib:	 disk, MiB that the out folder may take (4096)
 * @findings:	 titles after which it ends (0: never)
 * @entries:	 struct campaign_entry, one at least
 */
struct campaign_conf {
	char *out, *corpus, *exchange, *known, *engine;
	gint64 seconds, round, vm_age;
	guint vms, lanes, memory, replays, disk_mib, findings;
	GPtrArray *entries;
};

/** campaign_conf_load() - NULL with @error: file, line, what, what to do */
struct campaign_conf *campaign_conf_load(const char *path, GError **error);
void campaign_conf_free(struct campaign_conf *conf);
DEFINE_FREEP(campaign_conf, campaign_conf_free)

/* --- state.c ----------------------------------------------------------------
 */

/** struct campaign_used - what an entry has had so far. @programs: of
 * stressors, operations */
struct campaign_used {
	char *name;
	double seconds;
	guint rounds;
	guint64 programs, edges, deaths, broken, minimized;
};

/**
 * struct campaign_state - what is remembered over kill -9 and reboots
 * @seconds: of fuzzing, all entries; what the limit of time counts
 * @starts:  how often the campaign was started
 * @used:    struct campaign_used, one for each entry that ever ran
 */
struct campaign_state {
	double seconds;
	guint starts;
	GPtrArray *used;
};

struct campaign_state *campaign_state_new(void);
void campaign_state_free(struct campaign_state *state);
DEFINE_FREEP(campaign_state, campaign_state_free)
/** campaign_used() - of entry @name, made where missing; owned by @state */
struct campaign_used *campaign_used(
	struct campaign_state *state, const char *name);

/** campaign_state_load() - a file that is not there is a new state; one that
 *  does not parse is an error */
struct campaign_state *campaign_state_load(const char *path, GError **error);
/** campaign_state_save() - write, fsync, rename: the old or the new one */
gboolean campaign_state_save(
	const struct campaign_state *state, const char *path, GError **error);

/** campaign_next() - the entry that is furthest behind its share; the first of
 *  equals */
const struct campaign_entry *campaign_next(
	const struct campaign_conf *conf, struct campaign_state *state);

#endif
