/* SPDX-License-Identifier: MIT */
#include "exits/vmcall.h"

enum vmx_resume vmcall_other_code(struct vcpu *vcpu, uint32_t cs_access_rights)
{
	const bool is_64bit_code = vcpu->is_long_mode && (cs_access_rights & ACCESS_RIGHTS_L) != 0;

	vcpu->frame.registers[REGISTER_RAX] =
		hypercall_dispatch(vcpu, is_64bit_code, vcpu_cpl_from_cs(cs_access_rights));
	advance_rip(vcpu, vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH), CODE_WIDTH_UNKNOWN);
	return vcpu->vm->end == VM_END_NONE ? VMX_RESUME_CALL : VMX_RESUME_NOT;
}
