/* SPDX-License-Identifier: MIT */
#include "exits/vmcall.h"

#include "exits/advance_rip.h"
#include "hypercall/dispatch.h"
#include "vm/vcpu_timer.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* Calls from any other code than 64-bit code at CPL 0. */
static __attribute__((noinline)) enum vmx_resume vmcall_other_code(
	struct vcpu *vcpu, uint32_t cs_access_rights)
{
	const bool is_64bit_code = vcpu->is_long_mode && (cs_access_rights & ACCESS_RIGHTS_L) != 0;
	const struct hypercall call = {
		vcpu->frame.registers, is_64bit_code ? UINT64_MAX : UINT32_MAX};
	const size_t row = hypercall_row(call);

	vcpu->frame.registers[REGISTER_RAX] =
		hypercall_serve(vcpu, call, row, vcpu_cpl_from_cs(cs_access_rights));
	advance_rip(vcpu, vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH), CODE_WIDTH_UNKNOWN);
	hypercall_count(vcpu, row);
	if (vcpu_timer_is_late(vcpu, vcpu->exit_tsc)) {
		vcpu_timer_refresh(vcpu);
	}
	return vcpu->after_call;
}

/*
 * Laid out straight for 64-bit code at CPL 0. The CS access rights tell both in one VMREAD: a
 * segment that is not conforming has the CPL as its DPL.
 */
enum vmx_resume vmcall(struct vcpu *vcpu)
{
	const uint64_t told = ACCESS_RIGHTS_L | ACCESS_RIGHTS_CONFORMING |
			      BITS_MASK(ACCESS_RIGHTS_DPL_HIGH, ACCESS_RIGHTS_DPL_LOW);
	const uint32_t cs_access_rights = vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS);
	const struct hypercall call = {vcpu->frame.registers, UINT64_MAX};
	size_t row;

	if (!vcpu->is_long_mode || (cs_access_rights & told) != ACCESS_RIGHTS_L) {
		return vmcall_other_code(vcpu, cs_access_rights);
	}
	row = hypercall_row(call);
	vcpu->frame.registers[REGISTER_RAX] = hypercall_serve(vcpu, call, row, 0);
	advance_rip(vcpu, vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH), CODE_WIDTH_64);
	hypercall_count(vcpu, row);
	if (vcpu_timer_is_late(vcpu, vcpu->exit_tsc)) {
		vcpu_timer_refresh(vcpu);
	}
	return vcpu->after_call;
}
