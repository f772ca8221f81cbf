/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/symbolize.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <string.h>

#include "kernel/internal.h"

/* Not what the unwinder guesses, "? function+...". */
#define CALL_PATTERN                                                           \
	"(?<!\\? )\\b([A-Za-z_][\\w.]*)\\+0x([0-9a-f]+)/0x([0-9a-f]+)"

/* kallsyms counts what fills the gap to the next function to the first. */
#define ALIGNED_TO 64

struct function {
	guint64 start, size;
};

struct image {
	Dwfl *dwfl;
	Dwfl_Module *module;
	GHashTable *functions; /* name -> GArray of struct function */
	GRegex *call;
};

static void image_clear(struct image *image)
{
	if (image->dwfl)
		dwfl_end(image->dwfl);
	g_clear_pointer(&image->functions, g_hash_table_unref);
	g_clear_pointer(&image->call, g_regex_unref);
}

static void functions_add(
	struct image *image, const char *name, const GElf_Sym *sym)
{
	struct function function = {sym->st_value, sym->st_size};
	GArray *same = g_hash_table_lookup(image->functions, name);

	if (!same) {
		same = g_array_new(FALSE, FALSE, sizeof(function));
		g_hash_table_insert(image->functions, g_strdup(name), same);
	}
	g_array_append_val(same, function);
}

static void functions_read(struct image *image)
{
	int nr = dwfl_module_getsymtab(image->module);

	image->functions = g_hash_table_new_full(
		g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
	for (int i = 0; i < nr; i++) {
		GElf_Sym sym;
		const char *name =
			dwfl_module_getsym(image->module, i, &sym, NULL);

		if (name && GELF_ST_TYPE(sym.st_info) == STT_FUNC)
			functions_add(image, name, &sym);
	}
}

/* Static functions may share a name: the size tells which one is meant. */
static const struct function *function_find(
	const struct image *image, const char *name, guint64 size)
{
	const GArray *same = g_hash_table_lookup(image->functions, name);

	for (guint i = 0; same && i < same->len; i++) {
		const struct function *function =
			&g_array_index(same, struct function, i);

		if (function->size <= size &&
			size - function->size < ALIGNED_TO)
			return function;
	}
	return NULL;
}

static bool image_open(struct image *image, const char *path, GError **error)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.section_address = dwfl_offline_section_address,
	};

	image->call = g_regex_new(CALL_PATTERN, G_REGEX_OPTIMIZE, 0, error);
	image->dwfl = dwfl_begin(&callbacks);
	if (!image->call || !image->dwfl)
		return false;
	image->module = dwfl_report_offline(image->dwfl, "vmlinux", path, -1);
	dwfl_report_end(image->dwfl, NULL, NULL);
	if (!image->module)
		return fail(error, BROKEN, "no symbols of '%s': %s", path,
			dwfl_errmsg(-1));
	functions_read(image);
	return true;
}

/* Of a path of the build only what is below the root of the source. */
static const char *in_source(const char *file)
{
	const char *tree = strstr(file, "/trees/");
	const char *root = strstr(tree ? tree : file, "/src/");

	if (root && (tree || g_str_has_prefix(file, "../")))
		return root + strlen("/src/");
	return g_str_has_prefix(file, "./") ? file + 2 : file;
}

static void inline_line(Dwarf_Die *scope, const char *indent, const char *file,
	int line, GString *out)
{
	const char *name = dwarf_diename(scope);

	g_string_append_printf(out, "%s%s %s:%d [inline]\n", indent,
		name ? name : "?", in_source(file), line);
}

/* Where the call that @scope is a copy of was written. */
static bool call_site(
	Dwarf_Die *unit, Dwarf_Die *scope, const char **file, int *line)
{
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	Dwarf_Word word, number;

	if (dwarf_formudata(
		    dwarf_attr(scope, DW_AT_call_file, &attribute), &number) ||
		dwarf_formudata(dwarf_attr(scope, DW_AT_call_line, &attribute),
			&word) ||
		dwarf_getsrcfiles(unit, &files, NULL))
		return false;
	*file = dwarf_filesrc(files, number, NULL, NULL);
	*line = (int)word;
	return *file != NULL;
}

/* The unit with the code at *@address, which becomes an address of DWARF's.
 * Compilers need not write the table that dwfl_module_addrdie() reads. */
static Dwarf_Die *unit_find(const struct image *image, Dwarf_Addr *address)
{
	Dwarf_Addr bias;
	Dwarf_Die *unit = dwfl_module_addrdie(image->module, *address, &bias);

	if (!unit) {
		do
			unit = dwfl_module_nextcu(image->module, unit, &bias);
		while (unit && dwarf_haspc(unit, *address - bias) <= 0);
	}
	if (unit)
		*address -= bias;
	return unit;
}

/* Lines of what is inlined at @address of @unit; *@file and *@line become those
 * of the function around it. */
static void inlined(Dwarf_Die *unit, Dwarf_Addr address, const char *indent,
	const char **file, int *line, GString *out)
{
	Dwarf_Die *scopes = NULL;
	int nr = dwarf_getscopes(unit, address, &scopes);

	for (int i = 0; i < nr; i++) {
		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			continue;
		inline_line(&scopes[i], indent, *file, *line, out);
		if (!call_site(unit, &scopes[i], file, line))
			break;
	}
	free(scopes);
}

/* The address that a call on @text stands for; 0: the image has no such. */
static Dwarf_Addr call_address(
	const struct image *image, const GMatchInfo *match, bool is_exact)
{
	g_autofree char *name = g_match_info_fetch(match, 1);
	g_autofree char *offset = g_match_info_fetch(match, 2);
	g_autofree char *size = g_match_info_fetch(match, 3);
	guint64 at = g_ascii_strtoull(offset, NULL, 16);
	const struct function *function =
		function_find(image, name, g_ascii_strtoull(size, NULL, 16));

	if (!function)
		return 0;
	return function->start + at - (at && !is_exact ? 1 : 0);
}

/* The line of @address; NULL where the image has none. */
static const char *line_find(Dwarf_Die *unit, Dwarf_Addr address, int *line)
{
	Dwarf_Line *source = dwarf_getsrc_die(unit, address);

	if (!source || dwarf_lineno(source, line))
		return NULL;
	return dwarf_linesrc(source, NULL, NULL);
}

static void add_line(const struct image *image, const char *text, GString *out)
{
	g_autoptr(GMatchInfo) match = NULL;
	g_autofree char *indent = NULL;
	Dwarf_Addr address = 0;
	Dwarf_Die *unit;
	const char *file;
	int line, start, end;

	if (g_regex_match(image->call, text, 0, &match))
		address =
			call_address(image, match, strstr(text, "RIP") != NULL);
	unit = address ? unit_find(image, &address) : NULL;
	file = unit ? line_find(unit, address, &line) : NULL;
	if (!file) {
		g_string_append_printf(out, "%s\n", text);
		return;
	}
	g_match_info_fetch_pos(match, 0, &start, &end);
	indent = g_strndup(text, (gsize)start);
	inlined(unit, address, indent, &file, &line, out);
	g_string_append_len(out, text, end);
	g_string_append_printf(
		out, " %s:%d%s\n", in_source(file), line, text + end);
}

char *kernel_symbolize(const char *vmlinux, const char *report, GError **error)
{
	struct image SCOPED(image_clear) image = {0};
	g_auto(GStrv) lines = NULL;
	GString *out;

	if (!image_open(&image, vmlinux, error))
		return NULL;
	out = g_string_new(NULL);
	lines = g_strsplit(report, "\n", -1);
	for (char **line = lines; *line; line++) {
		if (line[1] || **line)
			add_line(&image, *line, out);
	}
	return g_string_free(out, FALSE);
}
