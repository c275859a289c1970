/* SPDX-License-Identifier: MIT */
#ifndef KVM_REFERENCE_REFERENCE_DEVICES_H
#define KVM_REFERENCE_REFERENCE_DEVICES_H

#include "devices/acpi_pm.h"
#include "devices/debug_exit.h"
#include "devices/uart16550.h"
#include "vm/guest_console.h"

enum reference_end {
	REFERENCE_RUNNING,
	REFERENCE_DEBUG_EXIT,
	REFERENCE_POWER_OFF,
	REFERENCE_RESET,
	REFERENCE_HALTED,
	REFERENCE_TIME_LIMIT,
	REFERENCE_CRASHED,
	REFERENCE_NOT_STARTED,
};

enum { REFERENCE_REASON_MAX = 200 };

/* The devices that user space has for a guest, Trivet's own, and how the guest ended. */
struct reference_devices {
	struct guest_console console;
	struct uart16550 uart;
	struct acpi_pm acpi_pm;
	struct debug_exit debug_exit;
	enum reference_end end;
	char reason[REFERENCE_REASON_MAX];
};

/* One access to a port. Context: the guest stands still. */
struct reference_port_access {
	uint16_t port;
	uint8_t size_bytes; /* 1, 2 or 4. */
	bool is_write;
};

/* The state after a reset, for a guest of this name. */
void reference_devices_reset(struct reference_devices *devices, const char *name);

/* Serves the access: `data` holds what is written, or takes what is read. Absent ports read ones.
 */
void reference_devices_access(
	struct reference_devices *devices, struct reference_port_access access, uint8_t *data);

/* Notes how the guest ended; the first call counts. */
void reference_devices_end(struct reference_devices *devices, enum reference_end end,
	const char *template, ...) __attribute__((format(printf, 3, 4)));

/* Prints what is left of a line, and "NAME: ended: ..." as Trivet's log has it. */
void reference_devices_report(struct reference_devices *devices);

#endif
