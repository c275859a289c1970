/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "exits/exit.h"
#include "exits/mmio.h"
#include "lib/bits.h"
#include "vm/vcpu_shootdown.h"
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

/*
 * SDM Vol. 3C "Saving Non-Register State": after an EPT violation the field is clear, unless MOV SS
 * blocks debug exceptions. Bochs 2.7 sets BS in it under RFLAGS.TF: the instruction that has not
 * been executed would be reported as stepped over. With blocking by STI a VM entry demands BS there
 * ("Checks on Guest Non-Register State").
 */
static void drop_premature_single_step(void)
{
	const uint32_t interruptibility = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);

	if ((interruptibility & INTERRUPTIBILITY_SHADOW) == 0) {
		vmcs_write_natural(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
	}
}

/*
 * Makes RAM usable as the guest used it: the access is then done once more. Returns STATUS_OK;
 * STATUS_NOT_FOUND if it is no RAM, or was usable already; STATUS_NO_MEMORY.
 */
static enum status make_usable(
	struct vcpu *vcpu, gpa_t address, const struct ept_violation *violation)
{
	enum status status = vm_memory_populate(vcpu->vm, address);
	bool is_split;

	if (status != STATUS_NOT_FOUND || !violation->is_fetch) {
		return status;
	}
	status = vm_memory_allow_fetch(vcpu->vm, address, &is_split);
	if (is_split) {
		vcpu_flush_ept(vcpu);
	}
	return status;
}

enum exit_action exit_handle_ept_violation(struct vcpu *vcpu)
{
	const struct ept_violation violation =
		exit_ept_violation(vmcs_read_natural(VMCS_EXIT_QUALIFICATION));
	const gpa_t address = gpa(vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS));

	restore_nmi_blocking(vcpu, &violation);
	switch (make_usable(vcpu, address, &violation)) {
	case STATUS_OK:
		drop_premature_single_step();
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
