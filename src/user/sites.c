/* SPDX-License-Identifier: GPL-2.0-only */
#include "user/sites.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "slot/slot.h"
#include "user/model.h"

#define SELF	  "/proc/self/exe"
#define CALL_CODE 0xe8
#define CALL_LEN  5

extern const char __start_point_text[], __stop_point_text[];

static const uint8_t nop[CALL_LEN] = {0x0f, 0x1f, 0x44, 0x00, 0x00};

/* struct site - @is_hook: a call of the hook */
struct site {
	uint64_t pc;
	uint32_t fn;
	bool is_hook;
};

struct symbol {
	uint64_t addr, len;
	const char *name;
};

static struct points points;
static struct site *sites;
static uint32_t nr_sites;
static bool all_on;

static void *more(void *array, size_t nr, size_t size)
{
	/* room grows in steps of a power of two */
	if (nr & (nr - 1))
		return array;
	array = realloc(array, (nr ? 2 * nr : 1) * size);
	if (!array)
		broken("no memory for the table of points");
	return array;
}

/* ---- which functions there are ---- */

static const char *map_self(void)
{
	int fd = open(SELF, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st))
		broken("cannot read " SELF ": %s", strerror(errno));
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		broken("cannot map " SELF ": %s", strerror(errno));
	close(fd);
	return map;
}

static int by_addr(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* All functions, by address; names stay mapped. */
static struct symbol *read_symbols(size_t *ret_nr)
{
	const char *file = map_self();
	const Elf64_Ehdr *head = (const void *)file;
	const Elf64_Shdr *section = (const void *)(file + head->e_shoff);
	struct symbol *symbols = NULL;
	size_t nr = 0;

	for (int s = 0; s < head->e_shnum; s++) {
		const Elf64_Sym *sym =
			(const void *)(file + section[s].sh_offset);
		const char *names =
			file + section[section[s].sh_link].sh_offset;

		if (section[s].sh_type != SHT_SYMTAB)
			continue;
		for (size_t i = 0; i < section[s].sh_size / sizeof(*sym); i++) {
			if (ELF64_ST_TYPE(sym[i].st_info) != STT_FUNC ||
				!sym[i].st_size)
				continue;
			symbols = more(symbols, nr, sizeof(*symbols));
			symbols[nr++] = (struct symbol){sym[i].st_value,
				sym[i].st_size, names + sym[i].st_name};
		}
	}
	qsort(symbols, nr, sizeof(*symbols), by_addr);
	*ret_nr = nr;
	return symbols;
}

/* ---- which points they have ---- */

static uint64_t call_target(uint64_t at)
{
	int32_t distance;

	memcpy(&distance, (const void *)(at + 1), sizeof(distance));
	return at + CALL_LEN + (uint64_t)(int64_t)distance;
}

static bool is_stub(uint64_t target)
{
	return target >= (uint64_t)__start_point_text &&
	       target < (uint64_t)__stop_point_text;
}

static void add_sites(const struct symbol *symbol, uint32_t fn)
{
	uint64_t hook = (uint64_t)SITES_HOOK;
	uint32_t first = nr_sites;
	bool has_hook = false;

	for (uint64_t at = symbol->addr;
		at + CALL_LEN <= symbol->addr + symbol->len; at++) {
		uint64_t target;

		if (*(const uint8_t *)at != CALL_CODE)
			continue;
		target = call_target(at);
		if (target != hook && !is_stub(target))
			continue;
		has_hook |= target == hook;
		sites = more(sites, nr_sites, sizeof(*sites));
		sites[nr_sites++] =
			(struct site){at + CALL_LEN, fn, target == hook};
	}
	if (!has_hook)
		nr_sites = first;
}

/* ---- the table ---- */

static int fn_by_name(const void *a, const void *b)
{
	const struct point_fn *x = a, *y = b;
	int order = strcmp(points.names + x->name, points.names + y->name);

	if (order)
		return order;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void fill_fns(const struct symbol *const *owners, uint32_t nr,
	struct point_fn *fns, char *names)
{
	uint32_t at = 0, len = 0;

	for (uint32_t i = 0; i < nr; i++) {
		fns[i] = (struct point_fn){
			.addr = TRACE_PC_HIGH | owners[i]->addr,
			.name = len,
			.first = at,
		};
		while (at < nr_sites && sites[at].fn == i)
			at++;
		fns[i].nr = at - fns[i].first;
		len += (uint32_t)strlen(strcpy(names + len, owners[i]->name)) +
		       1;
	}
}

/* By name; a site next to a lock, or before the call of one, is an edge. */
static void make_table(const struct symbol *const *owners, uint32_t nr,
	struct point_fn *fns, char *names)
{
	uint64_t *pcs = calloc(nr_sites, sizeof(*pcs));
	uint32_t *site_fn = calloc(nr_sites, sizeof(*site_fn));

	if (!fns || !names || !pcs || !site_fn)
		broken("no memory for the table of points");
	fill_fns(owners, nr, fns, names);
	points = (struct points){fns, pcs, site_fn, names, nr, nr_sites};
	qsort(fns, nr, sizeof(*fns), fn_by_name);
	for (uint32_t i = 0; i < nr; i++) {
		for (uint32_t k = 0; k < fns[i].nr; k++)
			site_fn[fns[i].first + k] = i;
	}
	for (uint32_t i = 0; i < nr_sites; i++) {
		pcs[i] = TRACE_PC_HIGH | sites[i].pc;
		if (!sites[i].is_hook ||
			(i + 1 < nr_sites && !sites[i + 1].is_hook))
			site_fn[i] |= POINT_EDGE;
	}
}

static void open_text(void)
{
	uintptr_t start = sites[0].pc & ~4095ul;
	uintptr_t end = (sites[nr_sites - 1].pc + 4095) & ~4095ul;

	if (mprotect((void *)start, end - start,
		    PROT_READ | PROT_WRITE | PROT_EXEC))
		broken("cannot make the code writable: %s", strerror(errno));
}

void sites_init(void)
{
	size_t nr_symbols, names_len = 0;
	struct symbol *symbols = read_symbols(&nr_symbols);
	const struct symbol **owners = NULL;
	uint32_t nr = 0;

	for (size_t i = 0; i < nr_symbols; i++) {
		uint32_t before = nr_sites;

		if (i && symbols[i].addr == symbols[i - 1].addr)
			continue;
		add_sites(&symbols[i], nr);
		if (nr_sites == before ||
			strlen(symbols[i].name) >= STALL_SYMBOL_MAX) {
			nr_sites = before;
			continue;
		}
		owners = more(owners, nr, sizeof(*owners));
		owners[nr++] = &symbols[i];
		names_len += strlen(symbols[i].name) + 1;
	}
	if (!nr)
		broken("no file of vm-images/user/points was compiled");
	make_table(owners, nr, calloc(nr, sizeof(struct point_fn)),
		malloc(names_len));
	free(owners);
	free(symbols);
	open_text();
	all_on = true;
	sites_all(false);
}

const struct points *sites_points(void)
{
	return &points;
}

struct stall sites_stall(uint32_t site, uint16_t hit)
{
	struct stall stall = {.hit = hit};

	/* sites_init() has left out the names that are too long */
	(void)points_say(&points, site, stall.symbol, sizeof(stall.symbol),
		&stall.offset);
	return stall;
}

bool sites_is_lock(uint32_t site)
{
	return !sites[site].is_hook;
}

/* ---- in and out ---- */

static void patch(const struct site *site, bool on)
{
	uint8_t *at = (uint8_t *)(site->pc - CALL_LEN);
	int32_t distance = (int32_t)((uint64_t)SITES_HOOK - site->pc);

	if (!site->is_hook)
		return;
	if (!on) {
		memcpy(at, nop, CALL_LEN);
		return;
	}
	at[0] = CALL_CODE;
	memcpy(at + 1, &distance, sizeof(distance));
}

void sites_all(bool on)
{
	if (on == all_on)
		return;
	for (uint32_t i = 0; i < nr_sites; i++)
		patch(&sites[i], on);
	all_on = on;
}

void sites_one(unsigned long pc, bool on)
{
	int site = points_site(&points, TRACE_PC_HIGH | pc);

	if (site >= 0 && !all_on)
		patch(&sites[site], on);
}
