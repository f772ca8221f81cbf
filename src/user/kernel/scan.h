/* SPDX-License-Identifier: GPL-2.0-only */
/* scan: what the page tables of all processes map, of the watched areas. */
#ifndef RMAPTORTURE_USER_SCAN_H
#define RMAPTORTURE_USER_SCAN_H

#include <linux/types.h>

struct folio;

#define SIGHTS_MAX 65536
#define NONE	   (-1)

/**
 * struct sight - a page of ours that is mapped
 * @next:    another one of the same frame, or NONE
 * @walk:    number of the walk that found it
 * @is_huge: by a PMD: such a mapping is as many sights as it has pages
 */
struct sight {
	unsigned long addr, pfn;
	int next;
	unsigned int proc, walk;
	bool is_huge;
};
/* In the order of processes and addresses */
extern struct sight sights[SIGHTS_MAX];
extern unsigned int nr_sights;

/** struct frame_seen - the sights of one frame */
struct frame_seen {
	int first;	      /* index in sights, or NONE */
	unsigned int nr;      /* how many */
	unsigned int nr_huge; /* of them, by PMDs */
	unsigned int scan;    /* which scan saw it */
	bool is_checked; /* by walk_check(): its folio, of which it is the first
			  */
};

/** struct entry - a PTE, or a PMD (@is_huge), that is no page: a swap entry */
struct entry {
	unsigned long addr, pte;
	unsigned int proc;
	bool is_huge;
};
#define ENTRIES_MAX 16384
extern struct entry entries[ENTRIES_MAX];
extern unsigned int nr_entries;

/** scan_all() - look at every process anew */
void scan_all(void);
/** frame_seen() - of the last scan; without sights if it has not seen @pfn */
struct frame_seen *frame_seen(unsigned long pfn);

/* ---- large.c ---- */
/** large_check() - the counts of a large folio against its sights */
void large_check(struct folio *folio, const char *op);
/** folio_sights() - of all its pages */
unsigned int folio_sights(struct folio *folio);
/** folio_young() - areas where a mapping of it is young, but KSM's; of a large
 *  one *@ret_locked becomes true if it is mapped in an area that is locked */
unsigned int folio_young(struct folio *folio, bool *ret_locked);

#endif
