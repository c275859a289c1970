/* SPDX-License-Identifier: MIT */
#ifndef EXITS_VMCALL_H
#define EXITS_VMCALL_H

#include "exits/advance_rip.h"
#include "hypercall/dispatch.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* The same for calls from any other code than 64-bit code at CPL 0; see exits/vmcall.c. */
enum vmx_resume vmcall_other_code(struct vcpu *vcpu, uint32_t cs_access_rights);

/*
 * A VMCALL exit: the hypercall, laid out straight for 64-bit code at CPL 0. The CS access rights
 * tell both in one VMREAD: a segment that is not conforming has the CPL as its DPL. Returns true to
 * resume the guest. Context: as exit_dispatch().
 */
static inline enum vmx_resume vmcall(struct vcpu *vcpu)
{
	const uint64_t told = ACCESS_RIGHTS_L | ACCESS_RIGHTS_CONFORMING |
			      BITS_MASK(ACCESS_RIGHTS_DPL_HIGH, ACCESS_RIGHTS_DPL_LOW);
	const uint32_t cs_access_rights = vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS);

	if (!vcpu->is_long_mode || (cs_access_rights & told) != ACCESS_RIGHTS_L) {
		return vmcall_other_code(vcpu, cs_access_rights);
	}
	vcpu->frame.registers[REGISTER_RAX] = hypercall_dispatch(vcpu, true, 0);
	advance_rip(vcpu, vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH), CODE_WIDTH_64);
	return vcpu->vm->end == VM_END_NONE ? VMX_RESUME_CALL : VMX_RESUME_NOT;
}

#endif
