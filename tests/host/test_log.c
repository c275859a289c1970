/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/log.c cpu/console.c cpu/pic8259_host.c cpu/serial.c cpu/vga_text.c cpu/framebuffer.c
 * cpu/font.c cpu/text_grid.c lib/format.c lib/ring.c lib/status.c */
#include "cpu/console.h"
#include "cpu/log.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	COM1 = 0x3f8,
	COM2 = 0x2f8,
	SCR = 7,
	LSR = 5,
	LCR = 3,
	LSR_READY = 0x60,
	TEXT_MAX = 64 * 1024,
};

/* Begins a test: forgets the CPU's past, and remembers how much was written before. */
static uint64_t begin;

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	console_write("\n", 1);
	begin = console_ring.written;
	return 0;
}

static const char *ring_text(void)
{
	static char text[TEXT_MAX + 1];
	size_t count = (size_t)(console_ring.written - begin);
	size_t kept = ring_count(&console_ring);

	assert_true(count <= kept);
	for (size_t i = 0; i < count; i++) {
		text[i] = (char)ring_peek(&console_ring, kept - count + i);
	}
	text[count] = '\0';
	return text;
}

static const char *serial_text(uint16_t base)
{
	static char text[TEXT_MAX + 1];
	size_t count = 0;
	bool is_latched = false;

	for (size_t i = 0; i < fake_port_write_count(); i++) {
		struct fake_port_write write = fake_port_write_at(i);

		if (write.port == base + LCR) {
			is_latched = (write.value & 0x80) != 0;
		} else if (write.port == base && !is_latched && count < TEXT_MAX) {
			text[count++] = (char)write.value;
		}
	}
	text[count] = '\0';
	return text;
}

static void plug_uart(uint16_t base)
{
	fake_port_queue((uint16_t)(base + SCR), 0x5a);
	fake_port_queue((uint16_t)(base + SCR), 0xa5);
	fake_port_set((uint16_t)(base + LSR), LSR_READY);
}

static void a_line_has_level_source_and_text(void **state)
{
	(void)state;
	log_info("ept", "mapped base=%#x", 0x1000);
	log_warn("vm0/vcpu0", "odd");
	log_error("boot", "broken");
	assert_string_equal(ring_text(),
		"ept: mapped base=0x1000\nwarning: vm0/vcpu0: odd\nerror: boot: broken\n");
}

static void a_line_is_cut_at_255_bytes(void **state)
{
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("m", "%s", text);
	assert_int_equal(strlen(ring_text()), 256);
	assert_int_equal(ring_text()[255], '\n');
	begin = console_ring.written;
	log_info(text, "%s", text);
	assert_int_equal(strlen(ring_text()), 256);
}

static void a_text_cannot_fake_a_line(void **state)
{
	(void)state;
	log_info("vm0", "%s", "a\nerror: b\r\x1b[2J\x7f\x80\xff");
	assert_string_equal(ring_text(), "vm0: a.error: b..[2J...\n");
}

static void a_log_line_never_continues_a_guests_line(void **state)
{
	(void)state;
	console_write("guest says", 10);
	log_info("trivet", "hello");
	console_write("more\n", 5);
	log_info("trivet", "again");
	assert_string_equal(ring_text(), "guest says\ntrivet: hello\nmore\ntrivet: again\n");
}

static void writing_nothing_begins_no_line(void **state)
{
	(void)state;
	console_write("", 0);
	log_info("m", "x");
	assert_string_equal(ring_text(), "m: x\n");
}

static void a_serial_line_gets_carriage_returns(void **state)
{
	struct console_options options = {.serial_base = COM2, .serial_speed = 115200};

	(void)state;
	plug_uart(COM2);
	console_init(&options);
	fake_insn_reset();
	fake_port_set(COM2 + LSR, LSR_READY);
	console_write("a\nb\n\n", 5);
	console_write("c\r\n", 3);
	assert_string_equal(serial_text(COM2), "a\r\nb\r\n\r\nc\r\r\n");
}

static void a_new_serial_line_gets_what_was_written_before(void **state)
{
	struct console_options options = {.serial_base = COM2, .serial_speed = 9600};

	(void)state;
	log_info("early", "words");
	plug_uart(COM2);
	console_init(&options);
	assert_non_null(strstr(serial_text(COM2), "early: words\r\n"));
}

static void a_missing_uart_is_a_warning_not_a_hang(void **state)
{
	struct console_options options = {.serial_base = 0x3e8, .serial_speed = 115200};

	(void)state;
	console_init(&options);
	assert_non_null(strstr(ring_text(), "warning: console: no serial line: not found"));
}

static void console_none_is_silent(void **state)
{
	struct console_options options = {.serial_base = 0};

	(void)state;
	plug_uart(COM1);
	console_init_early();
	console_init(&options);
	fake_insn_reset();
	log_info("m", "x");
	assert_int_equal(fake_port_write_count(), 0);
	assert_string_equal(ring_text(), "m: x\n");
}

static void a_framebuffer_shows_what_was_written_before(void **state)
{
	enum { WIDTH = 640, HEIGHT = 64, BYTES = 4 };
	uint32_t *pixels = calloc(WIDTH * HEIGHT, BYTES);
	struct console_options options = {
		.screen = CONSOLE_SCREEN_FRAMEBUFFER,
		.mode = {(uintptr_t)pixels, WIDTH * BYTES, WIDTH, HEIGHT, 32},
	};
	size_t white = 0;

	(void)state;
	log_info("m", "something to see");
	console_init(&options);
	for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
		white += pixels[i] == UINT32_MAX;
	}
	assert_true(white > 100);
	free(pixels);
	/* No later line may draw there. */
	pixels = calloc(WIDTH * HEIGHT, BYTES);
	options.mode.address = (uintptr_t)pixels;
	console_init(&options);
	log_info("m", "more");
}

static void a_wrong_framebuffer_is_a_warning(void **state)
{
	struct console_options options = {
		.screen = CONSOLE_SCREEN_FRAMEBUFFER,
		.mode = {0x1000, 4, 640, 480, 32},
	};

	(void)state;
	console_init(&options);
	assert_non_null(strstr(ring_text(), "warning: console: no screen: "));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_has_level_source_and_text),
		TEST(a_line_is_cut_at_255_bytes),
		TEST(a_text_cannot_fake_a_line),
		TEST(a_log_line_never_continues_a_guests_line),
		TEST(writing_nothing_begins_no_line),
		TEST(a_serial_line_gets_carriage_returns),
		TEST(a_new_serial_line_gets_what_was_written_before),
		TEST(a_missing_uart_is_a_warning_not_a_hang),
		TEST(console_none_is_silent),
		TEST(a_wrong_framebuffer_is_a_warning),
		TEST(a_framebuffer_shows_what_was_written_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
