/* SPDX-License-Identifier: MIT */
#ifndef HOST_UART16550_REGISTERS_H
#define HOST_UART16550_REGISTERS_H

/* PC16550D data sheet, "Registers": offsets and bits as a driver knows them. */
enum {
	DATA = 0,
	IER = 1,
	IIR = 2,
	FCR = 2,
	LCR = 3,
	MCR = 4,
	LSR = 5,
	MSR = 6,
	SCR = 7,
};

enum {
	IER_RDA = 1,
	IER_THRE = 2,
	IER_RLS = 4,
	IER_MS = 8,
	IIR_MS = 0x00,
	IIR_NONE = 0x01,
	IIR_THRE = 0x02,
	IIR_RDA = 0x04,
	IIR_RLS = 0x06,
	IIR_TIMEOUT = 0x0c,
	IIR_FIFOS = 0xc0,
	FCR_ENABLE = 0x01,
	FCR_CLEAR_RECEIVER = 0x02,
	LCR_DLAB = 0x80,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,
	LSR_DR = 0x01,
	LSR_OE = 0x02,
	LSR_EMPTY = 0x60,
	MSR_CONNECTED = 0xb0,
};

#endif
