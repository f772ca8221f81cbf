/* SPDX-License-Identifier: GPL-2.0-only */
/* The samples in corpus/console are logs of our own kernels; what is altered
 * here by hand stands in the tables below. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/oracle.h"
#include "test.h"

#define CONSOLE_DIR RMAPTORTURE_SOURCE_DIR "/corpus/console"
#define LOG_MAX	    (1u << 20)

/* Contents of @path on the heap, exactly @ret_len bytes so that ASan sees a
 * read beyond; NULL where it cannot be read */
static char *file_read(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "r");
	char *all, *ret;

	if (!file)
		return NULL;
	all = malloc(LOG_MAX);
	*ret_len = fread(all, 1, LOG_MAX, file);
	(void)fclose(file);
	ret = malloc(*ret_len + 1);
	memcpy(ret, all, *ret_len);
	free(all);
	return realloc(ret, *ret_len ? *ret_len : 1);
}

static bool title_is(const char *log, size_t len, const char *want)
{
	struct report report;

	if (!console_parse(log, len, &report))
		return *want == '\0';
	if (!strcmp(report.title, want) && report.end <= len &&
		report.start < report.end)
		return true;
	printf("# got '%s', want '%s'\n", report.title, want);
	return false;
}

static void expected_title(const char *path, char ret[TITLE_MAX])
{
	char title_path[512];
	size_t len;
	char *text;

	(void)snprintf(title_path, sizeof(title_path), "%.*s.title",
		(int)(strlen(path) - 4), path);
	text = file_read(title_path, &len);
	(void)snprintf(
		ret, TITLE_MAX, "%.*s", text ? (int)len : 0, text ? text : "");
	ret[strcspn(ret, "\n")] = '\0';
	free(text);
}

/* With \r\n, as a serial line has it */
static bool title_survives_cr(const char *log, size_t len, const char *want)
{
	char *altered = malloc(2 * len + 1);
	size_t n = 0;
	bool ok;

	for (size_t i = 0; i < len; i++) {
		if (log[i] == '\n')
			altered[n++] = '\r';
		altered[n++] = log[i];
	}
	ok = title_is(altered, n, want);
	free(altered);
	return ok;
}

/* Without "[    1.234567] ", as printk.time=0 has it */
static bool title_survives_no_stamp(
	const char *log, size_t len, const char *want)
{
	char *altered = malloc(len + 1);
	size_t n = 0;
	bool ok;

	for (size_t i = 0; i < len; i++) {
		bool first = i == 0 || log[i - 1] == '\n';
		const char *close = first && log[i] == '['
					    ? memchr(log + i, ']', len - i)
					    : NULL;

		if (close && close - (log + i) < 16)
			i = (size_t)(close - log) + (close[1] == ' ');
		else
			altered[n++] = log[i];
	}
	ok = title_is(altered, n, want);
	free(altered);
	return ok;
}

/* Cut after any line: a report that is there is never worse than corrupted,
 * and one that is complete has its title */
static bool cuts_are_safe(const char *log, size_t len, const char *want)
{
	struct report report;
	bool whole = *want == '\0';

	for (size_t cut = 0; cut <= len; cut++) {
		char *part;
		int found;

		if (cut < len && log[cut] != '\n' && cut % 97)
			continue;
		part = malloc(cut ? cut : 1);
		memcpy(part, log, cut);
		found = console_parse(part, cut, &report);
		free(part);
		if (found && report.end > cut)
			return false;
		if (cut == len)
			whole = whole || found;
	}
	return whole;
}

static void test_sample(const char *name)
{
	char path[400], want[TITLE_MAX], why[600];
	size_t len;
	char *log;

	(void)snprintf(path, sizeof(path), "%s/%s", CONSOLE_DIR, name);
	log = file_read(path, &len);
	expected_title(path, want);
	(void)snprintf(why, sizeof(why), "%s: %s", name, *want ? want : "none");
	test_case(log && title_is(log, len, want) &&
			  title_survives_cr(log, len, want) &&
			  title_survives_no_stamp(log, len, want) &&
			  cuts_are_safe(log, len, want),
		why);
	free(log);
}

static int is_log(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && !strcmp(entry->d_name + len - 4, ".log");
}

static void test_samples(void)
{
	struct dirent **list;
	int nr = scandir(CONSOLE_DIR, &list, is_log, alphasort);

	test_case(nr >= 25, "at least 25 samples of our own kernels");
	for (int i = 0; i < nr; i++) {
		test_sample(list[i]->d_name);
		free(list[i]);
	}
	if (nr >= 0)
		free(list);
}

static const struct {
	const char *why, *log, *title, *comm;
	bool corrupted;
} altered[] = {
	{"lines of the other CPU between those of the report are passed over",
		"[  1.000000][   T77] WARNING: CPU: 0 PID: 77 at mm/a.c:1 "
		"mas_store+0x1/0x2\n"
		"[  1.000001][   T78] RIP: 0010:innocent+0x1/0x2\n"
		"[  1.000001][   T77] CPU: 0 UID: 0 PID: 77 Comm: it self Not "
		"tainted 6.12\n"
		"[  1.000002][   T78] Call Trace:\n"
		"[  1.000003][   T78]  innocent+0x1/0x2\n"
		"[  1.000004][   T77] Call Trace:\n"
		"[  1.000005][   T78]  innocent_too+0x1/0x2\n"
		"[  1.000006][   T77]  <TASK>\n"
		"[  1.000007][   T77]  ? guess+0x1/0x2\n"
		"[  1.000008][   T77]  guilty.isra.0+0x1/0x2\n",
		"WARNING in guilty", "it self", false},
	{"a suffix of the compiler is cut from the title",
		"WARNING: CPU: 0 PID: 7 at mm/rmap.c:437 "
		"unlink_anon_vmas.constprop.0.cold+0x1b3/0x300\n",
		"WARNING in unlink_anon_vmas", "", false},
	{"the prefix of a system call's entry is cut",
		"WARNING: CPU: 0 PID: 7 at mm/mremap.c:4 "
		"__se_sys_mremap+0x3/0x9\n",
		"WARNING in mremap", "", false},
	{"the form of 6.18 and later, with the CPU at the end",
		"WARNING: mm/rmap.c:437 at unlink_anon_vmas+0x1b3/0x300, "
		"CPU#1: a/77\n",
		"WARNING in unlink_anon_vmas", "", false},
	{"a report after a user's output without a newline",
		"exec: runs[    3.123456] kernel BUG at mm/rmap.c:9!\n"
		"[    3.123457] RIP: 0010:rmap_walk_anon+0x1/0x2\n"
		"[    3.123458] Call Trace:\n[    3.1]  <TASK>\n"
		"[    3.123459]  try_to_migrate+0x1/0x2\n",
		"kernel BUG in try_to_migrate", "", false},
	{"a log level before the message",
		"<4>WARNING: CPU: 0 PID: 7 at mm/a.c:4 f+0x3/0x9\n",
		"WARNING in f", "", false},
	{"a mutant's own line is not a report",
		"[    0.5] rmap_mutant: BUG: KASAN: this is a plan\n", "", "",
		false},
	{"a panic that only ends a report whose start is lost is not trusted",
		"Kernel panic - not syncing: KASAN: panic_on_warn set ...\n",
		"kernel panic: panic_on_warn set", "", true},
	{"cut before the function: the title says so and is not trusted",
		"BUG: Bad page map in process a  pte:1 pmd:2\naddr:0 "
		"vm_flags:1\n",
		"BUG: Bad page map in unknown function", "", true},
	{"only helpers in the trace: the first is named, not trusted",
		"kernel BUG at mm/slub.c:3!\nRIP: 0010:kfree+0x1/0x2\nCall "
		"Trace:\n"
		" <TASK>\n kmem_cache_free+0x1/0x2\n do_syscall_64+0x1/0x2\n "
		"deep+0x1/0x2\n",
		"kernel BUG in kfree", "", true},
	{"another report begins before the function is known: mixed",
		"BUG: Bad page state in process a  pfn:1\nx\nx\nx\n"
		"------------[ cut here ]------------\n"
		"WARNING: CPU: 0 PID: 7 at mm/a.c:4 f+0x3/0x9\nCall Trace:\n"
		" <TASK>\n f+0x3/0x9\n",
		"BUG: Bad page state in f", "", true},
	{"the first report makes the title, not the second",
		"BUG: Bad rss-counter state mm:1 type:MM_ANONPAGES val:1\n"
		"kernel BUG at mm/rmap.c:9!\nRIP: 0010:f+0x1/0x2\n",
		"BUG: Bad rss-counter state", "", false},
	{"numbers of free text do not split a title",
		"Kernel panic - not syncing: lost 0x1f0 of 17 pages, cpu3\n",
		"kernel panic: lost NUM of NUM pages, cpu3", "", false},
	{"a stall of another kernel version",
		"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\nx\n"
		"RIP: 0010:_raw_spin_lock+0x1/0x2\nCall Trace:\n <IRQ>\n "
		"</IRQ>\n"
		" <TASK>\n anon_vma_clone+0x1/0x2\n",
		"INFO: rcu detected stall in anon_vma_clone", "", false},
	{"6.1 has no 'Oops: ' before the fault",
		"general protection fault, probably for non-canonical address "
		"0x1: 0000 [#1]\n"
		"RIP: 0010:folio_get_anon_vma+0x1/0x2\n",
		"general protection fault in folio_get_anon_vma", "", false},
	{"a page dumped for another reason is no report",
		"page: refcount:1 mapcount:0 mapping:0 index:0x0 pfn:0x1\n"
		"page dumped because: migration failure\n",
		"", "", false},
	{"a memory failure that was injected is no report",
		"Memory failure: 0x1234: recovery action for dirty LRU page: "
		"Recovered\n",
		"", "", false},
	{"a data race names both sides, without their offsets",
		"BUG: KCSAN: data-race in folio_lock.isra.0 / try_to_unmap\n",
		"KCSAN: data-race in folio_lock / try_to_unmap", "", false},
	{"a data race with an unknown other side",
		"BUG: KCSAN: data-race in try_to_unmap+0x1/0x2\n",
		"KCSAN: data-race in try_to_unmap", "", false},
	{"what is too long for a title is cut, and still one line",
		"BUG: "
		"0123456789g0123456789g0123456789g0123456789g0123456789g"
		"0123456789g0123456789g0123456789g0123456789g0123456789g"
		"0123456789g0123456789g0123456789g0123456789g0123456789g\n",
		"BUG: "
		"0123456789g0123456789g0123456789g0123456789g0123456789g"
		"0123456789g0123456789g0123456789g0123456789g0123456789g"
		"0123456789g0123456789g0123456789g0123456789g",
		"", false},
	{"what rmap_fsck found first makes the title, not its WARN",
		"[  1.0][  T9] rmap_fsck: walk-misses-mapping at 0x1000 of "
		"pid 9 (l0p0t0), vma 0x1000-0x2000\n"
		"[  1.1][  T9] rmap_fsck: 1 errors in 2 mappings of pid 9 "
		"(l0p0t0)\n"
		"[  1.2][  T9] WARNING: CPU: 0 PID: 9 at mm/rmap_fsck.c:358 "
		"rmap_fsck_write+0x1/0x2\n",
		"rmaptorture: rmap walk misses a mapping", "", false},
	{"an anon_vma of two processes",
		"rmap_fsck: anon-vma-of-two-mms at 0x1000 of pid 9 (l0p0t0)\n",
		"rmaptorture: an anon_vma is used by two processes", "", false},
	{"a kind of rmap_fsck that we do not know yet",
		"rmap_fsck: new-kind at 0x1000 of pid 9 (l0p0t0)\n",
		"rmaptorture: rmap_fsck: new-kind", "", false},
	{"a dead anon_vma is titled by who had the folio in hand",
		"debug_anon_rmap: the anon_vma of pfn 0x21 is dead\n"
		"WARNING: CPU: 0 PID: 7 at mm/debug_anon_rmap.c:59 "
		"debug_anon_rmap+0x1/0x2\n"
		"Call Trace:\n <TASK>\n debug_anon_rmap+0x1/0x2\n "
		"zap_present_ptes+0x1/0x2\n",
		"rmaptorture: anon_vma of a mapped folio is dead in "
		"zap_present_ptes",
		"", false},
	{"nothing at all", "", "", "", false},
};

static void test_altered(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(altered); i++) {
		struct report report = {.title = "", .comm = ""};
		int found = console_parse(
			altered[i].log, strlen(altered[i].log), &report);
		bool ok = found == (*altered[i].title != '\0') &&
			  !strcmp(report.title, altered[i].title) &&
			  !strcmp(report.comm, altered[i].comm) &&
			  report.corrupted == altered[i].corrupted;

		test_case(ok, altered[i].why);
		if (!ok)
			printf("# got '%s' comm '%s' corrupted %d\n",
				report.title, report.comm, report.corrupted);
	}
}

/* Any bytes: the pieces that reports are made of, in any order */
static void test_any_bytes(void)
{
	static const char *const pieces[] = {"BUG: KASAN: ", "%s%n",
		"RIP: ", "RIP: 0010:", "\n", "Call Trace:\n", " f+0x1/0x2\n",
		"[<", ">] ", "[  1.000000]", "[  T1]",
		"Comm: ", "WARNING: CPU: ", " at ", ": ", "\0", "INFO: task ",
		":1 blocked for more than", "=====================\n",
		"Kernel panic - not syncing: ", "a.b", "+0x", "/0x", " [", "]",
		"\xff\x80", "BUG ", " ("};
	char log[2048];
	struct report report;
	struct rng rng;
	bool ok = true;

	rng_seed(&rng, 1);
	for (int run = 0; run < 20000; run++) {
		struct text text;
		char *exact;

		text_init(&text, log, sizeof(log));
		for (uint32_t n = rng_below(&rng, 40); n; n--) {
			uint32_t i = rng_below(&rng, ARRAY_SIZE(pieces));

			text_add(&text, pieces[i],
				i == 15 ? 1 : strlen(pieces[i]));
		}
		exact = malloc(text.len ? text.len : 1);
		memcpy(exact, log, text.len);
		if (console_parse(exact, text.len, &report))
			ok = ok && report.end <= text.len && *report.title &&
			     strlen(report.title) < TITLE_MAX &&
			     !strchr(report.title, '\n');
		free(exact);
	}
	test_case(ok, "any bytes give a title of one line or none (seed 1)");
}

static const struct {
	const char *text, *hash;
} hashes[] = {
	{"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
	{"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
	{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
	 "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		"a49b2446a02c645bf419f995b67091253a04a259"},
};

static void test_hash(void)
{
	char got[41];

	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
		title_hash(hashes[i].text, got);
		test_case(!strcmp(got, hashes[i].hash),
			"SHA-1 as in FIPS 180-4's examples");
	}
}

static void parse(const char *text, struct prog *ret)
{
	struct why why;

	if (prog_parse(text, strlen(text), ret, &why))
		printf("# test program: %s\n", why.text);
}

/* All calls done; @page of v0 holds @seen for p0 at the end */
static void result_of(
	const struct prog *prog, uint64_t seen, struct prog_result *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		ret->call[i].state = CALL_DONE;
		if (prog->call[i].op == OP_TOUCH)
			ret->call[i].ret = prog->call[i].arg[0].range.pages;
	}
	for (unsigned int p = 0; p < PROG_PROCS; p++)
		for (unsigned int i = 0; i < PROG_END_PAGES; i++)
			ret->end[p][i] = OBS_UNREAD;
	ret->live = 1;
	ret->end[0][0] = seen;
}

static void test_judge_flags(void)
{
	static struct prog_result result;
	struct judgment judgment;
	struct prog prog;

	parse("p0 mmap v0:1 rw anon\np0 touch v0:1\n", &prog);
	result_of(&prog, 1, &result);
	result.flags = RESULT_BROKEN;
	memset(result.message, 'x', sizeof(result.message));
	oracle_judge(&prog, &result, &judgment);
	test_case(judgment.verdict == VERDICT_BROKEN &&
			  strlen(judgment.detail) == sizeof(result.message),
		"an executor that could not run is BROKEN, with its message");

	result.flags = RESULT_STUCK | RESULT_TIMEOUT;
	result.call[1].state = CALL_STARTED;
	oracle_judge(&prog, &result, &judgment);
	test_case(
		judgment.verdict == VERDICT_FINDING &&
			!strcmp(judgment.title,
				"rmaptorture: tasks stuck after kill in touch"),
		"tasks that outlive the kill are a finding of the open call");

	result.flags = RESULT_SPUN | RESULT_TIMEOUT;
	oracle_judge(&prog, &result, &judgment);
	test_case(judgment.verdict == VERDICT_FINDING &&
			  !strcmp(judgment.title,
				  "rmaptorture: touch does not end"),
		"a call that keeps a CPU busy to its end is one of that call");

	result.flags = RESULT_OOM;
	oracle_judge(&prog, &result, &judgment);
	test_case(judgment.verdict == VERDICT_PASS,
		"what the OOM killer struck is no finding");
}

static void test_judge_rmap(void)
{
	static const char *const want = "rmaptorture: rmap_fsck found errors";
	static struct prog_result result;
	struct judgment judgment;
	struct prog prog;
	struct why why;

	parse("p0 mmap v0:1 rw anon\np0 touch v0:1\np0 rmap_fsck\n", &prog);
	result_of(&prog, prog_stamp(0, 1, 0, 0), &result);
	result.fscked = 1;
	oracle_judge(&prog, &result, &judgment);
	test_case(judgment.verdict == VERDICT_PASS,
		"a reverse mapping that was checked passes");

	result.bad_rmap = 1;
	oracle_judge(&prog, &result, &judgment);
	test_case(judgment.verdict == VERDICT_FINDING &&
			  !strcmp(judgment.title, want),
		"errors at the end are a finding, where the kernel survives");
	result.bad_rmap = 1u << PROG_PROCS;
	test_case(result_check(&prog, &result, &why) == -EBADMSG,
		"errors of a process that cannot be are no result");

	result.bad_rmap = 0;
	result.call[2].err = -ESRCH;
	oracle_judge(&prog, &result, &judgment);
	test_case(judgment.verdict == VERDICT_PASS,
		"a check that could not be made passes");
	result.call[2].err = -EUCLEAN;
	oracle_judge(&prog, &result, &judgment);
	test_case(judgment.verdict == VERDICT_FINDING &&
			  !strcmp(judgment.title, want),
		"errors where the program asked are a finding");
}

static void test_judge_leak(void)
{
	static struct prog_result result;
	struct judgment judgment;
	struct prog prog;

	parse("p0 mmap v0:1 rw anon\np0 touch v0:1\n", &prog);
	result_of(&prog, prog_stamp(0, 1, 0, 0), &result);
	result.leaked[LEAK_ANON_VMA] = 2;
	oracle_judge(&prog, &result, &judgment);
	test_case(
		judgment.verdict == VERDICT_FINDING &&
			!strcmp(judgment.title, "rmaptorture: leaked anon_vma"),
		"objects that stay are a finding");
	result.leaked[LEAK_ANON_VMA] = 0;
	result.leaked[LEAK_SWAP] = 1;
	oracle_judge(&prog, &result, &judgment);
	test_case(judgment.verdict == VERDICT_FINDING &&
			  !strcmp(judgment.title, "rmaptorture: leaked swap"),
		"and so is swap");
}

static void test_judge_contents(void)
{
	static struct prog_result result;
	struct judgment judgment;
	struct prog prog;

	parse("p0 mmap v0:4 rw anon\np0 touch v0:1\np0 madvise v0:4 PAGEOUT\n"
	      "p0 munmap v0+2:1\np0 mlock v0:1\np0 barrier\n",
		&prog);
	result_of(&prog, prog_stamp(0, 1, 0, 0), &result);
	oracle_judge(&prog, &result, &judgment);
	test_case(judgment.verdict == VERDICT_PASS,
		"what was written and read back passes");

	result_of(&prog, 0, &result);
	result.call[4].err = -12;
	oracle_judge(&prog, &result, &judgment);
	test_case(judgment.verdict == VERDICT_FINDING &&
			  strstr(judgment.title, " after madvise"),
		"the last op that succeeded on the page is named");
	printf("# %s: %s\n", judgment.title, judgment.detail);
}

/* ksmd comes when it likes: no call is to blame. Call 4 sees no bit. */
static void check_merged(const char *program, const char *why)
{
	static struct prog_result result;
	struct judgment judgment;
	struct prog prog;

	parse(program, &prog);
	result_of(&prog, OBS_NO_WP, &result);
	result.call[4].nr_obs = result.nr_obs = 1;
	result.obs[0] = OBS_NO_WP;
	oracle_judge(&prog, &result, &judgment);
	test_case(!strcmp(judgment.title,
			  "rmaptorture: lost uffd-wp bit after ksm"),
		why);
	printf("# %s: %s\n", judgment.title, judgment.detail);
}

static void test_judge_merged(void)
{
	check_merged("p0 mmap v0:1 rw anon\np0 uffd_wp v0:1\n"
		     "p0 madvise v0:1 MERGEABLE\np0 fork p1\n"
		     "p0 expect_wp v0:1\n",
		"a bit lost where pages may be merged is told as KSM's");
	check_merged("p0 mmap v0:1 rw anon\np0 madvise v0:1 MERGEABLE\n"
		     "p0 mremap v0:1 v2:2 0\np0 uffd_wp v2:2\n"
		     "p0 expect_wp v2+1:1\n",
		"also where they have been moved to, and grown");
}

static void test_listed(void)
{
	static const char list[] = "# of the base\n  rmaptorture: lost write "
				   "after ksm \r\n\nWARNING in f";
	static const struct {
		const char *title;
		bool is_listed;
	} cases[] = {
		{"rmaptorture: lost write after ksm", true},
		{"lost write after ksm", true},
		{"rmaptorture: WARNING in f", true},
		{"WARNING in f", true},
		{"WARNING in", false},
		{"lost write after ksm2", false},
		{"", false},
	};
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		good = good && title_is_listed(list, sizeof(list) - 1,
				       cases[i].title) == cases[i].is_listed;
	test_case(good && !title_is_listed(NULL, 0, "WARNING in f"),
		"a title is listed by a line of just that");
}

int main(void)
{
	test_hash();
	test_altered();
	test_any_bytes();
	test_judge_flags();
	test_judge_rmap();
	test_judge_leak();
	test_judge_contents();
	test_judge_merged();
	test_listed();
	test_samples();
	return test_end();
}
