/* SPDX-License-Identifier: MIT */
#ifndef CPU_CONSOLE_H
#define CPU_CONSOLE_H

#include "cpu/framebuffer.h"
#include "lib/ring.h"
#include "lib/types.h"

enum console_screen {
	CONSOLE_SCREEN_NONE,
	CONSOLE_SCREEN_VGA_TEXT,
	CONSOLE_SCREEN_FRAMEBUFFER,
};

/* Where the log goes. */
struct console_options {
	uint16_t serial_base; /* 0: no serial line. */
	uint32_t serial_speed;
	enum console_screen screen;
	struct framebuffer_mode mode; /* VGA text: width and height in characters. */
};

/* The last 64 KiB of all output, for a debugger that finds this symbol. */
extern struct ring console_ring;

/* Starts on COM1 at 115200 and in the ring, so that nothing is lost before the options are known.
 */
void console_init_early(void);

/*
 * Goes over to the consoles that the options ask for. One that starts now gets all that was written
 * so far. Says by a warning what is asked for and not there. Context: boot, screen memory mapped.
 */
void console_init(const struct console_options *options);

/* Writes bytes to every console; a line feed becomes CR LF on the serial line. Context: any. */
void console_write(const void *bytes, size_t size_bytes);

/* Writes a whole line, line feed included, at the left: a line that was begun ends before it. What
 * other processors write stands before or behind it. Context: any. */
void console_write_line(const void *bytes, size_t size_bytes);

/* From now on a processor that waits for another's line does so for a while only: for the last
 * words of a panic, which may come in the middle of one. Context: any. */
void console_break_lock(void);

/*
 * Has the serial line raise an interrupt for what is typed on it. Returns STATUS_OK;
 * STATUS_NOT_FOUND if there is no line or its interrupt is not known. Context: boot, after
 * console_init() and pic8259_host_init().
 */
must_use enum status console_listen(void);

/* Has this called, with the console's lock held, while bytes wait to leave: for what must not wait
 * as long. It takes no lock but by spin_try_lock(). */
void console_set_waiting(void (*while_waiting)(void));

/* Takes the next byte that was typed. Returns false if none has come. Context: any. */
bool console_read(uint8_t *byte);

/* Waits, for a bounded time, until all is on the wire. Context: any. */
void console_drain(void);

#endif
