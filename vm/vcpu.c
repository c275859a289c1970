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
	WARNING_MAX = 160,
};

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
	va_list args;

	if (vcpu->warning_count == VCPU_WARNINGS_MAX) {
		return;
	}
	vcpu->warning_count++;
	va_start(args, template);
	vformat(text, sizeof(text), template, args);
	va_end(args);
	log_warn(vcpu->name, "%s", text);
	if (vcpu->warning_count == VCPU_WARNINGS_MAX) {
		log_warn(vcpu->name, "no more warnings for this processor");
	}
}
