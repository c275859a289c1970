/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/acpi_pm.c devices/i8042.c devices/ioapic.c devices/pci_config.c
 * devices/pic8259.c devices/pit8254.c devices/pit8254_counter.c devices/reset_control.c
 * devices/rtc_mc146818.c devices/uart16550.c lib/calendar.c lib/tick_rate.c */
#include "devices/acpi_pm.h"
#include "devices/i8042.h"
#include "devices/ioapic.h"
#include "devices/pci_config.h"
#include "devices/pic8259.h"
#include "devices/pit8254.h"
#include "devices/reset_control.h"
#include "devices/rtc_mc146818.h"
#include "devices/uart16550.h"
#include "lib/tick_rate.h"
#include "tests/fuzz/require.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A guest accesses the ports of a whole PC in any order while time goes on. Whatever it does: a
 * line's callback tells changes only, no event lies in the past or comes early, reads give no more
 * than their width, and an interrupt that the controllers announce can be taken.
 */
enum line {
	LINE_PIT,
	LINE_KEYBOARD,
	LINE_UART,
	LINE_RTC,
	LINE_SCI,
	LINE_INT,
	LINE_COUNT,
};

static const uint8_t irq_of_line[LINE_COUNT] = {0, 1, 4, 8, 9, 0};

struct machine {
	struct acpi_pm pm;
	struct i8042 keyboard;
	struct ioapic ioapic;
	struct pci_config pci;
	struct pic8259 pic;
	struct pit8254 pit;
	struct reset_control resets;
	struct rtc_mc146818 rtc;
	struct uart16550 uart;

	bool lines[LINE_COUNT];
	unsigned rises[LINE_COUNT];
	bool is_taking; /* The local APIC takes messages. */
	uint8_t level_vector;
	uint64_t now_ns;
};

struct access {
	uint8_t kind;
	uint8_t selector;
	uint8_t width;
	uint8_t value[4];
};

static struct machine machine;

static void set_line(enum line line, bool is_high)
{
	require(machine.lines[line] != is_high);
	machine.lines[line] = is_high;
	machine.rises[line] += is_high;
	if (line != LINE_INT) {
		pic8259_set_line(&machine.pic, irq_of_line[line], is_high);
		ioapic_set_line(&machine.ioapic, irq_of_line[line], is_high);
	}
}

static void set_pit(void *context, bool is_high)
{
	require(context == &machine);
	set_line(LINE_PIT, is_high);
}

static void set_keyboard(void *context, bool is_high)
{
	require(context == &machine);
	set_line(LINE_KEYBOARD, is_high);
}

static void set_uart(void *context, bool is_high)
{
	require(context == &machine);
	set_line(LINE_UART, is_high);
}

static void set_rtc(void *context, bool is_high)
{
	require(context == &machine);
	set_line(LINE_RTC, is_high);
}

static void set_sci(void *context, bool is_high)
{
	require(context == &machine);
	set_line(LINE_SCI, is_high);
}

static void set_int(void *context, bool is_high)
{
	require(context == &machine);
	set_line(LINE_INT, is_high);
}

static bool deliver(void *context, const struct ioapic_message *message)
{
	require(context == &machine);
	require(message->delivery_mode < 8);
	require(!message->is_level || message->delivery_mode <= IOAPIC_LOWEST_PRIORITY);
	if (machine.is_taking && message->is_level) {
		machine.level_vector = message->vector;
	}
	return machine.is_taking;
}

static void transmit(void *context, uint8_t byte)
{
	require(context == &machine);
	(void)byte;
}

static void set_a20(void *context, bool is_enabled)
{
	require(context == &machine);
	(void)is_enabled;
}

static void reset_cpu(void *context)
{
	require(context == &machine);
	i8042_reset(&machine.keyboard);
}

static void reset_system(void *context, enum reset_kind kind)
{
	require(context == &machine && kind <= RESET_POWER_CYCLE);
	reset_control_reset(&machine.resets);
	uart16550_reset(&machine.uart);
	rtc_mc146818_reset(&machine.rtc);
	ioapic_reset(&machine.ioapic);
}

static void start(void)
{
	machine = (struct machine){
		.pm = {.set_sci = set_sci, .context = &machine},
		.keyboard = {.set_irq = set_keyboard,
			.reset = reset_cpu,
			.set_a20 = set_a20,
			.context = &machine},
		.ioapic = {.deliver = deliver, .context = &machine},
		.pci = {.functions[0] = &pci_host_bridge},
		.pic = {.set_int = set_int, .context = &machine},
		.pit = {.set_irq = set_pit, .context = &machine},
		.resets = {.reset = reset_system, .set_a20 = set_a20, .context = &machine},
		.rtc = {.set_irq = set_rtc, .context = &machine},
		.uart = {.transmit = transmit, .set_irq = set_uart, .context = &machine},
		.is_taking = true,
	};
	ioapic_reset(&machine.ioapic);
	pic8259_reset(&machine.pic);
	i8042_reset(&machine.keyboard);
	reset_control_reset(&machine.resets);
	uart16550_reset(&machine.uart);
	pit8254_reset(&machine.pit, 0);
	rtc_mc146818_init(&machine.rtc, 0);
}

static uint8_t read_byte_port(uint16_t port)
{
	switch (port) {
	case PIT8254_SPEAKER_PORT:
		return pit8254_read_speaker(&machine.pit, machine.now_ns);
	case I8042_DATA_PORT:
		return i8042_read_data(&machine.keyboard);
	case I8042_COMMAND_PORT:
		return i8042_read_status(&machine.keyboard);
	case RTC_MC146818_DATA_PORT:
		return rtc_mc146818_read(&machine.rtc, machine.now_ns);
	case PORT92_PORT:
		return reset_control_read_port92(&machine.resets);
	case RESET_CONTROL_PORT:
		return reset_control_read(&machine.resets);
	default:
		return pic8259_read(&machine.pic, port);
	}
}

static void write_byte_port(uint16_t port, uint8_t value)
{
	switch (port) {
	case PIT8254_SPEAKER_PORT:
		pit8254_write_speaker(&machine.pit, value, machine.now_ns);
		break;
	case I8042_DATA_PORT:
		i8042_write_data(&machine.keyboard, value);
		break;
	case I8042_COMMAND_PORT:
		i8042_write_command(&machine.keyboard, value);
		break;
	case RTC_MC146818_INDEX_PORT:
		rtc_mc146818_write_index(&machine.rtc, value);
		break;
	case RTC_MC146818_DATA_PORT:
		rtc_mc146818_write(&machine.rtc, value, machine.now_ns);
		break;
	case PORT92_PORT:
		reset_control_write_port92(&machine.resets, value);
		break;
	case RESET_CONTROL_PORT:
		reset_control_write(&machine.resets, value);
		break;
	default:
		pic8259_write(&machine.pic, port, value);
		break;
	}
}

static void access_byte_port(const struct access *access, bool is_write)
{
	static const uint16_t ports[] = {PIC8259_MASTER_PORT, PIC8259_MASTER_PORT + 1,
		PIC8259_SLAVE_PORT, PIC8259_SLAVE_PORT + 1, PIC8259_ELCR_PORT,
		PIC8259_ELCR_PORT + 1, PIT8254_SPEAKER_PORT, I8042_DATA_PORT, I8042_COMMAND_PORT,
		RTC_MC146818_INDEX_PORT, RTC_MC146818_DATA_PORT, RTC_MC146818_DATA_PORT,
		PORT92_PORT, RESET_CONTROL_PORT};
	uint16_t port = ports[access->selector % ARRAY_COUNT(ports)];

	if (is_write) {
		write_byte_port(port, access->value[0]);
	} else {
		(void)read_byte_port(port);
	}
}

static uint32_t value_of(const struct access *access)
{
	uint32_t value;

	memcpy(&value, access->value, sizeof(value));
	return value;
}

static void access_wide_port(const struct access *access, bool is_write)
{
	unsigned width = 1u << access->width % 3;
	unsigned offset = access->selector % 16;
	bool is_pci = (access->selector & 0x80) != 0;
	uint32_t value = 0;

	if (is_write && is_pci) {
		pci_config_write(
			&machine.pci, offset % PCI_CONFIG_PORT_COUNT, width, value_of(access));
	} else if (is_write) {
		acpi_pm_write(&machine.pm, offset, width, value_of(access), machine.now_ns);
	} else if (is_pci) {
		value = pci_config_read(&machine.pci, offset % PCI_CONFIG_PORT_COUNT, width);
	} else {
		value = acpi_pm_read(&machine.pm, offset, width, machine.now_ns);
	}
	require(width == sizeof(value) || value >> 8 * width == 0);
}

static void access_ioapic(const struct access *access, bool is_write)
{
	machine.is_taking = (access->selector & 1) != 0;
	if (is_write) {
		ioapic_write(&machine.ioapic, 0x00, access->width % 0x48);
		ioapic_write(&machine.ioapic, 0x10, value_of(access));
	} else {
		(void)ioapic_read(&machine.ioapic, access->width % 0x20);
	}
	ioapic_retry(&machine.ioapic);
	ioapic_end_of_interrupt(&machine.ioapic, machine.level_vector);
}

static void access_pit(const struct access *access, bool is_write)
{
	if (is_write) {
		pit8254_write(&machine.pit, access->selector % 4, access->value[0], machine.now_ns);
	} else {
		(void)pit8254_read(&machine.pit, access->selector % 4, machine.now_ns);
	}
}

static void access_uart(const struct access *access, bool is_write)
{
	if (uart16550_can_receive(&machine.uart)) {
		require(uart16550_receive(&machine.uart, access->width));
	}
	if (is_write) {
		uart16550_write(
			&machine.uart, access->selector % UART16550_PORT_COUNT, access->value[0]);
	} else {
		(void)uart16550_read(&machine.uart, access->selector % UART16550_PORT_COUNT);
	}
}

static void acknowledge(void)
{
	bool is_pending = machine.lines[LINE_INT];
	uint8_t vector = pic8259_acknowledge(&machine.pic);

	require((vector & 0xf8) == machine.pic.master.vector_base ||
		(is_pending && (vector & 0xf8) == machine.pic.slave.vector_base));
}

static void advance(uint64_t now_ns)
{
	machine.now_ns = now_ns;
	pit8254_advance(&machine.pit, now_ns);
	rtc_mc146818_advance(&machine.rtc, now_ns);
	acpi_pm_advance(&machine.pm, now_ns);
}

/* Steps to just before the first event and onto it: its line rises there and not before. */
static void run_to_event(void)
{
	static const enum line lines[] = {LINE_PIT, LINE_RTC, LINE_SCI};
	uint64_t events[3];
	uint64_t first = TIME_NEVER;
	unsigned rises[3];

	advance(machine.now_ns);
	events[0] = pit8254_next_event(&machine.pit);
	events[1] = rtc_mc146818_next_event(&machine.rtc);
	events[2] = acpi_pm_next_event(&machine.pm);
	for (size_t i = 0; i < ARRAY_COUNT(events); i++) {
		require(events[i] > machine.now_ns);
		first = events[i] < first ? events[i] : first;
		rises[i] = machine.rises[lines[i]];
	}
	if (first == TIME_NEVER) {
		return;
	}
	advance(first - 1);
	for (size_t i = 0; i < ARRAY_COUNT(events); i++) {
		require(machine.rises[lines[i]] == rises[i]);
	}
	advance(first);
	/* A new count of 1 takes the timer's line down again at once; the others' stays. */
	require(machine.rises[LINE_PIT] == rises[0] + (events[0] == first));
	require(events[1] != first || machine.lines[LINE_RTC]);
	require(events[2] != first || machine.lines[LINE_SCI]);
}

static void step(const struct access *access)
{
	bool is_write = (access->kind & 0x80) != 0;

	switch (access->kind % 8) {
	case 0:
	case 1:
		access_byte_port(access, is_write);
		break;
	case 2:
		access_wide_port(access, is_write);
		break;
	case 3:
		access_ioapic(access, is_write);
		break;
	case 4:
		access_pit(access, is_write);
		break;
	case 5:
		access_uart(access, is_write);
		break;
	case 6:
		acknowledge();
		run_to_event();
		break;
	default: /* From a nanosecond to a day. */
		advance(machine.now_ns + ((uint64_t)value_of(access) << access->width % 16));
		break;
	}
}

static void check_state(void)
{
	require(machine.uart.receive_count <= UART16550_FIFO_BYTES);
	require(machine.lines[LINE_PIT] == machine.pit.irq_level);
	require(machine.lines[LINE_RTC] == machine.rtc.irq_level);
	require(machine.lines[LINE_INT] == machine.pic.int_level);
	for (unsigned i = 0; i < PIT8254_CHANNEL_COUNT; i++) {
		const struct pit8254_counter *counter = &machine.pit.channels[i].counter;

		require(counter->count >= 1 && counter->count <= counter->modulus);
		require(pit8254_counter_value(counter, machine.pit.tick) < counter->modulus);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct access access;

	start();
	for (size_t at = 0; size - at >= sizeof(access); at += sizeof(access)) {
		memcpy(&access, data + at, sizeof(access));
		step(&access);
		check_state();
	}
	return 0;
}
