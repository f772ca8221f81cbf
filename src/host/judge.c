/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/host.h"

#include <string.h>

/* Calls that this guest cannot make are told, never passed over. */
static void judge_skips(const struct target *target, const struct prog *prog,
	const struct prog_result *result, struct judgment *ret)
{
	guint32 lacking = 0;

	for (guint32 i = 0; i < prog->nr_calls; i++) {
		if (result->call[i].state == CALL_SKIPPED &&
			result->call[i].err == -ENOSYS)
			lacking |= call_needs(&prog->call[i]) & ~target->caps;
	}
	for (unsigned int bit = 0; bit < CAP_COUNT; bit++) {
		if (!(lacking & 1u << bit))
			continue;
		ret->verdict = VERDICT_SKIP;
		(void)g_strlcat(ret->detail,
			*ret->detail ? "; " : "skipped calls: ",
			sizeof(ret->detail));
		(void)g_strlcat(
			ret->detail, cap_lack(bit), sizeof(ret->detail));
	}
}

static void judge_death(const struct guest *guest, struct judgment *ret)
{
	struct report report;

	guest_title(guest, &report);
	ret->verdict = guest->end == VM_END_QEMU_DIED ? VERDICT_BROKEN
						      : VERDICT_FINDING;
	(void)g_strlcpy(ret->title, report.title, sizeof(ret->title));
	(void)g_strlcpy(ret->detail, guest->end_detail ? guest->end_detail : "",
		sizeof(ret->detail));
}

enum guest_outcome guest_judge(const struct target *target, struct guest *guest,
	const struct prog *prog, struct prog_result *ret_result,
	struct judgment *ret)
{
	struct slot_request request = {
		.command = SLOT_RUN,
		.flags = RUN_COVER | RUN_CHECK | RUN_FSCK | RUN_LEAK,
		.timeout_ms = target->timeout_ms,
	};
	enum guest_outcome outcome;
	gboolean leaked = FALSE;
	struct why why;

	*ret = (struct judgment){0};
	/* what is left once is the guest's; what is left each time, a leak */
	do {
		outcome = guest_run(guest, 0, &request, prog, ret_result, NULL,
			target->lost_ms, &why);
		leaked = !leaked && outcome == GUEST_DONE &&
			 result_leaks(ret_result);
	} while (leaked);
	if (outcome == GUEST_LIED) {
		ret->verdict = VERDICT_BROKEN;
		(void)g_strlcpy(ret->title, why.text, sizeof(ret->title));
	} else if (outcome != GUEST_DONE) {
		judge_death(guest, ret);
	} else {
		oracle_judge(prog, ret_result, ret);
		if (ret->verdict == VERDICT_PASS)
			judge_skips(target, prog, ret_result, ret);
	}
	return outcome;
}
