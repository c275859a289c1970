/* SPDX-License-Identifier: MIT */
#include "boot/run.h"

#include "boot/audit.h"
#include "boot/guests.h"
#include "boot/host_memory.h"
#include "boot/park.h"
#include "boot/processors.h"
#include "boot/run_guest.h"
#include "boot/selftest.h"
#include "cpu/console.h"
#include "cpu/gdt.h"
#include "cpu/host_timer.h"
#include "cpu/log.h"
#include "cpu/pic8259_host.h"
#include "cpu/serial.h"
#include "cpu/tsc.h"
#include "cpu/wall_clock.h"
#include "lib/string.h"
#include "vmx/doctor.h"
#include "vmx/operation.h"

enum { TRAP_ADDRESS = 0x10 };

enum run_status {
	RUN_STATUS_OK = 0,
	RUN_STATUS_FAILED = 1,
	RUN_STATUS_NO_VMX = 125,
};

/* The boot processor's. */
static struct serial_port guest_serial;

static void guest_serial_byte(uint8_t byte)
{
	serial_write(&guest_serial, &byte, sizeof(byte));
}

static bool guest_serial_pull(void *context, uint8_t *byte)
{
	(void)context;
	return serial_read(&guest_serial, byte);
}

static void *allocate_page(void)
{
	hpa_t page;

	if (page_alloc_take(host_memory_pages(), PAGE_SIZE_4K, PAGE_SIZE_4K, UINT64_MAX, &page) !=
		STATUS_OK) {
		return NULL;
	}
	return memset(hpa_pointer(page), 0, PAGE_SIZE_4K);
}

static void start_clocks(void)
{
	if (tsc_calibrate() == STATUS_OK) {
		log_info("tsc", "hz=%lu", tsc_hz());
	} else {
		log_warn("tsc", "frequency not found: no clock for guests");
	}
	if (wall_clock_start() != STATUS_OK) {
		log_warn("clock", "no CMOS clock: wall time begins at 1970");
	}
}

static bool enter_vmx_operation(const struct vmx_capability *capability)
{
	void *region = allocate_page();

	if (region == NULL) {
		log_error("vmx", "no memory for the VMXON region");
		return false;
	}
	return vmx_operation_enter(capability, region) == STATUS_OK;
}

/* The guests run one after another; the first status that is not 0 stands for all. */
static unsigned run_guests(const struct boot_info *info, const struct run_context *context)
{
	static struct guest_list guests;
	unsigned result = RUN_STATUS_OK;

	guests_from_modules(info, &guests);
	if (guests.count == 0) {
		log_info("boot", "no guest module: the built-in demo guest runs");
		guests_add_demo(&guests);
	}
	for (size_t i = 0; i < guests.count; i++) {
		const unsigned status = run_guest(context, &guests.entries[i]);

		result = result == RUN_STATUS_OK ? status : result;
	}
	return result;
}

static void start_guest_serial(const struct options *options, struct run_context *context)
{
	const struct options_serial *serial = &options->guest_serial;
	unsigned irq;

	if (serial->base == 0) {
		return;
	}
	if (serial_init(&guest_serial, serial->base, serial->speed) != STATUS_OK) {
		log_warn("boot", "no serial port for the guests port=%#x: their lines come here",
			serial->base);
		return;
	}
	context->raw_byte = guest_serial_byte;
	context->pull_raw_byte = guest_serial_pull;
	if (serial_listen(&guest_serial, &irq) == STATUS_OK) {
		pic8259_host_set_mask(irq, false);
	} else {
		log_warn("boot", "nothing typed on the guests' serial port arrives port=%#x",
			serial->base);
	}
}

static void start_input(void)
{
	if (console_listen() != STATUS_OK) {
		log_warn("boot", "no console to type on");
	}
}

/* Reads from page 0, which is not mapped, for a report to look at: the run ends in a panic. */
static unsigned provoke_trap(const struct boot_info *info, const struct options *options)
{
	const struct processors_plan plan = {.count_max = options->cpus, .ap_main = park_main};
	volatile uint64_t address = TRAP_ADDRESS;
	const volatile uint64_t *unmapped = hpa_pointer(hpa(address));

	start_clocks();
	(void)processors_start(info, &plan);
	log_info("boot", "mode=trap: a read of address %#x follows", TRAP_ADDRESS);
	return *unmapped == 0 ? RUN_STATUS_FAILED : RUN_STATUS_OK;
}

unsigned hypervisor_run(const struct boot_info *info, const struct options *options)
{
	static struct vmx_capability capability;
	struct run_context context = {.pages = host_memory_pages(),
		.capability = &capability,
		.host_cpu = &gdt_boot_cpu,
		.apic_choice = options->apic,
		.timer_choice = options->timer};
	const struct processors_plan plan = {
		.count_max = options->cpus, .capability = &capability, .ap_main = park_main};
	unsigned status;

	if (options->mode == BOOT_MODE_TRAP) {
		return provoke_trap(info, options);
	}
	vmx_capability_read(&capability);
	if (!doctor_report(&capability, options->mode == BOOT_MODE_DOCTOR)) {
		return RUN_STATUS_NO_VMX;
	}
	if (options->mode == BOOT_MODE_DOCTOR) {
		return RUN_STATUS_OK;
	}
	if (!enter_vmx_operation(&capability)) {
		return RUN_STATUS_NO_VMX;
	}
	start_clocks();
	audit_start();
	if (host_timer_start() != STATUS_OK) {
		log_warn("timer", "no local APIC timer: guests have none either");
	}
	(void)processors_start(info, &plan);
	start_input();
	start_guest_serial(options, &context);
	if (options->mode == BOOT_MODE_SELFTEST) {
		status = selftest_run(&context) ? RUN_STATUS_OK : RUN_STATUS_FAILED;
	} else {
		status = run_guests(info, &context);
	}
	serial_drain(&guest_serial);
	processors_stop();
	vmx_operation_leave();
	return status;
}
