/* SPDX-License-Identifier: MIT */
#include "cpu/serial.h"

#include "cpu/insn.h"
#include "lib/bits.h"

/* PC16550D data sheet, "Registers". */
enum {
	UART_RBR = 0,
	UART_THR = 0,
	UART_DLL = 0, /* The divisor's registers, while LCR.DLAB is 1. */
	UART_DLM = 1,
	UART_IER = 1,
	UART_IIR = 2,
	UART_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_SCR = 7,
	UART_REGISTER_COUNT = 8,
};

enum {
	UART_IIR_FIFOS_ENABLED = 0xc0,
	UART_FCR_ENABLE_AND_CLEAR = 0x07,
	UART_LCR_8N1 = 0x03,
	UART_LCR_DLAB = 0x80,
	UART_MCR_DTR_RTS = 0x03,
	UART_MCR_OUT2 = 0x08, /* On a PC it lets the interrupt through to its line. */
	UART_IER_RECEIVED = 0x01,
	UART_IER_TRANSMITTER_EMPTY = 0x02,
	UART_LSR_DR = 0x01,
	UART_LSR_THRE = 0x20,
	UART_LSR_TEMT = 0x40,
	UART_FIFO_SIZE = 16,
	UART_BASE_SPEED = 115200, /* 1.8432 MHz divided by 16. */
	UART_DIVISOR_MAX = 0xffff,
};

/* The IRQ lines of the AT's serial ports; two share one. */
enum {
	IRQ_COM1_COM3 = 4,
	IRQ_COM2_COM4 = 3,
};

enum {
	PORT_COUNT = 0x10000,
	/* Two patterns that differ in every bit: a floating bus does not return both. */
	PROBE_FIRST = 0x5a,
	PROBE_SECOND = 0xa5,
	/* A port read takes about a microsecond: the FIFO at 1200 bits a second needs 0.14 s. */
	WAIT_LIMIT_READS = 400000,
};

static uint16_t register_port(const struct serial_port *port, unsigned index)
{
	return (uint16_t)(port->base + index);
}

static bool answers(uint16_t base, uint8_t pattern)
{
	insn_out8((uint16_t)(base + UART_SCR), pattern);
	return insn_in8((uint16_t)(base + UART_SCR)) == pattern;
}

enum status serial_check(uint64_t base, uint64_t speed)
{
	if (base == 0 || !range_fits(base, UART_REGISTER_COUNT, PORT_COUNT)) {
		return STATUS_RANGE;
	}
	if (speed == 0 || UART_BASE_SPEED % speed != 0 ||
		UART_BASE_SPEED / speed > UART_DIVISOR_MAX) {
		return STATUS_INVALID;
	}
	return STATUS_OK;
}

enum status serial_init(struct serial_port *port, uint16_t base, uint32_t speed)
{
	enum status status = serial_check(base, speed);
	uint32_t divisor;

	*port = (struct serial_port){0};
	if (status != STATUS_OK) {
		return status;
	}
	if (!answers(base, PROBE_FIRST) || !answers(base, PROBE_SECOND)) {
		return STATUS_NOT_FOUND;
	}
	port->base = base;
	divisor = UART_BASE_SPEED / speed;
	insn_out8(register_port(port, UART_IER), 0);
	insn_out8(register_port(port, UART_LCR), UART_LCR_DLAB | UART_LCR_8N1);
	insn_out8(register_port(port, UART_DLL), (uint8_t)bits_get(divisor, 7, 0));
	insn_out8(register_port(port, UART_DLM), (uint8_t)bits_get(divisor, 15, 8));
	insn_out8(register_port(port, UART_LCR), UART_LCR_8N1);
	insn_out8(register_port(port, UART_FCR), UART_FCR_ENABLE_AND_CLEAR);
	insn_out8(register_port(port, UART_MCR), UART_MCR_DTR_RTS);
	port->fifo_size = (insn_in8(register_port(port, UART_IIR)) & UART_IIR_FIFOS_ENABLED) ==
					  UART_IIR_FIFOS_ENABLED
				  ? UART_FIFO_SIZE
				  : 1;
	return STATUS_OK;
}

static bool irq_of(uint16_t base, unsigned *irq)
{
	switch (base) {
	case SERIAL_COM1:
	case SERIAL_COM3:
		*irq = IRQ_COM1_COM3;
		return true;
	case SERIAL_COM2:
	case SERIAL_COM4:
		*irq = IRQ_COM2_COM4;
		return true;
	default:
		return false;
	}
}

enum status serial_listen(struct serial_port *port, unsigned *irq)
{
	if (!irq_of(port->base, irq)) {
		return STATUS_NOT_FOUND;
	}
	insn_out8(register_port(port, UART_MCR), UART_MCR_DTR_RTS | UART_MCR_OUT2);
	insn_out8(register_port(port, UART_IER), UART_IER_RECEIVED);
	port->received.bytes = port->received_bytes;
	port->received.capacity = SERIAL_RECEIVED_BYTES;
	port->is_listening = true;
	return STATUS_OK;
}

/* All ones: the UART is gone. */
static bool has_received(uint8_t line_status)
{
	return (line_status & UART_LSR_DR) != 0 && line_status != UINT8_MAX;
}

/*
 * A byte that was taken into memory has taken the interrupt of its arrival with it. The one of the
 * transmitter that has become empty stands for it, until all have been read.
 */
static void interrupt_for_kept(struct serial_port *port)
{
	const bool is_wanted = fifo_count(&port->received) != 0;

	if (is_wanted != port->interrupts_for_kept) {
		port->interrupts_for_kept = is_wanted;
		insn_out8(register_port(port, UART_IER),
			UART_IER_RECEIVED | (is_wanted ? UART_IER_TRANSMITTER_EMPTY : 0));
	}
}

bool serial_read(struct serial_port *port, uint8_t *byte)
{
	if (fifo_take(&port->received, byte)) {
		interrupt_for_kept(port);
		return true;
	}
	if (port->base == 0 || !has_received(insn_in8(register_port(port, UART_LSR)))) {
		return false;
	}
	*byte = insn_in8(register_port(port, UART_RBR));
	return true;
}

/* The receiver holds 16 bytes: those behind them would be lost while the transmitter is busy. */
static void keep_received(struct serial_port *port, uint8_t line_status)
{
	if (port->is_listening && has_received(line_status) && !fifo_is_full(&port->received)) {
		(void)fifo_put(&port->received, insn_in8(register_port(port, UART_RBR)));
		interrupt_for_kept(port);
	}
}

void serial_keep(struct serial_port *port)
{
	uint8_t line_status = UART_LSR_DR;

	while (port->is_listening && !fifo_is_full(&port->received) && has_received(line_status)) {
		line_status = insn_in8(register_port(port, UART_LSR));
		keep_received(port, line_status);
	}
}

static bool wait_for(struct serial_port *port, uint8_t line_status)
{
	uint32_t reads = port->is_stuck ? 1 : WAIT_LIMIT_READS;

	for (; reads > 0; reads--) {
		const uint8_t status = insn_in8(register_port(port, UART_LSR));

		keep_received(port, status);
		if ((status & line_status) != 0) {
			port->is_stuck = false;
			return true;
		}
		if (port->while_waiting != NULL) {
			port->while_waiting();
		}
		insn_pause();
	}
	port->is_stuck = true;
	return false;
}

static void send(struct serial_port *port, uint8_t byte)
{
	if (port->room == 0) {
		if (!wait_for(port, UART_LSR_THRE)) {
			return;
		}
		port->room = port->fifo_size;
	}
	port->room--;
	insn_out8(register_port(port, UART_THR), byte);
}

void serial_write(struct serial_port *port, const void *bytes, size_t size_bytes)
{
	const uint8_t *next = bytes;

	if (port->base == 0) {
		return;
	}
	for (size_t i = 0; i < size_bytes; i++) {
		send(port, next[i]);
	}
}

void serial_drain(struct serial_port *port)
{
	if (port->base != 0) {
		(void)wait_for(port, UART_LSR_TEMT);
	}
}
