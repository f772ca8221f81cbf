/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the shadow allows. @run says what the calls did and saw, word by word:
 *   C=S,S...  expect C saw: N (the stamp of call N at the same page), N@V+P
 *	       (its stamp of another page), z zeros, f fault, t torn, g garbage,
 *	       F (what the file has there)
 *   C!E[:R]   call C failed with errno E (a touch: after R pages)
 *   C?        call C began and never ended    C-  call C was skipped
 *   end:P=... what process P saw at the end
 * Calls that are not named were done. @kind: of the mismatch, or NULL.
 */
#include "prog/result.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "test_programs.h"

struct shadow_case {
	const char *why, *prog, *run, *kind;
};

#define LATE  "p0.t1 mmap v7:4 rw stack\np0 munmap v6+8:1\np0 expect v6+8:1\n"
#define STACK "p0 mmap v0+4:2 rw stack\np0 touch v0+4:2\n"
#define ANON  "p0 mmap v0:4 rw anon\np0 touch v0:2\n"

static const struct shadow_case shadow_cases[] = {
	{"a touch may meet a stack that is mapped while it is under way",
		"p0 async touch v5:1\np0.t1 mmap v5+8:1 rw stack\n"
		"p0 barrier\n",
		"", NULL},
	{"a move under way may take along a stack that is mapped meanwhile",
		"p0 async mremap v7:4 v6+8:4 0\n" LATE, "3=z", NULL},
	{"a move that was done before does not",
		"p0 mremap v7:4 v6+8:4 0\n" LATE, "3=z",
		"unmapped page readable"},
	{"written is written, the rest is zeros", ANON "p0 expect v0:5\n",
		"2=1,1,z,z,f end:0=1,1", NULL},
	{"a write is not lost", ANON "p0 expect v0:1\n", "2=z", "lost write"},
	{"nor torn", ANON "p0 expect v0:1\n", "2=t", "torn page"},
	{"nor made up", ANON "p0 expect v0:1\n", "2=g", "garbage page"},
	{"a mapping is not lost", ANON "p0 expect v0:1\n", "2=f",
		"lost mapping"},
	{"a page is not another page", ANON "p0 expect v0:1\n", "2=1@0+1",
		"stale page"},
	{"a page of zeros stays so", ANON "p0 expect v0+2:1\n", "2=1@0+1",
		"stale page"},
	{"the end is looked at too", ANON, "end:0=1,z", "lost write"},
	{"an older write does not come back",
		ANON "p0 touch v0:1\np0 expect v0:1\n", "3=1", "lost write"},
	{"the child has what the parent wrote before",
		ANON "p0 fork p1\np0 touch v0:1\np1 expect v0:2\n", "4=1,1",
		NULL},
	{"but not what it wrote after",
		ANON "p0 fork p1\np0 touch v0:1\np1 expect v0:1\n", "4=3",
		"foreign page"},
	{"the child's write is not the parent's",
		ANON "p0 fork p1\np1 touch v0:1\np0 expect v0:1\n", "4=3",
		"foreign page"},
	{"a child's lost write shows the parent's",
		ANON "p0 fork p1\np1 touch v0:1\np1 expect v0:1\n", "4=1",
		"lost write"},
	{"a grandchild inherits from both",
		ANON "p0 fork p1\np1 touch v0:1\np1 fork p2\np1 exit\n"
		     "p2 expect v0:2\n",
		"6=3,1", NULL},
	{"siblings do not meet",
		ANON "p0 fork p1\np0 fork p2\np1 touch v0:1\np2 expect v0:1\n",
		"5=4", "foreign page"},
	{"a fork that failed leaves no child", ANON "p0 fork p1\n", "2!11",
		NULL},
	{"what was unmapped is gone", ANON "p0 munmap v0+1:1\np0 expect v0:2\n",
		"3=1,f", NULL},
	{"and not readable", ANON "p0 munmap v0+1:1\np0 expect v0:2\n", "3=1,1",
		"unmapped page readable"},
	{"nor writable", ANON "p0 munmap v0+1:1\np0 touch v0+1:1\n", "",
		"unmapped page writable"},
	{"a debugger writes what is protected",
		ANON "p0 mprotect v0:2 r\np0 poke v0:1\np0 expect v0:2\n",
		"4=3,1", NULL},
	{"which is not lost",
		ANON "p0 mprotect v0:2 none\np0 poke v0:1\n"
		     "p0 mprotect v0:2 r\np0 expect v0:1\n",
		"5=1", "lost write"},
	{"nor refused", ANON "p0 mprotect v0:2 r\np0 poke v0:1\n", "3!14:0",
		"lost mapping"},
	{"and leaves it protected",
		ANON "p0 mprotect v0:2 r\np0 poke v0:2\np0 touch v0:1\n", "",
		"protected page writable"},
	{"but not what is shared", "p0 mmap v0:1 r shared\np0 poke v0:1\n", "",
		"protected page writable"},
	{"nor what is not there", ANON "p0 munmap v0+1:1\np0 poke v0:2\n",
		"3!14:1 end:0=3,f", NULL},
	{"but the child's is",
		ANON "p0 fork p1\np0 munmap v0:4\np1 expect v0:2\n", "4=1,f",
		"lost mapping"},
	{"a munmap that failed may have done it",
		ANON "p0 munmap v0:1\np0 expect v0:1\n", "2!12 3=f", NULL},
	{"or not, but the page is the same",
		ANON "p0 munmap v0:1\np0 expect v0:1\n", "2!12 3=z",
		"lost write"},
	{"migration keeps",
		ANON "p0 move_pages v0:2 node=1 ALL\n"
		     "p0 expect v0:1\n",
		"3=z", "lost write"},
	{"even where it failed",
		ANON "p0 move_pages v0:2 node=1 ALL\n"
		     "p0 expect v0:1\n",
		"2!14 3=z", "lost write"},
	{"even beside a fork and an exit",
		ANON
		"p0 fork p1\np0 async madvise v0:2 PAGEOUT\np1 async exit\n"
		"p0.t1 expect v0:1\n",
		"5=z", "lost write"},
	{"DONTNEED gives zeros",
		ANON "p0 madvise v0:1 DONTNEED\np0 expect v0:2\n", "3=z,1",
		NULL},
	{"and nothing else", ANON "p0 madvise v0:1 DONTNEED\np0 expect v0:1\n",
		"3=1", "stale page"},
	{"or both, where it failed",
		ANON "p0 madvise v0:2 DONTNEED\np0 expect v0:2\n", "2!12 3=z,1",
		NULL},
	{"FREE gives the old or zeros",
		ANON "p0 madvise v0:2 FREE\np0 expect v0:2\n", "3=z,1", NULL},
	{"until it is written again",
		ANON "p0 madvise v0:2 FREE\np0 touch v0:1\np0 expect v0:1\n",
		"4=z", "lost write"},
	{"a child of it may find either",
		ANON "p0 madvise v0:2 FREE\np0 fork p1\np0 touch v0:2\n"
		     "p1 expect v0:2\n",
		"5=z,1", NULL},
	{"but not its parent's new write",
		ANON "p0 madvise v0:2 FREE\np0 fork p1\np0 touch v0:2\n"
		     "p1 expect v0:1\n",
		"5=4", "foreign page"},
	{"WIPEONFORK: zeros in the child, and in its child",
		ANON "p0 madvise v0:2 WIPEONFORK\np0 fork p1\np1 touch v0:1\n"
		     "p1 fork p2\np2 expect v0:2\np0 expect v0:2\n",
		"6=z,z 7=1,1", NULL},
	{"and not the parent's",
		ANON "p0 madvise v0:2 WIPEONFORK\np0 fork p1\np1 expect v0:1\n",
		"4=1", "stale page"},
	{"DONTFORK: nothing in the child",
		ANON "p0 madvise v0:2 DONTFORK\np0 fork p1\np1 expect v0:3\n",
		"4=f,f,z", NULL},
	{"a stack grows by zeros, and keeps them apart",
		STACK "p0 touch v0+2:1\np0 expect v0+1:4\n", "3=z,2,z,1", NULL},
	{"what it has is not lost", STACK "p0 expect v0+4:1\n", "2=z",
		"lost write"},
	{"what grew is not, either",
		STACK "p0 touch v0+2:1\np0 expect v0+2:1\n", "3=z",
		"lost write"},
	{"what was unmapped may grow again, with zeros",
		STACK "p0 munmap v0:8\np0 expect v0+4:1\n", "3=z", NULL},
	{"and nothing else", STACK "p0 munmap v0:8\np0 expect v0+4:1\n", "3=1",
		"stale page"},
	{"a child's stack grows too, in the place of what it did not get",
		STACK
		"p0 madvise v0+3:4 DONTFORK\np0 fork p1\np1 expect v0+4:2\n",
		"2!12 4=z,f", NULL},
	{"and so does that of a child which is being forked",
		"p0.t1 async fork p1\n" STACK "p1 expect v0+3:3\n", "3=z,z,f",
		NULL},
	{"a heap is new zeros", "p0 brk v0:2\np0 touch v0:1\np0 expect v0:3\n",
		"2=1,z,f", NULL},
	{"or, where it failed, nothing",
		ANON "p0 brk v0+1:2\np0 expect v0+1:1\n", "2!12 3=z",
		"lost write"},
	{"a move takes the pages along",
		ANON "p0 mremap v0:2 v2:2 0\np0 expect v2:2\np0 expect v0:1\n",
		"3=1@0+0,1@0+1 4=f", NULL},
	{"all of them", ANON "p0 mremap v0:2 v2:2 0\np0 expect v2:2\n",
		"3=1@0+0,z", "lost write"},
	{"each to its place", ANON "p0 mremap v0:2 v2:2 0\np0 expect v2:1\n",
		"3=1@0+1", "stale page"},
	{"DONTUNMAP leaves zeros",
		ANON "p0 mremap v0:2 v2:2 DONTUNMAP\np0 expect v0:2\n", "3=z,1",
		"stale page"},
	{"a move that grows brings zeros",
		ANON "p0 mremap v0:4 v2:6 0\np0 expect v2:6\n",
		"3=1@0+0,1@0+1,z,z,z,z", NULL},
	{"failing, it may bring what the file has behind them",
		"p0 mmap v0:1 rw file\np0 fail_from=5 mremap v0:1 v2:2 0\n"
		"p0 expect v2:2\n",
		"1!12 2=F,F", NULL},
	{"UFFDIO_MOVE takes the pages along, and leaves zeros",
		ANON "p0 mmap v2:2 rw anon\np0 uffd_move v0:2 v2:2\n"
		     "p0 expect v2:2\np0 expect v0:2\n",
		"4=1@0+0,1@0+1 5=z,z", NULL},
	{"all of them",
		ANON "p0 mmap v2:2 rw anon\np0 uffd_move v0:2 v2:2\n"
		     "p0 expect v2:2\n",
		"4=1@0+0,z", "lost write"},
	{"none of which stays",
		ANON "p0 mmap v2:2 rw anon\np0 uffd_move v0:2 v2:2\n"
		     "p0 expect v0:1\n",
		"4=1", "stale page"},
	{"failing, it may have moved some, and drops what was there",
		ANON "p0 mmap v2:2 rw anon\np0 touch v2:2\n"
		     "p0 uffd_move v0:2 v2:2\np0 expect v2:2\n"
		     "p0 expect v0:2\n",
		"4!16 5=1@0+0,z 6=z,1", NULL},
	{"but nothing else",
		ANON "p0 mmap v2:2 rw anon\np0 uffd_move v0:2 v2:2\n"
		     "p0 expect v2:2\n",
		"3!16 4=1@0+1", "stale page"},
	{"UFFDIO_COPY brings pages in the place of others",
		ANON "p0 uffd_copy v0+1:2\np0 expect v0:3\n", "3=1,2,2", NULL},
	{"whether they could be written or not",
		ANON "p0 mprotect v0:4 r\np0 uffd_copy v0:1\n"
		     "p0 expect v0:2\n",
		"4=3,1", NULL},
	{"and the old ones are gone",
		ANON "p0 uffd_copy v0:2\np0 expect v0:2\n", "3=2,1",
		"lost write"},
	{"failing, it may have dropped the page that it came to",
		ANON "p0 uffd_copy v0:2\np0 expect v0:2\n", "2!16 3=z,1", NULL},
	{"but not those behind it", ANON "p0 uffd_copy v0:2\np0 expect v0:2\n",
		"2!16 3=1,z", "lost write"},
	{"what is not written keeps its uffd-wp bit",
		ANON "p0 uffd_wp v0:4\np0 madvise v0:4 PAGEOUT\n"
		     "p0 expect v0:4\np0 expect_wp v0:4\n",
		"4=1,1,z,z 5=w,w,w,w", NULL},
	{"all of it",
		ANON "p0 uffd_wp v0:4\np0 madvise v0:4 PAGEOUT\n"
		     "p0 expect_wp v0:4\n",
		"4=w,w,w,n", "lost uffd-wp bit"},
	{"what is written has none",
		ANON "p0 uffd_wp v0:4\np0 touch v0+1:1\np0 expect_wp v0:4\n",
		"4=w,n,w,w", NULL},
	{"whatever comes then",
		ANON "p0 uffd_wp v0:4\np0 touch v0+1:1\np0 fork p1\n"
		     "p0 madvise v0:4 PAGEOUT\np0 expect_wp v0+1:1\n",
		"6=w", "stale uffd-wp bit"},
	{"a child's bits are its own",
		ANON "p0 uffd_wp v0:4\np0 fork p1\np1 touch v0:4\n"
		     "p0 expect_wp v0:1\np1 expect_wp v0:4\n",
		"5=n", "lost uffd-wp bit"},
	{"what drops or moves pages may take their bits along",
		ANON "p0 uffd_wp v0:4\np0 madvise v0:1 DONTNEED\n"
		     "p0 madvise v0+1:1 FREE\np0 mremap v0+2:1 v2:1 0\n"
		     "p0 expect_wp v0:2\np0 expect_wp v2:1\n",
		"6=n,w 7=n", NULL},
	{"or drop them later, until they are written",
		ANON "p0 madvise v0:2 FREE\np0 fork p1\np0 touch v0+1:1\n"
		     "p1 uffd_wp v0:1\np0 uffd_wp v0:2\np1 expect_wp v0:1\n"
		     "p0 expect_wp v0:2\n",
		"7=n 8=n,w", NULL},
	{"not then",
		ANON "p0 madvise v0:2 FREE\np0 touch v0:2\np0 uffd_wp v0:2\n"
		     "p0 expect_wp v0:1\n",
		"5=n", "lost uffd-wp bit"},
	{"and what faults for writing",
		ANON "p0 uffd_wp v0:4\np0 pin v0:2\np0 mlock v0+2:2\n"
		     "p0 expect_wp v0:4\n",
		"5=n,w,n,w", NULL},
	{"as mprotect does where it is locked",
		ANON "p0 mlock v0:4\np0 uffd_wp v0:4\np0 mprotect v0:4 rw\n"
		     "p0 expect_wp v0:1\n",
		"5=n", NULL},
	{"a tracking that failed tracks what it wants",
		ANON "p0 uffd_wp v0:4\np0 expect_wp v0:2\n", "2!12 3=n,w",
		NULL},
	{"what could not be read says nothing",
		ANON "p0 uffd_wp v0:4\np0 expect_wp v0:2\n", "3=u,w", NULL},
	{"a write beside it comes before or after",
		ANON "p0 async uffd_wp v0:4\np0.t1 touch v0:1\np0 barrier\n"
		     "p0 expect_wp v0:2\n",
		"5=n,w", NULL},
	{"other pages are judged when it is done",
		ANON "p0 async uffd_wp v0:4\np0.t1 touch v0:1\np0 barrier\n"
		     "p0 expect_wp v0:2\n",
		"5=n,n", "lost uffd-wp bit"},
	{"what is written has a soft-dirty bit",
		ANON "p0 clear_refs\np0 touch v0+1:1\np0 madvise v0:4 PAGEOUT\n"
		     "p0 expect_dirty v0:4\n",
		"5=c,d,d,c", NULL},
	{"whatever comes then",
		ANON "p0 clear_refs\np0 touch v0+1:1\np0 madvise v0:4 PAGEOUT\n"
		     "p0 expect_dirty v0+1:1\n",
		"5=c", "lost soft-dirty bit"},
	{"also where it has moved to",
		ANON "p0 clear_refs\np0 touch v0:1\np0 mremap v0:2 v2:2 0\n"
		     "p0 expect_dirty v2:1\n",
		"5=c", "lost soft-dirty bit"},
	{"until it is cleared, or dropped",
		ANON "p0 madvise v0:1 DONTNEED\np0 expect_dirty v0:2\n"
		     "p0 clear_refs\np0 expect_dirty v0:2\n",
		"3=c,d 5=c,c", NULL},
	{"a write while it is cleared may have none",
		ANON "p0.t1 async clear_refs\np0 touch v0:1\np0 barrier\n"
		     "p0 expect_dirty v0:1\n",
		"5=c", NULL},
	{"a child's bits may be its own",
		ANON "p0 fork p1\np1 expect_dirty v0:1\np0 expect_dirty v0:1\n",
		"3=c 4=c", "lost soft-dirty bit"},
	{"a refused move changes nothing",
		ANON "p0 mremap v0:2 v0+1:2 0\np0 expect v0:1\n", "2!22 3=f",
		"lost mapping"},
	{"any other failure may",
		ANON "p0 mremap v0:2 v2:2 0\np0 expect v0:1\n", "2!14 3=f",
		NULL},
	{"what a fill writes is the same in each page",
		ANON "p0 fill v0:2 value=3\np0 expect v0:2\n", "3=2@0+1,2@0+0",
		NULL},
	{"it replaces what was there",
		ANON "p0 fill v0:1 value=3\np0 expect v0:1\n", "3=1",
		"stale page"},
	{"and may be lost", ANON "p0 fill v0:1 value=3\np0 expect v0:1\n",
		"3=z", "lost write"},
	{"resize drops the tail and adds zeros",
		ANON "p0 resize v0:4 pages=1\np0 resize v0:1 pages=3\n"
		     "p0 expect v0:4\n",
		"4=1,z,z,f", NULL},
	{"not the old tail",
		ANON "p0 resize v0:4 pages=1\np0 resize v0:1 pages=3\n"
		     "p0 expect v0:2\n",
		"4=1,1", "stale page"},
	{"a protected page faults",
		ANON "p0 mprotect v0:1 none\np0 expect v0:1\np0 touch v0:1\n",
		"3=f 4!14:0", NULL},
	{"and does not let itself be read",
		ANON "p0 mprotect v0:1 none\np0 expect v0:1\n", "3=1",
		"protected page readable"},
	{"nor written", ANON "p0 mprotect v0:1 r\np0 touch v0:1\n", "",
		"protected page writable"},
	{"a touch ends at its first fault",
		ANON "p0 munmap v0+1:1\np0 touch v0:3\np0 expect v0:3\n",
		"3!14:1 4=3,f,z", NULL},
	{"which must have a reason", ANON "p0 touch v0:3\n", "2!14:1",
		"lost mapping"},
	{"a private file shows the file, then what was written",
		"p0 mmap v2:2 rw file\np0 touch v2:1\np0 expect v2:2\n",
		"2=1,F", NULL},
	{"and not zeros", "p0 mmap v2:2 rw file\np0 expect v2:1\n", "1=z",
		"lost write"},
	{"DONTNEED brings the file back",
		"p0 mmap v2:1 rw file\np0 touch v2:1\n"
		"p0 madvise v2:1 DONTNEED\np0 expect v2:1\n",
		"3=F", NULL},
	{"shared memory shows everybody's writes",
		"p0 mmap v0:2 rw shared\np0 fork p1\np1 touch v0:1\n"
		"p0 expect v0:2\n",
		"3=2,z", NULL},
	{"at once",
		"p0 mmap v0:2 rw shared\np0 fork p1\np1 touch v0:1\n"
		"p0 expect v0:1\n",
		"3=z", "lost write"},
	{"through any mapping of the memfd",
		"p0 mmap v0:2 rw memfd\np0 mmap v1:2 rw memfd\n"
		"p0 touch v1+1:1\np0 expect v0:2\n",
		"3=z,2@1+1", NULL},
	{"two shared mappings are two objects",
		"p0 mmap v0:1 rw shared\np0 mmap v2:1 rw shared\n"
		"p0 touch v0:1\np0 expect v2:1\n",
		"3=2@0+0", "stale page"},
	{"a private memfd page shows the object until written",
		"p0 mmap v0:2 rw memfd\np0 mmap v2:2 rw memfd_private\n"
		"p0 touch v0:2\np0 touch v2:1\np0 touch v0:2\n"
		"p0 expect v2:2\n",
		"5=3,4@0+1", NULL},
	{"and not any more after it",
		"p0 mmap v0:2 rw memfd\np0 mmap v2:2 rw memfd_private\n"
		"p0 touch v2:1\np0 touch v0:2\np0 expect v2:1\n",
		"4=3@0+0", "stale page"},
	{"POPULATE_WRITE copies the page",
		"p0 mmap v0:1 rw memfd\np0 mmap v2:1 rw memfd_private\n"
		"p0 touch v0:1\np0 madvise v2:1 POPULATE_WRITE\n"
		"p0 touch v0:1\np0 expect v2:1\n",
		"5=2@0+0", NULL},
	{"mlock may have copied it",
		"p0 mmap v0:1 rw memfd\np0 mmap v2:1 rw memfd_private\n"
		"p0 touch v0:1\np0 mlock v2:1\np0 touch v0:1\n"
		"p0 expect v2:1\n",
		"5=2@0+0", NULL},
	{"async touch: both, and parts, until it is done",
		ANON "p0.t1 async touch v0:1\np0 expect v0:1\np0 barrier\n"
		     "p0 expect v0:1\n",
		"3=t 5=2", NULL},
	{"then only the new",
		ANON "p0.t1 async touch v0:1\np0 expect v0:1\np0 barrier\n"
		     "p0 expect v0:1\n",
		"3=1 5=1", "lost write"},
	{"the actor's next call waits for it",
		ANON "p0.t1 async touch v0:1\np0.t1 expect v0:1\n", "3=1",
		"lost write"},
	{"a child forked meanwhile has the old or the new",
		ANON "p0.t1 async touch v0:1\np0 fork p1\np0 barrier\n"
		     "p1 expect v0:2\n",
		"5=1,1", NULL},
	{"but its mapping",
		ANON "p0.t1 async touch v0:1\np0 fork p1\np0 barrier\n"
		     "p1 expect v0:1\n",
		"5=f", "lost mapping"},
	{"and nothing else",
		ANON "p0.t1 async touch v0:1\np0 fork p1\np0 barrier\n"
		     "p1 expect v0:1\n",
		"5=z", "lost write"},
	{"an async fork: the child may have what is written meanwhile",
		ANON "p0.t1 async fork p1\np0 touch v0:1\np0 barrier\n"
		     "p1 expect v0:2\n",
		"5=3,1", NULL},
	{"not what is written after",
		ANON "p0.t1 async fork p1\np0 barrier\np0 touch v0:1\n"
		     "p1 expect v0:1\n",
		"5=4", "foreign page"},
	{"nor once the child has run",
		ANON "p0.t1 async fork p1\np1 expect v0:1\np0 touch v0:1\n"
		     "p0 barrier\np1 expect v0:1\n",
		"3=1 6=4", "foreign page"},
	{"the parent's own write counts at once",
		ANON "p0.t1 async fork p1\np0 touch v0:1\np0 expect v0:1\n",
		"4=1", "lost write"},
	{"racing writes: any, but the mapping is there",
		ANON "p0.t1 async touch v0:2\np0 touch v0:1\np0 barrier\n"
		     "p0 expect v0:2\n",
		"5=t,2", NULL},
	{"really there",
		ANON "p0.t1 async touch v0:2\np0 touch v0:1\np0 barrier\n"
		     "p0 expect v0:1\n",
		"5=f", "lost mapping"},
	{"munmap against touch: anything",
		ANON "p0.t1 async munmap v0:1\np0 touch v0:1\np0 barrier\n"
		     "p0 expect v0:2\n",
		"5=f,1", NULL},
	{"beside them all is as ever",
		ANON "p0.t1 async munmap v0:1\np0 touch v0:1\np0 barrier\n"
		     "p0 expect v0:2\n",
		"5=f,z", "lost write"},
	{"an async munmap is done in the end",
		ANON "p0.t1 async munmap v0:1\np0 expect v0:1\np0 barrier\n"
		     "p0 expect v0:1\n",
		"3=1 5=1", "unmapped page readable"},
	{"a fork while munmap is under way: the child may have the page",
		ANON "p0.t1 async munmap v0:1\np0 fork p1\np0 barrier\n"
		     "p1 expect v0:1\n",
		"5=1", NULL},
	{"a touch while mremap is under way: it may go with the page",
		ANON "p0.t1 async mremap v0:1 v2:1 0\np0 touch v0:1\n"
		     "p0 barrier\np0 expect v2:1\n",
		"5=3@0+0", NULL},
	{"or stay, where DONTUNMAP keeps the mapping",
		ANON "p0.t1 async mremap v0:1 v2:1 DONTUNMAP\np0 touch v0:1\n"
		     "p0 barrier\np0 expect v2:1\n",
		"5=3@0+0", NULL},
	{"another process does not race",
		ANON "p0 fork p1\np0 async munmap v0:2\np1 touch v0:1\n"
		     "p1 expect v0:2\n",
		"5=4,z", "lost write"},
	{"an async move is done in the end",
		ANON "p0.t1 async mremap v0:2 v2:2 0\np0 barrier\n"
		     "p0 expect v2:2\n",
		"4=1@0+0,z", "lost write"},
	{"racing writes to shared memory: any of them",
		"p0 mmap v0:1 rw shared\np0 fork p1\np0 async touch v0:1\n"
		"p1 touch v0:1\np0 barrier\np1 expect v0:1\n",
		"5=2", NULL},
	{"what never ended may have done anything to its page",
		ANON "p0 fork p1\np0 async touch v0:1\np1 expect v0:1\n",
		"3? 4=1", NULL},
	{"but not to another process",
		ANON "p0 fork p1\np0 async touch v0:1\np1 expect v0:1\n",
		"3? 4=3", "foreign page"},
	{"a skipped call did nothing", ANON "p0 touch v0:1\np0 expect v0:1\n",
		"2- 3=1", NULL},
	{"a number that is forked again starts anew",
		ANON "p0 fork p1\np1 touch v0:1\np1 exit\np0 fork p1\n"
		     "p1 expect v0:1\n",
		"6=3", "foreign page"},
	{"a mapping lost in a race may show other pages once it has grown",
		"p0 mmap v0:8 rw memfd\np0 mmap v2:8 rw memfd\n"
		"p0.t1 async munmap v0+1:1\np0 touch v0+1:1\np0 barrier\n"
		"p0 mremap v0+1:1 v4:3 0\np0 touch v4:3\np0 expect v2+2:1\n",
		"7=6@4+1", NULL},
	{"a race with a change that no call made is none",
		ANON "p0.t1 async munmap v0:1\np0 touch v0:1\np0 barrier\n"
		     "p0 expect v0:1\n",
		"3- 5=1", "unmapped page readable"},
};

struct shadow_run {
	struct prog prog;
	struct prog_result result;
};

/* One thing that was seen at @at; ends behind it */
static uint64_t seen_of(
	const struct shadow_run *run, struct page_at at, const char **word)
{
	char c = *(*word)++;
	char *end;
	uint32_t call;

	if (c == 'z')
		return 0;
	if (c == 'f')
		return OBS_FAULT;
	if (c == 't')
		return OBS_TORN;
	if (c == 'g')
		return 0x1234;
	if (c == 'F')
		return prog_file_stamp(at.page);
	if (c == 'w')
		return OBS_WP;
	if (c == 'd')
		return OBS_DIRTY;
	if (c == 'c')
		return OBS_CLEAN;
	if (c == 'u')
		return OBS_UNREAD;
	if (c == 'n')
		return OBS_NO_WP;
	call = (uint32_t)strtoul(*word - 1, &end, 10);
	if (*end == '@') {
		at.slot = (uint16_t)strtoul(end + 1, &end, 10);
		at.page = (uint16_t)strtoul(end + 1, &end, 10);
	}
	*word = end;
	return call_stamp(&run->prog.call[call], call, at.slot, at.page);
}

static void run_saw(struct shadow_run *run, uint32_t call, const char *word)
{
	struct call_result *res = &run->result.call[call];
	struct page_at at = {run->prog.call[call].arg[0].range.slot,
		run->prog.call[call].arg[0].range.page};

	res->obs = run->result.nr_obs;
	do {
		word++;
		run->result.obs[run->result.nr_obs++] = seen_of(run, at, &word);
		res->nr_obs++;
		at.page++;
	} while (*word == ',');
}

static void run_ended(struct shadow_run *run, const char *word)
{
	struct page_at pages[PROG_END_PAGES];
	uint32_t nr = prog_end_pages(&run->prog, pages);
	uint32_t proc = (uint32_t)(word[4] - '0');

	for (uint32_t i = 0; i < PROG_END_PAGES; i++)
		run->result.end[proc][i] = OBS_UNREAD;
	run->result.live |= 1u << proc;
	word += 5;
	for (uint32_t i = 0; i < nr && (*word == ',' || *word == '='); i++) {
		word++;
		run->result.end[proc][i] = seen_of(run, pages[i], &word);
	}
}

static void run_word(struct shadow_run *run, const char *word)
{
	char *end;
	uint32_t call;
	struct call_result *res;

	if (strncmp(word, "end:", 4) == 0) {
		run_ended(run, word);
		return;
	}
	call = (uint32_t)strtoul(word, &end, 10);
	res = &run->result.call[call];
	if (*end == '=')
		run_saw(run, call, end);
	if (*end == '?')
		res->state = CALL_STARTED;
	if (*end == '-')
		res->state = CALL_SKIPPED;
	if (*end == '!') {
		res->err = -(int32_t)strtoul(end + 1, &end, 10);
		res->ret = *end == ':' ? strtol(end + 1, NULL, 10) : 0;
	}
}

static void run_make(struct shadow_run *run, const struct shadow_case *c)
{
	memset(run, 0, sizeof(*run));
	run->prog = prog_of(c->prog);
	for (uint32_t i = 0; i < run->prog.nr_calls; i++) {
		run->result.call[i].state = CALL_DONE;
		run->result.call[i].ret = run->prog.call[i].arg[0].range.pages;
	}
	for (const char *word = c->run; *word;) {
		run_word(run, word);
		word += strcspn(word, " ");
		word += strspn(word, " ");
	}
}

static void test_shadow(void)
{
	static struct shadow_run run;
	struct mismatch found;
	struct why why;

	for (size_t i = 0; i < ARRAY_SIZE(shadow_cases); i++) {
		const struct shadow_case *c = &shadow_cases[i];
		char line[160];
		int ret;

		found.kind[0] = '\0';
		run_make(&run, c);
		if (result_check(&run.prog, &run.result, &why)) {
			printf("broken: %s: %s\n", c->why, why.text);
			exit(99);
		}
		ret = shadow_judge(&run.prog, &run.result, &found);
		snprintf(line, sizeof(line), "shadow: %s", c->why);
		if (!test_case(ret == (c->kind != NULL) &&
				       (!ret || !strcmp(found.kind, c->kind)),
			    line))
			printf("# got %s at v%u+%u\n", found.kind,
				found.at.slot, found.at.page);
		run.result.flags = RESULT_OOM;
		if (shadow_judge(&run.prog, &run.result, &found))
			test_case(false, "after an OOM nothing is judged");
	}
}

int main(void)
{
	test_shadow();
	return test_end();
}
