/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engines as they are started by the host, against a guest that is a
 * thread of this test and whose coverage depends on the program alone: the
 * same corpus gives the same edges to each of them.
 */
#include "cover/cover.h"
#include "fuzz/fuzz.h"

#include <pthread.h>
#include <string.h>

#include "shared.h"
#include "test.h"

#define PROGRAMS      40
#define EDGES_OF_CALL 20

#define LIBFUZZER                                                              \
	RMAPTORTURE_BINARY_DIR "/rmaptorture-libfuzzer -runs=0 "               \
			       "-max_len=65536 corpus "                        \
			       "-ignore_remaining_args=1"
#define AFL                                                                    \
	"afl-showmap -C -i corpus -o map -- " RMAPTORTURE_BINARY_DIR           \
	"/rmaptorture-afl"

struct world {
	char dir[64];
	struct slot_control *control;
	struct slot *slot;
	volatile bool ends;
};

static void answer(struct slot *slot, uint32_t number, const struct prog *prog)
{
	struct slot_lane *lane = &slot->lane[0];
	uint64_t place = 0;

	memset(&lane->result, 0, sizeof(lane->result));
	memset(lane->map, 0, sizeof(lane->map));
	lane->map_bytes = SLOT_MAP_BYTES;
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		place ^= hash_bytes(&prog->call[i], sizeof(prog->call[i]));
		for (uint32_t e = 0; e < EDGES_OF_CALL; e++)
			lane->map[(place + e * 977) % SLOT_MAP_BYTES] = 1;
		lane->result.call[i].state = CALL_SKIPPED;
	}
	slot_answer(slot, 0, number);
}

static void *guest_main(void *user)
{
	struct world *w = user;
	struct slot_request request;
	static struct prog prog;
	uint32_t number;

	while (!w->ends) {
		number = slot_pending(w->slot, 0, &request, &prog);
		if (number)
			answer(w->slot, number, &prog);
		else
			usleep(50);
	}
	return NULL;
}

static void corpus_write(const struct world *w)
{
	char buf[PROG_TEXT_MAX], path[128];
	struct prog prog;
	struct text text;
	struct rng rng;
	FILE *file;

	for (uint32_t i = 0; i < PROGRAMS; i++) {
		rng_seed(&rng, i);
		prog_generate(&prog, 8, ~0u, &rng);
		text_init(&text, buf, sizeof(buf));
		prog_print(&prog, &text);
		snprintf(path, sizeof(path), "%s/corpus/%u", w->dir, i);
		file = fopen(path, "w");
		if (!file || fwrite(buf, 1, text.len, file) != text.len ||
			fclose(file))
			exit(99);
	}
}

static void world_open(struct world *w)
{
	char path[128];

	*w = (struct world){.dir = "/tmp/test_engines-XXXXXX"};
	if (!mkdtemp(w->dir))
		exit(99);
	snprintf(path, sizeof(path), "mkdir '%s/corpus'", w->dir);
	if (system(path))
		exit(99);
	corpus_write(w);
	w->control = map_shared(w->dir, "control", sizeof(*w->control));
	w->slot = map_shared(w->dir, "slot", SLOT_BYTES);
	slot_init(w->slot, 1);
	w->control->timeout_ms = 1000;
	w->control->caps = ~0u;
	w->control->generation = 2;
	snprintf(w->control->path, sizeof(w->control->path), "%s/slot", w->dir);
}

/* Runs the corpus on an engine, in the world's folder. Returns the edges, and
 * which in @seen; 0 when it failed. */
static size_t edges(const struct world *w, const char *engine,
	const char *command, uint8_t *seen)
{
	struct engine_stats *stats;
	char line[1024];
	size_t nr;

	snprintf(line, sizeof(line),
		"cd '%s' && %s --control=control --stats=%s --lane=0 "
		">%s.log 2>&1 </dev/null",
		w->dir, command, engine, engine);
	if (system(line)) {
		printf("# %s failed: see %s/%s.log\n", line, w->dir, engine);
		return 0;
	}
	stats = map_shared(w->dir, engine, sizeof(*stats));
	memcpy(seen, stats->seen, sizeof(stats->seen));
	nr = cover_edges(seen, sizeof(stats->seen));
	printf("# %s: %llu programs, %zu edges\n", engine,
		(unsigned long long)stats->programs, nr);
	munmap(stats, sizeof(*stats));
	return nr;
}

int main(void)
{
	static uint8_t by_libfuzzer[SLOT_MAP_BYTES], by_afl[SLOT_MAP_BYTES];
	static struct world w;
	pthread_t guest;
	bool same;

	if (system("command -v afl-showmap >/dev/null")) {
		printf("skipped: no afl-showmap: apt-get install afl++\n");
		return 77;
	}
	world_open(&w);
	if (pthread_create(&guest, NULL, guest_main, &w))
		return 99;
	same = edges(&w, "libfuzzer", LIBFUZZER, by_libfuzzer) &&
	       edges(&w, "afl", AFL, by_afl) &&
	       !memcmp(by_libfuzzer, by_afl, sizeof(by_afl));
	w.ends = true;
	pthread_join(guest, NULL);
	if (test_case(same, "both engines see the same edges of one corpus"))
		dir_remove(w.dir);
	return test_end();
}
