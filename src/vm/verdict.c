/* SPDX-License-Identifier: GPL-2.0-only */

/* What was found out about /dev/kvm, remembered for this host. */

#include "accel.h"

#include "error.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define REASON_MAX 4096

void vm_accel_verdict_clear(struct vm_accel_verdict *verdict)
{
	g_clear_pointer(&verdict->reason, g_free);
}

/* The value of the first "model name" line of /proc/cpuinfo. */
static char *cpu_model(void)
{
	g_autofree char *text = NULL;
	const char *at;

	if (!g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL))
		return g_strdup("unknown");
	at = strstr(text, "model name");
	if (!at)
		return g_strdup("unknown");
	return g_strndup(at, strcspn(at, "\n"));
}

static char *host_id(void)
{
	g_autofree char *text = NULL;

	if (g_file_get_contents("/etc/machine-id", &text, NULL, NULL) &&
		*g_strstrip(text))
		return g_steal_pointer(&text);
	return g_strdup(g_get_host_name());
}

char *verdict_path(const char *cache_dir, const char *qemu_version)
{
	g_autofree char *model = cpu_model();
	g_autofree char *host = host_id();
	g_autofree char *all =
		g_strdup_printf("%s\n%s\n%s\n", host, model, qemu_version);
	g_autofree char *hash =
		g_compute_checksum_for_string(G_CHECKSUM_SHA256, all, -1);
	g_autofree char *name = g_strdup_printf("accel-%.16s.json", hash);

	return g_build_filename(cache_dir, name, NULL);
}

gboolean verdict_write(const char *path, const struct vm_accel_verdict *verdict,
	GError **error)
{
	g_autoptr(JsonBuilder) b = json_builder_new();
	g_autoptr(JsonNode) root = NULL;
	g_autofree char *text = NULL;
	g_autoptr(GError) why = NULL;

	json_builder_begin_object(b);
	json_builder_set_member_name(b, "accel");
	json_builder_add_string_value(b, vm_accel_name(verdict->accel));
	json_builder_set_member_name(b, "reason");
	json_builder_add_string_value(b, verdict->reason);
	json_builder_set_member_name(b, "seconds");
	json_builder_add_double_value(b, verdict->seconds);
	json_builder_end_object(b);
	root = json_builder_get_root(b);
	text = json_to_string(root, TRUE);
	if (g_file_set_contents(path, text, -1, &why))
		return TRUE;
	return fail(error, VM_ERROR_BROKEN, "%s", why->message);
}

static gboolean read_text(
	JsonReader *reader, const char *name, const char **ret_text)
{
	const char *text = NULL;

	if (json_reader_read_member(reader, name))
		text = json_reader_get_string_value(reader);
	json_reader_end_member(reader);
	if (!text || !*text || strlen(text) > REASON_MAX)
		return FALSE;
	*ret_text = text;
	return TRUE;
}

gboolean verdict_read(const char *path, struct vm_accel_verdict *ret_verdict)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autoptr(JsonReader) reader = NULL;
	const char *accel, *reason;
	double seconds = -1;

	if (!json_parser_load_from_file(parser, path, NULL) ||
		!json_parser_get_root(parser))
		return FALSE;
	reader = json_reader_new(json_parser_get_root(parser));
	if (!read_text(reader, "accel", &accel) ||
		!read_text(reader, "reason", &reason))
		return FALSE;
	if (json_reader_read_member(reader, "seconds"))
		seconds = json_reader_get_double_value(reader);
	json_reader_end_member(reader);
	if (!(seconds >= 0) || (strcmp(accel, "kvm") && strcmp(accel, "tcg")))
		return FALSE;
	*ret_verdict = (struct vm_accel_verdict){
		.accel = *accel == 'k' ? VM_ACCEL_KVM : VM_ACCEL_TCG,
		.reason = g_strdup(reason),
		.seconds = seconds,
		.remembered = TRUE,
	};
	return TRUE;
}
