/* SPDX-License-Identifier: MIT */
/* INIT and STARTUP, virtualised in software: SDM Vol. 3A "Multiple-Processor (MP) Initialization".
 */
#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "vm/guest_state.h"
#include "vm/vcpu_apicv.h"
#include "vm/vcpu_posted.h"
#include "vmx/operation.h"

enum {
	STARTUP_SEGMENT_SHIFT = 8
}; /* Vector v starts at address v << 12, which is segment v << 8. */

/* As KVM does at INIT: what is started there knows nothing of what another system asked for, and
 * its memory is not to be written to. */
static void forget_records(struct vcpu *vcpu)
{
	vcpu->is_pv_eoi_offered = false;
	vcpu->kvm.pv_eoi = 0;
	vcpu->kvm.pv_eoi_word = NULL;
	vcpu->kvm.steal_time = 0;
	vcpu->kvm.steal_record = NULL;
	vcpu->kvm.system_time = 0;
}

/* SDM Vol. 3A "Processor State After Reset", the column for INIT; vector state and most MSRs stay,
 * translations do not. */
static void carry_out_init(struct vcpu *vcpu)
{
	const struct vcpu_start start = {.mode = VCPU_START_REAL_MODE};

	if (vcpu->id == 0) {
		/* Without firmware nothing is at the reset vector. */
		vm_end(vcpu->vm, VM_END_RESET, 0, "INIT to its bootstrap processor");
		return;
	}
	virtual_apic_init_signal(&vcpu->apic);
	vcpu->is_nmi_pending = false;
	vcpu->is_kicked = false;
	guest_state_init(vcpu, &start);
	vcpu_reset_debug_state();
	forget_records(vcpu);
	vcpu_apicv_mode_changed(vcpu);
	vmx_invalidate_vpid(vcpu->capability, vcpu->vpid);
	vcpu->activity = VCPU_WAIT_FOR_STARTUP;
}

/* A processor that does not wait for it ignores it. */
static void carry_out_startup(struct vcpu *vcpu)
{
	const struct vcpu_start start = {
		.mode = VCPU_START_REAL_MODE,
		.code_segment = (uint16_t)(vcpu->startup_vector << STARTUP_SEGMENT_SHIFT),
		.rdx = insn_cpuid(CPUID_LEAF_FEATURES, 0).eax,
	};

	if (vcpu->activity == VCPU_WAIT_FOR_STARTUP) {
		guest_state_init(vcpu, &start);
		vcpu->activity = VCPU_ACTIVE;
	}
}

void vcpu_serve_deferred(struct vcpu *vcpu)
{
	const uint32_t requests = vcpu->deferred_requests;

	vcpu_check_current(vcpu);
	vcpu->deferred_requests = 0;
	if ((requests & POSTED_REQUEST_INIT) != 0) {
		carry_out_init(vcpu);
	}
	if ((requests & POSTED_REQUEST_STARTUP) != 0) {
		carry_out_startup(vcpu);
	}
	if ((requests & POSTED_REQUEST_REPORT) != 0) {
		vcpu_report_state(vcpu);
	}
}
