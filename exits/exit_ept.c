/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "exits/exit.h"
#include "exits/mmio.h"
#include "lib/bits.h"
#include "vm/vm_memory.h"
#include "vmx/control_bits.h"
#include "vmx/exit_qualification.h"
#include "vmx/vmcs.h"

/*
 * An IRET that faulted on its way has unblocked NMIs already; it will be executed again. Without
 * virtual NMIs the bit that tells is undefined.
 */
static void restore_nmi_blocking(const struct vcpu *vcpu, const struct ept_violation *violation)
{
	if ((vcpu->controls.pin & PIN_VIRTUAL_NMIS) != 0 && violation->has_nmi_unblocking &&
		(vmcs_read32(VMCS_IDT_VECTORING_INFO) & INTERRUPTION_VALID) == 0) {
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE) |
				(uint32_t)INTERRUPTIBILITY_BLOCKING_BY_NMI);
	}
}

enum exit_action exit_handle_ept_violation(struct vcpu *vcpu)
{
	const struct ept_violation violation =
		exit_ept_violation(vmcs_read_natural(VMCS_EXIT_QUALIFICATION));
	const gpa_t address = gpa(vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS));

	restore_nmi_blocking(vcpu, &violation);
	switch (vm_memory_populate(vcpu->vm, address)) {
	case STATUS_OK:
		return EXIT_RESUME;
	case STATUS_NOT_FOUND:
		break;
	default:
		vm_end(vcpu->vm, VM_END_CRASHED, 0, "no memory left for its EPT address=%#lx",
			address.value);
		return EXIT_STOP;
	}
	if ((vmcs_read32(VMCS_IDT_VECTORING_INFO) & INTERRUPTION_VALID) != 0) {
		vm_end(vcpu->vm, VM_END_CRASHED, 0,
			"event delivery touched an address without memory address=%#lx "
			"idt_vectoring=%#x",
			address.value, vmcs_read32(VMCS_IDT_VECTORING_INFO));
		return EXIT_STOP;
	}
	return mmio_access(vcpu, address, &violation);
}

/* A malformed EPT entry is our bug; this guest cannot go on, the others can. */
enum exit_action exit_handle_ept_misconfiguration(struct vcpu *vcpu)
{
	const uint64_t address = vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS);

	log_error("ept", "misconfiguration address=%#lx", address);
	vm_end(vcpu->vm, VM_END_CRASHED, 0, "EPT misconfiguration address=%#lx", address);
	return EXIT_STOP;
}
