/* SPDX-License-Identifier: GPL-2.0-only */
/* The text form: parse and print. The grammar is told in prog.h. */
#include "prog/words.h"

#include <errno.h>
#include <string.h>

#define WANT_MAX 400 /* the names of all ops, or of all values of a set */

static bool parse_proc(struct word *word, uint32_t *ret)
{
	return eat_char(word, 'p') && eat_number(word, ret) &&
	       *ret < PROG_PROCS;
}

static int parse_actor(
	struct line *line, const struct word *word, struct call *call)
{
	struct word rest = *word;
	uint32_t proc, thread = 0;

	if (!parse_proc(&rest, &proc))
		return bad_word(line, word, "an actor, p0..p7 or p0.t1..p7.t3");
	if (rest.len && (!eat_char(&rest, '.') || !eat_char(&rest, 't') ||
				!eat_number(&rest, &thread) || thread == 0 ||
				thread >= PROG_THREADS || rest.len))
		return bad_word(line, word, "an actor, p0..p7 or p0.t1..p7.t3");
	call->proc = (uint8_t)proc;
	call->thread = (uint8_t)thread;
	return 0;
}

static int parse_range(
	struct line *line, const struct word *word, struct range *ret)
{
	static const char want[] = "a range, v0..v7[+PAGE]:PAGES with PAGE + "
				   "PAGES <= 1024, such as v1+8:16";
	struct word rest = *word;
	uint32_t slot, page = 0, pages;

	if (!eat_char(&rest, 'v') || !eat_number(&rest, &slot) ||
		slot >= PROG_SLOTS)
		return bad_word(line, word, want);
	if (eat_char(&rest, '+') && !eat_number(&rest, &page))
		return bad_word(line, word, want);
	if (!eat_char(&rest, ':') || !eat_number(&rest, &pages) || rest.len)
		return bad_word(line, word, want);
	if (page >= PROG_SLOT_PAGES || pages < 1 ||
		page + pages > PROG_SLOT_PAGES)
		return bad_word(line, word, want);
	*ret = (struct range){(uint16_t)slot, (uint16_t)page, (uint16_t)pages};
	return 0;
}

/* "one of none r rw", for an error */
static void list_values(
	enum value_set set, const char *before, struct text *out)
{
	uint32_t nr;
	const struct value *value = values_of(set, &nr);

	text_addf(out, "%s", before);
	for (uint32_t i = 0; i < nr; i++)
		text_addf(out, " %s", value[i].name);
}

static int bad_value(const struct line *line, const struct arg_desc *desc,
	const struct word *word)
{
	struct text text;
	char want[WANT_MAX];

	text_init(&text, want, sizeof(want));
	list_values(desc->set,
		desc->kind == ARG_FLAGS ? "0 or names joined by '|' of"
					: "one of",
		&text);
	return bad_word(line, word, want);
}

static bool find_value(
	enum value_set set, const struct word *word, uint64_t *ret)
{
	uint32_t nr;
	const struct value *value = values_of(set, &nr);

	for (uint32_t i = 0; i < nr; i++) {
		if (word_is(word, value[i].name)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static int parse_enum(struct line *line, const struct arg_desc *desc,
	const struct word *word, uint64_t *ret)
{
	return find_value(desc->set, word, ret) ? 0
						: bad_value(line, desc, word);
}

static int parse_flags(struct line *line, const struct arg_desc *desc,
	const struct word *word, uint64_t *ret)
{
	struct word rest = *word;
	uint64_t mask = 0, index = 0;

	*ret = 0;
	if (word_is(word, "0"))
		return 0;
	do {
		struct word name = {rest.at, 0};

		while (rest.len && *rest.at != '|') {
			rest.at++;
			rest.len--;
		}
		name.len = (size_t)(rest.at - name.at);
		if (!find_value(desc->set, &name, &index))
			return bad_value(line, desc, word);
		mask |= 1ull << index;
	} while (eat_char(&rest, '|'));
	*ret = mask;
	return 0;
}

static int parse_num(struct line *line, const struct arg_desc *desc,
	const struct word *word, uint64_t *ret)
{
	struct word rest = *word;
	size_t len = strlen(desc->name);
	struct text text;
	uint32_t num;
	char want[64];

	if (rest.len > len && memcmp(rest.at, desc->name, len) == 0) {
		rest.at += len;
		rest.len -= len;
		if (eat_char(&rest, '=') && eat_number(&rest, &num) &&
			!rest.len && num >= desc->min && num <= desc->max) {
			*ret = num;
			return 0;
		}
	}
	text_init(&text, want, sizeof(want));
	text_addf(&text, "%s=N, N from %u to %u", desc->name, desc->min,
		desc->max);
	return bad_word(line, word, want);
}

static int parse_child(
	struct line *line, const struct word *word, uint64_t *ret)
{
	struct word rest = *word;
	uint32_t proc;

	if (!parse_proc(&rest, &proc) || rest.len)
		return bad_word(line, word, "a process, p0..p7");
	*ret = proc;
	return 0;
}

static int parse_arg(
	struct line *line, const struct arg_desc *desc, union arg *ret)
{
	struct word word;

	if (desc->kind == ARG_NONE)
		return 0;
	word = next_word(line);
	switch (desc->kind) {
	case ARG_RANGE:
		return parse_range(line, &word, &ret->range);
	case ARG_ENUM:
		return parse_enum(line, desc, &word, &ret->num);
	case ARG_FLAGS:
		return parse_flags(line, desc, &word, &ret->num);
	case ARG_NUM:
		return parse_num(line, desc, &word, &ret->num);
	case ARG_ACTOR:
		return parse_child(line, &word, &ret->num);
	case ARG_NONE:
		break;
	}
	return 0;
}

static int parse_op(
	struct line *line, const struct word *word, struct call *call)
{
	struct text text;
	char want[WANT_MAX];

	for (uint32_t i = 0; i < OP_COUNT; i++) {
		if (word_is(word, ops[i].name)) {
			call->op = (uint8_t)i;
			return 0;
		}
	}
	text_init(&text, want, sizeof(want));
	text_addf(&text, "an op:");
	for (uint32_t i = 0; i < OP_COUNT; i++)
		text_addf(&text, " %s", ops[i].name);
	return bad_word(line, word, want);
}

static bool word_begins(const struct word *word, const char *name)
{
	size_t len = strlen(name);

	return word->len >= len && memcmp(word->at, name, len) == 0;
}

/* fail_nth=3 */
static int parse_fail(
	struct line *line, const struct word *word, struct call *call)
{
	struct word rest = *word;
	uint32_t nth;

	while (!eat_char(&rest, '='))
		(void)eat_char(&rest, *rest.at);
	if (!eat_number(&rest, &nth) || rest.len || !nth || nth > UINT8_MAX)
		return bad_word(
			line, word, "fail_nth=N or fail_from=N, N up to 255");
	call->fail = (uint8_t)nth;
	call->props &= (uint8_t)~CALL_FAIL_FROM;
	if (word_begins(word, "fail_from="))
		call->props |= CALL_FAIL_FROM;
	return 0;
}

/* Is @word a property? Returns 1, 0 or an error. */
static int parse_prop(
	struct line *line, const struct word *word, struct call *call)
{
	int err = 0;

	if (word_is(word, "async"))
		call->props |= CALL_ASYNC;
	else if (word_begins(word, "fail_nth=") ||
		 word_begins(word, "fail_from="))
		err = parse_fail(line, word, call);
	else
		return 0;
	return err ? err : 1;
}

/* A line whose first word @word is an actor. @stall->hit stays 0 without one.
 */
static int parse_call(struct line *line, struct word word, struct call *call,
	struct stall *stall)
{
	int err = parse_actor(line, &word, call);

	if (err)
		return err;
	do {
		word = next_word(line);
		err = parse_prop(line, &word, call);
	} while (err > 0);
	if (err)
		return err;
	err = parse_op(line, &word, call);
	for (uint32_t i = 0; !err && i < PROG_ARGS_MAX; i++)
		err = parse_arg(line, &ops[call->op].arg[i], &call->arg[i]);
	if (err)
		return err;
	word = next_word(line);
	if (word_begins(&word, "stall=")) {
		err = parse_stall(line, &word, stall);
		word = next_word(line);
	} else if (word_begins(&word, "meet=")) {
		err = parse_meeting(line, &word, stall);
		word = next_word(line);
	}
	if (err)
		return err;
	return word.len ? bad_word(line, &word, "the end of the line") : 0;
}

/** struct parsed - a program, and where in the text its stalls were */
struct parsed {
	struct prog prog;
	uint32_t line[PROG_STALLS_MAX];
};

static int add_stall(
	const struct line *line, struct parsed *parsed, struct stall *stall)
{
	struct prog *prog = &parsed->prog;

	if (prog->nr_stalls == PROG_STALLS_MAX)
		return why_set(line->why, -E2BIG,
			"line %u: more than %u stalls", line->number,
			PROG_STALLS_MAX);
	stall->call = (uint8_t)(prog->nr_calls - 1);
	parsed->line[prog->nr_stalls] = line->number;
	prog->stall[prog->nr_stalls++] = *stall;
	return 0;
}

/* A stall names a call that comes later, so it is judged at the end. */
static int check_stalls(const struct parsed *parsed, struct why *why)
{
	for (uint32_t i = 0; i < parsed->prog.nr_stalls; i++) {
		const struct stall *stall = &parsed->prog.stall[i];
		const char *flaw = stall_flaw(&parsed->prog, stall);

		if (flaw) {
			(void)why_set(why, 0, "line %u: '%s=%u': %s",
				parsed->line[i],
				stall_is_meeting(stall) ? "meet" : "until",
				stall->until, flaw);
			return -EINVAL;
		}
	}
	return 0;
}

static int parse_line(struct line *line, struct parsed *parsed)
{
	struct word word = next_word(line);
	struct prog *prog = &parsed->prog;
	struct stall stall = {0};
	struct call call = {0};
	int err;

	if (!word.len)
		return 0;
	err = parse_call(line, word, &call, &stall);
	if (err)
		return err;
	if (prog->nr_calls == PROG_CALLS_MAX)
		return why_set(line->why, -E2BIG, "line %u: more than %u calls",
			line->number, PROG_CALLS_MAX);
	prog->call[prog->nr_calls++] = call;
	return stall.hit ? add_stall(line, parsed, &stall) : 0;
}

int prog_parse(const char *text, size_t len, struct prog *ret, struct why *why)
{
	const char *end = text + len;
	struct line line = {.why = why};
	struct parsed parsed = {0};
	int err;

	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));

		line.at = text;
		line.end = eol ? eol : end;
		line.number++;
		err = parse_line(&line, &parsed);
		if (err)
			return err;
		text = line.end + 1;
		if (!eol)
			break;
	}
	err = check_stalls(&parsed, why);
	if (!err)
		*ret = parsed.prog;
	return err;
}

static void print_flags(
	const struct arg_desc *desc, uint64_t mask, struct text *out)
{
	uint32_t nr;
	const struct value *value = values_of(desc->set, &nr);
	const char *sep = "";

	if (!mask)
		text_add(out, "0", 1);
	for (uint32_t i = 0; i < nr; i++) {
		if (mask >> i & 1) {
			text_addf(out, "%s%s", sep, value[i].name);
			sep = "|";
		}
	}
}

static void print_arg(
	const struct arg_desc *desc, const union arg *arg, struct text *out)
{
	const struct range *range = &arg->range;
	uint32_t nr;

	switch (desc->kind) {
	case ARG_NONE:
		break;
	case ARG_RANGE:
		text_addf(out, " v%u", range->slot);
		if (range->page)
			text_addf(out, "+%u", range->page);
		text_addf(out, ":%u", range->pages);
		break;
	case ARG_ENUM:
		text_addf(out, " %s", values_of(desc->set, &nr)[arg->num].name);
		break;
	case ARG_FLAGS:
		text_add(out, " ", 1);
		print_flags(desc, arg->num, out);
		break;
	case ARG_NUM:
		text_addf(out, " %s=%u", desc->name, (uint32_t)arg->num);
		break;
	case ARG_ACTOR:
		text_addf(out, " p%u", (uint32_t)arg->num);
		break;
	}
}

void call_print(const struct prog *prog, uint32_t i, struct text *out)
{
	const struct call *call = &prog->call[i];
	const struct stall *stall = call_stall(prog, i);
	const struct op *op = &ops[call->op];

	text_addf(out, "p%u", call->proc);
	if (call->thread)
		text_addf(out, ".t%u", call->thread);
	if (call->props & CALL_ASYNC)
		text_addf(out, " async");
	if (call->fail)
		text_addf(out, " %s=%u",
			call->props & CALL_FAIL_FROM ? "fail_from" : "fail_nth",
			call->fail);
	text_addf(out, " %s", op->name);
	for (uint32_t k = 0; k < PROG_ARGS_MAX; k++)
		print_arg(&op->arg[k], &call->arg[k], out);
	if (stall)
		print_stall(stall, out);
}

void prog_print(const struct prog *prog, struct text *out)
{
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		call_print(prog, i, out);
		text_add(out, "\n", 1);
	}
}
