/* SPDX-License-Identifier: GPL-2.0-only */
/* What detects a bug, replayed: on the kernel without it, and in VMs. */
#include "host/bench/bench.h"

#include "host/child.h"
#include "host/settings.h"
#include "host/user/tier.h"

#include <stdio.h>
#include <string.h>

#define TRIES	 3   /* of each replay */
#define PATIENCE 900 /* seconds until a replay in VMs is given up */

/* Caller frees. NULL: it is gone */
static struct finding *finding_of(const struct sighting *seen, const char *dir)
{
	g_autofree char *out =
		g_build_filename(dir, tier_names[seen->tier], "out", NULL);
	g_autoptr(GPtrArray) findings = store_list(out, NULL);

	for (guint i = 0; findings && i < findings->len; i++) {
		const struct finding *finding = findings->pdata[i];

		if (!strcmp(finding->title, seen->title))
			return g_ptr_array_steal_index(findings, i);
	}
	return NULL;
}

/* --- on the kernel without a bug --------------------------------------------
 */

/* What the kernel is known for is no sign that it has this bug, too: the
 * program is not made smaller before. */
static gboolean is_known(
	GHashTable *ignored, const struct finding *finding, char *title)
{
	const struct sighting seen = {.title = title, .tier = TIER_USER};
	g_autofree char *key = ignored_key(&seen);

	return strcmp(title_bare(title), title_bare(finding->title)) &&
	       g_hash_table_contains(ignored, key);
}

static gboolean shows_in_process(const struct search *search,
	const struct finding *finding, GHashTable *ignored)
{
	struct user_trial trial = {
		.kernel = search->tier, .append = search->append};
	char buf[PROG_TEXT_MAX], title[TITLE_MAX];
	struct text text;
	struct prog prog;

	if (!user_tier_program(finding, &prog))
		return FALSE;
	text_init(&text, buf, sizeof(buf));
	prog_print(&prog, &text);
	for (guint i = 0; i < TRIES; i++) {
		if (user_tier_try(&trial, buf, title) > 0 &&
			!is_known(ignored, finding, title))
			return TRUE;
	}
	return FALSE;
}

/* struct control - a run of `repro` */
struct control {
	FILE *log;
	gint64 end; /* monotonic us */
	const gboolean *stop;
};

static void log_line(const char *line, void *user)
{
	struct control *control = user;

	(void)fprintf(control->log, "%s\n", line);
}

static gboolean look(void *user)
{
	const struct control *control = user;

	while (g_main_context_iteration(NULL, FALSE))
		;
	return !*control->stop && g_get_monotonic_time() < control->end;
}

static gboolean shows_in_vm(const struct search *search, const char *dir,
	const struct finding *finding)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *bin = host_executable_dir();
	g_autofree char *path = g_build_filename(dir, "control.log", NULL);
	struct control control = {.log = fopen(path, "we"),
		.end = g_get_monotonic_time() + PATIENCE * G_USEC_PER_SEC,
		.stop = search->stop};
	const struct child_hooks hooks = {
		.line = log_line, .look = look, .user = &control};
	int status = -1;

	if (!control.log)
		return FALSE;
	host_args_add(args, "%s/rmaptorture", bin);
	host_args_add(args, "repro");
	host_args_add(args, "%s", finding->dir);
	host_args_add(args, "--kernel=%s", search->vm);
	host_args_add(
		args, "--append=%s", search->append ? search->append : "");
	host_args_add(args, "--set=" MUTANT_FILE "=none");
	host_args_add(args, "--runs=%d", TRIES);
	host_args_add(args, "--as-it-is");
	g_ptr_array_add(args, NULL);
	(void)child_run((char *const *)args->pdata, &hooks, &status, NULL);
	(void)fclose(control.log);
	/* EXIT_TIME: no program on record shows it, each once */
	if (status != EXIT_FINDING && status != EXIT_CLEAN &&
		status != EXIT_TIME)
		host_progress(search->options, FALSE,
			"not replayed on the kernel without a bug: see '%s'",
			path);
	return status == EXIT_FINDING;
}

gboolean search_control(const struct search *search, struct sighting *seen,
	const char *dir, GHashTable *ignored)
{
	struct finding *SCOPED(finding_freep) finding = finding_of(seen, dir);
	gboolean shows;

	if (!finding || seen->is_own)
		return FALSE;
	if (seen->tier == TIER_VM)
		return shows_in_vm(search, dir, finding);
	shows = shows_in_process(search, finding, ignored);
	seen->is_own = !shows;
	return shows;
}

/* --- in VMs, with the bug ---------------------------------------------------
 */

static gboolean open_target(
	struct search *search, const char *mutant, GError **error)
{
	struct target_options t = {
		.kernel = search->vm, .append = (char *)search->append};

	if (!search->target)
		search->target = target_open(&t, search->options, error);
	if (!search->target)
		return FALSE;
	g_free(search->target->settings);
	search->target->settings = g_strdup_printf(MUTANT_FILE " %s\n", mutant);
	return TRUE;
}

void search_confirm(struct search *search, struct trial *trial, const char *dir)
{
	struct finding *SCOPED(finding_freep) finding = NULL;
	g_autoptr(GError) error = NULL;
	struct user_confirming how = {.n = TRIES, .options = search->options};
	struct user_confirmed got = {0};
	struct prog prog;

	if (!search->vm || !trial->first || trial->first->tier != TIER_USER ||
		!strcmp(trial->name, UNMUTATED))
		return;
	finding = finding_of(trial->first, dir);
	if (!finding || !user_tier_program(finding, &prog))
		return;
	how.from = search->tier->program;
	if (open_target(search, trial->name, &error))
		how.target = search->target;
	if (!how.target ||
		!user_tier_confirm(&how, &prog, finding->title, &got, &error))
		host_progress(search->options, FALSE,
			"not replayed in a VM: %s", error->message);
	trial->vm_k = got.k;
	trial->vm_n = got.n;
	trial->vm_title = g_strdup(got.title);
}
