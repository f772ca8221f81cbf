/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * contents: the shadow's state, what each page of each process may hold; for
 * prog's own files. The replay of a program's effects on it is shadow.c.
 *
 * Widening is always right, narrowing never is: whoever is not sure makes the
 * set of allowed contents larger.
 */
#ifndef RMAPTORTURE_PROG_CONTENTS_H
#define RMAPTORTURE_PROG_CONTENTS_H

#include "prog/result.h"
#include "prog/stamp.h"

/*
 * A value: 0 for none, VALUE_ZERO, the low half of a stamp, or "what page i of
 * the pool of shared objects holds now" (a private mapping not yet written).
 */
#define VALUE_BITS   25
#define VALUE_ZERO   1u
#define VALUE_OBJECT (1u << 23)
#define VALUE_STAMP  (1u << 24)

#define UNTIL_FOREVER 127 /* an async call that never finished */

/** struct content - the values that a page may hold */
struct content {
	uint32_t a : VALUE_BITS;
	uint32_t any : 1;	 /* no value is a surprise */
	uint32_t torn : 1;	 /* nor is OBS_TORN */
	uint32_t lost : 1;	 /* racing writes: any, until @until at least */
	uint32_t wp : 2;	 /* enum wp, of the page that has it */
	uint32_t dirty : 1;	 /* and it must have a soft-dirty bit */
	uint32_t b : VALUE_BITS; /* 0: @a is the only one */
	/* not 0: a write of @a over @b is under way; done at this call */
	uint32_t until : 7;
};

/* The uffd-wp bit of a page's PTE. What puts another page in its place forgets
 * it, as does whoever may have written it; what keeps contents keeps it too.
 * A page that reclaim may drop (MADV_FREE) can lose it at any time. */
enum wp { WP_UNKNOWN, WP_SET, WP_CLEAR, WP_LAZYFREE };

enum sure { SURE_NO, SURE_YES, MAYBE };
enum kind { KIND_PRIVATE, KIND_SHARED, KIND_UNKNOWN };
#define PROT_UNKNOWN 3 /* others: index in VALUES_prot: none, r, rw */
#define PROT_IS_RW   2

/* What a page shows when it holds no private copy */
#define BASE_ZERO      0u
#define BASE_FILE(p)   (1u + (p))
#define BASE_OBJECT(i) (1u + PROG_SLOT_PAGES + (i))
#define POOL_MAX       (PROG_SLOT_PAGES * 9u) /* the memfd, then the others */

/** struct cell - one page of one process; all zero: not mapped */
struct cell {
	struct content data; /* of a private one; shared ones are in the pool */
	uint32_t base : 14;  /* BASE_*; a shared one: its page of the pool */
	uint32_t kind : 2;
	uint32_t map : 2; /* enum sure */
	uint32_t prot : 2;
	uint32_t nofork : 2; /* enum sure: MADV_DONTFORK */
	uint32_t wipe : 2;   /* enum sure: MADV_WIPEONFORK */
	uint32_t lost : 1; /* racing changes: unknown, until @until at least */
	uint32_t
		until : 7; /* not 0: a change is under way; done at this call */
};

/** struct deed - one call's doing, as it is replayed */
struct deed {
	uint32_t call;
	uint32_t proc;
	enum effect effect;
	bool sure;	/* it finished without error */
	uint32_t until; /* 0, or async: the call at which it must be done */
	bool raced;	/* what clashes with the page it comes from or goes to
			 * clashes with this one too */
};

/** struct descent - where a process came from */
struct descent {
	uint8_t parent;
	uint8_t call;  /* of the fork */
	uint8_t until; /* while the fork may not be done; 0: it is */
};

struct world {
	const struct prog *prog;
	const struct prog_result *result;
	struct mismatch *ret;
	uint32_t now;	      /* index of the call being replayed */
	uint32_t known;	      /* bit p: process p was forked */
	bool blind;	      /* we lost track: judge nothing more */
	bool mlocked;	      /* mlock may copy private pages at any time */
	uint32_t wp_until;    /* what may change uffd-wp bits is under way until
			       * this call: of none is known what it is */
	uint32_t clean_until; /* the same of soft-dirty bits */
	uint32_t nr_pool, nr_objects;
	struct {
		uint32_t first, end;
	} object[PROG_CALLS_MAX + 1];
	struct descent descent[PROG_PROCS];
	uint8_t used[PROG_PROCS];  /* bit s: cells of slot s are valid */
	uint8_t grows[PROG_PROCS]; /* bit s: see slot_grows() */
	struct content pool[POOL_MAX];
	struct cell cell[PROG_PROCS][PROG_SLOTS][PROG_SLOT_PAGES];
};
_Static_assert(sizeof(struct cell) == 12, "a world fits a stack");
_Static_assert(sizeof(struct world) < 1u << 20, "a world fits a stack");

/** world_init() - p0 lives, with nothing mapped */
void world_init(struct world *w, const struct prog *prog,
	const struct prog_result *result, struct mismatch *ret);

/** cell_at() - settled: what was under way and is done by now is so */
struct cell *cell_at(struct world *w, uint32_t proc, struct page_at at);
/** cell_is_moving() - a change of it is under way: judge nothing */
bool cell_is_moving(const struct world *w, const struct cell *cell);
/** cell_wide() - nothing is known. The object that @old shows, if shared, may
 *  from now on be written unseen: its contents are given up for good. */
struct cell cell_wide(struct world *w, const struct cell *old);
/** cell_based() - mapped, with nothing but what @base shows */
struct cell cell_based(enum kind kind, uint32_t base, uint32_t prot);
/** cell_put() - @deed makes the page @new; unsure deeds leave both allowed */
void cell_put(struct world *w, const struct deed *deed, struct page_at at,
	struct cell new);
/** cell_write() - @deed's stamp goes to the page, or maybe (@sure false) */
void cell_write(
	struct world *w, const struct deed *deed, struct page_at at, bool sure);
/** cell_copy() - a private page that shows an object gets its own copy of what
 *  the object holds now; or maybe, when @deed is unsure */
void cell_copy(struct world *w, const struct deed *deed, struct page_at at);
/** cell_is_settled() - nothing that may change its uffd-wp bit is under way */
bool cell_is_settled(const struct world *w, const struct cell *cell);
/** cell_inherit() - what a child of a fork now gets of @cell */
struct cell cell_inherit(struct world *w, struct cell cell);

/** slot_grows() - a stack of @proc is in @slot: what is not mapped there may
 *  be, with zeros, whenever it is looked at */
void slot_grows(struct world *w, uint32_t proc, uint32_t slot);
/** cell_or_grown() - @cell, or what may have grown in its place */
struct cell cell_or_grown(
	struct world *w, uint32_t proc, uint32_t slot, struct cell cell);

/** wp_lost() - a uffd-wp bit that may be anything now; but what reclaim may
 * drop it still may */
static inline uint32_t wp_lost(uint32_t wp)
{
	return wp == WP_LAZYFREE ? WP_LAZYFREE : WP_UNKNOWN;
}

/** content_of_base() - a fresh page of that base */
struct content content_of_base(uint32_t base);
struct content content_union(struct content a, struct content b);
/** content_allows() - may @seen be read? For pages of the pool and private ones
 */
bool content_allows(struct world *w, struct content *content, uint64_t seen);
/** content_want() - one of the allowed values, as a stamp */
uint64_t content_want(struct world *w, const struct content *content);
/** cell_content() - of a page that is mapped: its own, or the object's; NULL
 *  when unknown */
struct content *cell_content(struct world *w, struct cell *cell);

/** pool_add() - a new shared object of zeros; its first page, or -1 when the
 *  pool is full */
int pool_add(struct world *w, uint32_t pages);
/** pool_left() - pages of the object from page @i of the pool on */
uint32_t pool_left(const struct world *w, uint32_t i);
/** pool_give_up() - any shared object may from now on be written unseen */
void pool_give_up(struct world *w);

/** call_forces() - does it write whatever the protection of a private page? */
static inline bool call_forces(const struct call *call)
{
	return call->op == OP_POKE || call->op == OP_UFFD_COPY;
}
/** effect_changes() - of contents or of what is mapped */
bool effect_changes(enum effect effect);
#define CLASH_WRITES 0x01
#define CLASH_MAPS   0x02
/** deed_clashes() - do others change page @at while the async @deed runs?
 *  @shared: writes through other mappings count too. CLASH_* */
uint32_t deed_clashes(const struct world *w, const struct deed *deed,
	struct page_at at, bool shared);

#endif
