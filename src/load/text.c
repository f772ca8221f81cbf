/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load/load.h"

#define LIST_MAX 1024

void load_print(const struct load *load, const char *const *names, uint32_t nr,
	struct text *out)
{
	const char *comma = "";

	text_addf(out, "--stressor ");
	if (load->flags & LOAD_MIX)
		text_addf(out, "mix:");
	if (load->flags & LOAD_TURNS)
		text_addf(out, "turns:");
	for (uint32_t i = 0; i < nr; i++) {
		if (!(load->stressors >> i & 1))
			continue;
		text_addf(out, "%s%s", comma, names[i]);
		comma = ",";
	}
	text_addf(out, " --jobs %u --max-runtime %u --seed %llu", load->jobs,
		load->seconds, (unsigned long long)load->seed);
}

static int row_of(
	const char *name, size_t len, const char *const *names, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return (int)i;
	}
	return -1;
}

uint64_t load_set(const char *list, const char *const *names, uint32_t nr,
	struct why *why)
{
	uint64_t set = 0;

	if (!strcmp(list, "all"))
		return nr < 64 ? (1ull << nr) - 1 : ~0ull;
	for (;;) {
		size_t len = strcspn(list, ",");
		int row = row_of(list, len, names, nr);

		if (row < 0) {
			(void)why_set(
				why, 0, "no stressor '%.*s'", (int)len, list);
			return 0;
		}
		set |= 1ull << row;
		if (!list[len])
			return set;
		list += len + 1;
	}
}

static int parse_stressors(const char *value, const char *const *names,
	uint32_t nr, struct load *load, struct why *why)
{
	load->flags &= ~(uint32_t)(LOAD_MIX | LOAD_TURNS);
	if (!strncmp(value, "turns:", 6)) {
		load->flags |= LOAD_TURNS;
		value += 6;
	} else if (!strcmp(value, "all")) {
		load->flags |= LOAD_TURNS;
	} else if (!strncmp(value, "mix:", 4)) {
		load->flags |= LOAD_MIX;
		value += 4;
	} else if (!strcmp(value, "mix")) {
		load->flags |= LOAD_MIX;
		value = "all";
	}
	load->stressors = load_set(value, names, nr, why);
	return load->stressors ? 0 : -EINVAL;
}

static int parse_number(const char *word, const char *value, uint64_t max,
	uint64_t *ret, struct why *why)
{
	uint64_t number = 0;

	for (const char *at = value; *at; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (digit > 9 || number > (max - digit) / 10)
			return why_set(why, -EINVAL, "%s '%s'", word, value);
		number = number * 10 + digit;
	}
	if (!*value)
		return why_set(why, -EINVAL, "%s '%s'", word, value);
	*ret = number;
	return 0;
}

static int parse_word(const char *word, const char *value,
	const char *const *names, uint32_t nr, struct load *load,
	struct why *why)
{
	uint64_t number;
	int err;

	if (!strcmp(word, "--stressor"))
		return parse_stressors(value, names, nr, load, why);
	if (!strcmp(word, "--seed"))
		return parse_number(word, value, UINT64_MAX, &load->seed, why);
	err = parse_number(word, value, UINT32_MAX, &number, why);
	if (err)
		return err;
	if (!strcmp(word, "--jobs"))
		load->jobs = (uint32_t)number;
	else if (!strcmp(word, "--max-runtime"))
		load->seconds = (uint32_t)number;
	else
		return why_set(why, -EINVAL, "'%s' is no word of a load", word);
	return 0;
}

static const char *next_word(const char *text, char ret[LIST_MAX])
{
	size_t len;

	while (*text == ' ')
		text++;
	len = strcspn(text, " ");
	if (len >= LIST_MAX)
		len = LIST_MAX - 1;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return text + len;
}

int load_parse(const char *text, const char *const *names, uint32_t nr,
	struct load *ret, struct why *why)
{
	char word[LIST_MAX], value[LIST_MAX];
	struct load load = *ret;

	for (;;) {
		int err;

		text = next_word(text, word);
		if (!word[0])
			break;
		text = next_word(text, value);
		err = parse_word(word, value, names, nr, &load, why);
		if (err)
			return err;
	}
	*ret = load;
	return 0;
}
