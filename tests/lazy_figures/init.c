// SPDX-License-Identifier: GPL-2.0-only
/*
 * Figures of lazy creation of anon_vma against the same kernel with it off.
 *
 * PID 1 of a VM of its own, started by ./run. Each figure is taken in pairs, on
 * then off, in the same boot. Prints "figure NAME on X off Y", and powers off.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SWITCH	  "/sys/kernel/mm/anon_vma_lazy/enabled"
#define PROCESSES 200
#define AREAS	  24
#define ROUNDS	  3

static const char *const caches[] = {
	"anon_vma", "anon_vma_chain", "anon_lazy", "vm_area_struct"};
#define NR_CACHES (sizeof(caches) / sizeof(caches[0]))

static void must(int is_ok, const char *what)
{
	if (is_ok)
		return;
	perror(what);
	sync();
	reboot(RB_POWER_OFF);
	exit(1);
}

static void switch_to(const char *state)
{
	int fd = open(SWITCH, O_WRONLY);

	must(fd >= 0 && write(fd, state, strlen(state)) > 0, SWITCH);
	close(fd);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Free slabs, and objects that KASAN keeps in quarantine, do not count */
static void shrink(const char *cache)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache);
	fd = open(path, O_WRONLY);
	must(fd >= 0 && write(fd, "1", 1) == 1, path);
	close(fd);
}

/* Objects in use, of each of caches[]; SLUB's own count */
static void count_objects(long *ret_objects)
{
	char line[512], name[64];
	FILE *file;
	long nr;

	for (size_t i = 0; i < NR_CACHES; i++)
		shrink(caches[i]);
	file = fopen("/proc/slabinfo", "r");
	must(file != NULL, "/proc/slabinfo");
	memset(ret_objects, 0, NR_CACHES * sizeof(*ret_objects));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %ld", name, &nr) != 2)
			continue;
		for (size_t i = 0; i < NR_CACHES; i++) {
			if (!strcmp(name, caches[i]))
				ret_objects[i] = nr;
		}
	}
	fclose(file);
}

/* Private memory in AREAS vmas that do not merge */
static void touch_areas(void)
{
	for (int i = 0; i < AREAS; i++) {
		char *area = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(area != MAP_FAILED, "mmap");
		must(!mprotect(area, 4096, PROT_READ), "mprotect");
		memset(area + 4096, i + 1, 2 * 4096);
	}
}

static void be_process(int ready, int go)
{
	char byte = 0;

	touch_areas();
	must(write(ready, &byte, 1) == 1, "ready");
	(void)!read(go, &byte, 1);
	_exit(0);
}

/* What PROCESSES processes that never fork cost, beyond what there was */
static void measure_objects(const char *state, int does_exec, long *ret_more)
{
	int ready[2], go[2];
	long before[NR_CACHES];
	char byte;

	switch_to(state);
	must(!pipe(ready) && !pipe(go), "pipe");
	count_objects(before);
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		must(pid >= 0, "fork");
		if (pid)
			continue;
		close(go[1]);
		if (does_exec) {
			char in[16], out[16];

			snprintf(out, sizeof(out), "%d", ready[1]);
			snprintf(in, sizeof(in), "%d", go[0]);
			execl("/init", "init", "process", out, in, NULL);
		}
		be_process(ready[1], go[0]);
	}
	for (int i = 0; i < PROCESSES; i++)
		must(read(ready[0], &byte, 1) == 1, "ready");
	count_objects(ret_more);
	for (size_t i = 0; i < NR_CACHES; i++)
		ret_more[i] -= before[i];
	close(go[1]);
	for (int i = 0; i < PROCESSES; i++)
		wait(NULL);
	close(go[0]), close(ready[0]), close(ready[1]);
	sleep(1); /* RCU frees what is left */
}

static void report_objects(const char *how, int does_exec)
{
	long on[NR_CACHES], off[NR_CACHES];

	measure_objects("on", does_exec, on);
	measure_objects("off", does_exec, off);
	for (size_t i = 0; i < NR_CACHES; i++)
		printf("figure %s_%s on %ld off %ld\n", caches[i], how, on[i],
			off[i]);
}

static void fork_and_exit(int times)
{
	for (int i = 0; i < times; i++) {
		pid_t pid = fork();

		must(pid >= 0, "fork");
		if (!pid)
			_exit(0);
		wait(NULL);
	}
}

/* Forks of a process with 16 MiB; the first of them upgrades */
static uint64_t time_forks(int times)
{
	char *area = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start;

	must(area != MAP_FAILED, "mmap");
	memset(area, 1, 16 << 20);
	start = now_ns();
	fork_and_exit(times);
	start = now_ns() - start;
	munmap(area, 16 << 20);
	return start;
}

static uint64_t time_first_fork(void)
{
	return time_forks(1);
}

static uint64_t time_20_forks(void)
{
	return time_forks(20);
}

static uint64_t time_faults(void)
{
	uint64_t start = now_ns();
	char *area = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(area != MAP_FAILED, "mmap");
	for (size_t at = 0; at < 16 << 20; at += 4096)
		area[at] = 1;
	munmap(area, 16 << 20);
	return now_ns() - start;
}

/* The first fault of a vma is where the difference is */
static uint64_t time_first_faults(void)
{
	uint64_t start = now_ns();

	for (int i = 0; i < 2000; i++) {
		char *area = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(area != MAP_FAILED, "mmap");
		*area = 1;
		munmap(area, 8192);
	}
	return now_ns() - start;
}

/* In a process of its own, so that each round starts from a new mm */
static uint64_t in_process(const char *state, uint64_t (*measure)(void))
{
	uint64_t took = 0;
	int ends[2];

	switch_to(state);
	must(!pipe(ends), "pipe");
	if (!fork()) {
		took = measure();
		must(write(ends[1], &took, sizeof(took)) == sizeof(took),
			"write");
		_exit(0);
	}
	must(read(ends[0], &took, sizeof(took)) == sizeof(took), "read");
	wait(NULL);
	close(ends[0]), close(ends[1]);
	return took;
}

static void report_time(const char *name, uint64_t (*measure)(void))
{
	uint64_t on = UINT64_MAX, off = UINT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t took = in_process("on", measure);

		on = took < on ? took : on;
		took = in_process("off", measure);
		off = took < off ? took : off;
	}
	printf("figure %s_us on %lu off %lu ratio %.3f\n", name, on / 1000,
		off / 1000, (double)on / (double)off);
}

static void print_counters(void)
{
	char line[128];
	FILE *file = fopen("/proc/vmstat", "r");

	must(file != NULL, "/proc/vmstat");
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "anon_lazy", 9))
			printf("counter %s", line);
	}
	fclose(file);
}

int main(int argc, char **argv)
{
	if (argc == 4)
		be_process(atoi(argv[2]), atoi(argv[3]));

	setvbuf(stdout, NULL, _IOLBF, 0);
	must(!mount("proc", "/proc", "proc", 0, NULL), "mount /proc");
	must(!mount("sysfs", "/sys", "sysfs", 0, NULL), "mount /sys");
	report_objects("exec", 1);
	report_time("faults", time_faults);
	report_time("first_faults", time_first_faults);
	report_time("first_fork", time_first_fork);
	report_time("20_forks", time_20_forks);
	report_objects("fork", 0);
	print_counters();
	reboot(RB_POWER_OFF);
	return 1;
}
