/* SPDX-License-Identifier: GPL-2.0-only */
#include "internal.h"

#include <string.h>

/*
 * Functions that every report of their kind goes through. A title that named
 * one would put different bugs into one finding. A final '*' fits any rest.
 * Reviewed against the samples in corpus/console.
 */
static const char *const helpers[] = {
	/* what prints the report */
	"dump_stack*",
	"__dump_stack",
	"show_stack",
	"show_regs",
	"dump_header",
	"print_*",
	"__warn*",
	"warn_slowpath*",
	"report_bug",
	"handle_bug",
	"exc_*",
	"asm_*",
	"sysvec_*",
	"do_error_trap",
	"do_trap",
	"die",
	"panic",
	"vpanic",
	"oops_*",
	"__die*",
	"fixup_*",
	"page_fault_oops",
	"check_panic_on_warn",
	"panic_on_this_cpu",
	"end_report*",
	"start_report*",
	"nmi_*",
	"sched_show_task",
	"rcu_dump_cpu_stacks*",
	"debug_anon_rmap",
	"debug_print_object",
	"debug_check_no_obj_freed",
	"__debug_check_no_obj_freed",
	"__debug_object_init",
	"debug_object_*",
	"lookup_object_or_alloc",
	"debug_timer_*",
	/* sanitizers */
	"kasan_*",
	"__kasan_*",
	"__asan_*",
	"check_memory_region*",
	"kfence_*",
	"__kfence_*",
	"kcsan_*",
	"__kcsan_*",
	"__tsan_*",
	"ubsan_*",
	"__ubsan_*",
	"kmsan_*",
	"__msan_*",
	"poison_*",
	"unpoison_*",
	"__sanitizer_cov_*",
	"write_comp_data",
	/* allocators */
	"kmalloc*",
	"__kmalloc*",
	"__do_kmalloc*",
	"krealloc*",
	"kfree*",
	"kvfree*",
	"kvmalloc*",
	"__kvmalloc*",
	"kzalloc*",
	"kmem_cache_alloc*",
	"kmem_cache_free*",
	"kmem_cache_destroy",
	"__kmem_cache_*",
	"___slab_alloc",
	"__slab_alloc*",
	"slab_alloc*",
	"slab_free*",
	"__slab_free*",
	"do_slab_free",
	"slab_post_alloc_hook",
	"slab_*",
	"free_to_partial_list",
	"alloc_debug_processing",
	"object_err",
	"free_debug_processing",
	"check_object*",
	"check_bytes_and_report",
	"check_slab",
	"on_freelist",
	"alloc_single_from_*",
	"new_slab",
	"allocate_slab",
	"discard_slab",
	"free_slab",
	"get_partial_node*",
	"get_page_from_freelist",
	"__alloc_pages*",
	"alloc_pages*",
	"__alloc_frozen_pages*",
	"folio_alloc*",
	"prep_new_page",
	"post_alloc_hook",
	"rmqueue*",
	"check_new_page*",
	"free_pages*",
	"___free_pages",
	"__free_pages*",
	"free_unref_*",
	"free_frozen_pages",
	"__free_frozen_pages",
	"free_pcppages_bulk",
	"free_page_is_bad*",
	"bad_page*",
	"free_tail_page_prepare",
	"page_expected_state*",
	"qlist_free_all",
	"tlb_remove_table_rcu",
	/* locks */
	"lock_acquire*",
	"__lock_acquire*",
	"lock_release*",
	"lock_is_held*",
	"lockdep_*",
	"__lock_*",
	"check_noncircular*",
	"check_prev_add*",
	"validate_chain*",
	"mark_lock*",
	"mark_usage*",
	"mark_held_locks*",
	"register_lock_class",
	"assign_lock_key",
	"look_up_lock_class",
	"valid_state",
	"debug_check_no_locks_*",
	"_raw_*",
	"__raw_*",
	"do_raw_*",
	"spin_bug",
	"spin_dump",
	"queued_*",
	"native_queued_*",
	"__pv_queued_*",
	"pv_*",
	"osq_*",
	"mutex_*",
	"__mutex_*",
	"ww_mutex*",
	"down_*",
	"up_*",
	"__down_*",
	"__up_*",
	"rwsem_*",
	"down",
	"up",
	"__rt_mutex*",
	"rt_mutex*",
	"mmap_read_lock*",
	"mmap_write_lock*",
	"lock_mm_and_find_vma",
	"lock_vma_under_rcu",
	"rcu_read_*",
	"__rcu_read_*",
	"rcu_is_watching",
	"rcu_note_context_switch",
	"__might_*",
	"might_*",
	"debug_lockdep_*",
	"trace_hardirqs_*",
	/* waiting */
	"__schedule*",
	"schedule*",
	"preempt_schedule*",
	"__cond_resched*",
	"io_schedule*",
	"wait_for_completion*",
	"__wait_for_common",
	"do_wait_for_common",
	"wait_for_common",
	"msleep*",
	"usleep*",
	"__wait_on_*",
	"wait_on_bit*",
	"out_of_line_*",
	"bit_wait*",
	"folio_wait_bit*",
	"__folio_lock*",
	"__switch_to*",
	"prepare_to_*",
	"cpu_relax",
	"rep_nop",
	"delay_*",
	"__delay",
	"__const_udelay",
	/* memory, lists, trees, counters */
	"memcpy*",
	"memset*",
	"memmove*",
	"memcmp*",
	"__memcpy*",
	"__memset*",
	"__memmove*",
	"rep_movs*",
	"rep_stos*",
	"copy_*_user*",
	"_copy_*_user*",
	"__copy_*",
	"raw_copy_*",
	"usercopy_abort",
	"__check_object_size*",
	"check_object_size*",
	"__check_heap_object",
	"check_heap_object",
	"check_stack_object",
	"clear_page_*",
	"copy_page",
	"__list_*",
	"list_*",
	"hlist_*",
	"llist_*",
	"refcount_*",
	"__refcount_*",
	"atomic_*",
	"__atomic_*",
	"arch_*",
	"instrument_*",
	"kref_*",
	"rb_*",
	"__rb_*",
	"xa_*",
	"xas_*",
	"__xa_*",
	"mas_*",
	"mt_*",
	"mtree_*",
	"mab_*",
	"mte_*",
	"strlen",
	"strcmp",
	"strcpy*",
	"find_first_*",
	"_find_*",
	"test_bit",
	"set_bit",
	"clear_bit",
	/* page flags and checks of what others did */
	"const_folio_flags*",
	"folio_flags*",
	"page_table_check_*",
	"__page_table_check_*",
	"vm_normal_page*",
	"vm_normal_folio*",
	"dump_page*",
	"dump_vma*",
	"dump_mm*",
	"dump_mapping",
	"check_mm",
	/* walkers: who walked is the title, not the walk */
	"rmap_walk",
	"rmap_walk_anon*",
	"rmap_walk_file*",
	"rmap_walk_locked",
	"rmap_walk_ksm",
	"page_vma_mapped_walk",
	"anon_vma_interval_tree_*",
	"__anon_vma_interval_tree_*",
	"vma_interval_tree_*",
	"__vma_interval_tree_*",
	"interval_tree_*",
	"walk_page_*",
	"__walk_page_*",
	"walk_pgd_*",
	"walk_p4d_*",
	"walk_pud_*",
	"walk_pmd_*",
	"walk_pte_*",
	"pte_offset_map*",
	"__pte_offset_map*",
	"pte_unmap",
	"__pte_map_offset",
};

static const char *const entries[] = {"do_syscall_64", "entry_*",
	"x64_sys_call", "ret_from_fork*", "kthread", "do_int80*",
	"do_fast_syscall*", "start_kernel", "secondary_startup*",
	"common_startup*"};

static bool name_fits(struct span name, const char *pattern)
{
	size_t len = strlen(pattern);
	const char *star = memchr(pattern, '*', len);
	struct match match;

	if (!star)
		return name.len == len && !memcmp(name.s, pattern, len);
	if (star[1] == '\0')
		return name.len >= len - 1 && !memcmp(name.s, pattern, len - 1);
	return pattern_match(pattern, name, &match);
}

static bool fits_any(struct span name, const char *const *patterns, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (name_fits(name, patterns[i]))
			return true;
	return false;
}

bool symbol_is_helper(struct span name)
{
	return fits_any(symbol_clean(name), helpers, ARRAY_SIZE(helpers));
}

bool symbol_is_entry(struct span name)
{
	return fits_any(name, entries, ARRAY_SIZE(entries));
}

struct span symbol_clean(struct span name)
{
	static const char *const prefixes[] = {"__x64_sys_", "__se_sys_",
		"__do_sys_", "__ia32_sys_", "__ia32_compat_sys_",
		"__arm64_sys_"};
	const char *dot = memchr(name.s, '.', name.len);

	if (dot && dot != name.s)
		name.len = (size_t)(dot - name.s);
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i]);

		if (name.len > len && span_starts(name, prefixes[i]))
			return (struct span){name.s + len, name.len - len};
	}
	return name;
}
