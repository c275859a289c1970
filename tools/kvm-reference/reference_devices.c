/* SPDX-License-Identifier: MIT */
#include "tools/kvm-reference/reference_devices.h"

#include "cpu/console.h"
#include "lib/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The ports that Trivet's guests have, in vm/vm_devices.c. */
enum {
	COM1_PORT = 0x3f8,
	KEYBOARD_COMMAND_PORT = 0x64,
	KEYBOARD_PULSE_RESET = 0xfe,
	RESET_CONTROL_PORT = 0xcf9,
	RESET_CONTROL_CPU = 1 << 2,
	ABSENT_BYTE = 0xff,
	TIME_STANDS_STILL = 0, /* The PM timer is not served. */
};

enum {
	STATUS_MASK = 0xff,
	STATUS_TIME_LIMIT = 124,
	STATUS_CRASHED = 126,
	STATUS_NOT_REPRESENTABLE = 255,
};

static const char *const end_names[] = {
	[REFERENCE_RUNNING] = "still running",
	[REFERENCE_DEBUG_EXIT] = "debug-exit port",
	[REFERENCE_POWER_OFF] = "power-off",
	[REFERENCE_RESET] = "reset",
	[REFERENCE_HALTED] = "halted for good",
	[REFERENCE_TIME_LIMIT] = "time limit",
	[REFERENCE_CRASHED] = "crashed",
	[REFERENCE_NOT_STARTED] = "not started",
};

/* guest_console.c writes by this, as on Trivet. */
void console_write(const void *bytes, size_t size_bytes)
{
	(void)fwrite(bytes, 1, size_bytes, stdout);
}

static void transmit(void *context, uint8_t byte)
{
	struct reference_devices *devices = context;

	guest_console_put(&devices->console, byte);
}

static void set_irq(void *context, bool is_high)
{
	(void)context;
	(void)is_high;
}

void reference_devices_reset(struct reference_devices *devices, const char *name)
{
	memset(devices, 0, sizeof(*devices));
	devices->console.name = name;
	devices->uart.transmit = transmit;
	devices->uart.set_irq = set_irq;
	devices->uart.context = devices;
	uart16550_reset(&devices->uart);
}

void reference_devices_end(
	struct reference_devices *devices, enum reference_end end, const char *template, ...)
{
	va_list args;

	if (devices->end != REFERENCE_RUNNING) {
		return;
	}
	devices->end = end;
	va_start(args, template);
	vformat(devices->reason, sizeof(devices->reason), template, args);
	va_end(args);
}

static void uart_access(
	struct reference_devices *devices, struct reference_port_access access, uint8_t *data)
{
	for (unsigned i = 0; i < access.size_bytes; i++) {
		const unsigned offset = access.port - COM1_PORT + i;

		if (offset >= UART16550_PORT_COUNT) {
			return;
		}
		if (access.is_write) {
			uart16550_write(&devices->uart, offset, data[i]);
		} else {
			data[i] = uart16550_read(&devices->uart, offset);
		}
	}
}

static void acpi_pm_access(
	struct reference_devices *devices, struct reference_port_access access, uint8_t *data)
{
	const unsigned offset = access.port - ACPI_PM_PORT;
	uint32_t value = 0;

	if (!access.is_write) {
		value = acpi_pm_read(
			&devices->acpi_pm, offset, access.size_bytes, TIME_STANDS_STILL);
		memcpy(data, &value, access.size_bytes);
		return;
	}
	memcpy(&value, data, access.size_bytes);
	acpi_pm_write(&devices->acpi_pm, offset, access.size_bytes, value, TIME_STANDS_STILL);
	if (devices->acpi_pm.is_power_off) {
		reference_devices_end(devices, REFERENCE_POWER_OFF, "%s", "");
	}
}

static void write_end_port(
	struct reference_devices *devices, struct reference_port_access access, uint32_t value)
{
	if (access.port == DEBUG_EXIT_PORT) {
		debug_exit_write(&devices->debug_exit, access.size_bytes, value);
		reference_devices_end(devices, REFERENCE_DEBUG_EXIT, "%s", "");
	} else if ((access.port == RESET_CONTROL_PORT && (value & RESET_CONTROL_CPU) != 0) ||
		   (access.port == KEYBOARD_COMMAND_PORT &&
			   (value & UINT8_MAX) == KEYBOARD_PULSE_RESET)) {
		reference_devices_end(devices, REFERENCE_RESET, "%s", "");
	}
}

void reference_devices_access(
	struct reference_devices *devices, struct reference_port_access access, uint8_t *data)
{
	uint32_t value = 0;

	if (!access.is_write) {
		memset(data, ABSENT_BYTE, access.size_bytes);
	}
	if (access.port >= COM1_PORT && access.port < COM1_PORT + UART16550_PORT_COUNT) {
		uart_access(devices, access, data);
	} else if (access.port >= ACPI_PM_PORT && access.port < ACPI_PM_PORT + ACPI_PM_PORT_COUNT) {
		acpi_pm_access(devices, access, data);
	} else if (access.is_write) {
		memcpy(&value, data, access.size_bytes);
		write_end_port(devices, access, value);
	}
}

static unsigned end_status(const struct reference_devices *devices)
{
	const uint32_t code = devices->debug_exit.value;

	switch (devices->end) {
	case REFERENCE_DEBUG_EXIT:
		if ((code & STATUS_MASK) == 0 && code != 0) {
			return STATUS_NOT_REPRESENTABLE;
		}
		return code & STATUS_MASK;
	case REFERENCE_POWER_OFF:
	case REFERENCE_RESET:
		return 0;
	case REFERENCE_HALTED:
	case REFERENCE_TIME_LIMIT:
		return STATUS_TIME_LIMIT;
	default:
		return STATUS_CRASHED;
	}
}

void reference_devices_report(struct reference_devices *devices)
{
	guest_console_flush(&devices->console);
	printf("%s: ended: %s%s%s code=%u status=%u\n", devices->console.name,
		end_names[devices->end], devices->reason[0] == '\0' ? "" : ": ", devices->reason,
		devices->debug_exit.value, end_status(devices));
}
