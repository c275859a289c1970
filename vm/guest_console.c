/* SPDX-License-Identifier: MIT */
#include "vm/guest_console.h"

#include "cpu/console.h"
#include "lib/format.h"

enum {
	PRINTABLE_FIRST = ' ',
	PRINTABLE_LAST = '~',
	OUTPUT_MAX = GUEST_CONSOLE_LINE_MAX + 48,
};

void guest_console_flush(struct guest_console *console)
{
	char output[OUTPUT_MAX];
	size_t length;

	if (console->count == 0) {
		return;
	}
	length = format(output, sizeof(output), "%s| %.*s\n", console->name, (int)console->count,
		console->line);
	console_write(output, length);
	console->count = 0;
}

static void guest_console_empty_line(const struct guest_console *console)
{
	char output[OUTPUT_MAX];

	console_write(output, format(output, sizeof(output), "%s|\n", console->name));
}

void guest_console_put(struct guest_console *console, uint8_t byte)
{
	if (console->raw_byte != NULL && console->raw_byte(console->context, byte)) {
		return;
	}
	if (byte == '\r') {
		return;
	}
	if (byte == '\n') {
		if (console->count == 0) {
			guest_console_empty_line(console);
		}
		guest_console_flush(console);
		return;
	}
	/* Control bytes of a guest must not reach the operator's terminal. */
	if ((byte < PRINTABLE_FIRST || byte > PRINTABLE_LAST) && byte != '\t') {
		byte = '.';
	}
	/* Only a byte more makes a full line two: a line feed ends it. */
	if (console->count == GUEST_CONSOLE_LINE_MAX) {
		guest_console_flush(console);
	}
	console->line[console->count++] = (char)byte;
}
