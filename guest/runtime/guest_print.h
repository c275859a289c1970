/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_PRINT_H
#define GUEST_RUNTIME_GUEST_PRINT_H

#include <stdint.h>

#define GUEST_UART_PORT 0x3f8

/* Sets the UART to 115200 baud, 8N1, FIFOs on, no interrupts. Context: once. */
void guest_print_init(void);

/*
 * Prints on the serial line. Knows %s, %c, %% and d, u, x with l or z before them and a width with
 * or without leading zeros. "\n" goes out as it is.
 */
__attribute__((format(printf, 1, 2))) void guest_printf(const char *format, ...);

/* Waits until the last byte has left the UART, so that a machine may be stopped. */
void guest_print_flush(void);

#endif
