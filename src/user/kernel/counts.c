// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recounts of what struct anon_vma counts. This is the only file that reads
 * its fields: where a series has changed them so that this does not compile,
 * own.mk compiles it with NO_COUNTS, and each run says so.
 */
#include <linux/mm.h>
#include <linux/rmap.h>

#include "stubs.h"

#ifdef NO_COUNTS

int model_has_counts(void)
{
	return 0;
}

void counts_check(unsigned int checks, const char *op)
{
}

#else

int model_has_counts(void)
{
	return 1;
}

#define OBJECTS_MAX 4096

/* struct object - an anon_vma that some chain reaches */
static struct object {
	const struct anon_vma *anon_vma;
	const struct vm_area_struct *vma; /* the latest that has it */
	unsigned long active, children;
} objects[OBJECTS_MAX];
static unsigned int nr_objects;

static struct object *object_of(const struct anon_vma *anon_vma)
{
	for (unsigned int i = 0; i < nr_objects; i++) {
		if (objects[i].anon_vma == anon_vma)
			return &objects[i];
	}
	if (nr_objects == OBJECTS_MAX)
		return NULL;
	objects[nr_objects] = (struct object){.anon_vma = anon_vma};
	return &objects[nr_objects++];
}

/* A redesign may let ->anon_vma say something else by its low bits: such a vma
 * has none, and who is in its chain is not ours to say. */
static bool is_tagged(const struct vm_area_struct *vma)
{
	return !IS_ALIGNED(
		(unsigned long)vma->anon_vma, __alignof__(struct anon_vma));
}

static void own_check(const struct vm_area_struct *vma, bool has_own,
	bool has_chain, const char *op)
{
	if (is_tagged(vma))
		return;
	if (vma->anon_vma && !has_own)
		finding("an anon_vma is not in its vma's chain", "after %s",
			op);
	if (!vma->anon_vma && has_chain)
		finding("a vma without anon_vma has a chain", "after %s", op);
}

static void chain_check(const struct vm_area_struct *vma, const char *op)
{
	const struct anon_vma *root = NULL;
	struct anon_vma_chain *avc;
	bool has_own = false;

	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma)
	{
		if (avc->vma != vma)
			finding("a chain belongs to another vma", "after %s",
				op);
		if (root && avc->anon_vma->root != root)
			finding("a chain has two roots", "after %s", op);
		root = avc->anon_vma->root;
		has_own |= avc->anon_vma == vma->anon_vma;
		(void)object_of(avc->anon_vma);
	}
	own_check(vma, has_own, root, op);
}

static unsigned long chain_sum(const struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc;
	unsigned long sum = 0;

	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma)
	{
		sum += (unsigned long)avc->anon_vma;
	}
	return sum;
}

/* Both have the same ->anon_vma. fork takes one again only when no vma has it;
 * is_mergeable_anon_vma() takes the chains of those that have it for equal. */
static void users_check(const struct vm_area_struct *one,
	const struct vm_area_struct *two, const char *op)
{
	if (one->vm_mm != two->vm_mm)
		finding("an anon_vma is used by two processes", "after %s", op);
	if (chain_sum(one) != chain_sum(two))
		finding("vmas with one anon_vma have different chains",
			"after %s", op);
}

static void vma_count(
	const struct vm_area_struct *vma, unsigned int checks, const char *op)
{
	struct object *object;

	if (!vma->anon_vma || is_tagged(vma))
		return;
	object = object_of(vma->anon_vma);
	if (!object)
		return;
	object->active++;
	if (checks & CHECK_CHAINS && object->vma)
		users_check(object->vma, vma, op);
	object->vma = vma;
}

static void collect(unsigned int checks, const char *op)
{
	nr_objects = 0;
	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++) {
		struct mm_struct *mm = process_mm[proc];
		struct vm_area_struct *vma;

		if (!mm)
			continue;
		VMA_ITERATOR(vmi, mm, 0);
		for_each_vma(vmi, vma)
		{
			chain_check(vma, op);
			vma_count(vma, checks, op);
		}
	}
}

static void parents_count(void)
{
	for (unsigned int i = 0; i < nr_objects; i++) {
		struct object *parent = object_of(objects[i].anon_vma->parent);

		if (parent)
			parent->children++;
	}
}

void counts_check(unsigned int checks, const char *op)
{
	collect(checks, op);
	parents_count();
	if (nr_objects == OBJECTS_MAX || !(checks & CHECK_COUNTS))
		return;
	for (unsigned int i = 0; i < nr_objects; i++) {
		const struct anon_vma *anon_vma = objects[i].anon_vma;

		if (anon_vma->num_active_vmas != objects[i].active)
			finding("num_active_vmas is wrong",
				"after %s: it is %lu, and %lu vmas have the "
				"anon_vma",
				op, anon_vma->num_active_vmas,
				objects[i].active);
		if (anon_vma->num_children != objects[i].children)
			finding("num_children is wrong",
				"after %s: it is %lu, and %lu anon_vmas have "
				"the "
				"anon_vma as parent",
				op, anon_vma->num_children,
				objects[i].children);
	}
}

#endif
