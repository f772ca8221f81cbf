/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mutator behind every engine, as a custom mutator library of AFL++.
 * afl-fuzz loads it into its own process, so that its inputs are texts of
 * programs and nothing else; RMAPTORTURE_CONTROL names the control block.
 * Source: docs/custom_mutators.md of AFL++ 4.04c.
 */
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mutator {
	const struct slot_control *control;
	struct schedule schedule;
	struct rng rng;
	uint8_t text[PROG_TEXT_MAX];
	/* while an entry of the queue is trimmed */
	struct prog kept, tried;
	uint32_t call, step;
};

void *afl_custom_init(void *afl, unsigned int seed);
void afl_custom_deinit(void *data);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t size, uint8_t **out,
	uint8_t *add, size_t add_size, size_t max_size);
int32_t afl_custom_init_trim(void *data, uint8_t *buf, size_t size);
size_t afl_custom_trim(void *data, uint8_t **out);
int32_t afl_custom_post_trim(void *data, unsigned char success);
const char *afl_custom_describe(void *data, size_t max_len);

static const struct slot_control *control_map(void)
{
	const char *path = getenv("RMAPTORTURE_CONTROL");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = MAP_FAILED;

	if (fd >= 0) {
		map = mmap(NULL, sizeof(struct slot_control), PROT_READ,
			MAP_SHARED, fd, 0);
		close(fd);
	}
	return map == MAP_FAILED ? NULL : map;
}

void *afl_custom_init(void *afl, unsigned int seed)
{
	struct mutator *mutator = calloc(1, sizeof(*mutator));
	struct why why;

	(void)afl;
	if (!mutator)
		return NULL;
	mutator->control = control_map();
	if (!mutator->control) {
		fprintf(stderr,
			"rmaptorture: no control block in RMAPTORTURE_CONTROL: "
			"`rmaptorture fuzz --engine afl` sets it\n");
		free(mutator);
		return NULL;
	}
	if (schedule_open(
		    getenv("RMAPTORTURE_CONTROL"), &mutator->schedule, &why)) {
		fprintf(stderr, "rmaptorture: %s\n", why.text);
		free(mutator);
		return NULL;
	}
	rng_seed(&mutator->rng, seed);
	return mutator;
}

void afl_custom_deinit(void *data)
{
	struct mutator *mutator = data;

	munmap((void *)mutator->control, sizeof(*mutator->control));
	free(mutator);
}

size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t size, uint8_t **out,
	uint8_t *add, size_t add_size, size_t max_size)
{
	struct mutator *mutator = data;
	size_t room = min_size(max_size, sizeof(mutator->text));

	size = min_size(size, room);
	memcpy(mutator->text, buf, size);
	*out = mutator->text;
	return engine_vary(&mutator->schedule, mutator->text, size, room, add,
		add_size, mutator->control->caps, rng_next(&mutator->rng));
}

const char *afl_custom_describe(void *data, size_t max_len)
{
	(void)data;
	(void)max_len;
	return "prog";
}

/* Trimming leaves out one call after the other, the last first. */
int32_t afl_custom_init_trim(void *data, uint8_t *buf, size_t size)
{
	struct mutator *mutator = data;

	if (prog_parse((const char *)buf, size, &mutator->kept, NULL))
		return 0;
	mutator->step = 0;
	mutator->call = mutator->kept.nr_calls;
	return mutator->call > 1 ? (int32_t)mutator->call : 0;
}

size_t afl_custom_trim(void *data, uint8_t **out)
{
	struct mutator *mutator = data;
	struct text text;

	mutator->tried = mutator->kept;
	prog_cut(&mutator->tried, --mutator->call, 1);
	text_init(&text, (char *)mutator->text, sizeof(mutator->text));
	prog_print(&mutator->tried, &text);
	*out = mutator->text;
	return text.len;
}

int32_t afl_custom_post_trim(void *data, unsigned char success)
{
	struct mutator *mutator = data;

	if (success)
		mutator->kept = mutator->tried;
	return (int32_t)++mutator->step;
}
