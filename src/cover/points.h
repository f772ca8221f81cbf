/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * points: the places of a kernel that KCOV reports, by function; what a stall
 * names, and what its address is in this build. A table is one block of bytes,
 * made by the host from vmlinux and mapped by engines. Pure.
 */
#ifndef RMAPTORTURE_COVER_POINTS_H
#define RMAPTORTURE_COVER_POINTS_H

#include "base/base.h"

#define POINTS_MAGIC 0x544e5052u /* "RPNT" */

/* A bit of a site's function: a lock is taken, or something is looked up, right
 * before it or behind it */
#define POINT_EDGE 0x80000000u
/* Another one: it is patched out, and no call can come to it */
#define POINT_GONE 0x40000000u

/** struct points_head - starts a table; functions, sites, the function of each
 *  site (u32) and the names follow, in this order, without gaps */
struct points_head {
	uint32_t magic;
	uint32_t nr_fns;
	uint32_t nr_sites;
	uint32_t names_len; /* bytes; each name ends with a NUL */
};

/** struct point_fn - a function; rows are sorted by name, then by address */
struct point_fn {
	uint64_t addr;
	uint32_t name;	/* offset in the names */
	uint32_t first; /* its sites, ascending; at least one */
	uint32_t nr;
	uint32_t pad;
};

/** struct points - a table, checked; borrows the bytes */
struct points {
	const struct point_fn *fn;
	const uint64_t *site;	 /* return addresses, ascending */
	const uint32_t *site_fn; /* index in @fn, and POINT_* */
	const char *names;
	uint32_t nr_fns, nr_sites;
};

/** points_open() - check a table. @bytes: @len, aligned to 8. 0 or -EBADMSG */
int points_open(
	const void *bytes, size_t len, struct points *ret, struct why *why);

/** points_owner() - the index of the function of site @site */
uint32_t points_owner(const struct points *points, uint32_t site);
/** points_is_edge() - is it next to a lock or a lookup? */
bool points_is_edge(const struct points *points, uint32_t site);

/** points_is_entry() - is it the first of a function that stalls are for? */
bool points_is_entry(const struct points *points, uint32_t site);
/** points_weight() - how much a window at site @site is worth trying, 1 to 12:
 *  by its function, and by what is next to it */
uint32_t points_weight(const struct points *points, uint32_t site);

/** points_name() - of a function, by its index */
const char *points_name(const struct points *points, uint32_t fn);
/** points_say() - site @site as a function and the bytes from its start. false:
 *  the name does not fit into @size bytes */
bool points_say(const struct points *points, uint32_t site, char *symbol,
	size_t size, uint32_t *ret_offset);

/** points_find() - a function by name; where there is none, the first of its
 *  clones (NAME.isra.0). Returns its index or -ENOENT */
int points_find(const struct points *points, const char *name);

/**
 * points_resolve() - the address of a point
 * @offset: from the function's start; 0: its first point
 *
 * Returns 0, or 1 when the nearest other point of the function was taken, with
 * @ret_pc set: there is none, or it is gone. -ENOENT: no such function, or all
 * of its points are gone.
 */
int points_resolve(const struct points *points, const char *name,
	uint32_t offset, uint64_t *ret_pc);

/** points_site() - the index of the site with address @pc, or -ENOENT */
int points_site(const struct points *points, uint64_t pc);

#endif
