/* SPDX-License-Identifier: GPL-2.0-only */
/* Pre-merge: the programs of the corpus, on base and patched. */
#include "host/premerge/premerge.h"

#include <string.h>

#include "host/user/tier.h"

/* struct seen - what one program showed on one kernel */
struct seen {
	enum verdict verdict;
	char title[TITLE_MAX];
};

/* struct tally - of a step */
struct tally {
	guint ran, bad, old, gone, skipped, broken;
};

static gboolean is_new(const struct seen *base, const struct seen *patched)
{
	return patched->verdict == VERDICT_FINDING &&
	       base->verdict != VERDICT_FINDING;
}

void premerge_file(const struct premerge *p, const char *tier,
	const struct named_prog *named, const char *title)
{
	g_autofree char *out = g_build_filename(p->want->out, tier, NULL);
	g_autofree struct slot_flight *flight = g_new0(struct slot_flight, 1);
	g_autofree char *machine = g_strdup_printf("kernel: %s:%s\n", p->name,
		strcmp(tier, "user") ? KERNEL_DEFAULT_PROFILE : tier);
	struct finding_input input = {
		.title = title,
		.detail = named->name,
		.flight = flight,
		.nr_lanes = 1,
		.machine = machine,
	};
	struct store *SCOPED(store_closep) store = store_open(out, NULL);
	g_autoptr(GError) error = NULL;

	flight->nr = flight->entry[0].number = 1;
	flight->entry[0].prog = named->prog;
	if (!store || !store_add(store, &input, NULL, NULL, &error))
		host_progress(p->options, FALSE, "not stored: %s: %s", title,
			error ? error->message : out);
}

/* One run of each says little of a race: what counts, replays tell. */
static void compare(struct review_step *step, const struct named_prog *named,
	const struct seen *base, const struct seen *patched,
	struct tally *tally)
{
	g_autofree char *name = g_path_get_basename(named->name);
	g_autofree char *text = NULL;
	enum verdict outcome = patched->verdict;

	tally->ran++;
	if (patched->verdict == VERDICT_FINDING) {
		gboolean old = base->verdict == VERDICT_FINDING;

		text = g_strdup_printf("%s%s%s", patched->title,
			old ? "; base: " : ", on patched only: see the replays",
			old ? base->title : "");
		outcome = VERDICT_PASS;
		tally->bad += !old;
		tally->old += old;
	} else if (base->verdict == VERDICT_FINDING) {
		text = g_strdup_printf("base only: %s", base->title);
		tally->gone++;
	} else if (patched->verdict != VERDICT_PASS) {
		text = g_strdup(*patched->title ? patched->title
						: "calls were skipped");
	}
	tally->skipped += patched->verdict == VERDICT_SKIP;
	tally->broken += patched->verdict == VERDICT_BROKEN;
	step_case(step, name, outcome, text);
}

static void end_step(
	struct review_step *step, const struct tally *tally, guint total)
{
	g_autoptr(GString) more = g_string_new(NULL);

	if (tally->old)
		g_string_append_printf(more, ", %u wrong on both", tally->old);
	if (tally->gone)
		g_string_append_printf(
			more, ", %u wrong on base only", tally->gone);
	if (tally->skipped)
		g_string_append_printf(
			more, ", %u with calls skipped", tally->skipped);
	if (tally->broken)
		g_string_append_printf(more, ", %u BROKEN", tally->broken);
	step->cut = tally->ran < total;
	premerge_done(step);
	if (!tally->ran) {
		step_no_time(step);
		return;
	}
	step->found = tally->bad;
	step_end(step, tally->broken ? VERDICT_BROKEN : VERDICT_PASS,
		"%u of %u programs, %u wrong on patched only%s", tally->ran,
		total, tally->bad, more->str);
}

/* ---- user space ---- */

static void run_user(
	const struct kernel *kernel, const struct prog *prog, struct seen *ret)
{
	struct user_trial trial = {.kernel = kernel};
	char buf[PROG_TEXT_MAX];
	struct text text;
	int got;

	text_init(&text, buf, sizeof(buf));
	prog_print(prog, &text);
	got = user_tier_try(&trial, buf, ret->title);
	ret->verdict = got > 0	  ? VERDICT_FINDING
		       : got == 0 ? VERDICT_PASS
				  : VERDICT_BROKEN;
	if (got < 0)
		(void)g_strlcpy(ret->title, "the program could not be run",
			sizeof(ret->title));
}

void premerge_programs_user(struct premerge *p)
{
	struct review_step *step =
		premerge_begin(p, "programs, user space", TRUE);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) progs = programs_ours(&error);
	struct tally tally = {0};

	if (!progs) {
		step_end(step, VERDICT_BROKEN, "%s", error->message);
		premerge_done(step);
		return;
	}
	for (guint i = 0; i < progs->len && premerge_left(p) > 0; i++) {
		const struct named_prog *named = progs->pdata[i];
		struct seen base, patched;

		host_progress(p->options, TRUE, "programs: %u of %u", i + 1,
			progs->len);
		run_user(p->kernel.user[p->nr], &named->prog, &patched);
		run_user(p->kernel.user[0], &named->prog, &base);
		compare(step, named, &base, &patched, &tally);
		if (is_new(&base, &patched))
			premerge_file(p, "user", named, patched.title);
	}
	end_step(step, &tally, progs->len);
}

/* ---- VM ---- */

/* One after the other on one VM, a fresh one after a death. */
static gboolean run_all(struct premerge *p, struct target *target,
	GPtrArray *progs, struct seen *ret, guint *ret_nr, GError **error)
{
	struct guest *SCOPED(guest_freep) guest = NULL;
	static struct prog_result result;

	for (*ret_nr = 0; *ret_nr < progs->len && premerge_left(p) > 0;
		++*ret_nr) {
		const struct named_prog *named = progs->pdata[*ret_nr];
		struct judgment judgment;

		if (!guest || guest->ended) {
			g_clear_pointer(&guest, guest_free);
			guest = guest_fresh(target, p->scratch, error);
			if (!guest)
				return FALSE;
		}
		host_progress(p->options, TRUE, "programs in the VM: %u of %u",
			*ret_nr + 1, progs->len);
		(void)guest_judge(
			target, guest, &named->prog, &result, &judgment);
		ret[*ret_nr].verdict = judgment.verdict;
		(void)g_strlcpy(ret[*ret_nr].title,
			*judgment.title ? judgment.title : judgment.detail,
			TITLE_MAX);
	}
	return TRUE;
}

void premerge_programs_vm(struct premerge *p)
{
	struct review_step *step = premerge_begin(p, "programs, VM", TRUE);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) progs = programs_ours(&error);
	g_autofree struct seen *base = NULL, *patched = NULL;
	struct target *base_vm, *patched_vm;
	struct tally tally = {0};
	guint nr_base = 0, nr_patched = 0;

	base_vm = progs ? premerge_vm(p, 0, &error) : NULL;
	patched_vm = base_vm ? premerge_vm(p, p->nr, &error) : NULL;
	if (patched_vm) {
		base = g_new0(struct seen, progs->len);
		patched = g_new0(struct seen, progs->len);
	}
	if (!patched_vm ||
		!run_all(p, patched_vm, progs, patched, &nr_patched, &error) ||
		!run_all(p, base_vm, progs, base, &nr_base, &error)) {
		step_end(step, VERDICT_BROKEN, "%s", error->message);
		premerge_done(step);
		return;
	}
	for (guint i = 0; i < MIN(nr_base, nr_patched); i++) {
		const struct named_prog *named = progs->pdata[i];

		compare(step, named, &base[i], &patched[i], &tally);
		if (is_new(&base[i], &patched[i]))
			premerge_file(p, "vm", named, patched[i].title);
	}
	end_step(step, &tally, progs->len);
}
