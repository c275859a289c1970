/* SPDX-License-Identifier: MIT */
#include "exits/exit_again.h"

#include "vmx/operation.h"
#include "vmx/vmcs.h"

enum {
	UNCHANGED_TRIES = 4,
	WARN_COUNT = 1000, /* No race is lost so often: the log says where the guest stands. */
};

enum exit_action exit_again(struct vcpu *vcpu)
{
	const uint64_t rip = vmcs_read_natural(VMCS_GUEST_RIP);

	if (vcpu->again_count == 0 || vcpu->again_rip != rip) {
		vcpu->again_rip = rip;
		vcpu->again_count = 0;
	}
	if (vcpu->again_count < UINT32_MAX) {
		vcpu->again_count++;
	}
	if (vcpu->again_count == WARN_COUNT) {
		vcpu_warn(vcpu, "an instruction and its exits do not agree rip=%#lx tries=%u", rip,
			vcpu->again_count);
	}
	vmx_invalidate_vpid(vcpu->capability, vcpu->vpid);
	return EXIT_RESUME;
}

bool exit_may_have_changed(const struct vcpu *vcpu)
{
	return vcpu->vm->is_smp && (vcpu->again_count < UNCHANGED_TRIES ||
					   vcpu->again_rip != vmcs_read_natural(VMCS_GUEST_RIP));
}
