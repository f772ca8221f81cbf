/* SPDX-License-Identifier: GPL-2.0-only */
/* Which allocation of a call fails. */
#include "prog.h"

static uint8_t moved(uint8_t fail, int by)
{
	int to = fail + by;

	return (uint8_t)(to < 1 ? 1 : to > UINT8_MAX ? UINT8_MAX : to);
}

bool prog_move_fails(const struct prog *prog, int by, struct prog *ret)
{
	bool any = false;

	*ret = *prog;
	for (uint32_t i = 0; i < ret->nr_calls; i++) {
		uint8_t *fail = &ret->call[i].fail;

		if (!*fail)
			continue;
		*fail = moved(*fail, by);
		any |= *fail != prog->call[i].fail;
	}
	return any;
}
