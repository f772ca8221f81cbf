/* SPDX-License-Identifier: GPL-2.0-only */
#include "qmp.h"

#include <errno.h>
#include <string.h>

void qmp_msg_clear(struct qmp_msg *msg)
{
	g_clear_pointer(&msg->name, g_free);
	g_clear_pointer(&msg->value, json_node_unref);
}

const char *qmp_string(JsonNode *node, const char *member)
{
	JsonNode *found;

	if (!node || !JSON_NODE_HOLDS_OBJECT(node))
		return NULL;
	found = json_object_get_member(json_node_get_object(node), member);
	if (!found || json_node_get_value_type(found) != G_TYPE_STRING)
		return NULL;
	return json_node_get_string(found);
}

static guint64 id_of(JsonObject *object)
{
	JsonNode *id = json_object_get_member(object, "id");

	if (!id || json_node_get_value_type(id) != G_TYPE_INT64)
		return 0;
	return (guint64)json_node_get_int(id);
}

static JsonNode *member_copy(JsonObject *object, const char *name)
{
	JsonNode *node = json_object_get_member(object, name);

	return node ? json_node_copy(node) : NULL;
}

static int msg_from_object(JsonNode *root, struct qmp_msg *ret_msg)
{
	JsonObject *object = json_node_get_object(root);
	struct qmp_msg msg = {.id = id_of(object)};

	if (json_object_has_member(object, "QMP")) {
		msg.kind = QMP_GREETING;
	} else if (qmp_string(root, "event")) {
		msg.kind = QMP_EVENT;
		msg.name = g_strdup(qmp_string(root, "event"));
		msg.value = member_copy(object, "data");
	} else if (json_object_has_member(object, "return")) {
		msg.kind = QMP_RETURN;
		msg.value = member_copy(object, "return");
	} else if (json_object_has_member(object, "error")) {
		JsonNode *why = json_object_get_member(object, "error");
		const char *text = qmp_string(why, "desc");

		msg.kind = QMP_FAILURE;
		msg.name = g_strdup(text ? text : "no reason given");
	} else {
		return -EBADMSG;
	}
	*ret_msg = msg;
	return 0;
}

int qmp_msg_parse(const char *line, gsize len, struct qmp_msg *ret_msg)
{
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	JsonNode *root;

	if (!g_utf8_validate_len(line, len, NULL))
		return -EBADMSG;
	if (!json_parser_load_from_data(parser, line, (gssize)len, NULL))
		return -EBADMSG;
	root = json_parser_get_root(parser);
	if (!root || !JSON_NODE_HOLDS_OBJECT(root))
		return -EBADMSG;
	return msg_from_object(root, ret_msg);
}

char *qmp_command(guint64 id, const char *name, GVariant *args)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(GVariant) sunk = args ? g_variant_ref_sink(args) : NULL;
	g_autoptr(JsonNode) root = NULL;
	g_autofree char *text = NULL;

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "execute");
	json_builder_add_string_value(builder, name);
	if (sunk) {
		json_builder_set_member_name(builder, "arguments");
		json_builder_add_value(builder, json_gvariant_serialize(sunk));
	}
	json_builder_set_member_name(builder, "id");
	json_builder_add_int_value(builder, (gint64)id);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	text = json_to_string(root, FALSE);
	return g_strconcat(text, "\n", NULL);
}

static int line_end(GString *partial, qmp_line_fn *fn, void *user)
{
	int err = 0;

	if (partial->len && partial->str[partial->len - 1] == '\r')
		g_string_truncate(partial, partial->len - 1);
	if (partial->len)
		err = fn(partial->str, partial->len, user);
	g_string_truncate(partial, 0);
	return err;
}

int qmp_lines_feed(GString *partial, const char *bytes, gsize len,
	qmp_line_fn *fn, void *user)
{
	while (len) {
		const char *end = memchr(bytes, '\n', len);
		gsize part = end ? (gsize)(end - bytes) : len;
		int err;

		if (part > QMP_LINE_MAX - partial->len)
			return -EMSGSIZE;
		g_string_append_len(partial, bytes, (gssize)part);
		if (!end)
			return 0;
		err = line_end(partial, fn, user);
		if (err < 0)
			return err;
		bytes = end + 1;
		len -= part + 1;
	}
	return 0;
}
