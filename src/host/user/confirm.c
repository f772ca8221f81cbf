/* SPDX-License-Identifier: GPL-2.0-only */
/* Does a finding of the user tier show in a kernel that runs? */
#include "host/user/tier.h"

#include <sys/mman.h>

/* A kernel that runs allocates more than its mm code alone: where an allocation
 * is to fail, so many later ones are tried. */
#define FAIL_LATER_MAX 48
#define SURE_RUNS      5 /* of a stall that is to be the one */

/* struct confirming - one program, replayed in a VM */
struct confirming {
	struct target *target;
	const struct user_confirming *how;
	const char *title, *scratch;
};

static gboolean shows(const struct confirming *c, const struct prog *prog,
	struct report *report)
{
	struct candidate one = {.nr = {1}, .prog = {(struct prog *)prog}};
	struct replayed seen;
	int got = replay_run(c->target, c->scratch, &one, c->title, &seen);

	*report = seen.report;
	return got >= 0 && report->title[0];
}

/* The user tier looks at the rmap after each call, a VM only at the end: here
 * it does, too. A program whose calls overlap is left as it is. */
static gboolean with_checks(const struct prog *given, struct prog *ret)
{
	*ret = *given;
	if (2 * given->nr_calls > PROG_CALLS_MAX || given->nr_stalls)
		return FALSE;
	for (uint32_t i = given->nr_calls; i-- > 0;) {
		if (given->call[i].props & CALL_ASYNC)
			return FALSE;
		(void)prog_gap(ret, i + 1, 1);
		ret->call[i + 1] = (struct call){.op = OP_RMAP_FSCK,
			.proc = given->call[i].proc,
			.thread = given->call[i].thread};
	}
	return TRUE;
}

/* The user tier merges in the call itself; ksmd takes its time. */
static gboolean with_ksmd(const struct prog *given, struct prog *ret)
{
	gboolean any = FALSE;

	*ret = *given;
	for (uint32_t i = given->nr_calls; i-- > 0 && !given->nr_stalls;) {
		const struct call *call = &given->call[i];

		if (!call_merges(call) || !prog_gap(ret, i + 1, 1))
			continue;
		ret->call[i + 1] = (struct call){.op = OP_KSM,
			.proc = call->proc,
			.thread = call->thread};
		any = TRUE;
	}
	return any;
}

/* Memory is compacted from one end to the other, so that in a VM a page may
 * stay where it is: here the range that was named last is moved. */
static gboolean with_moves(const struct prog *given, struct prog *ret)
{
	const struct range *last = NULL;
	gboolean any = FALSE;

	*ret = *given;
	for (uint32_t i = 0; i < given->nr_calls; i++) {
		const struct call *call = &given->call[i];

		if (ops[call->op].arg[0].kind == ARG_RANGE)
			last = &call->arg[0].range;
		if (call->op != OP_COMPACT || !last)
			continue;
		ret->call[i].op = OP_MOVE_PAGES;
		ret->call[i].arg[0].range = *last;
		ret->call[i].arg[2].num = 1; /* ALL */
		any = TRUE;
	}
	return any;
}

/* As it is, or looked at after each call */
static gboolean shows_checked(const struct confirming *c,
	const struct prog *given, struct prog *ret, struct report *report)
{
	const struct prog prog = *given;

	*ret = prog;
	return shows(c, ret, report) ||
	       ((c->target->caps & CAP_RMAP_FSCK) && with_checks(&prog, ret) &&
		       shows(c, ret, report));
}

/* Which of the programs from @from on shows something; @progs->len: none. How
 * often a call comes to a point depends on what the VM ran before: a fresh
 * clone each. */
static guint next_showing(const struct confirming *c, GArray *progs, guint from)
{
	static struct prog_result result;
	guint i;

	for (i = from; i < progs->len; i++) {
		const struct prog *prog = &g_array_index(progs, struct prog, i);
		struct guest *SCOPED(guest_freep) guest =
			guest_fresh(c->target, c->scratch, NULL);
		struct judgment judgment;

		if (!guest)
			return progs->len;
		(void)guest_judge(c->target, guest, prog, &result, &judgment);
		host_progress(c->how->options, TRUE,
			"in a VM: try %u of %u, %s+0x%x#%u: %s", i + 1,
			progs->len, prog->stall[0].symbol,
			prog->stall[0].offset, prog->stall[0].hit,
			judgment.verdict == VERDICT_FINDING
				? judgment.title
				: stall_outcome_name(result.stall[0].outcome));
		if (judgment.verdict == VERDICT_FINDING)
			break;
	}
	return i;
}

/* Each program, and behind it the same with pages that go to the other node */
static GArray *on_both_nodes(const GArray *progs)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct prog));

	for (guint i = 0; i < progs->len; i++) {
		struct prog prog = g_array_index(progs, struct prog, i);

		g_array_append_val(all, prog);
		if (prog_flip_nodes(&prog))
			g_array_append_val(all, prog);
	}
	return all;
}

/* @given with stalls where the VM's build has their points, on either node;
 * empty where there is no such program. Caller frees */
static GArray *carried(const struct confirming *c, const struct prog *given)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GArray) progs = stalls_carry(
		c->target, c->scratch, c->how->from, given, &error);

	if (progs)
		return on_both_nodes(progs);
	g_printerr(
		"rmaptorture: stalls stay as they are: %s\n", error->message);
	return g_array_new(FALSE, FALSE, sizeof(struct prog));
}

static gboolean is_sure(const struct confirming *c, const struct prog *prog,
	struct report *report)
{
	guint k = 0;

	while (k < SURE_RUNS && shows(c, prog, report))
		k++;
	return k == SURE_RUNS;
}

/* The first of them that shows something each time, else the first of all */
static gboolean shows_carried(const struct confirming *c,
	const struct prog *given, struct prog *ret, struct report *report)
{
	g_autoptr(GArray) progs = NULL;
	guint first, i;

	if (!given->nr_stalls || !c->how->from ||
		!(c->target->caps & CAP_KCOV_STALL))
		return FALSE;
	progs = carried(c, given);
	first = i = next_showing(c, progs, 0);
	if (first == progs->len)
		return FALSE;
	for (; i < progs->len; i = next_showing(c, progs, i + 1)) {
		*ret = g_array_index(progs, struct prog, i);
		if (is_sure(c, ret, report))
			return TRUE;
	}
	*ret = g_array_index(progs, struct prog, first);
	return shows(c, ret, report);
}

/* With pages that go to the other node, or go at all */
static gboolean shows_moved(const struct confirming *c,
	const struct prog *given, struct prog *ret, struct report *report)
{
	const struct prog prog = *given;
	struct prog moved;

	*ret = prog;
	if (!(c->target->caps & CAP_NUMA))
		return FALSE;
	if (prog_flip_nodes(ret) && shows(c, ret, report))
		return TRUE;
	if (!with_moves(&prog, &moved))
		return FALSE;
	*ret = moved;
	return shows_carried(c, &moved, ret, report) || shows(c, ret, report) ||
	       (prog_flip_nodes(ret) && shows(c, ret, report));
}

/* The program that shows something: with the VM's points, as it is or with
 * checks, the same where ksmd is waited for, with other moves, or failing later
 */
static gboolean find(const struct confirming *c, const struct prog *given,
	struct prog *ret, guint *ret_later, struct report *report)
{
	struct prog merged;

	*ret_later = 0;
	if (shows_carried(c, given, ret, report) ||
		shows_checked(c, given, ret, report) ||
		(with_ksmd(given, &merged) &&
			shows_checked(c, &merged, ret, report)) ||
		shows_moved(c, given, ret, report))
		return TRUE;
	for (guint by = 1; by <= FAIL_LATER_MAX; by++) {
		if (!prog_move_fails(given, (int)by, ret))
			break;
		*ret_later = by;
		if (shows(c, ret, report))
			return TRUE;
	}
	*ret = *given;
	*ret_later = 0;
	return FALSE;
}

static void confirm(const struct confirming *c, const struct prog *given,
	struct user_confirmed *ret)
{
	struct report report = {0};
	guint by;

	(void)find(c, given, &ret->prog, &by, &report);
	(void)g_strlcpy(ret->title, report.title, sizeof(ret->title));
	ret->n = c->how->n;
	ret->later = by;
	ret->k = report.title[0] != '\0';
	for (guint i = 1; i < ret->n; i++)
		ret->k += shows(c, &ret->prog, &report);
}

gboolean user_tier_confirm(const struct user_confirming *how,
	const struct prog *prog, const char *title, struct user_confirmed *ret,
	GError **error)
{
	char *scratch = host_scratch(error);
	struct confirming c = {how->target, how, title, scratch};

	*ret = (struct user_confirmed){0};
	if (!scratch)
		return FALSE;
	confirm(&c, prog, ret);
	host_scratch_free(scratch);
	return TRUE;
}
