/* SPDX-License-Identifier: MIT */
#include "exits/exit.h"
#include "exits/io_string.h"
#include "vm/port_bus.h"
#include "vmx/exit_qualification.h"
#include "vmx/vmcs.h"

enum {
	SIZE_8_BIT = 1,
	SIZE_16_BIT = 2,
	BITS_PER_BYTE = 8,
};

/* IN of 8 and 16 bits leaves the rest of RAX; 32 bits clear the upper half. */
static uint64_t in_result(uint64_t rax, unsigned size_bytes, uint32_t value)
{
	if (size_bytes == SIZE_8_BIT || size_bytes == SIZE_16_BIT) {
		return bits_put(rax, size_bytes * BITS_PER_BYTE - 1, 0, value);
	}
	return value;
}

enum exit_action exit_handle_io_instruction(struct vcpu *vcpu)
{
	const struct io_access access = exit_io_access(vmcs_read_natural(VMCS_EXIT_QUALIFICATION));
	struct vm *vm = vcpu->vm;
	uint64_t *rax = &vcpu->frame.registers[REGISTER_RAX];

	if (access.is_string) {
		return io_string(vcpu, &access);
	}
	if (access.is_in) {
		*rax = in_result(*rax, access.size_bytes,
			port_bus_read(&vm->ports, access.port, access.size_bytes));
		return EXIT_NEXT_INSTRUCTION;
	}
	port_bus_write(&vm->ports, access.port, access.size_bytes, (uint32_t)*rax);
	return vm->end == VM_END_NONE ? EXIT_NEXT_INSTRUCTION : EXIT_STOP;
}
