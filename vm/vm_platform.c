/* SPDX-License-Identifier: MIT */
#include "vm/vm_platform.h"

#include "cpu/insn.h"
#include "cpu/wall_clock.h"
#include "lib/bits.h"
#include "lib/tick_rate.h"
#include "vm/vcpu_interrupts.h"
#include "vm/vm.h"

enum { IOAPIC_PIN_OF_TIMER = 2, BITS_PER_BYTE = 8 };

/* --- Time --- */

static uint64_t monotonic_ns(const struct vm_platform *platform)
{
	return wall_clock_ticks_ns(insn_rdtsc() - platform->start_tsc);
}

static uint64_t unix_ns(void)
{
	return wall_clock_ns(insn_rdtsc());
}

/* The host's TSC when `ns` nanoseconds from a moment are over. */
static uint64_t tsc_after(uint64_t tsc, uint64_t ns)
{
	return ns == TIME_NEVER ? UINT64_MAX : tsc + wall_clock_ns_ticks(ns);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The bootstrap processor has the timers, and the PIC's INT. */
static void ask_bootstrap(const struct vm_platform *platform, uint32_t requests)
{
	const struct vm *vm = platform->vm;

	if (vm->vcpu_count != 0) {
		vcpu_request(vm->vcpus[0], requests);
	}
}

/* A timer was touched, or its event came: when is the next? */
static void find_next_event(struct vm_platform *platform)
{
	const uint64_t now_tsc = insn_rdtsc();
	const uint64_t rtc_ns = rtc_mc146818_next_event(&platform->rtc);
	const uint64_t now_ns = wall_clock_ns(now_tsc);
	const uint64_t rtc_wait_ns = rtc_ns == TIME_NEVER ? TIME_NEVER
				     : rtc_ns > now_ns    ? rtc_ns - now_ns
							  : 0;
	const uint64_t next_event_tsc = earlier(tsc_after(now_tsc, rtc_wait_ns),
		tsc_after(platform->start_tsc, earlier(pit8254_next_event(&platform->pit),
						       acpi_pm_next_event(&platform->acpi_pm))));

	if (next_event_tsc != platform->next_event_tsc) {
		__atomic_store_n(&platform->next_event_tsc, next_event_tsc, __ATOMIC_RELAXED);
		ask_bootstrap(platform, POSTED_REQUEST_UPDATE);
	}
}

void vm_platform_advance(struct vm *vm)
{
	struct vm_platform *platform = &vm->platform;
	uint64_t now_ns;

	vm_lock_platform(vm);
	now_ns = monotonic_ns(platform);
	pit8254_advance(&platform->pit, now_ns);
	acpi_pm_advance(&platform->acpi_pm, now_ns);
	rtc_mc146818_advance(&platform->rtc, unix_ns());
	find_next_event(platform);
	vm_unlock_platform(vm);
}

/* --- Interrupt lines --- */

void vm_platform_set_irq(struct vm *vm, enum vm_irq irq, bool is_high)
{
	pic8259_set_line(&vm->platform.pic, irq, is_high);
	ioapic_set_line(
		&vm->platform.ioapic, irq == VM_IRQ_TIMER ? IOAPIC_PIN_OF_TIMER : irq, is_high);
}

static void pit_set_irq(void *context, bool is_high)
{
	vm_platform_set_irq(context, VM_IRQ_TIMER, is_high);
}

static void rtc_set_irq(void *context, bool is_high)
{
	vm_platform_set_irq(context, VM_IRQ_RTC, is_high);
}

static void acpi_pm_set_sci(void *context, bool is_high)
{
	vm_platform_set_irq(context, VM_IRQ_SCI, is_high);
}

static void keyboard_set_irq(void *context, bool is_high)
{
	vm_platform_set_irq(context, VM_IRQ_KEYBOARD, is_high);
}

static void pic_set_int(void *context, bool is_high)
{
	struct vm *vm = context;

	__atomic_store_n(&vm->platform.is_int_high, is_high, __ATOMIC_RELEASE);
	ask_bootstrap(&vm->platform, POSTED_REQUEST_LINT0);
}

uint8_t vm_platform_acknowledge(struct vm *vm)
{
	uint8_t vector;

	vm_lock_platform(vm);
	vector = pic8259_acknowledge(&vm->platform.pic);
	vm_unlock_platform(vm);
	return vector;
}

static bool ioapic_deliver(void *context, const struct ioapic_message *source)
{
	const struct virtual_apic_message message = {
		.mode = (enum virtual_apic_mode)source->delivery_mode,
		.destination = source->destination,
		.vector = source->vector,
		.is_logical = source->is_logical,
		.is_level = source->is_level,
		.is_assert = true,
	};

	return vcpu_interrupts_send(context, &message, NULL) != 0;
}

void vm_platform_end_of_interrupt(struct vm *vm, uint8_t vector)
{
	vm_lock_platform(vm);
	ioapic_end_of_interrupt(&vm->platform.ioapic, vector);
	vm_unlock_platform(vm);
}

bool vm_platform_mmio_owns(gpa_t address)
{
	return address.value - IOAPIC_ADDRESS < IOAPIC_SIZE_BYTES;
}

uint32_t vm_platform_mmio_read(struct vm *vm, gpa_t address)
{
	uint32_t value;

	vm_lock_platform(vm);
	value = ioapic_read(&vm->platform.ioapic, (unsigned)(address.value - IOAPIC_ADDRESS));
	vm_unlock_platform(vm);
	return value;
}

void vm_platform_mmio_write(struct vm *vm, gpa_t address, uint32_t value)
{
	vm_lock_platform(vm);
	ioapic_write(&vm->platform.ioapic, (unsigned)(address.value - IOAPIC_ADDRESS), value);
	vm_unlock_platform(vm);
}

/* --- Resets --- */

static void reset_machine(void *context, enum reset_kind kind)
{
	(void)kind;
	vm_end(context, VM_END_RESET, 0, "%s", "");
}

static void reset_by_keyboard(void *context)
{
	vm_end(context, VM_END_RESET, 0, "%s", "");
}

/* Guests here have no 8086 behind them: address line 20 is always on. */
static void set_a20(void *context, bool is_enabled)
{
	(void)context;
	(void)is_enabled;
}

/* --- Ports --- */

/* Devices with registers of a byte, each at its port. */
struct vm_byte_device {
	uint16_t first_port;
	uint16_t port_count;
	uint8_t (*read)(struct vm_platform *platform, uint16_t port);
	void (*write)(struct vm_platform *platform, uint16_t port, uint8_t value);
};

static uint8_t read_pic(struct vm_platform *platform, uint16_t port)
{
	return pic8259_read(&platform->pic, port);
}

static void write_pic(struct vm_platform *platform, uint16_t port, uint8_t value)
{
	pic8259_write(&platform->pic, port, value);
}

static uint8_t read_pit(struct vm_platform *platform, uint16_t port)
{
	const uint8_t value =
		pit8254_read(&platform->pit, port - PIT8254_PORT, monotonic_ns(platform));

	find_next_event(platform);
	return value;
}

static void write_pit(struct vm_platform *platform, uint16_t port, uint8_t value)
{
	pit8254_write(&platform->pit, port - PIT8254_PORT, value, monotonic_ns(platform));
	find_next_event(platform);
}

static uint8_t read_speaker(struct vm_platform *platform, uint16_t port)
{
	(void)port;
	return pit8254_read_speaker(&platform->pit, monotonic_ns(platform));
}

static void write_speaker(struct vm_platform *platform, uint16_t port, uint8_t value)
{
	(void)port;
	pit8254_write_speaker(&platform->pit, value, monotonic_ns(platform));
	find_next_event(platform);
}

static uint8_t read_rtc(struct vm_platform *platform, uint16_t port)
{
	uint8_t value = UINT8_MAX;

	if (port == RTC_MC146818_DATA_PORT) {
		value = rtc_mc146818_read(&platform->rtc, unix_ns());
		find_next_event(platform);
	}
	return value;
}

static void write_rtc(struct vm_platform *platform, uint16_t port, uint8_t value)
{
	if (port == RTC_MC146818_DATA_PORT) {
		rtc_mc146818_write(&platform->rtc, value, unix_ns());
		find_next_event(platform);
	} else {
		rtc_mc146818_write_index(&platform->rtc, value);
	}
}

static uint8_t read_i8042(struct vm_platform *platform, uint16_t port)
{
	return port == I8042_DATA_PORT ? i8042_read_data(&platform->i8042)
				       : i8042_read_status(&platform->i8042);
}

static void write_i8042(struct vm_platform *platform, uint16_t port, uint8_t value)
{
	if (port == I8042_DATA_PORT) {
		i8042_write_data(&platform->i8042, value);
	} else {
		i8042_write_command(&platform->i8042, value);
	}
}

static uint8_t read_port92(struct vm_platform *platform, uint16_t port)
{
	(void)port;
	return reset_control_read_port92(&platform->reset_control);
}

static void write_port92(struct vm_platform *platform, uint16_t port, uint8_t value)
{
	(void)port;
	reset_control_write_port92(&platform->reset_control, value);
}

static const struct vm_byte_device byte_devices[] = {
	{PIC8259_MASTER_PORT, 2, read_pic, write_pic},
	{PIC8259_SLAVE_PORT, 2, read_pic, write_pic},
	{PIC8259_ELCR_PORT, 2, read_pic, write_pic},
	{PIT8254_PORT, PIT8254_PORT_COUNT, read_pit, write_pit},
	{PIT8254_SPEAKER_PORT, 1, read_speaker, write_speaker},
	{RTC_MC146818_INDEX_PORT, 2, read_rtc, write_rtc},
	{I8042_DATA_PORT, 1, read_i8042, write_i8042},
	{I8042_COMMAND_PORT, 1, read_i8042, write_i8042},
	{PORT92_PORT, 1, read_port92, write_port92},
};

_Static_assert(ARRAY_COUNT(byte_devices) == VM_BYTE_DEVICE_COUNT, "vm/vm_platform.h");

/* A wider access is one for each byte. */
static uint32_t read_bytes(void *context, unsigned offset, unsigned size_bytes)
{
	const struct vm_byte_ports *ports = context;
	uint32_t value = 0;

	for (unsigned i = 0; i < size_bytes; i++) {
		const unsigned at = offset + i;
		const uint8_t byte = at < ports->device->port_count
					     ? ports->device->read(&ports->vm->platform,
						       (uint16_t)(ports->device->first_port + at))
					     : UINT8_MAX;

		value |= (uint32_t)byte << (i * BITS_PER_BYTE);
	}
	return value;
}

static void write_bytes(void *context, unsigned offset, unsigned size_bytes, uint32_t value)
{
	const struct vm_byte_ports *ports = context;

	for (unsigned i = 0; i < size_bytes && offset + i < ports->device->port_count; i++) {
		ports->device->write(&ports->vm->platform,
			(uint16_t)(ports->device->first_port + offset + i),
			(uint8_t)(value >> (i * BITS_PER_BYTE)));
	}
}

static uint32_t read_acpi_pm(void *context, unsigned offset, unsigned size_bytes)
{
	struct vm_platform *platform = &((struct vm *)context)->platform;

	return acpi_pm_read(&platform->acpi_pm, offset, size_bytes, monotonic_ns(platform));
}

static void write_acpi_pm(void *context, unsigned offset, unsigned size_bytes, uint32_t value)
{
	struct vm *vm = context;
	struct vm_platform *platform = &vm->platform;

	acpi_pm_write(&platform->acpi_pm, offset, size_bytes, value, monotonic_ns(platform));
	find_next_event(platform);
	if (platform->acpi_pm.is_power_off) {
		vm_end(vm, VM_END_POWER_OFF, 0, "%s", "");
	}
}

/* Port 0xcf9 lies within PCI's address register: a byte there is another's. */
static bool is_reset_control(unsigned offset, unsigned size_bytes)
{
	return size_bytes == sizeof(uint8_t) && offset == RESET_CONTROL_PORT - PCI_CONFIG_PORT;
}

static uint32_t read_pci(void *context, unsigned offset, unsigned size_bytes)
{
	struct vm_platform *platform = &((struct vm *)context)->platform;

	return is_reset_control(offset, size_bytes)
		       ? reset_control_read(&platform->reset_control)
		       : pci_config_read(&platform->pci, offset, size_bytes);
}

static void write_pci(void *context, unsigned offset, unsigned size_bytes, uint32_t value)
{
	struct vm_platform *platform = &((struct vm *)context)->platform;

	if (is_reset_control(offset, size_bytes)) {
		reset_control_write(&platform->reset_control, (uint8_t)value);
	} else {
		pci_config_write(&platform->pci, offset, size_bytes, value);
	}
}

static void connect(struct vm *vm)
{
	struct vm_platform *platform = &vm->platform;

	platform->pic.set_int = pic_set_int;
	platform->pic.context = vm;
	platform->ioapic.deliver = ioapic_deliver;
	platform->ioapic.context = vm;
	platform->pit.set_irq = pit_set_irq;
	platform->pit.context = vm;
	platform->rtc.set_irq = rtc_set_irq;
	platform->rtc.context = vm;
	platform->acpi_pm.set_sci = acpi_pm_set_sci;
	platform->acpi_pm.context = vm;
	platform->i8042.set_irq = keyboard_set_irq;
	platform->i8042.reset = reset_by_keyboard;
	platform->i8042.set_a20 = set_a20;
	platform->i8042.context = vm;
	platform->reset_control.reset = reset_machine;
	platform->reset_control.set_a20 = set_a20;
	platform->reset_control.context = vm;
	platform->pci.functions[0] = &pci_host_bridge;
}

void vm_platform_attach(struct vm *vm)
{
	struct vm_platform *platform = &vm->platform;

	connect(vm);
	platform->vm = vm;
	platform->start_tsc = insn_rdtsc();
	pic8259_reset(&platform->pic);
	ioapic_reset(&platform->ioapic);
	pit8254_reset(&platform->pit, 0);
	rtc_mc146818_init(&platform->rtc, unix_ns());
	platform->acpi_pm.is_timer_32bit = true;
	platform->acpi_pm.control = ACPI_PM_CONTROL_SCI_EN;
	i8042_reset(&platform->i8042);
	reset_control_reset(&platform->reset_control);
	platform->next_event_tsc = UINT64_MAX;
	for (size_t i = 0; i < ARRAY_COUNT(byte_devices); i++) {
		platform->byte_ports[i] = (struct vm_byte_ports){vm, &byte_devices[i]};
		port_bus_add(&vm->ports,
			(struct port_range){byte_devices[i].first_port, byte_devices[i].port_count,
				read_bytes, write_bytes, &platform->byte_ports[i]});
	}
	port_bus_add(&vm->ports, (struct port_range){ACPI_PM_PORT, ACPI_PM_BLOCK_BYTES,
					 read_acpi_pm, write_acpi_pm, vm});
	port_bus_add(&vm->ports, (struct port_range){PCI_CONFIG_PORT, PCI_CONFIG_PORT_COUNT,
					 read_pci, write_pci, vm});
}
