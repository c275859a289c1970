/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_CONSOLE_H
#define VM_GUEST_CONSOLE_H

#include "lib/types.h"

enum { GUEST_CONSOLE_LINE_MAX = 240 };

/*
 * Where a guest's serial line comes out: its bytes go to raw_byte as they are; where that is NULL
 * or returns false, as it is not this guest's now, they appear on the consoles line by line as
 * "name| text".
 */
struct guest_console {
	const char *name;
	bool (*raw_byte)(void *context, uint8_t byte);
	void *context;
	char line[GUEST_CONSOLE_LINE_MAX];
	size_t count;
};

/* Takes the next byte. Context: the platform's lock is held. */
void guest_console_put(struct guest_console *console, uint8_t byte);

/* Puts out a line that was begun and not ended. */
void guest_console_flush(struct guest_console *console);

#endif
