/* SPDX-License-Identifier: GPL-2.0-only */
#include "campaign/campaign.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "test.h"

static const char good[] = "# a night\n"
			   "[campaign]\n"
			   "max-runtime=8h\n"
			   "round=5m\n"
			   "disk=2G\n"
			   "exchange=all\n"
			   "known=old\n"
			   "engine=libfuzzer,afl\n"
			   "\n"
			   "[kernel vanilla:user]\n"
			   "share=2\n"
			   "[kernel vanilla:kasan]\n"
			   "append=anon_vma_lazy=on\n"
			   "[stress vanilla:kasan]\n"
			   "stressor=mix\n";

static const struct {
	const char *why, *text, *words;
} bad[] = {
	{"an unknown key is an error with its line and what there is",
		"[campaign]\nvms=1\nmax-runtim=8h\n[kernel a:user]\n",
		"night.conf:3:|max-runtim|max-runtime, round"},
	{"so is one of a kernel", "[kernel a:user]\n\nshares=2\n",
		"night.conf:3:|shares|share, append"},
	{"so is an unknown group", "[campaign]\n[kernels]\nx=1\n",
		"night.conf:2:|[kernels]"},
	{"a time is a time", "[campaign]\nmax-runtime=8 hours\n",
		"night.conf:2:|8 hours|8h"},
	{"the tier without a VM has no stressors", "[stress a:user]\n",
		"night.conf:1:|boots"},
	{"a number is a number", "[campaign]\nvms=two\n", "night.conf:2:|two"},
	{"a share is not 0", "[kernel a:user]\nshare=0\n",
		"night.conf:2:|1 to 1000"},
	{"a kernel has a profile", "[campaign]\n[kernel vanilla]\n",
		"night.conf:2:|NAME:PROFILE"},
	{"a campaign has a kernel", "[campaign]\nvms=1\n",
		"night.conf|[kernel vanilla:user]"},
	{"a line that is no line is told", "[campaign]\nvms\n", "night.conf"},
};

static char *put(const char *dir, const char *text)
{
	char *path = g_build_filename(dir, "night.conf", NULL);

	(void)g_file_set_contents(path, text, -1, NULL);
	return path;
}

static void test_good(const char *dir)
{
	g_autofree char *path = put(dir, good);
	struct campaign_conf *SCOPED(campaign_conf_freep) conf =
		campaign_conf_load(path, NULL);
	const struct campaign_entry *user, *kasan, *stress;

	if (!test_case(conf && conf->entries->len == 3,
		    "each [kernel] and each [stress] is an entry"))
		return;
	user = conf->entries->pdata[0];
	kasan = conf->entries->pdata[1];
	test_case(conf->seconds == 8 * 3600 && conf->round == 300 &&
			  conf->disk_mib == 2048,
		"times and sizes have units");
	test_case(!strcmp(conf->exchange, "all") && !strcmp(conf->known, "old"),
		"a path is as it is written");
	test_case(!strcmp(conf->out, "night") && conf->replays == 5 &&
			  conf->vm_age == 1800,
		"what is left out has its default");
	test_case(user->share == 2 && kasan->share == 1 && !user->append &&
			  !strcmp(kasan->append, "anon_vma_lazy=on"),
		"shares and appends are of their kernel");
	stress = conf->entries->pdata[2];
	test_case(!strcmp(stress->stressor, "mix") && !kasan->stressor &&
			  strcmp(stress->name, kasan->name) != 0 &&
			  strcmp(stress->folder, kasan->folder) != 0,
		"a kernel may be fuzzed and stressed");
	test_case(!strcmp(kasan->folder, "vanilla-kasan"),
		"a folder has no colon in its name");
}

static void test_example(void)
{
	g_autoptr(GError) error = NULL;
	struct campaign_conf *SCOPED(campaign_conf_freep) conf =
		campaign_conf_load(
			RMAPTORTURE_SOURCE_DIR "/docs/night.conf", &error);

	test_case(conf && conf->entries->len == 5,
		"the example of the manual is one");
	if (error)
		printf("# %s\n", error->message);
}

static void test_bad(const char *dir)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *path = put(dir, bad[i].text);
		g_auto(GStrv) words = g_strsplit(bad[i].words, "|", -1);
		g_autoptr(GError) error = NULL;
		struct campaign_conf *conf = campaign_conf_load(path, &error);
		gboolean told = !conf && error;

		for (char **word = words; told && *word; word++)
			told = strstr(error->message, *word) != NULL;
		if (!test_case(told, bad[i].why) && error)
			printf("# %s\n", error->message);
		campaign_conf_free(conf);
	}
}

/* Each round takes what it takes; the shares must come out all the same. */
static void test_shares(const char *dir)
{
	g_autofree char *path =
		put(dir, "[kernel a:user]\nshare=2\n[kernel b:kasan]\nshare=3\n"
			 "[kernel c:locks]\n");
	struct campaign_conf *SCOPED(campaign_conf_freep) conf =
		campaign_conf_load(path, NULL);
	struct campaign_state *SCOPED(campaign_state_freep) state =
		campaign_state_new();
	static const double want[] = {2.0 / 6, 3.0 / 6, 1.0 / 6};
	double all = 0;
	gboolean fair = TRUE, every = TRUE;

	for (guint round = 0; round < 100; round++) {
		const struct campaign_entry *entry = campaign_next(conf, state);
		double took = 50 + round % 7 * 20;

		campaign_used(state, entry->name)->seconds += took;
		all += took;
		if (round == 2)
			every = campaign_used(state, "a:user")->seconds &&
				campaign_used(state, "b:kasan")->seconds &&
				campaign_used(state, "c:locks")->seconds;
	}
	for (guint i = 0; i < conf->entries->len; i++) {
		const struct campaign_entry *entry = conf->entries->pdata[i];
		double part = campaign_used(state, entry->name)->seconds / all;

		fair &= part > want[i] - 0.03 && part < want[i] + 0.03;
	}
	test_case(every, "each kernel has its turn before any has two");
	test_case(fair, "after 100 rounds each has its share, by 3 %");
}

static struct campaign_state *state_example(void)
{
	struct campaign_state *state = campaign_state_new();
	struct campaign_used *used = campaign_used(state, "vanilla:user");

	state->seconds = 1234.5;
	state->starts = 3;
	used->seconds = 600.25;
	used->rounds = 2;
	used->programs = 123456789012;
	used->deaths = 7;
	campaign_used(state, "vanilla:kasan")->edges = 42;
	return state;
}

static gboolean state_same(const struct campaign_state *state)
{
	const struct campaign_used *used;

	if (!state || state->used->len != 2 || state->starts != 3 ||
		state->seconds != 1234.5)
		return FALSE;
	used = state->used->pdata[0];
	return !strcmp(used->name, "vanilla:user") && used->seconds == 600.25 &&
	       used->rounds == 2 && used->programs == 123456789012 &&
	       used->deaths == 7 &&
	       ((struct campaign_used *)state->used->pdata[1])->edges == 42;
}

static struct campaign_state *reload(const char *path, GError **error)
{
	return campaign_state_load(path, error);
}

static void test_state(const char *dir)
{
	g_autofree char *path = g_build_filename(dir, "state", NULL);
	struct campaign_state *SCOPED(campaign_state_freep) state =
		state_example();
	struct campaign_state *SCOPED(campaign_state_freep) none =
		reload(path, NULL);
	struct campaign_state *SCOPED(campaign_state_freep) again = NULL;
	struct campaign_state *SCOPED(campaign_state_freep) kept = NULL;
	struct rlimit unlimited, none_left = {0, RLIM_INFINITY};
	g_autoptr(GError) error = NULL;

	test_case(none && !none->starts && !none->used->len,
		"a state that is not there is a new one");
	test_case(campaign_state_save(state, path, NULL), "it is saved");
	again = reload(path, NULL);
	test_case(state_same(again), "and comes back as it was");

	/* no byte can be written: as on a full disk */
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &unlimited);
	none_left.rlim_max = unlimited.rlim_max;
	setrlimit(RLIMIT_FSIZE, &none_left);
	test_case(!campaign_state_save(state, path, NULL),
		"where nothing can be written, that is an error");
	setrlimit(RLIMIT_FSIZE, &unlimited);
	kept = reload(path, NULL);
	test_case(state_same(kept), "and the state before is still there");

	(void)g_file_set_contents(path, "[campaign]\nsta", -1, NULL);
	test_case(!campaign_state_load(path, &error) &&
			  strstr(error->message, "remove it"),
		"what is no state is told, with what to do");
}

int main(void)
{
	g_autofree char *dir = g_dir_make_tmp("test_campaign-XXXXXX", NULL);
	const char *argv[] = {"rm", "-rf", dir, NULL};

	test_good(dir);
	test_example();
	test_bad(dir);
	test_shares(dir);
	test_state(dir);
	(void)g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
		NULL, NULL, NULL, NULL, NULL);
	return test_end();
}
