/* SPDX-License-Identifier: MIT */
#include "cpu/console.h"

#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/pic8259_host.h"
#include "cpu/serial.h"
#include "cpu/spinlock.h"
#include "cpu/vga_text.h"

enum {
	RING_SIZE_BYTES = 64 * 1024,
	/* In a panic: the processor that has it may have been stopped. */
	LOCK_TRIES_MAX = 1000000,
};

struct console_sink {
	void (*write)(const uint8_t *bytes, size_t size_bytes);
};

static uint8_t ring_bytes[RING_SIZE_BYTES];
static struct serial_port serial;
static bool is_inside_line;

/* Guards all of the above, and what the sinks keep for themselves. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_RANK_CONSOLE);
static bool is_lock_breakable;
static bool is_lock_broken;

struct ring console_ring = {.bytes = ring_bytes, .capacity = RING_SIZE_BYTES};

static void write_serial(const uint8_t *bytes, size_t size_bytes)
{
	size_t begin = 0;

	for (size_t i = 0; i < size_bytes; i++) {
		if (bytes[i] == '\n') {
			serial_write(&serial, &bytes[begin], i - begin);
			serial_write(&serial, "\r\n", 2);
			begin = i + 1;
		}
	}
	serial_write(&serial, &bytes[begin], size_bytes - begin);
}

static void write_ring(const uint8_t *bytes, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++) {
		ring_put(&console_ring, bytes[i]);
	}
}

static const struct console_sink sinks[] = {
	{write_ring},
	{write_serial},
	{vga_text_write},
	{framebuffer_write},
};

/* Shows a console that has just started what the others have had. */
static void replay(const struct console_sink sink)
{
	size_t count = ring_count(&console_ring);

	for (size_t i = 0; i < count; i++) {
		uint8_t byte = ring_peek(&console_ring, i);

		sink.write(&byte, 1);
	}
}

/* Returns false if it was not to be had: then it is not given back either. */
static bool take_lock(void)
{
	if (!__atomic_load_n(&is_lock_breakable, __ATOMIC_RELAXED)) {
		spin_lock(&lock);
		return true;
	}
	for (unsigned i = 0; i < LOCK_TRIES_MAX && !is_lock_broken; i++) {
		if (spin_try_lock(&lock)) {
			return true;
		}
		insn_pause();
	}
	is_lock_broken = true;
	return false;
}

static void give_lock(bool is_taken)
{
	if (is_taken) {
		spin_unlock(&lock);
	}
}

void console_break_lock(void)
{
	__atomic_store_n(&is_lock_breakable, true, __ATOMIC_RELAXED);
}

void console_init_early(void)
{
	/* Without one, writes to it go nowhere; the screen may come later. */
	if (serial_init(&serial, SERIAL_COM1, SERIAL_SPEED_DEFAULT) != STATUS_OK) {
		return;
	}
}

static enum status start_serial(const struct console_options *options)
{
	enum status status;

	if (options->serial_base == SERIAL_COM1 && options->serial_speed == SERIAL_SPEED_DEFAULT) {
		return serial.base != 0 ? STATUS_OK : STATUS_NOT_FOUND;
	}
	serial_drain(&serial);
	if (options->serial_base == 0) {
		serial.base = 0;
		return STATUS_OK;
	}
	status = serial_init(&serial, options->serial_base, options->serial_speed);
	if (status == STATUS_OK) {
		replay((struct console_sink){write_serial});
	}
	return status;
}

static enum status start_screen(const struct console_options *options)
{
	enum status status;

	if (options->screen == CONSOLE_SCREEN_VGA_TEXT) {
		status = vga_text_init(options->mode.width, options->mode.height);
		if (status == STATUS_OK) {
			replay((struct console_sink){vga_text_write});
		}
		return status;
	}
	if (options->screen == CONSOLE_SCREEN_FRAMEBUFFER) {
		status = framebuffer_init(&options->mode);
		if (status == STATUS_OK) {
			replay((struct console_sink){framebuffer_write});
		}
		return status;
	}
	return STATUS_OK;
}

void console_init(const struct console_options *options)
{
	enum status serial_status = start_serial(options);
	enum status screen_status = start_screen(options);

	if (serial_status != STATUS_OK) {
		log_warn("console", "no serial line: %s port=%#x speed=%u",
			status_name(serial_status), options->serial_base, options->serial_speed);
	}
	if (screen_status != STATUS_OK) {
		log_warn("console", "no screen: %s width=%#llx height=%#llx bits=%u",
			status_name(screen_status), (unsigned long long)options->mode.width,
			(unsigned long long)options->mode.height, options->mode.bits_per_pixel);
	}
}

static void write_all(const uint8_t *text, size_t size_bytes)
{
	if (size_bytes == 0) {
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(sinks); i++) {
		sinks[i].write(text, size_bytes);
	}
	is_inside_line = text[size_bytes - 1] != '\n';
}

void console_write(const void *bytes, size_t size_bytes)
{
	const bool is_taken = take_lock();

	write_all(bytes, size_bytes);
	give_lock(is_taken);
}

void console_write_line(const void *bytes, size_t size_bytes)
{
	const bool is_taken = take_lock();

	if (is_inside_line) {
		write_all((const uint8_t *)"\n", 1);
	}
	write_all(bytes, size_bytes);
	give_lock(is_taken);
}

enum status console_listen(void)
{
	unsigned irq;
	const enum status status = serial_listen(&serial, &irq);

	if (status == STATUS_OK) {
		pic8259_host_set_mask(irq, false);
	}
	return status;
}

void console_set_waiting(void (*while_waiting)(void))
{
	serial.while_waiting = while_waiting;
}

bool console_read(uint8_t *byte)
{
	const bool is_taken = take_lock();
	const bool has_byte = serial_read(&serial, byte);

	give_lock(is_taken);
	return has_byte;
}

void console_drain(void)
{
	const bool is_taken = take_lock();

	serial_drain(&serial);
	give_lock(is_taken);
}
