/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * oracle: what was seen, to a verdict. Console text to a title in syzkaller's
 * style; results of a program to a verdict on its contents. Pure.
 */
#ifndef RMAPTORTURE_ORACLE_H
#define RMAPTORTURE_ORACLE_H

#include "base/base.h"
#include "prog/result.h"

#define TITLE_MAX 160

enum verdict {
	VERDICT_PASS,
	VERDICT_FINDING, /* the kernel is wrong */
	VERDICT_SKIP,	 /* this machine or kernel lacks something */
	VERDICT_BROKEN,	 /* we are wrong */
};

/* Titles of what our own checks found begin with it; the others are the
 * kernel's */
#define TITLE_OURS "rmaptorture: "

/** struct report - the first report in a console log */
struct report {
	char title[TITLE_MAX]; /* "KASAN: slab-use-after-free Read in F" */
	size_t start, end;     /* bytes of the log that hold the report */
	bool corrupted;	       /* cut or mixed: the title may be wrong */
	char comm[16];	       /* "Comm:" of the report, "" if none */
};

/**
 * console_parse() - find the first report in a console log
 * @log: @len bytes, any bytes; lines end in \n or \r\n, with or without
 *	 "[   12.345678]" time stamps and "[T123]" callers
 *
 * Returns 1 with @ret filled, 0 when the log holds no report. Total; linear
 * in @len. Frames of the allocator, of KASAN and of locks, and helpers of the
 * walkers are skipped for the title, suffixes (.isra.0, .constprop.0, .cold
 *...) and prefixes of system call entries (__x64_sys_ ...) cut. Lines with
 * "rmap_mutant" are ours and ignored. A panic that only ends a report
 * (panic_on_warn) makes no title of its own.
 */
int console_parse(const char *log, size_t len, struct report *ret);

/** title_hash() - 40 hexadecimal digits (SHA-1 of the title) and a NUL: the
 * name of the finding's folder, as syzkaller's workdir/crashes */
void title_hash(const char *title, char ret[41]);

/** title_bare() - without TITLE_OURS, as the user tier tells it */
const char *title_bare(const char *title);
/** title_is_listed() - is @title a line of @list, of @len bytes? Either may
 * have TITLE_OURS before it, a line blanks around it. One that begins with '#'
 * is a comment: no title does */
bool title_is_listed(const char *list, size_t len, const char *title);

/** struct judgment - the verdict on one run of a program */
struct judgment {
	enum verdict verdict;
	char title[TITLE_MAX]; /* FINDING, BROKEN */
	char detail[512];      /* which page, what was seen, what was allowed */
};

/**
 * oracle_judge() - the verdict on one run whose kernel survived
 * @prog, @result: pass prog_check() and result_check()
 *
 * FINDING "rmaptorture: KIND after OP": shadow_judge()'s kind; OP is the last
 * op before the look that succeeded on the page (or on all pages, as fork), and
 * is not just a touch or a look. The same program gives the same title in every
 * run, unless its calls race. FINDING "rmaptorture: tasks stuck after kill in
 * OP". BROKEN where the executor could not run it. A program that the OOM
 * killer struck passes: it ended anywhere.
 */
void oracle_judge(const struct prog *prog, const struct prog_result *result,
	struct judgment *ret);

#endif
