/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/serial.c */
#include "cpu/serial.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	BASE = 0x2f8,
	DATA = BASE,
	IER = BASE + 1,
	IIR = BASE + 2,
	LCR = BASE + 3,
	LSR = BASE + 5,
	SCR = BASE + 7,
	LSR_READY = 0x60,
	FIFO_ON = 0xc1,
};

static unsigned pauses;

static void count_pause(void)
{
	pauses++;
}

static struct serial_port start(uint8_t interrupt_identification)
{
	struct serial_port port;

	fake_insn_reset();
	pauses = 0;
	fake_cpu.on_pause = count_pause;
	fake_port_queue(SCR, 0x5a);
	fake_port_queue(SCR, 0xa5);
	fake_port_set(IIR, interrupt_identification);
	fake_port_set(LSR, LSR_READY);
	assert_int_equal(serial_init(&port, BASE, 9600), STATUS_OK);
	return port;
}

/* What was sent to the data register while the divisor latch was closed. */
static size_t sent(uint8_t *bytes, size_t capacity)
{
	size_t count = 0;
	bool is_latched = false;

	for (size_t i = 0; i < fake_port_write_count(); i++) {
		struct fake_port_write write = fake_port_write_at(i);

		if (write.port == LCR) {
			is_latched = (write.value & 0x80) != 0;
		} else if (write.port == DATA && !is_latched && count < capacity) {
			bytes[count++] = (uint8_t)write.value;
		}
	}
	return count;
}

static void only_speeds_that_divide_115200_are_right(void **state)
{
	(void)state;
	assert_int_equal(serial_check(BASE, 115200), STATUS_OK);
	assert_int_equal(serial_check(BASE, 38400), STATUS_OK);
	assert_int_equal(serial_check(BASE, 50), STATUS_OK);
	assert_int_equal(serial_check(BASE, 2), STATUS_OK);
	assert_int_equal(serial_check(BASE, 1), STATUS_INVALID);
	assert_int_equal(serial_check(BASE, 0), STATUS_INVALID);
	assert_int_equal(serial_check(BASE, 115201), STATUS_INVALID);
	assert_int_equal(serial_check(BASE, 230400), STATUS_INVALID);
	assert_int_equal(serial_check(BASE, 14000), STATUS_INVALID);
	assert_int_equal(serial_check(BASE, UINT64_MAX), STATUS_INVALID);
}

static void all_registers_must_be_ports(void **state)
{
	(void)state;
	assert_int_equal(serial_check(0, 9600), STATUS_RANGE);
	assert_int_equal(serial_check(0xfff8, 9600), STATUS_OK);
	assert_int_equal(serial_check(0xfff9, 9600), STATUS_RANGE);
	assert_int_equal(serial_check(0x10000, 9600), STATUS_RANGE);
	assert_int_equal(serial_check(UINT64_MAX, 9600), STATUS_RANGE);
}

static void a_floating_bus_is_no_uart(void **state)
{
	struct serial_port port;

	(void)state;
	fake_insn_reset();
	assert_int_equal(serial_init(&port, BASE, 9600), STATUS_NOT_FOUND);
	assert_int_equal(port.base, 0);
	serial_write(&port, "lost", 4);
	serial_drain(&port);
	for (size_t i = 0; i < fake_port_write_count(); i++) {
		assert_int_equal(fake_port_write_at(i).port, SCR);
	}
}

static void a_bus_that_keeps_one_pattern_is_no_uart(void **state)
{
	struct serial_port port;

	(void)state;
	fake_insn_reset();
	fake_port_set(SCR, 0x5a);
	assert_int_equal(serial_init(&port, BASE, 9600), STATUS_NOT_FOUND);
}

static void divisor_and_8n1_are_set_with_interrupts_off(void **state)
{
	static const struct fake_port_write want[] = {
		{IER, 1, 0x00},
		{LCR, 1, 0x83},
		{DATA, 1, 12},
		{IER, 1, 0},
		{LCR, 1, 0x03},
	};

	(void)state;
	(void)start(FIFO_ON);
	for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
		struct fake_port_write got = fake_port_write_at(i + 2);

		assert_int_equal(got.port, want[i].port);
		assert_int_equal(got.value, want[i].value);
		assert_int_equal(got.width_bytes, 1);
	}
}

static void every_byte_is_sent_in_order(void **state)
{
	struct serial_port port = start(FIFO_ON);
	uint8_t got[64] = {0};
	const char *text = "a text longer than the sixteen bytes of a FIFO";

	(void)state;
	serial_write(&port, text, strlen(text));
	assert_int_equal(sent(got, sizeof(got)), strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void a_fifo_takes_sixteen_bytes_for_one_look(void **state)
{
	struct serial_port port = start(FIFO_ON);
	uint8_t got[64] = {0};

	(void)state;
	fake_port_queue(LSR, LSR_READY);
	fake_port_set(LSR, 0);
	serial_write(&port, "0123456789abcdef", 16);
	assert_int_equal(pauses, 0);
	assert_int_equal(sent(got, sizeof(got)), 16);
}

static void without_a_fifo_each_byte_waits(void **state)
{
	struct serial_port port = start(0x01);
	uint8_t got[64] = {0};

	(void)state;
	fake_port_queue(LSR, LSR_READY);
	fake_port_queue(LSR, 0);
	fake_port_queue(LSR, 0);
	serial_write(&port, "ab", 2);
	assert_int_equal(pauses, 2);
	assert_int_equal(sent(got, sizeof(got)), 2);
}

static void a_stuck_transmitter_costs_one_wait(void **state)
{
	struct serial_port port = start(FIFO_ON);
	uint8_t got[64] = {0};
	unsigned first_wait;

	(void)state;
	fake_port_set(LSR, 0);
	serial_write(&port, "x", 1);
	first_wait = pauses;
	assert_true(first_wait > 1000);
	serial_write(&port, "0123456789", 10);
	assert_int_equal(pauses, first_wait + 10);
	assert_int_equal(sent(got, sizeof(got)), 0);
	fake_port_set(LSR, LSR_READY);
	serial_write(&port, "y", 1);
	assert_int_equal(sent(got, sizeof(got)), 1);
	assert_int_equal(got[0], 'y');
	assert_false(port.is_stuck);
}

static void draining_ends_even_if_the_transmitter_does_not(void **state)
{
	struct serial_port port = start(FIFO_ON);

	(void)state;
	fake_port_set(LSR, 0x20);
	serial_drain(&port);
	assert_true(pauses > 1000);
	assert_true(port.is_stuck);
}

static void listening_opens_the_interrupt_of_a_pcs_port(void **state)
{
	struct serial_port port = start(FIFO_ON);
	unsigned irq = 0;

	(void)state;
	assert_int_equal(serial_listen(&port, &irq), STATUS_OK);
	assert_int_equal(irq, 3);
	assert_int_equal(fake_port_write_at(fake_port_write_count() - 1).port, IER);
	assert_int_equal(fake_port_write_at(fake_port_write_count() - 1).value, 1);
	port.base = 0x3f8;
	assert_int_equal(serial_listen(&port, &irq), STATUS_OK);
	assert_int_equal(irq, 4);
}

static void a_port_whose_interrupt_is_not_known_cannot_listen(void **state)
{
	struct serial_port port = start(FIFO_ON);
	const size_t writes = fake_port_write_count();
	unsigned irq;

	(void)state;
	port.base = 0x1000;
	assert_int_equal(serial_listen(&port, &irq), STATUS_NOT_FOUND);
	port.base = 0;
	assert_int_equal(serial_listen(&port, &irq), STATUS_NOT_FOUND);
	assert_int_equal(fake_port_write_count(), writes);
}

static void received_bytes_are_read_one_by_one(void **state)
{
	struct serial_port port = start(FIFO_ON);
	uint8_t byte = 0;

	(void)state;
	assert_false(serial_read(&port, &byte));
	fake_port_set(LSR, LSR_READY | 1);
	fake_port_queue(DATA, 'k');
	assert_true(serial_read(&port, &byte));
	assert_int_equal(byte, 'k');
}

static void what_comes_while_a_byte_waits_to_leave_is_kept(void **state)
{
	struct serial_port port = start(FIFO_ON);
	unsigned irq;
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(serial_listen(&port, &irq), STATUS_OK);
	for (unsigned i = 0; i < 20; i++) {
		fake_port_queue(LSR, 1);
		fake_port_queue(DATA, 'a' + i);
	}
	serial_write(&port, "x", 1);
	for (unsigned i = 0; i < 20; i++) {
		assert_true(serial_read(&port, &byte));
		assert_int_equal(byte, 'a' + i);
	}
	assert_false(serial_read(&port, &byte));
}

static unsigned wait_count;

static void count_wait(void)
{
	wait_count++;
}

static void who_waits_for_a_byte_to_leave_can_do_something_else(void **state)
{
	struct serial_port port = start(FIFO_ON);

	(void)state;
	port.while_waiting = count_wait;
	wait_count = 0;
	fake_port_queue(LSR, 0);
	fake_port_queue(LSR, 0);
	serial_write(&port, "x", 1);
	assert_int_equal(wait_count, 2);
}

/* The last value of the Interrupt Enable Register. */
static uint32_t interrupts_on(void)
{
	uint32_t value = 0;

	for (size_t i = 0; i < fake_port_write_count(); i++) {
		const struct fake_port_write write = fake_port_write_at(i);

		value = write.port == IER ? write.value : value;
	}
	return value;
}

/* Taking the byte out of the UART took its interrupt away: the transmitter's comes in its place. */
static void an_interrupt_comes_for_what_was_kept(void **state)
{
	struct serial_port port = start(FIFO_ON);
	unsigned irq;
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(serial_listen(&port, &irq), STATUS_OK);
	serial_write(&port, "x", 1);
	assert_int_equal(interrupts_on(), 1);
	port.room = 0;
	fake_port_queue(LSR, 1);
	fake_port_queue(DATA, 'a');
	fake_port_queue(LSR, 1);
	fake_port_queue(DATA, 'b');
	serial_write(&port, "y", 1);
	assert_int_equal(interrupts_on(), 3);
	assert_true(serial_read(&port, &byte));
	assert_int_equal(interrupts_on(), 3);
	assert_true(serial_read(&port, &byte));
	assert_int_equal(interrupts_on(), 1);
	assert_false(serial_read(&port, &byte));
}

static void a_listening_port_keeps_what_it_has_received(void **state)
{
	struct serial_port port = start(FIFO_ON);
	unsigned irq;
	uint8_t byte = 0;

	(void)state;
	serial_keep(&port);
	assert_int_equal(fifo_count(&port.received), 0);
	assert_int_equal(serial_listen(&port, &irq), STATUS_OK);
	fake_port_queue(LSR, 1);
	fake_port_queue(DATA, 'a');
	fake_port_queue(LSR, 1);
	fake_port_queue(DATA, 'b');
	serial_keep(&port);
	assert_int_equal(fifo_count(&port.received), 2);
	assert_true(serial_read(&port, &byte));
	assert_int_equal(byte, 'a');
}

static void a_uart_that_is_gone_gives_no_bytes(void **state)
{
	struct serial_port port = start(FIFO_ON);
	uint8_t byte;

	(void)state;
	fake_port_set(LSR, 0xff);
	assert_false(serial_read(&port, &byte));
	port.base = 0;
	assert_false(serial_read(&port, &byte));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listening_opens_the_interrupt_of_a_pcs_port),
		cmocka_unit_test(a_port_whose_interrupt_is_not_known_cannot_listen),
		cmocka_unit_test(received_bytes_are_read_one_by_one),
		cmocka_unit_test(what_comes_while_a_byte_waits_to_leave_is_kept),
		cmocka_unit_test(who_waits_for_a_byte_to_leave_can_do_something_else),
		cmocka_unit_test(an_interrupt_comes_for_what_was_kept),
		cmocka_unit_test(a_listening_port_keeps_what_it_has_received),
		cmocka_unit_test(a_uart_that_is_gone_gives_no_bytes),
		cmocka_unit_test(only_speeds_that_divide_115200_are_right),
		cmocka_unit_test(all_registers_must_be_ports),
		cmocka_unit_test(a_floating_bus_is_no_uart),
		cmocka_unit_test(a_bus_that_keeps_one_pattern_is_no_uart),
		cmocka_unit_test(divisor_and_8n1_are_set_with_interrupts_off),
		cmocka_unit_test(every_byte_is_sent_in_order),
		cmocka_unit_test(a_fifo_takes_sixteen_bytes_for_one_look),
		cmocka_unit_test(without_a_fifo_each_byte_waits),
		cmocka_unit_test(a_stuck_transmitter_costs_one_wait),
		cmocka_unit_test(draining_ends_even_if_the_transmitter_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
