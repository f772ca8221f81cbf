/* SPDX-License-Identifier: GPL-2.0-only */

/* meta.json of a template: what was measured, and where the slot is mapped. */

#include "error.h"
#include "template.h"

#include <json-glib/json-glib.h>

static JsonNode *meta_node(const struct vm_template_info *info)
{
	g_autoptr(JsonBuilder) b = json_builder_new();

	json_builder_begin_object(b);
	json_builder_set_member_name(b, "key");
	json_builder_add_string_value(b, info->key);
	json_builder_set_member_name(b, "qemu");
	json_builder_add_string_value(b, info->qemu_version);
	json_builder_set_member_name(b, "accel");
	json_builder_add_string_value(b, vm_accel_name(info->accel));
	json_builder_set_member_name(b, "boot_seconds");
	json_builder_add_double_value(b, info->boot_seconds);
	json_builder_set_member_name(b, "save_ms");
	json_builder_add_double_value(b, info->save_ms);
	json_builder_set_member_name(b, "state_bytes");
	json_builder_add_int_value(b, (gint64)info->state_bytes);
	json_builder_set_member_name(b, "bar_address");
	json_builder_add_int_value(b, (gint64)info->bar_address);
	json_builder_end_object(b);
	return json_builder_get_root(b);
}

gboolean meta_write(
	const char *dir, const struct vm_template_info *info, GError **error)
{
	g_autofree char *path = g_build_filename(dir, "meta.json", NULL);
	g_autoptr(JsonGenerator) generator = json_generator_new();
	g_autoptr(JsonNode) root = meta_node(info);
	g_autoptr(GError) why = NULL;

	json_generator_set_root(generator, root);
	json_generator_set_pretty(generator, TRUE);
	if (json_generator_to_file(generator, path, &why))
		return TRUE;
	return fail(error, VM_ERROR_BROKEN, "cannot write '%s': %s", path,
		why->message);
}

gboolean meta_read(const char *dir, struct vm_template_info *info)
{
	g_autofree char *path = g_build_filename(dir, "meta.json", NULL);
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autoptr(JsonReader) reader = NULL;
	static const char *const members[] = {
		"boot_seconds", "save_ms", "state_bytes", "bar_address"};
	double value[G_N_ELEMENTS(members)];
	size_t i;

	if (!json_parser_load_from_file(parser, path, NULL) ||
		!json_parser_get_root(parser))
		return FALSE;
	reader = json_reader_new(json_parser_get_root(parser));
	for (i = 0; i < G_N_ELEMENTS(members); i++) {
		if (!json_reader_read_member(reader, members[i]))
			return FALSE;
		value[i] = json_reader_get_double_value(reader);
		json_reader_end_member(reader);
	}
	/* Addresses are below 2^52, where a double is exact. */
	info->boot_seconds = value[0];
	info->save_ms = value[1];
	info->state_bytes = (uint64_t)value[2];
	info->bar_address = (uint64_t)value[3];
	return value[0] > 0 && value[3] >= 4096;
}
