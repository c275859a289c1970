/* SPDX-License-Identifier: MIT */
/* Exceptions, NMIs and external interrupts. */
#include "cpu/insn.h"
#include "cpu/local_apic.h"
#include "cpu/msr.h"
#include "cpu/panic.h"
#include "cpu/registers.h"
#include "cpu/trap.h"
#include "exits/exit.h"
#include "exits/vmmcall.h"
#include "vm/event.h"
#include "vm/scheduler.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* DR6 bits that an exit qualification can report: B0-B3, BD, BS, and BLD/RTM inverted are left as
 * they are. */
#define DR6_CAUSES      (BITS_MASK(3, 0) | DR6_BD | DR6_BS)
#define DR6_BREAKPOINTS BITS_MASK(3, 0)
enum { DR6 = 6 };

/*
 * The delivery of the event ends blocking by STI and MOV SS. With RFLAGS.TF set an entry that finds
 * them demands a pending single-step trap, which the exit of a #DB does not leave. SDM Vol. 3C
 * "Checks on Guest Non-Register State".
 */
static void end_interrupt_shadow(void)
{
	const uint32_t interruptibility = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);

	if ((interruptibility & INTERRUPTIBILITY_SHADOW) != 0) {
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			interruptibility & ~(uint32_t)INTERRUPTIBILITY_SHADOW);
	}
}

/*
 * #DB is intercepted so that a guest cannot hold the CPU in an endless delivery of it; the guest
 * gets it as the CPU would have delivered it: causes into DR6, general detect, LBR and BTF off.
 * INT1 exits as a #DB too, but with its RIP still before it. SDM Vol. 3B "Debug Status Register
 * (DR6)", "Single-Stepping on Branches".
 */
static void reflect_debug_exception(uint32_t info)
{
	const uint64_t causes = vmcs_read_natural(VMCS_EXIT_QUALIFICATION) & DR6_CAUSES;

	insn_write_dr(DR6, (insn_read_dr(DR6) & ~DR6_BREAKPOINTS) | causes);
	vmcs_write_natural(VMCS_GUEST_DR7, vmcs_read_natural(VMCS_GUEST_DR7) & ~DR7_GD);
	vmcs_write64(VMCS_GUEST_IA32_DEBUGCTL,
		vmcs_read64(VMCS_GUEST_IA32_DEBUGCTL) & ~(DEBUGCTL_LBR | DEBUGCTL_BTF));
	end_interrupt_shadow();
	if (bits_get(info, INTERRUPTION_TYPE_HIGH, INTERRUPTION_TYPE_LOW) ==
		INTERRUPTION_PRIVILEGED_SOFTWARE_EXCEPTION) {
		event_inject_int1(vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH));
	} else {
		event_inject_exception(VECTOR_DB);
	}
}

/*
 * True if the exception came out of its own delivery: the CPU would go on so for ever, with no
 * instruction between, and so would we. INT n with the same number is another event.
 */
static bool is_endless_delivery(unsigned vector)
{
	const uint32_t info = vmcs_read32(VMCS_IDT_VECTORING_INFO);

	return (info & INTERRUPTION_VALID) != 0 &&
	       bits_get(info, INTERRUPTION_TYPE_HIGH, INTERRUPTION_TYPE_LOW) ==
		       INTERRUPTION_HARDWARE_EXCEPTION &&
	       bits_get(info, INTERRUPTION_VECTOR_HIGH, INTERRUPTION_VECTOR_LOW) == vector;
}

/*
 * An IRET that faulted has ended blocking by NMI on its way, and will be executed once more. SDM
 * Vol. 3C "Resuming Guest Software after Handling an Exception"; without virtual NMIs the bit is
 * undefined. An intercepted exception is never a double fault, for which it is, too.
 */
static void restore_nmi_blocking(const struct vcpu *vcpu, uint32_t info)
{
	if ((vcpu->controls.pin & PIN_VIRTUAL_NMIS) != 0 &&
		(info & INTERRUPTION_NMI_UNBLOCKING) != 0 &&
		(vmcs_read32(VMCS_IDT_VECTORING_INFO) & INTERRUPTION_VALID) == 0) {
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE) |
				(uint32_t)INTERRUPTIBILITY_BLOCKING_BY_NMI);
	}
}

static enum exit_action reflect_exception(struct vcpu *vcpu, unsigned vector, uint32_t info)
{
	restore_nmi_blocking(vcpu, info);
	if (is_endless_delivery(vector)) {
		vm_end(vcpu->vm, VM_END_CRASHED, 0, "endless delivery of exception vector=%u",
			vector);
		return EXIT_STOP;
	}
	if (vector == VECTOR_DB) {
		reflect_debug_exception(info);
	} else if (vector == VECTOR_UD) {
		if (vmmcall_or_invalid_opcode(vcpu)) {
			end_interrupt_shadow();
		}
	} else {
		event_inject_exception_with_error(
			vector, vmcs_read32(VMCS_VM_EXIT_INTERRUPTION_ERROR_CODE));
	}
	return EXIT_RESUME;
}

/* Another CPU wants this one to look who runs, or what is posted. */
static enum exit_action look_at_posted(struct vcpu *vcpu)
{
	if (scheduler_must_leave(vcpu)) {
		return EXIT_LEAVE;
	}
	if (vcpu_has_posted(vcpu)) {
		vcpu_interrupts_posted_due(vcpu);
	}
	return EXIT_RESUME;
}

/* What an interrupt of a device or a timer of ours can mean: somebody types, time is over. */
static enum exit_action look_around(struct vcpu *vcpu)
{
	if (vcpu->scheduler->poll != NULL) {
		vcpu->scheduler->poll();
	}
	if (scheduler_must_leave(vcpu) || insn_rdtsc() >= vcpu->timer.host_tsc) {
		return EXIT_LEAVE;
	}
	vcpu_interrupts_update(vcpu);
	return EXIT_RESUME;
}

enum exit_action exit_handle_exception_or_nmi(struct vcpu *vcpu)
{
	const uint32_t info = vmcs_read32(VMCS_VM_EXIT_INTERRUPTION_INFO);
	const unsigned vector =
		(unsigned)bits_get(info, INTERRUPTION_VECTOR_HIGH, INTERRUPTION_VECTOR_LOW);

	switch (vector) {
	case VECTOR_NMI:
		/* The exit left NMIs blocked; our handler's IRET unblocks them. */
		insn_int_nmi();
		return EXIT_RESUME;
	case VECTOR_DB:
	case VECTOR_UD:
	case VECTOR_AC:
		return reflect_exception(vcpu, vector, info);
	case VECTOR_MC:
		panic("machine check while %s ran", vcpu->vm->config->name);
	default:
		return EXIT_UNHANDLED;
	}
}

/* Acknowledged by the exit; it is the host's: another CPU's, or somebody types. */
enum exit_action exit_handle_external_interrupt(struct vcpu *vcpu)
{
	const uint32_t info = vmcs_read32(VMCS_VM_EXIT_INTERRUPTION_INFO);
	const uint8_t vector =
		(uint8_t)bits_get(info, INTERRUPTION_VECTOR_HIGH, INTERRUPTION_VECTOR_LOW);

	if (vector == CPU_KICK_VECTOR) {
		local_apic_end_interrupt();
		return look_at_posted(vcpu);
	}
	if ((info & INTERRUPTION_VALID) != 0) {
		trap_external_interrupt(vector);
	}
	return look_around(vcpu);
}

/*
 * The host's events come before the guest's own: a guest with a short timer keeps nothing from
 * them, also where it keeps a pending interrupt of the host away by RFLAGS.IF (docs/bochs.md).
 */
enum exit_action exit_handle_preemption_timer(struct vcpu *vcpu)
{
	if (vcpu->exit_tsc >= vcpu->timer.host_tsc || scheduler_must_leave(vcpu)) {
		return EXIT_LEAVE;
	}
	if (vcpu->exit_tsc >= vcpu->timer.event_tsc) {
		vcpu_interrupts_timer_due(vcpu);
	}
	return EXIT_RESUME;
}

/* The guest can take an interrupt or an NMI now. */
enum exit_action exit_handle_window(struct vcpu *vcpu)
{
	vcpu_interrupts_window_opens(vcpu);
	return EXIT_RESUME;
}
