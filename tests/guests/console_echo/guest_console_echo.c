/* SPDX-License-Identifier: MIT */
/*
 * Reads its serial line by polling and sends each byte back, until a Ctrl-D comes. Option bytes=N:
 * reads N bytes without an answer, then tells how many came and a sum over them. Without an
 * option it only checks that nothing is there to be read.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

enum {
	UART_RBR = 0x3f8,
	UART_FCR = 0x3fa,
	UART_LSR = 0x3fd,
	FCR_ENABLE = 0x01,
	LSR_DR = 0x01,
	LSR_OE = 0x02,
	CTRL_D = 0x04,
	SUM_FACTOR = 31,
};

static uint64_t overruns;

static uint8_t read_byte(void)
{
	uint8_t status;

	do {
		status = guest_in8(UART_LSR);
		overruns += (status & LSR_OE) != 0;
	} while ((status & LSR_DR) == 0);
	return guest_in8(UART_RBR);
}

static void echo(void)
{
	for (uint8_t byte = read_byte(); byte != CTRL_D; byte = read_byte()) {
		guest_out8(UART_RBR, byte);
	}
}

static void sum_up(uint64_t count)
{
	uint32_t sum = 0;

	for (uint64_t i = 0; i < count; i++) {
		sum = sum * SUM_FACTOR + read_byte();
	}
	guest_printf("\necho: bytes=%lu sum=0x%x overruns=%lu\n", count, sum, overruns);
}

uint32_t guest_main(void)
{
	const uint64_t count = guest_option("bytes", 0);

	guest_out8(UART_FCR, FCR_ENABLE);
	/* Bochs takes a host's interrupt out of a guest with RFLAGS.IF set only. */
	guest_sti();
	if (guest_option("echo", 0) != 0) {
		guest_printf("echo: ready\n");
		echo();
	} else if (count != 0) {
		sum_up(count);
	} else {
		report_equal("nothing_typed_nothing_received", guest_in8(UART_LSR) & LSR_DR, 0);
		return report_result();
	}
	report_equal("no_byte_is_lost", overruns, 0);
	return report_result();
}
