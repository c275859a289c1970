/* SPDX-License-Identifier: MIT */
#include "exits/exit.h"
#include "exits/io_string.h"
#include "vm/port_bus.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/exit_qualification.h"
#include "vmx/vmcs.h"

/* IN of 8 and 16 bits leaves the rest of RAX; 32 bits clear the upper half. */
static uint64_t in_result(uint64_t rax, unsigned size_bytes, uint32_t value)
{
	if (size_bytes == sizeof(uint8_t)) {
		return (rax & ~(uint64_t)UINT8_MAX) | value;
	}
	if (size_bytes == sizeof(uint16_t)) {
		return (rax & ~(uint64_t)UINT16_MAX) | value;
	}
	return value;
}

/* What a port changed may be an interrupt, or the end. */
static enum exit_action finish(struct vcpu *vcpu)
{
	vcpu_interrupts_update_if_due(vcpu);
	return vcpu->vm->end == VM_END_NONE ? EXIT_NEXT_INSTRUCTION : EXIT_STOP;
}

enum exit_action exit_handle_io_instruction(struct vcpu *vcpu)
{
	const uint64_t qualification = vmcs_read_natural(VMCS_EXIT_QUALIFICATION);
	struct vm *vm = vcpu->vm;
	uint64_t *rax = &vcpu->frame.registers[REGISTER_RAX];
	struct io_access access;

	if (exit_io_is_string(qualification)) {
		return io_string(vcpu, exit_io_access(qualification));
	}
	access = exit_io_access(qualification);
	if (access.is_in) {
		*rax = in_result(*rax, access.size_bytes,
			port_bus_read(&vm->ports, access.port, access.size_bytes));
		return finish(vcpu);
	}
	port_bus_write(&vm->ports, access.port, access.size_bytes, (uint32_t)*rax);
	return finish(vcpu);
}
