/* SPDX-License-Identifier: MIT */
/* Exits of a guest's local APIC where the CPU virtualises it. */
#include "exits/exit.h"
#include "exits/mmio.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/control_bits.h"
#include "vmx/exit_qualification.h"
#include "vmx/vmcs.h"

enum { APIC_WRITE_OFFSET_HIGH = 11, EOI_VECTOR_HIGH = 7 };

/* Behind the instruction that lowered the TPR: what it held back can come now. */
enum exit_action exit_handle_tpr_below_threshold(struct vcpu *vcpu)
{
	vcpu_interrupts_update(vcpu);
	return EXIT_RESUME;
}

/* Behind an instruction whose value is in the page already. */
enum exit_action exit_handle_apic_write(struct vcpu *vcpu)
{
	const uint64_t qualification = vmcs_read_natural(VMCS_EXIT_QUALIFICATION);

	vcpu_interrupts_page_written(
		vcpu, (uint16_t)bits_get(qualification, APIC_WRITE_OFFSET_HIGH, 0));
	return EXIT_RESUME;
}

/* Behind an EOI that the CPU has done but for what it means to an I/O APIC. */
enum exit_action exit_handle_virtualized_eoi(struct vcpu *vcpu)
{
	const uint64_t qualification = vmcs_read_natural(VMCS_EXIT_QUALIFICATION);

	vcpu_interrupts_eoi_induced(vcpu, (uint8_t)bits_get(qualification, EOI_VECTOR_HIGH, 0));
	return EXIT_RESUME;
}

/*
 * An access that the CPU leaves to us: before the instruction, as an EPT violation there would be.
 * The exit tells no linear address: where the instruction's operand leads to must be enough.
 */
enum exit_action exit_handle_apic_access(struct vcpu *vcpu)
{
	const struct apic_access access =
		exit_apic_access(vmcs_read_natural(VMCS_EXIT_QUALIFICATION));
	const gpa_t page = virtual_apic_mmio_address(&vcpu->apic);
	const struct ept_violation violation = {
		.is_read = access.type == APIC_ACCESS_READ,
		.is_write = access.type == APIC_ACCESS_WRITE,
		.is_fetch = access.type == APIC_ACCESS_FETCH,
		.has_linear_address = access.type == APIC_ACCESS_PHYSICAL,
		.is_final_translation = false,
	};

	if ((vmcs_read32(VMCS_IDT_VECTORING_INFO) & INTERRUPTION_VALID) != 0) {
		vm_end(vcpu->vm, VM_END_CRASHED, 0,
			"event delivery touched its local APIC offset=%#x idt_vectoring=%#x",
			access.offset, vmcs_read32(VMCS_IDT_VECTORING_INFO));
		return EXIT_STOP;
	}
	return mmio_access(vcpu, gpa(page.value + access.offset), &violation);
}
