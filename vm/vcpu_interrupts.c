/* SPDX-License-Identifier: MIT */
#include "vm/vcpu_interrupts.h"

#include "cpu/host_timer.h"
#include "cpu/insn.h"
#include "cpu/registers.h"
#include "cpu/tsc.h"
#include "vm/event.h"
#include "vm/pv_eoi.h"
#include "vm/vcpu_apicv.h"
#include "vm/vcpu_posted.h"
#include "vm/vcpu_timer.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* As KVM's: guests measure it. */
#define APIC_TIMER_HZ 1000000000u

enum { APIC_PAGE_MASK = 0xfff };

uint64_t vcpu_interrupts_now(const struct vcpu *vcpu)
{
	return insn_rdtsc() + vcpu->tsc_offset;
}

static void send_ipi(void *context, const struct virtual_apic_message *message)
{
	struct vcpu *vcpu = context;

	(void)vcpu_interrupts_send(vcpu->vm, message, vcpu);
}

/* What a message or pin does to the processor besides its IRR. */
static void deliver_event(void *context, enum virtual_apic_mode mode, uint8_t vector)
{
	struct vcpu *vcpu = context;

	switch (mode) {
	case VIRTUAL_APIC_NMI:
		vcpu->is_nmi_pending = true;
		return;
	case VIRTUAL_APIC_INIT:
		vcpu_request_init(vcpu);
		return;
	case VIRTUAL_APIC_STARTUP:
		vcpu_request_startup(vcpu, vector);
		return;
	default:
		/* EXTINT is looked for at each update, and there is no SMM. */
		return;
	}
}

static void broadcast_eoi(void *context, uint8_t vector)
{
	const struct vcpu *vcpu = context;

	vm_platform_end_of_interrupt(vcpu->vm, vector);
}

void vcpu_interrupts_init(struct vcpu *vcpu)
{
	const struct virtual_apic_config config = {
		.id = vcpu->id,
		.physical_address_bits = (uint8_t)vcpu->capability->physical_address_bits,
		.is_bootstrap = vcpu->id == 0,
		.has_x2apic = true,
		.has_tsc_deadline = host_timer_is_started(),
	};
	const struct virtual_apic_rate rate =
		virtual_apic_timer_rate(APIC_TIMER_HZ, tsc_hz() != 0 ? tsc_hz() : APIC_TIMER_HZ);

	vcpu->apic.page = vcpu->pages.apic;
	vcpu->apic.send_ipi = send_ipi;
	vcpu->apic.deliver_event = deliver_event;
	vcpu->apic.broadcast_eoi = broadcast_eoi;
	vcpu->apic.context = vcpu;
	vcpu->is_nmi_pending = false;
	if (virtual_apic_create(&vcpu->apic, config, rate) != STATUS_OK) {
		/* The page and the address bits are ours; only a TSC out of all bounds is left. */
		(void)!virtual_apic_create(&vcpu->apic, config, (struct virtual_apic_rate){1, 1});
	}
	if (config.is_bootstrap) {
		virtual_apic_set_virtual_wire(&vcpu->apic);
	}
}

/* --- What the guest is to get --- */

static void set_primary_control(struct vcpu *vcpu, uint64_t control, bool is_on)
{
	const uint32_t primary = is_on ? vcpu->controls.primary | (uint32_t)control
				       : vcpu->controls.primary & ~(uint32_t)control;

	vcpu_check_current(vcpu);
	if (primary != vcpu->controls.primary) {
		vcpu->controls.primary = primary;
		vmcs_write32(VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, primary);
	}
}

/*
 * What closes a window besides blocking: RFLAGS.TF if the handler's instruction is yet to be
 * completed, since its single-step trap is due first, and an injection would lose it.
 */
enum closing { CLOSED_BY_TF, CLOSED_BY_BLOCKING_ALONE };

/* True if an event may be injected now. */
static bool is_open(uint32_t blocking)
{
	return (vmcs_read32(VMCS_VM_ENTRY_INTERRUPTION_INFO) & INTERRUPTION_VALID) == 0 &&
	       (vmcs_read32(VMCS_IDT_VECTORING_INFO) & INTERRUPTION_VALID) == 0 &&
	       (vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE) & blocking) == 0;
}

static uint64_t closing_flags(enum closing closing)
{
	return closing == CLOSED_BY_TF ? RFLAGS_TF : 0;
}

static bool is_open_for_nmi(enum closing closing)
{
	return is_open((uint32_t)(INTERRUPTIBILITY_SHADOW | INTERRUPTIBILITY_BLOCKING_BY_NMI)) &&
	       (vmcs_read_natural(VMCS_GUEST_RFLAGS) & closing_flags(closing)) == 0;
}

static bool has_rflags_for_interrupt(enum closing closing)
{
	return (vmcs_read_natural(VMCS_GUEST_RFLAGS) & (closing_flags(closing) | RFLAGS_IF)) ==
	       RFLAGS_IF;
}

static bool is_open_for_interrupt(enum closing closing)
{
	return is_open((uint32_t)INTERRUPTIBILITY_SHADOW) && has_rflags_for_interrupt(closing);
}

/* Returns true if an NMI was injected. */
static bool give_nmi(struct vcpu *vcpu, enum closing closing)
{
	bool is_given = false;

	if (vcpu->is_nmi_pending && is_open_for_nmi(closing)) {
		vcpu->is_nmi_pending = false;
		event_inject_nmi();
		is_given = true;
	}
	set_primary_control(vcpu, PRIMARY_NMI_WINDOW_EXITING,
		vcpu->is_nmi_pending && (vcpu->controls.pin & PIN_VIRTUAL_NMIS) != 0);
	return is_given;
}

static bool has_interrupt(const struct vcpu *vcpu)
{
	return virtual_apic_has_interrupt(&vcpu->apic) || virtual_apic_has_extint(&vcpu->apic);
}

/* The PIC's interrupts are ours to inject, whatever the CPU does of the local APIC. */
static bool has_interrupt_to_inject(const struct vcpu *vcpu)
{
	return vcpu_apicv_delivers(vcpu) ? virtual_apic_has_extint(&vcpu->apic)
					 : has_interrupt(vcpu);
}

/* The PIC's interrupt passes the local APIC by: no IRR, no priority, no EOI there. */
static void inject_interrupt(struct vcpu *vcpu)
{
	if (virtual_apic_has_extint(&vcpu->apic)) {
		virtual_apic_acknowledge_extint(&vcpu->apic);
		event_inject_interrupt(vm_platform_acknowledge(vcpu->vm));
		return;
	}
	event_inject_interrupt(virtual_apic_acknowledge(&vcpu->apic));
	pv_eoi_offer(vcpu);
}

static void give_interrupt(struct vcpu *vcpu, enum closing closing, bool is_nmi_given)
{
	if (has_interrupt_to_inject(vcpu) && !is_nmi_given && is_open_for_interrupt(closing)) {
		inject_interrupt(vcpu);
	}
	set_primary_control(vcpu, PRIMARY_INTERRUPT_WINDOW_EXITING, has_interrupt_to_inject(vcpu));
}

/* The bootstrap processor looks after the platform's timers. */
static uint64_t next_platform_event(const struct vcpu *vcpu)
{
	return vcpu->id == 0 ? __atomic_load_n(&vcpu->vm->platform.next_event_tsc, __ATOMIC_RELAXED)
			     : UINT64_MAX;
}

static void set_timer(struct vcpu *vcpu)
{
	const uint64_t deadline = virtual_apic_next_deadline(&vcpu->apic);
	const uint64_t tsc = deadline == VIRTUAL_APIC_NO_DEADLINE ? HOST_TIMER_NEVER
								  : deadline - vcpu->tsc_offset;
	const uint64_t platform_tsc = next_platform_event(vcpu);

	vcpu_timer_set(vcpu, tsc < platform_tsc ? tsc : platform_tsc);
}

/* What the guest did to its APIC without an exit. */
static void collect(struct vcpu *vcpu)
{
	pv_eoi_collect(vcpu);
	vcpu_apicv_collect(vcpu);
}

static void advance(struct vcpu *vcpu)
{
	const uint64_t host_now = insn_rdtsc();

	collect(vcpu);
	if (host_now >= next_platform_event(vcpu)) {
		vm_platform_advance(vcpu->vm);
	}
	/* What the platform has raised is posted too. */
	if (vcpu_has_posted(vcpu)) {
		vcpu_take_posted(vcpu);
	}
	virtual_apic_advance(&vcpu->apic, host_now + vcpu->tsc_offset);
}

static void give(struct vcpu *vcpu, enum closing closing)
{
	const bool is_nmi_given = give_nmi(vcpu, closing);

	give_interrupt(vcpu, closing, is_nmi_given);
}

static void update(struct vcpu *vcpu, enum closing closing)
{
	advance(vcpu);
	give(vcpu, closing);
	/* The 8259's INT line changes by the acknowledge itself; and what is taken is given. */
	if (vcpu_has_posted(vcpu)) {
		vcpu_take_posted(vcpu);
		give(vcpu, closing);
	}
	pv_eoi_take_back_if_needed(vcpu);
	vcpu_apicv_flush(vcpu);
	set_timer(vcpu);
}

void vcpu_interrupts_update(struct vcpu *vcpu)
{
	update(vcpu, CLOSED_BY_TF);
}

void vcpu_interrupts_window_opens(struct vcpu *vcpu)
{
	update(vcpu, CLOSED_BY_BLOCKING_ALONE);
}

/* Where the CPU delivers, its IRR is all that the timer's interrupt needs. */
static bool leave_timer_to_cpu(struct vcpu *vcpu)
{
	if (virtual_apic_has_extint(&vcpu->apic)) {
		return false;
	}
	vcpu_apicv_collect(vcpu);
	virtual_apic_advance(&vcpu->apic, vcpu->exit_tsc + vcpu->tsc_offset);
	vcpu_apicv_flush(vcpu);
	set_timer(vcpu);
	return true;
}

/*
 * Injects a vector that came alone, where nothing pends and the guest can take it, without a way
 * through IRR. Context: the VM exit left no event to inject, and it broke off no delivery.
 */
static bool inject_alone(struct vcpu *vcpu, uint8_t vector)
{
	bool is_ended;

	if (vcpu->is_nmi_pending || vcpu_apicv_delivers(vcpu) ||
		(vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE) & INTERRUPTIBILITY_SHADOW) != 0 ||
		(vcpu->controls.primary & PRIMARY_INTERRUPT_WINDOW_EXITING) != 0 ||
		!has_rflags_for_interrupt(CLOSED_BY_TF)) {
		return false;
	}
	is_ended = pv_eoi_is_ended(vcpu);
	if (!virtual_apic_take_first(&vcpu->apic, vector, is_ended)) {
		return false;
	}
	event_inject_interrupt(vector);
	if (is_ended) {
		pv_eoi_renew(vcpu);
	} else {
		pv_eoi_offer(vcpu);
	}
	return true;
}

void vcpu_interrupts_posted_due(struct vcpu *vcpu)
{
	struct posted_taken taken;
	uint8_t vector;

	posted_interrupts_take(&vcpu->posted, &taken);
	vector = posted_taken_single(&taken);
	if (vector == 0 || !inject_alone(vcpu, vector)) {
		vcpu_accept_posted(vcpu, &taken);
		vcpu_interrupts_update(vcpu);
	}
}

/* The VM exit left no event to inject, and it broke off no delivery. */
static bool inject_timer(struct vcpu *vcpu)
{
	bool is_ended;
	uint8_t vector;

	if ((vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE) & INTERRUPTIBILITY_SHADOW) != 0 ||
		!has_rflags_for_interrupt(CLOSED_BY_TF)) {
		return false;
	}
	is_ended = pv_eoi_is_ended(vcpu);
	vector = virtual_apic_timer_take(&vcpu->apic, vcpu->exit_tsc + vcpu->tsc_offset, is_ended);
	if (vector == 0) {
		return false;
	}
	event_inject_interrupt(vector);
	if (is_ended) {
		pv_eoi_renew(vcpu);
	} else {
		pv_eoi_offer(vcpu);
	}
	set_timer(vcpu);
	return true;
}

/*
 * The timer's interrupt alone, with nothing else to look at: what else pends or not is the same as
 * before, and so are the windows.
 */
void vcpu_interrupts_timer_due(struct vcpu *vcpu)
{
	const bool is_alone = !vcpu->is_nmi_pending && !vcpu_has_posted(vcpu) &&
			      vcpu->exit_tsc < next_platform_event(vcpu);

	if (!is_alone ||
		!(vcpu_apicv_delivers(vcpu) ? leave_timer_to_cpu(vcpu) : inject_timer(vcpu))) {
		vcpu_interrupts_update(vcpu);
	}
}

bool vcpu_interrupts_pend(struct vcpu *vcpu)
{
	vcpu_check_current(vcpu);
	advance(vcpu);
	set_timer(vcpu);
	return vcpu->is_nmi_pending ||
	       (has_interrupt(vcpu) && (vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_IF) != 0);
}

bool vcpu_interrupts_may_come(const struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;
	const bool is_typed_to = vm->input.take != NULL && vm->uart.interrupt_enable != 0;

	return (vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_IF) != 0 &&
	       (has_interrupt(vcpu) || is_typed_to || vm->platform.next_event_tsc != UINT64_MAX ||
		       virtual_apic_next_deadline(&vcpu->apic) != VIRTUAL_APIC_NO_DEADLINE);
}

/* --- Registers --- */

static bool is_in_apic_page(const struct vcpu *vcpu, gpa_t address)
{
	return virtual_apic_is_xapic(&vcpu->apic) &&
	       (address.value & ~(uint64_t)APIC_PAGE_MASK) ==
		       virtual_apic_mmio_address(&vcpu->apic).value;
}

bool vcpu_interrupts_mmio_owns(const struct vcpu *vcpu, gpa_t address)
{
	return is_in_apic_page(vcpu, address) || vm_platform_mmio_owns(address);
}

uint32_t vcpu_interrupts_mmio_read(struct vcpu *vcpu, gpa_t address)
{
	uint32_t value;

	/* What advance() took in would not be given: its IPI finds nothing any more. */
	vcpu_interrupts_update(vcpu);
	if (!is_in_apic_page(vcpu, address)) {
		return vm_platform_mmio_read(vcpu->vm, address);
	}
	(void)virtual_apic_mmio_read(&vcpu->apic, (uint32_t)address.value & APIC_PAGE_MASK,
		vcpu_interrupts_now(vcpu), &value);
	return value;
}

void vcpu_interrupts_mmio_write(struct vcpu *vcpu, gpa_t address, uint32_t value)
{
	collect(vcpu);
	if (is_in_apic_page(vcpu, address)) {
		(void)virtual_apic_mmio_write(&vcpu->apic, (uint32_t)address.value & APIC_PAGE_MASK,
			value, vcpu_interrupts_now(vcpu));
	} else {
		vm_platform_mmio_write(vcpu->vm, address, value);
	}
	vcpu_interrupts_update(vcpu);
}

bool vcpu_interrupts_msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	struct virtual_apic *apic = &vcpu->apic;
	const uint64_t now = vcpu_interrupts_now(vcpu);

	collect(vcpu);
	switch (msr) {
	case MSR_IA32_APIC_BASE:
		*value = apic->base;
		return true;
	case MSR_IA32_TSC_DEADLINE:
		if (!apic->config.has_tsc_deadline) {
			return false;
		}
		*value = virtual_apic_read_tsc_deadline(apic, now);
		return true;
	default:
		return virtual_apic_msr_read(apic, msr, now, value);
	}
}

static bool msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	struct virtual_apic *apic = &vcpu->apic;
	const uint64_t now = vcpu_interrupts_now(vcpu);

	switch (msr) {
	case MSR_IA32_APIC_BASE:
		return virtual_apic_write_base(apic, value);
	case MSR_IA32_TSC_DEADLINE:
		if (!apic->config.has_tsc_deadline) {
			return false;
		}
		virtual_apic_write_tsc_deadline(apic, value, now);
		return true;
	default:
		return virtual_apic_msr_write(apic, msr, value, now);
	}
}

bool vcpu_interrupts_rearm(struct vcpu *vcpu, uint64_t deadline)
{
	if (!virtual_apic_rearm(&vcpu->apic, deadline, vcpu->exit_tsc + vcpu->tsc_offset)) {
		return false;
	}
	set_timer(vcpu);
	return true;
}

bool vcpu_interrupts_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	collect(vcpu);
	if (!msr_write(vcpu, msr, value)) {
		return false;
	}
	vcpu_interrupts_update(vcpu);
	return true;
}

void vcpu_interrupts_set_cr8(struct vcpu *vcpu, uint8_t value)
{
	virtual_apic_set_cr8(&vcpu->apic, value);
	vcpu_interrupts_update(vcpu);
}

void vcpu_interrupts_page_written(struct vcpu *vcpu, uint16_t offset)
{
	collect(vcpu);
	virtual_apic_page_written(&vcpu->apic, offset, vcpu_interrupts_now(vcpu));
	vcpu_interrupts_update(vcpu);
}

void vcpu_interrupts_eoi_induced(struct vcpu *vcpu, uint8_t vector)
{
	collect(vcpu);
	virtual_apic_eoi_induced(&vcpu->apic, vector);
	vcpu_interrupts_update(vcpu);
}

void vcpu_interrupts_set_tsc(struct vcpu *vcpu, uint64_t value)
{
	const uint64_t host_now = insn_rdtsc();
	const uint64_t old = host_now + vcpu->tsc_offset;

	vcpu_check_current(vcpu);
	vcpu->tsc_offset = value - host_now;
	vmcs_write64(VMCS_TSC_OFFSET, vcpu->tsc_offset);
	virtual_apic_tsc_changed(&vcpu->apic, old, value);
	vcpu_interrupts_update(vcpu);
}
