/* SPDX-License-Identifier: MIT */
#ifndef VM_VM_PLATFORM_H
#define VM_VM_PLATFORM_H

#include "devices/acpi_pm.h"
#include "devices/i8042.h"
#include "devices/ioapic.h"
#include "devices/pci_config.h"
#include "devices/pic8259.h"
#include "devices/pit8254.h"
#include "devices/reset_control.h"
#include "devices/rtc_mc146818.h"
#include "lib/types.h"

struct vm;

/* The IRQ lines of a PC's devices. */
enum vm_irq {
	VM_IRQ_TIMER = 0,
	VM_IRQ_KEYBOARD = 1,
	VM_IRQ_COM1 = 4,
	VM_IRQ_RTC = 8,
	VM_IRQ_SCI = 9,
};

/* Devices with registers of a byte that stand at ports of their own. */
enum { VM_BYTE_DEVICE_COUNT = 9 };

struct vm_byte_device;

struct vm_byte_ports {
	struct vm *vm;
	const struct vm_byte_device *device;
};

/* What a PC's chipset has: interrupt controllers, timers and what resets it. */
struct vm_platform {
	struct pic8259 pic;
	struct ioapic ioapic;
	struct pit8254 pit;
	struct rtc_mc146818 rtc;
	struct acpi_pm acpi_pm;
	struct i8042 i8042;
	struct reset_control reset_control;
	struct pci_config pci;
	struct vm_byte_ports byte_ports[VM_BYTE_DEVICE_COUNT];
	uint64_t start_tsc;      /* The host's TSC at the timers' time 0. */
	uint64_t next_event_tsc; /* When a timer raises its line next; UINT64_MAX: not by itself. */
	bool is_int_high;        /* The PIC's INT; atomic. */
	struct vm *vm;
};

/*
 * Puts the platform's devices on the VM's port bus and resets them. Context: before the guest runs,
 * once.
 */
void vm_platform_attach(struct vm *vm);

/*
 * Tells a line's level to both interrupt controllers. What they make of it is posted to the vCPUs.
 * Context: the platform's lock is held.
 */
void vm_platform_set_irq(struct vm *vm, enum vm_irq irq, bool is_high);

/* Brings the timers' lines to the present. Context: a vCPU's, when next_event_tsc is due; takes the
 * platform's lock, as all below do. */
void vm_platform_advance(struct vm *vm);

/* INTA: acknowledges the PIC's interrupt and returns its vector. */
uint8_t vm_platform_acknowledge(struct vm *vm);

/* The end of a level-triggered interrupt of this vector. */
void vm_platform_end_of_interrupt(struct vm *vm, uint8_t vector);

/* 32-bit accesses to the I/O APIC, which lies at the address if owns() says so. */
bool vm_platform_mmio_owns(gpa_t address);
uint32_t vm_platform_mmio_read(struct vm *vm, gpa_t address);
void vm_platform_mmio_write(struct vm *vm, gpa_t address, uint32_t value);

#endif
