/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

void vm_report_end(struct vm *vm, struct vcpu *vcpu)
{
	if (!__atomic_exchange_n(&vm->is_reported, true, __ATOMIC_ACQ_REL)) {
		guest_console_flush(&vm->console);
		log_info(vm->config->name, "ended: %s%s%s code=%u status=%u", vm_end_name(vm->end),
			vm->end_reason[0] == '\0' ? "" : ": ", vm->end_reason, vm->end_code,
			vm_end_status(vm));
	}
	if (vcpu != NULL && vcpu->is_set_up && vcpu->activity != VCPU_WAIT_FOR_STARTUP &&
		(vm->end == VM_END_CRASHED || vm->end == VM_END_HALTED)) {
		vcpu_report_state(vcpu);
	}
}
