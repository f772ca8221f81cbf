// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slab allocator: each object is one of malloc(), so that the sanitizer
 * knows who allocated and who freed it. Freed means freed, but for an object of
 * a cache that is SLAB_TYPESAFE_BY_RCU, freed while somebody is in an RCU read
 * section: until that one leaves it, it stays what it was, or is the next that
 * is allocated.
 */
#include <linux/slab.h>

#include "stubs.h"

#define CACHES_MAX 64
#define KEPT_MAX   256

void *aligned_alloc(size_t align, size_t size);
void *calloc(size_t nr, size_t size);
void free(void *object);
int __asan_address_is_poisoned(const volatile void *addr);

struct kmem_cache {
	const char *name;
	unsigned int size, align;
	slab_flags_t flags;
	void (*ctor)(void *object);
	long nr_live, nr_before, nr_most;
};

static struct kmem_cache caches[CACHES_MAX];
static unsigned int nr_caches;
static long nr_kmalloc, nr_kmalloc_before;
static unsigned int nr_failed; /* since slab_begin() */

/* struct fail - of a fiber: which allocation fails, and how many behind it */
static struct fail {
	unsigned int in, left;
} fails[MODEL_FIBERS];

/* struct kept - an object that is freed and still readable; the last one is
 * the first that is used again */
static struct kept {
	struct kmem_cache *cache;
	void *object;
} kept[KEPT_MAX];
static unsigned int nr_kept;

void model_fail_nth(unsigned int nth, int more)
{
	fails[fiber_now].in = nth;
	fails[fiber_now].left = more ? FAILS_IN_A_ROW - 1 : 0;
}

bool should_fail(gfp_t gfp)
{
	struct fail *fail = &fails[fiber_now];

	if (!fail->in || gfp & __GFP_NOFAIL)
		return false;
	if (fail->in > 1) {
		fail->in--;
		return false;
	}
	if (!fail->left--)
		fail->in = 0;
	nr_failed++;
	return true;
}

static struct kmem_cache *cache_add(const char *name, unsigned int size,
	unsigned int align, slab_flags_t flags, void (*ctor)(void *object))
{
	if (nr_caches == CACHES_MAX)
		broken("more than %d slab caches", CACHES_MAX);
	align = max_t(unsigned int, align, 16);
	caches[nr_caches] = (struct kmem_cache){.name = name,
		.size = ALIGN(size, align),
		.align = align,
		.flags = flags,
		.ctor = ctor};
	return &caches[nr_caches++];
}

#ifdef alloc_hooks
struct kmem_cache *__kmem_cache_create_args(const char *name, unsigned int size,
	struct kmem_cache_args *args, slab_flags_t flags)
{
	return cache_add(name, size, args->align, flags, args->ctor);
}
#else
struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
	unsigned int align, slab_flags_t flags, void (*ctor)(void *object))
{
	return cache_add(name, size, align, flags, ctor);
}

struct kmem_cache *kmem_cache_create_usercopy(const char *name,
	unsigned int size, unsigned int align, slab_flags_t flags,
	unsigned int useroffset, unsigned int usersize,
	void (*ctor)(void *object))
{
	return cache_add(name, size, align, flags, ctor);
}
#endif

/* ---- SLAB_TYPESAFE_BY_RCU ---- */

static bool keep(struct kmem_cache *cache, void *object)
{
	if (!(cache->flags & SLAB_TYPESAFE_BY_RCU) || nr_kept == KEPT_MAX ||
		!rcu_has_readers())
		return false;
	kept[nr_kept++] = (struct kept){cache, object};
	return true;
}

/* Freed again while the first free waits for readers? */
static void check_kept(const struct kmem_cache *cache, const void *object)
{
	char text[96];

	for (unsigned int i = 0; i < nr_kept; i++) {
		if (kept[i].object != object)
			continue;
		snprintf(text, sizeof(text), "double-free of %s", cache->name);
		finding(text, "the first one still waits for a grace period");
	}
}

static void *use_again(struct kmem_cache *cache)
{
	for (unsigned int i = nr_kept; i-- > 0;) {
		void *object = kept[i].object;

		if (kept[i].cache != cache)
			continue;
		kept[i] = kept[--nr_kept];
		return object;
	}
	return NULL;
}

void slab_settle(void)
{
	while (nr_kept)
		free(kept[--nr_kept].object);
}

static void *object_new(struct kmem_cache *cache, gfp_t gfp)
{
	void *object = aligned_alloc(cache->align, cache->size);

	if (!object)
		broken("no memory for an object of %s", cache->name);
	if (cache->ctor || gfp & __GFP_ZERO)
		memset(object, 0, cache->size);
	if (cache->ctor)
		cache->ctor(object);
	return object;
}

void *__point NOPROF(kmem_cache_alloc)(struct kmem_cache *cache, gfp_t gfp)
{
	void *object;

	settle(HERE);
	if (should_fail(gfp))
		return NULL;
	object = use_again(cache);
	if (!object)
		object = object_new(cache, gfp);
	cache->nr_live++;
	cache->nr_most = max(cache->nr_most, cache->nr_live);
	return object;
}

void *NOPROF(kmem_cache_alloc_lru)(
	struct kmem_cache *cache, struct list_lru *lru, gfp_t gfp)
{
	return NOPROF(kmem_cache_alloc)(cache, gfp);
}

void *NOPROF(kmem_cache_alloc_node)(
	struct kmem_cache *cache, gfp_t gfp, int node)
{
	return NOPROF(kmem_cache_alloc)(cache, gfp);
}

void __point kmem_cache_free(struct kmem_cache *cache, void *object)
{
	if (!object)
		return;
	check_kept(cache, object);
	cache->nr_live--;
	/* free() tells of an object that is free already */
	if (__asan_address_is_poisoned(object) || !keep(cache, object))
		free(object);
	fiber_point(HERE);
}

int NOPROF(kmem_cache_alloc_bulk)(
	struct kmem_cache *cache, gfp_t gfp, size_t nr, void **objects)
{
	for (size_t i = 0; i < nr; i++) {
		objects[i] = NOPROF(kmem_cache_alloc)(cache, gfp);
		if (objects[i])
			continue;
		kmem_cache_free_bulk(cache, i, objects);
		return 0;
	}
	return nr;
}

void kmem_cache_free_bulk(struct kmem_cache *cache, size_t nr, void **objects)
{
	while (nr)
		kmem_cache_free(cache, objects[--nr]);
}

/* ---- kmalloc ---- */

static void *kmalloc_any(size_t size, gfp_t gfp)
{
	void *object = should_fail(gfp) ? NULL : calloc(1, size);

	if (object)
		nr_kmalloc++;
	return object;
}

void *NOPROF(__kmalloc)(size_t size, gfp_t gfp)
{
	return kmalloc_any(size, gfp);
}

#ifdef alloc_hooks
void *__kmalloc_cache_noprof(struct kmem_cache *cache, gfp_t gfp, size_t size)
{
	return kmalloc_any(size, gfp);
}

void *__kmalloc_node_noprof(DECL_BUCKET_PARAMS(size, b), gfp_t gfp, int node)
{
	return kmalloc_any(size, gfp);
}
#else
void *kmalloc_trace(struct kmem_cache *cache, gfp_t gfp, size_t size)
{
	return kmalloc_any(size, gfp);
}
#endif

void kfree(const void *object)
{
	if (!object)
		return;
	nr_kmalloc--;
	free((void *)object);
}

/* ---- leaks ---- */

bool has_failed(void)
{
	return nr_failed;
}

void slab_begin(void)
{
	nr_failed = 0;
	for (unsigned int i = 0; i < nr_caches; i++)
		caches[i].nr_before = caches[i].nr_most = caches[i].nr_live;
	nr_kmalloc_before = nr_kmalloc;
}

unsigned long slab_most(const char *name)
{
	for (unsigned int i = 0; i < nr_caches; i++) {
		if (!strcmp(caches[i].name, name))
			return caches[i].nr_most - caches[i].nr_before;
	}
	return 0;
}

void slab_check(void)
{
	for (unsigned int i = 0; i < nr_caches; i++) {
		long nr = caches[i].nr_live - caches[i].nr_before;
		char title[96];

		if (!nr)
			continue;
		snprintf(title, sizeof(title), "%s %s at exit", caches[i].name,
			nr > 0 ? "leaked" : "freed twice");
		finding(title, "%ld objects", nr);
	}
	if (nr_kmalloc != nr_kmalloc_before)
		finding("kmalloc leaked at exit", "%ld objects",
			nr_kmalloc - nr_kmalloc_before);
}
