/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/uart16550.c */
#include "devices/uart16550.h"

#include "tests/host/uart16550_registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What the device told its owner. */
struct line {
	uint8_t sent[64];
	size_t sent_count;
	bool irq;
	unsigned irq_changes;
};

static struct line line;
static struct uart16550 uart;

static void take_byte(void *context, uint8_t byte)
{
	struct line *to = context;

	assert_true(to->sent_count < sizeof(to->sent));
	to->sent[to->sent_count++] = byte;
}

static void take_irq(void *context, bool is_high)
{
	struct line *to = context;

	assert_int_not_equal(to->irq, is_high);
	to->irq = is_high;
	to->irq_changes++;
}

static int start(void **state)
{
	(void)state;
	line = (struct line){0};
	uart = (struct uart16550){.transmit = take_byte, .set_irq = take_irq, .context = &line};
	uart16550_reset(&uart);
	return 0;
}

static void assert_reads(unsigned offset, uint8_t want)
{
	assert_int_equal(uart16550_read(&uart, offset), want);
}

static void receive(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		assert_true(uart16550_receive(&uart, (uint8_t)('a' + i)));
	}
}

static void reset_gives_the_data_sheets_values(void **state)
{
	(void)state;
	assert_reads(IER, 0);
	assert_reads(IIR, IIR_NONE);
	assert_reads(LCR, 0);
	assert_reads(MCR, 0);
	assert_reads(LSR, LSR_EMPTY);
	assert_reads(MSR, MSR_CONNECTED);
	assert_int_equal(line.irq_changes, 0);
}

static void reset_lowers_the_line_and_forgets_all(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_OUT2);
	uart16550_write(&uart, FCR, FCR_ENABLE);
	uart16550_write(&uart, SCR, 0x55);
	uart16550_write(&uart, IER, 0x0f);
	receive(3);
	assert_true(line.irq);
	uart16550_reset(&uart);
	assert_false(line.irq);
	assert_reads(IIR, IIR_NONE);
	assert_reads(LSR, LSR_EMPTY);
	assert_reads(MCR, 0);
	assert_reads(SCR, 0);
	uart16550_write(&uart, DATA, 'x');
	assert_int_equal(line.sent_count, 1);
}

static void unimplemented_bits_read_as_zero(void **state)
{
	(void)state;
	uart16550_write(&uart, IER, 0xf0);
	assert_reads(IER, 0);
	uart16550_write(&uart, MCR, 0xe0);
	assert_reads(MCR, 0);
	uart16550_write(&uart, SCR, 0xa5);
	assert_reads(SCR, 0xa5);
	uart16550_write(&uart, LCR, 0x7f);
	assert_reads(LCR, 0x7f);
}

static void transmitted_bytes_leave_at_once(void **state)
{
	(void)state;
	uart16550_write(&uart, DATA, 'h');
	uart16550_write(&uart, DATA, 0xff);
	assert_int_equal(line.sent_count, 2);
	assert_int_equal(line.sent[0], 'h');
	assert_int_equal(line.sent[1], 0xff);
	assert_reads(LSR, LSR_EMPTY);
}

static void dlab_opens_the_divisor_and_hides_data_and_ier(void **state)
{
	(void)state;
	uart16550_write(&uart, IER, IER_MS);
	receive(1);
	uart16550_write(&uart, LCR, LCR_DLAB | 3);
	uart16550_write(&uart, DATA, 0x34);
	uart16550_write(&uart, IER, 0x12);
	assert_reads(DATA, 0x34);
	assert_reads(IER, 0x12);
	assert_int_equal(uart.divisor, 0x1234);
	assert_int_equal(line.sent_count, 0);
	uart16550_write(&uart, LCR, 3);
	assert_reads(IER, IER_MS);
	assert_reads(DATA, 'a');
}

static void without_fifos_one_byte_is_held(void **state)
{
	(void)state;
	assert_true(uart16550_can_receive(&uart));
	assert_true(uart16550_receive(&uart, 'a'));
	assert_false(uart16550_can_receive(&uart));
	assert_reads(LSR, LSR_EMPTY | LSR_DR);
	assert_reads(DATA, 'a');
	assert_reads(LSR, LSR_EMPTY);
	assert_true(uart16550_can_receive(&uart));
}

static void overrun_without_fifos_replaces_the_byte(void **state)
{
	(void)state;
	assert_true(uart16550_receive(&uart, 'a'));
	assert_false(uart16550_receive(&uart, 'b'));
	assert_reads(LSR, LSR_EMPTY | LSR_DR | LSR_OE);
	assert_reads(LSR, LSR_EMPTY | LSR_DR);
	assert_reads(DATA, 'b');
	assert_reads(LSR, LSR_EMPTY);
}

static void overrun_with_fifos_keeps_the_sixteen(void **state)
{
	(void)state;
	uart16550_write(&uart, FCR, FCR_ENABLE);
	receive(UART16550_FIFO_BYTES);
	assert_false(uart16550_can_receive(&uart));
	assert_false(uart16550_receive(&uart, 'z'));
	assert_reads(LSR, LSR_EMPTY | LSR_DR | LSR_OE);
	assert_reads(LSR, LSR_EMPTY | LSR_DR);
	for (unsigned i = 0; i < UART16550_FIFO_BYTES; i++) {
		assert_reads(DATA, (uint8_t)('a' + i));
	}
	assert_reads(LSR, LSR_EMPTY);
}

static void fifo_wraps_around_in_order(void **state)
{
	uint8_t in = 0;
	uint8_t out = 0;

	(void)state;
	uart16550_write(&uart, FCR, FCR_ENABLE);
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 1 + round % 13; i++) {
			assert_true(uart16550_receive(&uart, in++));
		}
		while (out != in) {
			assert_reads(DATA, out++);
		}
	}
	assert_reads(LSR, LSR_EMPTY);
}

static void reading_an_empty_receiver_changes_nothing(void **state)
{
	(void)state;
	uart16550_write(&uart, FCR, FCR_ENABLE);
	receive(2);
	assert_reads(DATA, 'a');
	assert_reads(DATA, 'b');
	uart16550_read(&uart, DATA);
	uart16550_read(&uart, DATA);
	assert_int_equal(uart.receive_count, 0);
	receive(2);
	assert_reads(DATA, 'a');
	assert_reads(DATA, 'b');
}

static void iir_shows_that_fifos_are_on(void **state)
{
	(void)state;
	uart16550_write(&uart, FCR, 0xc0);
	assert_reads(IIR, IIR_NONE);
	uart16550_write(&uart, FCR, 0xc1);
	assert_reads(IIR, IIR_FIFOS | IIR_NONE);
	uart16550_write(&uart, FCR, 0xc0);
	assert_reads(IIR, IIR_NONE);
	assert_int_equal(uart.fifo_control, 0);
}

static void fifo_change_and_receiver_reset_clear_the_bytes(void **state)
{
	static const uint8_t clears[] = {FCR_ENABLE | FCR_CLEAR_RECEIVER, 0};

	(void)state;
	receive(1);
	uart16550_write(&uart, FCR, FCR_ENABLE);
	assert_reads(LSR, LSR_EMPTY);
	for (size_t i = 0; i < ARRAY_COUNT(clears); i++) {
		receive(5);
		uart16550_write(&uart, FCR, FCR_ENABLE | 0x40);
		assert_reads(LSR, LSR_EMPTY | LSR_DR);
		uart16550_write(&uart, FCR, clears[i]);
		assert_reads(LSR, LSR_EMPTY);
	}
}

static void reset_bits_without_enable_do_nothing(void **state)
{
	(void)state;
	receive(1);
	uart16550_write(&uart, FCR, FCR_CLEAR_RECEIVER);
	assert_reads(DATA, 'a');
}

static void received_data_is_told_at_the_trigger_level(void **state)
{
	static const uint8_t levels[] = {1, 4, 8, 14};

	(void)state;
	uart16550_write(&uart, IER, IER_RDA);
	for (size_t i = 0; i < ARRAY_COUNT(levels); i++) {
		uart16550_write(&uart, FCR, (uint8_t)(i << 6 | FCR_ENABLE | FCR_CLEAR_RECEIVER));
		assert_reads(IIR, IIR_FIFOS | IIR_NONE);
		for (unsigned count = 1; count <= UART16550_FIFO_BYTES; count++) {
			receive(1);
			assert_reads(IIR, IIR_FIFOS | (count >= levels[i] ? IIR_RDA : IIR_TIMEOUT));
		}
		for (unsigned left = UART16550_FIFO_BYTES - 1; left > 0; left--) {
			uart16550_read(&uart, DATA);
			assert_reads(IIR, IIR_FIFOS | (left >= levels[i] ? IIR_RDA : IIR_TIMEOUT));
		}
		uart16550_read(&uart, DATA);
		assert_reads(IIR, IIR_FIFOS | IIR_NONE);
	}
}

static void received_data_lowers_its_line_when_all_is_read(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_OUT2);
	uart16550_write(&uart, IER, IER_RDA);
	assert_false(line.irq);
	receive(1);
	assert_true(line.irq);
	assert_reads(IIR, IIR_RDA);
	assert_true(line.irq);
	assert_reads(DATA, 'a');
	assert_false(line.irq);
	assert_reads(IIR, IIR_NONE);
}

static void thre_is_due_when_its_enable_bit_is_set(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_OUT2);
	uart16550_write(&uart, IER, IER_THRE);
	assert_true(line.irq);
	assert_reads(IIR, IIR_THRE);
	assert_false(line.irq);
	assert_reads(IIR, IIR_NONE);
	uart16550_write(&uart, IER, IER_THRE);
	assert_false(line.irq);
	uart16550_write(&uart, IER, 0);
	uart16550_write(&uart, IER, IER_THRE);
	assert_true(line.irq);
	assert_reads(IIR, IIR_THRE);
}

static void thre_is_due_after_each_byte(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_OUT2);
	uart16550_write(&uart, IER, IER_THRE);
	for (unsigned i = 0; i < 3; i++) {
		assert_reads(IIR, IIR_THRE);
		assert_false(line.irq);
		uart16550_write(&uart, DATA, 'x');
		assert_true(line.irq);
	}
}

static void iir_read_takes_thre_only_where_it_reports_it(void **state)
{
	(void)state;
	uart16550_write(&uart, IER, IER_THRE | IER_RDA);
	receive(1);
	assert_reads(IIR, IIR_RDA);
	assert_reads(IIR, IIR_RDA);
	assert_reads(DATA, 'a');
	assert_reads(IIR, IIR_THRE);
	assert_reads(IIR, IIR_NONE);
}

static void interrupts_come_in_the_data_sheets_order(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_LOOP);
	uart16550_write(&uart, MCR, MCR_OUT2);
	uart16550_write(&uart, IER, 0x0f);
	receive(1);
	assert_false(uart16550_receive(&uart, 'b'));
	assert_reads(IIR, IIR_RLS);
	assert_reads(LSR, LSR_EMPTY | LSR_DR | LSR_OE);
	assert_reads(IIR, IIR_RDA);
	assert_reads(DATA, 'b');
	assert_reads(IIR, IIR_THRE);
	assert_reads(IIR, IIR_MS);
	assert_true(line.irq);
	assert_int_not_equal(uart16550_read(&uart, MSR) & 0x0f, 0);
	assert_reads(IIR, IIR_NONE);
	assert_false(line.irq);
	assert_int_equal(line.irq_changes, 2);
}

static void out2_gates_the_line_and_not_the_iir(void **state)
{
	(void)state;
	uart16550_write(&uart, IER, IER_RDA);
	receive(1);
	assert_false(line.irq);
	assert_reads(IIR, IIR_RDA);
	uart16550_write(&uart, MCR, MCR_OUT2);
	assert_true(line.irq);
	uart16550_write(&uart, MCR, 0);
	assert_false(line.irq);
}

static void disabled_interrupts_are_not_reported(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_OUT2);
	receive(1);
	uart16550_receive(&uart, 'b');
	uart16550_write(&uart, DATA, 'x');
	assert_reads(IIR, IIR_NONE);
	assert_int_equal(line.irq_changes, 0);
	uart16550_write(&uart, IER, IER_RLS);
	assert_reads(IIR, IIR_RLS);
	assert_true(line.irq);
}

static void loop_back_feeds_the_receiver_and_cuts_the_line(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_LOOP);
	uart16550_write(&uart, DATA, 0xae);
	assert_int_equal(line.sent_count, 0);
	assert_true(uart16550_receive(&uart, 'z'));
	assert_reads(LSR, LSR_EMPTY | LSR_DR);
	assert_reads(DATA, 0xae);
	assert_reads(LSR, LSR_EMPTY);
}

static void loop_back_fifo_holds_sixteen(void **state)
{
	unsigned count = 0;

	(void)state;
	uart16550_write(&uart, FCR, FCR_ENABLE | FCR_CLEAR_RECEIVER);
	uart16550_write(&uart, MCR, MCR_LOOP);
	for (unsigned i = 0; i < 256; i++) {
		uart16550_write(&uart, DATA, (uint8_t)i);
	}
	assert_int_equal(uart16550_read(&uart, LSR) & LSR_OE, LSR_OE);
	while ((uart16550_read(&uart, LSR) & LSR_DR) != 0) {
		assert_reads(DATA, (uint8_t)count++);
	}
	assert_int_equal(count, UART16550_FIFO_BYTES);
}

static void loop_back_turns_mcr_outputs_into_msr_inputs(void **state)
{
	static const uint8_t rows[][2] = {
		{0x00, 0x00}, {0x01, 0x20}, {0x02, 0x10}, {0x04, 0x40}, {0x08, 0x80}, {0x0f, 0xf0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uart16550_write(&uart, MCR, MCR_LOOP | rows[i][0]);
		assert_int_equal(uart16550_read(&uart, MSR) & 0xf0, rows[i][1]);
	}
	uart16550_write(&uart, MCR, 0);
	assert_int_equal(uart16550_read(&uart, MSR) & 0xf0, MSR_CONNECTED);
}

static void msr_deltas_tell_changes_until_read(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_LOOP);
	assert_reads(MSR, 0x0b);
	assert_reads(MSR, 0x00);
	uart16550_write(&uart, MCR, MCR_LOOP | 0x02);
	assert_reads(MSR, 0x11);
	assert_reads(MSR, 0x10);
	uart16550_write(&uart, MCR, MCR_LOOP | 0x01);
	assert_reads(MSR, 0x23);
	uart16550_write(&uart, MCR, MCR_LOOP | 0x09);
	uart16550_write(&uart, MCR, MCR_LOOP | 0x01);
	assert_reads(MSR, 0x28);
}

static void ring_indicator_tells_its_trailing_edge_only(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_LOOP);
	uart16550_read(&uart, MSR);
	uart16550_write(&uart, MCR, MCR_LOOP | 0x04);
	assert_reads(MSR, 0x40);
	uart16550_write(&uart, MCR, MCR_LOOP);
	assert_reads(MSR, 0x04);
}

static void loop_back_holds_the_interrupt_line_low(void **state)
{
	(void)state;
	uart16550_write(&uart, IER, IER_RDA);
	uart16550_write(&uart, MCR, MCR_LOOP | MCR_OUT2);
	uart16550_write(&uart, DATA, 'x');
	assert_reads(IIR, IIR_RDA);
	assert_false(line.irq);
	uart16550_write(&uart, MCR, MCR_OUT2);
	assert_true(line.irq);
}

static void loop_back_holds_a_sender_off(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_LOOP);
	assert_false(uart16550_can_receive(&uart));
	uart16550_write(&uart, MCR, 0);
	assert_true(uart16550_can_receive(&uart));
}

/* An edge-triggered controller sees each THRE interrupt, though the one before was not taken. */
static void writing_thr_takes_thre_and_raises_it_anew(void **state)
{
	(void)state;
	uart16550_write(&uart, MCR, MCR_OUT2);
	uart16550_write(&uart, IER, IER_THRE);
	assert_int_equal(line.irq_changes, 1);
	uart16550_write(&uart, DATA, 'x');
	assert_true(line.irq);
	assert_int_equal(line.irq_changes, 3);
}

static void writes_to_status_registers_do_nothing(void **state)
{
	(void)state;
	uart16550_write(&uart, LSR, 0xff);
	uart16550_write(&uart, MSR, 0xff);
	assert_reads(LSR, LSR_EMPTY);
	assert_reads(MSR, MSR_CONNECTED);
}

static void ignore_irq(void *context, bool is_high)
{
	(void)context;
	(void)is_high;
}

/* take_irq() checks that each call is a change; here that the line is always what the IIR says. */
static void line_follows_iir_under_random_traffic(void **state)
{
	unsigned random = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		struct uart16550 copy;
		bool is_pending;

		random = random * 1103515245 + 12345;
		line.sent_count = 0;
		if ((random >> 16 & 3) == 0) {
			(void)uart16550_receive(&uart, (uint8_t)random);
		} else if ((random >> 16 & 3) == 1) {
			(void)uart16550_read(&uart, random >> 20 & 7);
		} else {
			uart16550_write(&uart, random >> 20 & 7, (uint8_t)(random >> 23));
		}
		assert_int_equal(line.irq, uart.irq_level);
		copy = uart;
		copy.set_irq = ignore_irq;
		is_pending = (uart16550_read(&copy, IIR) & IIR_NONE) == 0;
		assert_int_equal(uart.irq_level,
			is_pending && (uart.modem_control & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2);
		assert_in_range(uart.receive_count, 0, UART16550_FIFO_BYTES);
		assert_in_range(uart.receive_head, 0, UART16550_FIFO_BYTES - 1);
	}
}

#define uart_test(test) cmocka_unit_test_setup(test, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		uart_test(reset_gives_the_data_sheets_values),
		uart_test(reset_lowers_the_line_and_forgets_all),
		uart_test(unimplemented_bits_read_as_zero),
		uart_test(transmitted_bytes_leave_at_once),
		uart_test(dlab_opens_the_divisor_and_hides_data_and_ier),
		uart_test(without_fifos_one_byte_is_held),
		uart_test(overrun_without_fifos_replaces_the_byte),
		uart_test(overrun_with_fifos_keeps_the_sixteen),
		uart_test(fifo_wraps_around_in_order),
		uart_test(reading_an_empty_receiver_changes_nothing),
		uart_test(iir_shows_that_fifos_are_on),
		uart_test(fifo_change_and_receiver_reset_clear_the_bytes),
		uart_test(reset_bits_without_enable_do_nothing),
		uart_test(received_data_is_told_at_the_trigger_level),
		uart_test(received_data_lowers_its_line_when_all_is_read),
		uart_test(thre_is_due_when_its_enable_bit_is_set),
		uart_test(thre_is_due_after_each_byte),
		uart_test(iir_read_takes_thre_only_where_it_reports_it),
		uart_test(interrupts_come_in_the_data_sheets_order),
		uart_test(out2_gates_the_line_and_not_the_iir),
		uart_test(disabled_interrupts_are_not_reported),
		uart_test(loop_back_feeds_the_receiver_and_cuts_the_line),
		uart_test(loop_back_fifo_holds_sixteen),
		uart_test(loop_back_turns_mcr_outputs_into_msr_inputs),
		uart_test(msr_deltas_tell_changes_until_read),
		uart_test(ring_indicator_tells_its_trailing_edge_only),
		uart_test(loop_back_holds_the_interrupt_line_low),
		uart_test(loop_back_holds_a_sender_off),
		uart_test(writing_thr_takes_thre_and_raises_it_anew),
		uart_test(writes_to_status_registers_do_nothing),
		uart_test(line_follows_iir_under_random_traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
