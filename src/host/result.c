/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/host.h"

#include <json-glib/json-glib.h>
#include <stdio.h>

struct host_result {
	char *path;
	JsonObject *root, *figures;
	JsonArray *skipped, *findings;
};

struct host_result *host_result_new(
	const char *command, const struct host_options *options)
{
	struct host_result *result = g_new0(struct host_result, 1);

	result->path = g_strdup(options->json);
	result->root = json_object_new();
	result->figures = json_object_new();
	result->skipped = json_array_new();
	result->findings = json_array_new();
	json_object_set_string_member(result->root, "command", command);
	json_object_set_int_member(result->root, "seed", (gint64)options->seed);
	json_object_set_string_member(
		result->root, "version", RMAPTORTURE_VERSION);
	json_object_set_array_member(result->root, "skipped", result->skipped);
	json_object_set_object_member(result->root, "figures", result->figures);
	json_object_set_array_member(
		result->root, "findings", result->findings);
	return result;
}

void host_result_figure(
	struct host_result *result, const char *name, double value)
{
	json_object_set_double_member(result->figures, name, value);
}

void host_result_skip(
	struct host_result *result, const char *what, const char *why)
{
	JsonObject *skip = json_object_new();

	json_object_set_string_member(skip, "what", what);
	json_object_set_string_member(skip, "why", why);
	json_array_add_object_element(result->skipped, skip);
}

void host_result_finding(struct host_result *result, const char *title,
	const char *dir, unsigned int k, unsigned int n)
{
	JsonObject *finding = json_object_new();

	json_object_set_string_member(finding, "title", title);
	json_object_set_string_member(finding, "directory", dir);
	json_object_set_int_member(finding, "k", k);
	json_object_set_int_member(finding, "n", n);
	json_array_add_object_element(result->findings, finding);
}

void host_result_seen(struct host_result *result, double seconds)
{
	guint nr = json_array_get_length(result->findings);

	json_object_set_double_member(
		json_array_get_object_element(result->findings, nr - 1),
		"seconds", seconds);
}

void host_result_kernel(struct host_result *result, const char *name,
	const char *profile, const char *build_id)
{
	JsonObject *kernel = json_object_new();

	json_object_set_string_member(kernel, "name", name);
	json_object_set_string_member(kernel, "profile", profile);
	json_object_set_string_member(kernel, "build_id", build_id);
	json_object_set_object_member(result->root, "kernel", kernel);
}

int host_result_end(struct host_result *result, int status)
{
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	json_object_set_int_member(result->root, "status", status);
	json_node_take_object(node, result->root);
	text = json_to_string(node, TRUE);
	if (result->path &&
		!g_file_set_contents(result->path, text, -1, &error)) {
		fprintf(stderr, "rmaptorture: --json: %s\n", error->message);
		status = EXIT_BROKEN;
	}
	g_free(result->path);
	g_free(result);
	return status;
}
