/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/host.h"

#include <glib-unix.h>
#include <signal.h>

static guint ids[2];

static gboolean set(gpointer user)
{
	*(gboolean *)user = TRUE;
	return G_SOURCE_CONTINUE;
}

void host_stop_begin(gboolean *stop)
{
	ids[0] = g_unix_signal_add(SIGINT, set, stop);
	ids[1] = g_unix_signal_add(SIGTERM, set, stop);
}

void host_stop_end(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(ids); i++)
		g_source_remove(ids[i]);
}
