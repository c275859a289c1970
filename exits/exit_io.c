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

/* The access, on one device or none. Context: the platform's lock is held, where there is one. */
static inline void access_port(struct vcpu *vcpu, struct io_access access)
{
	const struct port_bus *ports = &vcpu->vm->ports;
	uint64_t *rax = &vcpu->frame.registers[REGISTER_RAX];

	if (access.is_in) {
		*rax = in_result(*rax, access.size_bytes,
			port_bus_read(ports, access.port, access.size_bytes));
	} else {
		port_bus_write(ports, access.port, access.size_bytes, (uint32_t)*rax);
	}
}

/* Apart, so that a VM with one vCPU does not pay for it. */
static __attribute__((noinline)) void access_port_of_many(
	struct vcpu *vcpu, struct io_access access)
{
	spin_lock(&vcpu->vm->platform_lock);
	access_port(vcpu, access);
	spin_unlock(&vcpu->vm->platform_lock);
}

/* What a port changed is an interrupt, or the end: both are posted. */
static __attribute__((noinline)) enum exit_action look_at_posted(struct vcpu *vcpu)
{
	vcpu_interrupts_update(vcpu);
	return vm_is_ended(vcpu->vm) ? EXIT_STOP : EXIT_NEXT_INSTRUCTION;
}

enum exit_action exit_handle_io_instruction(struct vcpu *vcpu)
{
	const uint64_t qualification = vmcs_read_natural(VMCS_EXIT_QUALIFICATION);

	if (exit_io_is_string(qualification)) {
		return io_string(vcpu, exit_io_access(qualification));
	}
	if (__builtin_expect(vcpu->vm->is_smp, 0)) {
		access_port_of_many(vcpu, exit_io_access(qualification));
	} else {
		access_port(vcpu, exit_io_access(qualification));
	}
	return vcpu_has_posted(vcpu) ? look_at_posted(vcpu) : EXIT_NEXT_INSTRUCTION;
}
