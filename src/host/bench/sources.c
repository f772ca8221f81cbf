/* SPDX-License-Identifier: GPL-2.0-only */
/* Of which source files a program was linked: its symbol table names them. */
#include "host/bench/bench.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <unistd.h>

static void add_names(Elf *elf, Elf_Scn *section, GStrvBuilder *names)
{
	GElf_Shdr head;
	Elf_Data *data;
	GElf_Sym sym;

	if (!gelf_getshdr(section, &head) || head.sh_type != SHT_SYMTAB)
		return;
	data = elf_getdata(section, NULL);
	for (int i = 0; data && gelf_getsym(data, i, &sym); i++) {
		const char *name;

		if (GELF_ST_TYPE(sym.st_info) != STT_FILE)
			continue;
		name = elf_strptr(elf, head.sh_link, sym.st_name);
		if (name)
			g_strv_builder_add(names, name);
	}
}

char **program_sources(const char *program, GError **error)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	int fd = open(program, O_RDONLY | O_CLOEXEC);
	g_auto(GStrv) list = NULL;
	Elf_Scn *section = NULL;
	Elf *elf = NULL;

	elf_version(EV_CURRENT);
	if (fd >= 0)
		elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	while (elf && (section = elf_nextscn(elf, section)))
		add_names(elf, section, names);
	if (elf)
		elf_end(elf);
	if (fd >= 0)
		close(fd);
	list = g_strv_builder_end(names);
	if (*list)
		return g_steal_pointer(&list);
	g_set_error(error, HOST_ERROR, HOST_ERROR_BROKEN,
		"'%s': no names of source files: is it an ELF file with "
		"symbols?",
		program);
	return NULL;
}
