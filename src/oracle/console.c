/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first line of a report says its kind (shapes.def), the lines after it
 * which function is to blame: the first one that is not a helper (symbols.c).
 * Where lines carry their caller, those of other tasks and CPUs are passed
 * over.
 */
#include "internal.h"

#include <string.h>

enum frame_from { NONE, HEAD, RIP, AT, TRACE };

/** struct shape - a row of shapes.def */
struct shape {
	const char *pattern;
	const char *title;
	enum frame_from from;
	bool cut;
};

#define SHAPE(p, t, f, ...)                                                    \
	{.pattern = (p), .title = (t), .from = (f), __VA_ARGS__},
#define QUIET(p) {.pattern = (p)},
static const struct shape shapes[] = {
#include "shapes.def"
};

#define LEAD_LINES   40	 /* a page dump and what else stands before a head */
#define REPORT_LINES 400 /* no report is longer */

/** struct scan - a report while it is read */
struct scan {
	const char *log;
	size_t len;
	const struct shape *shape;
	struct match match;
	struct line head;
	struct span function; /* the one for the title, len 0: not found */
	struct span fallback; /* a helper, better than nothing */
	struct span access;   /* "Read" or "Write" */
	struct span comm;
	bool in_trace, mixed, ended;
	size_t end;
};

static bool line_is_rule(struct span text, char c)
{
	size_t n = 0;

	while (n < text.len && text.s[n] == c)
		n++;
	return n >= 20 && n == text.len;
}

/* Does @text come before the line that says what happened? */
static bool line_leads(struct span text)
{
	static const char *const leads[] = {"------------[ cut here ]",
		"page: refcount:", "vma ffff", "mm ffff", "kernel tried to",
		"page dumped because:"};

	for (size_t i = 0; i < ARRAY_SIZE(leads); i++)
		if (span_starts(text, leads[i]))
			return true;
	return line_is_rule(text, '=') ||
	       (text.len && text.s[0] == '[' &&
		       span_find(text, " overwritten]") >= 0);
}

/* Most lines are no report's: told by their first byte, for speed */
static bool may_begin(const char *pattern, char first)
{
	return *pattern == first || *pattern == '%' || *pattern == '*';
}

static const struct shape *shape_find(struct span text, struct match *ret)
{
	if (!text.len || span_find(text, "rmap_mutant") >= 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (may_begin(shapes[i].pattern, text.s[0]) &&
			pattern_match(shapes[i].pattern, text, ret))
			return shapes[i].title ? &shapes[i] : NULL;
	return NULL;
}

/* The first line of @log that has a shape; @ret_start is where its report
 * begins, the dump before it included */
static bool head_find(struct scan *scan, size_t *ret_start)
{
	struct line line;
	size_t pos = 0, lead = 0, age = LEAD_LINES + 1;

	for (; line_read(scan->log, scan->len, pos, &line); pos = line.next) {
		if (++age > LEAD_LINES && line_leads(line.text)) {
			lead = line.start;
			age = 0;
		}
		scan->shape = shape_find(line.text, &scan->match);
		if (!scan->shape)
			continue;
		scan->head = line;
		*ret_start = age <= LEAD_LINES ? lead : line.start;
		return true;
	}
	return false;
}

/* A candidate for the title. True when it is one, and the search is over. */
static bool function_offer(struct scan *scan, struct span name)
{
	if (symbol_is_helper(name)) {
		if (!scan->fallback.len)
			scan->fallback = name;
		return false;
	}
	scan->function = name;
	return true;
}

static struct span span_from(struct span span, size_t n)
{
	return (struct span){span.s + n, span.len - n};
}

static void read_rip(struct scan *scan, struct span text)
{
	struct span name;
	long colon = span_find(text, ":");

	scan->in_trace = false;
	if (scan->shape->from != RIP || scan->function.len)
		return;
	text = span_from(text, (size_t)colon + 1);
	colon = span_find(text, ":");
	if (colon >= 0 &&
		symbol_read(span_from(text, (size_t)colon + 1), &name))
		(void)function_offer(scan, name);
}

static void read_at(struct scan *scan, struct span text)
{
	long at = span_find(text, " at: ");
	struct span name;

	if (at >= 0 && symbol_read(span_from(text, (size_t)at + 5), &name))
		(void)function_offer(scan, name);
}

/* A line of a call trace: " name+0x1/0x2". "? name" is a guess of the unwinder.
 */
static void read_frame(struct scan *scan, struct span text)
{
	struct span name;

	while (text.len && text.s[0] == ' ')
		text = span_from(text, 1);
	if (span_starts(text, "[<")) {
		long close = span_find(text, ">] ");

		text = span_from(text, close < 0 ? 0 : (size_t)close + 3);
	}
	if (span_starts(text, "</TASK>") ||
		(symbol_read(text, &name) && symbol_is_entry(name)))
		scan->in_trace = false;
	else if (symbol_read(text, &name))
		(void)function_offer(scan, name);
}

static void read_comm(struct scan *scan, struct span text)
{
	long at = span_find(text, " Comm: "), end;

	if (scan->comm.len || at < 0 || !span_starts(text, "CPU: "))
		return;
	text = span_from(text, (size_t)at + 7);
	end = span_find(text, " Not tainted");
	if (end < 0)
		end = span_find(text, " Tainted: ");
	if (end > 0)
		scan->comm = (struct span){text.s, (size_t)end};
}

static void read_access(struct scan *scan, struct span text)
{
	if (scan->access.len)
		return;
	if (span_starts(text, "Read of size "))
		scan->access = (struct span){text.s, 4};
	else if (span_starts(text, "Write of size "))
		scan->access = (struct span){text.s, 5};
}

/* Another report begins: before the function is known, this one is mixed up.
 * A list's corruption is told just before the cut. */
static bool line_begins_other(struct span text, size_t nr)
{
	return (nr > 3 && span_starts(text, "------------[ cut here ]")) ||
	       span_starts(text, "BUG: KASAN: ") ||
	       span_starts(text, "BUG: KCSAN: ");
}

static bool line_ends(const struct scan *scan, struct span text, size_t nr)
{
	return span_starts(text, "---[ end ") ||
	       span_starts(text, "Kernel Offset: ") ||
	       span_starts(text, "Rebooting in ") ||
	       (nr > 3 && line_is_rule(text, '=') && scan->shape->from != AT);
}

static bool scan_done(const struct scan *scan)
{
	return scan->function.len || scan->shape->from == NONE;
}

static void read_line(struct scan *scan, struct span text, size_t nr)
{
	read_comm(scan, text);
	read_access(scan, text);
	if (scan_done(scan))
		return;
	if (line_begins_other(text, nr))
		scan->mixed = true;
	if (span_starts(text, "RIP: "))
		read_rip(scan, text);
	else if (span_starts(text, "Call Trace:") ||
		 span_starts(text, "backtrace"))
		scan->in_trace = true;
	else if (scan->in_trace)
		read_frame(scan, text);
	else if (scan->shape->from == AT)
		read_at(scan, text);
}

/* Read on from the head to the end of the report */
static void report_scan(struct scan *scan)
{
	struct line line;
	size_t nr = 0, pos = scan->head.next;

	if (scan->shape->from == HEAD)
		(void)function_offer(scan, scan->match.got[scan->match.nr - 1]);
	for (; nr < REPORT_LINES && !scan->ended &&
		line_read(scan->log, scan->len, pos, &line);
		pos = line.next) {
		if (!span_is(line.caller, scan->head.caller))
			continue;
		nr++;
		/* a new report: not this one's, if this one has its title */
		if (scan_done(scan) && line_begins_other(line.text, nr))
			break;
		scan->ended = line_ends(scan, line.text, nr);
		read_line(scan, line.text, nr);
	}
	scan->end = pos;
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_number(struct span word)
{
	bool digit = false;

	for (size_t i = 0; i < word.len; i++) {
		char c = word.s[i];

		if (c >= '0' && c <= '9')
			digit = true;
		else if (!(c >= 'a' && c <= 'f') && !(c == 'x' && i == 1))
			return false;
	}
	return digit;
}

/* Free text into a title: what differs from run to run becomes NUM, bytes that
 * are no text a '?' */
static void add_text(struct text *out, struct span from)
{
	size_t n;

	for (; from.len; from = span_from(from, n)) {
		unsigned char c = (unsigned char)from.s[0];

		for (n = 0; n < from.len && is_word(from.s[n]); n++)
			;
		if (n && is_number((struct span){from.s, n}))
			text_addf(out, "NUM");
		else if (n)
			text_add(out, from.s, n);
		else
			text_add(out, c >= ' ' && c < 0x7f ? from.s : "?", 1);
		n = n ? n : 1;
	}
}

/* What %1..%3 captured: as it is for a function or a word, cleaned for the rest
 */
static void add_capture(struct text *out, const struct scan *scan, char which)
{
	unsigned int i = (unsigned int)(which - '1');

	if (i < scan->match.nr && scan->match.got[i].len)
		add_text(out, symbol_clean(scan->match.got[i]));
}

static void add_function(struct text *out, const struct scan *scan)
{
	struct span name = scan->function.len ? scan->function : scan->fallback;

	if (!name.len) {
		text_addf(out, "unknown function");
		return;
	}
	name = symbol_clean(name);
	text_add(out, name.s, name.len);
}

static void add_access(struct text *out, struct span access)
{
	if (!access.len)
		return;
	text_add(out, " ", 1);
	text_add(out, access.s, access.len);
}

static void title_make(const struct scan *scan, char ret[TITLE_MAX])
{
	struct text out;
	const char *p;

	text_init(&out, ret, TITLE_MAX);
	for (p = scan->shape->title; *p; p++) {
		if (*p != '%') {
			text_add(&out, p, 1);
			continue;
		}
		p++;
		if (*p == 'F') {
			add_function(&out, scan);
		} else if (*p == 'A') {
			add_access(&out, scan->access);
		} else {
			add_capture(&out, scan, *p);
		}
	}
}

/* "INFO: task NAME:123 blocked", "[NAME:123]" of a soft lockup */
static void comm_of_head(struct scan *scan)
{
	struct span text = scan->head.text;
	long at = span_find(text, "INFO: task ");
	const char *colon;

	if (at >= 0) {
		text = span_from(text, (size_t)at + 11);
	} else if (text.len && text.s[text.len - 1] == ']') {
		at = span_find(text, " [");
		text = span_from(text, at < 0 ? text.len : (size_t)at + 2);
	} else {
		return;
	}
	at = span_find(text, " blocked");
	if (at >= 0)
		text.len = (size_t)at;
	colon = memrchr(text.s, ':', text.len);
	if (colon)
		scan->comm = (struct span){text.s, (size_t)(colon - text.s)};
}

static void comm_copy(struct span comm, char ret[16])
{
	size_t n = min_size(comm.len, 15);

	for (size_t i = 0; i < n; i++)
		ret[i] = comm.s[i] >= ' ' && comm.s[i] < 0x7f ? comm.s[i] : '?';
	ret[n] = '\0';
}

int console_parse(const char *log, size_t len, struct report *ret)
{
	struct scan scan = {.log = log, .len = len};
	size_t start;

	if (!head_find(&scan, &start))
		return 0;
	comm_of_head(&scan);
	report_scan(&scan);
	*ret = (struct report){.start = start, .end = scan.end};
	title_make(&scan, ret->title);
	comm_copy(scan.comm, ret->comm);
	ret->corrupted = scan.mixed || scan.shape->cut || !scan_done(&scan);
	return 1;
}
