/* SPDX-License-Identifier: MIT */
/* What of a guest's state the CPU holds outside of the VMCS. */
#include "cpu/insn.h"
#include "cpu/registers.h"
#include "lib/string.h"
#include "vm/msr_policy.h"
#include "vm/vcpu.h"

enum {
	FXSAVE_MXCSR_OFFSET = 24,
	DR6 = 6,
};

#define FCW_RESET   0x37f
#define MXCSR_RESET 0x1f80u

void vcpu_reset_saved(struct vcpu *vcpu)
{
	struct vcpu_saved *saved = &vcpu->saved;
	uint8_t *area = vcpu->pages.xsave;

	memset(saved, 0, sizeof(*saved));
	memset(area, 0, vcpu->xsave_layout->area_bytes);
	*(uint16_t *)(void *)area = FCW_RESET;
	*(uint32_t *)(void *)(area + FXSAVE_MXCSR_OFFSET) = MXCSR_RESET;
	saved->xcr0 = XCR0_X87;
	saved->dr6 = DR6_FIXED1;
}

/*
 * All components are kept, also those that the guest has switched off since: they come back when it
 * switches them on. An area whose header is 0 gives components their initial states.
 */
static void save_vector_state(struct vcpu *vcpu)
{
	struct vcpu_saved *saved = &vcpu->saved;

	if (vcpu->xcr0_allowed == 0) {
		insn_fxsave(vcpu->pages.xsave);
		return;
	}
	saved->xcr0 = insn_xgetbv(0);
	if (saved->xcr0 != vcpu->xcr0_allowed) {
		insn_xsetbv(0, vcpu->xcr0_allowed);
	}
	insn_xsave(vcpu->pages.xsave, vcpu->xcr0_allowed);
}

static void write_debug_addresses(const uint64_t addresses[VCPU_DEBUG_ADDRESSES])
{
	insn_write_dr(0, addresses[0]);
	insn_write_dr(1, addresses[1]);
	insn_write_dr(2, addresses[2]);
	insn_write_dr(3, addresses[3]);
}

static void restore_vector_state(const struct vcpu *vcpu)
{
	const struct vcpu_saved *saved = &vcpu->saved;

	if (vcpu->xcr0_allowed == 0) {
		insn_fxrstor(vcpu->pages.xsave);
		return;
	}
	if (insn_xgetbv(0) != vcpu->xcr0_allowed) {
		insn_xsetbv(0, vcpu->xcr0_allowed);
	}
	insn_xrstor(vcpu->pages.xsave, vcpu->xcr0_allowed);
	if (saved->xcr0 != vcpu->xcr0_allowed) {
		insn_xsetbv(0, saved->xcr0);
	}
}

void vcpu_save(struct vcpu *vcpu)
{
	struct vcpu_saved *saved = &vcpu->saved;

	save_vector_state(vcpu);
	saved->cr2 = insn_read_cr2();
	saved->dr6 = insn_read_dr(DR6);
	saved->debug_addresses[0] = insn_read_dr(0);
	saved->debug_addresses[1] = insn_read_dr(1);
	saved->debug_addresses[2] = insn_read_dr(2);
	saved->debug_addresses[3] = insn_read_dr(3);
	msr_policy_save(&vcpu->controls, saved->msrs);
}

void vcpu_restore(struct vcpu *vcpu)
{
	const struct vcpu_saved *saved = &vcpu->saved;

	restore_vector_state(vcpu);
	insn_write_cr2(saved->cr2);
	insn_write_dr(DR6, saved->dr6);
	write_debug_addresses(saved->debug_addresses);
	msr_policy_restore(&vcpu->controls, saved->msrs);
}

void vcpu_reset_debug_state(void)
{
	write_debug_addresses((const uint64_t[VCPU_DEBUG_ADDRESSES]){0});
	insn_write_dr(DR6, DR6_FIXED1);
	insn_write_cr2(0);
}
