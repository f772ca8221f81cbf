/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/internal.h"

#define ADDED_MAX 64 /* bytes */

struct code {
	Dwfl *dwfl;
	Dwfl_Module *module;
};

struct code *code_open(const char *path, GError **error)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.section_address = dwfl_offline_section_address,
	};
	struct code *code = g_new0(struct code, 1);

	code->dwfl = dwfl_begin(&callbacks);
	if (code->dwfl) {
		code->module =
			dwfl_report_offline(code->dwfl, "image", path, -1);
		dwfl_report_end(code->dwfl, NULL, NULL);
	}
	if (code->module)
		return code;
	(void)fail(
		error, BROKEN, "no symbols of '%s': %s", path, dwfl_errmsg(-1));
	code_close(code);
	return NULL;
}

void code_close(struct code *code)
{
	if (code && code->dwfl)
		dwfl_end(code->dwfl);
	g_free(code);
}

void code_functions(const struct code *code,
	void (*each)(const char *name, guint64 start, guint64 size, void *user),
	void *user)
{
	int nr = dwfl_module_getsymtab(code->module);

	for (int i = 0; i < nr; i++) {
		GElf_Sym sym;
		const char *name =
			dwfl_module_getsym(code->module, i, &sym, NULL);

		if (name && GELF_ST_TYPE(sym.st_info) == STT_FUNC)
			each(name, sym.st_value, sym.st_size, user);
	}
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

/* The unit with the code at *@address, which becomes an address of DWARF's.
 * Compilers need not write the table that dwfl_module_addrdie() reads. */
static Dwarf_Die *unit_find(const struct code *code, Dwarf_Addr *address)
{
	Dwarf_Addr bias;
	Dwarf_Die *unit = dwfl_module_addrdie(code->module, *address, &bias);

	if (!unit) {
		do
			unit = dwfl_module_nextcu(code->module, unit, &bias);
		while (unit && dwarf_haspc(unit, *address - bias) <= 0);
	}
	if (unit)
		*address -= bias;
	return unit;
}

/* What a compiler adds, as calls for coverage, may have line 0: it is then of
 * the code behind it. */
static Dwarf_Line *line_at(Dwarf_Die *unit, Dwarf_Addr address, int *ret_line)
{
	for (Dwarf_Addr at = address; at < address + ADDED_MAX; at++) {
		Dwarf_Line *line = dwarf_getsrc_die(unit, at);

		if (!line || dwarf_lineno(line, ret_line))
			break;
		if (*ret_line)
			return line;
	}
	return NULL;
}

static const char *unit_line(Dwarf_Die *unit, Dwarf_Addr address, int *ret_line)
{
	Dwarf_Line *source = line_at(unit, address, ret_line);
	const char *file;

	if (!source)
		return NULL;
	file = dwarf_linesrc(source, NULL, NULL);
	return file ? in_source(file) : NULL;
}

const char *code_line(const struct code *code, guint64 address, int *ret_line)
{
	Dwarf_Addr at = address;
	Dwarf_Die *unit = unit_find(code, &at);

	return unit ? unit_line(unit, at, ret_line) : NULL;
}

/* Where the call that @scope is a copy of was written. */
static gboolean call_site(
	Dwarf_Die *unit, Dwarf_Die *scope, struct code_frame *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	Dwarf_Word line, number;
	const char *file;

	if (dwarf_formudata(
		    dwarf_attr(scope, DW_AT_call_file, &attribute), &number) ||
		dwarf_formudata(dwarf_attr(scope, DW_AT_call_line, &attribute),
			&line) ||
		dwarf_getsrcfiles(unit, &files, NULL))
		return FALSE;
	file = dwarf_filesrc(files, number, NULL, NULL);
	if (!file)
		return FALSE;
	ret->file = in_source(file);
	ret->line = (int)line;
	return TRUE;
}

/* The scopes around @address in the order of the code, not of the source:
 * behind an inlined function comes what it was inlined into. Caller frees. */
static int scopes_around(
	Dwarf_Die *unit, Dwarf_Addr address, Dwarf_Die **ret_scopes)
{
	Dwarf_Die *innermost = NULL;
	int nr = 0;

	*ret_scopes = NULL;
	if (dwarf_getscopes(unit, address, &innermost) > 0)
		nr = dwarf_getscopes_die(innermost, ret_scopes);
	free(innermost);
	return nr;
}

static void name_frame(Dwarf_Die *scope, struct code_frame *frame)
{
	frame->function = dwarf_diename(scope);
	if (!frame->function)
		frame->function = "?";
	if (dwarf_decl_line(scope, &frame->first))
		frame->first = 0;
}

guint code_frames(const struct code *code, guint64 address,
	struct code_frame ret[CODE_FRAMES_MAX])
{
	Dwarf_Addr at = address;
	Dwarf_Die *unit = unit_find(code, &at), *scopes;
	guint nr = 0;
	int all;

	if (!unit)
		return 0;
	ret[0].file = unit_line(unit, at, &ret[0].line);
	if (!ret[0].file)
		return 0;
	all = scopes_around(unit, at, &scopes);
	for (int i = 0; i < all && nr < CODE_FRAMES_MAX; i++) {
		int tag = dwarf_tag(&scopes[i]);

		if (tag != DW_TAG_inlined_subroutine &&
			tag != DW_TAG_subprogram)
			continue;
		name_frame(&scopes[i], &ret[nr++]);
		if (tag == DW_TAG_subprogram || nr == CODE_FRAMES_MAX ||
			!call_site(unit, &scopes[i], &ret[nr]))
			break;
	}
	free(scopes);
	return nr;
}
