// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slab allocator: each object is one of malloc(), so that the sanitizer
 * knows who allocated and who freed it. Freed means freed: what a real cache
 * keeps readable (SLAB_TYPESAFE_BY_RCU) nobody may read here, where no reader
 * runs beside the one that frees.
 */
#include <linux/slab.h>

#include "stubs.h"

#define CACHES_MAX 64

void *aligned_alloc(size_t align, size_t size);
void *calloc(size_t nr, size_t size);
void free(void *object);

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
static unsigned int fail_in;
static unsigned int fail_left; /* failures behind the next one */
static unsigned int nr_failed; /* since slab_begin() */

void model_fail_nth(unsigned int nth, int more)
{
	fail_in = nth;
	fail_left = more ? FAILS_IN_A_ROW - 1 : 0;
}

bool should_fail(gfp_t gfp)
{
	if (!fail_in || gfp & __GFP_NOFAIL)
		return false;
	if (fail_in > 1) {
		fail_in--;
		return false;
	}
	if (!fail_left--)
		fail_in = 0;
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

void *NOPROF(kmem_cache_alloc)(struct kmem_cache *cache, gfp_t gfp)
{
	void *object;

	if (should_fail(gfp))
		return NULL;
	object = aligned_alloc(cache->align, cache->size);
	if (!object)
		broken("no memory for an object of %s", cache->name);
	if (cache->ctor || gfp & __GFP_ZERO)
		memset(object, 0, cache->size);
	if (cache->ctor)
		cache->ctor(object);
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

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	if (!object)
		return;
	cache->nr_live--;
	free(object);
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
void *__kmalloc_node_noprof(DECL_BUCKET_PARAMS(size, b), gfp_t gfp, int node)
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
