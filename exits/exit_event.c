/* SPDX-License-Identifier: MIT */
/* Exceptions, NMIs and external interrupts. */
#include "cpu/insn.h"
#include "cpu/panic.h"
#include "cpu/registers.h"
#include "cpu/trap.h"
#include "exits/exit.h"
#include "vm/event.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* DR6 bits that an exit qualification can report: B0-B3, BD, BS, and BLD/RTM inverted are left as
 * they are. */
#define DR6_CAUSES      (BITS_MASK(3, 0) | DR6_BD | DR6_BS)
#define DR6_BREAKPOINTS BITS_MASK(3, 0)
enum { DR6 = 6 };

/*
 * #DB is intercepted so that a guest cannot hold the CPU in an endless delivery of it; the guest
 * gets it as the CPU would have delivered it: causes into DR6, general detect off. SDM Vol. 3B
 * "Debug Status Register (DR6)".
 */
static void reflect_debug_exception(void)
{
	const uint64_t causes = vmcs_read_natural(VMCS_EXIT_QUALIFICATION) & DR6_CAUSES;

	insn_write_dr(DR6, (insn_read_dr(DR6) & ~DR6_BREAKPOINTS) | causes);
	vmcs_write_natural(VMCS_GUEST_DR7, vmcs_read_natural(VMCS_GUEST_DR7) & ~DR7_GD);
	vmcs_write64(
		VMCS_GUEST_IA32_DEBUGCTL, vmcs_read64(VMCS_GUEST_IA32_DEBUGCTL) & ~DEBUGCTL_LBR);
	event_inject_exception(VECTOR_DB);
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
		reflect_debug_exception();
		return EXIT_RESUME;
	case VECTOR_AC:
		event_inject_exception_with_error(
			VECTOR_AC, vmcs_read32(VMCS_VM_EXIT_INTERRUPTION_ERROR_CODE));
		return EXIT_RESUME;
	case VECTOR_MC:
		panic("machine check while %s ran", vcpu->vm->config->name);
	default:
		return EXIT_UNHANDLED;
	}
}

/* Acknowledged by the exit; it is the host's, and the guest never learns of it. */
enum exit_action exit_handle_external_interrupt(struct vcpu *vcpu)
{
	const uint32_t info = vmcs_read32(VMCS_VM_EXIT_INTERRUPTION_INFO);

	(void)vcpu;
	if ((info & INTERRUPTION_VALID) != 0) {
		trap_external_interrupt(
			(uint8_t)bits_get(info, INTERRUPTION_VECTOR_HIGH, INTERRUPTION_VECTOR_LOW));
	}
	return EXIT_RESUME;
}
