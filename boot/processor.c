/* SPDX-License-Identifier: MIT */
#include "boot/processor.h"

#include "boot/host_memory.h"
#include "cpu/host_timer.h"
#include "cpu/idt.h"
#include "cpu/insn.h"
#include "cpu/local_apic.h"
#include "cpu/log.h"
#include "vmx/operation.h"

_Noreturn static void halt(void)
{
	for (;;) {
		insn_cli();
		insn_hlt();
	}
}

/* Returns false if the boot processor has made another step. */
static bool step(struct processor *processor, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(
		&processor->state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static const char *set_up_apic(const struct processor_setup *setup)
{
	if (!local_apic_open() || local_apic_set_x2apic(setup->is_x2apic) != STATUS_OK) {
		return "its local APIC cannot be used";
	}
	local_apic_quiesce();
	if (!local_apic_enable()) {
		return "its local APIC cannot be enabled";
	}
	if (setup->has_timer && host_timer_start() != STATUS_OK) {
		return "it has no local APIC timer";
	}
	return NULL;
}

/* SDM Vol. 3C "Enabling and Entering VMX Operation": a VMCS is for one set of capabilities. */
static const char *enter_vmx_operation(struct processor *processor)
{
	struct vmx_capability own;
	const char *difference;

	if (processor->setup->capability == NULL) {
		return NULL;
	}
	vmx_capability_read(&own);
	difference = vmx_capability_difference(processor->setup->capability, &own);
	if (difference != NULL) {
		return difference;
	}
	processor->cpu.vmx_region = processor->vmx_region;
	if (vmx_operation_enter(&own, processor->vmx_region) != STATUS_OK) {
		return "VMX operation";
	}
	return NULL;
}

/* Returns NULL, or why the processor cannot be used. */
static const char *set_up(struct processor *processor)
{
	const struct processor_setup *setup = processor->setup;
	const char *reason;

	host_memory_protect_cpu();
	reason = setup->xsave_layout != NULL ? xsave_layout_difference(setup->xsave_layout) : NULL;
	if (reason == NULL) {
		reason = set_up_apic(setup);
	}
	if (reason != NULL) {
		return reason;
	}
	return enter_vmx_operation(processor);
}

static void leave_vmx_operation(const struct processor *processor)
{
	if (processor->cpu.vmx_region != NULL) {
		vmx_operation_leave();
	}
}

static void run(struct processor *processor)
{
	while (__atomic_load_n(&processor->state, __ATOMIC_ACQUIRE) != PROCESSOR_RUNNING) {
		insn_pause();
	}
	tsc_sync_follow(&processor->sync);
	processor->setup->ap_main(&processor->cpu);
	leave_vmx_operation(processor);
	(void)step(processor, PROCESSOR_RUNNING, PROCESSOR_ENDED);
}

void processor_main(void *argument)
{
	struct processor *processor = argument;
	const char *reason;

	percpu_init(&processor->cpu);
	processor->cpu.gdt = &processor->gdt;
	gdt_init(&processor->gdt);
	idt_load();
	reason = set_up(processor);
	if (reason != NULL) {
		log_warn("cpus", "processor apic_id=%u is left out: %s", processor->cpu.apic_id,
			reason);
		(void)step(processor, PROCESSOR_STARTING, PROCESSOR_LEFT_OUT);
		halt();
	}
	if (step(processor, PROCESSOR_STARTING, PROCESSOR_READY)) {
		run(processor);
	} else {
		leave_vmx_operation(processor);
	}
	halt();
}
