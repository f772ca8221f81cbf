/* SPDX-License-Identifier: GPL-2.0-only */
/* scan: what the page tables of all processes map, of the watched areas. */
#ifndef RMAPTORTURE_USER_SCAN_H
#define RMAPTORTURE_USER_SCAN_H

#include <linux/types.h>

#define SIGHTS_MAX 65536
#define NONE	   (-1)

/**
 * struct sight - a present PTE of a frame of ours
 * @next: another one of the same frame, or NONE
 * @walk: number of the walk that found it
 */
struct sight {
	unsigned long addr, pfn;
	int next;
	unsigned int proc, walk;
};
/* In the order of processes and addresses */
extern struct sight sights[SIGHTS_MAX];
extern unsigned int nr_sights;

/** struct frame_seen - the sights of one frame */
struct frame_seen {
	int first;	   /* index in sights, or NONE */
	unsigned int nr;   /* how many */
	unsigned int scan; /* which scan saw it */
};

/** struct entry - a PTE that is no page: a swap entry */
struct entry {
	unsigned long addr, pte;
	unsigned int proc;
};
#define ENTRIES_MAX 16384
extern struct entry entries[ENTRIES_MAX];
extern unsigned int nr_entries;

/** scan_all() - look at every process anew */
void scan_all(void);
/** frame_seen() - of the last scan; @pfn is that of a sight */
struct frame_seen *frame_seen(unsigned long pfn);

#endif
