/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The C program of a program: a fixed runtime, and a table with one line a
 * call.
 *
 * The first process of the C program conducts: it gives each call its turn,
 * waits until it is made (or, async, begun), and buries the dead; the processes
 * of the program are all its children (CLONE_PARENT). In the table, a plain
 * system call is there with its arguments; the other kinds have a function in
 * makers.
 */
#include "prog/prog.h"
#include "prog/stamp.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>

static const char head[] =
	"#define _GNU_SOURCE\n"
	"#include <errno.h>\n"
	"#include <fcntl.h>\n"
	"#include <pthread.h>\n"
	"#include <sched.h>\n"
	"#include <setjmp.h>\n"
	"#include <signal.h>\n"
	"#include <stdio.h>\n"
	"#include <stdlib.h>\n"
	"#include <string.h>\n"
	"#include <sys/mman.h>\n"
	"#include <sys/syscall.h>\n"
	"#include <sys/wait.h>\n"
	"#include <unistd.h>\n"
	"\n"
	"enum state { NOT_RUN, STARTED, DONE, SKIPPED };\n"
	"enum life { NONE, LIVES, DEAD };\n"
	"\n"
	"struct call {\n"
	"\tint proc, thread, async;\n"
	"\tint fail, fail_all; /* which allocation; and all later ones */\n"
	"\tlong (*make)(int i);\n"
	"\tlong nr; /* of the system call (x86-64) */\n"
	"\tunsigned long arg[6];\n"
	"\tconst char *text;\n"
	"};\n"
	"\n"
	"/* What all processes share */\n"
	"static struct shared {\n"
	"\tint turn; /* number of the call whose turn it is */\n"
	"\tint life[8], exiting[8], pid[8];\n"
	"\tint state[NR_CALLS + 1];\n"
	"} *shared;\n"
	"\n"
	"static const struct call calls[NR_CALLS + 1];\n"
	"static int memfd = -1, file = -1;\n"
	"static __thread sigjmp_buf fault;\n"
	"static void process(int proc);\n"
	"\n"
	"#define GET(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)\n"
	"#define SET(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)\n"
	"\n"
	"static void on_fault(int sig)\n"
	"{\n"
	"\t(void)sig;\n"
	"\tsiglongjmp(fault, 1);\n"
	"}\n"
	"\n"
	"/* Who, when, where; and a hash of it */\n"
	"static unsigned long stamp(unsigned int low)\n"
	"{\n"
	"\tunsigned long z = (low + 1) * 0x9e3779b97f4a7c15ul;\n"
	"\n"
	"\tz = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ul;\n"
	"\tz ^= z >> 27;\n"
	"\treturn (z << 33 >> 1) | 1ul << 32 | low;\n"
	"}\n"
	"\n";

static const char file_write[] =
	"__attribute__((unused)) static long file_write(const char *path, "
	"const char *text)\n"
	"{\n"
	"\tint fd = open(path, O_WRONLY);\n"
	"\tlong ret = fd < 0 ? -1 : write(fd, text, strlen(text));\n"
	"\tint err = errno;\n"
	"\n"
	"\tif (fd >= 0)\n"
	"\t\tclose(fd);\n"
	"\treturn ret < 0 ? -err : ret;\n"
	"}\n"
	"\n";

/* How a call of each kind is made; a program has those that it needs */
static const struct {
	const char *name, *source;
} makers[RUN_KINDS] = {
	[RUN_SYSCALL] = {"syscall", "static long make_syscall(int i)\n"
				    "{\n"
				    "\tconst unsigned long *a = calls[i].arg;\n"
				    "\tlong ret = syscall(calls[i].nr, a[0], "
				    "a[1], a[2], a[3], a[4], "
				    "a[5]);\n"
				    "\n"
				    "\treturn ret == -1 ? -errno : ret;\n"
				    "}\n"
				    "\n"},
	[RUN_MMAP] = {"mmap",
		"/* address, bytes, protection, flags, file, offset */\n"
		"static long make_mmap(int i)\n"
		"{\n"
		"\tconst unsigned long *a = calls[i].arg;\n"
		"\tint fd = a[4] == 1 ? file : a[4] == 2 ? memfd : -1;\n"
		"\tvoid *map = mmap((void *)a[0], a[1], a[2], a[3], fd, "
		"a[5]);\n"
		"\n"
		"\treturn map == MAP_FAILED ? -errno : 0;\n"
		"}\n"
		"\n"},
	[RUN_TOUCH] = {"touch",
		"/* address, pages, stamp of the first page; three words each "
		"page */\n"
		"static long make_touch(int i)\n"
		"{\n"
		"\tconst unsigned long *a = calls[i].arg;\n"
		"\tvolatile unsigned long page = 0;\n"
		"\n"
		"\tif (sigsetjmp(fault, 1))\n"
		"\t\treturn -EFAULT;\n"
		"\tfor (; page < a[1]; page++) {\n"
		"\t\tvolatile unsigned long *at = (void *)(a[0] + page * "
		"4096);\n"
		"\n"
		"\t\tat[0] = at[256] = at[511] = stamp(a[2] + page);\n"
		"\t}\n"
		"\treturn page;\n"
		"}\n"
		"\n"},
	[RUN_EXPECT] = {"expect",
		"static void stamp_print(unsigned long s)\n"
		"{\n"
		"\tunsigned int low = s & 0x7fffff;\n"
		"\n"
		"\tif (!s)\n"
		"\t\tprintf(\"zeros\");\n"
		"\telse if (s != stamp(low))\n"
		"\t\tprintf(\"0x%016lx: nobody wrote this\", s);\n"
		"\telse if ((low >> 13 & 127) == 64)\n"
		"\t\tprintf(\"page %u of the file\", low & 1023);\n"
		"\telse\n"
		"\t\tprintf(\"p%u's touch in call %u of v%u+%u\", low >> 20 & "
		"7,\n"
		"\t\t\tlow >> 13 & 127, low >> 10 & 7, low & 1023);\n"
		"}\n"
		"\n"
		"/* address, pages, number of the first page */\n"
		"static long make_expect(int i)\n"
		"{\n"
		"\tconst unsigned long *a = calls[i].arg;\n"
		"\tvolatile unsigned long page, bad = 0;\n"
		"\n"
		"\tfor (page = 0; page < a[1]; page++) {\n"
		"\t\tvolatile unsigned long *at = (void *)(a[0] + page * "
		"4096);\n"
		"\t\tunsigned long s;\n"
		"\n"
		"\t\tif (sigsetjmp(fault, 1)) {\n"
		"\t\t\tprintf(\"    p%d reads +%lu: no mapping\\n\",\n"
		"\t\t\t\tcalls[i].proc, a[2] + page);\n"
		"\t\t\tbad = bad + 1;\n"
		"\t\t\tcontinue;\n"
		"\t\t}\n"
		"\t\ts = at[0];\n"
		"\t\tprintf(\"    p%d reads +%lu: \", calls[i].proc, a[2] + "
		"page);\n"
		"\t\tstamp_print(s);\n"
		"\t\tputs(s != at[256] || s != at[511] ? \", TORN\" : \"\");\n"
		"\t}\n"
		"\treturn bad ? -EFAULT : (long)page;\n"
		"}\n"
		"\n"},
	[RUN_FORK] = {"fork",
		"static long make_fork(int i)\n"
		"{\n"
		"\tint child = calls[i].arg[0], old = "
		"GET(shared->life[child]);\n"
		"\tlong pid;\n"
		"\n"
		"\tif (old == LIVES)\n"
		"\t\treturn -EEXIST;\n"
		"\tSET(shared->exiting[child], 0);\n"
		"\tSET(shared->life[child], LIVES);\n"
		"\tpid = syscall(SYS_clone, 0x00108000 | SIGCHLD, 0,\n"
		"\t\t&shared->pid[child], 0, 0); /* PARENT, PARENT_SETTID */\n"
		"\tif (pid == 0)\n"
		"\t\tprocess(child);\n"
		"\tif (pid < 0)\n"
		"\t\tSET(shared->life[child], old);\n"
		"\treturn pid < 0 ? -errno : 0;\n"
		"}\n"
		"\n"},
	[RUN_EXIT] = {"exit", "static long make_exit(int i)\n"
			      "{\n"
			      "\tprintf(\"%2d  %s\\n\", i, calls[i].text);\n"
			      "\tSET(shared->exiting[calls[i].proc], 1);\n"
			      "\t_exit(0);\n"
			      "}\n"
			      "\n"},
	[RUN_WAIT] = {"wait", "static long make_wait(int i)\n"
			      "{\n"
			      "\tint child = calls[i].arg[0];\n"
			      "\n"
			      "\tif (GET(shared->life[child]) == NONE || child "
			      "== calls[i].proc)\n"
			      "\t\treturn -ECHILD;\n"
			      "\tif (GET(shared->life[child]) == LIVES && "
			      "!GET(shared->exiting[child]))\n"
			      "\t\treturn -EAGAIN;\n"
			      "\twhile (GET(shared->life[child]) == LIVES)\n"
			      "\t\tsched_yield();\n"
			      "\treturn 0;\n"
			      "}\n"
			      "\n"},
	[RUN_BARRIER] = {"barrier",
		"static long make_barrier(int i)\n"
		"{\n"
		"\t(void)i;\n"
		"\treturn 0; /* the conductor has waited */\n"
		"}\n"
		"\n"},
	[RUN_MOVE_PAGES] = {"move_pages",
		"/* address, pages, node, flags */\n"
		"static long make_move_pages(int i)\n"
		"{\n"
		"\tconst unsigned long *a = calls[i].arg;\n"
		"\tvoid *at[1024];\n"
		"\tint node[1024], status[1024];\n"
		"\tlong ret;\n"
		"\n"
		"\tfor (unsigned long k = 0; k < a[1]; k++) {\n"
		"\t\tat[k] = (void *)(a[0] + k * 4096);\n"
		"\t\tnode[k] = a[2];\n"
		"\t}\n"
		"\tret = syscall(SYS_move_pages, 0, a[1], at, node, status, "
		"a[3]);\n"
		"\treturn ret < 0 ? -errno : ret;\n"
		"}\n"
		"\n"},
	[RUN_MIGRATE_PAGES] = {"migrate_pages",
		"static long make_migrate_pages(int i)\n"
		"{\n"
		"\tunsigned long to = 1ul << calls[i].arg[0], from = to ^ 3;\n"
		"\tlong ret = syscall(SYS_migrate_pages, 0, 3, &from, &to);\n"
		"\n"
		"\treturn ret < 0 ? -errno : ret;\n"
		"}\n"
		"\n"},
	[RUN_MBIND] = {"mbind", "/* address, bytes, node, flags; MPOL_BIND */\n"
				"static long make_mbind(int i)\n"
				"{\n"
				"\tconst unsigned long *a = calls[i].arg;\n"
				"\tunsigned long mask = 1ul << a[2];\n"
				"\tlong ret = syscall(SYS_mbind, a[0], a[1], "
				"2, &mask, 3, a[3]);\n"
				"\n"
				"\treturn ret < 0 ? -errno : ret;\n"
				"}\n"
				"\n"},
	[RUN_SPLIT] = {"split",
		"/* address, bytes, order */\n"
		"static long make_split(int i)\n"
		"{\n"
		"\tconst unsigned long *a = calls[i].arg;\n"
		"\tchar text[96];\n"
		"\n"
		"\tsnprintf(text, sizeof(text), a[2] ? \"%d,0x%lx,0x%lx,%lu\" "
		": "
		"\"%d,0x%lx,0x%lx\",\n"
		"\t\tgetpid(), a[0], a[0] + a[1], a[2]);\n"
		"\treturn file_write(\"/sys/kernel/debug/split_huge_pages\", "
		"text);\n"
		"}\n"
		"\n"},
	[RUN_RECLAIM] = {"reclaim",
		"/* bytes, from the cgroup that we are in */\n"
		"static long make_reclaim(int i)\n"
		"{\n"
		"\tchar line[256] = \"\", path[400], text[32];\n"
		"\tFILE *f = fopen(\"/proc/self/cgroup\", \"r\");\n"
		"\n"
		"\tif (f && !fgets(line, sizeof(line), f))\n"
		"\t\tline[0] = 0;\n"
		"\tif (f)\n"
		"\t\tfclose(f);\n"
		"\tline[strcspn(line, \"\\n\")] = 0;\n"
		"\tsnprintf(path, sizeof(path), "
		"\"/sys/fs/cgroup%s/memory.reclaim\",\n"
		"\t\tstrncmp(line, \"0::\", 3) ? \"\" : line + 3);\n"
		"\tsnprintf(text, sizeof(text), \"%lu\", calls[i].arg[0]);\n"
		"\treturn file_write(path, text);\n"
		"}\n"
		"\n"},
	[RUN_RMAP_FSCK] = {"rmap_fsck",
		"static long make_rmap_fsck(int i)\n"
		"{\n"
		"\t(void)i;\n"
		"\treturn file_write(\"/sys/kernel/debug/rmap_fsck\", "
		"\"self\");\n"
		"}\n"
		"\n"},
};

/* Where allocations fail: see src/exec/fail.c, which does the same */
static const char fails[] =
	"#define PROC \"/proc/thread-self/\"\n"
	"#define DEBUG \"/sys/kernel/debug/\"\n"
	"static __thread int nth_fd, task_fd;\n"
	"\n"
	"static void fail_setup(void)\n"
	"{\n"
	"\tstatic const char *const names[] = { \"failslab\", "
	"\"fail_page_alloc\" };\n"
	"\tstatic const char *const values[][2] = {\n"
	"\t\t{ \"ignore-gfp-wait\", \"N\" }, "
	"{ \"ignore-gfp-highmem\", \"N\" },\n"
	"\t\t{ \"min-order\", \"0\" }, { \"times\", \"0\" },\n"
	"\t\t{ \"task-filter\", \"Y\" }, { \"probability\", \"100\" },\n"
	"\t};\n"
	"\tchar path[96];\n"
	"\n"
	"\tfor (int i = 0; i < 12; i++) {\n"
	"\t\tsnprintf(path, sizeof(path), DEBUG \"%s/%s\", names[i & 1], "
	"values[i / 2][0]);\n"
	"\t\tfile_write(path, values[i / 2][1]);\n"
	"\t}\n"
	"}\n"
	"\n"
	"static void fail_begin(int i)\n"
	"{\n"
	"\tchar text[16];\n"
	"\n"
	"\tnth_fd = task_fd = -1;\n"
	"\tif (!calls[i].fail)\n"
	"\t\treturn;\n"
	"\tnth_fd = open(PROC \"fail-nth\", O_WRONLY);\n"
	"\tif (nth_fd < 0)\n"
	"\t\tperror(\"no allocation fails: \" PROC \"fail-nth\");\n"
	"\tif (calls[i].fail_all) {\n"
	"\t\tfile_write(DEBUG \"failslab/times\", \"64\");\n"
	"\t\tfile_write(DEBUG \"fail_page_alloc/times\", \"64\");\n"
	"\t\ttask_fd = open(PROC \"make-it-fail\", O_WRONLY);\n"
	"\t}\n"
	"\tsnprintf(text, sizeof(text), \"%d\", calls[i].fail);\n"
	"\tif (write(nth_fd, text, strlen(text)) > 0 && task_fd >= 0)\n"
	"\t\t(void)!write(task_fd, \"1\", 1);\n"
	"}\n"
	"\n"
	"static void fail_end(void)\n"
	"{\n"
	"\tif (task_fd >= 0 && write(task_fd, \"0\", 1) > 0)\n"
	"\t\tclose(task_fd);\n"
	"\tif (nth_fd >= 0 && write(nth_fd, \"0\", 1) > 0)\n"
	"\t\tclose(nth_fd);\n"
	"}\n"
	"\n"
	"/* A new process is not to fail as its parent did */\n"
	"static void fail_forget(void)\n"
	"{\n"
	"\tfor (int i = 0; i < 128; i++)\n"
	"\t\tif (file_write(PROC \"make-it-fail\", \"0\") != -ENOMEM)\n"
	"\t\t\treturn;\n"
	"}\n"
	"\n";

static const char no_fails[] = "#define fail_setup() ((void)0)\n"
			       "#define fail_begin(i) ((void)0)\n"
			       "#define fail_end() ((void)0)\n"
			       "#define fail_forget() ((void)0)\n"
			       "\n";

static const char tail[] =
	"static void make(int i)\n"
	"{\n"
	"\tlong ret;\n"
	"\n"
	"\tSET(shared->state[i], STARTED);\n"
	"\tfail_begin(i);\n"
	"\tret = calls[i].make(i);\n"
	"\tfail_end();\n"
	"\tprintf(\"%2d  %-44s %s\\n\", i, calls[i].text,\n"
	"\t\tret < 0 ? strerror(-ret) : \"ok\");\n"
	"\tSET(shared->state[i], DONE);\n"
	"}\n"
	"\n"
	"/* The calls of one thread, each in its turn */\n"
	"static void actor(int proc, int thread)\n"
	"{\n"
	"\tfor (int i = 0; i < NR_CALLS; i++) {\n"
	"\t\tif (calls[i].proc != proc || calls[i].thread != thread)\n"
	"\t\t\tcontinue;\n"
	"\t\twhile (GET(shared->turn) < i)\n"
	"\t\t\tsched_yield();\n"
	"\t\tif (GET(shared->turn) == i && GET(shared->state[i]) == "
	"NOT_RUN)\n"
	"\t\t\tmake(i);\n"
	"\t}\n"
	"}\n"
	"\n"
	"static void *thread_main(void *arg)\n"
	"{\n"
	"\tlong number = (long)arg;\n"
	"\n"
	"\tactor(number / 4, number % 4);\n"
	"\tfor (;;)\n"
	"\t\tpause();\n"
	"\treturn NULL;\n"
	"}\n"
	"\n"
	"static void process(int proc)\n"
	"{\n"
	"\tint threads = 1;\n"
	"\tpthread_t thread;\n"
	"\n"
	"\tfail_forget();\n"
	"\tfor (int i = 0; i < NR_CALLS; i++)\n"
	"\t\tif (calls[i].proc == proc)\n"
	"\t\t\tthreads |= 1 << calls[i].thread;\n"
	"\tfor (long t = 1; t < 4; t++)\n"
	"\t\tif (threads >> t & 1)\n"
	"\t\t\tpthread_create(&thread, NULL, thread_main, (void *)(proc * "
	"4 + t));\n"
	"\tactor(proc, 0);\n"
	"\twhile (GET(shared->turn) < NR_CALLS + proc)\n"
	"\t\tsched_yield();\n"
	"\t_exit(0);\n"
	"}\n"
	"\n"
	"static void bury(void)\n"
	"{\n"
	"\tint status, pid = waitpid(-1, &status, WNOHANG);\n"
	"\n"
	"\tfor (int p = 0; pid > 0 && p < 8; p++) {\n"
	"\t\tif (GET(shared->pid[p]) != pid || GET(shared->life[p]) != LIVES)\n"
	"\t\t\tcontinue;\n"
	"\t\tif (WIFSIGNALED(status))\n"
	"\t\t\tprintf(\"p%d: killed by signal %d\\n\", p, WTERMSIG(status));\n"
	"\t\tfor (int i = 0; i < NR_CALLS; i++)\n"
	"\t\t\tif (calls[i].proc == p && GET(shared->state[i]) == STARTED)\n"
	"\t\t\t\tSET(shared->state[i], DONE);\n"
	"\t\tSET(shared->life[p], DEAD);\n"
	"\t}\n"
	"\tif (pid <= 0)\n"
	"\t\tsched_yield();\n"
	"}\n"
	"\n"
	"static void wait_flights(int nr)\n"
	"{\n"
	"\tfor (int i = 0; i < nr; i++)\n"
	"\t\twhile (GET(shared->state[i]) == STARTED)\n"
	"\t\t\tbury();\n"
	"}\n"
	"\n"
	"static int made(int i)\n"
	"{\n"
	"\tint state = GET(shared->state[i]);\n"
	"\n"
	"\treturn state == DONE || (calls[i].async && state == STARTED) ||\n"
	"\t\tGET(shared->life[calls[i].proc]) != LIVES;\n"
	"}\n"
	"\n"
	"static void conduct(void)\n"
	"{\n"
	"\tint pid;\n"
	"\n"
	"\tmemset(shared, 0, sizeof(*shared));\n"
	"\tSET(shared->turn, -1);\n"
	"\tshared->life[0] = LIVES;\n"
	"\tpid = fork();\n"
	"\tif (pid == 0)\n"
	"\t\tprocess(0);\n"
	"\tSET(shared->pid[0], pid);\n"
	"\tfor (int i = 0; i < NR_CALLS; i++) {\n"
	"\t\tif (calls[i].make == make_barrier)\n"
	"\t\t\twait_flights(i);\n"
	"\t\tif (GET(shared->life[calls[i].proc]) != LIVES) {\n"
	"\t\t\tSET(shared->state[i], SKIPPED);\n"
	"\t\t\tcontinue;\n"
	"\t\t}\n"
	"\t\tSET(shared->turn, i);\n"
	"\t\twhile (!made(i))\n"
	"\t\t\tbury();\n"
	"\t}\n"
	"\twait_flights(NR_CALLS);\n"
	"\tfor (int p = 0; p < 8; p++) {\n"
	"\t\tSET(shared->turn, NR_CALLS + p);\n"
	"\t\twhile (GET(shared->life[p]) == LIVES)\n"
	"\t\t\tbury();\n"
	"\t}\n"
	"}\n"
	"\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"\tstruct sigaction action = { .sa_handler = on_fault };\n"
	"\tint times = argc > 1 ? atoi(argv[1]) : 1;\n"
	"\n"
	"\tsetvbuf(stdout, NULL, _IONBF, 0);\n"
	"\tfail_setup();\n"
	"\tsigaction(SIGSEGV, &action, NULL);\n"
	"\tsigaction(SIGBUS, &action, NULL);\n"
	"\tshared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,\n"
	"\t\tMAP_SHARED | MAP_ANONYMOUS, -1, 0);\n"
	"\tfile = memfd_create(\"file\", 0);\n"
	"\tif (shared == MAP_FAILED || file < 0)\n"
	"\t\treturn 1;\n"
	"\tfor (int page = 0; page < 1024; page++) {\n"
	"\t\tunsigned long data[512] = { 0 };\n"
	"\n"
	"\t\tdata[0] = data[256] = data[511] = stamp(page | 64 << 13);\n"
	"\t\tif (write(file, data, sizeof(data)) != sizeof(data))\n"
	"\t\t\treturn 1;\n"
	"\t}\n"
	"\twhile (times-- > 0) {\n"
	"\t\tmemfd = memfd_create(\"memfd\", 0);\n"
	"\t\tif (memfd < 0 || ftruncate(memfd, 1024 * 4096))\n"
	"\t\t\treturn 1;\n"
	"\t\tconduct();\n"
	"\t\tclose(memfd);\n"
	"\t}\n"
	"\treturn 0;\n"
	"}\n";

/* flags, number of the file in make_mmap() */
static const uint32_t backings[][2] = {
	[BACKING_ANON] = {MAP_PRIVATE | MAP_ANONYMOUS, 0},
	[BACKING_SHARED] = {MAP_SHARED | MAP_ANONYMOUS, 0},
	[BACKING_FILE] = {MAP_PRIVATE, 1},
	[BACKING_MEMFD] = {MAP_SHARED, 2},
	[BACKING_MEMFD_PRIVATE] = {MAP_PRIVATE, 2},
};

static void mmap_args(const struct call *call, uint64_t arg[SYS_ARGS_MAX])
{
	const uint32_t *backing = backings[call_bits(call, 2)];

	arg[2] = call_bits(call, 1);
	arg[3] = backing[0] | MAP_FIXED;
	arg[4] = backing[1];
	arg[5] = backing[1] ? call->arg[0].range.page * PROG_PAGE_SIZE : 0;
}

/* As the maker of its kind takes them, see the runtime */
static void call_args(
	const struct prog *prog, uint32_t i, uint64_t arg[SYS_ARGS_MAX])
{
	const struct call *call = &prog->call[i];
	const struct range *range = &call->arg[0].range;
	enum run_kind run = ops[call->op].run;

	call_sys_args(call, arg);
	if (run == RUN_SYSCALL)
		return;
	if (ops[call->op].arg[0].kind != ARG_RANGE) {
		arg[0] = call->arg[0].num;
		if (run == RUN_RECLAIM)
			arg[0] *= PROG_PAGE_SIZE;
		return;
	}
	arg[0] = prog_addr(range->slot, range->page);
	arg[1] = (uint64_t)range->pages * PROG_PAGE_SIZE;
	if (run == RUN_TOUCH || run == RUN_EXPECT || run == RUN_MOVE_PAGES)
		arg[1] = range->pages;
	if (run == RUN_MMAP) {
		mmap_args(call, arg);
	} else if (run == RUN_TOUCH) {
		arg[2] = stamp_low(
			prog_stamp(call->proc, i, range->slot, range->page));
	} else if (run == RUN_EXPECT) {
		arg[2] = range->page;
	} else {
		arg[2] = call_bits(call, 1);
		arg[3] = call_bits(call, 2);
		if (ops[call->op].arg[2].kind == ARG_FLAGS && !arg[3])
			arg[3] = MPOL_MF_MOVE;
	}
}

static void call_line(const struct prog *prog, uint32_t i, struct text *out)
{
	const struct call *call = &prog->call[i];
	const struct op *op = &ops[call->op];
	uint64_t arg[SYS_ARGS_MAX] = {0};

	call_args(prog, i, arg);
	text_addf(out, "\t{ %u, %u, %d, %u, %d, make_%s, %ld, {", call->proc,
		call->thread,
		((call->props & CALL_ASYNC) || call_stall(prog, i)) &&
			op->run != RUN_BARRIER,
		call->fail, (call->props & CALL_FAIL_FROM) != 0,
		makers[op->run].name, op->nr);
	for (uint32_t k = 0; k < SYS_ARGS_MAX; k++)
		text_addf(out, "%s 0x%llx", k ? "," : "",
			(unsigned long long)arg[k]);
	text_addf(out, " },\n\t\t\"");
	call_print(prog, i, out);
	text_addf(out, "\" },\n");
}

static bool prog_fails(const struct prog *prog)
{
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		if (prog->call[i].fail)
			return true;
	}
	return false;
}

static bool prog_runs(const struct prog *prog, uint32_t run)
{
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		if (ops[prog->call[i].op].run == run)
			return true;
	}
	return false;
}

int prog_c_source(const struct prog *prog, struct text *out)
{
	text_addf(out,
		"/*\n * gcc -static -pthread -o repro repro.c && ./repro "
		"[TIMES]\n"
		" * Some calls need root. The program:\n *\n");
	for (uint32_t i = 0; i < prog->nr_calls; i++) {
		text_addf(out, " * %2u  ", i);
		call_print(prog, i, out);
		text_addf(out, "\n");
	}
	if (prog->nr_stalls)
		text_addf(out,
			" *\n * A call with stall= waits at that point of the "
			"kernel only under rmaptorture\n * and with its "
			"KCOV_STALL patch; here it just races with the calls "
			"that follow.\n");
	text_addf(out, " */\n#define NR_CALLS %u\n", prog->nr_calls);
	text_add(out, head, sizeof(head) - 1);
	text_add(out, file_write, sizeof(file_write) - 1);
	for (uint32_t run = 0; run < RUN_KINDS; run++) {
		if (run == RUN_BARRIER || prog_runs(prog, run))
			text_addf(out, "%s", makers[run].source);
	}
	if (prog_fails(prog))
		text_add(out, fails, sizeof(fails) - 1);
	else
		text_add(out, no_fails, sizeof(no_fails) - 1);
	text_addf(out, "/* process, thread, async, fail, fail_all, maker, "
		       "number of the system "
		       "call, arguments, text */\n"
		       "static const struct call calls[NR_CALLS + 1] = {\n");
	for (uint32_t i = 0; i < prog->nr_calls; i++)
		call_line(prog, i, out);
	text_addf(out,
		"\t{ 0, 0, 0, 0, 0, make_barrier, 0, { 0 }, \"\" },\n};\n\n");
	text_add(out, tail, sizeof(tail) - 1);
	return out->full ? -ENOSPC : 0;
}
