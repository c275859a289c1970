/* SPDX-License-Identifier: MIT */
#include "devices/uart16550.h"

#include "lib/bits.h"

/* PC16550D data sheet, "Summary of Registers". */
enum uart_register {
	UART_DATA = 0, /* RBR, THR; DLL while DLAB is 1. */
	UART_IER = 1,  /* DLM while DLAB is 1. */
	UART_IIR = 2,  /* Written: FCR. */
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCR = 7,
};

#define IER_RECEIVED_DATA BIT(0)
#define IER_THRE          BIT(1)
#define IER_LINE_STATUS   BIT(2)
#define IER_MODEM_STATUS  BIT(3)
#define IER_IMPLEMENTED   BITS_MASK(3, 0)

/* "Interrupt Control Functions": bit 0 is 0 while an interrupt is pending. */
enum interrupt_identification {
	IIR_MODEM_STATUS = 0x0,
	IIR_NONE = 0x1,
	IIR_THRE = 0x2,
	IIR_RECEIVED_DATA = 0x4,
	IIR_LINE_STATUS = 0x6,
	IIR_CHARACTER_TIMEOUT = 0xc,
};

#define IIR_FIFOS_ENABLED BITS_MASK(7, 6)

#define FCR_FIFO_ENABLE  BIT(0)
#define FCR_RCVR_RESET   BIT(1)
#define FCR_KEPT         (BITS_MASK(7, 6) | BIT(3) | FCR_FIFO_ENABLE)
#define FCR_TRIGGER_HIGH 7
#define FCR_TRIGGER_LOW  6

#define LCR_DLAB BIT(7)

#define MCR_DTR         BIT(0)
#define MCR_RTS         BIT(1)
#define MCR_OUT1        BIT(2)
#define MCR_OUT2        BIT(3)
#define MCR_LOOP        BIT(4)
#define MCR_IMPLEMENTED BITS_MASK(4, 0)

#define LSR_DATA_READY BIT(0)
#define LSR_OVERRUN    BIT(1)
#define LSR_THRE       BIT(5)
#define LSR_TEMT       BIT(6)

#define MSR_DELTA_CTS        BIT(0)
#define MSR_DELTA_DSR        BIT(1)
#define MSR_TRAILING_EDGE_RI BIT(2)
#define MSR_DELTA_DCD        BIT(3)
#define MSR_CTS              BIT(4)
#define MSR_DSR              BIT(5)
#define MSR_RI               BIT(6)
#define MSR_DCD              BIT(7)

/* The line's far end is always there and ready. */
#define MSR_LINE_CONNECTED (MSR_CTS | MSR_DSR | MSR_DCD)

enum {
	/* The data sheet leaves the divisor of a reset open: this one is 9600 baud on a PC. */
	RESET_DIVISOR = 12,
	DIVISOR_BYTE_BITS = 8,
};

/* "FIFO Control Register": RCVR FIFO trigger level by FCR bits 7:6. */
static const uint8_t trigger_levels[] = {1, 4, 8, 14};

static bool has_fifos(const struct uart16550 *uart)
{
	return (uart->fifo_control & FCR_FIFO_ENABLE) != 0;
}

static bool is_loop_back(const struct uart16550 *uart)
{
	return (uart->modem_control & MCR_LOOP) != 0;
}

static bool is_divisor_latch_access(const struct uart16550 *uart)
{
	return (uart->line_control & LCR_DLAB) != 0;
}

static uint8_t receive_capacity(const struct uart16550 *uart)
{
	return has_fifos(uart) ? UART16550_FIFO_BYTES : 1;
}

static uint8_t trigger_level(const struct uart16550 *uart)
{
	return has_fifos(uart) ? trigger_levels[bits_get(
					 uart->fifo_control, FCR_TRIGGER_HIGH, FCR_TRIGGER_LOW)]
			       : 1;
}

/* The modem inputs, MSR bits 7:4; in loop-back they are the MCR's outputs. */
static uint8_t modem_inputs(const struct uart16550 *uart)
{
	static const struct {
		uint8_t output;
		uint8_t input;
	} wires[] = {
		{MCR_DTR, MSR_DSR},
		{MCR_RTS, MSR_CTS},
		{MCR_OUT1, MSR_RI},
		{MCR_OUT2, MSR_DCD},
	};
	uint8_t inputs = 0;

	if (!is_loop_back(uart)) {
		return MSR_LINE_CONNECTED;
	}
	for (size_t i = 0; i < ARRAY_COUNT(wires); i++) {
		if ((uart->modem_control & wires[i].output) != 0) {
			inputs |= wires[i].input;
		}
	}
	return inputs;
}

/* "Interrupt Control Functions": the pending, enabled interrupt of the highest priority. */
static enum interrupt_identification pending_interrupt(const struct uart16550 *uart)
{
	uint8_t enabled = uart->interrupt_enable;

	if ((enabled & IER_LINE_STATUS) != 0 && uart->line_status != 0) {
		return IIR_LINE_STATUS;
	}
	if ((enabled & IER_RECEIVED_DATA) != 0 && uart->receive_count > 0) {
		return uart->receive_count >= trigger_level(uart) ? IIR_RECEIVED_DATA
								  : IIR_CHARACTER_TIMEOUT;
	}
	if ((enabled & IER_THRE) != 0 && uart->is_thre_pending) {
		return IIR_THRE;
	}
	if ((enabled & IER_MODEM_STATUS) != 0 && uart->modem_status != 0) {
		return IIR_MODEM_STATUS;
	}
	return IIR_NONE;
}

/*
 * On a PC the OUT2 pin opens the way of the interrupt line to the controller; in loop-back the chip
 * holds its output pins inactive, so that the line is low then.
 */
static void update_irq(struct uart16550 *uart)
{
	bool is_gate_open = (uart->modem_control & MCR_OUT2) != 0 && !is_loop_back(uart);
	bool level = is_gate_open && pending_interrupt(uart) != IIR_NONE;

	if (level != uart->irq_level) {
		uart->irq_level = level;
		uart->set_irq(uart->context, level);
	}
}

static void clear_receiver(struct uart16550 *uart)
{
	uart->receive_head = 0;
	uart->receive_count = 0;
}

void uart16550_reset(struct uart16550 *uart)
{
	uart->interrupt_enable = 0;
	uart->fifo_control = 0;
	uart->line_control = 0;
	uart->modem_control = 0;
	uart->line_status = 0;
	uart->modem_status = 0;
	uart->scratch = 0;
	uart->divisor = RESET_DIVISOR;
	uart->is_thre_pending = false;
	clear_receiver(uart);
	update_irq(uart);
}

bool uart16550_can_receive(const struct uart16550 *uart)
{
	return !is_loop_back(uart) && uart->receive_count < receive_capacity(uart);
}

bool uart16550_interrupts_on_receive(const struct uart16550 *uart)
{
	return (uart->interrupt_enable & IER_RECEIVED_DATA) != 0;
}

/* "Line Status Register", bit 1: a full FIFO keeps its bytes, the 16450's one byte is replaced. */
static bool put_received(struct uart16550 *uart, uint8_t byte)
{
	bool is_full = uart->receive_count >= receive_capacity(uart);
	unsigned slot = (uart->receive_head + uart->receive_count) % UART16550_FIFO_BYTES;

	if (is_full) {
		uart->line_status |= LSR_OVERRUN;
	} else {
		uart->receive_fifo[slot] = byte;
		uart->receive_count++;
	}
	if (is_full && !has_fifos(uart)) {
		uart->receive_fifo[uart->receive_head] = byte;
	}
	update_irq(uart);
	return !is_full;
}

bool uart16550_receive(struct uart16550 *uart, uint8_t byte)
{
	return is_loop_back(uart) || put_received(uart, byte);
}

/* Reading an empty receiver gives the last byte again, as the chip's buffer register does. */
static uint8_t read_received(struct uart16550 *uart)
{
	uint8_t byte = uart->receive_fifo[uart->receive_head];

	if (uart->receive_count > 1) {
		uart->receive_head = (uint8_t)((uart->receive_head + 1) % UART16550_FIFO_BYTES);
	}
	if (uart->receive_count > 0) {
		uart->receive_count--;
	}
	return byte;
}

/* Reading IIR takes a THRE interrupt, if that is what it reports. */
static uint8_t read_interrupt_identification(struct uart16550 *uart)
{
	enum interrupt_identification interrupt = pending_interrupt(uart);

	if (interrupt == IIR_THRE) {
		uart->is_thre_pending = false;
	}
	return (uint8_t)(interrupt | (has_fifos(uart) ? IIR_FIFOS_ENABLED : 0));
}

static uint8_t read_line_status(struct uart16550 *uart)
{
	uint8_t errors = uart->line_status;

	uart->line_status = 0;
	return (uint8_t)(errors | LSR_THRE | LSR_TEMT |
			 (uart->receive_count > 0 ? LSR_DATA_READY : 0));
}

static uint8_t read_modem_status(struct uart16550 *uart)
{
	uint8_t deltas = uart->modem_status;

	uart->modem_status = 0;
	return deltas | modem_inputs(uart);
}

static uint8_t read_divisor(const struct uart16550 *uart, unsigned offset)
{
	return (uint8_t)(offset == UART_DATA ? uart->divisor : uart->divisor >> DIVISOR_BYTE_BITS);
}

static uint8_t read_register(struct uart16550 *uart, enum uart_register which)
{
	switch (which) {
	case UART_DATA:
		return read_received(uart);
	case UART_IER:
		return uart->interrupt_enable;
	case UART_IIR:
		return read_interrupt_identification(uart);
	case UART_LCR:
		return uart->line_control;
	case UART_MCR:
		return uart->modem_control;
	case UART_LSR:
		return read_line_status(uart);
	case UART_MSR:
		return read_modem_status(uart);
	case UART_SCR:
	default:
		return uart->scratch;
	}
}

uint8_t uart16550_read(struct uart16550 *uart, unsigned offset)
{
	uint8_t value;

	if (offset <= UART_IER && is_divisor_latch_access(uart)) {
		return read_divisor(uart, offset);
	}
	value = read_register(uart, (enum uart_register)offset);
	update_irq(uart);
	return value;
}

/*
 * Writing THR takes the THRE interrupt. The byte leaves at once, so that it is due again: the line
 * falls between the two, as an edge-triggered interrupt controller must see.
 */
static void write_transmit(struct uart16550 *uart, uint8_t byte)
{
	uart->is_thre_pending = false;
	update_irq(uart);
	uart->is_thre_pending = true;
	if (is_loop_back(uart)) {
		(void)put_received(uart, byte);
	} else {
		uart->transmit(uart->context, byte);
	}
}

/* Enabling the THRE interrupt while THR is empty makes it due at once. */
static void write_interrupt_enable(struct uart16550 *uart, uint8_t value)
{
	if ((value & IER_THRE) != 0 && (uart->interrupt_enable & IER_THRE) == 0) {
		uart->is_thre_pending = true;
	}
	uart->interrupt_enable = value & IER_IMPLEMENTED;
}

/* "FIFO Control Register": without bit 0 the others are not programmed; a change of it clears. */
static void write_fifo_control(struct uart16550 *uart, uint8_t value)
{
	bool is_enable = (value & FCR_FIFO_ENABLE) != 0;

	if (is_enable != has_fifos(uart) || (is_enable && (value & FCR_RCVR_RESET) != 0)) {
		clear_receiver(uart);
	}
	uart->fifo_control = is_enable ? value & FCR_KEPT : 0;
}

static void write_modem_control(struct uart16550 *uart, uint8_t value)
{
	uint8_t before = modem_inputs(uart);
	uint8_t after;
	uint8_t changed;

	uart->modem_control = value & MCR_IMPLEMENTED;
	after = modem_inputs(uart);
	changed = before ^ after;
	uart->modem_status |= (changed & MSR_CTS) != 0 ? MSR_DELTA_CTS : 0;
	uart->modem_status |= (changed & MSR_DSR) != 0 ? MSR_DELTA_DSR : 0;
	uart->modem_status |= (changed & MSR_DCD) != 0 ? MSR_DELTA_DCD : 0;
	uart->modem_status |= (changed & before & MSR_RI) != 0 ? MSR_TRAILING_EDGE_RI : 0;
}

static void write_divisor(struct uart16550 *uart, unsigned offset, uint8_t value)
{
	unsigned low = offset == UART_DATA ? 0 : DIVISOR_BYTE_BITS;

	uart->divisor = (uint16_t)bits_put(uart->divisor, low + DIVISOR_BYTE_BITS - 1, low, value);
}

static void write_register(struct uart16550 *uart, enum uart_register which, uint8_t value)
{
	switch (which) {
	case UART_DATA:
		write_transmit(uart, value);
		break;
	case UART_IER:
		write_interrupt_enable(uart, value);
		break;
	case UART_IIR:
		write_fifo_control(uart, value);
		break;
	case UART_LCR:
		uart->line_control = value;
		break;
	case UART_MCR:
		write_modem_control(uart, value);
		break;
	case UART_SCR:
		uart->scratch = value;
		break;
	case UART_LSR: /* "Intended for read operations only." */
	case UART_MSR:
	default:
		break;
	}
}

void uart16550_write(struct uart16550 *uart, unsigned offset, uint8_t value)
{
	if (offset <= UART_IER && is_divisor_latch_access(uart)) {
		write_divisor(uart, offset, value);
		return;
	}
	write_register(uart, (enum uart_register)offset, value);
	update_irq(uart);
}
