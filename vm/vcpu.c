/* SPDX-License-Identifier: MIT */
#include "vm/vcpu.h"

#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/registers.h"
#include "lib/bits.h"
#include "lib/format.h"
#include "vm/msr_policy.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <stdarg.h>

enum {
	LOG_SOURCE_MAX = VM_NAME_MAX + 8,
	WARNING_MAX = 160,
	XSAVE_AREA_BYTES = 1024,
	FXSAVE_MXCSR_OFFSET = 24,
};

#define FCW_RESET   0x37f
#define MXCSR_RESET 0x1f80u

unsigned vcpu_cpl_from_cs(uint32_t cs_access_rights)
{
	const uint64_t conforming_code = ACCESS_RIGHTS_CODE | ACCESS_RIGHTS_CONFORMING;

	/* Only a conforming code segment may have a DPL other than the CPL; SS never has. */
	if ((cs_access_rights & conforming_code) == conforming_code) {
		cs_access_rights = vmcs_read32(VMCS_GUEST_SS_ACCESS_RIGHTS);
	}
	return (unsigned)bits_get(cs_access_rights, ACCESS_RIGHTS_DPL_HIGH, ACCESS_RIGHTS_DPL_LOW);
}

bool vcpu_is_64bit_code(const struct vcpu *vcpu)
{
	return vcpu->is_long_mode &&
	       (vmcs_read32(VMCS_GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_L) != 0;
}

uint64_t vcpu_get_register(const struct vcpu *vcpu, unsigned number)
{
	return number == REGISTER_RSP ? vmcs_read_natural(VMCS_GUEST_RSP)
				      : vcpu->frame.registers[number];
}

void vcpu_set_register(struct vcpu *vcpu, unsigned number, uint64_t value)
{
	if (number == REGISTER_RSP) {
		vmcs_write_natural(VMCS_GUEST_RSP, value);
	} else {
		vcpu->frame.registers[number] = value;
	}
}

void vcpu_warn(struct vcpu *vcpu, const char *template, ...)
{
	char text[WARNING_MAX];
	char source[LOG_SOURCE_MAX];
	va_list args;

	if (vcpu->warning_count == VCPU_WARNINGS_MAX) {
		return;
	}
	vcpu->warning_count++;
	va_start(args, template);
	vformat(text, sizeof(text), template, args);
	va_end(args);
	format(source, sizeof(source), "%s/vcpu0", vcpu->vm->config->name);
	log_warn(source, "%s", text);
	if (vcpu->warning_count == VCPU_WARNINGS_MAX) {
		log_warn(source, "no more warnings for this guest");
	}
}

/* x87, SSE and whatever XSAVE manages, as after a reset: XRSTOR of an empty area gives initial
 * states. */
static void reset_vector_state(const struct vcpu *vcpu)
{
	static uint8_t area[XSAVE_AREA_BYTES] __attribute__((aligned(64)));

	*(uint16_t *)area = FCW_RESET;
	*(uint32_t *)(area + FXSAVE_MXCSR_OFFSET) = MXCSR_RESET;
	insn_fxrstor(area);
	if (vcpu->xcr0_allowed != 0) {
		insn_xsetbv(0, vcpu->xcr0_allowed);
		insn_xrstor(area, vcpu->xcr0_allowed & ~(XCR0_X87 | XCR0_SSE));
		insn_xsetbv(0, XCR0_X87);
	}
}

void vcpu_reset_cpu_state(const struct vcpu *vcpu)
{
	enum { DEBUG_ADDRESS_REGISTERS = 4, DR6 = 6 };

	reset_vector_state(vcpu);
	for (unsigned i = 0; i < DEBUG_ADDRESS_REGISTERS; i++) {
		insn_write_dr(i, 0);
	}
	insn_write_dr(DR6, DR6_FIXED1);
	insn_write_cr2(0);
	msr_policy_reset_passed_through(&vcpu->controls);
}
