/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>

#include "load/load.h"

static const char *const work_names[WORK_NR] = {
#define WORK(id, text) text,
#include "load/counters.def"
};

static const char *const vmstat_names[VMSTAT_NR] = {
#define VMSTAT(id) #id,
#include "load/counters.def"
};

static const char *const latency_names[LATENCY_NR] = {
#define LATENCY(id) #id,
#include "load/counters.def"
};

const char *work_name(enum work work)
{
	return work_names[work];
}

const char *vmstat_name(enum vmstat vmstat)
{
	return vmstat_names[vmstat];
}

const char *latency_name(enum latency latency)
{
	return latency_names[latency];
}

const char *stress_outcome_name(enum stress_outcome outcome)
{
	static const char *const names[STRESS_OUTCOMES] = {
		"-", "pass", "skip", "BROKEN", "FINDING"};

	return names[outcome];
}

void board_init(struct board *board, uint32_t rows_hash)
{
	board->magic = BOARD_MAGIC;
	board->version = BOARD_VERSION;
	board->rows_hash = rows_hash;
}

void board_set(struct board *board, const char *lines)
{
	size_t len = min_size(strlen(lines), BOARD_SETTINGS - 1);

	memcpy(board->settings, lines, len);
	board->settings[len] = '\0';
}

int board_accept(const struct board *board, uint32_t rows_hash, struct why *why)
{
	if (board->magic != BOARD_MAGIC || board->version != BOARD_VERSION)
		return why_set(why, -EPROTO,
			"the shared memory is no board of version %d: host "
			"and guest program are of different builds",
			BOARD_VERSION);
	if (board->rows_hash != rows_hash)
		return why_set(why, -EPROTO,
			"host and guest program know different stressors: "
			"build both anew");
	return 0;
}

static void make_printable(char *text, size_t cap)
{
	text[cap - 1] = '\0';
	for (; *text; text++) {
		if (((unsigned char)*text < ' ' && *text != '\n') ||
			(unsigned char)*text >= 127)
			*text = '?';
	}
}

static void make_line(char *text, size_t cap)
{
	make_printable(text, cap);
	for (; *text; text++) {
		if (*text == '\n')
			*text = ' ';
	}
}

static void finding_take(struct board_finding *finding)
{
	if (finding->claimed != 2)
		finding->claimed = 0;
	if (finding->stressor > BOARD_STRESSORS)
		finding->stressor = BOARD_STRESSORS;
	make_line(finding->kind, sizeof(finding->kind));
	make_line(finding->detail, sizeof(finding->detail));
	make_printable(finding->history, sizeof(finding->history));
}

void board_take(const struct board *board, struct board *ret)
{
	memcpy(ret, board, sizeof(*ret));
	if (ret->state > BOARD_BROKEN)
		ret->state = BOARD_BROKEN;
	make_line(ret->release, sizeof(ret->release));
	make_line(ret->message, sizeof(ret->message));
	finding_take(&ret->finding);
	for (uint32_t i = 0; i < BOARD_STRESSORS; i++) {
		struct board_stressor *stressor = &ret->stressor[i];

		if (stressor->outcome >= STRESS_OUTCOMES)
			stressor->outcome = STRESS_BROKEN;
		make_line(stressor->reason, sizeof(stressor->reason));
	}
}

static void stressor_add(
	struct board_stressor *sum, const struct board_stressor *more)
{
	if (more->outcome != STRESS_NONE) {
		sum->outcome = more->outcome;
		memcpy(sum->reason, more->reason, sizeof(sum->reason));
	}
	sum->ooms += more->ooms;
	for (uint32_t i = 0; i < WORK_NR; i++)
		sum->work[i] += more->work[i];
	for (uint32_t l = 0; l < LATENCY_NR; l++) {
		for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
			sum->latency[l][i] += more->latency[l][i];
	}
}

void board_add(struct board *sum, const struct board *more)
{
	sum->rounds += more->rounds;
	sum->pauses += more->pauses;
	sum->checks += more->checks;
	for (uint32_t i = 0; i < VMSTAT_NR; i++)
		sum->vmstat[i] += more->vmstat[i];
	for (uint32_t i = 0; i < BOARD_STRESSORS; i++)
		stressor_add(&sum->stressor[i], &more->stressor[i]);
}

void board_title(
	const struct board_finding *finding, const char *name, struct text *out)
{
	text_addf(out, "rmaptorture: %s", finding->kind);
	if (name)
		text_addf(out, " in %s", name);
}
