/* SPDX-License-Identifier: GPL-2.0-only */
#include "store/store.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define KILLS  20
#define TITLES 3

static const char first_prog[] = "p0 mmap v0:4 rw anon\np0 touch v0:4\n";
static const char second_prog[] = "p0 fork p1\np1 touch v0:1\np1 exit\n";

static const struct {
	const char *title;
	const char *console;
} found[TITLES] = {
	{"WARNING in unlink_anon_vmas", "boot\nWARNING\nend\n"},
	{"KASAN: slab-use-after-free Read in rmap_walk_anon", "boot\nKASAN\n"},
	{"rmaptorture: stale page after mremap", NULL},
};

/* A folder in $TMPDIR that the caller removes with tree_drop() */
static char *tree_new(void)
{
	return g_dir_make_tmp("test_store-XXXXXX", NULL);
}

static void tree_drop(char *dir)
{
	const char *argv[] = {"rm", "-rf", dir, NULL};

	(void)g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
		NULL, NULL, NULL, NULL, NULL);
	g_free(dir);
}

static void parse(const char *text, struct prog *ret)
{
	struct why why;

	if (prog_parse(text, strlen(text), ret, &why))
		printf("# test program: %s\n", why.text);
}

/* Two lanes: two programs in the first, one in the second */
static struct slot_flight *flights_new(void)
{
	struct slot_flight *flight = g_new0(struct slot_flight, 2);

	parse(first_prog, &flight[0].entry[0].prog);
	parse(second_prog, &flight[0].entry[1].prog);
	parse(first_prog, &flight[1].entry[0].prog);
	flight[0].entry[0].number = 41;
	flight[0].entry[1].number = 42;
	flight[1].entry[0].number = 7;
	memset(flight[0].entry[0].progress, CALL_DONE, 2);
	flight[0].entry[1].progress[0] = CALL_DONE;
	flight[0].entry[1].progress[1] = CALL_STARTED;
	flight[0].nr = 2;
	flight[1].nr = 1;
	return flight;
}

static gboolean add(struct store *store, guint which,
	const struct slot_flight *flight, gboolean *ret_new, GError **error)
{
	const char *console = found[which].console;
	struct finding_input input = {
		.title = found[which].title,
		.detail = console ? NULL : "page v0+1 holds zeros",
		.console = console,
		.console_len = console ? strlen(console) : 0,
		.report_start = 5,
		.report_end = console ? strlen(console) : 0,
		.flight = flight,
		.nr_lanes = 2,
		.tag = "vanilla-kasan-0123456789ab",
		.machine = "qemu: qemu-system-x86_64 -smp 2\n"
			   "append: rmap_mutant=splat\n",
		.config = "CONFIG_KASAN=y\n",
	};

	return store_add(store, &input, ret_new, NULL, error);
}

static gboolean read_is(
	const struct finding *finding, const char *file, const char *want)
{
	g_autofree char *text = store_read(finding, file, NULL, NULL);

	return g_strcmp0(text, want) == 0;
}

static void test_add(void)
{
	char *dir = tree_new();
	g_autofree struct slot_flight *flight = flights_new();
	g_autoptr(GPtrArray) list = NULL;
	struct store *store = store_open(dir, NULL);
	SCOPED(finding_freep) struct finding *finding = NULL;
	g_autofree char *machine = NULL;
	gboolean is_new[3] = {FALSE, TRUE, FALSE};

	test_case(store && add(store, 0, flight, &is_new[0], NULL) &&
			  add(store, 0, flight, &is_new[1], NULL) &&
			  add(store, 2, flight, &is_new[2], NULL) &&
			  is_new[0] && !is_new[1] && is_new[2],
		"only the first of a title is new");
	list = store_list(dir, NULL);
	finding = store_find(dir, "unlink", NULL);
	test_case(list && list->len == 2 && finding && finding->count == 2 &&
			  finding->newest == 1 && finding->first > 1700000000,
		"a title is one finding, counted");
	test_case(finding && read_is(finding, "console", found[0].console) &&
			  read_is(finding, "report", "WARNING\nend\n") &&
			  read_is(finding, "tag", "vanilla-kasan-0123456789ab"),
		"console, report and kernel id are kept as they were");
	machine =
		finding ? store_read(finding, "machineInfo", NULL, NULL) : NULL;
	test_case(machine && strstr(machine, "rmap_mutant=splat\n") &&
			  strstr(machine, "config: config-") &&
			  read_is(finding,
				  strstr(machine, "config-")
					  ? g_intern_string(g_strchomp(
						    strstr(machine, "config-")))
					  : "",
				  "CONFIG_KASAN=y\n"),
		"the folder holds the command line and the kernel's config");
	store_close(store);
	tree_drop(dir);
}

static void test_find(void)
{
	char *dir = tree_new();
	g_autofree struct slot_flight *flight = flights_new();
	SCOPED(store_closep) struct store *store = store_open(dir, NULL);
	SCOPED(finding_freep) struct finding *by_hash = NULL;
	SCOPED(finding_freep) struct finding *by_path = NULL;
	g_autoptr(GError) many = NULL;
	g_autoptr(GError) none = NULL;
	char hash[41];

	for (guint i = 0; i < TITLES; i++)
		(void)add(store, i, flight, NULL, NULL);
	title_hash(found[1].title, hash);
	hash[8] = '\0';
	by_hash = store_find(dir, hash, NULL);
	test_case(by_hash && !strcmp(by_hash->title, found[1].title),
		"a finding is found by the first digits of its hash");
	by_path = store_find("/nonexistent", by_hash->dir, NULL);
	test_case(by_path && !strcmp(by_path->title, found[1].title),
		"a finding is found by its folder, wherever that is");
	test_case(!store_find(dir, "n", &many) &&
			  g_error_matches(many, STORE_ERROR, STORE_ERROR_MANY),
		"a name that fits several findings is an error");
	test_case(
		!store_find(dir, "no such", &none) &&
			g_error_matches(none, STORE_ERROR, STORE_ERROR_MISSING),
		"a name that fits none is an error");
	tree_drop(dir);
}

static void test_log(void)
{
	g_autofree struct slot_flight *flight = flights_new();
	g_autofree char *text = store_log_print("a\nb", "c", flight, 2);
	g_autofree struct store_log *log =
		store_log_parse(text, strlen(text), NULL);
	g_autofree struct store_log *bare = NULL;
	g_autofree struct store_log *bad = NULL;
	g_autoptr(GError) error = NULL;
	const char *broken = "# lane 0 program 1\np0 nonsense\n"
			     "# lane 9 program 1\np0 exit\n"
			     "# lane 1 program 5\np0 exit\n";

	test_case(log && log->nr_lanes == 2 && !log->flight[0].bad &&
			  !memcmp(log->flight, flight, 2 * sizeof(*flight)),
		"parse(print(recorder)) is the recorder, progress included");
	test_case(
		log && !strcmp(log->title, "a b") && !strcmp(log->detail, "c"),
		"title and detail stay on their lines");
	bare = store_log_parse("# title: t\np0 exit\n", 19, NULL);
	test_case(bare && bare->flight[0].nr == 1 && !strcmp(bare->title, "t"),
		"a program without a lane line is lane 0's");
	bad = store_log_parse(broken, strlen(broken), NULL);
	test_case(bad && bad->flight[1].nr == 1 && bad->flight[0].bad == 2,
		"records that are no programs are counted and passed over");
	test_case(
		!store_log_parse("\0\xff# lane ", 9, &error) &&
			g_error_matches(error, STORE_ERROR, STORE_ERROR_FORMAT),
		"bytes without a program are an error");
}

static void test_log_any_bytes(void)
{
	static const char *const pieces[] = {"# lane ", "0", "3", " program ",
		"7", "\n", "p0 exit", "p0 touch v0:1",
		"# title: ", "# detail: ", "#", " # done", "\xff",
		"99999999999999999999", "# ", "\r"};
	struct rng rng;
	bool ok = true;

	rng_seed(&rng, 2);
	for (int run = 0; run < 3000; run++) {
		g_autoptr(GString) text = g_string_new(NULL);
		g_autofree struct store_log *log = NULL;
		g_autofree char *exact = NULL;

		for (guint n = rng_below(&rng, 60); n; n--)
			g_string_append(text,
				pieces[rng_below(&rng, G_N_ELEMENTS(pieces))]);
		exact = g_memdup2(text->str, text->len + 1);
		log = store_log_parse(exact, text->len, NULL);
		ok = ok && (!log || log->nr_lanes <= SLOT_LANES);
	}
	test_case(ok, "any bytes give a log or an error (seed 2)");
}

static void test_lock(void)
{
	char *dir = tree_new();
	struct store *store = store_open(dir, NULL), *other;
	g_autoptr(GError) error = NULL;

	test_case(
		!store_open(dir, &error) &&
			g_error_matches(error, STORE_ERROR, STORE_ERROR_LOCKED),
		"two runs cannot share a folder");
	printf("# %s\n", error ? error->message : "");
	store_close(store);
	other = store_open(dir, NULL);
	test_case(other != NULL, "the folder is free when its run has ended");
	store_close(other);
	tree_drop(dir);
}

static void test_cap(void)
{
	char *dir = tree_new();
	g_autofree struct slot_flight *flight = flights_new();
	struct store *store = store_open(dir, NULL);
	SCOPED(finding_freep) struct finding *finding = NULL;
	g_autoptr(GDir) folder = NULL;
	const char *name;
	guint logs = 0;

	for (guint i = 0; i < STORE_LOGS_MAX + 2; i++)
		(void)add(store, 0, flight, NULL, NULL);
	finding = store_find(dir, found[0].title, NULL);
	folder = g_dir_open(finding->dir, 0, NULL);
	while ((name = g_dir_read_name(folder)))
		logs += g_str_has_prefix(name, "log");
	test_case(logs == STORE_LOGS_MAX &&
			  finding->count == STORE_LOGS_MAX + 2 &&
			  finding->newest == 1,
		"a title keeps its newest logs only, and counts all");
	store_close(store);
	tree_drop(dir);
}

static void test_repro(void)
{
	char *dir = tree_new();
	g_autofree struct slot_flight *flight = flights_new();
	struct store *store = store_open(dir, NULL);
	struct finding *finding;
	g_autofree char *text = NULL;
	struct prog prog;
	struct repro repro = {.prog = &prog,
		.k = 17,
		.n = 20,
		.seconds = 1.25,
		.log = "try 1: hit\n"};

	parse(second_prog, &prog);
	(void)add(store, 0, flight, NULL, NULL);
	finding = store_find(dir, found[0].title, NULL);
	test_case(finding && !finding->has_repro && finding->n == 0,
		"a finding begins without a reproducer");
	test_case(store_set_repro(finding, &repro, NULL) && finding->has_repro,
		"a reproducer is kept");
	finding_free(finding);
	finding = store_find(dir, found[0].title, NULL);
	text = store_read(finding, "repro.prog", NULL, NULL);
	test_case(finding->has_repro && finding->k == 17 && finding->n == 20 &&
			  finding->seconds > 1.2 && finding->seconds < 1.3 &&
			  text && strstr(text, second_prog),
		"k of n, seconds and program come back");
	test_case(store_set_c_repro(finding, 3, 4, NULL) && finding->c_k == 3 &&
			  finding->c_n == 4 && finding->k == 17,
		"k of n of the C source is kept beside it");
	test_case(store_set_repro(finding, &repro, NULL) && !finding->c_n,
		"and is forgotten with the source that it is of");
	repro = (struct repro){.k = 0, .n = 5};
	test_case(store_set_repro(finding, &repro, NULL) && finding->k == 17,
		"a try that failed does not replace a reproducer");
	finding_free(finding);
	store_close(store);
	tree_drop(dir);
}

static void spool_file(
	const struct store *store, const char *name, const char *text)
{
	g_autofree char *path =
		g_build_filename(store_spool(store), name, NULL);

	(void)g_file_set_contents(path, text, -1, NULL);
}

static void test_spool(void)
{
	char *dir = tree_new();
	SCOPED(store_closep) struct store *store = store_open(dir, NULL);
	g_autofree struct store_log *log = NULL;
	char *path = NULL;

	spool_file(store, ".tmp-half", "# title: half\np0 exit\n");
	spool_file(store, "bad", "# title: no program\n");
	test_case(!store_spool_take(store, &path),
		"what is half written or no finding is not taken");
	spool_file(store, "good", "# title: t\n# detail: d\np0 exit\n");
	log = store_spool_take(store, &path);
	test_case(log && !strcmp(log->title, "t") && !strcmp(log->detail, "d"),
		"a spooled finding is taken whole");
	if (log)
		store_spool_done(store, path);
	g_free(path);
	path = NULL;
	test_case(!store_spool_take(store, &path), "and taken once");
	tree_drop(dir);
}

static void test_clean(void)
{
	char *dir = tree_new();
	struct store *store = store_open(dir, NULL);
	g_autofree char *half = NULL, *cut = NULL, *whole = NULL, *named = NULL;

	half = g_build_filename(dir, "crashes", ".tmp-new-1", NULL);
	cut = g_build_filename(store_corpus(store),
		"da39a3ee5e6b4b0d3255bfef95601890afd80709", NULL);
	whole = g_build_filename(store_corpus(store),
		"a9993e364706816aba3e25717850c26c9cd0d89d", NULL);
	named = g_build_filename(store_corpus(store), "seed.prog", NULL);
	store_close(store);
	(void)g_mkdir(half, 0777);
	(void)g_file_set_contents(cut, "x", 1, NULL);
	(void)g_file_set_contents(whole, "abc", 3, NULL);
	(void)g_file_set_contents(named, "p0 exit\n", -1, NULL);
	store = store_open(dir, NULL);
	test_case(!g_file_test(half, G_FILE_TEST_EXISTS),
		"what a killed run left half written is removed");
	test_case(!g_file_test(cut, G_FILE_TEST_EXISTS) &&
			  g_file_test(whole, G_FILE_TEST_EXISTS) &&
			  g_file_test(named, G_FILE_TEST_EXISTS),
		"of the corpus only entries that were cut are removed");
	store_close(store);
	tree_drop(dir);
}

/* Is every finding of @dir whole? Returns the sum of the counts, or -1 */
static gint64 check_whole(const char *dir)
{
	static const char *const files[] = {
		"console", "report", "log", "tag", "machineInfo"};
	g_autofree char *crashes = g_build_filename(dir, "crashes", NULL);
	g_autoptr(GPtrArray) list = store_list(dir, NULL);
	g_autoptr(GDir) folder = g_dir_open(crashes, 0, NULL);
	guint entries = 0;
	gint64 sum = 0;

	while (folder && g_dir_read_name(folder))
		entries++;
	if (!list || list->len != entries)
		return -1;
	for (guint i = 0; i < list->len; i++) {
		const struct finding *finding = g_ptr_array_index(list, i);
		g_autofree struct store_log *log = NULL;

		log = store_load_programs(finding, NULL);
		if (!log || log->nr_lanes != 2 || log->flight[0].nr != 2 ||
			strcmp(log->title, finding->title) != 0)
			return -1;
		for (gsize f = 0; f < G_N_ELEMENTS(files); f++) {
			g_autofree char *text =
				store_read(finding, files[f], NULL, NULL);

			if (!text)
				return -1;
		}
		sum += (gint64)finding->count;
	}
	return sum;
}

/* The child: add findings until killed; a byte to @fd after each */
static void add_forever(const char *dir, int fd)
{
	g_autofree struct slot_flight *flight = flights_new();
	struct store *store = store_open(dir, NULL);

	for (guint i = 0; store; i++)
		if (!add(store, i % TITLES, flight, NULL, NULL) ||
			write(fd, "x", 1) != 1)
			break;
	_exit(1);
}

/* Kill the child after @us; returns how many findings it said it had added */
static gint64 run_and_kill(const char *dir, guint us)
{
	char said[4096];
	gint64 nr = 0;
	ssize_t n;
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		return -1;
	pid = fork();
	if (pid == 0)
		add_forever(dir, fds[1]);
	(void)close(fds[1]);
	g_usleep(us);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	while ((n = read(fds[0], said, sizeof(said))) > 0)
		nr += n;
	(void)close(fds[0]);
	return nr;
}

static void test_kill(void)
{
	char *dir = tree_new();
	gint64 said = 0, sum = 0;
	bool ok = true;
	struct rng rng;

	rng_seed(&rng, 3);
	for (int i = 0; i < KILLS && ok; i++) {
		struct store *store;

		said += run_and_kill(dir, 2000 + rng_below(&rng, 150000));
		store = store_open(dir, NULL);
		sum = check_whole(dir);
		ok = store && sum >= said && sum <= said + i + 1;
		store_close(store);
	}
	test_case(ok && said > 0,
		"20 kills -9: no finding lost, none half written (seed 3)");
	printf("# %d kills, %d findings said, %d there\n", KILLS, (int)said,
		(int)sum);
	tree_drop(dir);
}

/* Add until it fails; 0: no space was told, and what was there is kept */
static int fill_up(const char *dir, void (*limit)(void))
{
	g_autofree struct slot_flight *flight = flights_new();
	struct store *store = store_open(dir, NULL);
	g_autoptr(GError) error = NULL;
	gint64 added = 0, sum;

	if (!store)
		return 1;
	while (added < 5 && add(store, 0, flight, NULL, NULL))
		added++;
	limit();
	while (added < 5000 && add(store, 1, flight, NULL, &error))
		added++;
	if (!g_error_matches(error, STORE_ERROR, STORE_ERROR_SPACE) ||
		!store_is_full(store))
		return 2;
	printf("# after %d findings: %s\n", (int)added, error->message);
	(void)fflush(stdout);
	g_clear_error(&error);
	if (add(store, 0, flight, NULL, &error) ||
		!g_error_matches(error, STORE_ERROR, STORE_ERROR_SPACE))
		return 3;
	store_close(store);
	sum = check_whole(dir);
	return sum == added ? 0 : 4;
}

static void limit_file_size(void)
{
	struct rlimit limit = {100, 100};

	(void)signal(SIGXFSZ, SIG_IGN);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
}

static void limit_nothing(void)
{
}

static int child_status(int (*child)(const char *dir), const char *dir)
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(child(dir));
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int fill_file_limit(const char *dir)
{
	return fill_up(dir, limit_file_size);
}

/* A file system of 256 KiB; 77 where we may not mount one */
static int fill_tmpfs(const char *dir)
{
	if (unshare(CLONE_NEWNS) ||
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("none", dir, "tmpfs", 0, "size=256k"))
		return 77;
	return fill_up(dir, limit_nothing);
}

static void test_space(void)
{
	char *dir = tree_new();
	int status = child_status(fill_tmpfs, dir);

	if (status == 77)
		printf("# SKIP a full file system: mount is not permitted\n");
	else
		test_case(status == 0, "a full file system: a clear error, "
				       "what was there is kept");
	test_case(child_status(fill_file_limit, dir) == 0,
		"a file size limit is told as no space");
	tree_drop(dir);
}

int main(void)
{
	test_log();
	test_log_any_bytes();
	test_add();
	test_find();
	test_lock();
	test_cap();
	test_repro();
	test_spool();
	test_clean();
	test_space();
	test_kill();
	return test_end();
}
