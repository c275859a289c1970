/* SPDX-License-Identifier: MIT */
#include "lib/bits.h"
#include "vm/vm.h"

enum {
	COM1_PORT = 0x3f8,
	UART_RECEIVE_BUFFER = 0, /* The register's offset: reading it makes room. */
	UART_LINE_STATUS = 5,
	BITS_PER_BYTE = 8,
};

/* Reads of these alone change nothing about what is typed; until the input is open, none do. */
#define UART_PLAIN_READS ((uint8_t)~BIT(UART_RECEIVE_BUFFER))

static void open_input(struct vm *vm)
{
	vm->input.is_open = true;
	vm->input.plain_reads = UART_PLAIN_READS;
}

/*
 * The UART has 8-bit registers: a wider access is one for each of its bytes, as on a PC's bus. It
 * may have made room for what is typed.
 */
static __attribute__((noinline)) uint32_t uart_port_read_wide(
	struct vm *vm, unsigned offset, unsigned size_bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size_bytes; i++) {
		const uint8_t byte = offset + i < UART16550_PORT_COUNT
					     ? uart16550_read(&vm->uart, offset + i)
					     : UINT8_MAX;

		value |= (uint32_t)byte << (i * BITS_PER_BYTE);
	}
	/* The other registers are read by who finds out what it is. */
	if (offset == UART_RECEIVE_BUFFER ||
		(offset <= UART_LINE_STATUS && offset + size_bytes > UART_LINE_STATUS)) {
		open_input(vm);
	}
	guest_input_pull(&vm->input);
	return value;
}

static uint32_t uart_port_read(void *context, unsigned offset, unsigned size_bytes)
{
	struct vm *vm = context;

	return (vm->input.plain_reads & BIT(offset)) != 0 && size_bytes == sizeof(uint8_t)
		       ? uart16550_read(&vm->uart, offset)
		       : uart_port_read_wide(vm, offset, size_bytes);
}

static void uart_port_write(void *context, unsigned offset, unsigned size_bytes, uint32_t value)
{
	struct vm *vm = context;

	for (unsigned i = 0; i < size_bytes; i++) {
		const unsigned low = i * BITS_PER_BYTE;

		if (offset + i < UART16550_PORT_COUNT) {
			uart16550_write(&vm->uart, offset + i,
				(uint8_t)bits_get(value, low + BITS_PER_BYTE - 1, low));
		}
	}
	if (uart16550_interrupts_on_receive(&vm->uart)) {
		open_input(vm);
	}
	/* While a byte waited to leave, others came, of which no interrupt tells any more; and any
	 * of the registers may have made room. */
	guest_input_pull(&vm->input);
}

static void uart_transmit(void *context, uint8_t byte)
{
	struct vm *vm = context;

	guest_console_put(&vm->console, byte);
}

static void uart_set_irq(void *context, bool is_high)
{
	vm_platform_set_irq(context, VM_IRQ_COM1, is_high);
}

/* A port that is only written: reads give all ones, as from no device. */
static uint32_t write_only_port_read(void *context, unsigned offset, unsigned size_bytes)
{
	(void)context;
	(void)offset;
	return (uint32_t)BITS_MASK(size_bytes * BITS_PER_BYTE - 1, 0);
}

static void debug_exit_port_write(
	void *context, unsigned offset, unsigned size_bytes, uint32_t value)
{
	struct vm *vm = context;

	(void)offset;
	debug_exit_write(&vm->debug_exit, size_bytes, value);
	vm_end(vm, VM_END_DEBUG_EXIT, vm->debug_exit.value, "%s", "");
}

void vm_input_arrived(struct vm *vm)
{
	vm_lock_platform(vm);
	guest_input_pull(&vm->input);
	vm_unlock_platform(vm);
}

/* The timer is not among these ports: it stands still. */
void vm_attach_devices(struct vm *vm)
{
	vm->uart.transmit = uart_transmit;
	vm->uart.set_irq = uart_set_irq;
	vm->uart.context = vm;
	uart16550_reset(&vm->uart);
	guest_input_init(&vm->input, &vm->uart);
	port_bus_add(&vm->ports, (struct port_range){COM1_PORT, UART16550_PORT_COUNT,
					 uart_port_read, uart_port_write, vm});
	port_bus_add(&vm->ports, (struct port_range){DEBUG_EXIT_PORT, 1, write_only_port_read,
					 debug_exit_port_write, vm});
	vm_platform_attach(vm);
}
