// SPDX-License-Identifier: GPL-2.0-only
/* What can be compared between two kernels that run the same program. */
#include <linux/mm.h>

#include "stubs.h"

/* What a program can tell by trying; the rest is the kernel's own affair. */
#define VISIBLE                                                                \
	(VM_READ | VM_WRITE | VM_EXEC | VM_SHARED | VM_LOCKED | VM_DONTCOPY |  \
		VM_WIPEONFORK | VM_GROWSDOWN)

static unsigned long mix(unsigned long hash, unsigned long value)
{
	hash ^= value;
	hash *= 0x9e3779b97f4a7c15ul;
	return hash ^ hash >> 32;
}

static unsigned long process_hash(struct mm_struct *mm, unsigned long hash)
{
	unsigned long start = 0, end = 0, flags = 0;
	struct vm_area_struct *vma;

	VMA_ITERATOR(vmi, mm, 0);
	for_each_vma(vmi, vma)
	{
		if (vma->vm_start == end &&
			(vma->vm_flags & VISIBLE) == flags) {
			end = vma->vm_end;
			continue;
		}
		hash = mix(mix(mix(hash, start), end), flags);
		start = vma->vm_start;
		end = vma->vm_end;
		flags = vma->vm_flags & VISIBLE;
	}
	return mix(mix(mix(hash, start), end), flags);
}

unsigned long model_layout(void)
{
	unsigned long hash = 0;

	for (unsigned int proc = 0; proc < MODEL_PROCS; proc++) {
		if (process_mm[proc])
			hash = process_hash(process_mm[proc], mix(hash, proc));
	}
	return hash;
}

void model_policy(struct model_policy *ret)
{
	*ret = (struct model_policy){
		.anon_vmas = slab_most("anon_vma"),
		.visits = most_visits,
	};
}
