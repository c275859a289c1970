/* SPDX-License-Identifier: MIT */
#include "vm/guest_input.h"

void guest_input_init(struct guest_input *input, struct uart16550 *uart)
{
	input->take = NULL;
	input->context = NULL;
	input->is_open = false;
	input->plain_reads = 0;
	input->uart = uart;
	input->waiting.bytes = input->bytes;
	input->waiting.capacity = GUEST_INPUT_BYTES;
}

void guest_input_pull(struct guest_input *input)
{
	uint8_t byte;

	while (input->is_open && input->take != NULL && uart16550_can_receive(input->uart) &&
		input->take(input->context, &byte)) {
		(void)uart16550_receive(input->uart, byte);
	}
}
