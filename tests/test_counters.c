/* SPDX-License-Identifier: GPL-2.0-only */
/* What a series counts of itself, from the texts that guests leave behind. */
#include "host/counters.h"

#include <string.h>

#include "test.h"

static guint64 of(GHashTable *counters, const char *name)
{
	const guint64 *sum = g_hash_table_lookup(counters, name);

	return sum ? *sum : G_MAXUINT64;
}

static GHashTable *sum_of(const char *globs, const char *const *texts)
{
	g_auto(GStrv) list = g_strsplit(globs, ";", 0);
	GHashTable *counters = counters_new();
	char text[2][SLOT_VMSTAT];

	for (; *texts; texts += 2) {
		for (guint i = 0; i < 2; i++) {
			memset(text[i], 'x', SLOT_VMSTAT);
			(void)g_strlcpy(text[i], texts[i], SLOT_VMSTAT);
		}
		counters_add(counters, list, text[0], text[1]);
	}
	return counters;
}

static void test_sum(void)
{
	static const char *const texts[] = {"pgfault 5\nlazy_a 10\nlazy_b 3\n",
		"pgfault 9\nlazy_a 25\nlazy_b 3\n", "lazy_a 10\nlazy_b 3\n",
		"lazy_a 12\nlazy_b 3\n", NULL};
	g_autoptr(GHashTable) sum = sum_of("lazy_*;other", texts);

	test_case(of(sum, "lazy_a") == 17, "what rose in two VMs is added");
	test_case(of(sum, "lazy_b") == 0, "what stayed is told as 0");
	test_case(g_hash_table_size(sum) == 2, "other names are left out");
}

static void test_hostile(void)
{
	static const char *const texts[] = {"", "lazy_a 25\n", "lazy_a 10\n",
		"", "lazy_a 10\nlazy_b 1\n", "lazy_a 9\nlazy_b -1\nlazy_c\n",
		NULL};
	g_autoptr(GHashTable) sum = sum_of("lazy_*", texts);
	static char whole[SLOT_VMSTAT];
	char star[] = "*", *globs[] = {star, NULL};

	test_case(g_hash_table_size(sum) == 0,
		"a guest that died before its texts, or wrote others, adds "
		"nothing");
	memset(whole, '1', sizeof(whole));
	counters_add(sum, globs, whole, whole);
	test_case(g_hash_table_size(sum) == 0, "a text without an end is cut");
}

int main(void)
{
	test_sum();
	test_hostile();
	return test_end();
}
