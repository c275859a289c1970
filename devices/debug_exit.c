/* SPDX-License-Identifier: MIT */
#include "devices/debug_exit.h"

#include "lib/bits.h"

enum { BYTE_BITS = 8 };

void debug_exit_write(struct debug_exit *debug_exit, unsigned width_bytes, uint32_t value)
{
	if (debug_exit->is_written) {
		return;
	}
	debug_exit->is_written = true;
	debug_exit->value = (uint32_t)bits_get(value, width_bytes * BYTE_BITS - 1, 0);
}
