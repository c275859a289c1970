/* SPDX-License-Identifier: MIT */
#include "vm/event.h"

#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

static uint32_t interruption_info(unsigned vector, enum interruption_type type)
{
	uint64_t info = INTERRUPTION_VALID;

	info = bits_put(info, INTERRUPTION_VECTOR_HIGH, INTERRUPTION_VECTOR_LOW, vector);
	return (uint32_t)bits_put(info, INTERRUPTION_TYPE_HIGH, INTERRUPTION_TYPE_LOW, type);
}

static void mark_fault(unsigned vector)
{
	if (vector != VECTOR_DB) {
		vmcs_write_natural(
			VMCS_GUEST_RFLAGS, vmcs_read_natural(VMCS_GUEST_RFLAGS) | RFLAGS_RF);
	}
}

/* Real mode delivers no error code, and an entry that asks for one there is refused. */
static bool delivers_error_codes(void)
{
	return (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PE) != 0;
}

void event_inject_exception(unsigned vector)
{
	mark_fault(vector);
	vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFO,
		interruption_info(vector, INTERRUPTION_HARDWARE_EXCEPTION));
}

void event_inject_exception_with_error(unsigned vector, uint32_t error_code)
{
	uint32_t info = interruption_info(vector, INTERRUPTION_HARDWARE_EXCEPTION);

	mark_fault(vector);
	if (delivers_error_codes()) {
		info |= (uint32_t)INTERRUPTION_HAS_ERROR_CODE;
		vmcs_write32(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, error_code);
	}
	vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFO, info);
}

void event_inject_interrupt(uint8_t vector)
{
	vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFO,
		interruption_info(vector, INTERRUPTION_EXTERNAL_INTERRUPT));
}

void event_inject_nmi(void)
{
	vmcs_write32(
		VMCS_VM_ENTRY_INTERRUPTION_INFO, interruption_info(VECTOR_NMI, INTERRUPTION_NMI));
}

void event_inject_int1(uint32_t instruction_length)
{
	vmcs_write32(VMCS_VM_ENTRY_INSTRUCTION_LENGTH, instruction_length);
	vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFO,
		interruption_info(VECTOR_DB, INTERRUPTION_PRIVILEGED_SOFTWARE_EXCEPTION));
}

void event_inject_page_fault(gva_t address, uint32_t error_code)
{
	insn_write_cr2(address.value);
	event_inject_exception_with_error(VECTOR_PF, error_code);
}

/* Software interrupts and exceptions push the RIP behind their instruction, so its length goes
 * along. */
static bool has_instruction_length(uint32_t info)
{
	const uint64_t type = bits_get(info, INTERRUPTION_TYPE_HIGH, INTERRUPTION_TYPE_LOW);

	return type == INTERRUPTION_SOFTWARE_INTERRUPT ||
	       type == INTERRUPTION_PRIVILEGED_SOFTWARE_EXCEPTION ||
	       type == INTERRUPTION_SOFTWARE_EXCEPTION;
}

/* An NMI whose delivery was interrupted blocks NMIs already; the entry demands that it does not. */
static void unblock_nmi(void)
{
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE,
		vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE) &
			~(uint32_t)INTERRUPTIBILITY_BLOCKING_BY_NMI);
}

bool event_reinject_interrupted(void)
{
	uint32_t mask = (uint32_t)(INTERRUPTION_VALID | INTERRUPTION_HAS_ERROR_CODE |
				   BITS_MASK(INTERRUPTION_TYPE_HIGH, INTERRUPTION_VECTOR_LOW));
	const uint32_t info = vmcs_read32(VMCS_IDT_VECTORING_INFO);

	if ((info & INTERRUPTION_VALID) == 0) {
		return false;
	}
	if ((info & INTERRUPTION_HAS_ERROR_CODE) != 0) {
		/* Some CPUs claim an error code for an exception of real mode too. */
		if (delivers_error_codes()) {
			vmcs_write32(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE,
				vmcs_read32(VMCS_IDT_VECTORING_ERROR_CODE));
		} else {
			mask &= ~(uint32_t)INTERRUPTION_HAS_ERROR_CODE;
		}
	}
	if (has_instruction_length(info)) {
		vmcs_write32(VMCS_VM_ENTRY_INSTRUCTION_LENGTH,
			vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH));
	}
	if (bits_get(info, INTERRUPTION_TYPE_HIGH, INTERRUPTION_TYPE_LOW) == INTERRUPTION_NMI) {
		unblock_nmi();
	}
	vmcs_write32(VMCS_VM_ENTRY_INTERRUPTION_INFO, info & mask);
	return true;
}
