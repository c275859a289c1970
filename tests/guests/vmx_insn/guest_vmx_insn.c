/* SPDX-License-Identifier: MIT */
/*
 * VMX is hidden from the guest, so each of its instructions but VMCALL raises #UD, at any privilege
 * level: SDM Vol. 3C "VMX Instruction Reference".
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/probe_rules.h"

static uint64_t operand[2];

#define UD(name, code)                                                                             \
	{                                                                                          \
		name, PROBE_CODE(code), 0, 0, 0, VECTOR_UD, 0                                      \
	}

static const struct fault_rule rules[] = {
	UD("vmlaunch_raises_ud", "\x0f\x01\xc2"),
	UD("vmresume_raises_ud", "\x0f\x01\xc3"),
	UD("vmxoff_raises_ud", "\x0f\x01\xc4"),
	UD("vmfunc_raises_ud", "\x0f\x01\xd4"),
	UD("vmxon_raises_ud", "\xf3\x0f\xc7\x37"),
	UD("vmclear_raises_ud", "\x66\x0f\xc7\x37"),
	UD("vmptrld_raises_ud", "\x0f\xc7\x37"),
	UD("vmptrst_raises_ud", "\x0f\xc7\x3f"),
	UD("vmread_raises_ud", "\x0f\x78\xc3"),
	UD("vmread_to_memory_raises_ud", "\x0f\x78\x07"),
	UD("vmwrite_raises_ud", "\x0f\x79\xc3"),
	UD("vmwrite_from_memory_raises_ud", "\x0f\x79\x07"),
	UD("invept_raises_ud", "\x66\x0f\x38\x80\x07"),
	UD("invvpid_raises_ud", "\x66\x0f\x38\x81\x07"),
	UD("getsec_raises_ud", "\x0f\x37"),
	UD("vmrun_of_amd_raises_ud", "\x0f\x01\xd8"),
};

static void check(enum guest_probe_mode mode)
{
	report_set_scope(guest_probe_mode_name(mode));
	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		struct guest_probe probe =
			guest_probe_make(mode, rules[i].code, rules[i].code_size_bytes);

		probe.in.rdi = (uintptr_t)operand;
		probe.in.rax = 0;
		guest_probe_run(&probe);
		report_fault(rules[i].rule, &probe, VECTOR_UD, 0);
	}
	report_set_scope(NULL);
}

uint32_t guest_main(void)
{
	check(PROBE_KERNEL);
	check(PROBE_USER);
	check(PROBE_COMPATIBILITY);
	check(PROBE_PROTECTED32);
	check(PROBE_REAL);
	return report_result();
}
