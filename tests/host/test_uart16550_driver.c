/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/uart16550.c */
#include "devices/uart16550.h"

#include "tests/host/uart16550_registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What Linux's driver of the 8250 family does with a UART, and demands of it. */

static struct uart16550 uart;
static bool irq;
static unsigned irq_changes;
static unsigned sent_count;

static void take_byte(void *context, uint8_t byte)
{
	assert_ptr_equal(context, &uart);
	assert_int_equal(byte, (uint8_t)sent_count);
	sent_count++;
}

static void take_irq(void *context, bool is_high)
{
	assert_ptr_equal(context, &uart);
	assert_int_not_equal(irq, is_high);
	irq = is_high;
	irq_changes++;
}

static int start(void **state)
{
	(void)state;
	uart = (struct uart16550){.transmit = take_byte, .set_irq = take_irq, .context = &uart};
	irq = false;
	irq_changes = 0;
	sent_count = 0;
	uart16550_reset(&uart);
	return 0;
}

static void assert_reads(unsigned offset, uint8_t want)
{
	assert_int_equal(uart16550_read(&uart, offset), want);
}

/* Each edge of the line starts its handler. */
struct driver {
	uint8_t got[4096];
	unsigned got_count;
	unsigned sent;
	unsigned to_send;
};

static void handle_interrupt(struct driver *driver)
{
	while ((uart16550_read(&uart, IIR) & IIR_NONE) == 0) {
		for (unsigned i = 0; i < 256 && (uart16550_read(&uart, LSR) & LSR_DR) != 0; i++) {
			driver->got[driver->got_count++] = uart16550_read(&uart, DATA);
		}
		if ((uart16550_read(&uart, LSR) & LSR_EMPTY) != LSR_EMPTY) {
			continue;
		}
		for (unsigned i = 0; i < 16 && driver->sent < driver->to_send; i++) {
			uart16550_write(&uart, DATA, (uint8_t)driver->sent++);
		}
		if (driver->sent == driver->to_send) {
			uart16550_write(&uart, IER, IER_RDA | IER_RLS);
		}
	}
}

static void both_directions_run_by_edges_alone(void **state)
{
	struct driver driver = {.to_send = 3000};
	unsigned given = 0;

	(void)state;
	uart16550_write(&uart, FCR, FCR_ENABLE | 0x80);
	uart16550_write(&uart, MCR, MCR_OUT2);
	uart16550_write(&uart, IER, IER_RDA | IER_RLS | IER_THRE);
	for (unsigned i = 0; i < 4000; i++) {
		unsigned seen = irq_changes;

		if (irq) {
			handle_interrupt(&driver);
			/* Else no further edge could come. */
			assert_false(irq);
		}
		for (unsigned n = 0; n < i % 23 && given < sizeof(driver.got); n++) {
			if (uart16550_can_receive(&uart)) {
				assert_true(uart16550_receive(&uart, (uint8_t)given++));
			}
		}
		assert_true(!irq || irq_changes > seen);
	}
	assert_int_equal(driver.sent, driver.to_send);
	assert_int_equal(sent_count, driver.to_send);
	assert_int_equal(driver.got_count, given);
	assert_int_equal(given, sizeof(driver.got));
	for (unsigned i = 0; i < given; i++) {
		assert_int_equal(driver.got[i], (uint8_t)i);
	}
	assert_reads(LSR, LSR_EMPTY);
}

/* Linux enables THRE twice and demands the interrupt again, else it works by a timer. */
static void thre_is_reasserted_for_linuxs_test(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uart16550_write(&uart, IER, IER_THRE);
		assert_reads(IIR, IIR_THRE);
		uart16550_write(&uart, IER, 0);
		assert_reads(IIR, IIR_NONE);
	}
}

/* The probe: no UUE bit in IER, MSR follows MCR in loop-back, and both FIFO bits in IIR. */
static void the_probe_finds_a_16550a(void **state)
{
	(void)state;
	uart16550_write(&uart, IER, 0xff);
	assert_reads(IER, 0x0f);
	uart16550_write(&uart, IER, 0);
	assert_reads(IER, 0);
	uart16550_write(&uart, MCR, MCR_LOOP | 0x0a);
	assert_int_equal(uart16550_read(&uart, MSR) & 0xf0, 0x90);
	uart16550_write(&uart, MCR, 0);
	uart16550_write(&uart, FCR, FCR_ENABLE);
	assert_int_equal(uart16550_read(&uart, IIR) >> 6, 3);
	uart16550_write(&uart, LCR, 0xbf);
	assert_int_not_equal(uart16550_read(&uart, FCR), 0);
	uart16550_write(&uart, LCR, 0);
	uart16550_write(&uart, FCR, FCR_ENABLE | 0x20);
	assert_int_equal(uart16550_read(&uart, IIR) >> 5, 6);
}

#define uart_test(test) cmocka_unit_test_setup(test, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		uart_test(both_directions_run_by_edges_alone),
		uart_test(thre_is_reasserted_for_linuxs_test),
		uart_test(the_probe_finds_a_16550a),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
