/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_CONSOLE_H
#define VM_GUEST_CONSOLE_H

#include "lib/types.h"

enum { GUEST_CONSOLE_LINE_MAX = 240 };

/*
 * Where a guest's serial line comes out: with raw_byte set, its bytes go there as they are;
 * without, they appear on the consoles line by line as "name| text".
 */
struct guest_console {
	const char *name;
	void (*raw_byte)(uint8_t byte);
	char line[GUEST_CONSOLE_LINE_MAX];
	size_t count;
};

/* Takes the next byte. Context: the VM's owner. */
void guest_console_put(struct guest_console *console, uint8_t byte);

/* Puts out a line that was begun and not ended. */
void guest_console_flush(struct guest_console *console);

#endif
