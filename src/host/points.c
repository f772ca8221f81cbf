/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The points of a kernel, out of its vmlinux: KCOV reports the return address
 * of each call to __sanitizer_cov_trace_pc(), so those calls are looked for in
 * the text, as kcov_prune does in the running kernel.
 */
#include "host/points.h"

#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOOK	  "__sanitizer_cov_trace_pc"
#define CALL_LEN  5
#define CALL_CODE 0xe8

/** struct image - what is wanted of a vmlinux; text belongs to libelf */
struct image {
	const guint8 *text;
	guint64 text_addr, text_len;
	guint64 hook;
	GArray *symbols;   /* struct symbol, by address */
	GHashTable *edges; /* addresses of functions, see name_is_edge() */
};

struct symbol {
	guint64 addr, len;
	const char *name; /* libelf's */
};

static int by_addr(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Is a call of @name a lock or a lookup? The window before a lock and behind a
 * lookup is where others come between. */
static gboolean name_is_edge(const char *name)
{
	static const char *const words[] = {"lock", "down_", "trylock",
		"_lookup", "find_vma", "mapped_walk", "folio_get", "try_get",
		"get_anon_vma", "rmap_walk", "iter_first", "iter_next"};

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (strstr(name, words[i]) && !strstr(name, "unlock"))
			return TRUE;
	return FALSE;
}

static void read_symbols(
	Elf *elf, Elf_Scn *section, const GElf_Shdr *head, struct image *image)
{
	Elf_Data *data = elf_getdata(section, NULL);
	gsize nr = head->sh_entsize ? head->sh_size / head->sh_entsize : 0;

	for (gsize i = 0; data && i < nr; i++) {
		struct symbol symbol;
		GElf_Sym sym;

		if (!gelf_getsym(data, (int)i, &sym) ||
			GELF_ST_TYPE(sym.st_info) != STT_FUNC || !sym.st_size)
			continue;
		symbol.name = elf_strptr(elf, head->sh_link, sym.st_name);
		symbol.addr = sym.st_value;
		symbol.len = sym.st_size;
		if (!symbol.name)
			continue;
		if (!strcmp(symbol.name, HOOK))
			image->hook = symbol.addr;
		if (name_is_edge(symbol.name))
			g_hash_table_add(
				image->edges, GSIZE_TO_POINTER(symbol.addr));
		if (strlen(symbol.name) < STALL_SYMBOL_MAX)
			g_array_append_val(image->symbols, symbol);
	}
}

static void read_sections(Elf *elf, struct image *image)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr head;
		const char *name;

		if (!gelf_getshdr(section, &head))
			continue;
		name = elf_strptr(elf, names, head.sh_name);
		if (head.sh_type == SHT_SYMTAB)
			read_symbols(elf, section, &head, image);
		if (name && !strcmp(name, ".text")) {
			Elf_Data *data = elf_rawdata(section, NULL);

			image->text = data ? data->d_buf : NULL;
			image->text_len = data ? data->d_size : 0;
			image->text_addr = head.sh_addr;
		}
	}
	qsort(image->symbols->data, image->symbols->len, sizeof(struct symbol),
		by_addr);
}

/** struct table - a table of points while it grows */
struct table {
	GArray *fns;	/* struct point_fn, by address while sites are added */
	GArray *sites;	/* guint64 */
	GArray *owners; /* guint32, index in fns, and POINT_EDGE */
	gboolean edge;	/* a lock or lookup since the last site */
	GString *names;
};

static void table_add(struct table *table, const struct symbol *symbol,
	guint64 pc, guint32 flags)
{
	struct point_fn *last =
		table->fns->len ? &g_array_index(table->fns, struct point_fn,
					  table->fns->len - 1)
				: NULL;
	guint32 owner;

	if (!last || last->addr != symbol->addr) {
		struct point_fn fn = {
			.addr = symbol->addr,
			.name = (guint32)table->names->len,
			.first = table->sites->len,
		};

		g_string_append_len(table->names, symbol->name,
			(gssize)strlen(symbol->name) + 1);
		g_array_append_val(table->fns, fn);
		last = &g_array_index(
			table->fns, struct point_fn, table->fns->len - 1);
	}
	last->nr++;
	owner = (table->fns->len - 1) | flags | (table->edge ? POINT_EDGE : 0);
	g_array_append_val(table->sites, pc);
	g_array_append_val(table->owners, owner);
}

/* Where a call at @at goes to; 0: no call is there */
static guint64 call_target(const struct image *image, guint64 at)
{
	gint32 to;

	if (image->text[at] != CALL_CODE)
		return 0;
	memcpy(&to, image->text + at + 1, sizeof(to));
	return image->text_addr + at + CALL_LEN + (guint64)(gint64)to;
}

/* Any byte may look like a call, but few of those hit a function's start. */
static gboolean is_edge(const struct image *image, guint64 target)
{
	return g_hash_table_contains(image->edges, GSIZE_TO_POINTER(target));
}

/* A lock or lookup is called between the last site and the next. */
static void table_edge(struct table *table)
{
	table->edge = TRUE;
	if (table->owners->len)
		g_array_index(table->owners, guint32, table->owners->len - 1) |=
			POINT_EDGE;
}

static int by_pc(const void *a, const void *b)
{
	guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

	return x < y ? -1 : x > y;
}

static void scan(const struct image *image, const guint64 *gone, gsize nr_gone,
	struct table *table)
{
	const struct symbol *symbol = (const void *)image->symbols->data;
	const struct symbol *end = symbol + image->symbols->len;

	for (guint64 at = 0; at + CALL_LEN <= image->text_len; at++) {
		guint64 pc = image->text_addr + at + CALL_LEN;
		guint64 target = call_target(image, at);
		guint32 flags;

		if (target && is_edge(image, target))
			table_edge(table);
		if (target != image->hook)
			continue;
		while (symbol < end && symbol->addr + symbol->len < pc)
			symbol++;
		if (symbol == end || symbol->addr >= pc)
			continue;
		flags = nr_gone && bsearch(&pc, gone, nr_gone, sizeof(pc),
					   by_pc)
				? POINT_GONE
				: 0;
		table_add(table, symbol, pc, flags);
		table->edge = FALSE;
	}
}

static int by_name(gconstpointer a, gconstpointer b, gpointer user)
{
	const struct table *table = user;
	const struct point_fn *x = &g_array_index(
		table->fns, struct point_fn, *(const guint32 *)a);
	const struct point_fn *y = &g_array_index(
		table->fns, struct point_fn, *(const guint32 *)b);
	int order = strcmp(
		table->names->str + x->name, table->names->str + y->name);

	if (order)
		return order;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* The table as one block, functions sorted by name. */
static GBytes *table_pack(struct table *table)
{
	struct points_head head = {POINTS_MAGIC, table->fns->len,
		table->sites->len, (guint32)table->names->len};
	guint32 nr = table->fns->len;
	g_autofree guint32 *order = g_new(guint32, MAX(nr, 1));
	g_autofree guint32 *place = g_new(guint32, MAX(nr, 1));
	GByteArray *out = g_byte_array_new();

	for (guint32 i = 0; i < nr; i++)
		order[i] = i;
	g_qsort_with_data(order, (gint)nr, sizeof(*order), by_name, table);
	g_byte_array_append(out, (const guint8 *)&head, sizeof(head));
	for (guint32 i = 0; i < nr; i++) {
		place[order[i]] = i;
		g_byte_array_append(out,
			(const guint8 *)&g_array_index(
				table->fns, struct point_fn, order[i]),
			sizeof(struct point_fn));
	}
	g_byte_array_append(out, (const guint8 *)table->sites->data,
		table->sites->len * sizeof(guint64));
	for (guint32 i = 0; i < table->owners->len; i++) {
		guint32 owner = g_array_index(table->owners, guint32, i);
		guint32 flags = owner & (POINT_EDGE | POINT_GONE);
		guint32 packed = place[owner & ~flags] | flags;

		g_byte_array_append(
			out, (const guint8 *)&packed, sizeof(packed));
	}
	g_byte_array_append(
		out, (const guint8 *)table->names->str, head.names_len);
	return g_byte_array_free_to_bytes(out);
}

static GBytes *build(
	const struct image *image, const guint64 *gone, gsize nr_gone)
{
	struct table table = {
		.fns = g_array_new(FALSE, FALSE, sizeof(struct point_fn)),
		.sites = g_array_new(FALSE, FALSE, sizeof(guint64)),
		.owners = g_array_new(FALSE, FALSE, sizeof(guint32)),
		.names = g_string_new(NULL),
	};
	GBytes *bytes = NULL;

	scan(image, gone, nr_gone, &table);
	if (table.sites->len)
		bytes = table_pack(&table);
	g_array_unref(table.fns);
	g_array_unref(table.sites);
	g_array_unref(table.owners);
	g_string_free(table.names, TRUE);
	return bytes;
}

GBytes *points_build(
	const char *vmlinux, guint64 *gone, gsize nr_gone, GError **error)
{
	int fd = open(vmlinux, O_RDONLY | O_CLOEXEC);
	struct image image = {0};
	GBytes *bytes = NULL;
	Elf *elf = NULL;

	elf_version(EV_CURRENT);
	if (nr_gone)
		qsort(gone, nr_gone, sizeof(*gone), by_pc);
	image.edges = g_hash_table_new(g_direct_hash, g_direct_equal);
	image.symbols = g_array_new(FALSE, FALSE, sizeof(struct symbol));
	if (fd >= 0)
		elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf) {
		read_sections(elf, &image);
		if (image.text && image.hook)
			bytes = build(&image, gone, nr_gone);
	}
	if (!bytes)
		g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
			"'%s': no KCOV points found: is it a vmlinux with "
			"symbols and CONFIG_KCOV?",
			vmlinux);
	g_array_unref(image.symbols);
	g_hash_table_unref(image.edges);
	if (elf)
		elf_end(elf);
	if (fd >= 0)
		close(fd);
	return bytes;
}

guint32 points_keep_entries(const char *vmlinux, guint64 *pcs, guint32 nr)
{
	g_autoptr(GBytes) table = points_build(vmlinux, NULL, 0, NULL);
	struct points points;
	guint32 left = 0;
	const void *bytes;
	gsize len;

	if (!table)
		return nr;
	bytes = g_bytes_get_data(table, &len);
	if (points_open(bytes, len, &points, NULL))
		return nr;
	for (guint32 i = 0; i < nr; i++) {
		int site = points_site(&points, pcs[i]);

		if (site < 0 || !points_is_entry(&points, (guint32)site))
			pcs[left++] = pcs[i];
	}
	return left;
}

/* One note a stall whose point is not what its program says. */
static void note(const struct points *points, const struct stall *stall,
	int got, guint64 pc, GString *notes)
{
	int fn = points_find(points, stall->symbol);

	if (!notes || !got || stall_is_meeting(stall))
		return;
	if (got < 0)
		g_string_append_printf(notes,
			"stall at %s: this kernel has no such function with "
			"KCOV, or it is inlined: a plain race\n",
			stall->symbol);
	else
		g_string_append_printf(notes,
			"stall at %s+0x%x: there is no such point in this "
			"build, or it is patched out (--all-sites keeps all); "
			"nearest is +0x%x\n",
			stall->symbol, stall->offset,
			(guint)(pc - points->fn[fn].addr));
}

void points_resolve_stalls(const struct points *points, const struct prog *prog,
	guint64 ret_pc[PROG_STALLS_MAX], GString *notes)
{
	memset(ret_pc, 0, PROG_STALLS_MAX * sizeof(*ret_pc));
	for (guint32 i = 0; i < prog->nr_stalls; i++) {
		const struct stall *stall = &prog->stall[i];
		guint64 pc = 0;
		int got = points_resolve(
			points, stall->symbol, stall->offset, &pc);

		ret_pc[i] = pc;
		note(points, stall, got, pc, notes);
	}
}
