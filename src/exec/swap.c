/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * swap: all that is swapped out, of whomever, comes back. Raw system calls
 * only: see raw.h. Source: mm/swapfile.c, try_to_unuse() (v6.12), which looks
 * for the entries in the page tables of each mm, and passes over a vma without
 * an anon_vma.
 */
#include <errno.h>

#include "exec/exec.h"
#include "exec/raw.h"
#include "guest/guest.h"

/* Another lane may have turned it on */
long swap_on(void)
{
	long err = raw3(SYS_swapon, (long)SWAP_PATH, 0, 0);

	return err == -EBUSY ? 0 : err;
}

long swap_empty(void)
{
	long off = raw1(SYS_swapoff, (long)SWAP_PATH);
	long on = swap_on();

	return off ? off : on;
}
