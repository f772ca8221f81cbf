/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/host.h"

void host_args_add(GPtrArray *args, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	g_ptr_array_add(args, g_strdup_vprintf(format, list));
	va_end(list);
}
