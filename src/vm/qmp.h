/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VM_QMP_H
#define VM_QMP_H

/*
 * qmp - the QEMU Machine Protocol as bytes: lines in, messages out
 *
 * No sockets here, so it is tested without QEMU. Private to src/vm.
 * Source: docs/interop/qmp-spec.txt (QEMU 7.2).
 */

#include <glib.h>
#include <json-glib/json-glib.h>

/* A longer line is not QMP: registers of 16 vCPUs are far below. */
#define QMP_LINE_MAX (4u << 20)

enum qmp_kind { QMP_GREETING, QMP_RETURN, QMP_FAILURE, QMP_EVENT };

/*
 * struct qmp_msg - one message; clear with qmp_msg_clear()
 * @id:    of the command answered, 0 where there is none
 * @name:  of the event, or text of the failure; NULL otherwise
 * @value: returned value or event data; NULL when absent
 */
struct qmp_msg {
	enum qmp_kind kind;
	guint64 id;
	char *name;
	JsonNode *value;
};

void qmp_msg_clear(struct qmp_msg *msg);

/* 0, or -EBADMSG when @line is no QMP message; @ret_msg then untouched. */
int qmp_msg_parse(const char *line, gsize len, struct qmp_msg *ret_msg);

/* A string member of an object node; NULL when absent or of another type. */
const char *qmp_string(JsonNode *node, const char *member);

/**
 * qmp_command() - the text of one command, newline included
 * @args: a{sv}, sunk here; or NULL
 */
char *qmp_command(guint64 id, const char *name, GVariant *args);

/* Called for each line, without its end; a return below 0 stops. */
typedef int qmp_line_fn(const char *line, gsize len, void *user);

/**
 * qmp_lines_feed() - cut a byte stream into lines
 * @partial: what is left of an unfinished line between calls; caller owns
 *
 * Empty lines are passed over. Returns 0, what @fn returned below 0, or
 * -EMSGSIZE when a line is longer than QMP_LINE_MAX.
 */
int qmp_lines_feed(GString *partial, const char *bytes, gsize len,
	qmp_line_fn *fn, void *user);

#endif
