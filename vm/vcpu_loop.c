/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "lib/bits.h"
#include "vm/vcpu.h"
#include "vmx/entry_check.h"
#include "vmx/operation.h"
#include "vmx/vmcs.h"

enum { FAILURES_SHOWN = 8 };

static void report_broken_rules(const struct vcpu *vcpu)
{
	struct entry_check_failure failures[FAILURES_SHOWN];
	const size_t count = entry_check(vcpu->capability, failures, FAILURES_SHOWN);

	for (size_t i = 0; i < count && i < FAILURES_SHOWN; i++) {
		const char *field = vmcs_field_name(failures[i].field);

		log_error("vmx", "entry check %s=%#lx breaks: %s (\"%s\")",
			field == NULL ? "?" : field, failures[i].value, failures[i].rule,
			failures[i].title);
	}
	if (count == 0) {
		log_error("vmx", "entry check finds no broken rule");
	}
}

void vcpu_entry_failed(struct vcpu *vcpu, uint32_t exit_reason)
{
	uint32_t error;

	vcpu_check_current(vcpu);
	error = vmcs_read32(VMCS_VM_INSTRUCTION_ERROR);
	report_broken_rules(vcpu);
	if (exit_reason != 0) {
		vm_end(vcpu->vm, VM_END_CRASHED, 0,
			"VM entry failed %s reason=%#x qualification=%#lx",
			exit_reason_name(exit_reason), exit_reason,
			vmcs_read_natural(VMCS_EXIT_QUALIFICATION));
	} else {
		vm_end(vcpu->vm, VM_END_CRASHED, 0, "VM entry refused: %s error=%u",
			vmx_instruction_error_name(error), error);
	}
}

void vcpu_stop(struct vcpu *vcpu)
{
	vmx_invalidate_ept(vcpu->capability, ept_pointer(&vcpu->vm->ept));
	vmx_invalidate_vpid(vcpu->capability, vcpu->vpid);
	current_vmcs_clear(vcpu->pages.vmcs);
	vcpu->is_set_up = false;
}

void vcpu_run(struct vcpu *vcpu)
{
	vcpu_check_current(vcpu);
	switch (vmx_run(&vcpu->frame)) {
	case VMX_SUCCEED:
		vcpu->frame.is_launched = true;
		return;
	case VMX_FAIL_VALID:
		vcpu_entry_failed(vcpu, 0);
		return;
	case VMX_FAIL_INVALID:
		vm_end(vcpu->vm, VM_END_CRASHED, 0, "VM entry refused: no current VMCS");
		return;
	}
}
