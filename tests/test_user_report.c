/* SPDX-License-Identifier: GPL-2.0-only */
/* Logs of the user tier: what of them is told of a finding. */
#include <string.h>

#include "host/user/report.h"
#include "test.h"

/* A log before and behind it */
#define BEFORE                                                                 \
	"INFO: Seed: 219\n\tNEW_FUNC[1/2]: 0x5 in f /t/obj/../src/a.c:1\n"
#define BEHIND "==7== ERROR: libFuzzer: deadly signal\nstat::peak_rss_mb: 1\n"

static const struct {
	const char *why, *log, *want, *title;
} logs[] = {
	{"an oracle's: the detail, none of our frames",
		BEFORE "rmaptorture-user: num_children is wrong\n"
		       "rmaptorture-user: detail: after fork: 0\n"
		       "    #0 0x4 in __sanitizer_print_stack_trace (/x+0x4)\n"
		       "    #1 0x5 in counts_check /r/src/user/kernel/c.c:3:4\n"
		       "\n" BEHIND,
		"after fork: 0\n", "num_children is wrong"},
	{"a trap of the kernel's: its frames, by their place in the tree",
		BEFORE "rmaptorture-user: WARNING in unlink_anon_vmas\n"
		       "rmaptorture-user: detail: at mm/rmap.c:454\n"
		       "    #1 0x5 in finding /r/src/user/report.c:51:2\n"
		       "    #2 0x6 in unlink_anon_vmas "
		       "/k/obj/../src/mm/rmap.c:454:3\n"
		       "    #3 0x7 in free_pgtables "
		       "/k/obj/../src/mm/memory.c:377:4\n" BEHIND,
		"at mm/rmap.c:454\n"
		"  unlink_anon_vmas mm/rmap.c:454\n"
		"  free_pgtables mm/memory.c:377\n",
		"WARNING in unlink_anon_vmas"},
	{"AddressSanitizer's: up to its summary",
		BEFORE "=====\n"
		       "==9==ERROR: AddressSanitizer: heap-use-after-free on "
		       "address 0x6\n"
		       "    #0 0x6 in put_anon_vma "
		       "/k/obj/../src/include/linux/rmap.h:11:3\n"
		       "SUMMARY: AddressSanitizer: heap-use-after-free\n"
		       "Shadow bytes around the buggy address:\n" BEHIND,
		"==9==ERROR: AddressSanitizer: heap-use-after-free on address "
		"0x6\n"
		"  put_anon_vma include/linux/rmap.h:11\n",
		"AddressSanitizer: heap-use-after-free"},
	{"UBSan's place",
		"/k/obj/../src/mm/vma.c:5:7: runtime error: shift\n" BEHIND,
		"mm/vma.c:5:7: runtime error: shift\n", NULL},
	{"a program that loops: where it was when its time was over",
		"ALARM: working on the last Unit for 11 seconds\n"
		"==9== ERROR: libFuzzer: timeout after 11 seconds\n"
		"    #7 0x6 in rmap_walk_ksm /k/obj/../src/mm/ksm.c:3:1\n"
		"SUMMARY: libFuzzer: timeout\n",
		"==9== ERROR: libFuzzer: timeout after 11 seconds\n"
		"  rmap_walk_ksm mm/ksm.c:3\n",
		"a program does not end"},
};

static bool tells(const char *log, const char *want)
{
	g_autofree char *report = NULL, *text = NULL;
	gsize start, end;

	if (!user_report_find(log, &start, &end))
		return false;
	report = g_strndup(log + start, end - start);
	text = user_report_text(report);
	if (strcmp(text, want) == 0)
		return true;
	printf("# got: %s\n", text);
	return false;
}

static bool is_called(const char *log, const char *want)
{
	g_autofree char *title = user_report_title(log);

	return g_strcmp0(title, want) == 0;
}

static void test_program(void)
{
	g_autofree char *none = user_report_program(logs[0].log);
	g_autofree char *text = user_report_program(
		BEFORE "rmaptorture-user: deadlock\n"
		       "rmaptorture-user: program: p0 fork p1\n"
		       "rmaptorture-user: program: p1 exit\n" BEHIND);

	test_case(!none, "a log without a program");
	test_case(g_strcmp0(text, "p0 fork p1\np1 exit\n") == 0,
		"the program of a schedule, line by line");
}

int main(void)
{
	gsize start, end;

	for (size_t i = 0; i < G_N_ELEMENTS(logs); i++) {
		test_case(tells(logs[i].log, logs[i].want), logs[i].why);
		test_case(is_called(logs[i].log, logs[i].title),
			"and what it is called");
	}
	test_program();
	test_case(!user_report_find(BEFORE BEHIND, &start, &end),
		"libFuzzer's own trouble is no report");
	return test_end();
}
