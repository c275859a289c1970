/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/guest_input.c devices/uart16550.c */
#include "vm/guest_input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RBR = 0, FCR = 2, LSR = 5, FCR_ENABLE = 1, LSR_DR = 1, LSR_OE = 2, FIFO_SIZE = 4 };

struct fixture {
	struct guest_input input;
	struct uart16550 uart;
	uint64_t line_count; /* Bytes that wait on the host's line. */
	uint64_t line_next;
};

/* The n-th byte of what is typed. */
static uint8_t typed(uint64_t n)
{
	return (uint8_t)(n * 7 + n / 256);
}

static bool take(void *context, uint8_t *byte)
{
	struct fixture *f = context;

	if (f->line_next == f->line_count) {
		return false;
	}
	*byte = typed(f->line_next++);
	return true;
}

static void transmit(void *context, uint8_t byte)
{
	(void)context;
	(void)byte;
}

static void set_irq(void *context, bool is_high)
{
	(void)context;
	(void)is_high;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->uart.transmit = transmit;
	f->uart.set_irq = set_irq;
	uart16550_reset(&f->uart);
	uart16550_write(&f->uart, FCR, FCR_ENABLE);
	guest_input_init(&f->input, &f->uart);
	f->input.take = take;
	f->input.context = f;
	f->input.is_open = true;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* Reads as a guest does until nothing is ready; every byte must be the one that is due. */
static uint64_t read_all(struct fixture *f, uint64_t already)
{
	while ((uart16550_read(&f->uart, LSR) & LSR_DR) != 0) {
		assert_int_equal(uart16550_read(&f->uart, RBR), typed(already));
		already++;
		guest_input_pull(&f->input);
		assert_int_equal(uart16550_read(&f->uart, LSR) & LSR_OE, 0);
	}
	return already;
}

static void what_is_typed_arrives_in_order(void **state)
{
	struct fixture *f = *state;

	f->line_count = 3;
	guest_input_pull(&f->input);
	assert_int_equal(read_all(f, 0), 3);
}

static void a_paste_larger_than_all_buffers_arrives_whole(void **state)
{
	struct fixture *f = *state;

	f->line_count = 3 * GUEST_INPUT_BYTES;
	guest_input_pull(&f->input);
	assert_int_equal(read_all(f, 0), f->line_count);
}

/* What the guest's UART has no room for is not taken: it waits where it is. */
static void only_what_the_uart_can_receive_is_taken(void **state)
{
	struct fixture *f = *state;

	f->line_count = 100;
	guest_input_pull(&f->input);
	assert_int_equal(f->line_next, UART16550_FIFO_BYTES);
	guest_input_pull(&f->input);
	assert_int_equal(f->line_next, UART16550_FIFO_BYTES);
	assert_int_equal(read_all(f, 0), f->line_count);
}

static void its_queue_is_its_own_bytes(void **state)
{
	struct fixture *f = *state;
	size_t count = 0;

	while (fifo_put(&f->input.waiting, 1)) {
		count++;
	}
	assert_int_equal(count, GUEST_INPUT_BYTES);
	assert_ptr_equal(f->input.waiting.bytes, f->input.bytes);
}

/* A driver that sets the UART up would clear what came before. */
static void before_the_guest_looks_all_waits_on_the_line(void **state)
{
	struct fixture *f = *state;

	f->input.is_open = false;
	f->line_count = 5;
	guest_input_pull(&f->input);
	assert_int_equal(f->line_next, 0);
	f->input.is_open = true;
	guest_input_pull(&f->input);
	assert_int_equal(read_all(f, 0), 5);
}

/* The guest begins anew: its UART is another, what waits is not. */
static void what_waits_outlives_a_reset(void **state)
{
	struct fixture *f = *state;
	uint8_t byte = 0;

	assert_true(fifo_put(&f->input.waiting, 'w'));
	guest_input_init(&f->input, &f->uart);
	assert_false(f->input.is_open);
	assert_null(f->input.take);
	assert_true(fifo_take(&f->input.waiting, &byte));
	assert_int_equal(byte, 'w');
}

static void without_a_line_nothing_comes(void **state)
{
	struct fixture *f = *state;

	f->input.take = NULL;
	f->line_count = 5;
	guest_input_pull(&f->input);
	assert_int_equal(f->line_next, 0);
	assert_int_equal(uart16550_read(&f->uart, LSR) & LSR_DR, 0);
}

static void fifo_refuses_what_does_not_fit(void **state)
{
	uint8_t bytes[FIFO_SIZE];
	struct fifo fifo = {
		.bytes = bytes, .capacity = FIFO_SIZE, .put = SIZE_MAX, .taken = SIZE_MAX};
	uint8_t byte;

	(void)state;
	assert_false(fifo_take(&fifo, &byte));
	for (unsigned i = 0; i < FIFO_SIZE; i++) {
		assert_true(fifo_put(&fifo, (uint8_t)i));
	}
	assert_true(fifo_is_full(&fifo));
	assert_false(fifo_put(&fifo, 99));
	assert_int_equal(fifo_count(&fifo), FIFO_SIZE);
	for (unsigned i = 0; i < FIFO_SIZE; i++) {
		assert_true(fifo_take(&fifo, &byte));
		assert_int_equal(byte, i);
	}
	assert_false(fifo_take(&fifo, &byte));
}

#define WITH_INPUT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_INPUT(what_is_typed_arrives_in_order),
		WITH_INPUT(a_paste_larger_than_all_buffers_arrives_whole),
		WITH_INPUT(only_what_the_uart_can_receive_is_taken),
		WITH_INPUT(its_queue_is_its_own_bytes),
		WITH_INPUT(before_the_guest_looks_all_waits_on_the_line),
		WITH_INPUT(what_waits_outlives_a_reset),
		WITH_INPUT(without_a_line_nothing_comes),
		cmocka_unit_test(fifo_refuses_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
