/* SPDX-License-Identifier: MIT */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "exits/exit.h"
#include "hypercall/kvm_msrs.h"
#include "vm/event.h"
#include "vm/msr_policy.h"
#include "vm/vcpu_apicv.h"
#include "vm/vcpu_interrupts.h"

enum { EDX_SHIFT = 32 };

/* Each MSR has one owner. */
static bool read_msr(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	if (msr_policy_read(vcpu, msr, value)) {
		return true;
	}
	return vcpu_interrupts_owns_msr(msr) ? vcpu_interrupts_msr_read(vcpu, msr, value)
	       : hypercall_owns_msr(msr)     ? hypercall_msr_read(vcpu, msr, value)
					     : false;
}

static bool write_apic_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	if (!vcpu_interrupts_msr_write(vcpu, msr, value)) {
		return false;
	}
	if (msr == MSR_IA32_APIC_BASE) {
		vcpu_apicv_mode_changed(vcpu);
	}
	return true;
}

static bool write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	if (vcpu_interrupts_owns_msr(msr)) {
		return write_apic_msr(vcpu, msr, value);
	}
	if (hypercall_owns_msr(msr)) {
		return hypercall_msr_write(vcpu, msr, value);
	}
	if (msr == MSR_IA32_TSC) {
		vcpu_interrupts_set_tsc(vcpu, value);
		hypercall_clock_update(vcpu);
		return true;
	}
	return msr_policy_write(vcpu, msr, value);
}

enum exit_action exit_handle_rdmsr(struct vcpu *vcpu)
{
	uint64_t *registers = vcpu->frame.registers;
	const uint32_t msr = (uint32_t)registers[REGISTER_RCX];
	uint64_t value;

	if (!read_msr(vcpu, msr, &value)) {
		vcpu_warn(vcpu, "RDMSR gives #GP msr=%#x", msr);
		event_inject_exception_with_error(VECTOR_GP, 0);
		return EXIT_RESUME;
	}
	registers[REGISTER_RAX] = (uint32_t)value;
	registers[REGISTER_RDX] = value >> EDX_SHIFT;
	return EXIT_NEXT_INSTRUCTION;
}

enum exit_action exit_handle_wrmsr(struct vcpu *vcpu)
{
	const uint64_t *registers = vcpu->frame.registers;
	const uint32_t msr = (uint32_t)registers[REGISTER_RCX];
	const uint64_t value = (uint32_t)registers[REGISTER_RAX] | registers[REGISTER_RDX]
									   << EDX_SHIFT;

	if (msr == MSR_IA32_TSC_DEADLINE && vcpu_interrupts_rearm(vcpu, value)) {
		return EXIT_NEXT_INSTRUCTION;
	}
	if (!write_msr(vcpu, msr, value)) {
		vcpu_warn(vcpu, "WRMSR gives #GP msr=%#x value=%#lx", msr, value);
		event_inject_exception_with_error(VECTOR_GP, 0);
		return EXIT_RESUME;
	}
	return EXIT_NEXT_INSTRUCTION;
}
