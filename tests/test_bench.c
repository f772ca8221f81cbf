/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench mutants without a kernel: tables, samples, records; and that the table
 * we ship and the patches name the same bugs.
 */
#include "host/bench/bench.h"

#include <glib/gstdio.h>
#include <string.h>

#include "shared.h"
#include "test.h"

#define MUTANTS RMAPTORTURE_SOURCE_DIR "/vm-images/mutants/"

G_DEFINE_QUARK(rmaptorture - host - error - quark, host_error)

static char *write_table(const char *dir, const char *text)
{
	char *path = g_build_filename(dir, "table.tsv", NULL);

	g_assert(g_file_set_contents(path, text, -1, NULL));
	return path;
}

static GPtrArray *load(const char *dir, const char *text, const char *kernel)
{
	g_autofree char *path = write_table(dir, text);

	return bench_table_load(path, kernel, NULL);
}

static void test_table(const char *dir)
{
	g_autoptr(GPtrArray) own = load(
		dir, "# class\tname\tkernel\na\tone\tk,l\nb\ttwo\tl\n", "k");
	g_autoptr(GPtrArray) bare = load(dir, "# name\n\nx\n# y\nz\n", "any");

	test_case(own && own->len == 1 &&
			  !strcmp(((struct mutant *)own->pdata[0])->class, "a"),
		"columns are found by name, rows by kernel");
	test_case(bare && bare->len == 2 &&
			  !strcmp(((struct mutant *)bare->pdata[1])->name, "z"),
		"names alone are a table, for any kernel");
	test_case(!load(dir, "one\ntwo\n", "k"), "a heading is needed");
	test_case(!load(dir, "# name\na b\n", "k") &&
			  !load(dir, "# name\n" UNMUTATED "\n", "k"),
		"what is no word, or is ours, is no name");
	test_case(!load(dir, "# name\tkernel\none\tl\n", "k"),
		"a table without rows for the kernel is an error");
	test_case(!bench_table_names(bare, "x,nobody", NULL),
		"a name that is in no row is an error");
}

static void test_sample(const char *dir)
{
	g_autoptr(GString) text = g_string_new("# name\tclass\n");
	g_autoptr(GPtrArray) first = NULL, second = NULL, other = NULL;
	guint rare = 0, differ = 0;

	for (int i = 0; i < 40; i++)
		g_string_append_printf(
			text, "m%d\t%s\n", i, i % 4 ? "often" : "rare");
	first = load(dir, text->str, "k");
	second = load(dir, text->str, "k");
	other = load(dir, text->str, "k");
	bench_table_sample(first, 12, 7);
	bench_table_sample(second, 12, 7);
	bench_table_sample(other, 12, 8);
	for (guint i = 0; i < first->len; i++) {
		const struct mutant *a = first->pdata[i];

		rare += !strcmp(a->class, "rare");
		differ +=
			strcmp(a->name,
				((struct mutant *)second->pdata[i])->name) != 0;
	}
	test_case(first->len == 12 && rare == 3,
		"a sample has each class with its share");
	test_case(!differ, "a seed draws the same sample");
	differ = 0;
	for (guint i = 0; i < first->len; i++)
		differ +=
			strcmp(((struct mutant *)first->pdata[i])->name,
				((struct mutant *)other->pdata[i])->name) != 0;
	test_case(differ, "another seed draws another");
}

static void test_record(const char *dir)
{
	struct mutant mutant = {
		.name = (char *)"m", .class = (char *)"race", .where = NULL};
	g_autoptr(GHashTable) ignored =
		g_hash_table_new(g_str_hash, g_str_equal);
	struct trial *SCOPED(trial_freep) made = trial_new(&mutant, 2);
	struct trial *SCOPED(trial_freep) read = NULL;

	test_case(!trial_load(dir, &mutant, 2, NULL), "no record yet");
	made->stage[TIER_USER] = (struct stage){g_strdup("fuzz"), 9, -1, 0};
	trial_see(made, "noise", TIER_VM, 0.5);
	trial_see(made, "noise", TIER_USER, 1.25);
	g_hash_table_add(ignored, (char *)"vm: noise");
	made->vm_k = 2;
	made->vm_n = 3;
	trial_judge(made, ignored);
	test_case(trial_save(made, dir, NULL), "a record is written");
	read = trial_load(dir, &mutant, 2, NULL);
	g_assert(read);
	trial_judge(read, ignored);
	test_case(read->status == TRIAL_DETECTED &&
			  read->first->tier == TIER_USER &&
			  read->first->seconds > 1.2,
		"the first sighting that is no false finding detects");
	test_case(read->stage[TIER_USER].programs > 8 &&
			  !read->stage[TIER_VM].command && read->vm_k == 2 &&
			  read->vm_n == 3,
		"a record tells of its tiers");
	g_hash_table_add(ignored, (char *)"user: noise");
	trial_judge(read, ignored);
	test_case(read->status == TRIAL_MISSED && !read->first,
		"titles of the kernel without a bug detect nothing");
	read->first = read->seen->pdata[1];
	read->first->is_own = TRUE;
	test_case(trial_save(read, dir, NULL), "a record is written again");
	trial_free(g_steal_pointer(&read));
	read = trial_load(dir, &mutant, 2, NULL);
	trial_judge(read, ignored);
	test_case(read->status == TRIAL_DETECTED &&
			  read->first->tier == TIER_USER,
		"but by a program that shows nothing there");
	test_case(bench_plan_check(dir, "budget: 1 s\n", NULL) &&
			  bench_plan_check(dir, "budget: 1 s\n", NULL) &&
			  !bench_plan_check(dir, "budget: 2 s\n", NULL),
		"a run goes on with its own plan only");
}

static const struct {
	const char *why, *peer, *mutant;
	enum tier tier;
	const char
		*want; /* kernel, mutant and what is special; then the rest */
} commands[] = {
	{"the fuzzer in processes has the mutant from the start", NULL, "m",
		TIER_USER, "P fuzz --kernel=k:user --append=a=1 rmap_mutant=m"},
	{"in VMs it is switched on in clones", NULL, "m", TIER_VM,
		"P fuzz --kernel=k:kasan --append=a=1 --set=" MUTANT_FILE "=m"},
	{"the kernel without a bug has nothing set", "stress-ng", UNMUTATED,
		TIER_VM, "P stress --kernel=k:kasan --append=a=1"},
	{"stressors", "stress", "m", TIER_VM,
		"P stress --kernel=k:kasan --append=a=1 --set=" MUTANT_FILE
		"=m"},
	{"selftests", "selftests", "m", TIER_VM,
		"P selftests --kernel=k:kasan --append=a=1 --set=" MUTANT_FILE
		"=m"},
};
static const char *const command_more[] = {" --replays=0", " --replays=0",
	" --peer=stress-ng", " --no-shrink", ""};

static void test_command(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
		const struct search search = {.name = (char *)"k",
			.vm = (char *)"k:kasan",
			.append = "a=1",
			.peer = commands[i].peer};
		struct trial trial = {
			.name = (char *)commands[i].mutant, .seed = 7};
		const struct turn turn = {
			&search, &trial, commands[i].tier, "d", NULL, 30, 2};
		g_autoptr(GPtrArray) args = search_command(&turn, "P");
		g_autofree char *line = g_strjoinv(" ", (char **)args->pdata);
		g_autofree char *want = g_strdup_printf(
			"%s --max-runtime=30s --seed=7 --stop-after=2%s "
			"--out=d/out --json=d/result.json",
			commands[i].want, command_more[i]);

		if (strcmp(line, want))
			printf("# %s\n# %s\n", line, want);
		test_case(!strcmp(line, want), commands[i].why);
	}
}

static void test_peers(void)
{
	g_autofree char *all = search_peers();

	test_case(
		!strcmp(all, "stress, stress-ng, selftests"), "peers are told");
	test_case(search_known("stress-ng") && search_known("selftests") &&
			  !search_known("fuzz") && !search_known("nobody"),
		"the fuzzer is no peer, and a name that nobody has is none");
}

/* Each name of the table is chosen somewhere in its kernel's patch, and the
 * other way round. */
static void test_patch(const char *kernel)
{
	g_autofree char *path = g_strdup_printf(MUTANTS "%s.patch", kernel);
	g_autoptr(GPtrArray) rows =
		bench_table_load(MUTANTS "mutants.tsv", kernel, NULL);
	g_autofree char *patch = NULL;
	guint missing = 0, nr = 0;

	g_assert(g_file_get_contents(path, &patch, NULL, NULL));
	for (guint i = 0; rows && i < rows->len; i++) {
		const struct mutant *mutant = rows->pdata[i];
		g_autofree char *use =
			g_strdup_printf("rmap_mutant(%s)", mutant->name);
		g_autofree char *name =
			g_strdup_printf("\n+\tX(%s)", mutant->name);

		if (strstr(patch, use) && strstr(patch, name))
			continue;
		printf("# %s: %s\n", kernel, mutant->name);
		missing++;
	}
	for (const char *at = patch; (at = strstr(at, "\n+\tX(")); at++)
		nr++;
	printf("# %s: %u rows, %u names\n", kernel, rows ? rows->len : 0, nr);
	test_case(rows && !missing && nr == rows->len,
		"table and patch of a kernel name the same bugs");
}

int main(void)
{
	g_autofree char *dir = g_dir_make_tmp("rmaptorture-XXXXXX", NULL);
	g_autoptr(GDir) patches = g_dir_open(MUTANTS, 0, NULL);
	const char *name;

	g_assert(dir && patches);
	test_table(dir);
	test_sample(dir);
	test_record(dir);
	test_command();
	test_peers();
	while ((name = g_dir_read_name(patches))) {
		g_autofree char *kernel = g_strndup(name, strcspn(name, "."));

		if (g_str_has_suffix(name, ".patch") &&
			strcmp(kernel, "rmap_mutant"))
			test_patch(kernel);
	}
	dir_remove(dir);
	return test_end();
}
