/* SPDX-License-Identifier: MIT */
#include "boot/run.h"

#include "boot/audit.h"
#include "boot/guest_ram.h"
#include "boot/guests.h"
#include "boot/host_memory.h"
#include "boot/manager.h"
#include "boot/operator.h"
#include "boot/park.h"
#include "boot/processors.h"
#include "boot/run_guest.h"
#include "boot/selftest.h"
#include "cpu/acpi_clocks.h"
#include "cpu/host_timer.h"
#include "cpu/log.h"
#include "cpu/tsc_calibrate.h"
#include "cpu/wall_clock.h"
#include "cpu/xsave_layout.h"
#include "lib/string.h"
#include "vm/scheduler.h"
#include "vmx/doctor.h"
#include "vmx/operation.h"

enum { TRAP_ADDRESS = 0x10 };

enum run_status {
	RUN_STATUS_OK = 0,
	RUN_STATUS_FAILED = 1,
	RUN_STATUS_NO_VMX = 125,
};

static void *allocate_page(void)
{
	hpa_t page;

	if (page_alloc_take(host_memory_pages(), PAGE_SIZE_4K, PAGE_SIZE_4K, UINT64_MAX, &page) !=
		STATUS_OK) {
		return NULL;
	}
	return memset(hpa_pointer(page), 0, PAGE_SIZE_4K);
}

static void start_clocks(const struct boot_info *info)
{
	const struct acpi_clocks clocks =
		acpi_clocks_find(info->rsdp, info->rsdp_size_bytes, host_memory_firmware);

	if (tsc_calibrate(&clocks) != STATUS_OK) {
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

static unsigned run_guests(const struct boot_info *info, const struct run_context *context)
{
	static struct guest_list guests;

	guests_from_modules(info, &guests);
	if (guests.count == 0) {
		log_info("boot", "no guest module: the built-in demo guest runs");
		guests_add_demo(&guests);
	}
	return manager_run(context, &guests);
}

/* What the other processors do: they run who is placed on them, and clear RAM where nobody is. */
static void run_processor(struct cpu *cpu)
{
	struct scheduler *scheduler = scheduler_of(cpu->index);

	scheduler_init(scheduler, NULL);
	while (!processors_are_ending()) {
		if (!scheduler_run(scheduler) && !guest_ram_clear_piece()) {
			scheduler_sleep(scheduler);
		}
	}
}

static void start_schedulers(void)
{
	scheduler_init(scheduler_of(0), operator_poll);
	for (unsigned i = 0; i < cpu_count(); i++) {
		while (!scheduler_is_started(scheduler_of(i))) {
			insn_pause();
		}
	}
}

/* Reads from page 0, which is not mapped, for a report to look at: the run ends in a panic. */
static unsigned provoke_trap(const struct boot_info *info, const struct options *options)
{
	const struct processors_plan plan = {.count_max = options->cpus, .ap_main = park_main};
	volatile uint64_t address = TRAP_ADDRESS;
	const volatile uint64_t *unmapped = hpa_pointer(hpa(address));

	start_clocks(info);
	(void)processors_start(info, &plan);
	log_info("boot", "mode=trap: a read of address %#x follows", TRAP_ADDRESS);
	return *unmapped == 0 ? RUN_STATUS_FAILED : RUN_STATUS_OK;
}

static void warn_of_large_pages(
	const struct vmx_capability *capability, const struct options *options)
{
	if (options->large_pages == LARGE_PAGES_EXECUTABLE &&
		itlb_multihit_absence(capability) == NULL) {
		log_warn("ept", "large_pages=executable: this CPU is not known to be free of iTLB "
				"multihit: a guest may stop the machine");
	}
}

unsigned hypervisor_run(const struct boot_info *info, const struct options *options)
{
	static struct vmx_capability capability;
	static struct xsave_layout xsave_layout;
	struct run_context context = {.pages = host_memory_pages(),
		.capability = &capability,
		.xsave_layout = &xsave_layout,
		.apic_choice = options->apic,
		.timer_choice = options->timer,
		.large_page_choice = options->large_pages,
		.is_in_turn = options->are_guests_in_turn};
	const struct processors_plan plan = {.count_max = options->cpus,
		.capability = &capability,
		.xsave_layout = &xsave_layout,
		.ap_main = run_processor};
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
	warn_of_large_pages(&capability, options);
	xsave_layout_read(&xsave_layout);
	start_clocks(info);
	audit_start();
	if (host_timer_start() != STATUS_OK) {
		log_warn("timer", "no local APIC timer: guests have none either");
	}
	(void)processors_start(info, &plan);
	operator_start(options);
	start_schedulers();
	if (options->mode == BOOT_MODE_SELFTEST) {
		status = selftest_run(&context) ? RUN_STATUS_OK : RUN_STATUS_FAILED;
	} else {
		status = run_guests(info, &context);
	}
	operator_drain();
	processors_stop();
	vmx_operation_leave();
	return status;
}
