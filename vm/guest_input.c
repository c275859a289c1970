/* SPDX-License-Identifier: MIT */
#include "vm/guest_input.h"

void guest_input_init(struct guest_input *input, struct uart16550 *uart)
{
	input->uart = uart;
	input->waiting.bytes = input->bytes;
	input->waiting.capacity = GUEST_INPUT_BYTES;
}

static void feed_uart(struct guest_input *input)
{
	uint8_t byte;

	while (uart16550_can_receive(input->uart) && fifo_take(&input->waiting, &byte)) {
		(void)uart16550_receive(input->uart, byte);
	}
}

static void take_line(struct guest_input *input)
{
	uint8_t byte;

	while (!fifo_is_full(&input->waiting) && input->pull(input->context, &byte)) {
		(void)fifo_put(&input->waiting, byte);
	}
}

void guest_input_pull(struct guest_input *input)
{
	if (input->pull != NULL) {
		take_line(input);
		feed_uart(input);
	}
}
