/* SPDX-License-Identifier: MIT */
#include "exits/exit.h"
#include "hypercall/hypercall.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* One VMREAD tells both the width of the code and the privilege level. */
enum exit_action exit_handle_vmcall(struct vcpu *vcpu)
{
	const uint32_t cs_access_rights = vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS);
	const bool is_64bit_code = vcpu->is_long_mode && (cs_access_rights & ACCESS_RIGHTS_L) != 0;

	vcpu->frame.registers[REGISTER_RAX] =
		hypercall_dispatch(vcpu, is_64bit_code, vcpu_cpl_from_cs(cs_access_rights));
	return vcpu->vm->end == VM_END_NONE ? EXIT_NEXT_INSTRUCTION : EXIT_STOP;
}
