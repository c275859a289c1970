/* SPDX-License-Identifier: MIT */
#include "cpu/insn.h"
#include "cpu/registers.h"
#include "exits/exit.h"
#include "vm/event.h"
#include "vmx/vmcs.h"

enum { EDX_SHIFT = 32 };

/* Which sets go together: SDM Vol. 1 "Enabling the XSAVE Feature Set and XSAVE-Enabled Features".
 */
static bool is_xcr0_valid(uint64_t value, uint64_t allowed)
{
	const uint64_t avx512 = XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM;

	if ((value & ~allowed) != 0 || (value & XCR0_X87) == 0) {
		return false;
	}
	if ((value & XCR0_AVX) != 0 && (value & XCR0_SSE) == 0) {
		return false;
	}
	if ((value & avx512) != 0) {
		return (value & avx512) == avx512 && (value & XCR0_AVX) != 0;
	}
	return true;
}

/*
 * XCR0 holds the guest's value all the time. The CPU checks CR4.OSXSAVE and CPL before it exits;
 * Bochs 2.7 leaves the CPL to us.
 */
enum exit_action exit_handle_xsetbv(struct vcpu *vcpu)
{
	const uint64_t *registers = vcpu->frame.registers;
	const uint64_t value = (uint32_t)registers[REGISTER_RAX] | registers[REGISTER_RDX]
									   << EDX_SHIFT;

	if (vcpu_cpl_from_cs(vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS)) != 0 ||
		(uint32_t)registers[REGISTER_RCX] != 0 ||
		!is_xcr0_valid(value, vcpu->xcr0_allowed)) {
		event_inject_exception_with_error(VECTOR_GP, 0);
		return EXIT_RESUME;
	}
	insn_xsetbv(0, value);
	return EXIT_NEXT_INSTRUCTION;
}
