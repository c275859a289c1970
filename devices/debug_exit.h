/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_DEBUG_EXIT_H
#define DEVICES_DEBUG_EXIT_H

#include "lib/types.h"

enum { DEBUG_EXIT_PORT = 0xf4 };

/* A port whose write ends the guest: the value is its exit code. Reads give all ones. */
struct debug_exit {
	bool is_written;
	uint32_t value;
};

/* Takes a write of width_bytes (1, 2 or 4), cut to that width. The first write counts. */
void debug_exit_write(struct debug_exit *debug_exit, unsigned width_bytes, uint32_t value);

#endif
