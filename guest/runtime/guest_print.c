/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_print.h"

#include "guest/runtime/guest_insn.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* The registers of a 16550, from National Semiconductor's PC16550D data sheet. */
enum {
	UART_DATA = 0, /* THR; the divisor's low byte while DLAB is set. */
	UART_IER = 1,  /* The divisor's high byte while DLAB is set. */
	UART_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	LCR_8N1 = 0x03,
	LCR_DLAB = 0x80,
	FCR_ENABLE_AND_CLEAR = 0x07,
	MCR_DTR_RTS = 0x03,
	LSR_THR_EMPTY = 0x20,
	LSR_TRANSMITTER_EMPTY = 0x40,
	DIVISOR_115200 = 1,
	/* No machine may hang on a UART that is not there. */
	WAIT_LIMIT = 1000000,
};

enum { NUMBER_DIGITS = 24 };

struct number_style {
	unsigned base;
	unsigned width;
	char padding;
};

static void uart_wait(uint8_t bits)
{
	for (unsigned i = 0; i < WAIT_LIMIT; i++) {
		if ((guest_in8(GUEST_UART_PORT + UART_LSR) & bits) == bits) {
			return;
		}
		guest_pause();
	}
}

static void print_char(char c)
{
	uart_wait(LSR_THR_EMPTY);
	guest_out8(GUEST_UART_PORT + UART_DATA, (uint8_t)c);
}

void guest_print_init(void)
{
	guest_out8(GUEST_UART_PORT + UART_IER, 0);
	guest_out8(GUEST_UART_PORT + UART_LCR, LCR_DLAB);
	guest_out8(GUEST_UART_PORT + UART_DATA, DIVISOR_115200);
	guest_out8(GUEST_UART_PORT + UART_IER, 0);
	guest_out8(GUEST_UART_PORT + UART_LCR, LCR_8N1);
	guest_out8(GUEST_UART_PORT + UART_FCR, FCR_ENABLE_AND_CLEAR);
	guest_out8(GUEST_UART_PORT + UART_MCR, MCR_DTR_RTS);
}

void guest_print_flush(void)
{
	uart_wait(LSR_TRANSMITTER_EMPTY);
}

static void print_string(const char *text)
{
	while (*text != '\0') {
		print_char(*text++);
	}
}

static void print_number(uint64_t value, struct number_style style)
{
	char digits[NUMBER_DIGITS];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % style.base];
		value /= style.base;
	} while (value != 0);
	for (unsigned i = count; i < style.width; i++) {
		print_char(style.padding);
	}
	while (count > 0) {
		print_char(digits[--count]);
	}
}

static void print_signed(int64_t value, struct number_style style)
{
	if (value < 0) {
		print_char('-');
		print_number(0 - (uint64_t)value, style);
	} else {
		print_number((uint64_t)value, style);
	}
}

/* Prints one conversion; `format` is behind the '%'. Returns what follows the conversion. */
static const char *print_conversion(const char *format, va_list *arguments)
{
	struct number_style style = {10, 0, ' '};
	bool is_long = false;

	if (*format == '0') {
		style.padding = '0';
		format++;
	}
	while (*format >= '0' && *format <= '9') {
		style.width = style.width * 10 + (unsigned)(*format++ - '0');
	}
	while (*format == 'l' || *format == 'z') {
		is_long = true;
		format++;
	}
	switch (*format) {
	case 's':
		print_string(va_arg(*arguments, const char *));
		break;
	case 'c':
		print_char((char)va_arg(*arguments, int));
		break;
	case 'd':
		print_signed(
			is_long ? va_arg(*arguments, int64_t) : va_arg(*arguments, int), style);
		break;
	case 'x':
		style.base = 16;
		/* fallthrough */
	case 'u':
		print_number(is_long ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned),
			style);
		break;
	default:
		print_char('%');
		break;
	}
	return format + 1;
}

void guest_printf(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	while (*format != '\0') {
		if (*format != '%') {
			print_char(*format++);
			continue;
		}
		format = print_conversion(format + 1, &arguments);
	}
	va_end(arguments);
}
