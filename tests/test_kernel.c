// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel module, on small trees made in a temporary folder: their Makefile
 * does what a kernel's does, as far as we can see it.
 */
#include "kernel/internal.h"
#include "kernel/kernel.h"

#include "test.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

/* allnoconfig takes all it is asked for; bzImage obeys words in mm/rmap.c. */
static const char makefile[] =
	"allnoconfig:\n"
	"\t@cp $(KCONFIG_ALLCONFIG) $(O)/.config\n"
	"bzImage:\n"
	"\t@mkdir -p $(O)/arch/x86/boot $(O)/include/config\n"
	"\t@echo '  CC      mm/rmap.o'\n"
	"\t@touch $(O)/half\n"
	"\t@if grep -q KILL mm/rmap.c; then kill -9 $$PPID; sleep 1; fi\n"
	"\t@if grep -q BAD mm/rmap.c; then \\\n"
	"\t\techo 'mm/rmap.c:1:1: error: BAD undeclared'; false; fi\n"
	"\t@if grep -q FULL mm/rmap.c; then \\\n"
	"\t\techo 'cc1: error: No space left on device'; false; fi\n"
	"\t@echo '  CC      mm/mremap.o'\n"
	"\t@cp mm/rmap.c $(O)/vmlinux\n"
	"\t@cp mm/rmap.c $(O)/arch/x86/boot/bzImage\n"
	"\t@cp mm/rmap.c $(O)/System.map\n"
	"\t@echo 6.12.0 > $(O)/include/config/kernel.release\n";

static const char body[] = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";

/* A patch that turns @from into @to; @to of @from's line of body. */
#define DIFF(from, to)                                                         \
	"--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,7 +1,7 @@\n one\n two\n"      \
	" three\n-" from "\n+" to "\n five\n six\n seven\n"

static void put(const char *dir, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *parent = g_path_get_dirname(path);

	if (g_mkdir_with_parents(parent, 0755) ||
		!g_file_set_contents(path, text, -1, NULL)) {
		printf("cannot write %s\n", path);
		exit(99);
	}
}

static char *get(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	char *text = NULL;

	(void)g_file_get_contents(path, &text, NULL, NULL);
	return text;
}

static bool has(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static char *folder(const char *top, const char *name)
{
	char *path = g_build_filename(top, name, NULL);

	if (g_mkdir_with_parents(path, 0755))
		exit(99);
	return path;
}

/* Does @error have @code and all the words of @words, split at '|'? */
static bool says(GError **error, int code, const char *words)
{
	g_auto(GStrv) list = g_strsplit(words, "|", 0);
	bool ok = *error && g_error_matches(*error, KERNEL_ERROR, code);

	for (char **word = list; ok && *word; word++)
		ok = strstr((*error)->message, *word);
	if (!ok)
		printf("# got: %s\n", *error ? (*error)->message : "no error");
	g_clear_error(error);
	return ok;
}

/* ---- rows ---- */

static const struct {
	const char *why, *text, *words;
} bad_rows[] = {
	{"an unknown key is an error that names file, row and key",
		"[a]\nbase=6.12\nspeed=9\n", "bad.conf|[a]|speed"},
	{"a row needs a source", "[a]\nharness=yes\n", "either base or src"},
	{"a row has one source", "[a]\nbase=6.1\nsrc=/x\n",
		"either base or src"},
	{"harness is yes or no", "[a]\nbase=6.1\nharness=maybe\n", "maybe"},
	{"a name is not a path", "[../a]\nbase=6.1\n", "../a"},
	{"what is no key file is told", "base=6.1\n", "bad.conf"},
};

static void test_rows(const char *top)
{
	g_autofree char *path = g_build_filename(top, "bad.conf", NULL);
	g_autoptr(GError) error = NULL;
	GPtrArray *rows;

	for (gsize i = 0; i < G_N_ELEMENTS(bad_rows); i++) {
		put(top, "bad.conf", bad_rows[i].text);
		rows = conf_parse(path, false, &error);
		test_case(!rows && says(&error, KERNEL_ERROR_USAGE,
					   bad_rows[i].words),
			bad_rows[i].why);
	}
	put(top, "good.conf", "[b]\nsrc=tree\nseries=x.mbox;y\n");
	g_free(path);
	path = g_build_filename(top, "good.conf", NULL);
	rows = conf_parse(path, true, &error);
	if (test_case(rows && rows->len == 1, "a good row is read")) {
		struct kernel_spec *spec = g_ptr_array_index(rows, 0);
		g_autofree char *want = g_build_filename(top, "y", NULL);

		test_case(!g_strcmp0(spec->series[1], want),
			"paths are relative to the file that names them");
		test_case(!spec->harness && spec->is_own,
			"the harness is off unless asked for");
	}
	g_clear_pointer(&rows, g_ptr_array_unref);
}

static const struct {
	const char *why, *name, *words;
} bad_names[] = {
	{"an unknown kernel is told, with those that are known", "nosuch",
		"nosuch|vanilla"},
	{"an unknown profile is told, with those that are known",
		"vanilla:slow", "slow|kasan"},
	{"a name with a slash is refused", "a/b", "a/b"},
};

static void test_names(const char *top)
{
	g_autofree char *tree = folder(top, "tree");
	g_autoptr(GError) error = NULL;
	struct kernel_spec *spec = NULL;

	put(tree, "Makefile", makefile);
	for (gsize i = 0; i < G_N_ELEMENTS(bad_names); i++)
		test_case(
			!kernel_spec_lookup(bad_names[i].name, &spec, &error) &&
				says(&error, KERNEL_ERROR_USAGE,
					bad_names[i].words),
			bad_names[i].why);
	test_case(kernel_spec_lookup("vanilla", &spec, NULL) &&
			  !strcmp(spec->profile, "kasan") && spec->mutants,
		"vanilla is a row, its default profile is kasan");
	g_clear_pointer(&spec, kernel_spec_free);
	spec = kernel_spec_new("mine:fast", NULL, tree, NULL, NULL, NULL);
	test_case(spec && kernel_spec_register(spec, NULL),
		"a kernel can be registered");
	g_clear_pointer(&spec, kernel_spec_free);
	test_case(kernel_spec_lookup("mine:locks", &spec, NULL) &&
			  !strcmp(spec->src_dir, tree) &&
			  !strcmp(spec->profile, "locks") && spec->is_own,
		"a registered kernel is found again, in any profile");
	g_clear_pointer(&spec, kernel_spec_free);
	spec = kernel_spec_new("vanilla", "6.1", NULL, NULL, NULL, NULL);
	test_case(!kernel_spec_register(spec, &error) &&
			  says(&error, KERNEL_ERROR_USAGE, "vanilla"),
		"a row's name cannot be taken");
	g_clear_pointer(&spec, kernel_spec_free);
	spec = kernel_spec_new("a", NULL, top, NULL, NULL, &error);
	test_case(!spec && says(&error, KERNEL_ERROR_USAGE, "no Makefile"),
		"a folder that is no source tree is refused");
}

/* ---- series ---- */

static const char mbox[] =
	"From a Mon Sep 17 00:00:00 2001\n"
	"Subject: [PATCH v2 2/2] mm: second\n\nwhy\n---\n" DIFF("4",
		"IV") "\n"
		      "From b Mon Sep 17 00:00:00 2001\n"
		      "Subject: [PATCH v2 0/2] cover\n\nFrom here on\nit is "
		      "prose\n\n"
		      "From c Mon Sep 17 00:00:00 2001\n"
		      "Subject: [PATCH v2\n 1/2] mm: first\n"
		      "Content-Transfer-Encoding: quoted-printable\n\n"
		      "a =3D b, and a soft=\n break\n---\n" DIFF("four", "4");

static char *names_of(GPtrArray *patches)
{
	GString *names = g_string_new(NULL);

	for (guint i = 0; i < patches->len; i++) {
		struct patch *patch = g_ptr_array_index(patches, i);

		g_string_append_printf(
			names, "%s-p%u ", patch->name, patch->strip);
	}
	return g_string_free(names, FALSE);
}

static void test_series(const char *top)
{
	g_autofree char *dir = folder(top, "series");
	g_autofree char *file = g_build_filename(dir, "x.mbox", NULL);
	g_autofree char *plain = folder(dir, "plain");
	g_autofree char *quilt = folder(dir, "quilt");
	g_autofree char *empty = folder(dir, "empty");
	g_autoptr(GPtrArray) one = series_new(), two = series_new();
	g_autoptr(GPtrArray) three = series_new(), none = series_new();
	g_autofree char *names = NULL, *order = NULL;
	g_autoptr(GError) error = NULL;
	struct patch *first;

	put(dir, "x.mbox", mbox);
	test_case(series_load(file, one, NULL) && one->len == 2,
		"an mbox: the cover letter is no patch, prose no separator");
	first = one->len ? g_ptr_array_index(one, 0) : NULL;
	test_case(first && strstr(first->text, "mm: first") &&
			  strstr(first->text, "a = b, and a soft break"),
		"an mbox is ordered by n/m and decoded");
	put(plain, "0002-b.patch", DIFF("4", "IV"));
	put(plain, "0001-a.patch", DIFF("four", "4"));
	put(plain, "notes.txt", "no patch");
	names = series_load(plain, two, NULL) ? names_of(two) : NULL;
	test_case(!g_strcmp0(names, "0001-a.patch-p1 0002-b.patch-p1 "),
		"a folder is ordered by name");
	put(quilt, "series", "# first\nz.patch -p0\n\na.patch # last\n");
	put(quilt, "z.patch", DIFF("four", "4"));
	put(quilt, "a.patch", DIFF("4", "IV"));
	order = series_load(quilt, three, NULL) ? names_of(three) : NULL;
	test_case(!g_strcmp0(order, "z.patch-p0 a.patch-p1 "),
		"a quilt series is ordered by its file, with -pN");
	test_case(!series_load(empty, none, &error) &&
			  says(&error, KERNEL_ERROR_PATCH, "empty"),
		"a folder without patches is an error");
	put(quilt, "series", "a.patch --fuzz\n");
	test_case(!series_load(quilt, none, &error) &&
			  says(&error, KERNEL_ERROR_PATCH, "--fuzz|a.patch"),
		"an unknown word in a quilt series is an error");
	put(dir, "prose", "no patch at all\n");
	g_free(file);
	file = g_build_filename(dir, "prose", NULL);
	test_case(!series_load(file, none, &error) &&
			  says(&error, KERNEL_ERROR_PATCH, "no patch in it"),
		"a file without a patch is an error");
}

static void test_split(const char *top)
{
	g_autofree char *dir = folder(top, "split");
	g_autofree char *file = g_build_filename(dir, "x.mbox", NULL);
	g_autofree char *to = g_build_filename(dir, "to", NULL);
	g_autofree char *none = g_build_filename(dir, "none", NULL);
	g_autofree char *quilt = folder(dir, "quilt");
	g_autoptr(GPtrArray) both = NULL, empty = NULL, odd = NULL;
	const struct kernel_patch *first, *second;
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	put(dir, "x.mbox", mbox);
	put(dir, "none", "");
	put(quilt, "series", "z.patch -p0\n");
	put(quilt, "z.patch", DIFF("four", "4"));
	both = kernel_series_split(file, to, NULL);
	if (!test_case(both && both->len == 2,
		    "a series is split into files of a patch each"))
		return;
	first = both->pdata[0];
	second = both->pdata[1];
	test_case(!strcmp(first->subject, "mm: first") &&
			  g_str_has_suffix(second->path, "/0002.patch"),
		"which have their subjects, without brackets, and numbers");
	test_case(g_file_get_contents(first->path, &text, NULL, NULL) &&
			  strstr(text, "a = b, and a soft break"),
		"and the decoded patch");
	empty = kernel_series_split(none, to, NULL);
	test_case(empty && !empty->len, "an empty file is an empty series");
	odd = kernel_series_split(quilt, to, &error);
	test_case(!odd && says(&error, KERNEL_ERROR_PATCH, "-p0|-p1"),
		"one that is not -p1 is an error");
}

static const struct {
	const char *why, *name, *text, *words;
} bad_patches[] = {
	{"a hunk that does not apply is named", "wrong.patch",
		DIFF("nine", "9"), "wrong.patch|mm/rmap.c|hunk #1"},
	{"a file that is not there is named", "gone.patch",
		"--- a/mm/gone.c\n+++ b/mm/gone.c\n@@ -1 +1 @@\n-a\n+b\n",
		"gone.patch|mm/gone.c"},
	{"a patch that is applied already is told", "again.patch",
		DIFF("4", "four"), "again.patch|already"},
};

static void test_apply(const char *top)
{
	g_autofree char *tree = folder(top, "apply");
	g_autofree char *twin = g_build_filename(top, "twin", NULL);
	g_autofree char *real = NULL, *text = NULL, *other = NULL;
	struct patch patch = {.strip = 1};
	g_autoptr(GError) error = NULL;

	put(tree, "mm/rmap.c", body);
	real = g_build_filename(tree, "mm/rmap.c", NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(bad_patches); i++) {
		patch.name = (char *)bad_patches[i].name;
		patch.text = (char *)bad_patches[i].text;
		patch.len = strlen(patch.text);
		test_case(!patch_applies(&patch, tree, &error) &&
				  says(&error, KERNEL_ERROR_PATCH,
					  bad_patches[i].words),
			bad_patches[i].why);
	}
	patch.name = (char *)"good.patch";
	patch.text = (char *)DIFF("four", "4");
	patch.len = strlen(patch.text);
	test_case(!link(real, twin) && patch_applies(&patch, tree, NULL),
		"a good patch would apply");
	text = get(tree, "mm/rmap.c");
	test_case(!g_strcmp0(text, body), "asking changes nothing");
	test_case(patch_apply(&patch, tree, NULL), "a good patch applies");
	g_free(text);
	text = get(tree, "mm/rmap.c");
	other = get(top, "twin");
	test_case(text && strstr(text, "\n4\n") && !g_strcmp0(other, body),
		"a hard link of the patched file keeps its contents");
}

/* ---- configuration ---- */

static bool config_try(const char *top, const char *fragment,
	enum option_need need, char ***ret_lacks, GError **error)
{
	SCOPED(config_set_freep) struct config_set *set = config_set_new();
	g_autofree char *path = g_build_filename(top, "f.config", NULL);
	g_autofree char *dot = g_build_filename(top, "dot.config", NULL);

	put(top, "f.config", fragment);
	return config_set_add(set, path, need, error) &&
	       config_set_check(set, dot, top, ret_lacks, error);
}

static void test_config(const char *top)
{
	g_autofree char *dir = folder(top, "config");
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) lacks = NULL;

	put(dir, "mm/Kconfig",
		"config HWPOISON_INJECT\n\ttristate \"x\"\n"
		"\tdepends on MEMORY_FAILURE && \\\n\t\tPROC_FS\n"
		"if NUMA\nconfig KSM\n\tbool \"ksm\"\nendif\n"
		"config SWAP\n\tbool \"swap\"\n"
		"config KMSAN\n\tbool \"x\"\n\tdepends on !SWAP && !KSM\n");
	put(dir, "dot.config",
		"CONFIG_PROC_FS=y\nCONFIG_SWAP=y\n"
		"# CONFIG_KSM is not set\nCONFIG_NAME=\"a b\"\n");
	test_case(config_try(dir,
			  "# words\nCONFIG_SWAP=y\nCONFIG_NAME=\"a b\"\n"
			  "# CONFIG_KSM is not set\n# CONFIG_NONE is not set\n",
			  OPTION_MUST, &lacks, NULL) &&
			  !g_strv_length(lacks),
		"what stuck is no error, nor what was never there");
	test_case(!config_try(dir, "CONFIG_HWPOISON_INJECT=y\n", OPTION_SHIPPED,
			  &lacks, &error) &&
			  says(&error, KERNEL_ERROR_CONFIG,
				  "HWPOISON_INJECT|f.config|MEMORY_FAILURE && "
				  "PROC_FS|not set: MEMORY_FAILURE"),
		"an option that did not stick: on what it depends, and which "
		"of that is missing");
	test_case(
		!config_try(dir, "CONFIG_KSM=y\n", OPTION_SHIPPED, &lacks,
			&error) &&
			says(&error, KERNEL_ERROR_CONFIG, "KSM|not set: NUMA"),
		"an enclosing if is a dependency");
	test_case(!config_try(dir, "CONFIG_KMSAN=y\n", OPTION_SHIPPED, &lacks,
			  &error) &&
			  says(&error, KERNEL_ERROR_CONFIG,
				  "(depends on !SWAP && !KSM; set: SWAP)"),
		"an option that is set may stand in the way");
	test_case(!config_try(dir, "# CONFIG_SWAP is not set\n", OPTION_SHIPPED,
			  &lacks, &error) &&
			  says(&error, KERNEL_ERROR_CONFIG, "SWAP=n"),
		"an option that could not be switched off is an error");
	test_case(!config_try(dir, "CONFIG_TYPO=y\n", OPTION_MUST, &lacks,
			  &error) &&
			  says(&error, KERNEL_ERROR_CONFIG,
				  "TYPO|no such option"),
		"an option of the user that the source does not know is an "
		"error");
	test_case(!config_try(
			  dir, "CONFIG_SWAP\n", OPTION_MUST, &lacks, &error) &&
			  says(&error, KERNEL_ERROR_CONFIG, "f.config:1"),
		"a line that is no config line is an error");
	g_clear_pointer(&lacks, g_strfreev);
	test_case(config_try(dir, "CONFIG_NEW=y\n", OPTION_SHIPPED, &lacks,
			  NULL) &&
			  g_strv_length(lacks) == 1 &&
			  strstr(lacks[0], "CONFIG_NEW"),
		"an option of ours that the source does not know is told");
	g_clear_pointer(&lacks, g_strfreev);
	test_case(config_try(dir, "CONFIG_NEW=y\nCONFIG_KSM=y\n", OPTION_MAY,
			  &lacks, NULL) &&
			  g_strv_length(lacks) == 2 &&
			  strstr(lacks[0], "CONFIG_NEW") &&
			  strstr(lacks[1], "not set: NUMA"),
		"one that may be is told, with the reason");
	g_clear_pointer(&lacks, g_strfreev);
	test_case(config_try(dir, "# CONFIG_SWAP is not set\nCONFIG_SWAP=y\n",
			  OPTION_SHIPPED, &lacks, NULL),
		"the later line wins");
}

/* ---- key ---- */

/*
 * struct fixture - a kernel whose every input is a file of ours
 */
struct fixture {
	char *tree, *series, *fragment;
	struct kernel_spec *spec;
};

static void fixture_make(struct fixture *f, const char *top)
{
	f->tree = folder(top, "src");
	f->series = g_build_filename(top, "s.patch", NULL);
	f->fragment = g_build_filename(top, "own.config", NULL);
	put(f->tree, "Makefile", makefile);
	put(f->tree, "mm/rmap.c", body);
	put(top, "s.patch", DIFF("four", "4"));
	put(top, "own.config", "CONFIG_SWAP=y\n");

	const char *series[] = {f->series, NULL};
	const char *fragments[] = {f->fragment, NULL};

	f->spec =
		kernel_spec_new("mine", NULL, f->tree, series, fragments, NULL);
	if (!f->spec)
		exit(99);
}

static void fixture_clear(struct fixture *f)
{
	g_free(f->tree);
	g_free(f->series);
	g_free(f->fragment);
	kernel_spec_free(f->spec);
}

static char *key_of(const struct kernel_spec *spec)
{
	g_autoptr(GError) error = NULL;
	SCOPED(build_input_freep)
	struct build_input *input = build_input_new(spec, &error);

	if (!input)
		printf("# %s\n", error->message);
	return input ? g_strdup(input->key) : NULL;
}

/* Is the key another one than *@key? Becomes *@key. */
static bool key_moved(const struct kernel_spec *spec, char **key)
{
	char *now = key_of(spec);
	bool moved = now && g_strcmp0(now, *key);

	g_free(*key);
	*key = now;
	return moved;
}

static void test_key(const char *top)
{
	g_autofree char *dir = folder(top, "key"), *key = NULL;
	struct fixture f;

	fixture_make(&f, dir);
	test_case(key_moved(f.spec, &key) && strlen(key) == 16,
		"a key has 16 digits");
	test_case(!key_moved(f.spec, &key), "the same inputs, the same key");
	put(dir, "own.config", "CONFIG_SWAP=y\nCONFIG_KSM=y\n");
	test_case(key_moved(f.spec, &key), "a fragment is part of the key");
	put(dir, "s.patch", DIFF("four", "IV"));
	test_case(key_moved(f.spec, &key), "a patch is part of the key");
	put(f.tree, "mm/rmap.c", "other\n");
	test_case(key_moved(f.spec, &key), "a source file is part of the key");
	put(f.tree, "mm/new.c", "new\n");
	test_case(key_moved(f.spec, &key), "a new file is part of the key");
	put(f.tree, "mm/new.o", "object\n");
	put(f.tree, ".git/index", "index\n");
	test_case(!key_moved(f.spec, &key), "objects and .git are not");
	g_free(f.spec->profile);
	f.spec->profile = g_strdup("fast");
	test_case(key_moved(f.spec, &key), "the profile is part of the key");
	f.spec->harness = false;
	test_case(key_moved(f.spec, &key), "the harness is part of the key");
	g_clear_pointer(&f.spec->series[0], g_free);
	test_case(key_moved(f.spec, &key), "a missing series is another key");
	fixture_clear(&f);
}

/* ---- build ---- */

static void count_objects(const struct kernel_progress *progress, void *user)
{
	unsigned *done = user;

	*done = MAX(*done, progress->done);
}

static struct kernel *build(
	const struct kernel_spec *spec, unsigned *ret_done, GError **error)
{
	struct kernel *kernel = NULL;

	*ret_done = 0;
	if (!kernel_ensure(spec, count_objects, ret_done, &kernel, error))
		return NULL;
	return kernel;
}

static void test_build(const char *top)
{
	g_autofree char *dir = folder(top, "build"), *text = NULL;
	g_autoptr(GError) error = NULL;
	struct kernel *kernel;
	struct fixture f;
	unsigned done;

	fixture_make(&f, dir);
	test_case(!kernel_cached(f.spec), "nothing is cached before a build");
	kernel = build(f.spec, &done, &error);
	if (!test_case(kernel != NULL, "a kernel is built")) {
		printf("# %s\n", error->message);
		fixture_clear(&f);
		return;
	}
	test_case(done == 2, "its objects are counted");
	test_case(!strcmp(kernel->version, "6.12.0"), "its release is known");
	test_case(g_strv_length(kernel->refused_patches) > 0,
		"harness patches that do not apply are left out and told");
	text = get(kernel->dir, "vmlinux");
	test_case(text && strstr(text, "\n4\n"), "the series is in it");
	g_free(text);
	text = get(f.tree, "mm/rmap.c");
	test_case(!g_strcmp0(text, body), "the source tree is not modified");
	(void)g_unlink(kernel->vmlinux);
	kernel_free(kernel);
	test_case(!kernel_cached(f.spec), "an incomplete kernel is not used");
	kernel = build(f.spec, &done, NULL);
	test_case(kernel && done, "but built again");
	kernel_free(kernel);
	kernel = build(f.spec, &done, NULL);
	test_case(kernel && !done, "a complete one is taken from the cache");
	kernel_free(kernel);
	fixture_clear(&f);
}

/* What was not compiled again says what it said. */
static void test_warnings(const char *top)
{
	g_autoptr(GPtrArray) first = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) second = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) all = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) one = g_hash_table_new(g_str_hash, g_str_equal);
	struct output full = {.src = "/s", .warnings = first, .compiled = all};
	struct output part = {.src = "/s", .warnings = second, .compiled = one};

	warning_take(&full, "../src/mm/rmap.c:1:2: warning: of rmap");
	warning_take(&full, "kernel/kcov.o: warning: objtool: of kcov");
	warning_take(&full, "/s/mm/ksm.c:1:2: warning: of ksm");
	warning_take(&full, "/s/include/linux/mm.h:1:2: warning: of all");
	warning_take(&full, "  CC      mm/vma.o");
	warnings_carry(&full, top);
	test_case(first->len == 4, "warnings are told by path");
	g_hash_table_add(one, (char *)"mm/ksm.o");
	warning_take(&part, "mm/vma.c:1:2: warning: of vma");
	warnings_carry(&part, top);
	test_case(second->len == 3 &&
			  !strcmp(second->pdata[1],
				  "mm/rmap.c:1:2: warning: of rmap") &&
			  !strcmp(second->pdata[2],
				  "kernel/kcov.o: warning: objtool: of kcov"),
		"objects that were not compiled again keep theirs, others and "
		"headers do not");
}

/* A kernel that was last used two days ago, and is used again or not. */
static void test_prune(const char *top)
{
	struct utimbuf old = {.modtime = time(NULL) - 2 * 86400};
	g_autofree char *dir = folder(top, "prune"), *meta = NULL;
	struct kernel *kernel;
	struct fixture f;
	unsigned done;
	guint64 bytes;
	guint nr;

	fixture_make(&f, dir);
	kernel = build(f.spec, &done, NULL);
	meta = g_build_filename(kernel->dir, "kernel.json", NULL);
	(void)g_utime(meta, &old);
	kernel_free(kernel);
	kernel_free(build(f.spec, &done, NULL));
	test_case(kernel_prune(86400, &nr, &bytes, NULL) && !nr &&
			  kernel_ensure(f.spec, NULL, NULL, &kernel, NULL),
		"a kernel that was used is kept");
	(void)g_utime(meta, &old);
	test_case(kernel_prune(86400, &nr, &bytes, NULL) && nr == 1 && bytes &&
			  !kernel_cached(f.spec),
		"one that was not used is removed");
	kernel_free(kernel);
	fixture_clear(&f);
}

static const struct {
	const char *why, *source, *words;
	int code;
} bad_builds[] = {
	{"a compiler error comes with the last lines",
		"BAD\ntwo\nthree\nfour\nfive\nsix\nseven\n",
		"bzImage|mm/rmap.c:1:1: error: BAD undeclared",
		KERNEL_ERROR_BUILD},
	{"no space left is told as such",
		"FULL\ntwo\nthree\nfour\nfive\nsix\nseven\n", "no space left",
		KERNEL_ERROR_SPACE},
	{"a patch that does not apply stops the build",
		"one\ntwo\nthree\nfive\nsix\n", "s.patch|mm/rmap.c|hunk #1",
		KERNEL_ERROR_PATCH},
	{"a make that is killed is an error",
		"KILL\ntwo\nthree\nfour\nfive\nsix\nseven\n", "status 137",
		KERNEL_ERROR_BUILD},
};

static void test_bad_builds(const char *top)
{
	g_autofree char *dir = folder(top, "bad"), *obj = NULL, *sum = NULL;
	g_autoptr(GError) error = NULL;
	struct kernel *kernel;
	struct fixture f;
	unsigned done;

	fixture_make(&f, dir);
	put(dir, "s.patch",
		"--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -3,3 +3,3 @@\n three\n"
		"-four\n+4\n five\n");
	for (gsize i = 0; i < G_N_ELEMENTS(bad_builds); i++) {
		put(f.tree, "mm/rmap.c", bad_builds[i].source);
		kernel = build(f.spec, &done, &error);
		test_case(!kernel && says(&error, bad_builds[i].code,
					     bad_builds[i].words),
			bad_builds[i].why);
		test_case(!kernel_cached(f.spec), "and nothing is cached");
	}
	sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, f.tree, -1);
	sum[8] = '\0';
	g_free(dir);
	dir = g_strdup_printf("trees/%s-kasan-%s/obj", f.spec->name, sum);
	obj = cache_path(dir, NULL);
	put(obj, "stale", "cut short");
	put(f.tree, "mm/rmap.c", body);
	kernel = build(f.spec, &done, &error);
	test_case(kernel && !has(obj, "stale"),
		"after an interrupted build no object is trusted");
	kernel_free(kernel);
	fixture_clear(&f);
}

int main(void)
{
	g_autofree char *top = g_dir_make_tmp("rmaptorture-test-XXXXXX", NULL);
	g_autofree char *cache = g_build_filename(top, "cache", NULL);
	const char *rm[] = {"rm", "-rf", top, NULL};

	/* Before anybody asks GLib where the cache is. */
	g_setenv("XDG_CACHE_HOME", cache, TRUE);
	test_rows(top);
	test_names(top);
	test_series(top);
	test_split(top);
	test_apply(top);
	test_config(top);
	test_key(top);
	test_build(top);
	test_warnings(top);
	test_prune(top);
	test_bad_builds(top);
	(void)run_ok(rm, NULL);
	return test_end();
}
