// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one file that programs map, privately: each of its pages holds what
 * file_word() says, and is never written. It is in no file system; what there
 * is of a page cache is an array. Its pages are on no LRU list, so that only
 * the anonymous ones that replace them are reclaimed or migrated.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pagemap.h>

#include "stubs.h"

static vm_fault_t file_fault(struct vm_fault *vmf);
static int file_mmap(struct file *file, struct vm_area_struct *vma);

static const struct vm_operations_struct vm_ops = {.fault = file_fault};
static const struct file_operations file_ops = {.mmap = file_mmap};
static struct inode inode = {.i_mode = S_IFREG};
static struct address_space mapping = {
	.host = &inode, .i_mmap = RB_ROOT_CACHED};
static struct vfsmount mount;
static struct file file = {
	.f_path = {.mnt = &mount},
	.f_mode = FMODE_READ,
	.f_op = &file_ops,
	.f_inode = &inode,
	.f_mapping = &mapping,
};

static struct page *cached[MODEL_FILE_PAGES];

void file_init(void)
{
	inode.i_mapping = &mapping;
	init_rwsem(&mapping.i_mmap_rwsem);
	atomic_long_set(&file.f_count, 1);
}

/* Who maps a file has a reference to it. */
void file_end(void)
{
	if (atomic_long_read(&file.f_count) != 1)
		finding("a file is used at exit", "%ld references",
			atomic_long_read(&file.f_count) - 1);
	for (unsigned int i = 0; i < MODEL_FILE_PAGES; i++) {
		if (!cached[i])
			continue;
		cached[i]->mapping = NULL;
		put_page(cached[i]);
		cached[i] = NULL;
	}
}

static struct page *page_read(pgoff_t index)
{
	struct page *page = NOPROF(__alloc_pages)(GFP_KERNEL, 0, 0, NULL);

	if (!page)
		return NULL;
	page->mapping = &mapping;
	page->index = index;
	__SetPageUptodate(page);
	data_fill(page_address(page), file_word(index));
	return page;
}

static vm_fault_t file_fault(struct vm_fault *vmf)
{
	if (vmf->pgoff >= MODEL_FILE_PAGES)
		return VM_FAULT_SIGBUS;
	if (!cached[vmf->pgoff])
		cached[vmf->pgoff] = page_read(vmf->pgoff);
	vmf->page = cached[vmf->pgoff];
	if (!vmf->page)
		return VM_FAULT_OOM;
	get_page(vmf->page);
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

static int file_mmap(struct file *mapped, struct vm_area_struct *vma)
{
	vma->vm_ops = &vm_ops;
	return 0;
}

/* ---- the kernel's names ---- */

struct file *fget(unsigned int fd)
{
	return get_file(&file);
}

void fput(struct file *mapped)
{
	atomic_long_dec(&mapped->f_count);
}

bool path_noexec(const struct path *path)
{
	return false;
}

/* MADV_WILLNEED: there is nothing to read ahead. */
int vfs_fadvise(struct file *mapped, loff_t from, loff_t len, int advice)
{
	return 0;
}

/* Who asks may have what is mapped of it reclaimed, too. */
#ifdef HAVE_OWNER_IDMAP
bool inode_owner_or_capable(struct mnt_idmap *idmap, const struct inode *asked)
#else
bool inode_owner_or_capable(
	struct user_namespace *names, const struct inode *asked)
#endif
{
	return true;
}
