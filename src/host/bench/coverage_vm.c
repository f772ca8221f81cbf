/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/bench/coverage_vm.h"

#include <stdio.h>
#include <string.h>

#include "host/bench/lines.h"

#define VM_PROGRAMS 100 /* of one VM: what is lost when it dies */
#define ANSWER_MS   60000
#define STREAM_MAX  (16u << 20)

/* What the kernel counted while it booted is not the programs' doing. */
#define RESET "/sys/kernel/debug/gcov/reset=1"

/* struct walk - through the corpus; @next: the program to be run */
struct walk {
	const struct host_options *options;
	struct host_result *result;
	struct target *target;
	char *scratch;
	GPtrArray *progs;
	guint next, deaths;
	gint64 end;
	struct lines *lines;
};

/* A kernel that dies takes its counts along: those programs are run again, but
 * for the one that killed it. */
static void note_death(
	struct walk *walk, const struct judgment *judgment, guint from)
{
	const struct named_prog *named = walk->progs->pdata[walk->next - 1];

	walk->deaths++;
	printf("  %s\n    killed it: %s; left out\n", judgment->title,
		named->name);
	host_result_finding(walk->result, judgment->title, named->name, 1, 1);
	g_ptr_array_remove_index(walk->progs, walk->next - 1);
	walk->next = from;
}

static void fail(GError **error, const char *why)
{
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"reading the counts of gcov: %s", why);
}

/* All chunks of the stream, one request each. */
static GByteArray *stream_take(struct guest *guest, GError **error)
{
	static struct prog_result result;
	static const struct prog none; /* the request runs none */
	g_autoptr(GByteArray) stream = g_byte_array_new();
	const struct slot_lane *lane = &guest->slot->lane[0];
	struct why why = {"the guest died"};
	guint32 total;

	do {
		struct slot_request request = {
			.command = SLOT_GCOV, .number = stream->len};

		if (guest_run(guest, 0, &request, &none, &result, NULL,
			    ANSWER_MS, &why) != GUEST_DONE) {
			fail(error, why.text);
			return NULL;
		}
		total = __atomic_load_n(&lane->number, __ATOMIC_ACQUIRE);
		if (!total || total > STREAM_MAX) {
			fail(error, "it has none: want the profile gcov");
			return NULL;
		}
		g_byte_array_append(stream, lane->map,
			MIN(SLOT_MAP_BYTES, total - MIN(total, stream->len)));
	} while (stream->len < total);
	return g_steal_pointer(&stream);
}

/* Some programs on one VM, one after the other; then what it counted. */
static gboolean walk_vm(struct walk *walk, GError **error)
{
	static struct prog_result result;
	struct guest *SCOPED(guest_freep) guest =
		guest_fresh(walk->target, walk->scratch, error);
	g_autoptr(GByteArray) stream = NULL;
	const guint from = walk->next;

	while (guest && walk->next < walk->progs->len &&
		walk->next < from + VM_PROGRAMS &&
		g_get_monotonic_time() < walk->end) {
		struct named_prog *named = walk->progs->pdata[walk->next++];
		struct judgment judgment;

		host_progress(walk->options, TRUE, "program %u of %u",
			walk->next, walk->progs->len);
		switch (guest_judge(walk->target, guest, &named->prog, &result,
			&judgment)) {
		case GUEST_DONE:
			continue;
		case GUEST_DIED:
		case GUEST_SILENT:
			note_death(walk, &judgment, from);
			return TRUE;
		case GUEST_LIED:
			g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN, "%s",
				judgment.title);
			return FALSE;
		}
	}
	if (guest)
		stream = stream_take(guest, error);
	return stream &&
	       lines_add(walk->lines, stream->data, stream->len, error);
}

static double share(guint part, guint of)
{
	return 100.0 * part / MAX(of, 1);
}

static void figures(struct host_result *result, const char *suffix,
	const struct lines_file *file)
{
	const struct {
		const char *name;
		guint value;
	} all[] = {
		{"lines_hit", file->lines_hit},
		{"lines_total", file->lines},
		{"branches_hit", file->branches_hit},
		{"branches_total", file->branches},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
		g_autofree char *name = g_strconcat(all[i].name, suffix, NULL);

		host_result_figure(result, name, all[i].value);
	}
}

/* "mm/rmap.c" -> "_rmap.c"; what is deeper keeps its folder */
static char *figure_suffix(const char *name)
{
	const char *slash = strchr(name, '/');

	return g_strconcat("_", slash ? slash + 1 : name, NULL);
}

static void print_file(const struct lines_file *file)
{
	printf("  %-26s %5u of %-5u %3.0f %%   %5u of %-5u %3.0f %%\n",
		file->name, file->lines_hit, file->lines,
		share(file->lines_hit, file->lines), file->branches_hit,
		file->branches, share(file->branches_hit, file->branches));
}

static void print_files(struct walk *walk)
{
	g_autoptr(GArray) files = lines_files(walk->lines);
	struct lines_file all = {.name = "all"};

	printf("\n  %-26s %-22s %s\n", "file", "lines", "branches");
	for (guint i = 0; i < files->len; i++) {
		const struct lines_file *file =
			&g_array_index(files, struct lines_file, i);
		g_autofree char *suffix = figure_suffix(file->name);

		all.lines += file->lines;
		all.lines_hit += file->lines_hit;
		all.branches += file->branches;
		all.branches_hit += file->branches_hit;
		figures(walk->result, suffix, file);
		print_file(file);
	}
	figures(walk->result, "", &all);
	print_file(&all);
}

static gboolean walk_all(
	struct walk *walk, const char *out, gint64 seconds, GError **error)
{
	g_autofree char *path = g_build_filename(out, "coverage.info", NULL);
	guint all = walk->progs->len;

	walk->end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
	while (walk->next < walk->progs->len &&
		g_get_monotonic_time() < walk->end) {
		if (!walk_vm(walk, error))
			return FALSE;
	}
	printf("  %u of %u programs counted%s\n", walk->next, all,
		walk->next < walk->progs->len ? ": the time is over" : "");
	print_files(walk);
	(void)g_mkdir_with_parents(out, 0755); /* writing tells of it */
	if (!lines_write(walk->lines, path, error))
		return FALSE;
	printf("\n%s: genhtml --branch-coverage makes pages of it\n", path);
	return TRUE;
}

static gboolean open_all(
	struct walk *walk, const char *kernel, char **corpus, GError **error)
{
	static char *set[] = {(char *)RESET, NULL};
	struct target_options t = {.kernel = (char *)kernel, .set = set};

	walk->progs = corpus ? programs_load((const char *const *)corpus, error)
			     : programs_ours(error);
	if (!walk->progs)
		return FALSE;
	walk->scratch = host_scratch(error);
	if (!walk->scratch)
		return FALSE;
	walk->target = target_open(&t, walk->options, error);
	if (!walk->target)
		return FALSE;
	walk->lines = lines_new(walk->target->kernel_dir, walk->scratch);
	return TRUE;
}

static int report(
	struct walk *walk, const char *out, gint64 seconds, GError **error)
{
	const struct target *target = walk->target;

	walk->result = host_result_new("bench coverage", walk->options);
	host_result_kernel(
		walk->result, target->name, target->profile, target->build_id);
	printf("%s:%s  (%s)\n\n", target->name, target->profile,
		target->release);
	if (!walk_all(walk, out, seconds, error))
		return host_result_end(walk->result, EXIT_BROKEN);
	return host_result_end(
		walk->result, walk->deaths ? EXIT_FINDING : EXIT_CLEAN);
}

int coverage_vm(const char *kernel, char **corpus, const char *out,
	gint64 seconds, const struct host_options *options)
{
	struct walk walk = {.options = options};
	g_autoptr(GError) error = NULL;
	int status = EXIT_CLEAN;

	if (open_all(&walk, kernel, corpus, &error))
		status = report(&walk, out, seconds, &error);
	if (error)
		status = host_fail("bench coverage", error);
	lines_free(walk.lines);
	target_free(walk.target);
	if (walk.scratch)
		host_scratch_free(walk.scratch);
	g_clear_pointer(&walk.progs, g_ptr_array_unref);
	return status;
}
