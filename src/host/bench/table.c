/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/bench/bench.h"

#include <string.h>

enum column { NAME, KERNEL, CLASS, WHERE, COLUMNS };

static const char *const column_names[COLUMNS] = {
	[NAME] = "name",
	[KERNEL] = "kernel",
	[CLASS] = "class",
	[WHERE] = "file:function",
};

static void mutant_free(gpointer item)
{
	struct mutant *mutant = item;

	g_free(mutant->name);
	g_free(mutant->class);
	g_free(mutant->where);
	g_free(mutant);
}

/* Where each column is, -1: the table has none. */
static gboolean read_heading(
	const char *path, const char *line, int *place, GError **error)
{
	g_auto(GStrv) words = NULL;

	for (int i = 0; i < COLUMNS; i++)
		place[i] = -1;
	if (line && g_str_has_prefix(line, "# "))
		words = g_strsplit(line + 2, "\t", -1);
	for (int at = 0; words && words[at]; at++) {
		for (int i = 0; i < COLUMNS; i++) {
			if (!strcmp(words[at], column_names[i]))
				place[i] = at;
		}
	}
	if (place[NAME] >= 0)
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"'%s' is no table of mutants: its first line must name the "
		"columns behind '# ', separated by tabs, 'name' among them",
		path);
	return FALSE;
}

static const char *cell(char **words, int place)
{
	if (place < 0 || (guint)place >= g_strv_length(words))
		return "";
	return words[place];
}

static gboolean is_for(char **words, int place, const char *kernel)
{
	g_auto(GStrv) kernels = g_strsplit(cell(words, place), ",", -1);

	return place < 0 ||
	       g_strv_contains((const char *const *)kernels, kernel);
}

/* The name goes to a kernel's command line and into file names. */
static gboolean name_is_word(const char *name)
{
	if (!name[0] || !strcmp(name, UNMUTATED))
		return FALSE;
	for (; *name; name++) {
		if (!g_ascii_isalnum(*name) && !strchr("_.+-", *name))
			return FALSE;
	}
	return TRUE;
}

static gboolean add_row(GPtrArray *mutants, char **words, const int *place,
	const char *path, guint line, GError **error)
{
	const char *class = cell(words, place[CLASS]);
	struct mutant *mutant;

	if (!name_is_word(cell(words, place[NAME]))) {
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"%s:%u: '%s' is not the name of a mutant", path, line,
			cell(words, place[NAME]));
		return FALSE;
	}
	mutant = g_new0(struct mutant, 1);
	mutant->name = g_strdup(cell(words, place[NAME]));
	mutant->class = g_strdup(class[0] ? class : "-");
	mutant->where = g_strdup(cell(words, place[WHERE]));
	g_ptr_array_add(mutants, mutant);
	return TRUE;
}

GPtrArray *bench_table_load(
	const char *path, const char *kernel, GError **error)
{
	g_autoptr(GPtrArray) mutants =
		g_ptr_array_new_with_free_func(mutant_free);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	int place[COLUMNS];

	if (!g_file_get_contents(path, &text, NULL, error))
		return NULL;
	lines = g_strsplit(text, "\n", -1);
	if (!read_heading(path, lines[0], place, error))
		return NULL;
	for (guint i = 1; lines[i]; i++) {
		g_auto(GStrv) words = NULL;

		if (!lines[i][0] || lines[i][0] == '#')
			continue;
		words = g_strsplit(lines[i], "\t", -1);
		if (is_for(words, place[KERNEL], kernel) &&
			!add_row(mutants, words, place, path, i + 1, error))
			return NULL;
	}
	if (mutants->len)
		return g_steal_pointer(&mutants);
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"'%s' has no mutants of the kernel '%s'", path, kernel);
	return NULL;
}

gboolean bench_table_names(
	GPtrArray *mutants, const char *names, GError **error)
{
	g_auto(GStrv) words = g_strsplit(names, ",", -1);
	guint found = 0;

	for (guint i = 0; i < mutants->len;) {
		const struct mutant *mutant = mutants->pdata[i];

		if (g_strv_contains((const char *const *)words, mutant->name)) {
			found++;
			i++;
		} else {
			g_ptr_array_remove_index(mutants, i);
		}
	}
	if (found == g_strv_length(words))
		return TRUE;
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"--name '%s': %u of %u names are in the table", names, found,
		g_strv_length(words));
	return FALSE;
}

/* --- a sample ---------------------------------------------------------------
 */

/* struct stratum - a class: @all rows, @take of them are drawn */
struct stratum {
	const char *class;
	guint all, take;
	double left; /* of its share, what was rounded off */
};

static GArray *strata_of(const GPtrArray *mutants)
{
	GArray *strata = g_array_new(FALSE, TRUE, sizeof(struct stratum));

	for (guint i = 0; i < mutants->len; i++) {
		const struct mutant *mutant = mutants->pdata[i];
		struct stratum *stratum = NULL;

		for (guint s = 0; s < strata->len && !stratum; s++) {
			stratum = &g_array_index(strata, struct stratum, s);
			if (strcmp(stratum->class, mutant->class))
				stratum = NULL;
		}
		if (stratum) {
			stratum->all++;
		} else {
			struct stratum first = {/* rows go, and their strings */
				.class = g_intern_string(mutant->class),
				.all = 1};

			g_array_append_val(strata, first);
		}
	}
	return strata;
}

/* Whole shares first; what is left goes to the largest remainders. */
static void share_out(GArray *strata, guint total, guint n)
{
	guint taken = 0;

	for (guint s = 0; s < strata->len; s++) {
		struct stratum *at = &g_array_index(strata, struct stratum, s);
		double share = (double)n * at->all / total;

		at->take = (guint)share;
		at->left = share - at->take;
		taken += at->take;
	}
	for (; taken < n; taken++) {
		struct stratum *most =
			&g_array_index(strata, struct stratum, 0);

		for (guint s = 1; s < strata->len; s++) {
			struct stratum *at =
				&g_array_index(strata, struct stratum, s);

			if (at->left > most->left)
				most = at;
		}
		most->take++;
		most->left = -1;
	}
}

/* Selection sampling (Knuth, 3.4.2, algorithm S): a row stays with the chance
 * that the rest of its class needs it. */
void bench_table_sample(GPtrArray *mutants, guint n, guint64 seed)
{
	g_autoptr(GArray) strata = strata_of(mutants);
	struct rng rng;

	if (n >= mutants->len)
		return;
	rng_seed(&rng, seed);
	share_out(strata, mutants->len, n);
	for (guint i = 0; i < mutants->len;) {
		const struct mutant *mutant = mutants->pdata[i];
		struct stratum *at = &g_array_index(strata, struct stratum, 0);

		while (strcmp(at->class, mutant->class))
			at++;
		if (rng_below(&rng, at->all--) < at->take) {
			at->take--;
			i++;
		} else {
			g_ptr_array_remove_index(mutants, i);
		}
	}
}
